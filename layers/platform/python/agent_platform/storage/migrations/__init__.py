"""Alembic without an ini file: bring a database to a version of the tables, from code.

A new migration: change `storage/models.py`, then `python -m agent_platform.storage.migrations new "what changed"`.
"""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from agent_platform.storage.models import Base
from agent_platform.storage.postgres import database_errors

FOLDER = Path(__file__).parent

COMPARISON: dict[str, Any] = {"compare_type": True, "compare_server_default": True}
"""What counts as a difference between models and tables, for new migrations and for the test that there is none."""

# Any constant will do, as long as nothing else in this database locks the same number.
_LOCK = 7_310_579_201


def upgrade(engine: Engine, revision: str = "head") -> str | None:
    """Apply every migration up to the revision in one transaction; returns the revision now in place.

    Two deployments at once wait for each other. On any error the database is as it was.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    with database_errors(), engine.begin() as connection:
        command.upgrade(_config(connection), revision)
        return current(connection)


def downgrade(engine: Engine, revision: str) -> str | None:
    """Undo migrations down to the revision (`base` undoes all); returns the revision now in place."""
    with database_errors(), engine.begin() as connection:
        command.downgrade(_config(connection), revision)
        return current(connection)


def create(engine: Engine, message: str) -> None:
    """Write a new migration file with the differences between the models and the database, which must be at `head`."""
    with engine.begin() as connection:
        config = _config(connection)
        number = 1 + len(list(ScriptDirectory.from_config(config).walk_revisions()))
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


def differences(engine: Engine) -> list[Any]:
    """What the tables lack of the models, or have beyond them; empty when both agree."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=COMPARISON), Base.metadata))


def current(connection: Connection) -> str | None:
    """The revision that the database is at, or None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config
