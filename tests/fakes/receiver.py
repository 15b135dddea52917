"""A server of somebody else's, on this machine: it answers as told and keeps what it was sent."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Received:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """The server. It answers 204 until it is told otherwise."""

    port: int
    received: list[Received] = field(default_factory=list)
    behave: Behaviour = field(default=lambda handler: answer(handler, 204))
    scheme: str = "http"

    @property
    def allow(self) -> str:
        """What a deployment has to allow, so that it is reached."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://{self.allow}/hook"

    def answers(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer so from now on; `_` in the names of headers stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.behave = lambda handler: answer(handler, status, body, named)


def answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> None:
    """A whole answer."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.received.append(Received(self.command, self.path, dict(self.headers.items()), body))
            try:
                receiver.behave(self)
            except OSError:
                self.close_connection = True  # who asked has gone

        def do_GET(self) -> None:
            self.do_POST()

        do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the names that the base class calls

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Who breaks a handshake off is no failure of the test."""

        def finish_request(self, request: Any, client_address: Any) -> None:
            served = tls.wrap_socket(request, server_side=True) if tls else request
            super().finish_request(served, client_address)
            if served is not request:
                served.close()

    with Server((LOOPBACK, 0), Handler) as server:
        receiver = Receiver(server.server_address[1], scheme="https" if tls else "http")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
