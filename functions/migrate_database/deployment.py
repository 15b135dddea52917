"""What a deployment does to the database, in the order in which it must happen."""

from contextlib import closing
from functools import partial
from typing import Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import ConfigurationError
from agent_platform.identity.users import Users
from agent_platform.observability import get_logger
from agent_platform.settings import MigrateDatabaseSettings
from agent_platform.storage import migrations
from agent_platform.storage.agent_registry import RegisteredAgent, synchronise_agents
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition
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
        self._definitions = DefinitionRepository(settings.definitions_table) if settings.definitions_table else None
        self._may_change = settings.stage == "local"
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
            # Before anything says that the agents are there: a changed version ends the deployment.
            done["versions"] = self._keep_versions()
            done["agents"] = synchronise_agents(self._engine, self._agents())
        if self._machines.prefix and (shipped := read_shipped(self._catalogue_path, self._machines)) is not None:
            done["workflows"] = synchronise_workflows(self._engine, shipped)
        get_logger().info("migrated", extra=done)
        return done

    def _keep_versions(self) -> dict[str, int]:
        """Keep the definition of every agent by its version, so that it can be executed when a newer one is deployed.

        Raises:
            ConfigurationError: an agent changed and its version did not; nothing was kept. On a laptop the newer words
                take the place of the older.
            StorageUnavailable: the table does not answer.
        """
        if self._definitions is None:
            return {}
        with closing(Catalogue(self._catalogue_path)) as catalogue:
            # What the author wrote: a field that the platform adds with a default is no change of the agent.
            now = [
                VersionedDefinition(each.id, each.version, each.model_dump_json(exclude_defaults=True))
                for each in catalogue.definitions()
            ]
        written, other = self._definitions.keep(now, replace=self._may_change)
        if other and not self._may_change:
            raise ConfigurationError(
                f"{len(other)} agents changed and kept their version: {', '.join(other[:20])}. A version that was "
                "deployed stays as it is: raise it (`make agent-diff ID=group/name` says to what), and deploy again."
            )
        return {"kept": written, "changed": len(other)}

    def _agents(self) -> list[RegisteredAgent]:
        with closing(Catalogue(self._catalogue_path)) as catalogue:
            return [
                RegisteredAgent(card.id, card.group, card.name, card.version, card.summary, card.tags)
                for card in catalogue.cards()
            ]
