"""What a deployment and an operator may ask of the database function."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from agent_platform.errors import ConfigurationError, InvalidInput, StorageUnavailable
from agent_platform.identity.users import Users
from agent_platform.storage.models import AgentRecord
from agent_platform.storage.postgres import open_engine, transaction
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from functions.migrate_database import handler as module
from functions.migrate_database.handler import handler
from tests.fakes.aws import store_secret
from tests.fakes.catalogue import write_small_catalogue
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.postgres import Server, empty_database
from tests.fakes.workflows import a_spec

__all__ = ["empty_database", "log"]

ADMIN = {"email": "admin@example.com", "name": "Admin", "password": "four words make one", "roles": ["admin", "user"]}


@pytest.fixture(autouse=True)
def environment(
    aws: None, postgres: Server, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The function's environment: an empty database, and no catalogue."""
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("database", postgres.secret(empty_database)))
    monkeypatch.setenv("CATALOGUE_PATH", str(tmp_path / "agents.sqlite"))
    module._deployment.cache_clear()
    yield
    module._deployment()._engine.dispose()
    module._deployment.cache_clear()


@pytest.fixture
def engine(postgres: Server, empty_database: str) -> Iterator[Engine]:
    opened = open_engine(lambda: postgres.credentials(empty_database))
    yield opened
    opened.dispose()


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    answer = handler(event, LambdaContext())
    assert json.loads(json.dumps(answer)) == answer
    return answer


def resource(kind: str, **more: Any) -> dict[str, Any]:
    """What CDK's provider framework sends for a custom resource."""
    return {
        "RequestType": kind,
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:provider",
        "ResponseURL": "...",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/AgentPlatform-dev-Api/guid",
        "RequestId": "r-1",
        "LogicalResourceId": "MigrateDatabase",
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "ResourceProperties": {"ServiceToken": "…", "Revision": "abc"},
        **more,
    }


def test_an_empty_request_migrates_and_may_be_repeated() -> None:
    first = invoke({})
    assert first == {"revision": "0003"}
    assert invoke({}) == first


def test_a_deployment_migrates_and_keeps_its_resource(engine: Engine) -> None:
    made = invoke(resource("Create"))
    assert made["Data"] == {"Revision": "0003"}
    updated = invoke(resource("Update", PhysicalResourceId=made["PhysicalResourceId"], OldResourceProperties={}))
    assert updated == made
    with transaction(engine) as session:
        assert session.scalars(select(AgentRecord)).all() == []


def test_a_deleted_stack_keeps_its_data(engine: Engine) -> None:
    made = invoke(resource("Create"))
    invoke({"ensure_user": ADMIN})
    gone = invoke(resource("Delete", PhysicalResourceId=made["PhysicalResourceId"]))
    assert gone == {"PhysicalResourceId": made["PhysicalResourceId"], "Data": {}}
    assert Users(engine).authenticate(ADMIN["email"], ADMIN["password"]).name == "Admin"


def test_deleting_asks_nothing_of_a_database_that_is_gone_already(postgres: Server) -> None:
    store_secret("database", postgres.secret("absent"))
    assert invoke(resource("Delete", PhysicalResourceId="database-schema"))["Data"] == {}


def test_an_account_is_made_once_on_a_database_without_tables(engine: Engine) -> None:
    first = invoke({"ensure_user": ADMIN})["user"]
    assert invoke({"ensure_user": ADMIN})["user"] == first
    assert (first["email"], first["roles"]) == ("admin@example.com", ["admin", "user"])
    assert Users(engine).authenticate(ADMIN["email"], ADMIN["password"]).id == first["id"]


def test_an_existing_account_gets_the_new_password_and_roles(engine: Engine) -> None:
    first = invoke({"ensure_user": ADMIN})["user"]
    changed = ADMIN | {"password": "five other words make two", "roles": ["viewer"]}
    second = invoke({"ensure_user": changed})["user"]
    assert (second["id"], second["roles"]) == (first["id"], ["viewer"])
    assert Users(engine).authenticate(ADMIN["email"], "five other words make two").roles == ("viewer",)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"ensure_user": {**ADMIN, "password": "short"}}, "password"),
        ({"ensure_user": {**ADMIN, "email": "admin"}}, "email"),
        ({"ensure_user": {**ADMIN, "roles": ["emperor"]}}, "roles"),
        ({"ensure_user": {**ADMIN, "roles": []}}, "ensure_user.roles"),
        ({"ensure_user": {**ADMIN, "admin": True}}, "ensure_user.admin"),
        ({"ensure_user": "admin@example.com"}, "ensure_user"),
        ({"drop_everything": True}, "drop_everything"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_field(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        invoke(request_)
    assert [fault.field for fault in refused.value.errors] == [field]
    assert ADMIN["password"] not in str(refused.value)


def test_the_agents_of_the_catalogue_are_registered_when_one_is_deployed(engine: Engine, tmp_path: Path) -> None:
    assert "agents" not in invoke({})
    write_small_catalogue(tmp_path)
    assert invoke({})["agents"] == {"written": 7, "retired": 0}
    assert invoke({})["agents"] == {"written": 0, "retired": 0}
    with transaction(engine) as session:
        nda = session.get_one(AgentRecord, "legal/nda-reviewer")
        assert (nda.group_id, nda.name, nda.version) == ("legal", "NDA Reviewer", "1.0.0")


def test_shipped_workflows_are_registered_where_it_is_known_how_their_machines_are_called(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"name": "tidy-numbers", "title": "Tidy numbers", "spec": a_spec(), "source": "…", "digest": "d"}
    write_small_catalogue(tmp_path)
    (tmp_path / "workflows.json").write_text(json.dumps([entry]))
    assert "workflows" not in invoke({})
    monkeypatch.setenv("STATE_MACHINE_ARN_BASE", "arn:aws:states:eu-central-1:123456789012:stateMachine:")
    monkeypatch.setenv("WORKFLOW_MACHINE_PREFIX", "AgentPlatform-dev-wf-")
    module._deployment()._engine.dispose()
    module._deployment.cache_clear()
    assert invoke({})["workflows"] == {"written": 1, "archived": 0}
    assert invoke({})["workflows"] == {"written": 0, "archived": 0}
    found = WorkflowDefinitions(engine).find("platform/tidy-numbers", owner=None)
    assert found is not None
    assert found.machine_arn == (
        "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-dev-wf-tidy-numbers"
    )
    (tmp_path / "workflows.json").write_text("[{}]")
    with pytest.raises(ConfigurationError, match="is damaged"):
        invoke({})


def test_a_database_that_is_down_fails_the_deployment_with_a_reason(postgres: Server) -> None:
    store_secret("database", postgres.secret("absent"))
    with pytest.raises(StorageUnavailable, match="up to 15 seconds to wake"):
        invoke(resource("Create"))


def test_no_password_reaches_the_log(log: StringIO) -> None:
    invoke({"ensure_user": ADMIN})
    with pytest.raises(InvalidInput):
        invoke({"ensure_user": {**ADMIN, "roles": ["emperor"]}})
    assert '"message":"migrated"' in log.getvalue()
    assert ADMIN["password"] not in log.getvalue()
