"""What the routes of this function call: the agents of one group, their pipeline and their counts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from agent_platform.agents.definition import AgentDefinition, JsonObject, Team
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.agents.versions import Current, Documents, Versions
from agent_platform.errors import AgentNotFound, BadRequest
from agent_platform.identity.principal import Principal
from agent_platform.storage.agent_switches import SwitchedOff
from agent_platform.storage.counters import AgentTotals
from agent_platform.storage.definitions import PublishedVersion
from agent_platform.storage.executions import Execution


class Counts(Protocol):
    """Where an agent's totals over all instances are read."""

    def totals(self, agent_id: str) -> AgentTotals:
        """The sums since the agent first ran."""


class KeptVersions(Documents, Protocol):
    """Where the versions of agents are kept and listed."""

    def versions(self, agent_id: str) -> list[PublishedVersion]:
        """Every version of an agent, the highest first."""


Submit = Callable[[Call], Execution]
"""Accepts a call, to be carried out by a state machine, and returns the queued execution."""


def _nowhere(call: Call) -> Execution:
    raise BadRequest(f"`{call.definition.id}` runs alone here, so it cannot answer later. Leave out `Prefer`.")


class RunAgentService:
    """The agents of one group."""

    def __init__(
        self,
        group: str,
        catalogue: Current,
        pipeline: ExecutionPipeline,
        counts: Counts,
        submit: Submit = _nowhere,
        kept: KeptVersions | None = None,
        switched_off: Callable[[str], SwitchedOff | None] = lambda _: None,
    ) -> None:
        self._group = group
        self._versions = Versions(catalogue, kept)
        self._kept = kept
        self._pipeline = pipeline
        self._counts = counts
        self.submit = submit
        self.switched_off = switched_off

    def definition(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The definition of an agent of this group, in today's version unless another is named.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
            AgentVersionNotFound: this version was never deployed.
        """
        if not agent_id.startswith(f"{self._group}/"):
            raise AgentNotFound(f"This function serves the group `{self._group}`, not `{agent_id}`.")
        return self._versions.get(agent_id, version)

    def versions(self, agent_id: str) -> list[PublishedVersion]:
        """Every version of an agent that can be executed, the highest first; alone on a laptop there is one of now.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
            StorageUnavailable: they cannot be read.
        """
        current = self.definition(agent_id)
        kept = self._kept.versions(agent_id) if self._kept else []
        if any(each.version == current.version for each in kept):
            return kept
        return [PublishedVersion(version=current.version, published_at=datetime.now(UTC)), *kept]

    def call(
        self,
        agent_id: str,
        value: JsonObject,
        principal: Principal,
        trace_id: str,
        patience: Patience = PATIENT,
        team: Team | None = None,
        version: str | None = None,
        **more: Any,
    ) -> Call:
        """A call of an agent of this group; `more` are further fields of `Call`. Its deadline starts now.

        Args:
            version: of the agent; None is today's.
            team: works under the agent instead of what its definition says; it then remembers no conversation.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
            AgentVersionNotFound: this version was never deployed.
        """
        definition = self.definition(agent_id, version)
        if team:
            definition = definition.model_copy(update={"team": team, "memory": "none"})
        return self._pipeline.call(definition, value, principal, trace_id, patience, version=version, **more)

    def carry_out(self, call: Call) -> Execution:
        """Send a call through the governed pipeline."""
        return self._pipeline.carry_out(call)

    def totals(self, agent_id: str) -> AgentTotals:
        """The counts of an agent of this group."""
        return self._counts.totals(self.definition(agent_id).id)
