"""Row-level security: whatever a transaction asks for, it meets only what belongs to whom it acts for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from agent_platform.errors import ConfigurationError
from agent_platform.identity.users import Users
from agent_platform.ids import new_id
from agent_platform.storage import migrations
from agent_platform.storage.acting import PLATFORM, Acting, For
from agent_platform.storage.models import Base
from agent_platform.storage.postgres import ROLE, DatabaseCredentials, open_engine, transaction
from tests.fakes.postgres import MIGRATED, OwnServer, Server, database, empty_database, engine, running_server

__all__ = ["database", "empty_database", "engine"]

PACKAGE = Path(migrations.__file__).parents[2]
ROOT = PACKAGE.parents[3]

ADA, BOB = (UUID(new_id()) for _ in range(2))
AGENT = "legal/nda-reviewer"
NOW = datetime.now(UTC)

OWNED = {
    "users": "id",
    "user_roles": "user_id",
    "agent_activations": "scope_id",
    "workflows": "owner_id",
    "workflow_versions": "created_by",
    "triggers": "owner_id",
    "custom_agents": "owner_id",
    "audit_log": "owner",
    "usage": "owner",
    "usage_latency": "owner",
    "usage_errors": "owner",
    "workflow_history": "owner",
    "data_requests": "user_id",
}
"""The tables whose rows belong to somebody, and the column that says so."""

SHARED = {"roles", "agents", "audit_head", "projections"}
"""The tables that everybody may read and the platform alone writes."""

HIDDEN = {"invitations"}
"""The tables that the platform alone reads and writes."""

WRITTEN_BY_USERS = {"users", "workflows", "workflow_versions", "triggers", "custom_agents"}

# Whoever makes a table that is neither of these has to say whose its rows are.
OWNERS_NAMES = {"owner", "owner_id", "user_id", "created_by", "scope_id", "user", "invited_by"}


def rows_of(user: UUID, number: int) -> dict[str, dict[str, Any]]:
    """A row per owned table, in an order in which they can be written."""
    workflow = UUID(int=number)
    used = {"grain": "day", "period": NOW, "agent_id": AGENT, "owner": str(user), "model": "m"}
    added_up = [each.name for each in table("usage").c if each.type.python_type is int]
    counts = dict.fromkeys(added_up, number)
    run = {"workflow_id": str(workflow), "workflow_name": "w", "version": 1, "source": "api", "status": "running"}
    spec = {"workflow_id": workflow, "version": 1, "spec": {}, "source": "{}", "source_format": "json", "digest": "d"}
    request = {"id": UUID(int=number), "kind": "export", "asked_by": str(user), "state": "done"}
    return {
        "users": {"id": user, "email": f"{number}@example.com", "name": "N", "password_hash": "x"},
        "user_roles": {"user_id": user, "role": "user"},
        "agent_activations": {
            "id": UUID(int=number),
            "agent_id": AGENT,
            "scope": "user",
            "scope_id": str(user),
            "enabled": True,
        },
        "workflows": {
            "id": workflow,
            "owner_id": user,
            "name": "w",
            "title": "W",
            "description": "",
            "steps": 1,
        },
        "workflow_versions": {**spec, "created_by": user},
        "triggers": {
            "id": UUID(int=number),
            "workflow_id": workflow,
            "owner_id": user,
            "kind": "event",
            "title": "T",
            "settings": {},
            "input": {},
        },
        "custom_agents": {"name": f"agent-{number}", "owner_id": user, "draft": {}},
        "audit_log": {
            "seq": number,
            "event_id": str(number),
            "type": "agent.executed",
            "subject": AGENT,
            "owner": str(user),
            "occurred_at": NOW,
            "recorded_at": NOW,
            "event": {},
            "canonical": "{}",
            "prev_hash": bytes(32),
            "hash": bytes(32),
        },
        "usage": {**used, "status": "succeeded", "cost_usd": Decimal(number), **counts},
        "usage_latency": {**used, "status": "succeeded", "bucket": 1, "count": number},
        "usage_errors": {**used, "code": "internal", "count": number},
        "workflow_history": {
            **run,
            "run_id": str(number),
            "owner": str(user),
            "attempt": 1,
            "started_at": NOW,
            "ended": False,
            "event_id": str(number),
        },
        "data_requests": {**request, "user_id": str(user)},
    }


def table(name: str) -> Table:
    return Base.metadata.tables[name]


def of(name: str, user: UUID) -> Any:
    column = table(name).c[OWNED[name]]
    return column == (user if column.type.python_type is UUID else str(user))


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """What Ada has and what Bob has, written by the platform."""
    with transaction(engine, PLATFORM) as session:
        agent = {"id": AGENT, "group_id": "legal", "name": "N", "version": "1", "summary": "s"}
        session.execute(insert(table("agents")).values(agent))
        for user, number in ((ADA, 1), (BOB, 2)):
            for name, row in rows_of(user, number).items():
                session.execute(insert(table(name)).values(row))
    return engine


def owners(engine: Engine, acting: Acting, name: str) -> list[str]:
    column = table(name).c[OWNED[name]]
    with transaction(engine, acting) as session:
        return sorted(str(each) for each in session.scalars(select(column)))


def attempt(engine: Engine, acting: Acting, statement: Any) -> int | str:
    """How many rows it changed, or the SQLSTATE of the refusal (42501 is: insufficient privilege)."""
    try:
        with transaction(engine, acting) as session:
            touched: Any = session.execute(statement)
            return int(touched.rowcount)
    except ProgrammingError as refused:
        return str(getattr(refused.orig, "sqlstate", ""))


def everything(engine: Engine) -> dict[str, list[Any]]:
    """All rows, as who owns the tables sees them."""
    with engine.connect() as connection:
        return {name: sorted(map(str, connection.execute(select(table(name))))) for name in OWNED}


def test_every_table_says_whose_its_rows_are() -> None:
    unknown = set(Base.metadata.tables) - set(OWNED) - SHARED - HIDDEN
    assert unknown == set(), "say in OWNED, SHARED or HIDDEN whose rows these hold, and `protect` them in the migration"
    looks_owned = {name for name, found in Base.metadata.tables.items() if OWNERS_NAMES & set(found.c.keys())}
    assert looks_owned <= set(OWNED) | HIDDEN


def test_every_table_is_under_row_level_security_and_none_belongs_to_the_role(engine: Engine) -> None:
    with engine.connect() as connection:
        tables = connection.execute(
            text(
                "SELECT relname, relrowsecurity, pg_get_userbyid(relowner) FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
                "AND relname <> 'alembic_version'"
            )
        ).all()
        policies = connection.execute(text("SELECT tablename, policyname FROM pg_policies")).all()
        role = connection.execute(
            text("SELECT rolsuper, rolbypassrls, rolcanlogin, rolinherit FROM pg_roles WHERE rolname = :role"),
            {"role": ROLE},
        ).one()
    assert {name for name, *_ in tables} == set(Base.metadata.tables)
    assert [name for name, secured, _ in tables if not secured] == []
    assert ROLE not in {owner for *_, owner in tables}
    assert {name for name, policy in policies if policy == "platform"} == set(Base.metadata.tables)
    assert {name for name, policy in policies if policy == "writes"} == WRITTEN_BY_USERS
    assert tuple(role) == (False, False, False, False)


@pytest.mark.parametrize("name", OWNED)
def test_a_user_sees_their_own_rows_and_the_platform_sees_all(filled: Engine, name: str) -> None:
    assert owners(filled, For(str(ADA)), name) == [str(ADA)]
    assert owners(filled, For(str(BOB)), name) == [str(BOB)]
    assert owners(filled, PLATFORM, name) == sorted([str(ADA), str(BOB)])


@pytest.mark.parametrize("acting", [For(""), For(str(UUID(int=0))), For("on"), For("' OR 'a' = 'a"), For("%")])
@pytest.mark.parametrize("name", OWNED)
def test_nobody_in_particular_sees_nothing(filled: Engine, name: str, acting: For) -> None:
    assert owners(filled, acting, name) == []


@pytest.mark.parametrize("name", OWNED)
def test_the_role_alone_without_a_user_sees_nothing(filled: Engine, name: str) -> None:
    with filled.connect() as connection:
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        assert connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == 0


@pytest.mark.parametrize("name", OWNED)
def test_raw_sql_without_a_condition_meets_only_ones_own(filled: Engine, name: str) -> None:
    with transaction(filled, For(str(ADA))) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {name}")) == 1
        assert session.scalar(text(f"SELECT count(*) FROM {name} WHERE {OWNED[name]}::text = '{BOB}'")) == 0


@pytest.mark.parametrize("name", OWNED)
def test_what_belongs_to_somebody_else_is_neither_changed_nor_removed(filled: Engine, name: str) -> None:
    before = everything(filled)
    column = table(name).c[OWNED[name]]
    for statement in (update(table(name)).values({column: column}), delete(table(name))):
        assert attempt(filled, For(str(ADA)), statement.where(of(name, BOB))) in (0, "42501")
    assert everything(filled) == before


@pytest.mark.parametrize("name", OWNED)
def test_nothing_can_be_written_in_the_name_of_somebody_else(engine: Engine, name: str) -> None:
    with transaction(engine, PLATFORM) as session:
        agent = {"id": AGENT, "group_id": "legal", "name": "N", "version": "1", "summary": "s"}
        session.execute(insert(table("agents")).values(agent))
        for each, row in rows_of(BOB, 2).items():
            if each == name:
                break
            session.execute(insert(table(each)).values(row))
    row = rows_of(BOB, 2)[name]
    with (
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
        transaction(engine, For(str(ADA))) as session,
    ):
        session.execute(insert(table(name)).values(row))
    assert everything(engine)[name] == []


@pytest.mark.parametrize("name", sorted(WRITTEN_BY_USERS))
def test_nothing_of_ones_own_can_be_made_somebody_elses(filled: Engine, name: str) -> None:
    before = everything(filled)
    column = table(name).c[OWNED[name]]
    value: Any = UUID(int=2) if name == "workflow_versions" else BOB
    column = table(name).c.workflow_id if name == "workflow_versions" else column
    with (
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
        transaction(filled, For(str(ADA))) as session,
    ):
        session.execute(update(table(name)).values({column: value}))
    assert everything(filled) == before


@pytest.mark.parametrize("name", sorted((set(OWNED) | SHARED | HIDDEN) - WRITTEN_BY_USERS))
def test_what_the_platform_alone_writes_a_user_does_not_change_even_where_it_is_theirs(
    filled: Engine, name: str
) -> None:
    with filled.connect() as connection:
        before = connection.execute(select(func.count()).select_from(table(name))).scalar_one()
    column = next(iter(table(name).c))
    for statement in (update(table(name)).values({column: column}), delete(table(name))):
        assert attempt(filled, For(str(ADA)), statement) in (0, "42501")
    with filled.connect() as connection:
        assert connection.execute(select(func.count()).select_from(table(name))).scalar_one() == before


def test_nobody_makes_themselves_an_administrator(filled: Engine) -> None:
    with (
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
        transaction(filled, For(str(ADA))) as session,
    ):
        session.execute(insert(table("user_roles")).values(user_id=ADA, role="admin"))
    assert Users(filled).get(str(ADA)).roles == ("user",)


def test_a_trigger_cannot_be_put_on_somebody_elses_workflow(filled: Engine) -> None:
    row = rows_of(ADA, 3)["triggers"] | {"workflow_id": UUID(int=2)}
    with (
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
        transaction(filled, For(str(ADA))) as session,
    ):
        session.execute(insert(table("triggers")).values(row))


def test_what_the_platform_ships_is_seen_by_everybody_and_changed_by_nobody(filled: Engine) -> None:
    with transaction(filled, PLATFORM) as session:
        shipped = rows_of(ADA, 9)["workflows"] | {"owner_id": None}
        session.execute(insert(table("workflows")).values(shipped))
    with transaction(filled, For(str(ADA))) as session:
        flows = table("workflows")
        assert session.scalar(select(func.count()).select_from(flows).where(flows.c.owner_id.is_(None))) == 1
        touched: Any = session.execute(update(flows).where(flows.c.owner_id.is_(None)).values(title="mine"))
        assert touched.rowcount == 0


def test_a_pooled_connection_carries_nothing_from_one_user_to_the_next(filled: Engine) -> None:
    def settings() -> tuple[Any, ...]:
        with filled.connect() as connection:
            return tuple(
                connection.execute(
                    text(
                        "SELECT pg_backend_pid(), current_user, "
                        "current_setting('app.user_id', true), current_setting('app.platform', true)"
                    )
                ).one()
            )

    pid, login, *_ = settings()
    for acting, seen in ((For(str(ADA)), 1), (PLATFORM, 2), (For(str(BOB)), 1), (For(""), 0)) * 10:
        assert len(owners(filled, acting, "users")) == seen
        assert settings() == (pid, login, "", "")


@pytest.mark.parametrize("end", ["raise", "rollback", "savepoint"])
def test_who_acts_is_forgotten_however_the_transaction_ends(filled: Engine, end: str) -> None:
    def half() -> None:
        with transaction(filled, PLATFORM) as session:
            assert session.scalar(text("SELECT count(*) FROM users")) == 2
            if end == "savepoint":
                with session.begin_nested():
                    pass
            elif end == "rollback":
                session.execute(text("SELECT 1/0"))
            raise LookupError

    with pytest.raises(Exception, match=r"division by zero|^$"):
        half()
    assert owners(filled, For(""), "users") == []
    with filled.connect() as connection:
        assert connection.execute(text("SELECT current_user = session_user")).scalar_one()


def test_without_the_role_the_answer_says_what_to_run(postgres: Server, empty_database: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("agent_platform.storage.postgres.ROLE", "absent_role")
    opened = open_engine(lambda: postgres.credentials(empty_database))
    with pytest.raises(ConfigurationError, match="run migrate_database"), transaction(opened, PLATFORM) as session:
        session.execute(text("SELECT 1"))
    opened.dispose()


def test_no_code_of_the_platform_reaches_tables_past_the_one_way_to_run_a_transaction() -> None:
    opened = re.compile(r"\bengine\.(begin|connect)\(|\braw_connection\(|\bSession\(")
    found = {
        path.relative_to(ROOT).as_posix(): opened.findall(source)
        for path in [*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
        if "sqlalchemy" in (source := path.read_text()) and opened.search(source)
    }
    storage = "layers/platform/python/agent_platform/storage"
    assert set(found) <= {
        f"{storage}/postgres.py",
        f"{storage}/migrations/__init__.py",
        f"{storage}/migrations/__main__.py",
    }


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_what_is_the_platforms_own_business_no_user_sees(filled: Engine, name: str) -> None:
    values = {"email": "cy@example.com", "name": "C", "roles": ["user"], "invited_by": ADA}
    with transaction(filled, PLATFORM) as session:
        session.execute(insert(table(name)).values(id=UUID(int=1), sent_at=NOW, expires_at=NOW, **values))
    for acting, seen in ((PLATFORM, 1), (For(str(ADA)), 0)):
        with transaction(filled, acting) as session:
            assert session.scalar(select(func.count()).select_from(table(name))) == seen


# As on Aurora: who signs in is no superuser, but owns the database and may make roles.


@pytest.fixture(scope="module")
def owned_server() -> Iterator[OwnServer]:
    """A server whose database belongs to `master`, and which has no role of the platform yet."""
    with running_server(durable=False) as server:
        server.drop(MIGRATED)
        server.administer(f"DROP ROLE {ROLE}")
        server.administer("CREATE ROLE master LOGIN CREATEROLE CREATEDB")
        server.administer("CREATE DATABASE owned OWNER master")
        yield server


@pytest.fixture(scope="module")
def master(owned_server: OwnServer) -> Iterator[Engine]:
    """Migrated by it, filled by the platform as it signs in."""
    secret = owned_server.secret("owned") | {"username": "master"}
    opened = open_engine(lambda: DatabaseCredentials.model_validate(secret))
    migrations.upgrade(opened)
    yield opened
    opened.dispose()


def test_an_owner_who_is_no_superuser_migrates_up_down_and_up(master: Engine) -> None:
    head = migrations.upgrade(master)
    assert migrations.downgrade(master, "base") is None
    assert migrations.upgrade(master) == head
    assert migrations.downgrade(master, "0003") == "0003"
    assert migrations.upgrade(master) == head


def test_security_holds_for_an_owner_who_is_no_superuser(master: Engine) -> None:
    with master.connect() as connection:
        assert (
            connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar_one() is False
        )
    with transaction(master, PLATFORM) as session:
        agent = {"id": AGENT, "group_id": "legal", "name": "N", "version": "1", "summary": "s"}
        session.execute(insert(table("agents")).values(agent))
        for user, number in ((ADA, 1), (BOB, 2)):
            for name, row in rows_of(user, number).items():
                session.execute(insert(table(name)).values(row))
    for name in OWNED:
        assert owners(master, For(str(ADA)), name) == [str(ADA)]
        assert owners(master, For(""), name) == []
        assert len(owners(master, PLATFORM, name)) == 2


def test_the_role_reaches_nothing_but_the_tables_of_the_platform(master: Engine, owned_server: OwnServer) -> None:
    for statement in (
        "SELECT * FROM alembic_version",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
    ):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            transaction(master, PLATFORM) as session,
        ):
            session.execute(text(statement))
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(host=owned_server.socket, port=owned_server.port, user=ROLE, dbname="owned")
