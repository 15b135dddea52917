"""Locks of idempotency keys: one item per key, a lock at first and the answer's name afterwards."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import (
    BadRequest,
    DeadlineExceeded,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    StorageUnavailable,
)
from agent_platform.resilience.idempotency import (
    GRACE_SECONDS,
    KEEP_SECONDS,
    Answered,
    IdempotencyLocks,
    KeyedRequest,
    Lock,
)
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.transactions import Rider
from tests.fakes.aws import IDEMPOTENCY_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.executions import an_execution
from tests.fakes.log import log

__all__ = ["dynamodb_faults", "log"]


def request(key: str = "k-1", owner: str = "user-1", agent: str = "post/weigher", **payload: Any) -> KeyedRequest:
    return KeyedRequest(owner, agent, key, {"input": {"grams": 1}, **payload})


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def write(rider: Rider) -> None:
    dynamodb().transact_write_items(TransactItems=[*rider.writes])


def items() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=IDEMPOTENCY_TABLE)["Items"]


@pytest.fixture
def locks(governance_tables: None) -> IdempotencyLocks:
    return IdempotencyLocks(IDEMPOTENCY_TABLE)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Do something, once, in the moment in which somebody waits; moto serves one thread alone."""
    actions: list[Callable[[], object]] = []

    def pause(seconds: float) -> None:
        if actions:
            actions.pop(0)()
        else:
            really(seconds)

    really = time.sleep
    monkeypatch.setattr("agent_platform.resilience.idempotency.time.sleep", pause)
    return actions.append


class TestTheLock:
    """Who comes first, and for how long."""

    def test_it_lasts_until_the_deadline_and_the_time_to_record(self, locks: IdempotencyLocks):
        now = time.time()
        lock = locks.take(request(), within(27))
        assert isinstance(lock, Lock)
        assert float(lock.until) / 1000 == pytest.approx(now + 27 + GRACE_SECONDS, abs=0.5)
        (item,) = items()
        assert (item["id"]["S"], item["status"]["S"]) == (lock.id, "INPROGRESS")
        assert Decimal(item["in_progress_expiration"]["N"]) == lock.until
        assert int(item["expires_at"]["N"]) == pytest.approx(now + KEEP_SECONDS, abs=5)

    def test_its_item_tells_neither_the_key_nor_the_payload(self, locks: IdempotencyLocks):
        locks.take(request("order-4711", owner="ada@example.com", note="a secret"), within(27))
        stored = json.dumps(items())
        assert not any(word in stored for word in ("order-4711", "ada@example.com", "secret"))

    @pytest.mark.parametrize("other", [{"owner": "user-2"}, {"agent": "post/sorter"}, {"key": "K-1"}])
    def test_a_key_belongs_to_one_owner_and_one_agent(self, locks: IdempotencyLocks, other: dict[str, str]):
        locks.take(request(), within(27))
        assert isinstance(locks.take(request(**other, input={"grams": 2}), within(1)), Lock)

    def test_who_comes_second_is_told_when_to_come_again(self, locks: IdempotencyLocks):
        locks.take(request(), within(9))
        with pytest.raises(IdempotencyInProgress, match="with the same key") as raised:
            locks.take(request(), within(0.2))
        assert raised.value.retry_after in (9, 10)

    def test_the_lock_of_a_process_that_died_is_taken_over_as_soon_as_it_lapses(self, locks: IdempotencyLocks):
        first = locks.take(request(), within(0.2))
        assert isinstance(first, Lock)
        second = locks.take(request(), within(10))
        assert isinstance(second, Lock)
        assert 0 <= time.time() - float(first.until) / 1000 < 0.4
        assert second.until > first.until

    def test_nothing_is_locked_when_there_is_no_time_left(self, locks: IdempotencyLocks):
        with pytest.raises(DeadlineExceeded):
            locks.take(request(), within(0))
        assert items() == []

    def test_no_two_locks_are_alike_even_in_the_same_millisecond(
        self, locks: IdempotencyLocks, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("agent_platform.resilience.idempotency_store._now_milliseconds", lambda: 4102444800000)
        taken = [locks.take(request(f"k-{each}"), within(1)) for each in range(20)]
        assert len({each.until % 1 for each in taken if isinstance(each, Lock)}) == 20

    def test_a_lock_is_taken_once_although_the_client_asked_twice(self, locks: IdempotencyLocks):
        answers = iter([0])  # seconds after which botocore sends the first request again, as if its answer was lost
        events = dynamodb().meta.events

        def send_again(**_: Any) -> int | None:
            return next(answers, None)

        events.register_first("needs-retry.dynamodb.PutItem", send_again)
        try:
            lock = locks.take(request(), within(1))
        finally:
            events.unregister("needs-retry.dynamodb.PutItem", send_again)
        assert next(answers, None) is None
        assert isinstance(lock, Lock)

    @pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\t", "line\n", "größe", "\x7f"], ids=ascii)
    def test_a_key_that_is_not_visible_ascii_is_refused(self, locks: IdempotencyLocks, key: str):
        with pytest.raises(BadRequest, match="1 to 255 visible ASCII"):
            locks.take(request(key), within(1))
        assert items() == []

    @pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43e8-bc93-6894a57f9324"', "!~"])
    def test_every_other_key_is_taken(self, locks: IdempotencyLocks, key: str):
        assert isinstance(locks.take(request(key), within(1)), Lock)


class TestSettling:
    """What the record of the execution makes of the lock."""

    @pytest.mark.parametrize("status", ["succeeded", "queued", "cancelled"])
    def test_a_recorded_execution_is_the_answer_from_then_on(self, locks: IdempotencyLocks, status: str):
        lock = locks.take(request(), within(27))
        execution = an_execution(status=status)
        write(locks.settle(lock, execution))
        assert locks.take(request(), within(1)) == Answered(execution.id)
        assert int(items()[0]["expires_at"]["N"]) == pytest.approx(time.time() + KEEP_SECONDS, abs=5)

    def test_a_failed_execution_frees_the_key(self, locks: IdempotencyLocks):
        write(locks.settle(locks.take(request(), within(27)), an_execution(status="failed")))
        assert isinstance(locks.take(request(), within(1)), Lock)

    @pytest.mark.parametrize("status", ["succeeded", "failed"])
    def test_whoever_lost_the_lock_settles_nothing(self, locks: IdempotencyLocks, status: str):
        late = locks.take(request(), within(0.01))
        current = locks.take(request(), within(10))
        with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
            write(locks.settle(late, an_execution(status=status)))
        assert Decimal(items()[0]["in_progress_expiration"]["N"]) == current.until

    def test_what_is_settled_stays(self, locks: IdempotencyLocks):
        lock = locks.take(request(), within(27))
        execution = an_execution()
        write(locks.settle(lock, execution))
        with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
            write(locks.settle(lock, an_execution(status="failed")))
        assert locks.take(request(), within(1)) == Answered(execution.id)

    def test_a_released_lock_is_free_at_once(self, locks: IdempotencyLocks):
        locks.release(locks.take(request(), within(27)))
        assert items() == []

    def test_a_release_touches_neither_an_answer_nor_the_lock_of_another(self, locks: IdempotencyLocks, log: StringIO):
        late = locks.take(request(), within(0.01))
        current = locks.take(request(), within(10))
        locks.release(late)
        execution = an_execution()
        write(locks.settle(current, execution))
        locks.release(current)
        assert locks.take(request(), within(1)) == Answered(execution.id)
        assert log.getvalue() == ""


class TestAnotherBody:
    """One key stands for one request."""

    def test_it_is_refused_while_the_first_runs_and_afterwards(self, locks: IdempotencyLocks):
        lock = locks.take(request(), within(27))
        with pytest.raises(IdempotencyKeyReused, match="Send a new key"):
            locks.take(request(input={"grams": 2}), within(1))
        write(locks.settle(lock, an_execution()))
        with pytest.raises(IdempotencyKeyReused):
            locks.take(request(session_id="s-1"), within(1))

    @pytest.mark.parametrize("value", [1.0, True, "1", None, [1]])
    def test_values_that_look_alike_are_not_the_same(self, locks: IdempotencyLocks, value: Any):
        locks.take(request(input={"grams": 1}), within(27))
        with pytest.raises(IdempotencyKeyReused):
            locks.take(request(input={"grams": value}), within(1))

    def test_the_order_of_fields_does_not_matter(self, locks: IdempotencyLocks):
        first = locks.take(request(input={"a": 1, "b": 2}), within(27))
        write(locks.settle(first, an_execution(id="e-1")))
        assert locks.take(request(input={"b": 2, "a": 1}), within(1)) == Answered("e-1")


class TestWaiting:
    """A duplicate waits for the first."""

    def test_it_gets_the_answer_once_that_is_recorded(self, locks: IdempotencyLocks, meanwhile):
        lock = locks.take(request(), within(27))
        meanwhile(lambda: None)
        meanwhile(lambda: write(locks.settle(lock, an_execution(id="e-1"))))
        assert locks.take(request(), within(5)) == Answered("e-1")

    def test_it_takes_its_own_turn_when_the_first_failed(self, locks: IdempotencyLocks, meanwhile):
        lock = locks.take(request(), within(27))
        meanwhile(lambda: write(locks.settle(lock, an_execution(status="failed"))))
        taken = locks.take(request(), within(5))
        assert isinstance(taken, Lock)
        assert taken.until != lock.until

    def test_it_asks_less_and_less_often_and_reads_only(self, locks: IdempotencyLocks, monkeypatch: pytest.MonkeyPatch):
        locks.take(request(), within(27))
        operations, waited, really = [], [], time.sleep
        events = dynamodb().meta.events
        monkeypatch.setattr("agent_platform.resilience.idempotency.time.sleep", lambda s: (waited.append(s), really(s)))
        events.register("before-call.dynamodb", lambda model, **_: operations.append(model.name), unique_id="noting")
        with pytest.raises(IdempotencyInProgress):
            locks.take(request(), within(1.5))
        events.unregister("before-call.dynamodb", unique_id="noting")
        assert operations[0] == "PutItem"
        assert set(operations[1:]) == {"GetItem"}
        assert 4 <= len(operations) <= 12
        assert waited[0] <= 0.05
        assert max(waited) <= 0.5


class TestABadMoment:
    """DynamoDB does not do what it is asked for."""

    def test_a_lock_that_is_being_settled_is_looked_at_again(
        self, locks: IdempotencyLocks, dynamodb_faults: DynamoDBFaults
    ):
        write(locks.settle(locks.take(request(), within(27)), an_execution(id="e-1")))
        dynamodb_faults.refuse("TransactionConflictException")
        assert locks.take(request(), within(5)) == Answered("e-1")

    def test_without_a_lock_nothing_may_run(self, locks: IdempotencyLocks, dynamodb_faults: DynamoDBFaults):
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable, match="idempotency key"):
            locks.take(request(), within(5))

    def test_a_lock_that_cannot_be_released_lapses_and_the_log_tells(
        self, locks: IdempotencyLocks, dynamodb_faults: DynamoDBFaults, log: StringIO
    ):
        lock = locks.take(request(), within(27))
        dynamodb_faults.go_down()
        locks.release(lock)
        assert json.loads(log.getvalue())["message"] == "idempotency_lock_not_released"
