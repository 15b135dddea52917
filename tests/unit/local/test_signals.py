"""Ctrl-C: once for an orderly end, twice for an immediate one."""

import os
import signal
from collections.abc import Iterator

import pytest

from infra_cdk.local import signals as module
from infra_cdk.local.signals import STOPPING, StopRequested, StopSignals


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    before = {number: signal.getsignal(number) for number in STOPPING}
    signals = StopSignals()
    signals.install()
    yield signals
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_ends_the_run(signals: StopSignals, number: signal.Signals) -> None:
    with pytest.raises(StopRequested):
        send(number)


def test_a_signal_that_the_shell_left_ignored_is_heard_all_the_same() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        StopSignals().install()
        with pytest.raises(StopRequested):
            send()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_request_in_a_held_block_is_heard_at_its_end(signals: StopSignals) -> None:
    done: list[str] = []

    def start() -> None:
        with signals.held():
            send()
            done.append("booked")

    with pytest.raises(StopRequested):
        start()
    assert done == ["booked"]


def test_the_first_request_while_stopping_waits_for_the_orderly_end(signals: StopSignals) -> None:
    impatience: list[str] = []
    signals.on_impatience = lambda: impatience.append("now")
    signals.stopping()

    send()

    assert impatience == []


def test_the_same_request_passed_on_by_make_is_no_second_one(signals: StopSignals) -> None:
    impatience: list[str] = []
    signals.on_impatience = lambda: impatience.append("now")
    with pytest.raises(StopRequested):
        send(signal.SIGTERM)
    signals.stopping()

    send(signal.SIGTERM)

    assert impatience == []


def test_a_later_request_while_stopping_ends_everything_at_once(
    signals: StopSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAME_REQUEST_SECONDS", 0.0)
    impatience: list[str] = []
    signals.on_impatience = lambda: impatience.append("now")
    with pytest.raises(StopRequested):
        send()
    signals.stopping()

    send()

    assert impatience == ["now"]
