"""Agents that people write through the API: drafted, checked by the gates, published in versions, rolled back."""

from pathlib import Path
from typing import Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.compare import changes, needed, next_version, says_enough
from agent_platform.agents.custom import GROUP, LiveAgents, read_custom
from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import AgentFailsGates, AgentVersionNotFound, Conflict, FieldError
from agent_platform.finding.check_draft import Report, check_draft
from agent_platform.storage.custom_agents import CustomAgent, CustomAgents
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition


class CustomAgentDesk:
    """What authors do with agents of their own. Every method raises `StorageUnavailable` when a store does not answer.

    A version that was published is kept as it was, and can be executed by `?version=`; one of them is live.
    """

    def __init__(
        self, agents: CustomAgents, definitions: DefinitionRepository, catalogue: Catalogue, finding: Path
    ) -> None:
        self.agents = agents
        self._definitions = definitions
        self._catalogue = catalogue
        self._finding = finding
        self._live = LiveAgents(definitions)

    def create(self, name: str, document: dict[str, Any], *, owner: str) -> CustomAgent:
        """A new agent as a draft.

        Raises:
            InvalidInput: the definition has faults; all are named.
            AgentNameTaken: there is a custom agent of this name.
        """
        read_custom(name, document)
        return self.agents.create(name, document, owner=owner)

    def write(self, name: str, document: dict[str, Any], *, owner: str) -> CustomAgent:
        """Another draft of an agent.

        Raises:
            InvalidInput: the definition has faults; all are named.
            AgentNotFound: the owner has none of this name.
        """
        read_custom(name, document)
        return self.agents.write_draft(name, document, owner=owner)

    def check(self, name: str, *, owner: str) -> Report:
        """Hold the draft to the gates that every shipped agent has passed.

        Raises:
            AgentNotFound: the owner has none of this name.
            InvalidInput: the draft is of a form that is not read any more.
        """
        agent = self.agents.get(name, owner=owner)
        return check_draft(read_custom(name, agent.draft), self._catalogue, self._finding)

    def publish(self, name: str, *, owner: str) -> CustomAgent:
        """Let the draft be the live version, if it passes the gates.

        Raises:
            AgentNotFound: the owner has none of this name.
            AgentFailsGates: names what to mend.
            Conflict: the version says too little of what changed since the live one, or was published before with
                other words.
        """
        report = self.check(name, owner=owner)
        if not report.passes:
            faults = report.faults or tuple(FieldError("definition", line) for line in report.findings)
            raise AgentFailsGates(f"`{GROUP}/{name}` does not pass the gates yet.", errors=list(faults))
        with self.agents.held(name, owner=owner) as held:
            draft = read_custom(name, held.agent.draft)
            version = _versioned(draft)
            if held.agent.live_version:
                self._check_version(draft)
            _, other = self._definitions.keep([version], replace=False)
            if other:
                raise Conflict(
                    f"{draft.version} was published before with other words, and stays as it is: raise `version`."
                )
            self._definitions.set_live(version)
            held.go_live(draft.version)
            return held.agent

    def _check_version(self, draft: AgentDefinition) -> None:
        live = self._live.get(draft.id)
        bump = needed(changes(live, draft))
        if not says_enough(live.version, draft.version, bump):
            wanted = next_version(live.version, bump)
            raise Conflict(
                f"The change from {live.version}, which is live, is {bump.name.lower()}: write version {wanted} or "
                f"higher, not {draft.version}."
            )

    def roll_back(self, name: str, version: str, *, owner: str) -> CustomAgent:
        """Let a version that was published before be the live one.

        Raises:
            AgentNotFound: the owner has none of this name.
            AgentVersionNotFound: this version was never published.
        """
        with self.agents.held(name, owner=owner) as held:
            document = self._definitions.document(held.agent.id, version)
            if document is None:
                raise AgentVersionNotFound(
                    f"`{held.agent.id}` was never published as {version}. "
                    f"GET /api/v1/custom-agents/{name}/versions lists its versions."
                )
            self._definitions.set_live(VersionedDefinition(held.agent.id, version, document))
            held.go_live(version)
            return held.agent

    def withdraw(self, name: str, *, owner: str) -> CustomAgent:
        """Let no version be live: nobody finds or executes it, until one is published or rolled back to.

        Raises:
            AgentNotFound: the owner has none of this name.
        """
        with self.agents.held(name, owner=owner) as held:
            self._definitions.end_live(held.agent.id)
            held.go_live(None)
            return held.agent

    def delete(self, name: str, *, owner: str) -> None:
        """Remove an agent that is not live, with its draft and all that was published of it.

        Raises:
            AgentNotFound: the owner has none of this name.
            Conflict: it is live; withdraw it first.
        """
        self.agents.delete(name, owner=owner, forget=self._definitions.remove)

    def published(self) -> list[AgentDefinition]:
        """Every agent of users that is live, by name."""
        return [self._live.get(f"{GROUP}/{name}") for name in self.agents.published()]


def _versioned(draft: AgentDefinition) -> VersionedDefinition:
    return VersionedDefinition(draft.id, draft.version, draft.model_dump_json(exclude_defaults=True))
