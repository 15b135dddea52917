"""An agent as a policy sees it."""

from agent_platform.agents.definition import AgentDefinition
from agent_platform.identity.policy import Resource


def as_resource(definition: AgentDefinition, cost_usd: float | None = None) -> Resource:
    """An agent by its id and tags; `cost_usd` is the most that an execution may cost, where one is meant."""
    return Resource("agent", definition.id, tuple(definition.tags), cost_usd)
