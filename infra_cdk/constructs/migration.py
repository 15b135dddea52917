"""Brings the database's schema up to date as a part of the deployment."""

from pathlib import Path

from aws_cdk import CustomResource, Duration, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.constructs.bundling import digest, tree_digest
from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import acknowledge
from infra_cdk.repository import CATALOGUE, MIGRATIONS, WORKFLOWS
from infra_cdk.stages import Stage

LIMIT = Duration.minutes(10)
"""How long a migration may take; a paused Aurora cluster needs about fifteen seconds of it to wake."""


class Migration(Construct):
    """Calls `migrate_database` when migrations, agents or shipped workflows are not those of the last deployment.

    A failure rolls the deployment back.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, function: PlatformFunction) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = logs.LogGroup(self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        log_group.grant_write(role)
        # The framework's own grant covers every version (`<arn>:*`); it calls this one.
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:GetFunction", "lambda:InvokeFunction"], resources=[function.entry.function_arn]
            )
        )
        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=function.entry,
            framework_on_event_role=role.without_policy_updates(),
            log_group=log_group,
        )
        provider.node.add_dependency(role)
        self._explain_findings(provider)
        self.resource = CustomResource(
            self,
            "Schema",
            service_token=provider.service_token,
            resource_type="Custom::DatabaseSchema",
            properties={
                "revision": digest(tree_digest(MIGRATIONS), *(_content(each) for each in (CATALOGUE, WORKFLOWS)))
            },
            service_timeout=LIMIT,
        )

    @staticmethod
    def _explain_findings(provider: custom_resources.Provider) -> None:
        framework = "CDK owns this function's code, runtime and size; it runs during a deployment only"
        acknowledge(provider, "AwsSolutions-L1", f"{framework}.")
        acknowledge(provider, "Serverless-LambdaLatestVersion", f"{framework}.")
        acknowledge(provider, "Serverless-LambdaDefaultMemorySize", f"{framework}.")
        acknowledge(provider, "Serverless-LambdaTracing", f"{framework}.")
        acknowledge(provider, "Serverless-LambdaDLQ", f"{framework}, which fails when it does not answer.")


def _content(built: Path) -> bytes:
    return built.read_bytes() if built.is_file() else b""
