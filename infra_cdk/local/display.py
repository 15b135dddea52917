"""What the user sees: one line per step with its time, a spinner on a terminal, plain lines anywhere else."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

HEARTBEAT_SECONDS = 10.0


class Step:
    """A step in progress; its note says how far it is."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.note = ""

    @property
    def text(self) -> str:
        return f"{self.title} … {self.note}" if self.note else f"{self.title} …"


class Display:
    """Writes to standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs and its time when it is done. On an error nothing more is said."""
        step = Step(title)
        started = time.monotonic()
        with self._spinner(step) if self._console.is_terminal else self._heartbeat(step):
            yield step
        took = time.monotonic() - started
        self._console.print(f"[green]✓[/] {escape(title)} [dim]{took:.1f} s[/]")

    def say(self, text: str) -> None:
        self._console.print(escape(text))

    def announce(self, title: str, lines: list[str]) -> None:
        """What the user came for. Without a frame, so that a terminal breaks no address or command when it wraps."""
        self._console.print(f"\n[bold green]{escape(title)}[/]\n")
        for line in lines:
            self._console.print(f"  {escape(line)}")
        self._console.print()

    def fail(self, text: str) -> None:
        """An error, to standard error."""
        Console(file=sys.stderr, highlight=False, soft_wrap=True).print(f"[red]✗[/] {escape(text)}")

    @contextmanager
    def _spinner(self, step: Step) -> Iterator[None]:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(step.text, total=None)
            with _ticking(0.2, lambda _: progress.update(task, description=step.text)):
                yield

    @contextmanager
    def _heartbeat(self, step: Step) -> Iterator[None]:
        self._console.print(f"  {escape(step.title)} …")
        with _ticking(HEARTBEAT_SECONDS, lambda s: self._console.print(f"  {escape(step.text)} ({s:.0f} s)")):
            yield


@contextmanager
def _ticking(every: float, tick: Callable[[float], None]) -> Iterator[None]:
    """Call `tick` with the seconds since the start, again and again, while the block runs."""
    done = threading.Event()
    started = time.monotonic()

    def run() -> None:
        while not done.wait(every):
            tick(time.monotonic() - started)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
