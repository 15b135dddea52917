"""The audit log: each event once, in order, chained; whoever changes the past is found out."""

import hashlib
import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.event import listen
from sqlalchemy.exc import ProgrammingError

from agent_platform.cursors import encode_cursor
from agent_platform.errors import EventNotStorable, InvalidCursor, InvalidInput
from agent_platform.events.envelope import CloudEvent
from agent_platform.storage import audit, audit_chain
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.audit_chain import canonical
from agent_platform.storage.postgres import open_engine, transaction
from tests.fakes.platform_events import an_event, kept
from tests.fakes.postgres import Server, database, engine

__all__ = ["database", "engine"]

ZERO = "0" * 64
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def log(engine: Engine) -> AuditLog:
    return AuditLog(engine)


@pytest.fixture
def filled(log: AuditLog) -> AuditLog:
    """A log with entries 1 to 9."""
    for _ in range(3):
        log.append([kept(an_event()) for _ in range(3)])
    return log


def tamper(server: Server, name: str, statement: str) -> None:
    """What a superuser can do who takes the triggers out of the way."""
    server.administer(f"SET session_replication_role = replica; {statement}", name)


def test_an_empty_log_ends_at_nothing_and_is_intact(log: AuditLog) -> None:
    assert (log.head().seq, log.head().hash) == (0, ZERO)
    found = log.verify()
    assert (found.verified_from, found.verified_to, found.intact) == (1, 0, True)


def test_entries_are_numbered_without_gaps_and_chained(filled: AuditLog) -> None:
    entries = filled.export()
    assert [entry.seq for entry in entries] == [*range(1, 10)]
    assert [entry.prev_hash for entry in entries] == [ZERO, *(entry.hash for entry in entries[:-1])]
    assert filled.head().hash == entries[-1].hash


def test_anyone_can_check_the_chain_from_an_export_alone(filled: AuditLog) -> None:
    before = bytes(32)
    for entry in filled.export():
        assert hashlib.sha256(before + entry.canonical.encode()).hexdigest() == entry.hash
        recorded_at = f"{entry.recorded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        said = {"event": entry.event, "recorded_at": recorded_at, "seq": entry.seq}
        assert json.loads(entry.canonical) == said
        assert canonical(said) == entry.canonical
        before = bytes.fromhex(entry.hash)


def test_an_event_is_kept_once_however_often_it_comes(log: AuditLog) -> None:
    one, two, three = (kept(an_event()) for _ in range(3))
    assert log.append([one, two, one]).added == 2
    head = log.head()
    assert log.append([two, one]).added == 0
    assert log.head() == head
    assert log.append([one, three]).added == 1
    assert [entry.event_id for entry in log.export()] == [one.id, two.id, three.id]


def test_an_event_is_kept_faithfully(log: AuditLog) -> None:
    event = an_event(note="Päckchen 📦 \ud7ff \x01 \\u0000", amounts=[1e-7, -0.5, 12345678901234567890, 0.1])
    log.append([kept(event)])
    (entry,) = log.export()
    assert CloudEvent.model_validate(entry.event) == event
    assert (entry.event_id, entry.type, entry.subject) == (event.id, event.type, event.subject)
    assert (entry.owner, entry.occurred_at) == ("user-1", event.time)


def test_numbers_at_the_ends_of_what_there_is_hold_in_the_chain(log: AuditLog) -> None:
    log.append([kept(an_event(amounts=[1e300, -1.7976931348623157e308, 5e-324, 10**400, -0.0, 1e22, 1.0]))])
    assert log.verify().intact


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"note": "a\0b"}, "NUL"),
        ({"a\0b": 1}, "NUL"),
        ({"cost_usd": math.nan}, "cannot be kept"),
        ({"cost_usd": math.inf}, "cannot be kept"),
        ({"note": "\ud800"}, "cannot be kept"),
        ({"count": 10**5000}, "cannot be kept"),
        ({"owner": "x" * 501}, "`owner` is longer than 500"),
    ],
)
def test_what_the_database_cannot_keep_is_told_before(changes: dict[str, object], says: str) -> None:
    with pytest.raises(EventNotStorable, match=says):
        audit.AuditEvent.of(an_event().model_dump(mode="json") | {"data": changes})


@pytest.mark.parametrize("field", ["id", "subject"])
def test_names_that_are_too_long_for_an_index_are_told_before(field: str) -> None:
    with pytest.raises(EventNotStorable, match=f"`{field}` is longer"):
        kept(an_event().model_copy(update={field: "ü" * 501}))


def test_the_longest_names_of_the_widest_characters_are_kept(log: AuditLog) -> None:
    event = an_event(owner="𝒳" * 500).model_copy(update={"id": "𝒴" * 500, "subject": "𝒵" * 500})
    assert log.append([kept(event)]).added == 1


def test_what_the_database_refuses_all_the_same_is_told_apart_from_a_failure(log: AuditLog) -> None:
    event = kept(an_event())
    odd = audit.AuditEvent(event.id, event.type, event.subject, None, event.time, '"a\\u0000b"')
    with pytest.raises(EventNotStorable, match="refuses") as refused:
        log.append([kept(an_event()), odd])
    assert "u0000" not in str(refused.value)
    assert log.head().seq == 0


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET owner = NULL", "DELETE FROM audit_log WHERE seq = 9", "TRUNCATE audit_log"],
)
def test_the_database_refuses_to_change_the_past(filled: AuditLog, engine: Engine, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(engine, PLATFORM) as session:
        session.execute(text(statement))
    # Nor for who owns the table.
    with pytest.raises(ProgrammingError, match=r"append-only: [A-Z]+ is refused"), engine.begin() as connection:
        connection.execute(text(statement))
    assert filled.verify().intact


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit_log SET event = jsonb_set(event, '{data,cost_usd}', '0') WHERE seq = 5", 5),
        ("UPDATE audit_log SET canonical = replace(canonical, 'succeeded', 'failed') WHERE seq = 5", 5),
        ("UPDATE audit_log SET canonical = 'no JSON' WHERE seq = 5", 5),
        ("UPDATE audit_log SET canonical = 'x', hash = sha256(prev_hash || 'x') WHERE seq = 9", 9),
        ("UPDATE audit_log SET owner = 'somebody-else' WHERE seq = 5", 5),
        ("UPDATE audit_log SET owner = NULL WHERE seq = 5", 5),
        ("UPDATE audit_log SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = 5", 5),
        ("UPDATE audit_log SET recorded_at = recorded_at + interval '1 microsecond' WHERE seq = 5", 5),
        ("UPDATE audit_log SET type = 'workflow.failed' WHERE seq = 1", 1),
        ("UPDATE audit_log SET event_id = 'x' WHERE seq = 9", 9),
        ("UPDATE audit_log SET prev_hash = hash WHERE seq = 5", 5),
        ("DELETE FROM audit_log WHERE seq = 1", 1),
        ("DELETE FROM audit_log WHERE seq = 5", 5),
        ("DELETE FROM audit_log WHERE seq IN (4, 5)", 4),
        ("DELETE FROM audit_log WHERE seq >= 8", 8),
        ("DELETE FROM audit_log", 1),
        # Two entries change places.
        (
            """UPDATE audit_log SET seq = CASE seq WHEN 4 THEN 100 ELSE 101 END WHERE seq IN (4, 7);
            UPDATE audit_log SET seq = CASE seq WHEN 100 THEN 7 ELSE 4 END WHERE seq IN (100, 101)""",
            4,
        ),
        # The last entry is made up anew, hash and all: the head knows another.
        (
            """UPDATE audit_log SET canonical = replace(canonical, 'sonnet', 'haiku') WHERE seq = 9;
            UPDATE audit_log SET event = canonical::jsonb -> 'event',
                hash = sha256(prev_hash || convert_to(canonical, 'UTF8')) WHERE seq = 9""",
            9,
        ),
        # An entry is added behind the head.
        (
            """INSERT INTO audit_log SELECT 10, 'made-up', type, subject, owner, occurred_at, recorded_at, event,
            canonical, prev_hash, hash FROM audit_log WHERE seq = 9""",
            10,
        ),
        ("UPDATE audit_head SET seq = 8", 9),
        ("UPDATE audit_head SET hash = sha256('x')", 9),
    ],
)
def test_whoever_changes_the_past_is_found_out(
    filled: AuditLog, postgres: Server, database: str, statement: str, broken_at: int
) -> None:
    tamper(postgres, database, statement)
    found = filled.verify()
    assert (found.intact, found.broken_at) == (False, broken_at)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_a_break_is_found_in_whatever_portions_the_log_is_checked(
    filled: AuditLog, postgres: Server, database: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_chain, "VERIFIED_AT_ONCE", at_once)
    assert filled.verify().verified_to == 9
    tamper(postgres, database, "DELETE FROM audit_log WHERE seq = 5")
    assert filled.verify().broken_at == 5
    assert filled.verify(6).broken_at == 5
    assert filled.verify(1, 4).intact
    assert filled.verify(7).intact


def test_a_check_ends_where_its_time_does_and_goes_on_from_there(
    filled: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_chain, "VERIFIED_AT_ONCE", 2)
    first = filled.verify(time_left=lambda: False)
    assert (first.verified_from, first.verified_to, first.intact) == (1, 2, True)
    assert filled.verify(first.verified_to + 1).verified_to == 9


@pytest.mark.parametrize(
    ("from_seq", "to_seq", "said"),
    [
        (10, None, "the log ends at entry 9"),
        (2**63 - 1, None, "the log ends at entry 9"),
        (12, 15, "the log ends at entry 9"),
        (5, 4, "`to_seq` comes before `from_seq`, 5"),
        (10, 9, "`to_seq` comes before `from_seq`, 10"),
    ],
)
def test_a_check_of_no_entry_is_refused_rather_than_found_intact(
    filled: AuditLog, from_seq: int, to_seq: int | None, said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"Nothing was checked: {said}"):
        filled.verify(from_seq, to_seq)
    assert filled.verify(9, 15).verified_to == 9


@pytest.mark.parametrize(("from_seq", "to_seq"), [(2, None), (1, 1)])
def test_of_an_empty_log_only_the_whole_is_intact(log: AuditLog, from_seq: int, to_seq: int | None) -> None:
    with pytest.raises(InvalidInput, match="the log is empty"):
        log.verify(from_seq, to_seq)


@pytest.mark.parametrize("from_seq", [6, 7, 9])
def test_a_head_that_was_set_back_is_found_from_behind_it_too(
    filled: AuditLog, postgres: Server, database: str, from_seq: int
) -> None:
    tamper(postgres, database, "UPDATE audit_head SET (seq, hash) = (SELECT seq, hash FROM audit_log WHERE seq = 5)")
    found = filled.verify(from_seq)
    assert (found.intact, found.broken_at, found.verified_to) == (False, 6, 5)


def test_entries_are_listed_newest_first_by_what_is_asked_for(log: AuditLog) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for number in range(10):
        event = an_event(owner=f"user-{number % 2}").model_copy(
            update={"subject": f"a/{number % 5}", "time": now + timedelta(hours=number)}
        )
        log.append([kept(event)])

    def seqs(**asked: object) -> list[int]:
        return [entry.seq for entry in log.page(**asked).items]  # type: ignore[arg-type]

    assert seqs() == [*range(10, 0, -1)]
    assert seqs(owner="user-1") == [10, 8, 6, 4, 2]
    assert seqs(subject="a/1") == [7, 2]
    assert seqs(subject="a/1", owner="user-0") == [7]
    assert seqs(type_="workflow.started") == []
    assert seqs(type_="agent.executed", start=now + timedelta(hours=7)) == [10, 9, 8]
    assert seqs(start=now + timedelta(hours=2), end=now + timedelta(hours=4)) == [4, 3]

    first = log.page(owner="user-1", limit=2)
    assert [entry.seq for entry in first.items] == [10, 8]
    later = an_event(owner="user-1").model_copy(update={"time": now + timedelta(days=1)})
    log.append([kept(later)])  # a list goes on where it was
    second = log.page(owner="user-1", limit=3, cursor=first.next_cursor)
    assert [entry.seq for entry in second.items] == [6, 4, 2]
    assert second.next_cursor is None
    with pytest.raises(InvalidCursor):
        log.page(owner="user-0", cursor=first.next_cursor)


def test_what_occurred_at_one_moment_comes_page_by_page_without_a_gap(log: AuditLog) -> None:
    log.append([kept(an_event().model_copy(update={"time": MOMENT})) for _ in range(5)])
    log.append([kept(an_event().model_copy(update={"time": MOMENT - timedelta(days=1)}))])  # late, and earlier
    found, cursor = list[int](), None
    while True:
        page = log.page(limit=2, cursor=cursor)
        found += [entry.seq for entry in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == [5, 4, 3, 2, 1, 6]


@pytest.mark.parametrize("told", ["yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_cursor_with_a_time_that_is_none_is_refused(filled: AuditLog, told: str) -> None:
    forged = encode_cursor([told, 3], audit=[None, None, None], between=[None, None])
    with pytest.raises(InvalidCursor):
        filled.page(cursor=forged)


@pytest.mark.parametrize("asked", [{}, {"type_": "agent.executed"}, {"subject": "a/1"}, {"owner": "user-1"}])
@pytest.mark.parametrize("page", [1, 2])
def test_a_time_long_ago_is_found_without_reading_all_that_came_since(
    log: AuditLog, engine: Engine, postgres: Server, database: str, asked: dict[str, str], page: int
) -> None:
    """A year of entries, of which each filter keeps a part; a day at its beginning is asked for."""
    tamper(
        postgres,
        database,
        """INSERT INTO audit_log SELECT g, 'e' || g, 'agent.executed', 'a/' || g % 5, 'user-' || g % 2,
        timestamptz '2025-01-01' + g * interval '30 minutes', now(), '{}', '{}', sha256('x'), sha256('x')
        FROM generate_series(1, 20000) AS g""",
    )
    postgres.administer("ANALYZE audit_log", database)
    statements = list[tuple[str, Any]]()
    listen(engine, "before_cursor_execute", lambda *told: statements.append((told[2], told[3])))
    range_ = {"start": datetime(2025, 1, 2, tzinfo=UTC), "end": datetime(2025, 1, 9, tzinfo=UTC)}

    found = log.page(limit=10, **asked, **range_)  # type: ignore[arg-type]
    if page == 2:
        found = log.page(limit=10, cursor=found.next_cursor, **asked, **range_)  # type: ignore[arg-type]

    assert len(found.items) == 10
    statement, parameters = next(each for each in reversed(statements) if "FROM audit_log" in each[0])
    with engine.connect() as connection:
        told = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    assert read_rows(told[0]["Plan"]) < 100


def read_rows(plan: dict[str, Any]) -> int:
    """How many rows a plan's scans looked at, those that they let go included."""
    mine = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Relation Name" in plan else 0
    return mine + sum(read_rows(each) for each in plan.get("Plans", []))


def test_an_export_comes_in_portions(filled: AuditLog) -> None:
    assert [entry.seq for entry in filled.export(after_seq=3, limit=4)] == [4, 5, 6, 7]
    assert filled.export(after_seq=9) == []


@pytest.fixture
def engines(postgres: Server, database: str) -> Iterator[list[Engine]]:
    opened = [open_engine(lambda: postgres.credentials(database)) for _ in range(4)]
    yield opened
    for each in opened:
        each.dispose()


def test_many_who_append_the_same_at_once_append_it_once(log: AuditLog, engines: list[Engine]) -> None:
    events = [kept(an_event()) for _ in range(60)]

    def append(number: int) -> int:
        mine = AuditLog(engines[number])
        return sum(mine.append(events[start : start + 10]).added for start in range(0, 60, 5))

    with ThreadPoolExecutor(4) as pool:
        added = [*pool.map(append, range(4))]
    assert sum(added) == 60
    assert log.head().seq == 60
    assert log.verify().intact


def test_a_log_without_its_head_says_so(log: AuditLog, postgres: Server, database: str) -> None:
    postgres.administer("DELETE FROM audit_head", database)
    try:
        with pytest.raises(Exception, match="restore the row of `audit_head`"):
            log.append([kept(an_event())])
    finally:
        postgres.administer("INSERT INTO audit_head DEFAULT VALUES", database)


def test_a_backend_that_dies_in_the_middle_of_a_batch_leaves_nothing_of_it(
    log: AuditLog, engine: Engine, postgres: Server, database: str
) -> None:
    log.append([kept(an_event())])
    batch = [kept(an_event()) for _ in range(50)]
    # The insert of entry 30 waits for a lock, and while it waits its backend is ended.
    url = f"host={postgres.socket} port={postgres.port} user=postgres dbname={database}"
    with psycopg.connect(url) as blocker, ThreadPoolExecutor(1) as pool:
        blocker.execute("SET session_replication_role = replica")
        blocker.execute(
            "INSERT INTO audit_log SELECT 30, 'in the way', type, subject, owner, occurred_at, recorded_at, event,"
            " canonical, prev_hash, hash FROM audit_log WHERE seq = 1"
        )
        appending = pool.submit(log.append, batch)
        waiting = None
        while waiting is None:
            waiting = blocker.execute(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s", [database]
            ).fetchone()
            assert not appending.done()
        postgres.administer(f"SELECT pg_terminate_backend({waiting[0]})")
        with pytest.raises(Exception, match=r"does not answer|closed the connection"):
            appending.result(timeout=60)
        blocker.rollback()
    assert log.head().seq == 1
    assert log.verify().intact
    assert log.append(batch).added == 50
    assert log.verify().verified_to == 51
