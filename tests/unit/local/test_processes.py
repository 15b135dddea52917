"""Children: started, waited for, and never left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra_cdk.local.errors import ChildError
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.signals import StopSignals

PATIENCE_SECONDS = 10.0
PARENT_OF_A_SLEEPER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
SLEEPER = "import time; time.sleep(600)"

Make = Callable[..., Child]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a child that runs Python code."""

    def child(code: str, name: str = "The child", stop_seconds: float = 5.0) -> Child:
        return Child(
            name,
            [sys.executable, "-c", code],
            log=tmp_path / f"{name}.log",
            environment=dict(os.environ),
            stop_seconds=stop_seconds,
        )

    return child


@pytest.fixture
def children() -> Iterator[Children]:
    with Children(StopSignals()) as children:
        yield children


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_what_a_child_started_ends_with_it(make: Make) -> None:
    child = make(PARENT_OF_A_SLEEPER)
    child.start()
    wait_for(child.log.read_text)
    grandchild = int(child.log.read_text())
    assert is_alive(grandchild)

    child.stop()

    wait_for(lambda: not is_alive(grandchild))
    assert child.exit_code == -signal.SIGTERM


def test_a_child_that_ignores_the_request_is_killed(make: Make) -> None:
    child = make(DEAF, stop_seconds=0.2)
    child.start()
    child.wait_until(lambda: "ready" in child.log.read_text(), PATIENCE_SECONDS)

    child.stop()

    assert child.exit_code == -signal.SIGKILL


def test_stopping_a_child_that_was_never_started_does_nothing(make: Make) -> None:
    make(SLEEPER).stop()


def test_a_child_that_ends_before_it_is_ready_is_named_with_its_last_words(make: Make) -> None:
    child = make("print('no disk space left'); raise SystemExit(3)", name="The database")
    child.start()

    with pytest.raises(ChildError, match=r"(?s)The database stopped by itself \(exit code 3\).*no disk space left"):
        child.wait_until(lambda: False, PATIENCE_SECONDS)


def test_a_child_that_is_not_ready_in_time_is_named(make: Make, children: Children) -> None:
    child = make(SLEEPER, name="The gateway")
    children.start(child)

    with pytest.raises(ChildError, match=r"The gateway was not ready after 0.1 s"):
        child.wait_until(lambda: False, 0.1)


def test_a_program_that_does_not_exist_is_an_error_of_its_child(tmp_path: Path) -> None:
    child = Child("Vite", [tmp_path / "nothing"], log=tmp_path / "log", environment={})

    with pytest.raises(ChildError, match="Vite cannot be started"):
        child.start()


def test_children_are_stopped_last_first(make: Make) -> None:
    told: list[str] = []
    with Children(StopSignals()) as children:
        for name in ("first", "second", "third"):
            children.start(make(SLEEPER, name=name))
        children.stop(told.append)

    assert told == ["third", "second", "first"]


def test_leaving_with_an_error_stops_the_children_too(make: Make) -> None:
    child = make(SLEEPER)

    def fail() -> None:
        with Children(StopSignals()) as children:
            children.start(child)
            raise ChildError("another one")

    with pytest.raises(ChildError, match="another one"):
        fail()
    assert child.exit_code is not None


def test_a_death_during_the_run_is_noticed(make: Make, children: Children) -> None:
    child = make(SLEEPER, name="The emulated cloud")
    children.start(child)
    children.check()

    os.kill(child.group, signal.SIGKILL)

    wait_for(lambda: child.exit_code is not None)
    with pytest.raises(ChildError, match=r"The emulated cloud stopped by itself \(killed by SIGKILL\)"):
        children.check()


def test_a_command_that_fails_is_an_error_and_leaves_the_run_intact(make: Make, children: Children) -> None:
    children.start(make(SLEEPER, name="server"))

    with pytest.raises(ChildError, match=r"(?s)The compiler stopped by itself \(exit code 1\).*line 7"):
        children.run(make("raise SystemExit('line 7')", name="The compiler"))

    children.check()


def test_a_server_that_dies_while_a_command_runs_is_the_error(make: Make, children: Children) -> None:
    server = make(SLEEPER, name="The server")
    children.start(server)

    with pytest.raises(ChildError, match="The server stopped by itself"):
        children.run(make(SLEEPER, name="A command"), lambda: os.kill(server.group, signal.SIGKILL))


def test_two_impatient_requests_end_even_a_deaf_child_at_once(make: Make, children: Children) -> None:
    child = make(DEAF, stop_seconds=600)
    children.start(child)
    child.wait_until(lambda: "ready" in child.log.read_text(), PATIENCE_SECONDS)

    children.kill()

    wait_for(lambda: child.exit_code == -signal.SIGKILL)


RUNNER = """
import sys, time
from pathlib import Path
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.signals import StopSignals

with Children(StopSignals()) as children:
    for code in sys.argv[2:]:
        child = Child("child", [sys.executable, "-c", code], log=Path(sys.argv[1]), environment={}, stop_seconds=0.5)
        children.start(child)
        print(child.group, flush=True)
    time.sleep(600)
"""


def test_no_child_outlives_a_runner_that_is_killed(make: Make, tmp_path: Path) -> None:
    runner = Child(
        "runner",
        [sys.executable, "-c", RUNNER, tmp_path / "log", SLEEPER, DEAF],
        log=tmp_path / "runner.log",
        environment={"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    runner.start()
    wait_for(lambda: len(runner.log.read_text().split()) == 2)
    started = [int(pid) for pid in runner.log.read_text().split()]
    assert all(map(is_alive, started))

    os.kill(runner.group, signal.SIGKILL)

    wait_for(lambda: not any(map(is_alive, started)))
    runner.stop()
