"""Migrations: up, down and up again, and always equal to the models."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select, text

from agent_platform.errors import StorageUnavailable
from agent_platform.storage import migrations
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import Base, Role
from agent_platform.storage.postgres import open_engine, transaction
from tests.fakes.postgres import Server, empty_database

__all__ = ["empty_database"]

ROLES = {"admin", "operator", "author", "user", "viewer"}

# Alembic's comparison does not look into checks, index conditions and what a foreign key does on delete; these do.
DEFINITIONS = """
SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
"""


@pytest.fixture
def empty(postgres: Server, empty_database: str) -> Iterator[Engine]:
    engine = open_engine(lambda: postgres.credentials(empty_database))
    yield engine
    engine.dispose()


def definitions(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        found = set(connection.scalars(text(DEFINITIONS)))
    return {line for line in found if "alembic_version" not in line}


def test_migrations_go_up_down_and_up_again(empty: Engine) -> None:
    head = migrations.upgrade(empty)
    first = definitions(empty)
    assert head is not None
    assert first
    assert migrations.downgrade(empty, "base") is None
    assert definitions(empty) == set()
    assert migrations.upgrade(empty) == head
    assert definitions(empty) == first


def test_each_migration_can_be_undone_and_redone_by_itself(empty: Engine) -> None:
    chain = [script.revision for script in ScriptDirectory(str(migrations.FOLDER)).walk_revisions()][::-1]
    assert chain == sorted(chain)
    for revision in chain:
        before = definitions(empty)
        assert migrations.upgrade(empty, revision) == revision
        after = definitions(empty)
        migrations.downgrade(empty, "-1")
        assert definitions(empty) == before
        migrations.upgrade(empty, revision)
        assert definitions(empty) == after


def test_models_and_migrations_agree(empty: Engine, postgres: Server) -> None:
    migrations.upgrade(empty)
    assert migrations.differences(empty) == []
    name = postgres.new_database("from_models")
    from_models = open_engine(lambda: postgres.credentials(name))
    Base.metadata.create_all(from_models)
    assert definitions(from_models) == definitions(empty)
    from_models.dispose()


def test_the_comparison_would_notice_a_difference(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("ALTER TABLE users DROP COLUMN disabled_at"))
    assert len(migrations.differences(empty)) == 1


def test_the_roles_are_there_from_the_start(empty: Engine) -> None:
    migrations.upgrade(empty)
    with transaction(empty, PLATFORM) as session:
        assert set(session.scalars(select(Role.name))) == ROLES


def test_two_deployments_at_once_migrate_once(empty: Engine, postgres: Server, empty_database: str) -> None:
    other = open_engine(lambda: postgres.credentials(empty_database))
    with ThreadPoolExecutor(2) as pool:
        heads = set(pool.map(migrations.upgrade, [empty, other]))
    assert len(heads) == 1
    with transaction(empty, PLATFORM) as session:
        assert len(session.scalars(select(Role)).all()) == len(ROLES)
    other.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE workflows (in_the_way int)"))
    before = definitions(empty)
    with pytest.raises(Exception, match="workflows"):
        migrations.upgrade(empty)
    assert definitions(empty) == before


def test_a_database_that_is_gone_is_storage_unavailable(postgres: Server) -> None:
    engine = open_engine(lambda: postgres.credentials("absent"))
    with pytest.raises(StorageUnavailable):
        migrations.upgrade(engine)


def test_the_command_line_checks_migrations_on_a_scratch_database() -> None:
    layer = Path(migrations.__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "agent_platform.storage.migrations", "check"],
        cwd=layer,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Now at" in done.stdout
