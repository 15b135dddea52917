"""Projections: each entry of the log counts once, strange values hold nobody up, a rebuild gives the same."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.event import listen

from agent_platform.analytics.ledger import Ledger
from agent_platform.analytics.projections import Projections
from agent_platform.events.envelope import CloudEvent
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.postgres import open_engine, transaction
from agent_platform.storage.projections import NAMES, ProjectionTables
from tests.fakes.generated_events import execution_events, recount, run_events
from tests.fakes.platform_events import an_event, kept
from tests.fakes.postgres import Server, database, engine
from tests.fakes.projected import projected

__all__ = ["database", "engine"]

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
LOG_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def log(engine: Engine) -> AuditLog:
    return AuditLog(engine)


@pytest.fixture
def projections(engine: Engine) -> Projections:
    return Projections(ProjectionTables(engine))


def usage(engine: Engine, grain: str = "day") -> list[tuple[Any, ...]]:
    """Keys after the grain, and sums, of every row."""
    return [(*key[1:], *sums) for key, sums in projected(engine)["usage"].items() if key[0] == grain]


def run_event(kind: str, run_id: str, **data: Any) -> CloudEvent:
    fields = {"id": run_id, "workflow_id": "w", "workflow_name": "pay", "version": 1, "owner": "u", "attempt": 1}
    fields |= {"status": "running", "started_at": "2026-03-31T12:00:00Z", "source": {"kind": "api"}}
    return CloudEvent(type=kind, subject=run_id, time=NOON, data=fields | data)  # type: ignore[arg-type]


def test_an_execution_counts_in_its_hour_and_its_day(log: AuditLog, projections: Projections, engine: Engine) -> None:
    late = an_event().model_copy(update={"time": datetime(2026, 4, 1, 1, 59, tzinfo=UTC)})
    elsewhere = late.model_copy(update={"id": "east", "time": datetime.fromisoformat("2026-04-01T01:59:00+02:00")})
    log.append([kept(late), kept(elsewhere)])
    projections.advance()
    assert sorted(key[1] for key in usage_periods(engine, "hour")) == [
        datetime(2026, 3, 31, 23, tzinfo=UTC),
        datetime(2026, 4, 1, 1, tzinfo=UTC),
    ]
    assert sorted(key[1] for key in usage_periods(engine, "day")) == [
        datetime(2026, 3, 31, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    ]


def usage_periods(engine: Engine, grain: str) -> list[tuple[Any, ...]]:
    return [key for key in projected(engine)["usage"] if key[0] == grain]


def test_sums_are_those_of_the_events(log: AuditLog, projections: Projections, engine: Engine) -> None:
    log.append([kept(an_event(cost_usd=0.1)), kept(an_event(cost_usd=0.2, cached=True, escalation={"rule": "r"}))])
    projections.advance()
    (row,) = usage(engine)
    assert row[5:] == (2, 1, 1, 4, 20, 40, 60, 80, Decimal("0.3"), 2400)


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
def test_the_size_of_the_chunks_changes_nothing(log: AuditLog, engine: Engine, chunk: int) -> None:
    chance = random.Random(3)  # noqa: S311
    events = execution_events(40) + run_events(20)
    chance.shuffle(events)
    log.append([kept(CloudEvent.model_validate_json(event)) for event in events])
    states = Projections(ProjectionTables(engine), chunk=chunk).advance()
    assert [(state.applied_seq, state.head) for state in states] == [(len(events), len(events))] * len(NAMES)
    found, counted = projected(engine), recount(events)
    assert found["usage"] == {key: tuple(sums) for key, sums in counted.usage.items()}
    assert {key[0]: values[:13] for key, values in found["workflow_history"].items()} == counted.runs


def test_time_that_is_up_ends_the_work_between_two_chunks(log: AuditLog, engine: Engine) -> None:
    log.append([kept(an_event()) for _ in range(5)])
    projections = Projections(ProjectionTables(engine), chunk=2)
    assert [state.applied_seq for state in projections.advance(lambda: False)] == [2, 2]
    assert [state.applied_seq for state in projections.advance()] == [5, 5]


@pytest.fixture
def engines(postgres: Server, database: str) -> Iterator[list[Engine]]:
    opened = [open_engine(lambda: postgres.credentials(database)) for _ in range(4)]
    yield opened
    for each in opened:
        each.dispose()


def test_many_at_once_apply_each_entry_once(log: AuditLog, engine: Engine, engines: list[Engine]) -> None:
    log.append([kept(an_event()) for _ in range(200)])

    def advance(mine: Engine) -> None:
        Projections(ProjectionTables(mine), chunk=3).advance()

    with ThreadPoolExecutor(4) as pool:
        [*pool.map(advance, engines)]
    (row,) = usage(engine)
    assert row[5] == 200


class TestRuns:
    def history(self, engine: Engine) -> tuple[Any, ...]:
        (values,) = projected(engine)["workflow_history"].values()
        return values

    def test_the_end_of_the_last_attempt_counts_in_whatever_order_events_come(
        self, log: AuditLog, projections: Projections, engine: Engine
    ) -> None:
        again = {
            "attempt": 2,
            "status": "succeeded",
            "cost_usd": 0.5,
            "duration_ms": 7,
            "finished_at": f"{NOON:%FT%TZ}",
        }
        for event in (
            run_event("workflow.completed", "r", **again),
            run_event("workflow.started", "r", attempt=2),
            run_event("workflow.failed", "r", status="failed", error={"code": "late"}),
            run_event("workflow.started", "r"),
        ):
            log.append([kept(event)])
            projections.advance()
        assert self.history(engine)[5:12] == ("succeeded", 2, NOON, NOON, 7, Decimal("0.5"), None)

    def test_a_run_that_is_tried_again_is_running(
        self, log: AuditLog, projections: Projections, engine: Engine
    ) -> None:
        log.append([kept(run_event("workflow.failed", "r", status="failed", error={"code": "late"}))])
        projections.advance()
        assert self.history(engine)[5:7] == ("failed", 1)
        assert self.history(engine)[11] == "late"
        log.append([kept(run_event("workflow.started", "r", attempt=2))])
        projections.advance()
        assert self.history(engine)[5:12] == ("running", 2, NOON, None, None, None, None)


class TestAsOf:
    def test_it_is_the_time_of_the_newest_event(self, log: AuditLog, projections: Projections) -> None:
        assert [state.as_of for state in projections.states()] == [None, None]
        newest, older = (an_event().model_copy(update={"time": NOON - timedelta(hours=n)}) for n in (0, 1))
        log.append([kept(newest)])
        projections.advance()
        log.append([kept(older)])
        assert [state.as_of for state in projections.advance()] == [NOON, NOON]

    def test_a_clock_that_is_ahead_does_not_count(self, log: AuditLog, projections: Projections) -> None:
        log.append([kept(an_event().model_copy(update={"time": datetime(9999, 12, 31, tzinfo=UTC)}))])
        (state, _) = projections.advance()
        assert state.as_of is not None
        assert LOG_TIME < state.as_of < datetime(9999, 1, 1, tzinfo=UTC)


class TestRebuild:
    def test_it_gives_the_same_and_says_when_it_is_complete(self, log: AuditLog, engine: Engine) -> None:
        projections = Projections(ProjectionTables(engine), chunk=10)
        log.append([kept(CloudEvent.model_validate_json(event)) for event in execution_events(45)])
        before = (projections.advance(), projected(engine))
        states = projections.rebuild(lambda: False)
        assert [(state.applied_seq, state.rebuilding) for state in states] == [(10, True)] * 2
        assert projected(engine) != before[1]
        states = projections.rebuild()  # goes on, does not begin again
        assert ([replace(state, rebuild_to=0) for state in states], projected(engine)) == before

    def test_what_arrives_meanwhile_is_in_it(self, log: AuditLog, engine: Engine) -> None:
        projections = Projections(ProjectionTables(engine), chunk=2)
        log.append([kept(an_event()) for _ in range(4)])
        projections.advance()
        projections.rebuild(lambda: False)
        log.append([kept(an_event()) for _ in range(3)])
        assert [state.rebuilding for state in projections.advance(lambda: False)] == [False, False]
        assert [(state.applied_seq, state.head) for state in projections.advance()] == [(7, 7)] * 2
        (row,) = usage(engine)
        assert row[5] == 7

    def test_a_rebuild_that_one_projection_has_done_is_not_begun_again_for_the_other(
        self, log: AuditLog, engine: Engine
    ) -> None:
        tables = ProjectionTables(engine)
        log.append([kept(an_event()) for _ in range(4)])
        Projections(tables).advance()
        tables.begin_rebuild()
        tables.apply("usage", 100)
        tables.begin_rebuild()
        assert [state.applied_seq for state in tables.states()] == [4, 0]

    def test_one_that_events_finished_is_not_begun_anew_by_whoever_goes_on_with_it(
        self, log: AuditLog, engine: Engine
    ) -> None:
        projections = Projections(ProjectionTables(engine), chunk=10)
        log.append([kept(an_event()) for _ in range(30)])
        projections.advance()
        interrupted = projections.rebuild(lambda: False)
        assert [(state.applied_seq, state.rebuild_to) for state in interrupted] == [(10, 30)] * 2
        for _ in range(2):
            log.append([kept(an_event())])
            projections.keep_up()
        states = projections.rebuild(lambda: False, to=30)
        assert [(state.applied_seq, state.rebuilding) for state in states] == [(32, False)] * 2
        assert [state.applied_seq for state in projections.rebuild(lambda: False)] == [10, 10]  # a new order


class TestLive:
    """Those who bring events keep the projections up, many at a time."""

    def test_what_somebody_else_is_at_is_left_to_them(
        self, log: AuditLog, engine: Engine, engines: list[Engine]
    ) -> None:
        log.append([kept(an_event()) for _ in range(5)])
        live = Projections(ProjectionTables(engines[0]), chunk=2)
        with transaction(engine, PLATFORM) as somebody:
            somebody.execute(text("SELECT FROM projections WHERE name = 'usage' FOR UPDATE"))
            live.keep_up()  # does not wait
        assert [state.applied_seq for state in live.states()] == [0, 5]
        live.keep_up()
        assert [state.applied_seq for state in live.states()] == [5, 5]

    @pytest.mark.parametrize("way", [Projections.keep_up, Projections.advance])
    def test_what_was_left_to_whoever_was_at_it_is_applied_by_them(
        self, log: AuditLog, engine: Engine, engines: list[Engine], way: Callable[[Projections], object]
    ) -> None:
        """Events come while the last chunk of each projection is under way, and whoever brings them goes away."""
        log.append([kept(an_event()) for _ in range(2)])
        another = Projections(ProjectionTables(engines[0]))
        to_come = [an_event(), an_event()]

        def meanwhile(*told: Any) -> None:
            if to_come and told[2].startswith("UPDATE projections"):
                AuditLog(engines[0]).append([kept(to_come.pop())])
                another.keep_up()

        listen(engine, "before_cursor_execute", meanwhile)
        way(Projections(ProjectionTables(engine)))
        assert [state.applied_seq for state in another.states()] == [4, 4]

    def test_each_takes_one_chunk_of_a_rebuild(self, log: AuditLog, engine: Engine) -> None:
        projections = Projections(ProjectionTables(engine), chunk=10)
        log.append([kept(an_event()) for _ in range(30)])
        projections.advance()
        ProjectionTables(engine).begin_rebuild()
        projections.keep_up()
        assert [(state.applied_seq, state.rebuilding) for state in projections.states()] == [(10, True)] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
STRANGE = JSON | st.sampled_from(
    ["x" * 5000, "NaN", "Infinity", "1e9", "now", "2026-13-45T99:00:00Z", "9999-99", 1e308]
)
_FIELDS = ["agent_id", "owner", "model", "status", "cost_usd", "duration_ms", "tool_calls", "usage", "error", "cached"]
_FIELDS += ["escalation", "id", "workflow_id", "version", "attempt", "source", "started_at", "finished_at"]
DATA = st.dictionaries(st.sampled_from(_FIELDS), STRANGE | st.fixed_dictionaries({"code": STRANGE, "kind": STRANGE}))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["agent.executed", "workflow.started", "workflow.completed", "workflow.failed"]), DATA)
@example("workflow.failed", {"started_at": "0000-01-01T00:00:00Z", "finished_at": "2026-02-30T00:00:00Z"})
@example("workflow.failed", {"started_at": "9999-12-31T23:59:59-14:00", "finished_at": "0001-01-01T00:00:00+14:00"})
@example("workflow.failed", {"finished_at": "2026-01-01T00:00:00 BC", "version": 1e300, "attempt": -1})
@example("agent.executed", {"usage": {"input_tokens": 10**400, "output_tokens": "1", "cache_read_tokens": -1}})
@example("agent.executed", {"status": "failed", "error": ["code"], "cost_usd": 1e308, "duration_ms": 1e308})
@example("agent.executed", dict.fromkeys(("agent_id", "model", "status"), "𝒳" * 500) | {"owner": "𝒳" * 500})
def test_strange_values_hold_nobody_up(engine: Engine, kind: str, data: dict[str, Any]) -> None:
    log, projections = AuditLog(engine), Projections(ProjectionTables(engine))
    before = log.head().seq
    Ledger(log).keep([CloudEvent(type=kind, subject="s", time=NOON, data=data), an_event()])  # type: ignore[arg-type]
    states = projections.advance()
    assert log.head().seq > before
    assert {state.applied_seq for state in states} == {log.head().seq}
    assert projected(engine)["usage"]
