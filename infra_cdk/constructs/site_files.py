"""Puts the built web site into its bucket and tells CloudFront."""

from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

HASHED = "assets/*"
FOREVER = deployment.CacheControl.from_string("public, max-age=31536000, immutable")
ASK_AGAIN = deployment.CacheControl.from_string("no-cache")
MEMORY_MB = 512
_CDK_FUNCTION = "Custom::CDKBucketDeployment"


class SiteFiles(Construct):
    """One deployment of a folder. Its role is written out here: CDK's own grants have wildcard actions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        folder: Path,
        bucket: s3.Bucket,
        distribution: cloudfront.Distribution,
    ) -> None:
        super().__init__(scope, construct_id)
        built = assets.Asset(self, "Built", path=str(folder))
        log_group = logs.LogGroup(self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        for actions, resources in (
            (["s3:GetObject"], [built.bucket.arn_for_objects(built.s3_object_key)]),
            (["s3:GetBucketLocation", "s3:ListBucket"], [built.bucket.bucket_arn, bucket.bucket_arn]),
            (["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [bucket.arn_for_objects("*")]),
            (["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"], [distribution.distribution_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        shared: dict[str, Any] = {
            "sources": [deployment.Source.bucket(built.bucket, built.s3_object_key)],
            "destination_bucket": bucket,
            "role": role.without_policy_updates(),
            "log_group": log_group,
            "memory_limit": MEMORY_MB,
        }
        # The names of built assets change with their content; the ones of the last build stay for pages still open.
        hashed = deployment.BucketDeployment(
            self, "Hashed", exclude=["*"], include=[HASHED], cache_control=[FOREVER], prune=False, **shared
        )
        named = deployment.BucketDeployment(
            self,
            "Named",
            exclude=[HASHED],
            cache_control=[ASK_AGAIN],
            distribution=distribution,
            distribution_paths=["/*"],
            **shared,
        )
        hashed.node.add_dependency(role)
        named.node.add_dependency(hashed)
        self._explain_findings(role, bucket)

    def _explain_findings(self, role: iam.Role, bucket: s3.Bucket) -> None:
        site = Stack.of(self).resolve(bucket.bucket_arn)["Fn::GetAtt"][0]
        acknowledge(
            role, f"AwsSolutions-IAM5[Resource::<{site}.Arn>/*]", "Which files there are changes with every build."
        )
        # One function serves all bucket deployments of a stack and belongs to the stack.
        function = next(each for each in Stack.of(self).node.children if each.node.id.startswith(_CDK_FUNCTION))
        for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaTracing"):
            acknowledge(function, rule, "CDK owns this function and its runtime; it runs during a deployment only.")
        acknowledge(
            function, "Serverless-LambdaDLQ", "CloudFormation waits for its answer: a deployment without one fails."
        )
