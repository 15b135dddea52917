"""One execution on its way through the pipeline, and the shape of a stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from agent_platform.agents.base import ALONE, Context
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.meter import PATIENT, Meter, Patience
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.llm.models import model_of
from agent_platform.storage.executions import Escalation, Execution
from agent_platform.storage.transactions import Rider


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """Where a caller stands with one agent: how many calls a minute, how many are left, when the minute is over."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(slots=True)
class Call:
    """What was asked, by whom, and what has come of it so far. `execution` is set once it is recorded.

    Attributes:
        idempotency_key: of the caller; the same one again is answered with the first answer.
        session_id: the conversation that this is a turn of.
        batch_id: the batch that this is a line of.
        run_id: the run of a workflow that this is a part of, at its step `step_id`.
        version: of the agent, where the caller asked for one; None is today's.
        tool_approval: the approval of a call of a tool, which this execution may make.
        postpone: lets an execution wait again that failed for nothing, with what else must be written; None where
            nobody will try it again.
        parent: the call of the agent that put this one to work.
        context: what the agent has around it: its conversation, and whom it may put to work.
        settlements: what else must be written, all or none, with the record; asked once the outcome is known.
        rate: set where a rate limit was asked.
        replayed: `execution` is that of an earlier call with the same idempotency key.
        cached: the output is that of an earlier execution with an equal input.
        escalation: what the agent handed to a person.
        redactions: how many pieces of personal data of each kind were taken out of what the run came to; the record
            adds those of the input.
        awaited: whether the caller waits for the end; False where it is to be accepted and carried out later.
    """

    definition: AgentDefinition
    input: JsonObject
    principal: Principal
    trace_id: str
    meter: Meter
    patience: Patience = PATIENT
    idempotency_key: str | None = None
    session_id: str | None = None
    batch_id: str | None = None
    run_id: str | None = None
    step_id: str | None = None
    version: str | None = None
    tool_approval: str | None = None
    postpone: Callable[[Sequence[Rider]], object] | None = None
    parent: "Call | None" = None
    id: str = field(default_factory=new_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    context: Context = ALONE
    settlements: list[Callable[[Execution], Rider]] = field(default_factory=list)
    rate: RateLimitState | None = None
    replayed: bool = False
    cached: bool = False
    escalation: Escalation | None = None
    redactions: dict[str, int] = field(default_factory=dict)
    awaited: bool = True
    execution: Execution | None = None
    deadline: float = 0.0
    """On the clock of `time.monotonic`: the definition's limit, or the entry's where that ends earlier."""

    def __post_init__(self) -> None:
        self.deadline = self.deadline or monotonic() + self.patience.within(self.definition.limits.timeout_seconds)

    @property
    def model_id(self) -> str:
        """The model that the definition's tier stands for."""
        return model_of(self.definition.model).id

    @property
    def seconds_left(self) -> float:
        """Until the deadline; 0 when it is over."""
        return max(0.0, self.deadline - monotonic())

    @property
    def was_free(self) -> bool:
        """Whether no model has been paid so far, by this agent or by those it put to work."""
        return not (self.meter.cost_usd or self.meter.uncertain_usd or self.meter.delegated_usd)

    @property
    def lineage(self) -> tuple[str, ...]:
        """Ids of the agents from the one that the caller asked down to this one."""
        return (*(self.parent.lineage if self.parent else ()), self.definition.id)


Proceed = Callable[[Call], JsonObject]
"""The rest of the pipeline: returns the agent's output or raises a PlatformError."""

Stage = Callable[[Call, Proceed], JsonObject]
"""One stage: acts before, calls `proceed` once at most, acts after. What it raises passes the stages around it."""
