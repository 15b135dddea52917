"""Just enough HTTP/1.1 on asyncio for a loopback server: persistent connections, one write per answer, no tasks.

asyncio sets TCP_NODELAY on every connection, so an answer is not held back to be merged with a later one.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
# The Messages API refuses more than 32 MB (platform.claude.com/docs/en/api/overview, request size limits).
MAX_BODY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `path` has no query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """One answer: a whole `body`, or `chunks` sent one by one, `chunk_pause` seconds apart.

    `delay` holds it back that many seconds; `disconnect` closes the connection instead of sending it.
    """

    status: int = 200
    body: bytes = b""
    chunks: list[bytes] | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    chunk_pause: float = 0.0
    disconnect: bool = False

    def head(self) -> bytes:
        """Status line and headers, with the blank line that ends them."""
        lines = [f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}", f"content-type: {self.content_type}"]
        lines.append("transfer-encoding: chunked" if self.chunks is not None else f"content-length: {len(self.body)}")
        lines.extend(f"{name}: {value}" for name, value in self.headers.items())
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}

Handler = Callable[[Request], Reply]


class UnreadableRequest(Exception):
    """The bytes are not a request this server takes; the status says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection(asyncio.Protocol):
    """One client connection; requests on it are answered in order."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._pending: asyncio.TimerHandle | None = None
        self._answering = False
        self._close_after = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio gives TCP servers nothing else
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget an answer that is still held back: its client has gone."""
        self._transport = None
        if self._pending:
            self._pending.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect bytes until a request is whole."""
        self._received += data
        self._answer_next()

    def _answer_next(self) -> None:
        while self._transport and not self._answering:
            try:
                request = self._next_request()
            except UnreadableRequest as error:
                self._close_after = True
                self._start(Reply(error.status, str(error).encode(), content_type="text/plain"))
                return
            if request is None:
                return
            self._close_after = request.headers.get("connection", "").lower() == "close"
            self._start(self._handler(request))

    def _next_request(self) -> Request | None:
        """Take one whole request from what was received, or None if some of it is still to come."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise UnreadableRequest(431, "The headers are larger than 64 KB.")
            return None
        start_line, *lines = self._received[:end].decode("latin-1").split("\r\n")
        try:
            method, target, _version = start_line.split(" ")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
            length = int(headers.get("content-length", "0"))
            if length < 0:
                raise ValueError(length)
        except ValueError:
            raise UnreadableRequest(400, "This is not an HTTP/1.1 request.") from None
        if "transfer-encoding" in headers:
            raise UnreadableRequest(411, "Send the body with a content-length.")
        if length > MAX_BODY_BYTES:
            raise UnreadableRequest(413, "The body is larger than 32 MB.")
        body_end = end + 4 + length
        if len(self._received) < body_end:
            return None
        body = bytes(self._received[end + 4 : body_end])
        del self._received[:body_end]
        path, _, query = target.partition("?")
        return Request(method, path, query, headers, body)

    def _start(self, reply: Reply) -> None:
        self._answering = True
        if reply.delay > 0:
            self._pending = asyncio.get_running_loop().call_later(reply.delay, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self._pending = None
        if not self._transport:
            return
        if reply.disconnect:
            self._transport.abort()
        elif reply.chunks is None:
            self._transport.write(reply.head() + reply.body)
            self._finish()
        elif reply.chunk_pause > 0:
            self._transport.write(reply.head())
            self._send_slowly(reply.chunks, reply.chunk_pause)
        else:
            self._transport.write(reply.head() + b"".join(map(_chunk, reply.chunks)) + b"0\r\n\r\n")
            self._finish()

    def _send_slowly(self, chunks: list[bytes], pause: float) -> None:
        if not self._transport:
            return
        if not chunks:
            self._transport.write(b"0\r\n\r\n")
            self._finish()
            return
        self._transport.write(_chunk(chunks[0]))
        self._pending = asyncio.get_running_loop().call_later(pause, self._send_slowly, chunks[1:], pause)

    def _finish(self) -> None:
        self._answering = False
        if self._close_after and self._transport:
            self._transport.close()
        elif self._received:
            asyncio.get_running_loop().call_soon(self._answer_next)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
