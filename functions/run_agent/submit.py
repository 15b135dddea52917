"""Accept an execution now and let a state machine carry it out: `Prefer: respond-async`."""

from collections.abc import Callable, Sequence

from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.call import Stage
from agent_platform.agents.execution.queue import queue, start
from agent_platform.agents.meter import Provider
from agent_platform.storage.executions import Execution, ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.step_functions import StateMachine


def submission(
    stages: Sequence[Stage],
    executions: ExecutionRepository,
    payloads: PayloadStore,
    machine: StateMachine,
    provider: Provider,
) -> Callable[[Call], Execution]:
    """A function that accepts a call and returns its queued execution.

    Args:
        stages: what a call must pass to be accepted: validation, policy, idempotency. Rate and budget are asked when
            it runs; the state machine waits for a free minute.
        machine: the one of `statemachines/run_agent.asl.json`.
    """
    pipeline = ExecutionPipeline([*stages, queue(executions, payloads, machine)], provider)

    def submit(call: Call) -> Execution:
        """Accept it. Its idempotency key again gives the same execution, and starts it if that was cut off.

        Raises:
            PlatformError: what a stage refused; StorageUnavailable if it could not be accepted. Nothing is left of it.
        """
        call.awaited = False
        execution = pipeline.carry_out(call)
        if call.replayed and execution.status == "queued":
            start(machine, call, execution.id)
        return execution

    return submit
