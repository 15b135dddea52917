"""One execution on its way through the pipeline, and the shape of a stage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent_platform.agents.base import PATIENT, Meter, Patience
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.llm.models import model_of
from agent_platform.storage.executions import Execution


@dataclass(slots=True)
class Call:
    """What was asked, by whom, and what has come of it so far. `execution` is set once it is recorded."""

    definition: AgentDefinition
    input: JsonObject
    principal: Principal
    trace_id: str
    meter: Meter
    patience: Patience = PATIENT
    id: str = field(default_factory=new_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    execution: Execution | None = None

    @property
    def model_id(self) -> str:
        """The model that the definition's tier stands for."""
        return model_of(self.definition.model).id


Proceed = Callable[[Call], JsonObject]
"""The rest of the pipeline: returns the agent's output or raises a PlatformError."""

Stage = Callable[[Call, Proceed], JsonObject]
"""One stage: acts before, calls `proceed` once at most, acts after. What it raises passes the stages around it."""
