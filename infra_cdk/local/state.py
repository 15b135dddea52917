"""Where a run keeps what outlives it: one directory, `.local` unless PLATFORM_STATE_DIR names another."""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from infra_cdk.local.errors import AlreadyRunningError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class State:
    """The layout of a state directory. Everything secret in it is readable by its owner alone."""

    directory: Path

    @classmethod
    def from_environment(cls) -> "State":
        """The directory named by PLATFORM_STATE_DIR, or `.local` of the working copy."""
        return cls(Path(os.environ.get("PLATFORM_STATE_DIR") or ROOT / ".local").resolve())

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def mails(self) -> Path:
        """A text file for each mail that the platform sent."""
        return self.directory / "mails"

    @property
    def emulator(self) -> Path:
        return self.directory / "emulator"

    @property
    def database(self) -> Path:
        return self.directory / "database"

    @property
    def ports(self) -> Path:
        return self.directory / "ports.json"

    @property
    def credentials(self) -> Path:
        return self.directory / "credentials.json"

    @property
    def running(self) -> Path:
        """Written when the platform answers: process id and addresses, for scripts and tests."""
        return self.directory / "running.json"

    def create(self) -> None:
        """Make the directories. Only the database's is open to the user that Postgres runs as."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for private in (self.logs, self.emulator, self.mails):
            private.mkdir(mode=0o700, exist_ok=True)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def lock(self) -> "Lock":
        return Lock(self.directory / "lock")


class Lock:
    """Held by one run per state directory. The operating system lets go of it when the holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        """Take the lock.

        Raises:
            AlreadyRunningError: names the process that holds it.
        """
        lock = self._path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunningError(
                f"The platform already runs from this directory (process {holder}). Use that one, or stop it with "
                f"Ctrl-C in its terminal or `kill {holder}`. For a second one beside it set PLATFORM_STATE_DIR to "
                "another directory."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._file = lock

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that only the owner can read, all of it or nothing."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    partial.replace(path)


def credentials(path: Path) -> dict[str, dict[str, str]]:
    """The passwords of this installation, made at random on first use: the database's and two people's."""
    if path.exists():
        known: dict[str, dict[str, str]] = json.loads(path.read_text())
        return known
    made = {
        "database": {"username": "platform", "password": secrets.token_urlsafe(24)},
        "admin": {"email": "admin@example.com", "name": "Admin", "password": secrets.token_urlsafe(15)},
        "demo": {"email": "demo@example.com", "name": "Demo", "password": secrets.token_urlsafe(15)},
    }
    write_private(path, made)
    return made
