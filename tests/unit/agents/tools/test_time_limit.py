"""A limit of time that holds: against code that spins, code that waits, and code that fails."""

import time
from contextvars import ContextVar
from threading import Event, active_count

import pytest

from agent_platform.agents.tools import time_limit
from agent_platform.agents.tools.time_limit import MOST_LEFT_BEHIND, TimeOver, within

PATIENCE = 20
"""Seconds: many times the limits below, since machines that run tests are busy."""


def eventually(condition) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def test_a_result_comes_back_and_leaves_no_thread():
    before = active_count()
    assert within(PATIENCE, lambda: 42) == 42
    assert active_count() == before


def test_what_the_function_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        within(PATIENCE, lambda: 1 / 0)


def test_even_a_wish_to_exit_is_passed_on():
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        within(PATIENCE, leave)


def test_the_function_sees_the_context_of_its_caller():
    trace = ContextVar("trace", default="none")
    trace.set("abc")
    assert within(PATIENCE, trace.get) == "abc"


def test_code_that_spins_is_given_up_and_stopped():
    turns = 0

    def spin() -> None:
        nonlocal turns
        while True:
            turns += 1

    started = time.monotonic()
    with pytest.raises(TimeOver):
        within(0.1, spin)
    assert time.monotonic() - started < PATIENCE
    assert eventually(lambda: not any(thread.is_alive() for thread in time_limit._left_behind))
    stopped_at = turns
    time.sleep(0.05)
    assert turns == stopped_at


def test_no_handler_of_exceptions_keeps_spinning_code_alive():
    def stubborn() -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001, S112 - what careless code does
                continue

    with pytest.raises(TimeOver):
        within(0.1, stubborn)
    assert eventually(lambda: not any(thread.is_alive() for thread in time_limit._left_behind))


def test_code_that_waits_holds_nobody_up():
    release = Event()
    started = time.monotonic()
    with pytest.raises(TimeOver):
        within(0.1, release.wait)
    assert time.monotonic() - started < PATIENCE
    release.set()
    assert eventually(lambda: not any(thread.is_alive() for thread in time_limit._left_behind))


def test_with_too_many_left_behind_nothing_new_is_started():
    release = Event()
    ran = Event()
    for _ in range(MOST_LEFT_BEHIND):
        with pytest.raises(TimeOver):
            within(0.02, release.wait)
    with pytest.raises(TimeOver):
        within(PATIENCE, ran.set)
    assert not ran.is_set()
    release.set()
    assert eventually(lambda: not any(thread.is_alive() for thread in time_limit._left_behind))
    within(PATIENCE, ran.set)
    assert ran.is_set()


def test_finishing_just_in_time_gives_either_the_result_or_the_end_of_time():
    # The moment of finishing is the delicate one: the exception must not strike a thread that has its result.
    for attempt in range(200):
        try:
            assert within(0.001, lambda: time.sleep(0.001) or "done") == "done"
        except TimeOver:
            assert eventually(lambda: not any(thread.is_alive() for thread in time_limit._left_behind)), attempt
