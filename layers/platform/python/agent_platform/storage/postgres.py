"""Postgres through SQLAlchemy and psycopg: one engine per process, and one way to run a transaction.

Made for Lambda: a process serves one request at a time, so one connection is enough; it may be frozen for minutes, so
a connection is tested before use, and the server drops idle ones (an idle connection would keep Aurora from pausing).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, SessionTransaction

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.storage.acting import Acting, For
from agent_platform.storage.secrets import read_secret

CONNECT_TIMEOUT_SECONDS = 20
"""Aurora Serverless v2 takes about 15 seconds to resume from 0 ACU (Aurora User Guide, "Scaling to Zero ACUs"); API
Gateway gives up after 29."""

ROLE = "platform_app"
"""The database's role that every transaction takes: it owns no table, so row-level security holds for it, whatever the
user may do who signs in (on Aurora the owner of all tables, on a laptop a superuser)."""

_ACT = "SELECT set_config('role', %s, true), set_config('app.user_id', %s, true), set_config('app.platform', %s, true)"

_SESSION = {
    # Shorter than the gateway's 29 s, less the time to connect to a database that is awake.
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "30s",
    # Below Aurora's shortest pause delay of 300 s: a frozen function must not keep the database awake.
    "idle_session_timeout": "240s",
    "timezone": "UTC",
}


class DatabaseCredentials(BaseModel):
    """The secret of the database, in the shape that RDS writes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    port: int = Field(default=5432, gt=0, lt=65536)
    username: str
    password: SecretStr
    dbname: str

    @property
    def sslmode(self) -> str:
        """TLS is demanded of every database but one on this machine (a socket directory or the loopback)."""
        return "prefer" if self.host.startswith("/") or self.host in {"localhost", "127.0.0.1", "::1"} else "require"


def credentials_from(secret_arn: str) -> DatabaseCredentials:
    """Read the credentials of the database.

    Raises:
        ConfigurationError: the secret is missing, unreadable or incomplete.
        StorageUnavailable: Secrets Manager does not answer.
    """
    try:
        return DatabaseCredentials.model_validate(read_secret(secret_arn))
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
        raise ConfigurationError(f"The database secret {secret_arn} lacks or has wrong: {fields}.") from None


def open_engine(credentials: Callable[[], DatabaseCredentials], *, statement_timeout: str = "15s") -> Engine:
    """An engine that asks for the credentials whenever it connects, so that a rotated password needs no restart.

    It does not connect yet. `statement_timeout` is in Postgres notation; `0` switches it off (for migrations).
    """
    options = " ".join(
        f"-c {name}={value}" for name, value in (_SESSION | {"statement_timeout": statement_timeout}).items()
    )

    def connect() -> psycopg.Connection[Any]:
        known = credentials()
        return psycopg.connect(
            host=known.host,
            port=known.port,
            user=known.username,
            password=known.password.get_secret_value(),
            dbname=known.dbname,
            sslmode=known.sslmode,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            # A peer that vanished while the function was frozen is noticed in seconds, not in a quarter of an hour.
            tcp_user_timeout=10_000,
            keepalives_idle=30,
            application_name="ai-agents-platform",
            options=options,
        )

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=1,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
    )


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what the driver raises into the platform's errors.

    Raises:
        StorageUnavailable: the database does not answer, stopped, or gave up on the statement; nothing was committed.
        ConfigurationError: the tables are missing.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError) as error:
        raise StorageUnavailable(
            "The database does not answer. After a pause it needs up to 15 seconds to wake: try again."
        ) from error
    except ProgrammingError as error:
        if isinstance(error.orig, pg.UndefinedTable | pg.UndefinedColumn):
            raise ConfigurationError("The database lacks tables of this version: run migrate_database.") from error
        raise
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StorageUnavailable("The database closed the connection: try again.") from error
        raise


class _Acting(Session):
    """A session whose every transaction begins with for whom it acts (`info["acting"]`)."""


@event.listens_for(_Acting, "after_begin")
def _act(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Take the role and name the user until the transaction ends: nothing is left to the next on this connection.

    Raises:
        ConfigurationError: the role is missing.
    """
    acting = session.info["acting"]
    user_id, platform = (acting.user_id, "") if isinstance(acting, For) else ("", "on")
    driver: Any = connection.connection.dbapi_connection
    try:
        # In a pipeline it travels with BEGIN: no round trip of its own.
        with driver.pipeline():
            driver.execute(_ACT, (ROLE, user_id, platform))
    except (pg.InvalidParameterValue, pg.InsufficientPrivilege) as error:
        raise ConfigurationError(f"The database lacks the role {ROLE}: run migrate_database.") from error


@contextmanager
def transaction(engine: Engine, acting: Acting) -> Iterator[Session]:
    """A session whose work is committed as a whole when the block ends, and undone when it raises.

    Args:
        engine: one of `open_engine`.
        acting: for whom; rows of others are neither seen nor written.

    Raises:
        StorageUnavailable: the database does not answer; nothing was committed, unless the connection broke while the
            commit itself was under way.
        ConfigurationError: the tables are missing.
    """
    with (
        database_errors(),
        _Acting(engine, expire_on_commit=False, info={"acting": acting}) as session,
        session.begin(),
    ):
        yield session
