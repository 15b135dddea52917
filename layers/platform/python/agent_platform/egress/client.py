"""Requests to addresses that users name.

A name is resolved once, every address it stands for must be on the public internet, and the connection goes to one of
those that were judged: a name that leads elsewhere a moment later (DNS rebinding) changes nothing. TLS, the `Host`
header and the certificate still go by the name. Nothing is taken from the environment, no proxy and no credentials.
"""

import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urljoin

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, ReadTimeoutError
from urllib3.exceptions import SSLError as UrllibSslError
from urllib3.util import Url, parse_url

from agent_platform.egress.addresses import is_public
from agent_platform.egress.bounds import Bounds, BoundSocket, BoundTls, TooMuch
from agent_platform.errors import ConfigurationError, EgressFailed, EgressRefused

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

PORTS = frozenset({443, 8443})
"""Where requests may go; every other port is some other protocol's, or an inner service's."""

MAX_URL = 2048
"""Characters."""

MAX_BODY_BYTES = 64 * 1024
"""Of an answer; what follows is not read."""

MAX_RECEIVED_BYTES = 256 * 1024
"""Of an answer with its head and the framing of its body."""

CONNECT_SECONDS = 4.0
"""For each address of a name, within the time of the whole request."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_USER = re.compile(r"[^/?#]*//[^/?#]*@")
"""Also an empty user, which parsers leave out."""

_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name; raises OSError where there are none."""

# It warns of odd headers with the whole address, and an address may hold a secret of its owner's.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, as bytes that nobody decoded."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes
    complete: bool
    """False where the body was longer than is read, or did not come in time."""
    milliseconds: int


@dataclass(frozen=True, slots=True)
class _Destination:
    """An address that was judged."""

    scheme: str
    host: str
    port: int
    target: str
    addresses: Sequence[str]


class Egress:
    """Sends requests to the public internet, and to nothing else but the addresses that the deployment allows."""

    def __init__(self, allow: str | None = None, *, resolve: Resolver | None = None, trust: str | None = None) -> None:
        """Prepare.

        Args:
            allow: `address:port` of private servers that may be reached all the same, also without TLS, joined by
                commas: for a laptop and its tests. None where nobody can have one allowed.
            resolve: how names are looked up, instead of the system's way.
            trust: PEM text of the authorities whose certificates are believed, instead of the system's.
        """
        self._on_a_laptop = allow is not None
        self._allowed = frozenset(_allowed(each) for each in (allow or "").split(",") if each.strip())
        self._resolve = resolve or _look_up
        self._trust = trust
        self._tls: ssl.SSLContext | None = None

    def check(self, url: str, *, seconds: float = 5.0) -> None:
        """Whether a request could be sent there at this moment.

        Raises:
            EgressRefused: never there.
            EgressFailed: its name is not known.
        """
        self._judge(url, Bounds(seconds, 0))

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 10.0,
        redirects: int = 0,
    ) -> Answer:
        """Send a request and read the answer, all within `seconds`.

        Args:
            redirects: how many are followed, each judged like the first address; by default the redirect is the answer.

        Raises:
            EgressRefused: the address, or one that it redirects to, is not public; nothing was sent there.
            EgressFailed: no connection, no trust, no answer in time, or none that is HTTP.
        """
        began, bounds = time.monotonic(), Bounds(seconds, MAX_RECEIVED_BYTES)
        sent = dict(headers or {})
        while True:
            to = self._judge(url, bounds)
            answer = self._exchange(to, method, sent, body, bounds, began)
            location = answer.headers.get("location")
            if answer.status not in REDIRECTS or location is None or redirects <= 0:
                return answer
            redirects -= 1
            url = urljoin(url, location)
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            if origin_of(url) != (to.scheme, to.host, to.port):
                sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIALS}

    def _judge(self, url: str, bounds: Bounds) -> _Destination:
        parsed = _parsed(url)
        host = (parsed.host or "").removeprefix("[").removesuffix("]")
        port = _port(parsed)
        ordinary = parsed.scheme == "https" and port in PORTS
        if not ordinary and all(port != each for _, each in self._allowed):
            raise EgressRefused(_out_of_order(parsed) + self._hint(host, port))
        addresses = self._addresses(host, port, bounds)
        if not all((each, port) in self._allowed for each in addresses):
            if not ordinary:
                raise EgressRefused(_out_of_order(parsed) + self._hint(host, port))
            if not all(is_public(each) or (each, port) in self._allowed for each in addresses):
                # Not what it resolves to: that would tell about the network the platform runs in.
                told = "The address leads to a host that is not on the public internet."
                raise EgressRefused(told + self._hint(host, port))
        return _Destination(parsed.scheme or "", host, port, parsed.request_uri, addresses)

    def _hint(self, host: str, port: int) -> str:
        """On a laptop, how a server of one's own is reached all the same."""
        try:
            address = ip_address("127.0.0.1" if host.lower() == "localhost" else host)
        except ValueError:
            return ""
        if not self._on_a_laptop or is_public(str(address)):
            return ""
        allow = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        return f" A server of yours is reached if the platform is started with `EGRESS_ALLOW={allow}`."

    def _addresses(self, host: str, port: int, bounds: Bounds) -> Sequence[str]:
        """Looked up in a thread, because the system's resolver knows no deadline."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            pass  # a name, or digits that only the resolver reads
        found: list[Sequence[str]] = []
        faults: list[Exception] = []

        def look_up() -> None:
            try:
                found.append([each.partition("%")[0] for each in self._resolve(host, port)])
            except (OSError, UnicodeError) as error:
                faults.append(error)

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(bounds.seconds_left())
        if not found or not found[0]:
            cause = faults[0] if faults else None
            raise _failed("name", "The name of the host is not known, or its name server does not answer.") from cause
        return found[0]

    def _exchange(
        self,
        to: _Destination,
        method: Method,
        headers: Mapping[str, str],
        body: bytes | None,
        bounds: Bounds,
        began: float,
    ) -> Answer:
        connection = self._connection(to, bounds)
        try:
            connection.connect()
            cast("BoundSocket | BoundTls", connection.sock).bounds = bounds
            connection.request(
                method,
                to.target,
                body=body,
                headers={"Accept-Encoding": "identity", "Connection": "close", **headers},
                preload_content=False,
                decode_content=False,
            )
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.headers.items()}
            read, complete = _read(answer)
        except (HTTPError, HTTPException, OSError) as error:
            raise _translated(error) from error
        finally:
            connection.close()
        return Answer(answer.status, named, read, complete, round((time.monotonic() - began) * 1000))

    def _connection(self, to: _Destination, bounds: Bounds) -> "_Plain | _Tls":
        # What trails a name is for the resolver: certificates and servers know the name without it.
        host, left = to.host.rstrip("."), bounds.seconds_left()
        if to.scheme == "http":
            connection: _Plain | _Tls = _Plain(host, to.port, timeout=left)
        else:
            connection = _Tls(host, to.port, timeout=left, ssl_context=self._tls_context())
        connection.dial = lambda: _dial(to, bounds)
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = ssl.create_default_context(cadata=self._trust)
            context.set_alpn_protocols(["http/1.1"])
            context.sslsocket_class = BoundTls
            self._tls = context
        return self._tls


class _Plain(HTTPConnection):
    dial: Callable[[], socket.socket]

    def _new_conn(self) -> socket.socket:
        return self.dial()


class _Tls(HTTPSConnection):
    dial: Callable[[], socket.socket]

    def _new_conn(self) -> socket.socket:
        return self.dial()


def _parsed(url: str) -> Url:
    """The parts of an address.

    Raises:
        EgressRefused: it is none, or holds what an address of a server has no use for.
    """
    if len(url) > MAX_URL:
        raise EgressRefused(f"The address is longer than {MAX_URL} characters.")
    if any(each <= " " or each in "\\\x7f" for each in url):
        raise EgressRefused("The address holds a space, a control character or a backslash.")
    try:
        parsed = parse_url(url)
    except LocationParseError:
        raise EgressRefused("This is no address of the form `https://host/path`.") from None
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise EgressRefused("Give an address of the form `https://host/path`.")
    if parsed.auth is not None or _USER.match(url):
        raise EgressRefused("The address must not hold a user name or password.")
    if "%" in parsed.host or len(parsed.host) > 253:
        raise EgressRefused("The host of the address is not written as a plain name or IP address.")
    return parsed


def _out_of_order(parsed: Url) -> str:
    if parsed.scheme != "https":
        return "The address must begin with `https://`."
    return f"The address must use port {' or '.join(map(str, sorted(PORTS)))}."


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port that a request would go to, by the reading that requests are sent by.

    Two readings of one address are how lists of allowed hosts are passed.

    Raises:
        EgressRefused: it is none.
    """
    parsed = _parsed(url)
    host = (parsed.host or "").removeprefix("[").removesuffix("]")
    return parsed.scheme or "", host, _port(parsed)


def _port(parsed: Url) -> int:
    if parsed.port is not None:
        return parsed.port
    return 443 if parsed.scheme == "https" else 80


def _allowed(entry: str) -> tuple[str, int]:
    address, _, port = entry.strip().rpartition(":")
    try:
        return str(ip_address(address.removeprefix("[").removesuffix("]"))), int(port)
    except ValueError:
        raise ConfigurationError(
            f"EGRESS_ALLOW holds `{entry.strip()}`: give addresses and ports such as 127.0.0.1:9000, joined by commas."
        ) from None


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _dial(to: _Destination, bounds: Bounds) -> socket.socket:
    """Connect to the first of the judged addresses that takes the connection."""
    fault: OSError | None = None
    for address in to.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        dialled = BoundSocket(family, socket.SOCK_STREAM)
        try:
            dialled.settimeout(min(CONNECT_SECONDS, bounds.seconds_left()))
            dialled.connect((address, to.port))
            dialled.settimeout(bounds.seconds_left())
        except OSError as error:
            dialled.close()
            fault = error
        else:
            return dialled
    if isinstance(fault, TimeoutError):
        raise _failed("timeout", "The host did not take the connection in time.") from fault
    raise _failed("unreachable", "The host does not take connections.") from fault


def _read(answer: "HTTPResponse") -> tuple[bytes, bool]:
    """The body, as far as it is read. Who has given a status has answered: a body that breaks off is not complete."""
    read = bytearray()
    try:
        for piece in answer.stream(1024, decode_content=False):
            read += piece
            if len(read) > MAX_BODY_BYTES:
                return bytes(read[:MAX_BODY_BYTES]), False
    except (HTTPError, HTTPException, OSError):
        return bytes(read), False
    return bytes(read), True


def _translated(error: Exception) -> EgressFailed:
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return _failed("timeout", "The host did not answer in time.")
    if isinstance(error, ssl.SSLCertVerificationError | UrllibSslError):
        return _failed("tls", "The host's certificate is not valid for this name.")
    if isinstance(error, ssl.SSLError):
        return _failed("tls", "The host does not speak TLS as it is spoken today.")
    if isinstance(error, OSError) and not isinstance(error, TooMuch):
        return _failed("unreachable", "The host broke the connection off.")
    return _failed("protocol", "The host's answer is not HTTP.")


def _failed(reason: Literal["name", "unreachable", "tls", "timeout", "protocol"], detail: str) -> EgressFailed:
    error = EgressFailed(detail)
    error.reason = reason
    return error
