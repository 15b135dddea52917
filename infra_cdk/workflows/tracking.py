"""Who hears that a run is over: `track_workflow`, told by EventBridge and by a clock."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.dead_letters import dead_letter_queue
from infra_cdk.constructs.payloads import EXECUTIONS, RUNS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.state_machines import arn_base, workflow_machine_arns, workflow_prefix, workflow_runs_arns
from infra_cdk.workflows.steps import ANSWERING_A_TASK

SWEEP_EVERY = Duration.minutes(15)
"""How late an end is recorded that EventBridge told nobody of: its delivery of status changes is a best effort."""

DELIVERIES = 10
"""How often EventBridge tries to hand an event over to the function's queue, beyond the first time."""

OLDEST_EVENT = Duration.hours(1)


class RunTracking(Construct):
    """`track_workflow`, the rules that call it, and the queue of what it could not do."""

    def __init__(self, scope: Construct, construct_id: str, *, around: Surroundings, data: DataStack) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters: sqs.Queue = dead_letter_queue(self, "DeadLetters", around.stage)
        self.function = self._function(around, data)
        self._call_when(
            "RunOver",
            "A run of a workflow is over",
            DELIVERIES,
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [{"prefix": f"{arn_base(self)}{workflow_prefix(around.stage)}"}],
                },
            ),
        )
        self._call_when(
            "Sweep",
            "Looks after runs whose end nobody heard of, and after decisions that were not delivered",
            0,  # the next sweep comes anyway
            schedule=events.Schedule.rate(SWEEP_EVERY),
            what=events.RuleTargetInput.from_object({"sweep": True}),
        )

    def _call_when(
        self,
        construct_id: str,
        description: str,
        deliveries: int,
        *,
        event_pattern: events.EventPattern | None = None,
        schedule: events.Schedule | None = None,
        what: events.RuleTargetInput | None = None,
    ) -> None:
        """A rule of the account's default bus, where AWS services tell what happened."""
        target = targets.LambdaFunction(
            self.function.entry,
            event=what,
            dead_letter_queue=self.dead_letters,
            max_event_age=OLDEST_EVENT,
            retry_attempts=deliveries,
        )
        events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=event_pattern,
            schedule=schedule,
            targets=[target],
        )

    def _function(self, around: Surroundings, data: DataStack) -> PlatformFunction:
        tables, stage = data.tables, around.stage
        function = PlatformFunction(
            self,
            "TrackWorkflow",
            around=around,
            folder="track_workflow",
            description="the ends of runs of workflows",
            layers=["platform", "base"],
            timeout=Duration.minutes(5),
            memory_mb=512,
            # By its name the control plane has it do again what it could not do.
            function_name=f"{stage.prefix}-track_workflow",
            # Nobody waits for it.
            snap_start=False,
            gives_up_to=self.dead_letters,
            environment={
                "RUNS_TABLE": tables.runs.table_name,
                "APPROVALS_TABLE": tables.approvals.table_name,
                "EXECUTIONS_TABLE": tables.executions.table_name,
                "OUTBOX_TABLE": tables.outbox.table_name,
                "DEAD_LETTERS_TABLE": tables.dead_letters.table_name,
                "PAYLOADS_BUCKET": data.payloads.bucket_name,
            },
        )
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.runs.table_arn])
        function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
        function.allow(
            ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"],
            [tables.approvals.table_arn],
        )
        function.allow(
            ["dynamodb:Query"],
            [
                f"{tables.executions.table_arn}/index/by_run",
                f"{tables.runs.table_arn}/index/open_runs",
                f"{tables.approvals.table_arn}/index/by_run",
                f"{tables.approvals.table_arn}/index/by_candidate",
                # The clock that looks after runs also shows how many dead letters are open.
                f"{tables.dead_letters.table_arn}/index/by_state",
            ],
        )
        kept, read = data.payload_objects(RUNS), data.payload_objects(EXECUTIONS)
        machines, runs = workflow_machine_arns(self, stage), workflow_runs_arns(self, stage)
        function.allow(["s3:GetObject", "s3:PutObject"], [kept])
        function.allow(["s3:GetObject"], [read])
        function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
        # A run that was recorded and never began is begun, and so is an attempt.
        function.allow(["states:StartExecution"], [machines])
        function.allow(["states:DescribeExecution", "states:GetExecutionHistory", "states:RedriveExecution"], [runs])
        function.allow_unscoped(["states:SendTaskSuccess"], ANSWERING_A_TASK)
        explain_wildcards(
            function.role,
            [kept, read, machines, runs],
            "Objects and runs have names of their own, and users publish state machines: each grant names a prefix.",
        )
        return function
