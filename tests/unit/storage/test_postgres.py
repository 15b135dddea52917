"""The engine: what a function sees when the database is slow, gone, asleep, or has no tables."""

import socket
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.storage import postgres as module
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import Role, UserRecord, WorkflowRecord, WorkflowVersionRecord
from agent_platform.storage.postgres import DatabaseCredentials, credentials_from, open_engine, transaction
from tests.fakes.aws import store_secret
from tests.fakes.postgres import Server, database, empty_database, engine

__all__ = ["database", "empty_database", "engine"]


def elsewhere(port: int) -> DatabaseCredentials:
    secret = {"host": "127.0.0.1", "port": port, "username": "u", "password": "p", "dbname": "d"}
    return DatabaseCredentials.model_validate(secret)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers, as a database does while it wakes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def roles(engine: Engine) -> int:
    with transaction(engine, PLATFORM) as session:
        return len(session.scalars(select(Role)).all())


def test_a_database_that_is_down_is_storage_unavailable(closed_port: int) -> None:
    with pytest.raises(StorageUnavailable, match="15 seconds to wake"):
        roles(open_engine(lambda: elsewhere(closed_port)))


def test_a_database_that_does_not_answer_is_given_up_in_time_for_the_gateway(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 15 < module.CONNECT_TIMEOUT_SECONDS < 29
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_SECONDS", 2)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        roles(open_engine(lambda: elsewhere(silent_port)))
    assert time.monotonic() - started < 10


def test_a_connection_cut_between_two_requests_is_replaced(engine: Engine, postgres: Server, database: str) -> None:
    assert roles(engine) == 5
    postgres.end_connections(database)
    assert roles(engine) == 5


def test_a_connection_cut_inside_a_transaction_writes_nothing(engine: Engine, postgres: Server, database: str) -> None:
    def half_done() -> None:
        with transaction(engine, PLATFORM) as session:
            session.add(Role(name="ghost", description="written before the cut"))
            session.flush()
            postgres.end_connections(database)
            session.add(Role(name="ghost-two", description="written after it"))

    with pytest.raises(StorageUnavailable):
        half_done()
    assert roles(engine) == 5


def test_a_block_that_raises_writes_nothing(engine: Engine) -> None:
    def half_done() -> None:
        with transaction(engine, PLATFORM) as session:
            session.add(Role(name="ghost", description="written before the error"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        half_done()
    assert roles(engine) == 5


def test_a_statement_that_takes_too_long_is_given_up(postgres: Server, database: str) -> None:
    impatient = open_engine(lambda: postgres.credentials(database), statement_timeout="50ms")
    with pytest.raises(StorageUnavailable), transaction(impatient, PLATFORM) as session:
        session.execute(text("SELECT pg_sleep(5)"))
    impatient.dispose()


def test_the_server_drops_an_idle_connection_before_it_would_keep_aurora_awake(engine: Engine) -> None:
    with transaction(engine, PLATFORM) as session:
        idle = session.scalar(text("SELECT extract(epoch FROM current_setting('idle_session_timeout')::interval)"))
        zone = session.scalar(text("SHOW timezone"))
    assert idle is not None
    assert 0 < idle < 300
    assert zone == "UTC"


def test_a_rotated_password_is_read_at_the_next_connection(postgres: Server, database: str) -> None:
    asked = []

    def credentials() -> DatabaseCredentials:
        asked.append(1)
        return postgres.credentials(database)

    engine = open_engine(credentials)
    assert asked == []
    roles(engine)
    roles(engine)
    postgres.end_connections(database)
    roles(engine)
    assert len(asked) == 2
    engine.dispose()


def test_a_database_without_tables_says_what_to_run(postgres: Server, empty_database: str) -> None:
    engine = open_engine(lambda: postgres.credentials(empty_database))
    with pytest.raises(ConfigurationError, match="run migrate_database"):
        roles(engine)
    engine.dispose()


def test_an_error_never_shows_the_values_of_a_statement(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as refused, transaction(engine, PLATFORM) as session:
        session.add(UserRecord(email="ada@example.com", name="x" * 101, password_hash="SECRET-HASH"))
    assert "ck_users_name_length" in str(refused.value)
    assert "[SQL parameters hidden" in str(refused.value)


def test_ids_are_uuid_version_7_and_times_know_their_zone(engine: Engine) -> None:
    with transaction(engine, PLATFORM) as session:
        user = UserRecord(email="ada@example.com", name="Ada", password_hash="x")
        session.add(user)
        session.flush()
        flow = WorkflowRecord(owner_id=user.id, name="onboarding", title="Onboarding", description="", steps=1)
        session.add(flow)
        session.flush()
        spec = {"steps": [{"agent": "legal/nda-reviewer"}]}
        version = WorkflowVersionRecord(
            workflow_id=flow.id, version=1, spec=spec, source="{}", source_format="json", digest="d"
        )
        session.add(version)
        session.flush()
        session.refresh(flow)
        session.refresh(version)
    assert isinstance(user.id, UUID)
    assert user.id.version == 7
    assert flow.created_at.utcoffset() is not None
    assert (flow.latest_version, flow.live_version, flow.tags, version.spec) == (1, None, [], spec)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO users VALUES (gen_random_uuid(), 'Ada@example.com', 'Ada', 'x')", "ck_users_email_lower"),
        ("INSERT INTO roles VALUES ('a,b', 'two in one')", "ck_roles_name_plain"),
        ("INSERT INTO agents (id, group_id, name, version, summary) VALUES ('a/b', 'c', 'n', '1', 's')", "id_in_group"),
        ("INSERT INTO agents (id, group_id, name, version, summary) VALUES ('a', 'a', 'n', '1', 's')", "id_in_group"),
        (
            "INSERT INTO workflow_versions VALUES (gen_random_uuid(), 1, '[]', '', 'json', 'd')",
            "ck_workflow_versions_spec_is_object",
        ),
        (
            "INSERT INTO workflows VALUES (gen_random_uuid(), gen_random_uuid(), 'n', 't', '', '{}', 1)",
            "fk_workflows_owner_id",
        ),
        (
            "INSERT INTO workflows VALUES (gen_random_uuid(), NULL, 'n', 't', '', '{}', 1, 1)",
            "ck_workflows_live_version_runs",
        ),
        (
            "INSERT INTO agent_activations VALUES (gen_random_uuid(), 'a/b', 'platform', 'u-1', true)",
            "ck_agent_activations_scope_id_fits",
        ),
        (
            "INSERT INTO agent_activations VALUES (gen_random_uuid(), 'a/b', 'role', '', true)",
            "ck_agent_activations_scope_id_fits",
        ),
    ],
)
def test_the_database_itself_refuses_what_makes_no_sense(engine: Engine, statement: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction(engine, PLATFORM) as session:
        session.execute(text(statement))


def test_credentials_are_read_as_rds_writes_them(aws: None) -> None:
    arn = store_secret(
        "database",
        {
            "engine": "postgres",
            "host": "platform.cluster-x.eu-central-1.rds.amazonaws.com",
            "port": 5432,
            "username": "platform",
            "password": "p@ss word/:'",
            "dbname": "platform",
            "dbClusterIdentifier": "platform",
        },
    )
    known = credentials_from(arn)
    assert (known.host.split(".")[0], known.port, known.sslmode) == ("platform", 5432, "require")
    assert known.password.get_secret_value() == "p@ss word/:'"
    assert "p@ss" not in repr(known)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "/tmp/sockets"])
def test_only_a_database_on_this_machine_may_do_without_tls(host: str) -> None:
    secret = {"host": host, "username": "u", "password": "p", "dbname": "d"}
    assert DatabaseCredentials.model_validate(secret).sslmode == "prefer"


def test_an_incomplete_secret_names_what_it_lacks_and_no_value(aws: None) -> None:
    arn = store_secret("database", {"host": "h", "port": 99999, "password": "TOP-SECRET"})
    with pytest.raises(ConfigurationError, match="port, username, dbname") as refused:
        credentials_from(arn)
    assert "TOP-SECRET" not in refused.value.detail


def test_a_secret_that_does_not_exist_says_so(aws: None) -> None:
    with pytest.raises(ConfigurationError, match="ResourceNotFoundException"):
        credentials_from("arn:aws:secretsmanager:eu-central-1:123456789012:secret:absent")
