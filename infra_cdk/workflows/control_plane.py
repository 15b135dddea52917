"""What the control plane is told of workflows, and what it may do with them."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from infra_cdk.constructs.payloads import RUNS
from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import (
    arn_base,
    workflow_machine_arns,
    workflow_map_runs_arns,
    workflow_prefix,
    workflow_runs_arns,
)
from infra_cdk.workflows.role import WorkflowRole
from infra_cdk.workflows.steps import ANSWERING_A_TASK, called_by_name, workflow_step_name
from infra_cdk.workflows.triggers import Triggers, trigger_rule_prefix, trigger_rules_arn


def workflow_environment(
    stage: Stage, data: DataStack, runs_as: WorkflowRole, triggers: Triggers, bus_name: str
) -> dict[str, str]:
    """The variables by which the control plane finds everything about workflows."""
    return {
        "RUNS_TABLE": data.tables.runs.table_name,
        "APPROVALS_TABLE": data.tables.approvals.table_name,
        "AGENT_FUNCTION_NAME": called_by_name(stage, group_function_name(stage, "{group}")),
        "WORKFLOW_STEP_FUNCTION_NAME": called_by_name(stage, workflow_step_name(stage)),
        "WORKFLOW_MACHINE_PREFIX": workflow_prefix(stage),
        "STATE_MACHINE_ARN_BASE": arn_base(triggers),
        "WORKFLOW_ROLE_ARN": runs_as.role.role_arn,
        "WORKFLOW_LOG_GROUP_ARN": runs_as.log_group.log_group_arn,
        "TRIGGER_FUNCTION_ARN": triggers.function.entry.function_arn,
        "TRIGGER_DEAD_LETTER_ARN": triggers.dead_letters.queue_arn,
        "TRIGGER_RULE_PREFIX": trigger_rule_prefix(stage),
        "SCHEDULER_ROLE_ARN": triggers.scheduler_role.role_arn,
        "SCHEDULE_GROUP": triggers.group.schedule_group_name,
        "EVENT_BUS_NAME": bus_name,
    }


def let_it_manage_workflows(
    function: PlatformFunction,
    *,
    stage: Stage,
    data: DataStack,
    runs_as: WorkflowRole,
    triggers: Triggers,
    bus_name: str,
) -> None:
    """Let the control plane publish workflows, start and follow their runs, decide, and set triggers up."""
    _records(function, data)
    machines, runs = workflow_machine_arns(function, stage), workflow_runs_arns(function, stage)
    maps = workflow_map_runs_arns(function, stage)
    function.allow(
        [
            "states:CreateStateMachine",
            "states:CreateStateMachineAlias",
            "states:PublishStateMachineVersion",
            "states:StartExecution",
            "states:UpdateStateMachine",
            "states:UpdateStateMachineAlias",
        ],
        [machines],
    )
    _pass_role(function, runs_as.role, to="states.amazonaws.com")
    function.allow(
        [
            "states:DescribeExecution",
            "states:GetExecutionHistory",
            "states:ListMapRuns",
            "states:RedriveExecution",
            "states:StopExecution",
        ],
        [runs],
    )
    function.allow(["states:DescribeMapRun"], [maps])
    function.allow_unscoped(["states:SendTaskSuccess"], ANSWERING_A_TASK)

    schedules = Stack.of(function).format_arn(
        service="scheduler",
        resource="schedule",
        resource_name=f"{triggers.group.schedule_group_name}/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    rules = trigger_rules_arn(function, stage, bus_name)
    function.allow(["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"], [schedules])
    _pass_role(function, triggers.scheduler_role, to="scheduler.amazonaws.com")
    function.allow(
        ["events:DeleteRule", "events:EnableRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"],
        [rules],
    )
    explain_wildcards(
        function.role,
        [machines, runs, maps, schedules, rules],
        "Users make state machines, schedules and rules at any time: each grant names the prefix or the group that all "
        "of them have, and nothing of the platform's own has it.",
    )


def _records(function: PlatformFunction, data: DataStack) -> None:
    tables = data.tables
    function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.runs.table_arn])
    function.allow(
        [
            *("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem"),
            *("dynamodb:PutItem", "dynamodb:UpdateItem"),  # the last for approvals of calls of tools
        ],
        [tables.approvals.table_arn],
    )
    function.allow(
        ["dynamodb:Query"],
        [
            f"{tables.executions.table_arn}/index/by_run",
            *(f"{tables.runs.table_arn}/index/{name}" for name in ("by_owner", "by_workflow")),
            *(f"{tables.approvals.table_arn}/index/{name}" for name in ("by_candidate", "by_run")),
        ],
    )
    kept = data.payload_objects(RUNS)
    function.allow(["s3:GetObject", "s3:PutObject"], [kept])
    explain_wildcards(function.role, [kept], "Objects have names of their own; the grant names a prefix.")


def _pass_role(function: PlatformFunction, role: iam.IRole, *, to: str) -> None:
    """Let the function give this one role to what it makes, for this one service."""
    function.role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": to}},
        )
    )
