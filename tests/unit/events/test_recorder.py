"""An execution on its way through queued and running to exactly one end with one event."""

import json
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import (
    AlreadyFinished,
    ExecutionCancelled,
    ExecutionNotFound,
    IdempotencyInProgress,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure
from agent_platform.storage.transactions import Rider
from tests.fakes.aws import ACCOUNTS_TABLE, AGENT_METRICS_TABLE, OUTBOX_TABLE
from tests.fakes.executions import an_execution

OF = {"owner": "user-1", "agent_id": "post/parcel-weigher"}
"""Whose every execution here is."""

FAILURE = Failure(code="deadline_exceeded", message="Too late.")


@pytest.fixture
def executions(executions_table: str, governance_tables: None) -> ExecutionRepository:
    return ExecutionRepository(executions_table)


@pytest.fixture
def recorder(executions: ExecutionRepository) -> OutboxRecorder:
    return OutboxRecorder(executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))


def waiting(**changes: Any) -> Execution:
    """An execution as it is queued, just now."""
    from datetime import UTC, datetime

    unfinished = {"status": "queued", "output": None, "finished_at": None, "duration_ms": 0, "cost_usd": Decimal(0)}
    return an_execution(**{**unfinished, "started_at": datetime.now(UTC), **changes})


def ended(execution: Execution, **changes: Any) -> Execution:
    """The same when its run succeeded, for a dollar."""
    done = an_execution(id=execution.id, started_at=execution.started_at, cost_usd=Decimal(1), **changes)
    return done.model_copy(update={"finished_at": execution.started_at})


def events() -> list[tuple[str, str]]:
    """Id and status of the execution of each event in the outbox."""
    found = [json.loads(item["event"]["S"])["data"] for item in dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]]
    return [(each["id"], each["status"]) for each in found]


def a_rider(name: str = "lock") -> Rider:
    """Writes one item, if it is not there."""
    item = {"id": {"S": name}}
    put = {"TableName": ACCOUNTS_TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
    delete = {"TableName": ACCOUNTS_TABLE, "Key": item, "ConditionExpression": "attribute_not_exists(anothers)"}
    return Rider({"Put": put}, undo={"Delete": delete})  # type: ignore[typeddict-item]


def rode(name: str = "lock") -> bool:
    return "Item" in dynamodb().get_item(TableName=ACCOUNTS_TABLE, Key={"id": {"S": name}})


class TestTheWay:
    """Queued, running, end."""

    def test_an_execution_runs_once_and_ends_once(self, executions: ExecutionRepository, recorder: OutboxRecorder):
        execution = waiting()
        executions.queue(execution, [a_rider()])
        assert executions.get(execution.id, owner="user-1") == execution
        assert rode()
        assert executions.begin(execution.id, **OF).status == "running"
        assert recorder.record(ended(execution)).status == "succeeded"
        assert recorder.record(ended(execution, output={"other": True})).output == an_execution().output
        assert events() == [(execution.id, "succeeded")]

    def test_while_it_runs_nobody_else_may_run_it(self, executions: ExecutionRepository):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        with pytest.raises(IdempotencyInProgress):
            executions.begin(execution.id, **OF)

    def test_one_that_is_over_is_answered_with_its_end(self, executions: ExecutionRepository, recorder: OutboxRecorder):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        recorder.record(ended(execution))
        assert executions.begin(execution.id, **OF) == ended(execution)

    def test_one_that_nobody_queued_is_not_found_unless_it_may_begin_so(self, executions: ExecutionRepository):
        line = waiting(status="running", batch_id="b1")
        with pytest.raises(ExecutionNotFound):
            executions.begin(line.id, **OF)
        assert executions.begin(line.id, line, **OF) == line
        with pytest.raises(IdempotencyInProgress):
            executions.begin(line.id, line, **OF)

    def test_one_whose_run_cost_nothing_waits_again_with_what_rides_along(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        assert recorder.postpone(execution.id, [a_rider()]).status == "queued"
        assert rode()
        assert executions.begin(execution.id, **OF).status == "running"
        assert events() == []

    def test_one_that_could_not_be_started_leaves_nothing(self, executions: ExecutionRepository):
        execution = waiting()
        lock = {"TableName": ACCOUNTS_TABLE, "Key": {"id": {"S": "lock"}}, "UpdateExpression": "SET done = :yes"}
        write = {"Update": {**lock, "ExpressionAttributeValues": {":yes": {"BOOL": True}}}}
        rider = Rider(write, undo={"Delete": {"TableName": ACCOUNTS_TABLE, "Key": lock["Key"]}})  # type: ignore[typeddict-item]
        executions.queue(execution, [rider])
        assert rode()
        executions.withdraw(execution.id, [rider])
        assert not rode()
        with pytest.raises(ExecutionNotFound):
            executions.get(execution.id, owner=None)

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_one_that_was_lost_is_shown_as_interrupted_everywhere(
        self, executions: ExecutionRepository, recorder: OutboxRecorder, status: str
    ):
        lost = an_execution(status=status, output=None, finished_at=None)  # months ago
        executions.begin(lost.id, lost, **OF)
        shown = executions.get(lost.id, owner="user-1")
        assert (shown.status, shown.error and shown.error.code) == ("failed", "interrupted")
        assert [each.status for each in executions.list_by_owner("user-1").items] == ["failed"]
        with pytest.raises(AlreadyFinished):
            recorder.cancel(lost.id, owner="user-1")
        assert events() == []


class TestWhose:
    """An id that is known to somebody else gives them nothing."""

    @pytest.mark.parametrize("others", [{"owner": "user-2"}, {"agent_id": "post/letter-weigher"}], ids=str)
    @pytest.mark.parametrize("over", [True, False])
    def test_it_begins_for_its_owner_and_agent_alone(
        self, executions: ExecutionRepository, recorder: OutboxRecorder, others: dict[str, str], over: bool
    ):
        execution = waiting()
        executions.queue(execution)
        if over:
            recorder.cancel(execution.id, owner="user-1")
        theirs = waiting(id=execution.id, status="running", **others)
        for unqueued in (None, theirs):
            with pytest.raises(ExecutionNotFound):
                executions.begin(execution.id, unqueued, **OF | others)
        assert executions.get(execution.id, owner="user-1").status == ("cancelled" if over else "queued")

    @pytest.mark.parametrize("others", [{"owner": "user-2"}, {"agent_id": "post/letter-weigher"}], ids=str)
    @pytest.mark.parametrize("status", ["succeeded", "failed"])
    def test_its_record_keeps_owner_and_agent(
        self, executions: ExecutionRepository, recorder: OutboxRecorder, others: dict[str, str], status: str
    ):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        with pytest.raises(ExecutionNotFound):
            recorder.record(ended(execution, status=status, **others))
        assert executions.get(execution.id, owner="user-1").status == "running"
        assert events() == []


class TestWhatRidesWithTheQueue:
    """Written with the queued execution, and taken back if that fails."""

    def test_one_whose_rider_came_too_late_is_not_queued(self, executions: ExecutionRepository):
        first, second = waiting(), waiting()
        executions.queue(first, [a_rider()])
        with pytest.raises(IdempotencyInProgress) as raised:
            executions.queue(second, [a_rider()])
        assert raised.value.retry_after
        with pytest.raises(ExecutionNotFound):
            executions.get(second.id, owner=None)

    @pytest.mark.parametrize("end", ["given up", "given up waiting", "failed", "failed at the second try"])
    def test_a_failure_takes_it_back(self, executions: ExecutionRepository, recorder: OutboxRecorder, end: str):
        execution = waiting()
        executions.queue(execution, [a_rider()])
        if end != "given up waiting":
            executions.begin(execution.id, **OF)
        if end == "failed at the second try":
            recorder.postpone(execution.id)
            executions.begin(execution.id, **OF)
        assert rode()
        if end.startswith("given up"):
            recorder.fail(execution.id, FAILURE)
        else:
            failed = ended(execution, status="failed", output=None, error=FAILURE)
            for _ in range(2):
                assert recorder.record(failed, [a_rider("another")]) == failed
            assert rode("another")
        assert not rode()
        assert events() == [(execution.id, "failed")]
        assert AgentCounters(AGENT_METRICS_TABLE).totals(execution.agent_id).requests["failed"] == 1

    @pytest.mark.parametrize("end", ["succeeded", "cancelled"])
    def test_any_other_end_leaves_it(self, executions: ExecutionRepository, recorder: OutboxRecorder, end: str):
        execution = waiting()
        executions.queue(execution, [a_rider()])
        if end == "succeeded":
            executions.begin(execution.id, **OF)
            recorder.record(ended(execution))
        else:
            recorder.cancel(execution.id, owner="user-1")
        assert rode()

    def test_what_is_somebody_elses_by_then_stays_and_the_failure_is_recorded(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution, [a_rider()])
        dynamodb().put_item(TableName=ACCOUNTS_TABLE, Item={"id": {"S": "lock"}, "anothers": {"BOOL": True}})
        assert recorder.fail(execution.id, FAILURE).status == "failed"
        assert rode()

    def test_one_that_was_cancelled_while_it_ran_is_not_failed_instead(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution, [a_rider()])
        executions.begin(execution.id, **OF)
        recorder.cancel(execution.id, owner="user-1")
        with pytest.raises(ExecutionCancelled):
            recorder.record(ended(execution, status="failed", output=None, error=FAILURE))
        assert rode()


class TestGivingUp:
    """What a state machine records when it gives an execution up."""

    @pytest.mark.parametrize("begun", [True, False])
    def test_the_end_is_written_once(self, executions: ExecutionRepository, recorder: OutboxRecorder, begun: bool):
        execution = waiting()
        executions.queue(execution)
        if begun:
            executions.begin(execution.id, **OF)
        for _ in range(2):
            assert recorder.fail(execution.id, FAILURE).error == FAILURE
        assert events() == [(execution.id, "failed")]

    def test_an_end_that_is_there_stays(self, executions: ExecutionRepository, recorder: OutboxRecorder):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        recorder.record(ended(execution))
        assert recorder.fail(execution.id, FAILURE).status == "succeeded"
        assert events() == [(execution.id, "succeeded")]

    def test_one_that_was_cancelled_while_it_ran_gets_its_event_so(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        recorder.cancel(execution.id, owner="user-1")
        assert recorder.fail(execution.id, FAILURE).status == "cancelled"
        assert events() == [(execution.id, "cancelled")]


class TestCancelling:
    """What the owner gives up."""

    def test_one_that_waits_is_over_at_once(self, executions: ExecutionRepository, recorder: OutboxRecorder):
        execution = waiting()
        executions.queue(execution)
        cancelled = recorder.cancel(execution.id, owner="user-1")
        assert cancelled.status == "cancelled"
        assert cancelled.finished_at is not None
        assert recorder.cancel(execution.id, owner="user-1") == cancelled
        assert events() == [(execution.id, "cancelled")]
        with pytest.raises(ExecutionCancelled):
            executions.begin(execution.id, **OF)

    def test_one_that_runs_stays_cancelled_and_keeps_its_cost_and_riders(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        marked = recorder.cancel(execution.id, owner="user-1")
        assert (marked.status, marked.finished_at) == ("cancelled", None)
        assert events() == []
        with pytest.raises(IdempotencyInProgress):
            executions.begin(execution.id, **OF)
        with pytest.raises(ExecutionCancelled):
            recorder.record(ended(execution), [a_rider()])
        assert not rode()
        over = ended(execution).model_copy(update={"status": "cancelled", "output": None})
        for _ in range(2):
            assert recorder.record(over, [a_rider()]) == over
        assert rode()
        stored = executions.get(execution.id, owner="user-1")
        assert (stored.status, stored.output, stored.cost_usd) == ("cancelled", None, Decimal(1))
        assert stored.finished_at is not None
        assert events() == [(execution.id, "cancelled")]
        totals = AgentCounters(AGENT_METRICS_TABLE).totals(execution.agent_id)
        assert (totals.requests["cancelled"], totals.cost_usd) == (1, 1.0)

    def test_one_that_was_cancelled_between_two_tries_ends_with_the_first(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution)
        executions.begin(execution.id, **OF)
        recorder.cancel(execution.id, owner="user-1")
        assert recorder.postpone(execution.id, [a_rider()]).finished_at is not None
        assert rode()
        assert events() == [(execution.id, "cancelled")]

    @pytest.mark.parametrize("status", ["succeeded", "failed"])
    def test_what_is_over_stays_as_it_is(self, recorder: OutboxRecorder, status: str):
        execution = an_execution(status=status)
        recorder.record(execution)
        with pytest.raises(AlreadyFinished):
            recorder.cancel(execution.id, owner="user-1")

    def test_what_belongs_to_somebody_else_is_not_there(
        self, executions: ExecutionRepository, recorder: OutboxRecorder
    ):
        execution = waiting()
        executions.queue(execution)
        with pytest.raises(ExecutionNotFound):
            recorder.cancel(execution.id, owner="user-2")
        assert executions.get(execution.id, owner="user-1").status == "queued"


def test_a_list_can_be_narrowed_to_one_status(executions: ExecutionRepository, recorder: OutboxRecorder):
    queued = [waiting() for _ in range(3)]
    for execution in queued:
        executions.queue(execution)
        recorder.record(an_execution(owner="user-1"))
    seen: list[str] = []
    cursor = None
    while True:
        page = executions.list_by_owner("user-1", status="queued", limit=2, cursor=cursor)
        seen += [each.id for each in page.items]
        assert {each.status for each in page.items} <= {"queued"}
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted((each.id for each in queued), reverse=True)
