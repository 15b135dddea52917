"""How often something may be tried, counted over all processes."""

import json
import time
from itertools import product

import pytest

from agent_platform.errors import StorageUnavailable, TooManyAttempts
from agent_platform.identity.attempts import Attempts, Limit
from agent_platform.storage.dynamodb import dynamodb

GROWING = Limit("sign-in", free=5, first_wait=30, longest_wait=3600, forget=24 * 3600)
WINDOW = Limit("source", free=3, forget=900)


class Clock:
    """A clock that the test moves; in Unix seconds."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(tokens_table: str, clock: Clock) -> Attempts:
    return Attempts(tokens_table, clock)


def wait_of(attempts: Attempts, limit: Limit, *subject: str) -> int:
    """Seconds until the next try, after one more was refused; 0 if it was let through."""
    try:
        attempts.count(limit, *subject)
    except TooManyAttempts as refused:
        return refused.retry_after or -1
    return 0


def test_after_the_free_tries_each_further_one_doubles_the_wait_up_to_the_longest(
    attempts: Attempts, clock: Clock
) -> None:
    assert [attempts.count(GROWING, "ada") for _ in range(5)] == [1, 2, 3, 4, 5]
    waits = []
    for _ in range(9):
        waits.append(wait_of(attempts, GROWING, "ada"))
        clock.now += waits[-1]
        attempts.count(GROWING, "ada")
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_asking_while_one_has_to_wait_does_not_prolong_the_wait(attempts: Attempts, clock: Clock) -> None:
    for _ in range(5):
        attempts.count(GROWING, "ada")
    for passed in range(30):
        assert wait_of(attempts, GROWING, "ada") == 30 - passed
        clock.now += 1
    assert attempts.count(GROWING, "ada") == 6


def test_one_subject_does_not_count_for_another_nor_one_kind_for_another(attempts: Attempts) -> None:
    for _ in range(5):
        attempts.count(GROWING, "ada", "203.0.113.7")
    assert wait_of(attempts, GROWING, "ada", "203.0.113.7") == 30
    assert attempts.count(GROWING, "ada", "203.0.113.8") == 1
    assert attempts.count(GROWING, "eve", "203.0.113.7") == 1
    assert attempts.count(WINDOW, "ada", "203.0.113.7") == 1


def test_tries_are_forgotten_long_after_the_last_one(attempts: Attempts, clock: Clock) -> None:
    for _ in range(5):
        attempts.count(GROWING, "ada")
    clock.now += GROWING.forget + 1
    assert [attempts.count(GROWING, "ada") for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_window_ends_a_fixed_time_after_its_first_try_whoever_goes_on_asking(
    attempts: Attempts, clock: Clock
) -> None:
    for _ in range(3):
        attempts.count(WINDOW, "203.0.113.7")
        clock.now += 100
    assert wait_of(attempts, WINDOW, "203.0.113.7") == 600
    clock.now += 600
    assert attempts.count(WINDOW, "203.0.113.7") == 1


def test_what_was_cleared_begins_anew(attempts: Attempts) -> None:
    for _ in range(5):
        attempts.count(GROWING, "ada")
    attempts.clear(GROWING, "ada")
    assert attempts.count(GROWING, "ada") == 1


def test_a_try_that_was_given_back_is_free_again(attempts: Attempts) -> None:
    for _ in range(20):
        attempts.count(WINDOW, "203.0.113.7")
        attempts.give_back(WINDOW, "203.0.113.7")
    attempts.give_back(WINDOW, "nobody")
    assert [attempts.count(WINDOW, "203.0.113.7") for _ in range(3)] == [1, 2, 3]


def test_after_the_most_tries_only_clearing_opens_the_way(attempts: Attempts, clock: Clock) -> None:
    limit = Limit("sign-in", free=2, first_wait=1, longest_wait=10, forget=3600, most=4)
    for _ in range(4):
        clock.now += 20
        attempts.count(limit, "ada")
    clock.now += 30 * 24 * 3600
    with pytest.raises(TooManyAttempts, match="new password"):
        attempts.count(limit, "ada")
    attempts.clear(limit, "ada")
    assert attempts.count(limit, "ada") == 1


def test_an_opened_way_is_open_for_what_was_counted_before_and_for_nothing_else(
    attempts: Attempts, clock: Clock
) -> None:
    closed = Limit("sign-in", free=5, first_wait=30, forget=24 * 3600, most=6)
    sources = ("203.0.113.7", "203.0.113.8")
    for subject in product(("ada", "eve"), sources):
        for _ in range(5):
            attempts.count(closed, *subject, of=subject[0])
    clock.now += 30
    for subject in product(("ada", "eve"), sources):
        assert attempts.count(closed, *subject, of=subject[0]) == 6
    clock.now += 300 * 24 * 3600
    attempts.open("ada")
    clock.now += 1
    for source in sources:
        assert [attempts.count(closed, "ada", source, of="ada") for _ in range(5)] == [1, 2, 3, 4, 5]
        for who in ("ada", "eve"):
            with pytest.raises(TooManyAttempts):
                attempts.count(closed, who, source, of=who)


def test_the_table_holds_no_address(attempts: Attempts, tokens_table: str) -> None:
    attempts.count(GROWING, "ada@example.com", "203.0.113.7")
    attempts.remember("familiar", "ada@example.com", "203.0.113.7", seconds=60)
    stored = json.dumps(dynamodb().scan(TableName=tokens_table)["Items"])
    assert "ada" not in stored
    assert "203.0" not in stored
    assert '"attempts#sign-in#' in stored


def test_what_was_seen_is_remembered_for_its_time(attempts: Attempts, clock: Clock) -> None:
    attempts.remember("familiar", "ada", "203.0.113.7", seconds=60)
    assert attempts.remembers("familiar", "ada", "203.0.113.7")
    assert not attempts.remembers("familiar", "ada", "203.0.113.8")
    clock.now += 60
    assert not attempts.remembers("familiar", "ada", "203.0.113.7")


def test_without_the_table_nothing_is_tried(attempts: Attempts, tokens_table: str) -> None:
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        attempts.count(GROWING, "ada")
