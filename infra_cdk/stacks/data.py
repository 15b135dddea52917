"""State: tables, payloads, secrets, network, relational database. The only stack that customer data lives in."""

import json
from typing import Any

from aws_cdk import CfnOutput, SecretValue, Stack
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra_cdk.checkout import Checkout
from infra_cdk.constructs.agent_switches import AgentSwitches
from infra_cdk.constructs.database import Database
from infra_cdk.constructs.key_rotation import KeyRotation
from infra_cdk.constructs.layers import PlatformLayers
from infra_cdk.constructs.network import Network
from infra_cdk.constructs.payloads import Payloads
from infra_cdk.constructs.platform_function import Surroundings
from infra_cdk.constructs.tables import Tables
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

SIGNING_KEY_CHARACTERS = 64
"""Letters and digits: about 380 bits, where HS256 asks for 256 (RFC 7518, section 3.2)."""


class DataStack(Stack):
    """Tables, payloads, secrets, network, database."""

    def __init__(
        self, scope: Construct, stack_id: str, *, stage: Stage, checkout: Checkout | None, **options: Any
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self.tables = Tables(self, "Tables", stage)
        self.agent_switches = AgentSwitches(self, "AgentSwitches", stage)
        self.payloads = Payloads(self, "Payloads", stage).bucket
        self._payloads_arn = self.export_value(self.payloads.bucket_arn)
        self.jwt_secret = self._keys(
            stage,
            "JwtSecret",
            description="Keys that sign access tokens: the active key id, and a key per id that still verifies",
            why_not_rotated=None if stage.key_rotation_days else "A laptop rotates by hand: `make rotate-keys`.",
        )
        around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.key_rotation = KeyRotation(self, "KeyRotation", around=around, secret=self.jwt_secret)
        self.claude_secret = self._claude_key(stage)
        self.webhook_secret = self._keys(
            stage,
            "WebhookKey",
            description="Keys that the secrets of webhooks are derived from: the active key's id, and a key per id",
            why_not_rotated="Receivers verify by secrets derived from it: rotating it gives all webhooks new ones.",
        )
        self.network: Network | None = None
        self.cluster: rds.DatabaseCluster | None = None
        if stage.aurora:
            self.network = Network(self, "Network", stage)
            database = Database(self, "Database", stage=stage, capacity=stage.aurora, network=self.network)
            self.cluster = database.cluster
            self.database_secret: secrets.ISecret = database.secret
        else:
            self.database_secret = self._given_database(stage, checkout)
        CfnOutput(self, "ClaudeSecretArn", value=self.claude_secret.secret_arn)
        CfnOutput(self, "JwtSecretArn", value=self.jwt_secret.secret_arn)
        CfnOutput(self, "RotateSigningKeysFunctionName", value=self.key_rotation.function.function.function_name)
        CfnOutput(self, "OutboxTableName", value=self.tables.outbox.table_name)
        CfnOutput(self, "DeadLettersTableName", value=self.tables.dead_letters.table_name)

    def payload_objects(self, prefix: str) -> str:
        """The ARNs of the payloads whose keys begin so, for a grant in another stack."""
        return f"{self._payloads_arn}/{prefix}*"

    def _keys(self, stage: Stage, name: str, *, description: str, why_not_rotated: str | None) -> secrets.Secret:
        """A secret of keys by id and the id of the active one, which AWS fills with a first key."""
        secret = secrets.Secret(
            self,
            name,
            description=description,
            generate_secret_string=secrets.SecretStringGenerator(
                secret_string_template=json.dumps({"active": "k1"}),
                generate_string_key="k1",
                password_length=SIGNING_KEY_CHARACTERS,
                exclude_punctuation=True,
            ),
            removal_policy=stage.removal_policy,
        )
        if why_not_rotated:
            acknowledge(secret, "AwsSolutions-SMG4", why_not_rotated)
        return secret

    def _claude_key(self, stage: Stage) -> secrets.Secret:
        secret = secrets.Secret(
            self,
            "ClaudeSecret",
            description="The Claude API key; empty until an operator sets it (docs/operations.md)",
            secret_object_value={"api_key": SecretValue.unsafe_plain_text("")},
            removal_policy=stage.removal_policy,
        )
        acknowledge(secret, "AwsSolutions-SMG4", "The key is issued by Anthropic's console; AWS cannot rotate it.")
        return secret

    def _given_database(self, stage: Stage, checkout: Checkout | None) -> secrets.Secret:
        if checkout is None:
            raise ValueError(f"Stage {stage.name} has no Aurora cluster and no checkout that brings a database.")
        secret = secrets.Secret(
            self,
            "DatabaseSecret",
            description="The Postgres server that the command line named",
            secret_string_value=SecretValue.unsafe_plain_text(json.dumps(checkout.database)),
            removal_policy=stage.removal_policy,
        )
        acknowledge(
            secret, "AwsSolutions-SMG4", "The database belongs to whoever started it, and so does its password."
        )
        return secret
