"""Run a function for a limited time: in a thread of its own, which is left behind when the time is over.

A thread cannot be ended from outside, so three things share the work:

- Python code that spins is stopped: an exception is raised inside the thread at its next step.
- A call that waits (for a lock, a socket, a sleep) goes on in the thread until it returns, and is stopped then. Nobody
  waits for it, and it does not hold the interpreter up.
- Native code that never lets go of the interpreter stops everything, this clock too. No limit of time helps against
  it: a tool bounds what it hands to such code, or uses an engine with a time-out of its own.
"""

from collections.abc import Callable
from contextvars import copy_context
from threading import Lock, Thread

MOST_LEFT_BEHIND = 8
"""Threads that still wait although their time is over. With so many, nothing new is started in this process."""


class TimeOver(Exception):
    """The function had not returned when its time was over."""


class Stopped(BaseException):
    """Raised inside a thread that is left behind; no `except Exception` holds it up."""


_left_behind: list[Thread] = []


def within[R](seconds: float, function: Callable[[], R]) -> R:
    """Return what `function` returns, or raise what it raises, after `seconds` at most.

    Raises:
        TimeOver: it took longer, or too many that took longer are still at work.
    """
    _left_behind[:] = [thread for thread in _left_behind if thread.is_alive()]
    if len(_left_behind) >= MOST_LEFT_BEHIND:
        raise TimeOver
    thread = _Worker(function)
    thread.start()
    thread.join(seconds)
    if thread.is_alive() and thread.stop():
        _left_behind.append(thread)
        raise TimeOver
    thread.join()
    if thread.error is not None:
        raise thread.error
    return thread.result[0]


class _Worker[R](Thread):
    """Has either a result or an error once it ends, unless it was stopped before."""

    def __init__(self, function: Callable[[], R]) -> None:
        super().__init__(name=f"within-{getattr(function, '__qualname__', 'function')}", daemon=True)
        self._function = function
        self._context = copy_context()  # the trace id that the log adds, the decimal context
        self._decided = Lock()
        self._finished = False
        self.result: list[R] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            try:
                self.result.append(self._context.run(self._function))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits raises it
                self.error = error
            with self._decided:
                self._finished = True
        except Stopped:
            return

    def stop(self) -> bool:
        """Whether it is stopped: not if it has finished in the meantime."""
        import ctypes  # 10 ms, for the rare case

        with self._decided:
            if not self._finished:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), ctypes.py_object(Stopped))
            return not self._finished
