"""What the routes of this function call: the agents of one group, their pipeline and their counts."""

from collections.abc import Callable
from typing import Any, Protocol

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition, JsonObject, Team
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import AgentNotFound, BadRequest
from agent_platform.identity.principal import Principal
from agent_platform.storage.counters import AgentTotals
from agent_platform.storage.executions import Execution


class Counts(Protocol):
    """Where an agent's totals over all instances are read."""

    def totals(self, agent_id: str) -> AgentTotals:
        """The sums since the agent first ran."""


Submit = Callable[[Call], Execution]
"""Accepts a call, to be carried out by a state machine, and returns the queued execution."""


def _nowhere(call: Call) -> Execution:
    raise BadRequest(f"`{call.definition.id}` runs alone here, so it cannot answer later. Leave out `Prefer`.")


class RunAgentService:
    """The agents of one group."""

    def __init__(
        self,
        group: str,
        catalogue: Catalogue,
        pipeline: ExecutionPipeline,
        counts: Counts,
        submit: Submit = _nowhere,
    ) -> None:
        self._group = group
        self._catalogue = catalogue
        self._pipeline = pipeline
        self._counts = counts
        self.submit = submit

    def definition(self, agent_id: str) -> AgentDefinition:
        """The definition of an agent of this group.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
        """
        if not agent_id.startswith(f"{self._group}/"):
            raise AgentNotFound(f"This function serves the group `{self._group}`, not `{agent_id}`.")
        return self._catalogue.get(agent_id)

    def call(
        self,
        agent_id: str,
        value: JsonObject,
        principal: Principal,
        trace_id: str,
        patience: Patience = PATIENT,
        team: Team | None = None,
        **more: Any,
    ) -> Call:
        """A call of an agent of this group; `more` are further fields of `Call`. Its deadline starts now.

        Args:
            team: works under the agent instead of what its definition says; it then remembers no conversation.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
        """
        definition = self.definition(agent_id)
        if team:
            definition = definition.model_copy(update={"team": team, "memory": "none"})
        return self._pipeline.call(definition, value, principal, trace_id, patience, **more)

    def carry_out(self, call: Call) -> Execution:
        """Send a call through the governed pipeline."""
        return self._pipeline.carry_out(call)

    def totals(self, agent_id: str) -> AgentTotals:
        """The counts of an agent of this group."""
        return self._counts.totals(self.definition(agent_id).id)
