"""What starts workflows by the clock and by events: `trigger_workflow`, called by schedules and rules of users."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra_cdk.constructs.dead_letters import dead_letter_queue
from infra_cdk.constructs.payloads import RUNS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import workflow_machine_arns


def trigger_rule_prefix(stage: Stage) -> str:
    """How the names of the rules begin that users' event triggers are."""
    return f"{stage.prefix}-trigger-"


def trigger_rules_arn(scope: Construct, stage: Stage, bus_name: str) -> str:
    """The ARNs of all those rules."""
    return Stack.of(scope).format_arn(
        service="events",
        resource="rule",
        resource_name=f"{bus_name}/{trigger_rule_prefix(stage)}*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )


class Triggers(Construct):
    """`trigger_workflow`, the group that schedules belong to, and the role that EventBridge Scheduler calls it by.

    Schedules and rules themselves are made by the API when a user asks for them.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, around: Surroundings, data: DataStack, bus_name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters", around.stage)
        self.function = self._function(around, data)
        # It goes with the stack, and its schedules with it: the database has the triggers that they are made of.
        self.group = scheduler.ScheduleGroup(
            self,
            "Schedules",
            schedule_group_name=f"{around.stage.prefix}-workflows",
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.scheduler_role = self._scheduler_role()
        self._let_rules_call(trigger_rules_arn(self, around.stage, bus_name))

    def _function(self, around: Surroundings, data: DataStack) -> PlatformFunction:
        tables, stage = data.tables, around.stage
        function = PlatformFunction(
            self,
            "TriggerWorkflow",
            around=around,
            folder="trigger_workflow",
            description="workflows that start by the clock or by an event",
            layers=["platform", "policy_base", "postgres", "catalogue"],
            timeout=Duration.minutes(1),
            memory_mb=512,
            network=data.network,
            function_name=f"{stage.prefix}-trigger_workflow",
            # Nobody waits for it.
            snap_start=False,
            gives_up_to=self.dead_letters,
            environment={
                "DATABASE_SECRET_ARN": data.database_secret.secret_arn,
                "TOKENS_TABLE": tables.tokens.table_name,
                "RUNS_TABLE": tables.runs.table_name,
                "APPROVALS_TABLE": tables.approvals.table_name,
                "EXECUTIONS_TABLE": tables.executions.table_name,
                "OUTBOX_TABLE": tables.outbox.table_name,
                "PAYLOADS_BUCKET": data.payloads.bucket_name,
            },
        )
        # A trigger that an API key made ends with it; of the table's items this function reads those of keys alone.
        function.allow(
            ["dynamodb:GetItem"],
            [tables.tokens.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["apikey#*"]}},
        )
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.runs.table_arn])
        function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
        # A run that could not be begun is ended: what it cost and whom it asked are looked up by it.
        function.allow(
            ["dynamodb:Query"], [f"{each.table_arn}/index/by_run" for each in (tables.approvals, tables.executions)]
        )
        kept, machines = data.payload_objects(RUNS), workflow_machine_arns(self, stage)
        function.allow(["s3:GetObject", "s3:PutObject"], [kept])
        function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
        function.allow(["states:StartExecution"], [machines])
        function.allow(["secretsmanager:GetSecretValue"], [data.database_secret.secret_arn])
        explain_wildcards(
            function.role,
            [kept, machines],
            "Objects have names of their own, and users publish state machines: each grant names a prefix.",
        )
        return function

    def _scheduler_role(self) -> iam.Role:
        """It may start this one function, and say what it could not deliver."""
        role = iam.Role(
            self,
            "SchedulerRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
            description="What schedules of workflows run as",
        )
        for action, resource in (
            ("lambda:InvokeFunction", self.function.entry.function_arn),
            ("sqs:SendMessage", self.dead_letters.queue_arn),
        ):
            role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        return role

    def _let_rules_call(self, rules: str) -> None:
        """Rules have no role: the function and the queue let them in by their names."""
        service = iam.ServicePrincipal("events.amazonaws.com")
        self.function.entry.add_permission("Rules", principal=service, source_arn=rules)
        self.dead_letters.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["sqs:SendMessage"],
                resources=[self.dead_letters.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": rules}},
            )
        )
