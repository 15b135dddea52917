"""What the routes of this function call: the agents of one group, their pipeline and their counts."""

from typing import Protocol

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import AgentNotFound
from agent_platform.identity.principal import Principal
from agent_platform.storage.counters import AgentTotals
from agent_platform.storage.executions import Execution


class Counts(Protocol):
    """Where an agent's totals over all instances are read."""

    def totals(self, agent_id: str) -> AgentTotals:
        """The sums since the agent first ran."""


class RunAgentService:
    """The agents of one group."""

    def __init__(self, group: str, catalogue: Catalogue, pipeline: ExecutionPipeline, counts: Counts) -> None:
        self._group = group
        self._catalogue = catalogue
        self._pipeline = pipeline
        self._counts = counts

    def definition(self, agent_id: str) -> AgentDefinition:
        """The definition of an agent of this group.

        Raises:
            AgentNotFound: the catalogue has no such agent, or it belongs to another group.
        """
        if not agent_id.startswith(f"{self._group}/"):
            raise AgentNotFound(f"This function serves the group `{self._group}`, not `{agent_id}`.")
        return self._catalogue.get(agent_id)

    def execute(
        self, agent_id: str, value: JsonObject, principal: Principal, trace_id: str, patience: Patience = PATIENT
    ) -> Execution:
        """Run an agent through the governed pipeline."""
        return self._pipeline.execute(self.definition(agent_id), value, principal, trace_id, patience)

    def totals(self, agent_id: str) -> AgentTotals:
        """The counts of an agent of this group."""
        return self._counts.totals(self.definition(agent_id).id)
