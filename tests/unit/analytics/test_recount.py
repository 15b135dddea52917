"""The proof of the projections: they equal a plain recount of the events, whatever order and fate the events had."""

import random
import time
from collections.abc import Sequence
from itertools import batched

from sqlalchemy import Engine

from agent_platform.analytics.histogram import merged, percentile
from agent_platform.analytics.projections import Projections
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.projections import ProjectionTables
from tests.fakes.generated_events import Recount, execution_events, recount, run_events
from tests.fakes.ledger_process import Batch, Worker
from tests.fakes.postgres import Server, database, engine
from tests.fakes.projected import Rows, projected

__all__ = ["database", "engine"]

EXECUTIONS, RUNS, WORKERS = 10_000, 1_500, 3


def deliver(server: Server, name: str, batches: Sequence[Batch], chance: random.Random) -> int:
    """Give batches to processes until each is done; all but one are killed in the middle, and others take over.

    Returns how many were killed.
    """
    waiting = [*enumerate(batches)]
    killed = 0
    while waiting:
        shares = [waiting[number::WORKERS] for number in range(WORKERS)]
        steady, *doomed = [Worker(server, name, share) for share in shares if share]
        done: set[int] = set()
        for worker in doomed:
            done |= {number for _ in range(chance.randrange(1, 6)) if (number := worker.next_done()) is not None}
            time.sleep(chance.random() * 0.03)  # waits for nothing: where in a batch it dies is up to chance
            worker.kill()
            killed += 1
        for worker in (steady, *doomed):
            while (number := worker.next_done()) is not None:
                done.add(number)
        waiting = [each for each in waiting if each[0] not in done]
    return killed


def shuffled(events: Sequence[str], chance: random.Random) -> list[Batch]:
    """Batches of a hundred in any order, in which every fifth event comes twice."""
    doubled = [*events, *chance.sample(events, len(events) // 5)]
    chance.shuffle(doubled)
    return [*batched(doubled, 100, strict=False)]


def expected(counted: Recount) -> dict[str, Rows]:
    """A recount in the shape of the tables."""
    return {
        "usage": {key: tuple(sums) for key, sums in counted.usage.items()},
        "usage_latency": {key: (count,) for key, count in counted.latency.items()},
        "usage_errors": {key: (count,) for key, count in counted.errors.items()},
        "workflow_history": {(run_id,): told for run_id, told in counted.runs.items()},
    }


def without_rank(tables: dict[str, Rows]) -> dict[str, Rows]:
    """The tables without what tells which event of a run was the latest."""
    runs = {key: values[:13] for key, values in tables["workflow_history"].items()}
    return {**tables, "workflow_history": runs}


def test_ten_thousand_executions_are_counted_as_by_hand(engine: Engine, postgres: Server, database: str) -> None:
    chance = random.Random(5)  # noqa: S311
    events = execution_events(EXECUTIONS) + run_events(RUNS)
    counted = recount(events)
    log, projections = AuditLog(engine), Projections(ProjectionTables(engine))

    started = time.monotonic()
    killed = deliver(postgres, database, shuffled(events, chance), chance)
    states = projections.advance()  # what a process had kept and not applied when it was killed
    delivered = time.monotonic() - started
    assert killed >= 4
    assert [state.applied_seq for state in states] == [len(events)] * 2
    found = projected(engine)
    assert without_rank(found) == expected(counted)
    assert log.verify().intact

    for grain, worst in percentiles_off(counted, found).items():
        assert worst <= 0.05, grain

    started = time.monotonic()
    projections.rebuild()
    rebuilt = time.monotonic() - started
    assert projected(engine) == found

    head = log.head()
    deliver(postgres, database, shuffled(events, chance), chance)
    assert log.head() == head
    assert projected(engine) == found
    print(
        f"\n{len(events)} events, {killed} processes killed: {len(events) / delivered:.0f} events/s kept and applied; "
        f"rebuilt in {rebuilt:.1f} s ({len(events) / rebuilt:.0f} events/s)"
    )


def percentiles_off(counted: Recount, found: dict[str, Rows]) -> dict[str, float]:
    """By how much the histograms of all hours and of all days miss the exact percentiles, at worst."""
    histograms: dict[tuple[object, ...], list[dict[int, int]]] = {}
    for (grain, period, *_, bucket), (count,) in found["usage_latency"].items():
        histograms.setdefault((grain, period), []).append({bucket: count})
    worst = {"hour": 0.0, "day": 0.0}
    for (grain, period), durations in counted.durations.items():
        ordered = sorted(durations)
        whole = merged(histograms[grain, period])
        for percent in (50, 90, 95, 99):
            exact = max(1, ordered[-(-percent * len(ordered) // 100) - 1])  # the nearest rank, rounded up
            told = percentile(whole, percent / 100)
            assert told is not None
            worst[grain] = max(worst[grain], abs(told - exact) / exact)
    return worst
