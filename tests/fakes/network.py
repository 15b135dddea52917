"""No test leaves this machine: any attempt to look a name up or to connect elsewhere ends the test."""

import sys
from ipaddress import ip_address
from typing import Any


class NetworkForbidden(BaseException):
    """A test tried to reach another machine. Not an `Exception`, so that no code under test can translate it."""


def forbid_network() -> None:
    """Watch every socket of this process, whichever library opens it. Cannot be undone."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a Unix socket has a path instead
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host and not _is_this_machine(str(host)):
        raise NetworkForbidden(f"{event} {host}: tests may only reach this machine. Use a server in tests/fakes.")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
