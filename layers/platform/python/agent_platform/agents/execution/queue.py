"""Stage: the execution is accepted and left to a state machine. The innermost one of a submission: nothing runs."""

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.execution.record import unfinished
from agent_platform.errors import PlatformError
from agent_platform.observability import get_logger
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import QUEUED, PayloadStore
from agent_platform.storage.step_functions import StateMachine
from agent_platform.storage.transactions import Rider


def queue(executions: ExecutionRepository, payloads: PayloadStore, machine: StateMachine) -> Stage:
    """The stage that writes the queued execution and starts the run of `machine` that bears its id.

    The input waits in the bucket, whole: the record holds it without personal data, and the history of a state machine
    cannot be deleted. It is written first, so that no execution is queued without one.

    Raises:
        StorageUnavailable: it could not be accepted; nothing of it is left.
        IdempotencyInProgress: its key went to another request before it could be accepted.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:  # noqa: ARG001 - nothing comes after this stage
        execution = unfinished(call, "queued")
        payloads.put(input_key(call.id), call.input)
        riders = [settle(execution) for settle in call.settlements]
        executions.queue(execution, riders)
        try:
            start(machine, call, call.id)
        except PlatformError:
            _take_back(executions, call, riders)
            raise
        call.execution = execution
        return {}

    return stage


def start(machine: StateMachine, call: Call, execution_id: str) -> None:
    """Start the run of a queued execution. One that was started before stays as it is."""
    machine.start(
        execution_id,
        {
            "execution_id": execution_id,
            "agent_id": call.definition.id,
            "version": call.version,
            "input_ref": input_key(execution_id),
            "session_id": call.session_id,
            "tool_approval": call.tool_approval,
            "trace_id": call.trace_id,
            "principal": call.principal.to_document().model_dump(mode="json"),
        },
        trace_id=call.trace_id,
    )


def input_key(execution_id: str) -> str:
    """Where the input of a queued execution waits."""
    return f"{QUEUED}{execution_id}/input.json"


def _take_back(executions: ExecutionRepository, call: Call, riders: list[Rider]) -> None:
    try:
        executions.withdraw(call.id, riders)
    except PlatformError as error:
        # It waits for nobody and is shown as interrupted in time; its idempotency key would start it after all.
        get_logger().error("execution_not_withdrawn", extra={"execution_id": call.id, "detail": error.detail})
