"""What the state machines of workflows run as, and where they log: one role and one log group for all of them."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.nag import acknowledge, explain_wildcards
from infra_cdk.stages import Stage
from infra_cdk.state_machines import workflow_machine_arns, workflow_runs_arns

NESTED_RUNS_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
"""How a run hears that a nested run is over: a rule that Step Functions keeps in every account (Step Functions
Developer Guide, "IAM policies for AWS Step Functions", for `startExecution.sync`)."""

_DELIVER_LOGS = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
_TRACE = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)


class WorkflowRole(Construct):
    """The role of every workflow, published by a user or shipped, and their log group.

    A role per workflow would give whoever publishes the right to create roles (docs/decisions/workflow-runs.md). Whom a
    run may ask is decided by the agents' pipeline, which knows the run's owner.

    Args:
        calls: ARNs of the functions that steps call.
        manifests: ARN of the payloads that distributed Maps read their items from.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, calls: Sequence[str], manifests: str
    ) -> None:
        super().__init__(scope, construct_id)
        account = Stack.of(self).account
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
            ),
            description="What the state machines of workflows run as",
        )
        self.log_group = logs.LogGroup(self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        machines, runs = workflow_machine_arns(self, stage), workflow_runs_arns(self, stage)
        self._allow(["lambda:InvokeFunction"], calls)
        # Nested runs, and the children of distributed Maps: of these machines themselves.
        self._allow(["states:StartExecution"], [machines])
        self._allow(["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"], [runs])
        rule = Stack.of(self).format_arn(
            service="events",
            resource="rule",
            resource_name=NESTED_RUNS_RULE,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        self._allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], [rule])
        self._allow(["s3:GetObject"], [manifests])
        self._allow([*_DELIVER_LOGS, *_TRACE], ["*"])
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            "Delivering logs and traces: these actions of CloudWatch Logs and X-Ray take no resource.",
        )
        explain_wildcards(
            self.role,
            [machines, runs, manifests],
            "Users publish workflows at any time: the grants name the prefix that all their state machines have, and "
            "the prefix of what runs have stored.",
        )

    def _allow(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        self.role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
