"""Answers kept for equal questions: found while they count, brought by one flight at a time."""

import json
import time
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

from agent_platform.errors import DeadlineExceeded, StorageUnavailable
from agent_platform.resilience.response_cache import MAX_ANSWER_BYTES, CachedAnswer, Flight, ResponseCache
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Escalation
from agent_platform.storage.transactions import Rider
from tests.fakes.aws import RESPONSE_CACHE_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]

ANSWER = CachedAnswer(output={"tariff_class": "L", "weight": 1.0, "note": "Päckchen 📦"}, provider="anthropic")


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def write(rider: Rider) -> None:
    dynamodb().transact_write_items(TransactItems=[*rider.writes])


def items() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=RESPONSE_CACHE_TABLE)["Items"]


def a_flight(answers: ResponseCache, seconds: float = 27, key: str = "q") -> Flight:
    flight = answers.obtain(key, within(seconds))
    assert isinstance(flight, Flight)
    return flight


@pytest.fixture
def answers(governance_tables: None) -> ResponseCache:
    return ResponseCache(RESPONSE_CACHE_TABLE)


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
    monkeypatch.setattr("agent_platform.resilience.response_cache.time.sleep", pause)
    return actions.append


class TestAnswers:
    """What is found."""

    def test_an_answer_comes_back_as_it_was_brought(self, answers: ResponseCache):
        brought = CachedAnswer(
            output={"n": 1, "x": 1.0, "yes": True, "none": None, "deep": [{"ß": "📦"}]},
            provider="bedrock",
            escalation=Escalation(rule="r", reason="because"),
            redactions={"email": 2},
        )
        write(answers.fill(a_flight(answers), brought, 60))
        found = answers.obtain("q", within(1))
        assert found == brought
        assert json.dumps(found.output) == json.dumps(brought.output)

    def test_another_question_finds_nothing(self, answers: ResponseCache):
        write(answers.fill(a_flight(answers), ANSWER, 60))
        assert isinstance(answers.obtain("q2", within(1)), Flight)

    def test_an_answer_counts_as_long_as_it_was_given_although_dynamodb_still_has_it(self, answers: ResponseCache):
        write(answers.fill(a_flight(answers), ANSWER, 1))
        assert answers.obtain("q", within(1)) == ANSWER
        time.sleep(1.05)
        assert len(items()) == 1
        fresh = a_flight(answers)
        write(answers.fill(fresh, ANSWER.model_copy(update={"output": {"new": 1}}), 60))
        assert answers.obtain("q", within(1)).output == {"new": 1}

    def test_its_item_may_be_deleted_once_it_does_not_count_any_more(self, answers: ResponseCache):
        write(answers.fill(a_flight(answers), ANSWER, 60))
        (item,) = items()
        assert 0 < int(item["expires_at"]["N"]) - int(item["valid_until"]["N"]) / 1000 <= 1

    @pytest.mark.parametrize(("size", "kept"), [(MAX_ANSWER_BYTES - 200, True), (MAX_ANSWER_BYTES, False)])
    def test_an_answer_too_large_is_not_kept_and_nobody_waits_for_it(
        self, answers: ResponseCache, size: int, kept: bool
    ):
        large = ANSWER.model_copy(update={"output": {"text": "x" * size}})
        write(answers.fill(a_flight(answers), large, 60))
        assert len(items()) == kept
        assert isinstance(answers.obtain("q", within(1)), CachedAnswer if kept else Flight)


class TestFlights:
    """Who asks first answers for all."""

    def test_those_who_wait_get_the_answer(self, answers: ResponseCache, meanwhile):
        flight = a_flight(answers)
        meanwhile(lambda: None)
        meanwhile(lambda: write(answers.fill(flight, ANSWER, 60)))
        assert answers.obtain("q", within(5)) == ANSWER

    def test_the_next_takes_over_from_a_flight_that_failed(self, answers: ResponseCache, meanwhile):
        flight = a_flight(answers)
        meanwhile(lambda: write(answers.release(flight)))
        assert a_flight(answers, 5).token != flight.token

    def test_and_from_one_whose_time_is_over(self, answers: ResponseCache):
        lost = a_flight(answers, 0.2)
        began = time.monotonic()
        assert a_flight(answers, 10).token != lost.token
        assert time.monotonic() - began < 2

    def test_a_flight_of_long_duration_is_taken_over_when_half_of_the_time_is_gone(self, answers: ResponseCache):
        vanished = a_flight(answers, 800)
        began = time.monotonic()
        assert a_flight(answers, 1).token != vanished.token
        assert 0.5 <= time.monotonic() - began < 1

    def test_who_waits_has_new_patience_with_a_new_flight(self, answers: ResponseCache, meanwhile):
        a_flight(answers, 800)

        def another_takes_over() -> None:
            sleep(0.4)
            dynamodb().update_item(
                TableName=RESPONSE_CACHE_TABLE,
                Key={"id": {"S": "q"}},
                UpdateExpression="SET flight = :other",
                ExpressionAttributeValues={":other": {"S": "other"}},
            )

        meanwhile(another_takes_over)
        meanwhile(lambda: sleep(0.7))  # by now the patience with the first would be over
        began = time.monotonic()
        a_flight(answers, 2)
        assert time.monotonic() - began >= 1.39

    def test_an_answer_that_comes_too_late_is_not_waited_for(self, answers: ResponseCache):
        a_flight(answers, 800)
        with pytest.raises(DeadlineExceeded, match="equal request"):
            answers.obtain("q", within(0))

    def test_a_flight_that_was_taken_over_may_still_bring_the_answer_and_the_first_one_stays(
        self, answers: ResponseCache
    ):
        slow, second = a_flight(answers, 800), a_flight(answers, 1.5)
        write(answers.fill(slow, ANSWER, 60))
        with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
            write(answers.fill(second, ANSWER.model_copy(update={"output": {}}), 60))
        assert answers.obtain("q", within(1)) == ANSWER

    def test_a_flight_that_failed_late_ends_neither_the_next_flight_nor_its_answer(self, answers: ResponseCache):
        slow, second = a_flight(answers, 800), a_flight(answers, 1.5)
        with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
            write(answers.release(slow))
        write(answers.fill(second, ANSWER, 60))
        with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
            write(answers.release(slow))
        assert answers.obtain("q", within(1)) == ANSWER


class TestRoundTrips:
    """What a look-up costs."""

    def test_a_hit_and_a_miss_cost_one_each(self, answers: ResponseCache, dynamodb_faults: DynamoDBFaults):
        flight = a_flight(answers)
        assert dynamodb_faults.calls == 1
        write(answers.fill(flight, ANSWER, 60))
        answers.obtain("q", within(1))
        assert dynamodb_faults.calls == 3

    def test_a_claim_that_was_sent_twice_is_the_same_flight(self, answers: ResponseCache):
        delays = iter([0])
        events = dynamodb().meta.events

        def send_again(**_: Any) -> int | None:
            return next(delays, None)

        events.register_first("needs-retry.dynamodb.PutItem", send_again)
        try:
            a_flight(answers, 1)
        finally:
            events.unregister("needs-retry.dynamodb.PutItem", send_again)
        assert next(delays, None) is None

    def test_an_answer_that_is_being_brought_is_looked_at_again(
        self, answers: ResponseCache, dynamodb_faults: DynamoDBFaults
    ):
        write(answers.fill(a_flight(answers), ANSWER, 60))
        dynamodb_faults.refuse("TransactionConflictException")
        assert answers.obtain("q", within(5)) == ANSWER

    def test_a_table_that_does_not_answer_is_told(self, answers: ResponseCache, dynamodb_faults: DynamoDBFaults):
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable, match="response cache"):
            answers.obtain("q", within(5))
