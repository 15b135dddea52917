"""Stage: the agent runs. The innermost one: it calls nothing further."""

from collections.abc import Callable

from agent_platform.agents.base import BaseAgent, Provider
from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.llm.sdk import ClaudeClient


def run(client: Callable[[], ClaudeClient], provider: Provider) -> Stage:
    """The stage that runs agents on `client`, which is made at the first execution."""
    agents: dict[tuple[str, str], BaseAgent] = {}

    def stage(call: Call, proceed: Proceed) -> JsonObject:  # noqa: ARG001 - nothing comes after this stage
        key = (call.definition.id, call.definition.version)
        agent = agents.get(key) or agents.setdefault(key, BaseAgent(call.definition, client(), provider))
        return agent.execute(call.input, call.meter)

    return stage
