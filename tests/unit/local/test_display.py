"""What the user sees, on a terminal and in a log."""

import io
import re
import time

import pytest
from rich.console import Console

from infra_cdk.local import display as module
from infra_cdk.local.display import Display


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, soft_wrap=True)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_a_line_when_a_step_begins_and_one_when_it_is_done() -> None:
    log = console(terminal=False)

    with Display(log).step("Deploying"):
        assert text(log) == "  Deploying …\n"

    assert re.fullmatch(r"  Deploying …\n✓ Deploying \d+\.\d s\n", text(log))


def test_a_long_step_says_in_a_log_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.02)
    log = console(terminal=False)

    with Display(log).step("Deploying") as step:
        step.note = "Api 12/47"
        deadline = time.monotonic() + 5
        while "Api 12/47" not in text(log):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert re.search(r"  Deploying … Api 12/47 \(\d+ s\)\n", text(log))


def test_a_terminal_shows_the_running_step_and_keeps_only_the_result() -> None:
    terminal = console(terminal=True)

    with Display(terminal).step("Deploying"):
        deadline = time.monotonic() + 5
        while "Deploying …" not in text(terminal):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    erase_line = "\x1b[2K"
    assert text(terminal).splitlines()[-1].rpartition(erase_line)[2].startswith("\x1b[32m✓\x1b[0m Deploying ")


def test_a_step_that_fails_is_not_called_done() -> None:
    log = console(terminal=False)

    with pytest.raises(RuntimeError), Display(log).step("Deploying"):
        raise RuntimeError

    assert "✓" not in text(log)


def test_square_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    log = console(terminal=False)

    Display(log).announce("Runs [here]", ["a [red]word[/red]"])
    Display(log).fail("no [file]")

    assert text(log) == "\nRuns [here]\n\n  a [red]word[/red]\n\n"
    assert capsys.readouterr().err == "✗ no [file]\n"


def test_a_long_command_is_not_broken_into_lines() -> None:
    terminal = console(terminal=True)
    command = "curl " + "x" * 300

    Display(terminal).announce("Runs", [command])

    assert command in text(terminal)
