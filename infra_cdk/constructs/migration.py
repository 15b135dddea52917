"""Brings the database's schema up to date as a part of the deployment."""

from pathlib import Path

from aws_cdk import CustomResource, Duration
from constructs import Construct

from infra_cdk.constructs.bundling import digest, tree_digest
from infra_cdk.constructs.custom_resource import provider_of
from infra_cdk.constructs.platform_function import PlatformFunction
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
        provider = provider_of(self, "Calls", stage=stage, function=function)
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


def _content(built: Path) -> bytes:
    return built.read_bytes() if built.is_file() else b""
