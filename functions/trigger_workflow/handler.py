"""Lambda entry of triggers: EventBridge Scheduler and rules of the platform's bus call it."""

from functools import cache, partial
from typing import Any

from agent_platform.identity.api_keys import ApiKeys
from agent_platform.identity.policy import Policies
from agent_platform.identity.users import Users
from agent_platform.observability import get_logger
from agent_platform.settings import TriggerWorkflowSettings, load
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.postgres import credentials_from, open_engine
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.tracing import flushed
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.starting import RunStarter
from agent_platform.workflows.step_data import StepData
from functions.trigger_workflow.firing import Firing, permitted
from functions.trigger_workflow.request import read_request

log = get_logger()


def firing_of(env: TriggerWorkflowSettings) -> Firing:
    """What fires, on this function's tables, bucket and database."""
    engine = open_engine(partial(credentials_from, env.database_secret_arn))
    payloads = PayloadStore(env.payloads_bucket)
    approvals = Approvals(ApprovalRepository(env.approvals_table), StepData(payloads))
    executions = ExecutionRepository(env.executions_table, payloads)
    repository = RunRepository(env.runs_table, payloads)
    runs = WorkflowRuns(repository, executions, env.outbox_table, approvals.withdraw_of_run)
    starter = RunStarter(WorkflowDefinitions(engine), runs)
    keys = ApiKeys(env.tokens_table)
    start = permitted(starter.start, Policies(env.policies_path))
    return Firing(TriggerRepository(engine), repository, Users(engine).get, keys.principal_of, start)


@cache
def _firing() -> Firing:
    return firing_of(load(TriggerWorkflowSettings))


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the run of one trigger; what Lambda should try again is raised."""
    return _firing().fire(read_request(event), context.aws_request_id)
