"""The last resort against orphans: a small process that lives a little longer than the runner, to stop its children.

It reads lines from a pipe whose other end only the runner holds: `+<group> <signal> <seconds>` when a child starts,
`-<group>` when it is gone. The pipe closes when the runner ends, however it ends; what is then still watched is
stopped, the last started first.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO


def signal_group(group: int, number: int) -> bool:
    """Signal a process group (0 only asks whether it is there); False when it is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS reports a group of zombies as not permitted
        return False
    return True


class Guard:
    """The runner's side of it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-P", str(Path(__file__).resolve())],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def watch(self, group: int, stop_signal: signal.Signals, stop_seconds: float) -> None:
        self._tell(f"+{group} {int(stop_signal)} {stop_seconds}")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}")

    def stop(self) -> None:
        """Let it go; it ends when nothing is left to watch."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # somebody ended the guard; the run does without
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def watch(lines: IO[str]) -> dict[int, tuple[signal.Signals, float]]:
    """Follow the pipe to its end; returns what is still to be stopped."""
    watched: dict[int, tuple[signal.Signals, float]] = {}
    for line in lines:
        if line.startswith("+"):
            group, number, seconds = line[1:].split()
            watched[int(group)] = (signal.Signals(int(number)), float(seconds))
        elif line.startswith("-"):
            watched.pop(int(line[1:]), None)
    return watched


def stop(group: int, stop_signal: signal.Signals, seconds: float) -> None:
    """Stop a process group that is not our child: ask, wait, then kill."""
    deadline = time.monotonic() + seconds
    alive = signal_group(group, stop_signal)
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = signal_group(group, 0)
    signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for watched_group, how in reversed(watch(sys.stdin).items()):
        stop(watched_group, *how)
