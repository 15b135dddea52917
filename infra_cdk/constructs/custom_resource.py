"""A function of the platform that a deployment calls, and that fails the deployment when it fails."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources
from constructs import Construct

from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


def provider_of(
    scope: Construct, construct_id: str, *, stage: Stage, function: PlatformFunction
) -> custom_resources.Provider:
    """CDK's provider framework around the function, with the right to call it and nothing else."""
    inner = Construct(scope, construct_id)
    role = iam.Role(inner, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group = logs.LogGroup(inner, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
    log_group.grant_write(role)
    # The framework's own grant covers every version (`<arn>:*`); it calls this one.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["lambda:GetFunction", "lambda:InvokeFunction"], resources=[function.entry.function_arn]
        )
    )
    provider = custom_resources.Provider(
        inner,
        "Provider",
        on_event_handler=function.entry,
        framework_on_event_role=role.without_policy_updates(),
        log_group=log_group,
    )
    provider.node.add_dependency(role)
    framework = "CDK owns this function's code, runtime and size; it runs during a deployment only"
    for rule in (
        "AwsSolutions-L1",
        "Serverless-LambdaLatestVersion",
        "Serverless-LambdaDefaultMemorySize",
        "Serverless-LambdaTracing",
    ):
        acknowledge(provider, rule, f"{framework}.")
    acknowledge(provider, "Serverless-LambdaDLQ", f"{framework}, which fails when it does not answer.")
    return provider
