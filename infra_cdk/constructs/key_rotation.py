"""New keys for signing access tokens, on a schedule."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings

LIMIT = Duration.minutes(3)
"""One step waits for as long as processes remember the keys, a minute, and a little more."""


class KeyRotation(Construct):
    """`rotate_signing_keys`, which Secrets Manager calls, and where the stage rotates, when."""

    def __init__(self, scope: Construct, construct_id: str, *, around: Surroundings, secret: secrets.Secret) -> None:
        super().__init__(scope, construct_id)
        stage = around.stage
        self.function = PlatformFunction(
            self,
            "RotateSigningKeys",
            around=around,
            folder="rotate_signing_keys",
            description="new keys for signing access tokens",
            layers=["platform", "base"],
            timeout=LIMIT,
            memory_mb=256,
            # Nobody waits for it.
            snap_start=False,
            environment={"LONGEST_TOKEN_SECONDS": str(stage.access_token_seconds)},
        )
        self.function.allow(
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            [secret.secret_arn],
        )
        if not stage.key_rotation_days:
            return
        self.function.entry.add_permission(
            "SecretsManager",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            # No secret of another account calls it.
            source_account=Stack.of(self).account,
        )
        schedule = secrets.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=secret.secret_arn,
            rotation_lambda_arn=self.function.entry.function_arn,
            rotation_rules=secrets.CfnRotationSchedule.RotationRulesProperty(
                automatically_after_days=stage.key_rotation_days
            ),
            # Deploying is no reason for new keys.
            rotate_immediately_on_update=False,
        )
        schedule.node.add_dependency(self.function)
