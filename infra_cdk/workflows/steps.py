"""The function that steps of workflows call when they ask no agent."""

from aws_cdk import Duration
from constructs import Construct

from infra_cdk.constructs.payloads import EXECUTIONS, RUNS
from infra_cdk.constructs.platform_function import ALIAS, PlatformFunction, Surroundings
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import workflow_runs_arns


def workflow_step_name(stage: Stage) -> str:
    """The physical name of the function: a convention, since compiled workflows call it by its name."""
    return f"{stage.prefix}-workflow_step"


def called_by_name(stage: Stage, function_name: str) -> str:
    """How a state machine names the function: by its alias, where it has one."""
    return f"{function_name}:{ALIAS}" if stage.runs_on == "lambda" else function_name


def workflow_step(scope: Construct, construct_id: str, *, around: Surroundings, data: DataStack) -> PlatformFunction:
    """`workflow_step`: transforms, lists of maps, approvals, nested runs, outputs of runs."""
    tables, stage = data.tables, around.stage
    function = PlatformFunction(
        scope,
        construct_id,
        around=around,
        folder="workflow_step",
        description="the steps of workflows that ask no agent",
        layers=["platform", "base"],
        timeout=Duration.minutes(2),
        memory_mb=512,
        function_name=workflow_step_name(stage),
        # A state machine waits for it, no person does.
        snap_start=False,
        environment={
            "RUNS_TABLE": tables.runs.table_name,
            "APPROVALS_TABLE": tables.approvals.table_name,
            "EXECUTIONS_TABLE": tables.executions.table_name,
            "OUTBOX_TABLE": tables.outbox.table_name,
            "PAYLOADS_BUCKET": data.payloads.bucket_name,
        },
    )
    # A nested run is recorded before it starts and after it has ended, with its events and what it cost.
    function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.runs.table_arn])
    function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
    function.allow(
        ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"],
        [tables.approvals.table_arn],
    )
    function.allow(
        ["dynamodb:Query"], [f"{each.table_arn}/index/by_run" for each in (tables.approvals, tables.executions)]
    )
    kept, read = data.payload_objects(RUNS), data.payload_objects(EXECUTIONS)
    runs = workflow_runs_arns(function, stage)
    function.allow(["s3:GetObject", "s3:PutObject"], [kept])
    function.allow(["s3:GetObject"], [read])
    function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
    function.allow(["states:DescribeExecution"], [runs])
    # A run that goes on from an approval which was decided before is told so at once.
    function.allow_unscoped(["states:SendTaskSuccess"], ANSWERING_A_TASK)
    explain_wildcards(
        function.role, [kept, read, runs], "Objects and runs have names of their own; each grant names a prefix."
    )
    return function


ANSWERING_A_TASK = (
    "Answering a task that waits for a person: the task's token is the address, and the action takes no resource."
)
"""Why `states:SendTaskSuccess` has no narrower resource."""
