"""The workflows that the platform ships, from `statemachines/*.asl.json`."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.constructs.platform_function import ALIAS, PlatformFunction
from infra_cdk.nag import acknowledge
from infra_cdk.repository import STATE_MACHINES
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stages import Stage


class WorkflowsStack(Stack):
    """State machines, each with a role that may call the groups' functions and nothing else."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        agents: Sequence[tuple[AgentFunction, PlatformFunction]],
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self._stage = stage
        groups = [(agent.group, function) for agent, function in agents if agent.dedicated_to is None]
        self._callable = [function.entry.function_arn for _, function in groups]
        qualifier = f":{ALIAS}" if stage.runs_on == "lambda" else ""
        self.run_agent = self._state_machine(
            "RunAgent",
            "run_agent",
            {
                "AgentFunctionName": group_function_name(stage, "{}") + qualifier,
                "AgentGroups": ",".join(group for group, _ in groups),
            },
        )
        CfnOutput(self, "RunAgentStateMachineArn", value=self.run_agent.state_machine_arn)

    def _state_machine(self, construct_id: str, name: str, substitutions: dict[str, str]) -> stepfunctions.StateMachine:
        definition = json.loads((STATE_MACHINES / f"{name}.asl.json").read_text(encoding="utf-8"))
        role = iam.Role(self, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=self._callable))
        machine = stepfunctions.StateMachine(
            self,
            construct_id,
            definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(definition, ensure_ascii=False)),
            definition_substitutions=substitutions,
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            role=role,
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=logs.LogGroup(
                    self,
                    f"{construct_id}Logs",
                    retention=self._stage.log_retention,
                    removal_policy=self._stage.removal_policy,
                ),
                level=stepfunctions.LogLevel.ALL,
                # What agents are asked and answer stays out of the logs.
                include_execution_data=False,
            ),
            removal_policy=self._stage.removal_policy,
        )
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Delivering logs and traces: these actions of CloudWatch Logs and X-Ray take no resource.",
        )
        return machine
