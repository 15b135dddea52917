"""Circuit breakers: open after failures in a row, known to all processes, closed again by probes that succeed."""

import json
import time
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import ModelCircuitOpen
from agent_platform.resilience.circuit import FAILURES_TO_OPEN, LOOK_SECONDS, OPEN_SECONDS, CircuitBreaker, Permit
from agent_platform.storage.dynamodb import THROTTLED_TRIES, dynamodb
from tests.fakes.aws import CIRCUITS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.log import log

__all__ = ["dynamodb_faults", "log"]

NAME = "claude:anthropic:balanced"


class Clock:
    """Both clocks of the breaker, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        epoch = time.time_ns()
        monkeypatch.setattr("agent_platform.resilience.circuit._now", lambda: epoch // 1_000_000 + self.milliseconds)
        monkeypatch.setattr("agent_platform.resilience.circuit._monotonic", lambda: 1000 + self.passed)

    @property
    def milliseconds(self) -> int:
        return round(self.passed * 1000)

    def wait(self, seconds: float) -> None:
        self.passed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def here(governance_tables: None, clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(CIRCUITS_TABLE)


@pytest.fixture
def there(governance_tables: None, clock: Clock) -> CircuitBreaker:
    """The breaker of another process."""
    return CircuitBreaker(CIRCUITS_TABLE)


def fail(breaker: CircuitBreaker, times: int = FAILURES_TO_OPEN, name: str = NAME, evidence: str = "") -> None:
    for each in range(times):
        breaker.failed(breaker.admit(name), evidence or f"call-{each}")


def is_open(breaker: CircuitBreaker, name: str = NAME) -> bool:
    try:
        breaker.abandoned(breaker.admit(name))
    except ModelCircuitOpen:
        return True
    return False


def probe(breaker: CircuitBreaker) -> Permit:
    permit = breaker.admit(NAME)
    assert permit.probe
    return permit


def items() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=CIRCUITS_TABLE)["Items"]


class TestClosed:
    """A healthy upstream."""

    def test_four_failures_and_a_success_are_no_reason_to_open(self, here: CircuitBreaker):
        for _ in range(3):
            fail(here, FAILURES_TO_OPEN - 1)
            here.succeeded(here.admit(NAME))
        assert not is_open(here)
        assert items() == []

    def test_the_healthy_path_reads_once_in_a_while_and_never_writes(
        self, here: CircuitBreaker, clock: Clock, dynamodb_faults: DynamoDBFaults
    ):
        for _ in range(100):
            here.succeeded(here.admit(NAME))
        assert dynamodb_faults.calls == 1
        clock.wait(LOOK_SECONDS + 0.1)
        here.succeeded(here.admit(NAME))
        assert dynamodb_faults.calls == 2

    def test_failures_with_the_same_evidence_count_as_one(self, here: CircuitBreaker):
        fail(here, 20, evidence="post/slow-agent")
        assert not is_open(here)
        fail(here, FAILURES_TO_OPEN - 1)
        assert is_open(here)

    def test_one_upstream_says_nothing_about_another(self, here: CircuitBreaker):
        fail(here)
        assert is_open(here)
        assert not is_open(here, "claude:anthropic:fast")


class TestOpen:
    """An upstream that keeps failing."""

    def test_five_failures_in_a_row_open_it_and_the_refusal_says_for_how_long(
        self, here: CircuitBreaker, clock: Clock, log: StringIO
    ):
        fail(here)
        clock.wait(10)
        with pytest.raises(ModelCircuitOpen, match=f"{NAME}.*Try again in 20 s") as raised:
            here.admit(NAME)
        assert raised.value.retry_after == 20
        assert json.loads(log.getvalue())["message"] == "circuit_opened"

    def test_refusing_costs_no_round_trip(self, here: CircuitBreaker, dynamodb_faults: DynamoDBFaults):
        fail(here)
        before = dynamodb_faults.calls
        assert all(is_open(here) for _ in range(50))
        assert dynamodb_faults.calls == before

    def test_a_process_that_never_asked_before_knows_it_at_once(self, here: CircuitBreaker, there: CircuitBreaker):
        fail(here)
        assert is_open(there)

    def test_a_healthy_process_knows_it_after_the_documented_time(
        self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock
    ):
        there.succeeded(there.admit(NAME))
        fail(here)
        assert not is_open(there)
        clock.wait(LOOK_SECONDS + 0.1)
        assert is_open(there)

    def test_a_process_that_meets_a_failure_itself_knows_it_with_the_next_call(
        self, here: CircuitBreaker, there: CircuitBreaker
    ):
        there.succeeded(there.admit(NAME))
        fail(here)
        fail(there, 1)
        assert is_open(there)

    def test_late_failures_of_others_do_not_prolong_it(self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock):
        permits = [there.admit(NAME) for _ in range(FAILURES_TO_OPEN)]
        fail(here)
        clock.wait(20)
        for each, permit in enumerate(permits):
            there.failed(permit, f"late-{each}")
        with pytest.raises(ModelCircuitOpen) as raised:
            there.admit(NAME)
        assert raised.value.retry_after == 10

    def test_its_item_goes_by_itself_when_nobody_asks_any_more(self, here: CircuitBreaker):
        fail(here)
        (item,) = items()
        assert int(item["expires_at"]["N"]) == pytest.approx(time.time() + 3600, abs=5)


class TestProbes:
    """Whether the upstream is well again."""

    def test_half_open_on_time_and_not_before(self, here: CircuitBreaker, clock: Clock):
        fail(here)
        clock.wait(OPEN_SECONDS - 0.01)
        assert is_open(here)
        clock.wait(0.02)
        assert probe(here)

    def test_one_caller_of_all_processes_probes_at_a_time(
        self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock
    ):
        fail(here)
        assert is_open(there)
        clock.wait(OPEN_SECONDS + 1)
        probe(here)
        for breaker in (here, there):
            with pytest.raises(ModelCircuitOpen) as raised:
                breaker.admit(NAME)
            assert raised.value.retry_after == 1

    def test_three_successes_of_whichever_processes_close_it(
        self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock, log: StringIO
    ):
        fail(here)
        clock.wait(OPEN_SECONDS + 1)
        for breaker in (here, there, here):
            breaker.succeeded(probe(breaker))
            clock.wait(1.1)
        assert items() == []
        assert here.admit(NAME).probe is None
        assert there.admit(NAME).probe is None
        told = [json.loads(line)["message"] for line in log.getvalue().splitlines()]
        assert told == ["circuit_opened", "circuit_probed", "circuit_probed", "circuit_probed", "circuit_closed"]

    def test_a_failed_probe_opens_it_for_the_whole_time_and_earlier_successes_are_forgotten(
        self, here: CircuitBreaker, clock: Clock
    ):
        fail(here)
        clock.wait(OPEN_SECONDS)
        here.succeeded(probe(here))
        here.succeeded(probe(here))
        here.failed(probe(here), "call-9")
        clock.wait(OPEN_SECONDS - 0.01)
        assert is_open(here)
        clock.wait(0.02)
        here.succeeded(probe(here))
        here.succeeded(probe(here))
        assert items() != []
        here.succeeded(probe(here))
        assert items() == []

    def test_a_probe_that_says_nothing_about_the_upstream_is_left_to_the_next_caller(
        self, here: CircuitBreaker, clock: Clock
    ):
        fail(here)
        clock.wait(OPEN_SECONDS)
        here.succeeded(probe(here))
        here.abandoned(probe(here))
        here.succeeded(probe(here))
        here.succeeded(probe(here))
        assert items() == []

    def test_the_probe_of_a_process_that_died_is_taken_over_and_its_late_word_counts_nothing(
        self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock
    ):
        fail(here)
        clock.wait(OPEN_SECONDS)
        lost = probe(here)
        clock.wait(OPEN_SECONDS - 0.01)
        assert is_open(there)
        clock.wait(0.02)
        current = probe(there)
        here.failed(lost, "call-9")
        assert items()[0]["probe"]["S"] == current.probe
        here.succeeded(lost)
        assert items()[0]["successes"]["N"] == "0"

    def test_failures_from_before_the_recovery_do_not_count_after_it(
        self, here: CircuitBreaker, there: CircuitBreaker, clock: Clock
    ):
        fail(there, FAILURES_TO_OPEN - 1)
        fail(here)
        assert is_open(there)
        clock.wait(OPEN_SECONDS)
        for _ in range(3):
            here.succeeded(probe(here))
        clock.wait(LOOK_SECONDS)
        fail(there, 1)
        assert not is_open(there)

    def test_a_circuit_that_nobody_asked_for_in_a_day_is_probed(self, here: CircuitBreaker, clock: Clock):
        fail(here)
        clock.wait(86_400)
        assert probe(here)


class TestStoreDown:
    """A breaker must not become the outage that it is there to prevent."""

    def test_calls_go_through_and_do_not_each_wait_for_the_store(
        self, here: CircuitBreaker, dynamodb_faults: DynamoDBFaults, log: StringIO
    ):
        dynamodb_faults.go_down()
        for _ in range(10):
            here.succeeded(here.admit(NAME))
        assert dynamodb_faults.calls == THROTTLED_TRIES  # those of one look
        assert "circuit_state_unavailable" in log.getvalue()

    def test_what_a_process_meets_itself_still_counts_for_it(
        self, here: CircuitBreaker, dynamodb_faults: DynamoDBFaults, clock: Clock
    ):
        dynamodb_faults.go_down()
        fail(here)
        assert is_open(here)
        clock.wait(OPEN_SECONDS)
        assert here.admit(NAME).probe is None

    def test_reports_about_a_probe_never_raise(
        self, here: CircuitBreaker, dynamodb_faults: DynamoDBFaults, clock: Clock
    ):
        fail(here)
        clock.wait(OPEN_SECONDS)
        permit = probe(here)
        dynamodb_faults.go_down()
        here.succeeded(permit)
        here.failed(permit, "call-9")
        here.abandoned(permit)
