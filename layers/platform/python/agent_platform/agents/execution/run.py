"""Stage: the agent runs. The innermost one: it calls nothing further."""

from collections.abc import Callable

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.meter import Patience, Provider
from agent_platform.llm.sdk import ClaudeClient


def run(client: Callable[[], ClaudeClient], provider: Provider) -> Stage:
    """The stage that runs agents on what `client` returns, asked at each execution: a new key makes a new client."""
    agents: dict[tuple[str, str], tuple[ClaudeClient, BaseAgent]] = {}

    def stage(call: Call, proceed: Proceed) -> JsonObject:  # noqa: ARG001 - nothing comes after this stage
        key, current = (call.definition.id, call.definition.version), client()
        made_with, agent = agents.get(key, (None, None))
        if agent is None or made_with is not current:
            agent = BaseAgent(call.definition, current, provider)
            agents[key] = current, agent
        patience = Patience(call.seconds_left, call.patience.retries)
        return agent.execute(call.input, call.meter, patience, call.context)

    return stage
