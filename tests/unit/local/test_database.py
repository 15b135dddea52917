"""The laptop's Postgres: the real one, started as a run starts it."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra_cdk.local.database import NAME, answers, create_owner, database, prepare
from infra_cdk.local.ports import LOOPBACK, choosing, next_free
from infra_cdk.local.processes import Children
from infra_cdk.local.signals import StopSignals
from infra_cdk.local.state import State

PASSWORD = "a password of this test"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    """An installation whose first start was killed while it made the cluster."""
    state = State(tmp_path_factory.mktemp("installation"))
    state.create()
    (state.directory / "database.partial").mkdir()
    (state.directory / "database.partial" / "PG_VERSION").write_text("18\n")
    return state


@pytest.fixture(scope="module")
def port(state: State) -> Iterator[int]:
    """The port of a running server with the platform's database in it."""
    assert prepare(state, PASSWORD)
    with Children(StopSignals()) as children:
        with choosing():
            port = next_free(25000)
            server = database(state, port)
            children.start(server)
            server.wait_until(lambda: answers(port, PASSWORD), 30)
        create_owner(port, "platform", PASSWORD)
        yield port


def connect(port: int, password: str = PASSWORD) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        f"host={LOOPBACK} port={port} user=platform dbname={NAME}", password=password, autocommit=True
    )


def test_a_cluster_is_made_once(state: State, port: int) -> None:
    assert not prepare(state, PASSWORD)
    assert sorted(path.name for path in state.directory.iterdir()) == ["database", "emulator", "logs", "mails"]


def test_making_the_owner_again_changes_nothing(port: int) -> None:
    with connect(port) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")

    create_owner(port, "platform", PASSWORD)

    with connect(port) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_owner_may_make_tables_with_vectors_and_is_no_superuser(port: int) -> None:
    with connect(port) as connection:
        connection.execute("CREATE TABLE memories (embedding vector(3))")
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

        assert connection.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE intruder SUPERUSER")


def test_nobody_gets_in_without_the_password(port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(port, "another password")


def test_the_server_listens_on_the_loopback_interface_alone(port: int, state: State) -> None:
    with connect(port) as connection:
        assert connection.execute("SELECT current_setting('listen_addresses')").fetchone() == (LOOPBACK,)
    assert state.database.stat().st_mode & 0o777 == 0o700


def test_a_server_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    assert not answers(next_free(26000), PASSWORD)
