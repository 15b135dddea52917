"""Agents that are made up and work together, and a pipeline in memory that finds them."""

import json
from collections.abc import Sequence
from typing import Any

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import AgentNotFound
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.executions import Execution
from agent_platform.storage.memory import InMemoryExecutions
from agent_platform.storage.transactions import Rider
from tests.fakes.definitions import a_definition

CARD, LETTER, PARCEL = MEMBERS = ("post/card-weigher", "post/letter-weigher", "post/parcel-weigher")
DESK = "post/mail-desk"
TRACE = "67a1b2c30123456789abcdef01234567"


def an_agent(agent_id: str, topic: str = "", **changes: Any) -> AgentDefinition:
    """An agent that is about the first word of its name, unless told otherwise."""
    fields = a_definition(topic or agent_id.partition("/")[2].partition("-")[0], **changes)
    return AgentDefinition.model_validate_json(json.dumps({**fields, "id": agent_id}))


def a_team(mode: str, members: Sequence[str] = MEMBERS, rounds: int = 2, **changes: Any) -> AgentDefinition:
    """A team under `post/mail-desk`."""
    return an_agent(DESK, team={"mode": mode, "members": list(members), "rounds": rounds}, **changes)


class Recorded(InMemoryExecutions):
    """Executions in memory, in the order in which they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Execution] = []

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:
        """Keep one."""
        self.all.append(execution)
        return super().record(execution, riders)

    def of(self, agent_id: str) -> list[Execution]:
        """Those of one agent."""
        return [each for each in self.all if each.agent_id == agent_id]


class Office:
    """Definitions by id, and a pipeline that runs them for one person; `stages` come before the recording."""

    def __init__(
        self, claude: ClaudeClient, principal: Principal, *definitions: AgentDefinition, stages: Sequence[Stage] = ()
    ) -> None:
        self.definitions = {each.id: each for each in [*map(an_agent, MEMBERS), *definitions]}
        self.executions = Recorded()
        self._principal = principal
        self.pipeline = ExecutionPipeline(
            [validate_input, *stages, record(self.executions), run(lambda: claude, "anthropic", self.find)],
            "anthropic",
            self.find,
        )

    def find(self, agent_id: str) -> AgentDefinition:
        """A definition by its id."""
        if agent_id not in self.definitions:
            raise AgentNotFound(f"There is no agent `{agent_id}`.")
        return self.definitions[agent_id]

    def run(self, agent_id: str = DESK, value: JsonObject | None = None, patience: Patience = PATIENT) -> Execution:
        """Execute an agent on its own example, or on `value`."""
        definition = self.find(agent_id)
        asked = definition.example.input if value is None else value
        return self.pipeline.execute(definition, asked, self._principal, TRACE, patience)


def refusing(agent_id: str, error: Exception) -> Stage:
    """A stage that refuses every call of one agent."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if call.definition.id == agent_id:
            raise error
        return proceed(call)

    return stage
