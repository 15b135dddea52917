"""One function per group of agents, and one per dedicated agent; roles derived from the definitions."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength, Stack
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.checkout import Checkout
from infra_cdk.constructs.layers import LayerName, PlatformLayers
from infra_cdk.constructs.payloads import BATCHES, EXECUTIONS, QUEUED, RUNS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.cors import cors_environment
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import state_machine_arn

LONGEST_FUNCTION_NAME = 64
"""Characters that Lambda takes (API reference, CreateFunction)."""


def group_function_name(stage: Stage, group: str) -> str:
    """The physical name of a group's function: a convention, since workflows find the function by the group's id.

    Raises:
        ValueError: the group's name makes it longer than Lambda takes.
    """
    beginning = f"{stage.prefix}-run_agent-"
    room = LONGEST_FUNCTION_NAME - len(beginning)
    if len(group) > room:
        raise ValueError(
            f"The group `{group}` has {len(group)} characters; its function's name in stage {stage.name}, "
            f"`{beginning}<group>`, leaves {room} of Lambda's {LONGEST_FUNCTION_NAME}. Give the group a shorter name."
        )
    return beginning + group


class AgentsStack(Stack):
    """The `run_agent` functions by what they serve."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        checkout: Checkout | None,
        data: DataStack,
        agents: Sequence[AgentFunction],
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self._stage = stage
        self._data = data
        self._claude_base_url = checkout.claude_base_url if checkout else None
        self._egress_allow = checkout.egress_allow if checkout else None
        self._around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.functions = [(agent, self._run_agent(agent)) for agent in agents]

    def _run_agent(self, agent: AgentFunction) -> PlatformFunction:
        data = self._data
        tables = data.tables
        layers: list[LayerName] = ["platform", "policy_base", "claude", "catalogue"]
        variables = {
            "AGENT_GROUP": agent.group,
            "EXECUTIONS_TABLE": tables.executions.table_name,
            "OUTBOX_TABLE": tables.outbox.table_name,
            "AGENT_METRICS_TABLE": tables.agent_metrics.table_name,
            "ACCOUNTS_TABLE": tables.accounts.table_name,
            "IDEMPOTENCY_TABLE": tables.idempotency.table_name,
            "RESPONSE_CACHE_TABLE": tables.response_cache.table_name,
            "CIRCUITS_TABLE": tables.circuits.table_name,
            "SESSIONS_TABLE": tables.sessions.table_name,
            "BATCHES_TABLE": tables.batches.table_name,
            "APPROVALS_TABLE": tables.approvals.table_name,
            "DEFINITIONS_TABLE": tables.definitions.table_name,
            "AGENT_SWITCHES": data.agent_switches.place,
            "PAYLOADS_BUCKET": data.payloads.bucket_name,
            "RUN_AGENT_STATE_MACHINE_ARN": state_machine_arn(self, self._stage, "run_agent"),
            "CLAUDE_PROVIDER": "direct",
            "CLAUDE_SECRET_ARN": data.claude_secret.secret_arn,
            "HTTP_DEADLINE_SECONDS": str(self._stage.http_deadline_seconds),
            **cors_environment(self, self._stage),
        }
        if self._claude_base_url:
            variables["CLAUDE_BASE_URL"] = self._claude_base_url
        if self._egress_allow is not None:
            variables["EGRESS_ALLOW"] = self._egress_allow
        if agent.speaks_postgres:
            layers.append("postgres")
            variables["DATABASE_SECRET_ARN"] = data.database_secret.secret_arn
        function = PlatformFunction(
            self,
            agent.construct_id,
            around=self._around,
            folder="run_agent",
            description=f"the agents of {agent.group}"
            if agent.dedicated_to is None
            else f"the agent {agent.group}/{agent.dedicated_to}",
            layers=layers,
            timeout=Duration.seconds(agent.timeout_seconds),
            environment=variables,
            network=data.network if agent.speaks_postgres else None,
            function_name=group_function_name(self._stage, agent.group) if agent.dedicated_to is None else None,
            warm_instances=self._stage.provisioned_concurrency if agent.dedicated_to else 0,
        )
        # The parts of the one transaction that records an execution, and the counts that /metrics reads.
        function.allow(["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"], [tables.executions.table_arn])
        function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
        function.allow(["dynamodb:Query", "dynamodb:UpdateItem"], [tables.agent_metrics.table_arn])
        # What executions are held to. A transaction asks for the rights of its parts.
        function.allow(
            ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            [
                tables.accounts.table_arn,
                tables.idempotency.table_arn,
                tables.response_cache.table_arn,
                tables.circuits.table_arn,
            ],
        )
        function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            [tables.sessions.table_arn],
        )
        function.allow(["dynamodb:GetItem"], [tables.batches.table_arn])
        data.agent_switches.let_read(function)
        # Versions of agents that are not today's.
        function.allow(["dynamodb:GetItem", "dynamodb:Query"], [tables.definitions.table_arn])
        # Asks for approval of a call of a tool, and uses it up. Its keys tell neither from a decision, which is the
        # API's to make: a group that was taken over could approve its own calls (docs/threat-model.md).
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [tables.approvals.table_arn])
        # Of a run come what a step is asked and, where it is large, what the step answers.
        kept = [data.payload_objects(EXECUTIONS), data.payload_objects(RUNS)]
        # Inputs go with the end of their execution.
        waiting = [data.payload_objects(QUEUED), data.payload_objects(BATCHES)]
        function.allow(["s3:GetObject", "s3:PutObject"], kept)
        function.allow(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], waiting)
        # Without the right to list, S3 calls a missing object forbidden.
        function.allow(["s3:ListBucket"], [data.payloads.bucket_arn])
        function.allow(["states:StartExecution"], [state_machine_arn(self, self._stage, "run_agent")])
        explain_wildcards(
            function.role, [*kept, *waiting], "Objects have names of their own; each grant names a prefix."
        )
        secrets = [data.claude_secret.secret_arn]
        if agent.speaks_postgres:
            secrets.append(data.database_secret.secret_arn)
        function.allow(["secretsmanager:GetSecretValue"], secrets)
        # Groups come and go, and a strong reference to a function would forbid this stack to give one up.
        for resource in {function.function, function.entry}:
            CrossStackReferences.of(resource).produce(ReferenceStrength.WEAK)
        return function
