"""What a deployment does to the database, in the order in which it must happen."""

from contextlib import closing
from functools import partial
from typing import Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.identity.users import Users
from agent_platform.observability import get_logger
from agent_platform.settings import MigrateDatabaseSettings
from agent_platform.storage import migrations
from agent_platform.storage.agent_registry import RegisteredAgent, synchronise_agents
from agent_platform.storage.postgres import credentials_from, open_engine
from agent_platform.storage.shipped_workflows import synchronise_workflows
from agent_platform.workflows.publisher import MachineNames
from agent_platform.workflows.shipped import read_shipped
from functions.migrate_database.accounts import Accounts
from functions.migrate_database.requests import DirectRequest


class Deployment:
    """Migrates the tables, registers what is deployed (agents, shipped workflows), and makes accounts."""

    def __init__(self, settings: MigrateDatabaseSettings) -> None:
        # Building an index may take longer than any request should: migrations have no statement timeout.
        self._engine = open_engine(partial(credentials_from, settings.database_secret_arn), statement_timeout="0")
        self._accounts = Accounts(
            Users(self._engine), settings.tokens_table, longest_life=settings.refresh_token_seconds
        )
        self._catalogue_path = settings.catalogue_path
        self._machines = MachineNames(settings.state_machine_arn_base, settings.workflow_machine_prefix)

    def run(self, request: DirectRequest) -> dict[str, Any]:
        """Migrate, then make or update the account if one is asked for."""
        done = self.migrate()
        if request.ensure_user is None:
            return done
        user = self._accounts.ensure(request.ensure_user)
        return done | {"user": {"id": user.id, "email": user.email, "name": user.name, "roles": list(user.roles)}}

    def migrate(self) -> dict[str, Any]:
        """Apply missing migrations, then register agents and shipped workflows if a catalogue is deployed with this.

        Raises:
            StorageUnavailable: the database does not answer; nothing was changed.
        """
        done: dict[str, Any] = {"revision": migrations.upgrade(self._engine)}
        if self._catalogue_path.is_file():
            done["agents"] = synchronise_agents(self._engine, self._agents())
        if self._machines.prefix and (shipped := read_shipped(self._catalogue_path, self._machines)) is not None:
            done["workflows"] = synchronise_workflows(self._engine, shipped)
        get_logger().info("migrated", extra=done)
        return done

    def _agents(self) -> list[RegisteredAgent]:
        with closing(Catalogue(self._catalogue_path)) as catalogue:
            return [
                RegisteredAgent(card.id, card.group, card.name, card.version, card.summary, card.tags)
                for card in catalogue.cards()
            ]
