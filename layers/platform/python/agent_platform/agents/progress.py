"""One line that says how far a long step has come: redrawn on a terminal, sparse in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agent_platform.agents.loader import Progress


@contextmanager
def progress_line(title: str) -> Iterator[Progress]:
    """Yields `progress(done, total)`; redraws every 100 ms on a terminal, writes a line every 2 s elsewhere."""
    terminal = sys.stderr.isatty()
    interval, last = (0.1, 0.0) if terminal else (2.0, time.monotonic())

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < interval and not (terminal and done == total):
            return
        last = now
        bar = "█" * (24 * done // max(total, 1))
        sys.stderr.write(f"\r{title} {bar:<24} {done}/{total}" if terminal else f"{title}: {done}/{total}\n")
        sys.stderr.flush()

    try:
        yield progress
    finally:
        if terminal:
            sys.stderr.write("\n")
