"""Ports on the loopback interface: the ones of the last run if they are free, else the next free ones.

The emulated cloud remembers some of them (a function's environment names the database's port), so a run that finds its
old ports again need not deploy.
"""

import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from infra_cdk.local.errors import LocalRunError, PortTakenError

LOOPBACK = "127.0.0.1"
TRIES = 200


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per server of the run. `site` is the address the user opens; `gateway` differs from it only in `dev`."""

    site: int = 8080
    gateway: int = 8090
    emulator: int = 4566
    database: int = 5433
    claude: int = 8790
    kafka: int = 9092
    kafka_control: int = 9093


@contextmanager
def choosing(tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Held by one start of this user at a time, from the choice of ports until somebody listens on them.

    `tell` hears that another start is waited for.
    """
    path = Path(tempfile.gettempdir()) / f"ai-agents-platform-{os.getuid()}.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            tell("Another start is taking its ports: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def reserve(port: int) -> socket.socket:
    """Listen on a port, for a server that is started later and takes the socket over.

    Raises:
        LocalRunError: somebody was quicker.
    """
    try:
        return socket.create_server((LOOPBACK, port), backlog=512)
    except OSError as error:
        raise LocalRunError(f"Port {port} was taken just now ({error.strerror}): start again.") from error


def is_free(port: int) -> bool:
    """Whether nothing listens on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if probe.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to listen on
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def fixed_port() -> int | None:
    """The port that the user fixed by PORT, or None.

    Raises:
        PortTakenError: another program has it.
        LocalRunError: it is no port number.
    """
    given = os.environ.get("PORT", "").strip()
    if not given:
        return None
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise LocalRunError(f"PORT must be a number from 1 to 65535, not {given!r}.")
    port = int(given)
    if not is_free(port):
        raise PortTakenError(
            f"Port {port} is taken by another program. Stop that program, choose another port (`PORT={port + 1}`), "
            "or leave PORT unset to get the next free one."
        )
    return port


def choose(remembered: Path, site: int | None) -> tuple[Ports, list[str]]:
    """Pick every port of a run.

    Args:
        remembered: JSON file with the ports of the last run; written anew.
        site: the port the user fixed, or None.

    Returns:
        The ports, and a sentence for each one that had to move.

    Raises:
        LocalRunError: no free port within reach.
    """
    wanted = _read(remembered)
    chosen: dict[str, int] = {}
    if site is not None:
        chosen["site"] = site
        del wanted["site"]
    moved: list[str] = []
    for name, port in wanted.items():
        chosen[name] = next_free(port, chosen.values())
        if chosen[name] != port:
            moved.append(f"Port {port} ({name}) is taken: using {chosen[name]}.")
    remembered.write_text(json.dumps(chosen, indent=2) + "\n")
    return Ports(**chosen), moved


def _read(remembered: Path) -> dict[str, int]:
    """The ports of the last run, completed by the defaults; a damaged file counts as none."""
    defaults = asdict(Ports())
    try:
        saved = json.loads(remembered.read_text())
    except (OSError, ValueError):
        return defaults
    if not isinstance(saved, dict):
        return defaults
    known = {field.name for field in fields(Ports)}
    valid = {k: v for k, v in saved.items() if k in known and isinstance(v, int) and 0 < v < 65536}
    return defaults | valid


def next_free(port: int, taken: Collection[int] = ()) -> int:
    """The first free port from this one on that is not among those already given away.

    Raises:
        LocalRunError: there is none within reach.
    """
    for candidate in range(port, min(port + TRIES, 65536)):
        if candidate not in taken and is_free(candidate):
            return candidate
    raise LocalRunError(f"No free port between {port} and {port + TRIES}. Stop some of the programs that listen there.")
