"""Ctrl-C and its relatives: one asks for an orderly end, a second one for an immediate end."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `make` passes SIGTERM on to a child that got it already: what follows this soon is the same request.
SAME_REQUEST_SECONDS = 1.0


class StopRequested(BaseException):
    """The user asked the run to end. Not an Exception, so that nothing mistakes it for a failure."""


class StopSignals:
    """Raises StopRequested in the main thread on the first signal; one more, while stopping, calls `on_impatience`."""

    def __init__(self) -> None:
        self.on_impatience: Callable[[], None] = lambda: None
        self._requested_at: float | None = None
        self._held = False
        self._stopping = False

    def install(self) -> None:
        """Take the signals over, also those that the parent left ignored (a shell does that to background jobs)."""
        for number in STOPPING:
            signal.signal(number, self._hear)

    def stopping(self) -> None:
        """From now on no signal interrupts: the children are being stopped."""
        self._stopping = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hear signals only at the end of the block: between the birth of a process and its entry in the books."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._requested_at is not None and not self._stopping:
            raise StopRequested

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        first, self._requested_at = self._requested_at, self._requested_at or now
        if self._stopping:
            if first is not None and now - first > SAME_REQUEST_SECONDS:
                self.on_impatience()
        elif first is None and not self._held:
            raise StopRequested
