"""The one way to make a function of the platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.checkout import Checkout
from infra_cdk.constructs.bundling import SourceTrees, bundling_by
from infra_cdk.constructs.layers import ARCHITECTURE, RUNTIME, LayerName, PlatformLayers
from infra_cdk.constructs.network import Network
from infra_cdk.nag import acknowledge
from infra_cdk.repository import FUNCTIONS
from infra_cdk.stages import Stage

ALIAS = "live"

MORE_TRIES = 2
"""After the first of an asynchronous invocation, a minute and two minutes later; Lambda allows no more."""

OLDEST_EVENT = Duration.hours(1)
"""How long Lambda keeps an event that it cannot hand over, such as while the account's concurrency is used up."""

_ON_PUBLISH = lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS

_ATTACH_TO_VPC = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)

FAILED = ("request_failed", "webhook_message_failed", "dead_letter_not_kept", "letter_not_sent")
"""What functions log of a failure that Lambda counts as a success: a request answered with a 5xx, and one message of a
batch, which its queue brings again while the others are done."""

_FAILURES = (
    f"{{ {' || '.join(f'($.message = "{each}")' for each in FAILED)}"
    ' || (($.type = "platform.report") && ($.record.status != "success")) }'
)
"""Lines of a function's log that tell of a failure: those, and of an invocation that ended without an answer (an error
raised to a workflow, a crash, the time limit)."""

_BOOTSTRAP = """\
#!/bin/sh
# The emulator starts this as the function's runtime: the real runtime client, on the developer's interpreter.
export PYTHONPATH="$LAMBDA_TASK_ROOT:$PLATFORM_PYTHONPATH"
exec "$PLATFORM_PYTHON" -m awslambdaric "$_HANDLER"
"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the functions of one stack share. `checkout` is there when the stage runs from a working copy."""

    stage: Stage
    layers: PlatformLayers
    checkout: Checkout | None


class PlatformFunction(Construct):
    """A Lambda function with its own role, its own log group and, in the cloud, the alias `live`.

    Call it through `entry`. Grants are exact: name actions and resources in `allow`.

    Args:
        gives_up_to: for a function that is invoked asynchronously, so that nobody waits for its answer: the queue that
            an event goes to which still fails after two more tries, or could not be delivered within an hour.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        around: Surroundings,
        folder: str,
        description: str,
        layers: Sequence[LayerName],
        timeout: Duration,
        environment: Mapping[str, str] | None = None,
        memory_mb: int | None = None,
        network: Network | None = None,
        function_name: str | None = None,
        warm_instances: int = 0,
        snap_start: bool = True,
        gives_up_to: sqs.IQueue | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = around.stage
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=f"Runs {description}"
        )
        self._stage = stage
        self._log_group = logs.LogGroup(
            self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy
        )
        self._log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=function_name,
            description=description,
            handler=f"functions.{folder}.handler.handler",
            role=self.role.without_policy_updates(),
            log_group=self._log_group,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout,
            memory_size=memory_mb or stage.memory_mb,
            environment=_environment(folder, around, network, environment or {}),
            # Lambda allows a function either of the two.
            snap_start=_ON_PUBLISH if stage.snap_start and snap_start and not warm_instances else None,
            **_runtime(around, folder, layers),
            **_place(network),
        )
        # Lambda looks at the role when it attaches a function to the VPC, so the policy has to be there first.
        self.function.node.add_dependency(self.role)
        self._allow_the_service_itself(in_vpc=network is not None)
        self._explain_findings(asynchronous=gives_up_to is not None)
        self.entry: lambda_.IFunction = self.function
        if around.checkout is None:
            self.entry = self.function.add_alias(ALIAS, provisioned_concurrent_executions=warm_instances or None)
        if gives_up_to:
            self.allow(["sqs:SendMessage"], [gives_up_to.queue_arn])
            self.entry.configure_async_invoke(
                retry_attempts=MORE_TRIES,
                max_event_age=OLDEST_EVENT,
                on_failure=destinations.SqsDestination(gives_up_to),
            )

    def allow(
        self, actions: Sequence[str], resources: Sequence[str], *, conditions: Mapping[str, Any] | None = None
    ) -> None:
        """Let the function do exactly these actions on exactly these ARNs, where the conditions of IAM are met."""
        statement = iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
        self.role.add_to_principal_policy(statement)

    def count_failures(self, period: Duration) -> cloudwatch.Metric:
        """Count failed requests, messages and invocations in the function's log; call it once.

        The metric exists, and is billed, only in hours in which something failed.
        """
        counted = logs.MetricFilter(
            self,
            "Failures",
            log_group=self._log_group,
            filter_pattern=logs.FilterPattern.literal(_FAILURES),
            metric_namespace=self._stage.prefix,
            metric_name=f"{self.node.id}Failures",
        )
        return counted.metric(period=period, statistic="Sum")

    def allow_unscoped(self, actions: Sequence[str], why: str) -> None:
        """Let the function do actions for which AWS offers no resource narrower than `*`; say so in `why`."""
        self.allow(actions, ["*"])
        acknowledge(self.role, "AwsSolutions-IAM5[Resource::*]", why)

    def _allow_the_service_itself(self, *, in_vpc: bool) -> None:
        """What Lambda does in the function's name."""
        self.allow_unscoped(
            ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "X-Ray's write actions take no resource."
        )
        if in_vpc:
            self.allow_unscoped(
                _ATTACH_TO_VPC, "Lambda attaches a function to a VPC by these and refuses a narrower grant."
            )

    def _explain_findings(self, *, asynchronous: bool) -> None:
        for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"):
            acknowledge(self.function, rule, "Packages are locked, compiled and tested for Python 3.13.")
        acknowledge(
            self.function,
            "Serverless-LambdaDLQ",
            "What it fails goes to the queue of its asynchronous invocations (EventInvokeConfig), with the error."
            if asynchronous
            else "Never invoked asynchronously: its callers wait for the answer, or are a stream with a failure queue.",
        )


def _runtime(around: Surroundings, folder: str, layers: Sequence[LayerName]) -> dict[str, Any]:
    """What the code runs on: the managed runtime with layers, or the interpreter and packages of a checkout."""
    if around.checkout:
        return {"runtime": lambda_.Runtime.PROVIDED_AL2023, "code": _code(folder, bootstrap=True)}
    return {
        "runtime": RUNTIME,
        "architecture": ARCHITECTURE,
        "code": _code(folder, bootstrap=False),
        "layers": [around.layers.named(_traced(name) if _is_traced(folder, around) else name) for name in layers],
        "logging_format": lambda_.LoggingFormat.JSON,
    }


_UNTRACED = ("authorize", "create_topics", "migrate_database", "rotate_signing_keys", "send_mail")


def _is_traced(folder: str, around: Surroundings) -> bool:
    """Whether its spans are recorded: not those of what sees tokens whole, and of what runs during a deployment."""
    return around.stage.traces and folder not in _UNTRACED


def _traced(layer: LayerName) -> LayerName:
    with_spans: dict[LayerName, LayerName] = {"base": "traced_base", "policy_base": "traced_policy_base"}
    return with_spans.get(layer, layer)


def _place(network: Network | None) -> dict[str, Any]:
    """In the VPC, among the clients of the database; or outside."""
    if network is None:
        return {}
    return {
        "vpc": network.vpc,
        "vpc_subnets": network.subnets,
        "security_groups": [network.database_clients],
        "ipv6_allowed_for_dual_stack": True,
    }


def _code(folder: str, *, bootstrap: bool) -> lambda_.Code:
    """The function's own folder under its import path; in a checkout with the runtime that starts it."""
    extra = {"bootstrap": _BOOTSTRAP} if bootstrap else None
    tree = SourceTrees({f"functions/{folder}": FUNCTIONS / folder}, runs_at="/var/task", extra=extra)
    return lambda_.Code.from_asset(str(FUNCTIONS), asset_hash=tree.asset_hash, bundling=bundling_by(tree))


def _environment(folder: str, around: Surroundings, network: Network | None, own: Mapping[str, str]) -> dict[str, str]:
    variables = {
        "STAGE": around.stage.name,
        "LOG_LEVEL": around.stage.log_level,
        "POWERTOOLS_SERVICE_NAME": folder,
        "POWERTOOLS_METRICS_NAMESPACE": around.stage.prefix,
    }
    if _is_traced(folder, around):
        variables["TRACES"] = "xray"
    if network:
        # Without a NAT gateway the way to AWS is IPv6, and only the dual-stack endpoints answer there.
        variables["AWS_USE_DUALSTACK_ENDPOINT"] = "true"
    if around.checkout:
        variables |= around.checkout.environment
    return {**variables, **own}
