"""Lambda entry: hears from EventBridge that an execution is over, and sweeps on a schedule."""

from functools import cache
from typing import Any

from agent_platform.observability import get_logger
from agent_platform.settings import TrackWorkflowSettings, load
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.tracing import flushed
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.step_data import StepData
from functions.track_workflow.requests import StatusChange, read_request
from functions.track_workflow.tracker import Tracker

log = get_logger()

RESERVE_MILLISECONDS = 20_000
"""What is left of the function's time when the sweep takes up nothing new."""


@cache
def tracker() -> Tracker:
    """The tracker of this function's tables."""
    env = load(TrackWorkflowSettings)
    payloads = PayloadStore(env.payloads_bucket)
    approvals = Approvals(ApprovalRepository(env.approvals_table), StepData(payloads))
    executions = ExecutionRepository(env.executions_table, payloads)
    runs = RunRepository(env.runs_table, payloads)
    letters = DeadLetterRepository(env.dead_letters_table, payloads)
    return Tracker(WorkflowRuns(runs, executions, env.outbox_table, approvals.withdraw_of_run), approvals, letters)


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Settle one run, or sweep; what fails is raised, so that it is delivered again."""
    request = read_request(event)
    if isinstance(request, StatusChange):
        if request.detail.is_item:
            return {"run_id": None, "status": None}
        return tracker().settle(request.detail.name)
    return tracker().sweep(lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
