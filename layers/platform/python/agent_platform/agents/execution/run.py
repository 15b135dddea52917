"""Stage: the agent runs. The innermost one: it calls nothing further."""

from collections.abc import Callable

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.definition import AgentDefinition, JsonObject, Team
from agent_platform.agents.enhanced import EnhancedAgent
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.meter import Patience, Provider
from agent_platform.agents.team import AgentTeam
from agent_platform.errors import AgentNotFound, DeadlineExceeded
from agent_platform.llm.sdk import ClaudeClient

MOST_KEPT = 500
"""Agents that are kept ready; with teams of workflows there could be any number."""


def run(
    client: Callable[[], ClaudeClient],
    provider: Provider,
    definitions: Callable[[str], AgentDefinition] | None = None,
) -> Stage:
    """The stage that runs agents on what `client` returns, asked at each execution: a new key makes a new client.

    `definitions` finds the colleagues of an agent by id; it is asked when the agent is first run.
    """
    agents: dict[tuple[str, str, Team | None], tuple[ClaudeClient, BaseAgent]] = {}

    def stage(call: Call, proceed: Proceed) -> JsonObject:  # noqa: ARG001 - nothing comes after this stage
        # A step of a workflow may give its agent another team.
        key, current = (call.definition.id, call.definition.version, call.definition.team), client()
        made_with, agent = agents.get(key, (None, None))
        if agent is None or made_with is not current:
            colleagues = [_colleague(definitions, each, call.definition) for each in call.definition.colleagues]
            agent = agent_class(call.definition)(call.definition, current, provider, colleagues)
            if len(agents) >= MOST_KEPT:
                agents.clear()
            agents[key] = current, agent
        if not call.seconds_left:
            raise DeadlineExceeded("The time of this execution was over before the agent could begin. Send it again.")
        patience = Patience(call.seconds_left, call.patience.retries)
        return agent.execute(call.input, call.meter, patience, call.context)

    return stage


def agent_class(definition: AgentDefinition) -> type[BaseAgent]:
    """Which kind of agent a definition asks for; none is a team and remembers, which the build sees to."""
    if definition.team:
        return AgentTeam
    return BaseAgent if definition.memory == "none" else EnhancedAgent


def _colleague(
    definitions: Callable[[str], AgentDefinition] | None, agent_id: str, asker: AgentDefinition
) -> AgentDefinition:
    if definitions is None:
        raise AgentNotFound(f"`{asker.id}` works with `{agent_id}`, which cannot be found from here.")
    return definitions(agent_id)
