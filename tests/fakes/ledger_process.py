"""Processes that keep and apply batches of events, as instances of a function do; any of them may be killed.

They are forked from one process that has everything imported (`multiprocessing`, "forkserver").
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

import pytest

from agent_platform.analytics.ledger import Ledger
from agent_platform.analytics.projections import Projections
from agent_platform.errors import StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.observability import get_logger
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.projections import ProjectionTables
from tests.fakes.postgres import Server

Batch = Sequence[str]


def context() -> ForkServerContext:
    """Where workers come from."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        # Python 3.13.0 looks for what it shall import before it knows where.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return found


def work(server: Server, database: str, batches: Sequence[tuple[int, Batch]], done: Connection, chunk: int) -> None:
    """Keep and apply one batch after another, and tell the number of each that is done."""
    get_logger().setLevel("ERROR")
    engine = open_engine(lambda: server.credentials(database))
    ledger, projections = Ledger(AuditLog(engine)), Projections(ProjectionTables(engine), chunk=chunk)
    with suppress(StorageUnavailable):  # the batch is given to another
        for number, batch in batches:
            assert ledger.keep([CloudEvent.model_validate_json(event) for event in batch]) == []
            projections.keep_up()
            done.send(number)
    done.close()


class Worker:
    """One of them, at work on some batches."""

    def __init__(
        self, server: Server, database: str, batches: Sequence[tuple[int, Batch]], *, chunk: int = 1000
    ) -> None:
        spawn = context()
        self._told, telling = spawn.Pipe(duplex=False)
        self.process: ForkServerProcess = spawn.Process(
            target=work, args=(Server(server.socket, server.port), database, batches, telling, chunk)
        )
        self.process.start()
        telling.close()

    def next_done(self) -> int | None:
        """Wait for the number of the next batch that is done; None once the process is over."""
        try:
            number: int = self._told.recv()
        except EOFError:
            self.process.join()
            return None
        return number

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self.process.kill()
        self.process.join()
