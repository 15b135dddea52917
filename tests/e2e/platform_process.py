"""The whole platform as a user starts it: one process of the runner, with a state directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
START_SECONDS = 400.0
STOP_SECONDS = 40.0


class PlatformProcess:
    """Starts and stops the runner, and knows every process that belongs to it.

    `environment` is what every start is told beside our own.
    """

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self._environment = environment
        self.output = directory.with_name(f"{directory.name}.out")
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start the runner without waiting for it."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra_cdk.local", "run"],
                cwd=ROOT,
                env={**self._told, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self.process

    @property
    def is_alive(self) -> bool:
        """Whether the runner's process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it says where it answers. Does nothing while it runs."""
        if self.is_alive:
            return
        process = self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_announced:
            assert process.poll() is None, f"The platform did not start:\n{self.said}"
            assert time.monotonic() < deadline, f"The platform was not up in {START_SECONDS:g} s:\n{self.said}"
            time.sleep(0.1)

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the project at this platform, as `make` runs it."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self._told,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STOP_SECONDS,
            check=False,
        )

    @property
    def _told(self) -> dict[str, str]:
        return {**_own_environment(), "PLATFORM_STATE_DIR": str(self.directory), **self._environment}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    @property
    def is_announced(self) -> bool:
        """Whether it has said that it answers."""
        return (self.directory / "running.json").exists()

    @property
    def said(self) -> str:
        """What the user has seen so far."""
        return self.output.read_text(errors="replace")

    @property
    def running(self) -> dict[str, Any]:
        """Where its parts answer."""
        told: dict[str, Any] = json.loads((self.directory / "running.json").read_text())
        return told

    @property
    def outputs(self) -> dict[str, dict[str, str]]:
        """The outputs of the deployed stacks."""
        told: dict[str, dict[str, str]] = json.loads((self.directory / "emulator/working/outputs.json").read_text())
        return told

    def account(self, person: str) -> dict[str, str]:
        """E-mail and password of one of the accounts that every installation has."""
        known: dict[str, str] = json.loads((self.directory / "credentials.json").read_text())[person]
        return {"email": known["email"], "password": known["password"]}

    @property
    def passwords(self) -> list[str]:
        """Every password of this installation."""
        return [each["password"] for each in json.loads((self.directory / "credentials.json").read_text()).values()]

    def client(self) -> httpx.Client:
        """A client of the site's address."""
        return httpx.Client(base_url=self.running["site"], timeout=60)

    def processes(self) -> dict[int, str]:
        """Every living process of this platform, orphans too: all carry the state directory in their environment."""
        mark = f"PLATFORM_STATE_DIR={self.directory}\0".encode()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes()
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # another user's, or ended while we looked
        return found


def _own_environment() -> dict[str, str]:
    """Ours, without the coverage of pytest, and without a key and brokers: the platform has its own."""
    foreign = ("PYTEST_", "ANTHROPIC_", "PORT", "KAFKA_", "EGRESS_", "OTEL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
