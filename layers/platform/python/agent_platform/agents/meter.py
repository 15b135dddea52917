"""What an execution uses, and what it may use."""

from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import Literal

from agent_platform.agents.guardrails.rules import Handover
from agent_platform.llm.models import ClaudeModel, cost_usd
from agent_platform.llm.sdk import Message
from agent_platform.llm.usage import Usage

Provider = Literal["anthropic", "bedrock", "offline"]

OFFLINE_PREFIX = "offline/"
"""How the offline model names itself in every answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often an entry waits for the model, inside the definition's own limit.

    Attributes:
        seconds: for the whole execution; None leaves it to the definition.
        retries: further tries when the model is overloaded or out of reach. A workflow step has none: Step Functions
            owns its retries, and retries within retries multiply.
    """

    seconds: float | None = None
    retries: int = 0

    def within(self, limit: float) -> float:
        """Seconds that an execution with a limit of its own may take; none at all is 0, not the limit."""
        return max(0.0, limit if self.seconds is None else min(limit, self.seconds))


PATIENT = Patience()
"""Of a caller whom nothing cuts off and who retries itself: the definition's limit alone counts."""


@dataclass(slots=True)
class Meter:
    """What an execution has used so far; it keeps counting right also when the execution fails. Safe for threads.

    Attributes:
        cost_usd: list price of the answers that the model gave to this agent itself.
        uncertain_usd: the most that calls without an answer may have cost: a try that timed out may be billed.
        delegated_usd: what agents cost that this one put to work; each has a record and a budget of its own.
        allowance_usd: what has been reserved for this execution; None where nobody keeps a budget.
        handover: the rule by which the answer goes to a person, if the model met one.
    """

    provider: Provider
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    tool_calls: int = 0
    uncertain_usd: Decimal = Decimal(0)
    delegated_usd: Decimal = Decimal(0)
    allowance_usd: Decimal | None = None
    handover: Handover | None = None
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, model: ClaudeModel, message: Message) -> None:
        """Count one answer of the model at its list price."""
        used = Usage.from_message(message)
        with self._lock:
            self.usage += used
            self.cost_usd += cost_usd(model, used)
            if message.model.startswith(OFFLINE_PREFIX):
                self.provider = "offline"

    def add_tool_call(self) -> None:
        """Count one call of a tool."""
        with self._lock:
            self.tool_calls += 1

    def add_uncertain(self, most_usd: Decimal) -> None:
        """Count a call of which nobody knows whether it is billed."""
        with self._lock:
            self.uncertain_usd += most_usd

    def add_delegated(self, cost: Decimal) -> None:
        """Count what another agent cost that this one put to work."""
        with self._lock:
            self.delegated_usd += cost
