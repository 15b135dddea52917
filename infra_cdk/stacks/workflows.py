"""State machines: what carries out single executions and batches, and workflows with all that they need."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.checkout import Checkout
from infra_cdk.constructs.layers import PlatformLayers
from infra_cdk.constructs.payloads import BATCHES, EXECUTIONS, RUNS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.nag import acknowledge, explain_wildcards
from infra_cdk.repository import ROOT, STATE_MACHINES
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import LINES, lines_arn, runs_arn, state_machine_arn, state_machine_name
from infra_cdk.workflows.role import WorkflowRole
from infra_cdk.workflows.shipped import ShippedWorkflows
from infra_cdk.workflows.steps import called_by_name, workflow_step
from infra_cdk.workflows.tracking import RunTracking


class WorkflowsStack(Stack):
    """The platform's own state machines, each with its role; the role of all workflows, and the shipped ones."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        checkout: Checkout | None,
        data: DataStack,
        agents: Sequence[tuple[AgentFunction, PlatformFunction]],
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self._stage = stage
        self._data = data
        groups = [(agent.group, function) for agent, function in agents if agent.dedicated_to is None]
        self._groups = [function.entry.function_arn for _, function in groups]
        agent_function = {"AgentFunctionName": called_by_name(stage, group_function_name(stage, "{}"))}
        self.run_agent = self._state_machine(
            "RunAgent",
            "run_agent",
            {**agent_function, "AgentGroups": ",".join(group for group, _ in groups)},
            calls=self._groups,
        )
        self._around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.batches = self._batches()
        entry = self.batches.entry
        self.run_batch = self._state_machine(
            "RunBatch",
            "run_batch",
            {**agent_function, "RunBatchFunctionName": entry.function_arn},
            calls=[*self._groups, entry.function_arn],
        )
        self.evaluations = self._evaluations()
        entry = self.evaluations.entry
        self.evaluate_agent = self._state_machine(
            "EvaluateAgent",
            "evaluate_agent",
            {**agent_function, "EvaluateAgentFunctionName": entry.function_arn},
            calls=[*self._groups, entry.function_arn],
        )
        self.step = workflow_step(self, "WorkflowStep", around=self._around, data=data)
        self.tracking = RunTracking(self, "Tracking", around=self._around, data=data)
        self.runs_as = WorkflowRole(
            self,
            "Workflow",
            stage=stage,
            calls=[*self._groups, self.step.entry.function_arn],
            manifests=data.payload_objects(RUNS),
        )
        self.shipped = ShippedWorkflows(self, "Shipped", stage=stage, runs_as=self.runs_as, root=ROOT)
        CfnOutput(self, "TrackWorkflowFunctionArn", value=self.tracking.function.entry.function_arn)
        CfnOutput(self, "TrackingDeadLettersUrl", value=self.tracking.dead_letters.queue_url)
        CfnOutput(self, "RunAgentStateMachineArn", value=self.run_agent.state_machine_arn)
        CfnOutput(self, "RunBatchStateMachineArn", value=self.run_batch.state_machine_arn)

    def _batches(self) -> PlatformFunction:
        """Reads the file of a batch before it runs, and puts its results in order afterwards."""
        tables, payloads = self._data.tables, self._data.payloads
        function = PlatformFunction(
            self,
            "Batches",
            around=self._around,
            folder="run_batch",
            description="files and results of batches",
            layers=["platform", "base", "catalogue"],
            timeout=Duration.minutes(15),
            # It runs twice a batch, and nobody waits for its start.
            snap_start=False,
            environment={
                "BATCHES_TABLE": tables.batches.table_name,
                "EXECUTIONS_TABLE": tables.executions.table_name,
                "OUTBOX_TABLE": tables.outbox.table_name,
                "AGENT_METRICS_TABLE": tables.agent_metrics.table_name,
                "PAYLOADS_BUCKET": payloads.bucket_name,
            },
        )
        function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem"], [tables.batches.table_arn, tables.executions.table_arn]
        )
        # To end an execution that nobody tries again is to write its end, with event and counts.
        function.allow(["dynamodb:PutItem"], [tables.outbox.table_arn])
        function.allow(["dynamodb:UpdateItem"], [tables.agent_metrics.table_arn])
        files, kept = self._data.payload_objects(BATCHES), self._data.payload_objects(EXECUTIONS)
        function.allow(["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [files])
        function.allow(["s3:GetObject"], [kept])
        function.allow(["s3:ListBucket"], [payloads.bucket_arn])
        explain_wildcards(function.role, [files, kept], _OBJECTS)
        return function

    def _evaluations(self) -> PlatformFunction:
        """Says what is to be run for an evaluation, and holds the answers to the cases."""
        tables, payloads = self._data.tables, self._data.payloads
        function = PlatformFunction(
            self,
            "Evaluations",
            around=self._around,
            folder="evaluate_agent",
            description="the cases and results of evaluations",
            layers=["platform", "base", "catalogue"],
            timeout=Duration.minutes(1),
            # It runs twice an evaluation, and nobody waits for its start.
            snap_start=False,
            environment={
                "EVALUATIONS_TABLE": tables.evaluations.table_name,
                "EXECUTIONS_TABLE": tables.executions.table_name,
                "DEFINITIONS_TABLE": tables.definitions.table_name,
                "PAYLOADS_BUCKET": payloads.bucket_name,
            },
        )
        function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], [tables.evaluations.table_arn])
        function.allow(["dynamodb:GetItem"], [tables.executions.table_arn, tables.definitions.table_arn])
        kept = self._data.payload_objects(EXECUTIONS)
        function.allow(["s3:GetObject"], [kept])
        function.allow(["s3:ListBucket"], [payloads.bucket_arn])
        explain_wildcards(function.role, [kept], _OBJECTS)
        return function

    def _state_machine(
        self, construct_id: str, name: str, substitutions: dict[str, str], *, calls: Sequence[str]
    ) -> stepfunctions.StateMachine:
        definition = self._definition(name)
        role = iam.Role(self, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=list(calls)))
        if LINES in {state.get("Label") for state in definition["States"].values()}:
            self._let_it_map(role, name)
        machine = stepfunctions.StateMachine(
            self,
            construct_id,
            # A convention: the functions that start it belong to stacks that this one needs.
            state_machine_name=state_machine_name(self._stage, name),
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

    def _definition(self, name: str) -> dict[str, Any]:
        definition: dict[str, Any] = json.loads((STATE_MACHINES / f"{name}.asl.json").read_text(encoding="utf-8"))
        for state in definition["States"].values():
            if state["Type"] == "Map":
                state["MaxConcurrency"] = self._stage.batch_concurrency
        return definition

    def _let_it_map(self, role: iam.Role, name: str) -> None:
        """A distributed Map starts its children as runs of the same machine, and reads its items from the bucket
        (Step Functions Developer Guide, "IAM policies for using Distributed Map states")."""
        own, files = runs_arn(self, self._stage, name), self._data.payload_objects(BATCHES)
        children = lines_arn(self, self._stage, name, LINES)
        for actions, resources in (
            (["states:StartExecution"], [state_machine_arn(self, self._stage, name)]),
            (["states:DescribeExecution", "states:StopExecution"], [own, children]),
            (["s3:GetObject"], [files]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        explain_wildcards(role, [own, children, files], _OBJECTS)


_OBJECTS = "Objects and runs have names of their own; each grant names a prefix or a machine."
