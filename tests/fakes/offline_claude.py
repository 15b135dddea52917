"""The offline Claude as a real process on a free loopback port, and the pytest fixtures that hand it out.

A conftest takes them with `from tests.fakes.offline_claude import offline_claude, offline_claude_process`.
"""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PLATFORM = Path(__file__).parents[2] / "layers/platform/python"


@dataclass(frozen=True)
class OfflineServer:
    """A running offline Claude. `url` is what CLAUDE_BASE_URL takes."""

    url: str

    def plan(self, mode: str, **fields: Any) -> None:
        """Put one plan in line; see the docstring of `agent_platform.llm.offline` for the modes."""
        self.call("POST", "/_control", {"mode": mode, **fields})

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked since the last reset, oldest first."""
        return self.call("GET", "/_control/requests")["requests"]

    def reset(self) -> None:
        """Take back all plans, forget what was asked and what was cached."""
        self.call("DELETE", "/_control")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request of the control; its JSON, or None where there is none."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise AssertionError(f"{method} {path}: {response.status} {text.decode()}")
        return json.loads(text) if text else None


@contextmanager
def running_offline_claude(*arguments: str) -> Iterator[OfflineServer]:
    """Start a server of one's own with further arguments; it ends with the block, or with this process."""
    command = [sys.executable, "-m", "agent_platform.llm.offline", "--until-stdin-closes", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
    ) as process:
        assert process.stdin
        assert process.stdout
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(
                f"The offline Claude did not start: exit code {process.wait(10)}, reason on standard error."
            )
        try:
            yield OfflineServer(url)
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def write_catalogue(path: Path, definitions: dict[str, Any]) -> None:
    """Write a catalogue file whole, as the compiler does, with only what the offline Claude reads of it."""
    draft = path.with_suffix(".draft")
    connection = sqlite3.connect(draft)
    with connection:
        connection.execute("CREATE TABLE agents (id TEXT PRIMARY KEY, definition TEXT)")
        rows = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in definitions.items()]
        connection.executemany("INSERT INTO agents VALUES (?, ?)", rows)
    connection.close()
    draft.replace(path)


@pytest.fixture(scope="session")
def offline_claude_process() -> Iterator[OfflineServer]:
    """One server without a catalogue for the whole test session."""
    with running_offline_claude() as server:
        yield server


@pytest.fixture
def offline_claude(offline_claude_process: OfflineServer) -> OfflineServer:
    """The session's server, as if it had just started."""
    offline_claude_process.reset()
    return offline_claude_process
