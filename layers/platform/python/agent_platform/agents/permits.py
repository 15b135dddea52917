"""What an agent may do beyond reading: exactly what a person approved, once.

A model can be talked into any call by a text that it reads, so its word alone changes nothing outside. A call with an
effect ends the execution with a request for approval; a person reads tool and arguments and decides; the execution,
sent again with the approval's id, may make this very call once. "This very call" is a digest over agent, principal,
tool and arguments as JSON with sorted keys, which tells 1, 1.0 and true apart.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.tools.registry import Effect

ARGUMENT_BYTES = 100_000
"""As canonical JSON: what a person can be asked to read, and an item of DynamoDB can hold (400 KB)."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that an agent wants to make."""

    tool: str
    arguments: JsonObject
    effect: Effect

    @property
    def canonical(self) -> str:
        """The arguments as the same text for the same value."""
        return json.dumps(self.arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    def digest(self, agent_id: str, user_id: str) -> str:
        """What an approval is bound to."""
        bound = json.dumps([agent_id, user_id, self.tool, self.canonical], separators=(",", ":"))
        return sha256(bound.encode()).hexdigest()


class Permits(Protocol):
    """The approvals of one execution of one agent."""

    @property
    def approved(self) -> ToolCall | None:
        """The call that came approved, as long as it has not been made; None where there is none for this agent."""

    def take(self, call: ToolCall) -> bool:
        """Use up the approval of exactly this call; False where there is none. Never True twice, anywhere.

        Raises:
            ToolApprovalUnusable: it was used, or ended, meanwhile.
        """

    def ask(self, call: ToolCall) -> str:
        """Ask people for approval of exactly this call; returns the id of the request."""


def needs_approval(definition: AgentDefinition, effect: Effect) -> bool:
    """Whether a person must approve a call with this effect: always what destroys, and writing unless an author who
    answers for it says otherwise."""
    return effect == "destroys" or (effect == "writes" and definition.approval == "required")
