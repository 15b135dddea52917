"""Lambda entry of the steps of workflows, called by their state machines."""

from functools import cache
from typing import Any

from agent_platform.observability import get_logger
from agent_platform.settings import WorkflowStepSettings, load
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.tracing import flushed
from agent_platform.workflows.approval_steps import ApprovalSteps
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.nested_steps import NestedSteps
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps

log = get_logger()


@cache
def steps() -> WorkflowSteps:
    """The steps, on this function's tables and bucket."""
    env = load(WorkflowStepSettings)
    payloads = PayloadStore(env.payloads_bucket)
    data, runs = StepData(payloads), RunRepository(env.runs_table, payloads)
    approvals = Approvals(ApprovalRepository(env.approvals_table), data)
    executions = ExecutionRepository(env.executions_table, payloads)
    nested = WorkflowRuns(runs, executions, env.outbox_table, approvals.withdraw_of_run)
    return WorkflowSteps(data, ApprovalSteps(approvals, data, runs), NestedSteps(nested, data))


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Take one step; errors are raised under their own names, so that the state machine can retry and catch them."""
    return steps().take(event)
