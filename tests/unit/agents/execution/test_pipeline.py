"""The governed pipeline: what it refuses costs nothing, what it runs is recorded, whatever comes of it."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline, build_pipeline
from agent_platform.agents.execution.call import Proceed
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.validate_input import MAX_INPUT_BYTES
from agent_platform.agents.meter import Patience
from agent_platform.errors import (
    InvalidInput,
    ModelOutputInvalid,
    ModelOverloaded,
    ModelRefused,
    ModelTimedOut,
    PlatformError,
    StorageUnavailable,
    ToolLoopExceeded,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution, ExecutionRepository
from agent_platform.storage.memory import InMemoryExecutions
from agent_platform.storage.transactions import Rider
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.log import log
from tests.fakes.offline_claude import OfflineServer

__all__ = ["log"]

TRACE = "67a1b2c30123456789abcdef01234567"
INPUT = {"parcel_grams": 1500}


def definition(**changes: Any) -> AgentDefinition:
    fields = a_definition("parcel", **{"tools": ["calculator"], **changes})
    return AgentDefinition.model_validate_json(json.dumps({**fields, "id": "post/parcel-weigher"}))


class Kept(InMemoryExecutions):
    """Executions in memory, and the last of them at hand."""

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:
        """Keep one."""
        self.last = super().record(execution, riders)
        return self.last


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def pipeline(kept: Kept, claude: ClaudeClient) -> ExecutionPipeline:
    return build_pipeline(kept, lambda: claude, "anthropic")


@pytest.fixture
def run(pipeline: ExecutionPipeline, principal: Principal) -> Callable[..., Execution]:
    return lambda value=INPUT, **changes: pipeline.execute(definition(**changes), value, principal, TRACE)


class TestSuccess:
    """The ordinary case."""

    def test_what_is_returned_is_what_was_recorded(self, run, kept: Kept, claude_server: OfflineServer):
        output = {"tariff_class": "L", "reason": "r"}
        claude_server.plan("answer", output=output)
        before = datetime.now(UTC)
        execution = run()
        assert kept.get(execution.id) == execution
        assert (execution.status, execution.output, execution.error) == ("succeeded", output, None)
        assert (execution.agent_id, execution.agent_version) == ("post/parcel-weigher", "1.0.0")
        assert (execution.owner, execution.trace_id, execution.input) == ("user-1", TRACE, INPUT)
        assert (execution.model, execution.provider) == ("claude-sonnet-5-5", "offline")
        assert before <= execution.started_at <= execution.finished_at <= datetime.now(UTC)
        assert abs((execution.finished_at - execution.started_at).total_seconds() * 1000 - execution.duration_ms) <= 1

    def test_tokens_cost_and_tool_calls_are_those_of_all_rounds(self, run, claude_server: OfflineServer):
        claude_server.plan("tool_call", name="calculator", input={"expression": "1 + 1"}, rounds=2, times=2)
        execution = run()
        assert execution.tool_calls == 2
        used = execution.usage
        price = 2 * used.input_tokens + 10 * used.output_tokens + Decimal("2.5") * used.cache_write_tokens
        assert execution.cost_usd == (price + Decimal("0.1") * used.cache_read_tokens) / 1_000_000

    def test_every_execution_has_an_id_of_its_own_that_sorts_by_time(self, run):
        ids = [run().id for _ in range(5)]
        assert len(set(ids)) == 5
        assert sorted(ids, key=lambda each: each[:13]) == ids

    def test_the_client_is_asked_for_at_each_execution_so_that_a_new_key_is_used(
        self, kept: Kept, claude: ClaudeClient, principal: Principal, claude_server: OfflineServer
    ):
        clients = iter([claude, claude, claude.with_options(api_key="rotated")])
        pipeline = build_pipeline(kept, lambda: next(clients), "anthropic")
        for _ in range(3):
            pipeline.execute(definition(), INPUT, principal, TRACE)
        assert len(claude_server.requests()) == 3
        assert next(clients, None) is None

    def test_the_entrys_patience_reaches_the_agent(
        self, pipeline: ExecutionPipeline, claude_server: OfflineServer, principal: Principal
    ):
        claude_server.plan("stall", seconds=30)
        with pytest.raises(ModelTimedOut):
            pipeline.execute(definition(), INPUT, principal, TRACE, Patience(seconds=0.2))

    def test_a_new_version_of_an_agent_is_run_with_its_own_prompt(self, run, claude_server: OfflineServer):
        run()
        run(version="1.1.0")
        prompts = [request["body"]["system"][0]["text"].splitlines()[0] for request in claude_server.requests()]
        assert prompts == ["Agent: post/parcel-weigher 1.0.0", "Agent: post/parcel-weigher 1.1.0"]

    def test_the_log_tells_who_ran_what_at_which_cost_but_not_the_content(self, run, log: StringIO):
        execution = run({"parcel_grams": 987654321})
        told = [json.loads(line) for line in log.getvalue().splitlines()]
        (line,) = [each for each in told if each["message"] == "agent_executed"]
        assert (line["execution_id"], line["agent_id"], line["principal"]) == (
            execution.id,
            execution.agent_id,
            "user-1",
        )
        assert (line["status"], line.get("error_code"), line["cost_usd"]) == (
            "succeeded",
            None,
            float(execution.cost_usd),
        )
        assert "987654321" not in log.getvalue()

    def test_the_log_tells_what_is_stored_also_where_that_was_written_before(
        self, run, pipeline: ExecutionPipeline, principal: Principal, claude_server: OfflineServer, log: StringIO
    ):
        stored = run()
        claude_server.plan("refusal")
        with pytest.raises(ModelRefused):
            pipeline.execute(definition(), INPUT, principal, TRACE, id=stored.id)
        told = [json.loads(line) for line in log.getvalue().splitlines()]
        lines = [each for each in told if each["message"] == "agent_executed"]
        assert [(each["status"], each["cost_usd"]) for each in lines] == [("succeeded", float(stored.cost_usd))] * 2


class TestInvalidInput:
    """Refused before anything is spent or written."""

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ({}, "input.parcel_grams"),
            ({"parcel_grams": 0}, "input.parcel_grams"),
            ({"parcel_grams": "1500"}, "input.parcel_grams"),
            ({"parcel_grams": 1, "sent_on": "yesterday"}, "input.sent_on"),
            ({"parcel_grams": 1, "note": float("nan")}, "input"),
            ({"parcel_grams": 1, "note": "\ud83d"}, "input"),
            ({"parcel_grams": 1, "\udc00": 1}, "input"),
            ({"parcel_grams": 1, "note": "x" * MAX_INPUT_BYTES}, "input"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_it_is_told_by_field_and_costs_nothing(
        self, run, kept: Kept, claude_server: OfflineServer, value: JsonObject, field: str
    ):
        with pytest.raises(InvalidInput, match=r"GET /api/v1/agents/post/parcel-weigher shows") as raised:
            run(value)
        assert [error.field for error in raised.value.errors] == [field]
        assert raised.value.execution_id is None
        assert claude_server.requests() == []
        assert not hasattr(kept, "last")

    def test_an_input_too_deep_to_be_read_back_is_refused(self, run, claude_server: OfflineServer):
        value: Any = 1
        for _ in range(300):
            value = [value]
        with pytest.raises(InvalidInput) as raised:
            run({"parcel_grams": 1, "note": value})
        assert "nested deeper" in raised.value.errors[0].message
        assert claude_server.requests() == []

    def test_an_input_just_within_the_limits_runs_and_is_recorded_whole(self, run, kept: Kept):
        value: Any = "x" * 200_000
        for _ in range(98):
            value = [value]
        execution = run({"parcel_grams": 1, "note": value})
        assert kept.get(execution.id).input["note"] == value


class TestFailures:
    """What the model or the agent fails at is recorded with what it cost."""

    @pytest.mark.parametrize(
        ("plan", "error"),
        [
            ({"mode": "refusal"}, ModelRefused),
            ({"mode": "max_tokens"}, ModelOutputInvalid),
            ({"mode": "answer", "output": {"tariff_class": "XXL"}}, ModelOutputInvalid),
            ({"mode": "answer", "text": '{"tariff_class": "L", "reason": "\\ud83d"}'}, ModelOutputInvalid),
            ({"mode": "tool_call", "name": "calculator", "rounds": 99, "times": None}, ToolLoopExceeded),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_a_paid_failure_is_recorded_with_its_cost(
        self, run, kept: Kept, claude_server: OfflineServer, plan: dict[str, Any], error: type[PlatformError]
    ):
        claude_server.plan(**plan)
        with pytest.raises(error) as raised:
            run()
        failed = kept.last
        assert raised.value.execution_id == failed.id
        assert failed.status == "failed"
        assert failed.error is not None
        assert (failed.error.code, failed.error.message) == (raised.value.code, raised.value.detail)
        assert failed.output is None
        assert failed.cost_usd > 0
        assert failed.usage.output_tokens > 0

    def test_a_failure_that_cost_nothing_is_recorded_too(self, run, kept: Kept, claude_server: OfflineServer):
        claude_server.plan("status", status=529)
        with pytest.raises(ModelOverloaded) as raised:
            run()
        assert kept.last.id == raised.value.execution_id
        assert kept.last.cost_usd == 0
        assert kept.last.provider == "anthropic"

    def test_a_mistake_of_the_platform_is_recorded_without_its_text_and_raised_as_it_is(
        self, run, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ):
        def defect(*_: Any) -> None:
            raise ZeroDivisionError("a secret of the implementation")

        monkeypatch.setattr(BaseAgent, "execute", defect)
        with pytest.raises(ZeroDivisionError):
            run()
        assert kept.last.status == "failed"
        assert kept.last.error is not None
        assert kept.last.error.code == "internal_error"
        assert "secret" not in kept.last.error.message


class TestStorageDown:
    """The model has answered, and there is nowhere to write it."""

    @pytest.fixture
    def pipeline(self, claude: ClaudeClient, executions_table: str) -> ExecutionPipeline:
        recorder = OutboxRecorder(
            ExecutionRepository(executions_table), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE)
        )
        return build_pipeline(recorder, lambda: claude, "anthropic")

    def test_all_three_tables_have_their_item_after_a_success(self, run):
        execution = run()
        for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE):
            assert len(dynamodb().scan(TableName=table)["Items"]) == 1
        assert ExecutionRepository(EXECUTIONS_TABLE).get(execution.id, owner="user-1") == execution

    @pytest.mark.parametrize("table", [EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE])
    @pytest.mark.parametrize("plan", [None, "refusal"])
    def test_the_caller_hears_that_nothing_was_written_and_only_the_log_knows_the_cost(
        self, run, claude_server: OfflineServer, log: StringIO, table: str, plan: str | None
    ):
        dynamodb().delete_table(TableName=table)
        if plan:
            claude_server.plan(plan)
        with pytest.raises(StorageUnavailable) as raised:
            run()
        assert raised.value.execution_id is None
        assert len(claude_server.requests()) == 1
        (told,) = [json.loads(line) for line in log.getvalue().splitlines()]
        assert told["message"] == "execution_not_recorded"
        assert told["cost_usd"] > 0
        for other in {EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE} - {table}:
            assert dynamodb().scan(TableName=other)["Items"] == []


class TestStages:
    """How stages are put together."""

    @staticmethod
    def noting(name: str, notes: list[str]) -> Callable[[Call, Proceed], JsonObject]:
        def stage(call: Call, proceed: Proceed) -> JsonObject:
            notes.append(f"{name} before")
            try:
                return proceed(call)
            finally:
                notes.append(f"{name} after")

        return stage

    def test_stages_wrap_each_other_in_their_order(self, kept: Kept, principal: Principal):
        notes: list[str] = []
        stages = [self.noting("one", notes), record(kept), self.noting("two", notes), lambda call, _: call.input]
        execution = ExecutionPipeline(stages, "anthropic").execute(definition(), INPUT, principal, TRACE)
        assert notes == ["one before", "two before", "two after", "one after"]
        assert execution.output == INPUT

    def test_the_after_side_runs_on_errors_too(self, kept: Kept, principal: Principal):
        notes: list[str] = []

        def refuse(call: Call, proceed: Proceed) -> JsonObject:
            raise ModelOverloaded("Busy.")

        with pytest.raises(ModelOverloaded):
            ExecutionPipeline([self.noting("one", notes), record(kept), refuse], "anthropic").execute(
                definition(), INPUT, principal, TRACE
            )
        assert notes == ["one before", "one after"]

    def test_a_pipeline_that_records_nothing_or_runs_nothing_is_a_mistake(self, kept: Kept, principal: Principal):
        with pytest.raises(RuntimeError, match="no stage that records"):
            ExecutionPipeline([lambda call, _: call.input], "anthropic").execute(definition(), INPUT, principal, TRACE)
        with pytest.raises(RuntimeError, match="No stage produced an output for post/parcel-weigher"):
            ExecutionPipeline([record(kept)], "anthropic").execute(definition(), INPUT, principal, TRACE)
