"""Lambda entry of the steps around a batch's lines, called by its state machine."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import InvalidInput
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.observability import get_logger
from agent_platform.settings import RunBatchSettings, load
from agent_platform.storage.batches import BatchRepository
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.tracing import flushed
from functions.run_batch.steps import BatchSteps

log = get_logger()


class Step(BaseModel):
    """The event: which step of which batch. `error` and `cause` are those of a step that failed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    step: Literal["prepare", "collect", "fail"]
    batch_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    error: str = ""
    cause: str = ""


@cache
def _steps() -> BatchSteps:
    env = load(RunBatchSettings)
    payloads = PayloadStore(env.payloads_bucket)
    executions = ExecutionRepository(env.executions_table, payloads)
    return BatchSteps(
        BatchRepository(env.batches_table, payloads),
        executions,
        OutboxRecorder(executions, env.outbox_table, AgentCounters(env.agent_metrics_table)),
        Catalogue(env.catalogue_path),
    )


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Take one step; errors are raised under their own names, so that the state machine can catch them."""
    try:
        step = Step.model_validate(event)
    except ValidationError as error:
        raise InvalidInput(
            f"The event is no step of a batch: {error.errors(include_url=False, include_input=False)}"
        ) from None
    log.append_keys(batch_id=step.batch_id)
    match step.step:
        case "prepare":
            return _steps().prepare(step.batch_id)
        case "collect":
            return _steps().collect(step.batch_id)
        case "fail":
            return _steps().fail(step.batch_id, step.error, step.cause)
