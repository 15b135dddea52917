"""What every recorder of executions does, held against the one in DynamoDB and the one in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import pytest

from agent_platform.errors import ExecutionNotFound
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.storage.counters import BUCKET_BOUNDS, AgentCounters, AgentTotals
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.aws import AGENT_METRICS_TABLE, OUTBOX_TABLE
from tests.fakes.executions import an_execution


@dataclass(frozen=True)
class Recorder:
    """One implementation, by what it can do."""

    record: Callable[[Execution], None]
    totals: Callable[[str], AgentTotals]
    get: Callable[[str], Execution]


@pytest.fixture(params=["dynamodb", "memory"])
def recorder(request: pytest.FixtureRequest) -> Recorder:
    if request.param == "memory":
        memory = InMemoryExecutions()
        return Recorder(memory.record, memory.totals, memory.get)
    repository = ExecutionRepository(request.getfixturevalue("executions_table"))
    counters = AgentCounters(AGENT_METRICS_TABLE)
    outbox = OutboxRecorder(repository, OUTBOX_TABLE, counters)
    return Recorder(outbox.record, counters.totals, lambda execution_id: repository.get(execution_id, owner=None))


FAILED = {"status": "failed", "output": None, "error": Failure(code="model_overloaded", message="Busy.")}


def test_a_recorded_execution_can_be_read(recorder: Recorder):
    for execution in (an_execution(), an_execution(**FAILED)):
        recorder.record(execution)
        assert recorder.get(execution.id) == execution


def test_an_id_that_was_never_recorded_is_not_found(recorder: Recorder):
    with pytest.raises(ExecutionNotFound, match="There is no execution `nothing`"):
        recorder.get("nothing")


def test_an_agent_without_executions_has_zeros(recorder: Recorder):
    nothing = AgentTotals({"succeeded": 0, "failed": 0, "cancelled": 0}, 0, [0] * (len(BUCKET_BOUNDS) + 1))
    assert recorder.totals("a/b") == nothing


def test_executions_are_counted_by_agent_outcome_and_duration(recorder: Recorder):
    for milliseconds in (50, 100, 101, 2500, 320_001):
        recorder.record(an_execution(duration_ms=milliseconds))
    recorder.record(an_execution(duration_ms=3, **FAILED))
    recorder.record(an_execution(agent_id="post/letter-weigher"))
    totals = recorder.totals("post/parcel-weigher")
    assert totals.requests == {"succeeded": 5, "failed": 1, "cancelled": 0}
    assert totals.seconds == pytest.approx(322.755, abs=1e-9)
    assert totals.buckets == [3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert recorder.totals("post/letter-weigher").requests == {"succeeded": 1, "failed": 0, "cancelled": 0}


def test_use_and_cost_are_summed_over_executions_however_they_ended(recorder: Recorder):
    recorder.record(an_execution(cost_usd=Decimal("0.25"), tool_calls=3))
    recorder.record(an_execution(cost_usd=Decimal("0.000000001"), tool_calls=0, cached=True))
    recorder.record(an_execution(status="failed", output=None, error={"code": "c", "message": "m"}, cost_usd=0.5))
    totals = recorder.totals("post/parcel-weigher")
    assert totals.tokens == {"input": 30, "output": 60, "cache_read": 90, "cache_write": 120}
    assert (totals.tool_calls, totals.cached) == (5, 1)
    assert totals.cost_usd == pytest.approx(0.750000001, abs=1e-12)


def test_the_same_execution_counts_once(recorder: Recorder):
    execution = an_execution()
    for _ in range(3):
        recorder.record(execution)
    assert recorder.totals(execution.agent_id).requests == {"succeeded": 1, "failed": 0, "cancelled": 0}


def test_the_memory_takes_records_from_many_threads():
    memory = InMemoryExecutions()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(memory.record, an_execution()) for _ in range(400)]
        seen = [memory.totals("post/parcel-weigher").requests["succeeded"] for _ in range(20)]
    assert len({future.result().id for future in futures}) == 400
    assert seen == sorted(seen)
    assert memory.totals("post/parcel-weigher").requests["succeeded"] == 400
