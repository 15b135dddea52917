"""The line that says how far a long step has come."""

import sys

import pytest

from agent_platform.agents import progress
from agent_platform.agents.progress import progress_line


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """A clock that moves only when told."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def test_a_log_gets_a_line_every_two_seconds(clock, capsys: pytest.CaptureFixture[str]):
    with progress_line("Compiling") as tell:
        for done in range(1, 11):
            clock(0.5)
            tell(done, 10)
    assert capsys.readouterr().err == "Compiling: 4/10\nCompiling: 8/10\n"


def test_a_quick_step_says_nothing_in_a_log(clock, capsys: pytest.CaptureFixture[str]):
    with progress_line("Compiling") as tell:
        tell(1, 1)
    assert capsys.readouterr().err == ""


def test_a_terminal_sees_a_bar_that_ends_full(
    clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_line("Compiling") as tell:
        for done in range(1, 101):
            clock(0.01)
            tell(done, 100)
    shown = capsys.readouterr().err
    assert shown.endswith(f"\rCompiling {'█' * 24} 100/100\n")
    assert shown.count("\r") < 15


def test_nothing_to_do_is_no_division_by_zero(clock, capsys: pytest.CaptureFixture[str]):
    with progress_line("Compiling") as tell:
        clock(5)
        tell(0, 0)
    assert capsys.readouterr().err == "Compiling: 0/0\n"


def test_an_error_in_the_step_passes_through(clock):
    with pytest.raises(ValueError, match="mine"), progress_line("Compiling"):
        raise ValueError("mine")
