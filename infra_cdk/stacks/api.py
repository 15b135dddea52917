"""The REST API: authorizer, control plane; and what speaks Postgres beside it: the migration, triggers of workflows."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.checkout import Checkout
from infra_cdk.constructs.layers import PlatformLayers
from infra_cdk.constructs.migration import LIMIT, Migration
from infra_cdk.constructs.payloads import BATCHES, EXECUTIONS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.constructs.rest_api import RestApi
from infra_cdk.constructs.usage_plans import usage_key_prefix
from infra_cdk.constructs.web_acl import WebAcl
from infra_cdk.cors import cors_environment
from infra_cdk.mailing import Mailing, mail_environment
from infra_cdk.nag import acknowledge, explain_wildcards
from infra_cdk.operating import let_it_operate, operating_environment
from infra_cdk.personal_data import PersonalData, let_it_ask, personal_data_environment
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.events import EventsStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import LINES, arn_base, map_runs_arn, runs_arn, state_machine_arn, workflow_prefix
from infra_cdk.workflows.control_plane import let_it_manage_workflows, workflow_environment
from infra_cdk.workflows.role import WorkflowRole
from infra_cdk.workflows.steps import called_by_name
from infra_cdk.workflows.triggers import Triggers

GATEWAY_SECONDS = 29
"""API Gateway waits no longer for an answer."""

API_SECONDS = GATEWAY_SECONDS - 2
"""The control plane's limit: Lambda ends it while the gateway still listens, and its log says so."""

CHOOSER_GROUP = "it-service-desk"
"""The group of the agent that chooses among agents (`finding/choosing.py`)."""


class ApiStack(Stack):
    """Gateway, authorizer, database migration, and what comes after it: control plane and triggers."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        checkout: Checkout | None,
        data: DataStack,
        agents: Sequence[tuple[AgentFunction, PlatformFunction]],
        events: EventsStack,
        workflows: WorkflowRole,
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self._stage = stage
        self._data = data
        self._around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.authorize = self._authorize()
        self.mailing = Mailing(self, "Mailing", around=self._around, data=data)
        bus_name = events.bus_name
        self.triggers = Triggers(self, "Triggers", around=self._around, data=data, bus_name=bus_name)
        self.personal_data = PersonalData(
            self, "PersonalData", around=self._around, data=data, triggers=self.triggers, bus_name=bus_name
        )
        self.control_plane = self._control_plane(
            workflow_environment(stage, data, workflows, self.triggers, bus_name)
            | operating_environment(stage, data, events, checkout)
            | mail_environment(self, stage)
            | personal_data_environment(stage)
        )
        let_it_ask(self.control_plane, data=data)
        let_it_operate(self.control_plane, stage=stage, data=data, events=events)
        let_it_manage_workflows(
            self.control_plane, stage=stage, data=data, runs_as=workflows, triggers=self.triggers, bus_name=bus_name
        )
        self._migrate()

        self.gateway = RestApi(self, "Gateway", stage=stage, authorizer=self.authorize.entry)
        self.gateway.route_public(self.control_plane.entry)
        self.gateway.route_to_control_plane(self.control_plane.entry)
        for agent, function in agents:
            self._route(agent, function.entry)
        self.gateway.let_other_origins_ask(self.control_plane.entry)
        self._guard()
        CfnOutput(self, "TriggerWorkflowFunctionArn", value=self.triggers.function.entry.function_arn)
        CfnOutput(self, "TriggerDeadLettersUrl", value=self.triggers.dead_letters.queue_url)
        CfnOutput(self, "RestApiId", value=self.gateway.api.rest_api_id)
        CfnOutput(self, "ApiStageName", value=self.gateway.api.deployment_stage.stage_name)
        CfnOutput(self, "ApiUrl", value=self.gateway.api.url_for_path("/api/v1"))

    @property
    def _token_lives(self) -> dict[str, str]:
        """How long tokens are good: whoever signs and whoever revokes must go by the same."""
        return {
            "ACCESS_TOKEN_SECONDS": str(self._stage.access_token_seconds),
            "REFRESH_TOKEN_SECONDS": str(self._stage.refresh_token_seconds),
        }

    def _authorize(self) -> PlatformFunction:
        data = self._data
        function = PlatformFunction(
            self,
            "Authorize",
            around=self._around,
            folder="authorize",
            description="the check of every token",
            layers=["platform", "base"],
            timeout=Duration.seconds(5),
            environment={
                "JWT_SECRET_ARN": data.jwt_secret.secret_arn,
                "TOKENS_TABLE": data.tables.tokens.table_name,
                **self._token_lives,
                **({"USAGE_KEY_PREFIX": usage_key_prefix(self._stage)} if self._stage.usage else {}),
            },
        )
        function.allow(["dynamodb:BatchGetItem", "dynamodb:GetItem"], [data.tables.tokens.table_arn])
        # When an API key was used last: of the table's items this function changes those of keys alone.
        function.allow(
            ["dynamodb:UpdateItem"],
            [data.tables.tokens.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["apikey#*"]}},
        )
        function.allow(["secretsmanager:GetSecretValue"], [data.jwt_secret.secret_arn])
        return function

    def _control_plane(self, more: dict[str, str]) -> PlatformFunction:
        data = self._data
        tables = data.tables
        executions, tokens = tables.executions, tables.tokens
        run_agent = state_machine_arn(self, self._stage, "run_agent")
        run_batch = state_machine_arn(self, self._stage, "run_batch")
        evaluate_agent = state_machine_arn(self, self._stage, "evaluate_agent")
        function = PlatformFunction(
            self,
            "Api",
            around=self._around,
            folder="api",
            description="the control plane: accounts, catalogue, executions, workflows",
            layers=["platform", "policy_base", "postgres", "catalogue", "finding"],
            timeout=Duration.seconds(API_SECONDS),
            network=data.network,
            environment={
                "JWT_SECRET_ARN": data.jwt_secret.secret_arn,
                "DATABASE_SECRET_ARN": data.database_secret.secret_arn,
                "EXECUTIONS_TABLE": executions.table_name,
                "OUTBOX_TABLE": tables.outbox.table_name,
                "AGENT_METRICS_TABLE": tables.agent_metrics.table_name,
                "ACCOUNTS_TABLE": tables.accounts.table_name,
                "SESSIONS_TABLE": tables.sessions.table_name,
                "BATCHES_TABLE": tables.batches.table_name,
                "PAYLOADS_BUCKET": data.payloads.bucket_name,
                "RUN_AGENT_STATE_MACHINE_ARN": run_agent,
                "RUN_BATCH_STATE_MACHINE_ARN": run_batch,
                "EVALUATE_AGENT_STATE_MACHINE_ARN": evaluate_agent,
                "EVALUATIONS_TABLE": tables.evaluations.table_name,
                "AGENT_SWITCHES": data.agent_switches.place_to_change,
                "DEFINITIONS_TABLE": tables.definitions.table_name,
                "TOKENS_TABLE": tokens.table_name,
                "ATTEMPTS_PER_SOURCE": str(self._stage.attempts_per_source),
                **self._token_lives,
                **cors_environment(self, self._stage),
                **more,
            },
        )
        indexes = [f"{executions.table_arn}/index/{name}" for name in ("by_owner", "by_owner_and_agent")]
        # To cancel an execution is to write its end, with event and counts.
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [executions.table_arn])
        function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
        function.allow(["dynamodb:UpdateItem"], [tables.agent_metrics.table_arn])
        function.allow(["dynamodb:Query"], indexes)
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [tables.accounts.table_arn])
        function.allow(
            [
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            [tables.sessions.table_arn],
        )
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.batches.table_arn])
        function.allow(
            ["dynamodb:Query"], [f"{each.table_arn}/index/by_owner" for each in (tables.sessions, tables.batches)]
        )
        self._let_it_run_batches(function, run_batch)
        data.agent_switches.let_change(function)
        self._let_it_have_agents_chosen(function)
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.evaluations.table_arn])
        function.allow(["dynamodb:Query"], [f"{tables.evaluations.table_arn}/index/by_agent"])
        # Versions of agents, and the agents that people write: publishing keeps a version and lets it be live.
        function.allow(
            [
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
            ],
            [tables.definitions.table_arn],
        )
        function.allow(["states:StartExecution"], [evaluate_agent])
        evaluations = runs_arn(self, self._stage, "evaluate_agent")
        function.allow(["states:DescribeExecution"], [evaluations])
        explain_wildcards(function.role, [evaluations], "Runs have names of their own; the grant names a machine.")
        function.allow(
            ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            [tokens.table_arn],
        )
        # API keys are listed together, and revoked by taking them away.
        function.allow(["dynamodb:BatchGetItem", "dynamodb:DeleteItem"], [tokens.table_arn])
        function.allow(["secretsmanager:GetSecretValue"], [data.jwt_secret.secret_arn, data.database_secret.secret_arn])
        return function

    def _let_it_have_agents_chosen(self, function: PlatformFunction) -> None:
        chooser = called_by_name(self._stage, group_function_name(self._stage, CHOOSER_GROUP))
        form = ArnFormat.COLON_RESOURCE_NAME
        arn = self.format_arn(service="lambda", resource="function", resource_name=chooser, arn_format=form)
        function.allow(["lambda:InvokeFunction"], [arn])

    def _let_it_run_batches(self, function: PlatformFunction, run_batch: str) -> None:
        data, stage = self._data, self._stage
        # A signed address has the rights of who signed it: uploads and results are objects of batches.
        files, kept = data.payload_objects(BATCHES), data.payload_objects(EXECUTIONS)
        singles, batches = runs_arn(self, stage, "run_agent"), runs_arn(self, stage, "run_batch")
        maps = map_runs_arn(self, stage, "run_batch", LINES)
        function.allow(["s3:GetObject", "s3:PutObject"], [files])
        function.allow(["s3:GetObject"], [kept])
        function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
        function.allow(["states:StartExecution"], [run_batch])
        function.allow(["states:StopExecution"], [singles, batches])
        function.allow(["states:DescribeExecution", "states:ListMapRuns"], [batches])
        function.allow(["states:DescribeMapRun"], [maps])
        explain_wildcards(
            function.role,
            [files, kept, singles, batches, maps],
            "Objects and runs have names of their own; each grant names a prefix or a machine.",
        )

    def _migrate(self) -> None:
        data = self._data
        function = PlatformFunction(
            self,
            "MigrateDatabase",
            around=self._around,
            folder="migrate_database",
            description="the database's schema, and its first accounts",
            layers=["platform", "base", "postgres", "catalogue"],
            timeout=LIMIT,
            network=data.network,
            environment={
                "DATABASE_SECRET_ARN": data.database_secret.secret_arn,
                "TOKENS_TABLE": data.tables.tokens.table_name,
                "DEFINITIONS_TABLE": data.tables.definitions.table_name,
                "REFRESH_TOKEN_SECONDS": str(self._stage.refresh_token_seconds),
                "STATE_MACHINE_ARN_BASE": arn_base(self),
                "WORKFLOW_MACHINE_PREFIX": workflow_prefix(self._stage),
            },
            # It runs once a deployment; a snapshot would be billed until the next.
            snap_start=False,
        )
        function.allow(["secretsmanager:GetSecretValue"], [data.database_secret.secret_arn])
        function.allow(["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], [data.tables.definitions.table_arn])
        # Where an operator changes an account, its sessions end, API keys follow, and failed sign-ins are forgotten.
        for actions, items in (
            (["BatchGetItem", "DeleteItem", "GetItem", "UpdateItem"], "apikey#*"),
            (["DeleteItem", "PutItem"], "attempts#*"),
            (["PutItem"], "user#*"),
        ):
            function.allow(
                [f"dynamodb:{each}" for each in actions],
                [data.tables.tokens.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [items]}},
            )
        migration = Migration(self, "Migration", stage=self._stage, function=function)
        # New code meets the new schema: the alias moves only once the migration is through.
        for speaks_postgres in (self.control_plane, self.triggers.function, self.personal_data.function):
            speaks_postgres.entry.node.add_dependency(migration.resource)
        CfnOutput(self, "MigrateDatabaseFunctionName", value=function.function.function_name)

    def _route(self, agent: AgentFunction, function: lambda_.IFunction) -> None:
        # Imported by ARN so that the permission to call it belongs to this stack, which knows the API.
        imported = lambda_.Function.from_function_attributes(
            self, f"Of{agent.construct_id}", function_arn=function.function_arn, same_environment=True
        )
        if agent.dedicated_to is None:
            self.gateway.route_to_agents(agent.group, imported)
        else:
            self.gateway.route_to_agents(f"{agent.group}/{agent.dedicated_to}", imported, whole_path=True)

    def _guard(self) -> None:
        api = self.gateway.api
        if self._stage.waf:
            WebAcl(self, "WebAcl", api.deployment_stage)
        else:
            acknowledge(
                api.deployment_stage,
                "AwsSolutions-APIG3",
                "A web ACL bills by the month; this stage has the gateway's throttle.",
            )
        acknowledge(
            api,
            "AwsSolutions-APIG2",
            "Bodies of sign-in are validated here, all others by the functions, which name each field.",
        )
