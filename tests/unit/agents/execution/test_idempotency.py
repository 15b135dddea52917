"""A request that is sent again is answered with the record of the first, whatever happens in between."""

import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.call import Proceed, Stage
from agent_platform.agents.execution.idempotency import idempotency
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.errors import (
    IdempotencyKeyReused,
    InvalidInput,
    ModelOverloaded,
    RateLimited,
    StorageUnavailable,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.resilience.idempotency import GRACE_SECONDS, IdempotencyLocks
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, IDEMPOTENCY_TABLE, OUTBOX_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.governed_process import carry_out, governed_stages, running_nursery
from tests.fakes.offline_claude import OfflineServer

__all__ = ["dynamodb_faults"]

INPUT = {"parcel_grams": 1500}


def definition(**changes: Any) -> AgentDefinition:
    return AgentDefinition.model_validate_json(
        json.dumps({**a_definition("parcel", **changes), "id": "post/parcel-weigher"})
    )


def stored(table: str) -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=table)["Items"]


def lapses_at(key: str) -> float | None:
    """When the lock of a key of user-1 lapses (epoch seconds), if it is held."""
    item_id = "execute#" + sha256(json.dumps(["user-1", "post/parcel-weigher", key]).encode()).hexdigest()
    item = dynamodb().get_item(TableName=IDEMPOTENCY_TABLE, Key={"id": {"S": item_id}}).get("Item")
    held = item and item["status"]["S"] == "INPROGRESS"
    return float(item["in_progress_expiration"]["N"]) / 1000 if item and held else None


def no_more(call: Call, proceed: Proceed) -> JsonObject:
    raise RateLimited("Later.")


class Governed:
    """The pipeline on moto, with further stages between the lock and the record."""

    def __init__(self, claude: ClaudeClient, *between: Stage) -> None:
        executions = ExecutionRepository(EXECUTIONS_TABLE)
        recorder = OutboxRecorder(executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
        locks = idempotency(IdempotencyLocks(IDEMPOTENCY_TABLE), executions)
        stages = [validate_input, locks, *between, record(recorder), run(lambda: claude, "anthropic")]
        self.pipeline = ExecutionPipeline(stages, "anthropic")

    def __call__(
        self,
        key: str | None = "k-1",
        value: JsonObject = INPUT,
        user: str = "user-1",
        session: str | None = None,
        **changes: Any,
    ) -> Call:
        principal = Principal(user, "ada@example.com", frozenset({"user"}), token_id="jti")
        more = {"idempotency_key": key, "session_id": session}
        call = self.pipeline.call(definition(**changes), value, principal, "67a1b2c30123456789abcdef01234567", **more)
        self.pipeline.carry_out(call)
        return call


@pytest.fixture
def execute(governance_tables: None, claude: ClaudeClient) -> Governed:
    return Governed(claude)


class TestReplay:
    """The same request once more."""

    def test_it_is_answered_with_the_first_record_and_the_model_is_not_asked(
        self, execute: Governed, claude_server: OfflineServer
    ):
        first, second = execute(), execute()
        assert second.execution == first.execution
        assert (first.replayed, second.replayed) == (False, True)
        assert len(claude_server.requests()) == 1
        assert [len(stored(table)) for table in (EXECUTIONS_TABLE, OUTBOX_TABLE)] == [1, 1]

    def test_a_new_version_of_the_agent_does_not_turn_a_retry_into_another_request(self, execute: Governed):
        assert execute(version="2.0.0").execution is not None
        assert execute(version="2.1.0").execution.agent_version == "2.0.0"

    def test_another_body_or_conversation_is_refused_without_a_word_to_the_model(
        self, execute: Governed, claude_server: OfflineServer
    ):
        execute()
        with pytest.raises(IdempotencyKeyReused):
            execute(value={"parcel_grams": 1501})
        with pytest.raises(IdempotencyKeyReused):
            execute(session="s-1")
        assert len(claude_server.requests()) == 1

    def test_the_key_of_one_user_says_nothing_to_another(self, execute: Governed):
        first, other = execute(), execute(user="user-2", value={"parcel_grams": 7})
        assert other.execution.id != first.execution.id
        assert other.execution.owner == "user-2"

    def test_without_a_key_every_request_runs_and_nothing_is_locked(
        self, execute: Governed, claude_server: OfflineServer
    ):
        assert execute(None).execution.id != execute(None).execution.id
        assert len(claude_server.requests()) == 2
        assert stored(IDEMPOTENCY_TABLE) == []

    def test_an_input_that_is_refused_leaves_its_key_unused(self, execute: Governed):
        with pytest.raises(InvalidInput):
            execute(value={})
        assert execute().execution.status == "succeeded"

    def test_a_key_costs_one_round_trip_and_a_replay_two(self, execute: Governed, dynamodb_faults: DynamoDBFaults):
        counts = []
        for key in (None, "k-1", "k-1"):
            before = dynamodb_faults.calls
            execute(key)
            counts.append(dynamodb_faults.calls - before)
        assert counts == [1, 2, 2]  # the record; lock and record; lock and the record that is read


class TestFailures:
    """A request that came to nothing may be sent again."""

    def test_a_failed_execution_is_recorded_and_frees_the_key(self, execute: Governed, claude_server: OfflineServer):
        claude_server.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            execute()
        assert stored(IDEMPOTENCY_TABLE) == []
        assert execute().execution.status == "succeeded"
        assert len(stored(EXECUTIONS_TABLE)) == 2

    def test_a_refusal_before_the_record_frees_the_key(self, claude: ClaudeClient, execute: Governed):
        with pytest.raises(RateLimited):
            Governed(claude, no_more)()
        assert stored(IDEMPOTENCY_TABLE) == []
        assert execute().execution.status == "succeeded"

    @pytest.mark.usefixtures("governance_tables")
    def test_a_defect_frees_the_key_too(self, claude: ClaudeClient):
        def broken(call: Call, proceed: Proceed) -> JsonObject:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Governed(claude, broken)()
        assert stored(IDEMPOTENCY_TABLE) == []

    def test_what_could_not_be_recorded_can_be_tried_again(self, execute: Governed, dynamodb_faults: DynamoDBFaults):
        dynamodb_faults.operation = "TransactWriteItems"
        for _ in range(4):
            dynamodb_faults.refuse("InternalServerError", 500)
        with pytest.raises(StorageUnavailable):
            execute()
        assert stored(IDEMPOTENCY_TABLE) == []
        assert execute().replayed is False
        assert len(stored(EXECUTIONS_TABLE)) == 1


@pytest.mark.usefixtures("emulated_tables")
class TestManyAtOnce:
    """Processes and threads that share nothing but the tables."""

    def test_fifty_equal_requests_make_one_model_call_one_record_and_fifty_equal_answers(
        self, claude_server: OfflineServer, tmp_path: Path
    ):
        claude_server.plan("answer", output={"tariff_class": "L", "reason": "r"}, delay_seconds=0.5)
        with running_nursery(claude_server.url, tmp_path) as nursery:
            children = [nursery.begin([{"input": INPUT, "key": "k-1"}] * 10) for _ in range(5)]
            other = nursery.begin([{"input": {"parcel_grams": 1}, "key": "k-1"}] * 5)
            results = [result for child in children for result in child.results()]
            refused = other.results()
        assert [result.get("error") for result in results] == [None] * 50
        executions = [result["execution"] for result in results]
        assert all(each == executions[0] for each in executions)
        assert sum(not result["replayed"] for result in results) == 1
        assert len(claude_server.requests()) == 1
        assert [len(stored(table)) for table in (EXECUTIONS_TABLE, OUTBOX_TABLE)] == [1, 1]
        assert {each["error"] for each in refused} == {"idempotency_key_reused"}

    def test_each_of_many_that_fail_gets_a_turn_of_its_own_until_one_succeeds(
        self, claude_server: OfflineServer, tmp_path: Path
    ):
        claude_server.plan("status", status=529, times=3)
        with running_nursery(claude_server.url, tmp_path) as nursery:
            results = nursery.begin([{"input": INPUT, "key": "k-1"}] * 8).results()
        assert [result.get("error") for result in results].count("model_overloaded") == 3
        assert len({result["execution"]["id"] for result in results if "execution" in result}) == 1
        assert len(claude_server.requests()) == 4


@pytest.mark.usefixtures("emulated_tables")
class TestKilledProcesses:
    """A process may end at any moment, and the request be sent again."""

    KILLS = 30
    SECONDS = 2.0

    def test_each_key_has_one_success_and_no_lock_outlives_its_deadline_by_a_second(
        self, claude: ClaudeClient, claude_server: OfflineServer, tmp_path: Path
    ):
        claude_server.plan("stall", seconds=0.1, times=None)
        chance = random.Random(20260331)  # noqa: S311
        kills = range(1, self.KILLS + 1)
        left_until: dict[int, float] = {}  # when the locks lapse that were left behind
        told, retries = 0, []
        pipeline = ExecutionPipeline(governed_stages(claude), "anthropic")
        with running_nursery(claude_server.url, tmp_path) as nursery, ThreadPoolExecutor(self.KILLS) as threads:
            began = time.monotonic()
            nursery.begin([{"input": {"parcel_grams": 9999}}]).results()
            whole = time.monotonic() - began
            for each in kills:
                call = {"key": f"k-{each}", "input": {"parcel_grams": each}, "seconds": self.SECONDS}
                child = nursery.begin([call])
                time.sleep(chance.uniform(0, 1.6 * whole))
                child.kill()
                told += bool(child.results())
                if until := lapses_at(call["key"]):
                    left_until[each] = until
                    assert until <= time.time() + self.SECONDS + GRACE_SECONDS < time.time() + self.SECONDS + 1
                retries.append(threads.submit(carry_out, pipeline, {**call, "seconds": 60}))
            results = [retry.result() for retry in retries]
        assert [result.get("error") for result in results] == [None] * self.KILLS
        assert left_until, "no process was killed while it held its lock"

        recorded = [json.loads(item["document"]["S"]) for item in stored(EXECUTIONS_TABLE)]
        assert sorted(each["input"]["parcel_grams"] for each in recorded) == [*kills, 9999]
        assert {each["status"] for each in recorded} == {"succeeded"}
        announced = [json.loads(item["event"]["S"])["data"]["id"] for item in stored(OUTBOX_TABLE)]
        assert sorted(announced) == sorted(each["id"] for each in recorded)

        last_asked = {
            int(re.findall(r"parcel_grams\D+(\d+)", json.dumps(request["body"]["messages"]))[-1]): request[
                "received_at"
            ]
            for request in claude_server.requests()
        }
        # Never two at once: who takes over asks the model after the lock has lapsed.
        late = [last_asked[each] - until for each, until in left_until.items()]
        assert min(late) >= 0
        replayed = sum(result["replayed"] for result in results)
        print(f"{self.KILLS} kills: {told} had answered, {replayed} were replayed, {len(late)} left a lock")
        print(f"taken over {min(late):.2f} to {max(late):.2f} s after it lapsed")
