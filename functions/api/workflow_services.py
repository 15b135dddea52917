"""What is behind the routes of workflows, put together; apart from `deps`, which every cold start loads."""

from collections.abc import Callable
from typing import Any

from agent_platform.settings import ApiSettings
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.schedules import Delivery, Schedules
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_machines import WorkflowMachines
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.history import RunHistory
from agent_platform.workflows.manager import Agents, WorkflowManager
from agent_platform.workflows.publisher import MachineNames, Publisher
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.starting import RunStarter
from agent_platform.workflows.triggers import Triggers


def manager(
    env: ApiSettings,
    engine: Any,
    *,
    agents: Agents,
    executions: ExecutionRepository,
    approvals: Approvals,
    remove_triggers: Callable[[str], object],
) -> WorkflowManager:
    """Workflows and their runs, on this function's tables, bucket and database."""
    payloads = PayloadStore(env.payloads_bucket)
    runs = WorkflowRuns(
        RunRepository(env.runs_table, payloads), executions, env.outbox_table, approvals.withdraw_of_run
    )
    names = MachineNames(env.state_machine_arn_base, env.workflow_machine_prefix)
    machines = WorkflowMachines(env.workflow_role_arn, env.workflow_log_group_arn)
    return WorkflowManager(
        starter=RunStarter(WorkflowDefinitions(engine), runs),
        agents=agents,
        publisher=Publisher(machines, names),
        history=RunHistory(runs.machines, executions, approvals.repository, payloads),
        agent_function=env.agent_function_name,
        step_function=env.workflow_step_function_name,
        remove_triggers=remove_triggers,
    )


def triggers(env: ApiSettings, engine: Any) -> Triggers:
    """Schedules and events that start runs."""
    delivery = Delivery(
        group=env.schedule_group,
        bus=env.event_bus_name,
        rule_prefix=env.trigger_rule_prefix,
        target_arn=env.trigger_function_arn,
        role_arn=env.scheduler_role_arn,
        dead_letter_arn=env.trigger_dead_letter_arn,
    )
    return Triggers(TriggerRepository(engine), Schedules(delivery), WorkflowDefinitions(engine))
