"""`process_personal_data`: exports and erases what belongs to a person, and the queue of what it could not finish."""

from aws_cdk import ArnFormat, Duration, Stack
from constructs import Construct

from infra_cdk.constructs.dead_letters import dead_letter_queue
from infra_cdk.constructs.payloads import BATCHES, EXECUTIONS, EXPORTS, LETTERS, QUEUED, RUNS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.events import function_named
from infra_cdk.stages import Stage
from infra_cdk.state_machines import runs_arn, state_machine_arn, workflow_machine_arns, workflow_runs_arns
from infra_cdk.workflows.steps import called_by_name
from infra_cdk.workflows.triggers import Triggers, trigger_rule_prefix, trigger_rules_arn

NAME = "process_personal_data"


class PersonalData(Construct):
    """The function, with the right to remove in every store, and to add in none but where exports lie."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        around: Surroundings,
        data: DataStack,
        triggers: Triggers,
        bus_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        stage, tables = around.stage, data.tables
        self._data, self._stage = data, stage
        self.dead_letters = dead_letter_queue(self, "DeadLetters", stage)
        run_batch = state_machine_arn(self, stage, "run_batch")
        self.function = PlatformFunction(
            self,
            "ProcessPersonalData",
            around=around,
            folder=NAME,
            description="exports and erasures of what belongs to a person",
            layers=["platform", "base", "postgres"],
            timeout=Duration.minutes(15),
            network=data.network,
            function_name=function_named(stage, NAME),
            # Nobody waits for it.
            snap_start=False,
            gives_up_to=self.dead_letters,
            environment={
                "DATABASE_SECRET_ARN": data.database_secret.secret_arn,
                "REFRESH_TOKEN_SECONDS": str(stage.refresh_token_seconds),
                "TOKENS_TABLE": tables.tokens.table_name,
                "ACCOUNTS_TABLE": tables.accounts.table_name,
                "EXECUTIONS_TABLE": tables.executions.table_name,
                "SESSIONS_TABLE": tables.sessions.table_name,
                "BATCHES_TABLE": tables.batches.table_name,
                "RUNS_TABLE": tables.runs.table_name,
                "APPROVALS_TABLE": tables.approvals.table_name,
                "WEBHOOKS_TABLE": tables.webhooks.table_name,
                "DEAD_LETTERS_TABLE": tables.dead_letters.table_name,
                "RESPONSE_CACHE_TABLE": tables.response_cache.table_name,
                "DEFINITIONS_TABLE": tables.definitions.table_name,
                "PAYLOADS_BUCKET": data.payloads.bucket_name,
                "RUN_BATCH_STATE_MACHINE_ARN": run_batch,
                "SCHEDULE_GROUP": triggers.group.schedule_group_name or "",
                "EVENT_BUS_NAME": bus_name,
                "TRIGGER_RULE_PREFIX": trigger_rule_prefix(stage),
            },
        )
        self._let_it_work(triggers, bus_name)

    def _let_it_work(self, triggers: Triggers, bus_name: str) -> None:
        function, data, stage, tables = self.function, self._data, self._stage, self._data.tables
        read_and_removed = (tables.tokens, tables.approvals, tables.dead_letters, tables.response_cache)
        function.allow(["dynamodb:DeleteItem", "dynamodb:Scan"], [each.table_arn for each in read_and_removed])
        function.allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], [tables.approvals.table_arn])
        # That everything was revoked, and what keys there are, for an export.
        function.allow(["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"], [tables.tokens.table_arn])
        records = (tables.executions, tables.runs, tables.batches)
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [each.table_arn for each in records])
        function.allow(["dynamodb:Query"], [f"{each.table_arn}/index/by_owner" for each in (*records, tables.sessions)])
        function.allow(
            ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"],
            [tables.sessions.table_arn],
        )
        function.allow(["dynamodb:UpdateItem"], [tables.webhooks.table_arn])
        function.allow(["dynamodb:DeleteItem", "dynamodb:Query"], [tables.webhooks.table_arn])
        function.allow(["dynamodb:DeleteItem", "dynamodb:GetItem"], [tables.accounts.table_arn])
        # The agents that somebody wrote go out of service with their account.
        function.allow(
            ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:Query"], [tables.definitions.table_arn]
        )
        prefixes = (EXECUTIONS, QUEUED, BATCHES, RUNS, LETTERS, EXPORTS)
        objects = [data.payload_objects(each) for each in prefixes]
        function.allow(["s3:DeleteObject", "s3:GetObject"], objects)
        function.allow(["s3:AbortMultipartUpload", "s3:PutObject"], [data.payload_objects(EXPORTS)])
        function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
        machines, rules = workflow_machine_arns(self, stage), trigger_rules_arn(self, stage, bus_name)
        batches, runs = runs_arn(self, stage, "run_batch"), workflow_runs_arns(self, stage)
        function.allow(["states:StopExecution"], [batches, runs])
        function.allow(["states:DeleteStateMachine"], [machines])
        schedules = Stack.of(self).format_arn(
            service="scheduler",
            resource="schedule",
            resource_name=f"{triggers.group.schedule_group_name}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        function.allow(["scheduler:DeleteSchedule"], [schedules])
        function.allow(["events:DeleteRule", "events:RemoveTargets"], [rules])
        function.allow(["secretsmanager:GetSecretValue"], [data.database_secret.secret_arn])
        explain_wildcards(
            function.role,
            [*objects, machines, batches, runs, rules, schedules],
            "Objects, machines, runs, rules and schedules have names of their own; each grant names a prefix.",
        )


def let_it_ask(function: PlatformFunction, *, data: DataStack) -> None:
    """Let the control plane have requests carried out, and sign links to finished exports."""
    exports = data.payload_objects(EXPORTS)
    function.allow(["s3:GetObject"], [exports])
    explain_wildcards(function.role, [exports], "Exports have names of their own; the grant names a prefix.")


def personal_data_environment(stage: Stage) -> dict[str, str]:
    """What tells the control plane who carries requests out."""
    return {"PROCESS_PERSONAL_DATA_FUNCTION_NAME": called_by_name(stage, function_named(stage, NAME))}
