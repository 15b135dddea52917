"""A database that dies in the middle: whole batches or nothing, and what is given again is completed."""

import random
from collections.abc import Iterator
from itertools import batched

import pytest
from sqlalchemy import Engine

from agent_platform.analytics.projections import Projections
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.projections import ProjectionTables
from tests.fakes.generated_events import execution_events, recount
from tests.fakes.ledger_process import Worker
from tests.fakes.postgres import MIGRATED, OwnServer, running_server
from tests.fakes.projected import projected

CRASHES = 3


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with running_server(durable=True) as own:
        yield own


@pytest.fixture
def engine(server: OwnServer) -> Iterator[Engine]:
    opened = open_engine(lambda: server.credentials(MIGRATED))
    yield opened
    opened.dispose()


def test_a_crash_of_the_database_leaves_whole_batches_and_loses_none(server: OwnServer, engine: Engine) -> None:
    chance = random.Random(7)  # noqa: S311
    events = execution_events(2_000)
    by_id = {event.split('"id": "')[1][:36]: event for event in events}
    batches = [*enumerate(batched(events, 50, strict=False))]
    log, projections = AuditLog(engine), Projections(ProjectionTables(engine))
    done: set[int] = set()
    for _ in range(CRASHES):
        worker = Worker(server, MIGRATED, [each for each in batches if each[0] not in done], chunk=20)
        told = [worker.next_done() for _ in range(chance.randrange(2, 7))]
        server.crash()
        while told[-1] is not None:
            told.append(worker.next_done())
        server.restart()
        done |= {number for number in told if number is not None}

        kept = [entry.event_id for entry in log.export()]
        assert log.verify().intact
        assert len(kept) % 50 == 0
        assert {event for number in done for event in batches[number][1]} <= {by_id[each] for each in kept}
        projections.advance()
        expected = recount(by_id[each] for each in kept).usage
        assert projected(engine)["usage"] == {key: tuple(sums) for key, sums in expected.items()}

    worker = Worker(server, MIGRATED, batches)
    while worker.next_done() is not None:
        pass
    assert log.head().seq == len(events)
    assert log.verify().intact
    assert projected(engine)["usage"] == {key: tuple(sums) for key, sums in recount(events).usage.items()}
