"""The end of a run's attempt: made of what Step Functions tells, and written once with its event."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from agent_platform.errors import (
    ApprovalExpired,
    ApprovalRejected,
    DeadlineExceeded,
    PlatformError,
    RunStopped,
    WorkflowRunFailed,
)
from agent_platform.events.workflows import workflow_ended
from agent_platform.observability import get_logger
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.runs import Run, RunFailure, RunRepository, RunStatus
from agent_platform.storage.workflow_machines import MachineExecution, MachineExecutions
from agent_platform.workflows.spans import record_attempt

EVENTS_LOOKED_AT = 200
"""Of a history, from its end, to find the step that failed."""

_ENDS: dict[str, RunStatus] = {"SUCCEEDED": "succeeded", "ABORTED": "stopped"}

_FINAL = (ApprovalRejected.__name__, ApprovalExpired.__name__)
"""Of an approval that was decided, or can be no more."""


class RunEnds:
    """Writes ends. Every method raises `StorageUnavailable` when AWS does not answer.

    Args:
        withdraw: takes back the approvals that a run, by its id, waits for.
    """

    def __init__(
        self,
        runs: RunRepository,
        executions: ExecutionRepository,
        outbox_table: str,
        withdraw: Callable[[str], object],
        machines: MachineExecutions,
    ) -> None:
        self._runs = runs
        self._executions = executions
        self._outbox = outbox_table
        self._withdraw = withdraw
        self._machines = machines

    def settle(self, run: Run, execution: MachineExecution) -> Run:
        """The end of a run whose execution is over. Returns what is stored."""
        if execution.never_began:  # however that ended
            return self.stop(run)
        status = _ENDS.get(execution.status, "failed")
        if status == "succeeded":
            output, reference = _output(execution.output)
            return self.write(run, status, output=output, output_ref=reference)
        if status == "stopped":
            return self.stop(run, execution.cause)
        failure = failure_of(execution.error, execution.cause)
        if execution.status == "TIMED_OUT":
            late = DeadlineExceeded("The run took longer than its workflow allows (`timeout_seconds` of the spec).")
            return self.write(run, status, error=RunFailure(code=late.code, message=late.detail))
        error = RunFailure(**failure.model_dump(), step_id=self._failed_step(run))
        return self.write(run, status, error=error)

    def stop(self, run: Run, why: str = "") -> Run:
        """The end of a run that was stopped. Returns what is stored."""
        failure = RunFailure(code=RunStopped.code, message=why or "The run was stopped.")
        return self.write(run, "stopped", error=failure)

    def fail(self, run: Run, error: PlatformError) -> Run:
        """The end of a run that could not go on. Returns what is stored."""
        return self.write(run, "failed", error=RunFailure(code=error.code, message=error.public_detail))

    def write(self, run: Run, status: RunStatus, **changes: Any) -> Run:
        """Write the end of a run's attempt with its event; whoever comes second changes nothing."""
        self._withdraw(run.id)  # before the end is written, since nobody looks at a run that is over
        now = present()
        ended = run.model_copy(
            update={
                "status": status,
                "finished_at": now,
                "duration_ms": max(0, round((now - run.began_at).total_seconds() * 1000)),
                "cost_usd": self._executions.cost_of_run(run.id),
                **changes,
            }
        )
        stored = self._runs.end(ended, workflow_ended(ended, self._outbox))
        if (stored.attempt, stored.finished_at) == (ended.attempt, ended.finished_at):
            record_attempt(ended)
        get_logger().info(
            "run_settled",
            extra={"run_id": run.id, "trace_id": run.trace_id, "attempt": stored.attempt, "status": stored.status},
        )
        return stored

    def is_final(self, run: Run, execution: MachineExecution) -> bool:
        """Whether a failed execution would only fail again if it went on: it goes on with the state that failed."""
        if execution.status != "FAILED":
            return False
        if execution.error in _FINAL or (execution.error == WorkflowRunFailed.__name__ and not _raised(execution)):
            return True
        events = self._machines.history(run.execution_arn, newest_first=True, with_data=False, page=EVENTS_LOOKED_AT)
        for event in islice(events, EVENTS_LOOKED_AT):
            if "stateEnteredEventDetails" in event:
                return event.get("type") == "FailStateEntered"
        return False

    def _failed_step(self, run: Run) -> str | None:
        """The step of the state that was entered last."""
        events: Any = ()
        if run.states:
            events = self._machines.history(run.execution_arn, newest_first=True, with_data=False)
        for event in islice(events, EVENTS_LOOKED_AT):
            step = run.states.get(event.get("stateEnteredEventDetails", {}).get("name", ""))
            if step is not None:
                return step
        return None


def _raised(execution: MachineExecution) -> bool:
    """Whether a function raised the error, of which Lambda makes JSON. A Fail state has a sentence for its cause."""
    try:
        document = json.loads(execution.cause)
    except ValueError:
        return False
    return isinstance(document, dict) and "errorMessage" in document


def present() -> datetime:
    """The moment, as precise as ids are: to the millisecond."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _output(document: Any) -> tuple[Any, str | None]:
    """What the last state left: the output, or only its reference."""
    if isinstance(document, dict) and document.keys() == {"output", "output_ref"}:
        return document["output"], document["output_ref"]
    return document, None
