"""One function per group of agents, and one per dedicated agent; roles derived from the definitions."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength, Stack
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.checkout import Checkout
from infra_cdk.constructs.layers import LayerName, PlatformLayers
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage

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
        self._around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.functions = [(agent, self._run_agent(agent)) for agent in agents]

    def _run_agent(self, agent: AgentFunction) -> PlatformFunction:
        data = self._data
        tables = data.tables
        layers: list[LayerName] = ["platform", "base", "claude", "catalogue"]
        variables = {
            "AGENT_GROUP": agent.group,
            "EXECUTIONS_TABLE": tables.executions.table_name,
            "OUTBOX_TABLE": tables.outbox.table_name,
            "AGENT_METRICS_TABLE": tables.agent_metrics.table_name,
            "CLAUDE_PROVIDER": "direct",
            "CLAUDE_SECRET_ARN": data.claude_secret.secret_arn,
            "HTTP_DEADLINE_SECONDS": str(self._stage.http_deadline_seconds),
        }
        if self._claude_base_url:
            variables["CLAUDE_BASE_URL"] = self._claude_base_url
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
        function.allow(["dynamodb:PutItem"], [tables.executions.table_arn, tables.outbox.table_arn])
        function.allow(["dynamodb:Query", "dynamodb:UpdateItem"], [tables.agent_metrics.table_arn])
        secrets = [data.claude_secret.secret_arn]
        if agent.speaks_postgres:
            secrets.append(data.database_secret.secret_arn)
        function.allow(["secretsmanager:GetSecretValue"], secrets)
        # Groups come and go, and a strong reference to a function would forbid this stack to give one up.
        for resource in {function.function, function.entry}:
            CrossStackReferences.of(resource).produce(ReferenceStrength.WEAK)
        return function
