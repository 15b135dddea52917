"""An equal input gets the earlier answer, where the definition says so, and never one that is somebody else's."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.cache import cache, cache_key, is_cacheable
from agent_platform.agents.execution.call import Proceed
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import Meter
from agent_platform.errors import ModelOverloaded, StorageUnavailable
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.resilience.response_cache import ResponseCache
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Escalation, ExecutionRepository
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, RESPONSE_CACHE_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.governed_process import running_nursery
from tests.fakes.log import log
from tests.fakes.offline_claude import OfflineServer

__all__ = ["dynamodb_faults", "log"]

INPUT = {"parcel_grams": 1500}
OUTPUT = {"tariff_class": "L", "reason": "r"}
FOR_A_MINUTE = {"cache_ttl_seconds": 60}
SHARED = {**FOR_A_MINUTE, "cache_scope": "shared"}


def definition(**changes: Any) -> AgentDefinition:
    fields = a_definition("parcel", **{"limits": FOR_A_MINUTE, **changes})
    return AgentDefinition.model_validate_json(json.dumps({**fields, "id": "post/parcel-weigher"}))


def principal(user: str = "user-1") -> Principal:
    return Principal(user, "ada@example.com", frozenset({"user"}), token_id="jti")


def cached_items() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=RESPONSE_CACHE_TABLE)["Items"]


def found_by_guardrails(call: Call, proceed: Proceed) -> JsonObject:
    """Stands for the stage that hands a task to a person and takes personal data out of the output."""
    output = proceed(call)
    call.escalation = Escalation(rule="Seal broken", reason="It says so.")
    call.redactions = {"email": 2}
    return {**output, "reason": "[email]"}


class Governed:
    """The pipeline on moto."""

    def __init__(self, claude: ClaudeClient, *within: Any) -> None:
        recorder = OutboxRecorder(
            ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE)
        )
        answers = cache(ResponseCache(RESPONSE_CACHE_TABLE))
        stages = [validate_input, record(recorder), answers, *within, run(lambda: claude, "anthropic")]
        self.pipeline = ExecutionPipeline(stages, "anthropic")

    def __call__(
        self, value: JsonObject = INPUT, user: str = "user-1", session: str | None = None, **changes: Any
    ) -> Call:
        trace = "67a1b2c30123456789abcdef01234567"
        call = self.pipeline.call(definition(**changes), value, principal(user), trace, session_id=session)
        self.pipeline.carry_out(call)
        return call


@pytest.fixture
def execute(governance_tables: None, claude: ClaudeClient) -> Governed:
    return Governed(claude)


class TestHits:
    """The earlier answer."""

    def test_an_equal_input_is_answered_without_the_model_and_recorded_as_an_execution_of_its_own(
        self, execute: Governed, claude_server: OfflineServer
    ):
        claude_server.plan("answer", output=OUTPUT)
        first, second = execute().execution, execute().execution
        assert len(claude_server.requests()) == 1
        assert (first.cached, second.cached) == (False, True)
        assert first.output == second.output == OUTPUT
        assert first.id != second.id
        assert first.cost_usd > 0
        assert (second.cost_usd, second.usage.output_tokens, second.status) == (0, 0, "succeeded")

    @pytest.mark.usefixtures("governance_tables")
    def test_who_answered_and_what_the_guardrails_found_goes_with_the_answer(self, claude: ClaudeClient):
        execute = Governed(claude, found_by_guardrails)
        first, second = execute().execution, execute().execution
        assert second.cached
        for field in ("output", "provider", "escalation", "redactions"):
            assert getattr(second, field) == getattr(first, field)
        assert second.escalation == Escalation(rule="Seal broken", reason="It says so.")

    def test_the_order_of_fields_does_not_matter(self, execute: Governed):
        execute({"parcel_grams": 1, "note": "x"})
        assert execute({"note": "x", "parcel_grams": 1}).cached

    def test_an_agent_that_keeps_nothing_asks_the_model_each_time(
        self, execute: Governed, claude_server: OfflineServer
    ):
        execute(limits={})
        execute(limits={})
        assert len(claude_server.requests()) == 2
        assert cached_items() == []


class TestNeverAnothers:
    """What must not be found."""

    def test_an_answer_is_the_users_own_unless_the_definition_says_shared(self, execute: Governed):
        execute()
        assert not execute(user="user-2").cached
        execute(limits=SHARED)
        assert execute(user="user-2", limits=SHARED).cached

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": "1.0.1"},
            {"model": "deep"},
            {"instructions": a_definition("letter")["instructions"]},
            {"effort": "low"},
            {"guardrails": {"refuse": []}},
        ],
        ids=str,
    )
    def test_another_version_model_or_definition_finds_nothing(self, execute: Governed, changes: dict[str, Any]):
        execute(limits=SHARED)
        assert not execute(limits=SHARED, **changes).cached

    def test_inputs_that_look_alike_are_different_questions(self):
        values = [1, 1.0, True, "1", None, [1], {"1": 1}, -1, 0, 0.0, False, "", [], {}, "ä", "a\u0308", 10**30]
        keys = {
            cache_key(Call(definition(), {"parcel_grams": 1, "x": value}, principal(), "t", Meter("anthropic")))
            for value in values
        }
        assert len(keys) == len(values)

    def test_a_user_cannot_name_himself_into_anothers_answers(self):
        def key(user: str, limits: dict[str, Any], provider: Any = "anthropic") -> str:
            return cache_key(Call(definition(limits=limits), INPUT, principal(user), "t", Meter(provider)))

        assert (
            len({key("shared", FOR_A_MINUTE), key("null", FOR_A_MINUTE), key("", FOR_A_MINUTE), key("u", SHARED)}) == 4
        )
        assert key("u", SHARED) == key("v", SHARED) != key("v", SHARED, "bedrock")

    @pytest.mark.parametrize(
        ("changes", "session"),
        [
            ({"limits": {}}, None),
            ({"memory": "conversation"}, None),
            ({}, "s-1"),
            ({"team": {"mode": "parallel", "members": ["post/loss-tracer", "post/letter-weigher"]}}, None),
            ({"tools": ["consult_agent"], "consults": ["post/loss-tracer"]}, None),
        ],
        ids=str,
    )
    def test_what_depends_on_more_than_the_input_is_never_kept(self, changes: dict[str, Any], session: str | None):
        meter = Meter("anthropic")
        assert is_cacheable(Call(definition(), INPUT, principal(), "t", meter))
        assert not is_cacheable(Call(definition(**changes), INPUT, principal(), "t", meter, session_id=session))


class TestFailures:
    """Only what was recorded is served."""

    def test_a_failure_is_not_kept_and_leaves_no_claim(self, execute: Governed, claude_server: OfflineServer):
        claude_server.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            execute()
        assert cached_items() == []
        assert not execute().cached
        assert execute().cached

    def test_an_answer_that_could_not_be_recorded_is_not_served(
        self, execute: Governed, dynamodb_faults: DynamoDBFaults
    ):
        dynamodb_faults.operation = "TransactWriteItems"
        for _ in range(4):
            dynamodb_faults.refuse("InternalServerError", 500)
        with pytest.raises(StorageUnavailable):
            execute()
        assert not any("answer" in item for item in cached_items())

    def test_an_answer_too_large_is_delivered_but_not_kept(self, execute: Governed, claude_server: OfflineServer):
        claude_server.plan("answer", output={"tariff_class": "L", "reason": "x" * 110_000}, times=2)
        assert [execute(max_output_tokens=32_000).cached for _ in range(2)] == [False, False]
        assert cached_items() == []

    def test_without_its_table_the_agent_runs_and_the_log_tells(
        self, execute: Governed, claude_server: OfflineServer, log: StringIO
    ):
        dynamodb().delete_table(TableName=RESPONSE_CACHE_TABLE)
        assert execute().execution.status == "succeeded"
        assert "response_cache_unavailable" in log.getvalue()
        assert len(claude_server.requests()) == 1

    def test_a_damaged_answer_is_not_served(self, execute: Governed, log: StringIO):
        execute()
        (item,) = cached_items()
        dynamodb().put_item(TableName=RESPONSE_CACHE_TABLE, Item={**item, "answer": {"S": "{}"}})
        assert not execute().cached
        assert "response_cache_unavailable" in log.getvalue()

    def test_a_look_up_costs_one_round_trip(self, execute: Governed, dynamodb_faults: DynamoDBFaults):
        counts = []
        for changes in ({"limits": {}}, {}, {}):
            before = dynamodb_faults.calls
            execute(**changes)
            counts.append(dynamodb_faults.calls - before)
        assert counts == [1, 2, 2]


@pytest.mark.usefixtures("emulated_tables")
class TestManyAtOnce:
    """Processes and threads that share nothing but the tables."""

    def test_fifty_equal_requests_make_one_model_call_and_fifty_records(
        self, claude_server: OfflineServer, tmp_path: Path
    ):
        claude_server.plan("answer", output=OUTPUT, delay_seconds=0.5)
        asked = {"input": INPUT, "changes": {"limits": FOR_A_MINUTE}}
        with running_nursery(claude_server.url, tmp_path) as nursery:
            children = [nursery.begin([asked] * 10) for _ in range(5)]
            executions = [result["execution"] for child in children for result in child.results()]
        assert len(claude_server.requests()) == 1
        assert len({each["id"] for each in executions}) == 50
        assert all(each["output"] == OUTPUT for each in executions)
        assert sum(not each["cached"] for each in executions) == 1

    def test_users_and_versions_each_have_a_model_call_of_their_own(self, claude_server: OfflineServer, tmp_path: Path):
        asked = [
            {"input": INPUT, "user": user, "changes": {"limits": FOR_A_MINUTE, "version": version}}
            for user in ("ada", "bob")
            for version in ("1.0.0", "1.0.1")
        ]
        with running_nursery(claude_server.url, tmp_path) as nursery:
            children = [nursery.begin(asked * 2) for _ in range(2)]
            executions = [result["execution"] for child in children for result in child.results()]
        assert len(claude_server.requests()) == 4
        fresh = {(each["owner"], each["agent_version"]) for each in executions if not each["cached"]}
        assert len(fresh) == 4

    def test_a_killed_flight_is_taken_over(self, claude_server: OfflineServer, tmp_path: Path):
        claude_server.plan("stall", seconds=30)
        asked = {"input": INPUT, "changes": {"limits": FOR_A_MINUTE}}
        with running_nursery(claude_server.url, tmp_path) as nursery:
            vanished = nursery.begin([{**asked, "seconds": 20}])
            while not claude_server.requests():
                pass
            waiting = nursery.begin([{**asked, "seconds": 5}] * 5)
            vanished.kill()
            vanished.forget()
            executions = [result["execution"] for result in waiting.results()]
        assert [each["cached"] for each in executions].count(False) == 1
        assert len(claude_server.requests()) == 2
