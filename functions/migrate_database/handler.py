"""Lambda entry: run by each deployment as a CloudFormation custom resource, and by operators directly."""

from functools import cache
from typing import Any

from agent_platform.settings import MigrateDatabaseSettings, load
from functions.migrate_database.deployment import Deployment
from functions.migrate_database.requests import read_request

SCHEMA_ID = "database-schema"
"""The custom resource's physical id. It never changes, so that an update never deletes an older one."""


@cache
def _deployment() -> Deployment:
    return Deployment(load(MigrateDatabaseSettings))


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Migrate, for CloudFormation (through CDK's provider framework) or directly (`{}`, `{"ensure_user": {…}}`).

    Raises:
        PlatformError: what went wrong and what to do; the deployment fails with this message.
    """
    if "RequestType" not in event:
        return _deployment().run(read_request(event))
    # A deleted stack keeps its data: what becomes of the database is the database's own deletion policy.
    data = {} if event["RequestType"] == "Delete" else {"Revision": _deployment().migrate()["revision"]}
    return {"PhysicalResourceId": event.get("PhysicalResourceId", SCHEMA_ID), "Data": data}
