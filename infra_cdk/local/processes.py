"""Child processes: start one, wait until it answers, stop it together with everything it started."""

import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from infra_cdk.local.environment import child_environment
from infra_cdk.local.errors import ChildError
from infra_cdk.local.guard import Guard, signal_group
from infra_cdk.local.signals import StopSignals

POLL_SECONDS = 0.05
TAIL_LINES = 15


class Child:
    """One process in a group of its own, so that a Ctrl-C in the terminal reaches only the runner.

    Args:
        name: what messages call it.
        command: program and arguments.
        log: file that takes its output, written anew at each start.
        environment: all of it; nothing is inherited.
        user: whom to run as, for a child that refuses to run as root.
        inherited: an open socket that it takes over, under the same descriptor.
        stop_signal: sent to the whole group to end it in order.
        stop_seconds: how long it may take after that before it is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path | None = None,
        user: pwd.struct_passwd | None = None,
        inherited: socket.socket | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_seconds: float = 5.0,
    ) -> None:
        self.name = name
        self.log = log
        self.stop_signal = stop_signal
        self.stop_seconds = stop_seconds
        self._command = [str(part) for part in command]
        self._environment = environment
        self._directory = directory
        self._user = user
        self._inherited = () if inherited is None else (inherited.fileno(),)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start it. Returns the id of its process group, which is its process id as well.

        Raises:
            ChildError: the program cannot be started at all.
        """
        with self.log.open("wb") as output:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=self._directory,
                    start_new_session=True,
                    pass_fds=self._inherited,
                    **run_as(self._user),
                )
            except OSError as error:
                raise ChildError(f"{self.name} cannot be started: {error}") from error
        return self._process.pid

    @property
    def group(self) -> int:
        """Id of its process group."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs (or was never started)."""
        return None if self._process is None else self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` says yes.

        Raises:
            ChildError: it ended first, or did not get ready in time.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.exit_code is not None:
                raise self.died()
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {seconds:g} s. {self._last_words()}")
            time.sleep(POLL_SECONDS)

    def wait(self, meanwhile: Callable[[], None]) -> int:
        """Wait for its end, calling `meanwhile` several times a second; returns the exit code."""
        while (code := self.exit_code) is None:
            meanwhile()
            time.sleep(POLL_SECONDS)
        return code

    def stop(self) -> None:
        """End the whole group: first in order, then for good. Does nothing to a child that was not started."""
        if self._process is None:
            return
        signal_group(self._process.pid, self.stop_signal)
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            signal_group(self._process.pid, signal.SIGKILL)  # whatever it left behind in its group
            self._process.wait()

    def kill(self) -> None:
        """End the whole group at once."""
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)

    def died(self) -> ChildError:
        """The error that tells of its end."""
        return ChildError(f"{self.name} stopped by itself ({_how(self.exit_code)}). {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        return f"The end of {self.log}:\n" + "\n".join(f"  {line}" for line in lines)


class Children:
    """The children of a run, in the order of their start. Leaving the context stops them in reverse.

    A guard process watches over them: should this process be killed without a chance to clean up, it stops them.
    """

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals
        self._started: list[Child] = []
        self._guard = Guard()

    def start(self, child: Child) -> None:
        """Start a child and answer for its end from now on."""
        with self._signals.held():
            group = child.start()
            self._started.append(child)
            self._guard.watch(group, child.stop_signal, child.stop_seconds)

    def run(self, child: Child, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run a child to its end, calling `meanwhile` while it runs.

        Raises:
            ChildError: it failed, or another child died meanwhile.
        """

        def look_after_others() -> None:
            meanwhile()
            self.check(but=child)

        self.start(child)
        code = child.wait(look_after_others)
        with self._signals.held():
            self._end(child)
        if code != 0:
            raise child.died()

    def check(self, but: Child | None = None) -> None:
        """Raise ChildError if one of them (but one that may) has ended."""
        for child in self._started:
            if child is not but and child.exit_code is not None:
                raise child.died()

    def stop(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Stop all, the last started first. `tell` hears the name of each before it is stopped."""
        self._signals.stopping()
        while self._started:
            child = self._started[-1]
            tell(child.name)
            self._end(child)

    def kill(self) -> None:
        """End all at once."""
        for child in self._started:
            child.kill()

    def _end(self, child: Child) -> None:
        child.stop()
        self._started.remove(child)
        self._guard.forget(child.group)

    def __enter__(self) -> "Children":
        self._signals.on_impatience = self.kill
        with self._signals.held():
            self._guard.start(child_environment())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._guard.stop()


def run_as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments of Popen that change the user; none for None."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _how(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
