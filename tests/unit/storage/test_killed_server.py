"""Postgres killed in the middle of a transaction: what was committed is there, and of the rest nothing."""

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Engine, func, select, text

from agent_platform.errors import StorageUnavailable
from agent_platform.identity.users import Users
from agent_platform.storage import migrations
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import UserRecord, WorkflowRecord, WorkflowVersionRecord
from agent_platform.storage.postgres import open_engine, transaction
from tests.fakes.postgres import MIGRATED, OwnServer, running_server
from tests.fakes.published_workflows import a_workflow


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with running_server(durable=True) as found:
        yield found


@pytest.fixture
def engine(server: OwnServer) -> Iterator[Engine]:
    opened = open_engine(lambda: server.credentials(MIGRATED))
    yield opened
    opened.dispose()


def rows(engine: Engine) -> tuple[int, ...]:
    with transaction(engine, PLATFORM) as session:
        tables = (UserRecord, WorkflowRecord, WorkflowVersionRecord)
        return tuple(session.scalar(select(func.count()).select_from(each)) or 0 for each in tables)


@pytest.mark.parametrize("at", ["in a statement", "after a checkpoint", "at the commit"])
def test_a_transaction_that_was_killed_leaves_no_part_of_it(server: OwnServer, engine: Engine, at: str) -> None:
    with Users(engine).registering(f"ada-{at.replace(' ', '-')}@example.com", "four words make one", "Ada") as ada:
        pass
    a_workflow(engine, ada.id)
    before = rows(engine)

    def half_done() -> None:
        with transaction(engine, PLATFORM) as session:
            cy = UserRecord(email="cy@example.com", name="Cy", password_hash="x")
            session.add(cy)
            session.flush()
            flow = WorkflowRecord(owner_id=cy.id, name="w", title="W", description="", steps=1)
            session.add(flow)
            session.flush()
            if at == "after a checkpoint":  # so that what is not committed lies on the disk
                server.administer("CHECKPOINT")
            server.crash()
            if at != "at the commit":
                session.scalars(select(UserRecord)).all()

    with pytest.raises(StorageUnavailable):
        half_done()
    server.restart()
    assert rows(engine) == before


def test_a_registration_that_was_killed_can_be_made_again(server: OwnServer, engine: Engine) -> None:
    with (
        pytest.raises(StorageUnavailable),
        Users(engine).registering("eve@example.com", "four words make one", "Eve"),
    ):
        server.crash()
    server.restart()
    with Users(engine).registering("eve@example.com", "four words make one", "Eve") as eve:
        pass
    assert Users(engine).get(eve.id).roles == ("user",)


def test_a_server_killed_in_a_migration_is_as_it_was_and_can_be_migrated(server: OwnServer, engine: Engine) -> None:
    def revision() -> str | None:
        with engine.connect() as connection:
            return migrations.current(connection)

    head = revision()
    before = rows(engine)

    def half_undone() -> None:
        with engine.begin() as connection:
            command.downgrade(migrations._config(connection), "0003")
            server.crash()
            connection.execute(text("SELECT 1"))

    with pytest.raises(Exception, match=r"server|connection"):
        half_undone()
    server.restart()
    engine.dispose()
    assert revision() == head
    assert rows(engine) == before
    migrations.downgrade(engine, "0003")
    assert migrations.upgrade(engine) == head
