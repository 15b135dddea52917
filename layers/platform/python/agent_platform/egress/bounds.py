"""Sockets that hold one request to its time and its bytes, however slowly or endlessly the other side talks."""

import socket
import ssl
import time
from typing import Any


class TooMuch(OSError):
    """The other side sent more than is read."""


class Bounds:
    """What one request may take: seconds in all, from now on, and bytes received."""

    def __init__(self, seconds: float, received: int) -> None:
        self._deadline = time.monotonic() + seconds
        self._received = received

    def seconds_left(self) -> float:
        """Until the deadline.

        Raises:
            TimeoutError: it is over.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time of the request is over.")
        return left

    def take(self, received: int) -> None:
        """Count what came.

        Raises:
            TooMuch: it is more than may come.
        """
        self._received -= received
        if self._received < 0:
            raise TooMuch("The answer is too long.")


class BoundSocket(socket.socket):
    """A socket whose every read waits for what is left of the whole request, not for a time of its own."""

    bounds: Bounds | None = None

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        """All that `http.client` reads with."""
        if self.bounds:
            self.settimeout(self.bounds.seconds_left())
        received = super().recv_into(*arguments, **options)
        if self.bounds:
            self.bounds.take(received)
        return received

    def sendall(self, *arguments: Any) -> None:
        """Its time is that of the whole, whoever set another one meanwhile."""
        if self.bounds:
            self.settimeout(self.bounds.seconds_left())
        super().sendall(*arguments)


class BoundTls(ssl.SSLSocket):
    """The same under TLS (`SSLContext.sslsocket_class`)."""

    bounds: Bounds | None = None

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        """All that `http.client` reads with."""
        if self.bounds:
            self.settimeout(self.bounds.seconds_left())
        received = super().recv_into(*arguments, **options)
        if self.bounds:
            self.bounds.take(received)
        return received

    def send(self, *arguments: Any) -> int:
        """What `sendall` of a TLS socket is made of, a record at a time."""
        if self.bounds:
            self.settimeout(self.bounds.seconds_left())
        return super().send(*arguments)
