"""What a deployment and an operator may ask of the database function."""

import json
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select

from agent_platform.errors import (
    ConfigurationError,
    Conflict,
    InvalidInput,
    StorageUnavailable,
    TooManyAttempts,
    Unauthenticated,
)
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.api_keys import ApiKeys, KeyOrder
from agent_platform.identity.attempts import Attempts
from agent_platform.identity.people import People
from agent_platform.identity.refresh_tokens import RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sessions import Sessions
from agent_platform.identity.sign_in_limits import SignInLimits
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.identity.users import Users
from agent_platform.ids import new_id
from agent_platform.settings import AuthorizeSettings
from agent_platform.storage import migrations
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.models import AgentRecord
from agent_platform.storage.postgres import open_engine, transaction
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from functions.migrate_database import handler as module
from functions.migrate_database.handler import handler
from tests.fakes.aws import (
    DEFINITIONS_TABLE,
    executions_table,
    governance_tables,
    jwt_secret,
    store_secret,
    tokens_table,
)
from tests.fakes.catalogue import write_small_catalogue
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.postgres import Server, empty_database
from tests.fakes.workflows import a_spec

__all__ = ["empty_database", "executions_table", "governance_tables", "jwt_secret", "log", "tokens_table"]

HEAD = ScriptDirectory(str(migrations.FOLDER)).get_current_head()
ADMIN = {"email": "admin@example.com", "name": "Admin", "password": "four words make one", "roles": ["admin", "user"]}
MONTH = 30 * 24 * 3600


@pytest.fixture(autouse=True)
def environment(
    tokens_table: str, postgres: Server, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The function's environment: an empty database, and no catalogue."""
    monkeypatch.setenv("TOKENS_TABLE", tokens_table)
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
    assert first == {"revision": HEAD}
    assert invoke({}) == first


def test_a_deployment_migrates_and_keeps_its_resource(engine: Engine) -> None:
    made = invoke(resource("Create"))
    assert made["Data"] == {"Revision": HEAD}
    updated = invoke(resource("Update", PhysicalResourceId=made["PhysicalResourceId"], OldResourceProperties={}))
    assert updated == made
    with transaction(engine, PLATFORM) as session:
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


class SignIns:
    """How people come in, on the same tables."""

    def __init__(self, engine: Engine, table: str, secret: str) -> None:
        self.users = Users(engine)
        self.revocations = Revocations(table, longest_life=MONTH)
        self.keys = ApiKeys(table)
        self.tokens = AccessTokens(AuthorizeSettings(jwt_secret_arn=secret, tokens_table=table), SigningKeys(secret))
        self.sessions = Sessions(
            self.users,
            self.tokens,
            RefreshTokens(table, lifetime=MONTH, revocations=self.revocations),
            self.revocations,
            SignInLimits(Attempts(table), per_source=1000),
        )

    def key_of(self, user_id: str) -> str:
        """A new API key; its text."""
        user = self.users.get(user_id)
        order = KeyOrder("Nightly", ["agents:read"])
        return self.keys.create(user_id, lambda: (user.verified_email, user.roles), order, new_id())[1]

    def lets_in(self, access_token: str) -> bool:
        """Whether the authorizer would."""
        try:
            self.revocations.check(self.tokens.verify(access_token))
        except Unauthenticated:
            return False
        return True

    def refreshes(self, refresh_token: str) -> bool:
        """Whether the session goes on."""
        try:
            self.sessions.refresh(refresh_token)
        except Unauthenticated:
            return False
        return True


@pytest.fixture
def sign_ins(engine: Engine, tokens_table: str, jwt_secret: str) -> SignIns:
    return SignIns(engine, tokens_table, jwt_secret)


@pytest.mark.parametrize("change", [{"password": "five other words make two"}, {"roles": ["viewer"]}])
def test_sessions_with_another_password_or_other_roles_end_at_once(sign_ins: SignIns, change: dict[str, Any]) -> None:
    invoke({"ensure_user": ADMIN})
    session = sign_ins.sessions.login(ADMIN["email"], ADMIN["password"])
    assert sign_ins.lets_in(session.access_token)
    invoke({"ensure_user": ADMIN | change})
    assert not sign_ins.lets_in(session.access_token)
    assert not sign_ins.refreshes(session.refresh_token)
    anew = sign_ins.sessions.login(ADMIN["email"], change.get("password", ADMIN["password"]))
    assert sign_ins.lets_in(anew.access_token)


def test_the_same_again_ends_no_session(sign_ins: SignIns) -> None:
    invoke({"ensure_user": ADMIN})
    session = sign_ins.sessions.login(ADMIN["email"], ADMIN["password"])
    invoke({"ensure_user": ADMIN | {"name": "Ada"}})
    assert sign_ins.lets_in(session.access_token)
    assert sign_ins.refreshes(session.refresh_token)


def test_api_keys_have_the_new_roles_and_those_of_an_enabled_account_work_again(
    sign_ins: SignIns, engine: Engine
) -> None:
    user_id = invoke({"ensure_user": ADMIN})["user"]["id"]
    key = sign_ins.key_of(user_id)
    assert sign_ins.keys.verify(key).roles == {"admin", "user"}
    invoke({"ensure_user": ADMIN | {"roles": ["viewer"]}})
    assert sign_ins.keys.verify(key).roles == {"viewer"}
    with People(engine).disabling(user_id):
        sign_ins.keys.owner_changed(user_id, lambda: None)
    with pytest.raises(Unauthenticated):
        sign_ins.keys.verify(key)
    invoke({"ensure_user": ADMIN})
    assert (sign_ins.keys.verify(key).roles, sign_ins.keys.verify(key).email) == ({"admin", "user"}, ADMIN["email"])


def test_what_was_made_with_an_address_that_nobody_had_confirmed_gets_none_of_the_roles(sign_ins: SignIns) -> None:
    invoke({})
    squatter = sign_ins.sessions.register(ADMIN["email"], ADMIN["password"], "Eve")
    key = sign_ins.key_of(squatter.user.id)
    # Even where everything else is as they made it.
    invoke({"ensure_user": ADMIN | {"roles": ["user"]}})
    assert not sign_ins.lets_in(squatter.access_token)
    with pytest.raises(Unauthenticated):
        sign_ins.keys.verify(key)
    assert sign_ins.keys.mine(squatter.user.id).items == []
    kept = sign_ins.key_of(squatter.user.id)
    invoke({"ensure_user": ADMIN})
    assert sign_ins.keys.verify(kept).roles == {"admin", "user"}


SOURCES = ("203.0.113.7", "203.0.113.8")


class Clock:
    """Begins two weeks ago, so that whole days of guessing are over by now; in Unix seconds."""

    def __init__(self) -> None:
        self.now = time.time() - 14 * 24 * 3600

    def __call__(self) -> float:
        return self.now


def _guess(table: str, clock: Clock, times: int) -> None:
    """Count wrong passwords from each address, each as soon as it may be."""
    limits = SignInLimits(Attempts(table, clock), per_source=1000)
    for source in SOURCES:
        for _ in range(times):
            for _ in range(3):
                try:
                    limits.signing_in(ADMIN["email"], source)
                    break
                except TooManyAttempts as refused:
                    clock.now += refused.retry_after or 0
            else:
                pytest.fail("it should have waited long enough")


def test_whoever_is_locked_out_signs_in_at_once_from_every_address(sign_ins: SignIns, tokens_table: str) -> None:
    invoke({"ensure_user": ADMIN})
    _guess(tokens_table, Clock(), 50)
    for source in SOURCES:
        with pytest.raises(TooManyAttempts):
            sign_ins.sessions.login(ADMIN["email"], ADMIN["password"], source)
    changed = ADMIN | {"password": "five other words make two"}
    invoke({"ensure_user": changed})
    for source in SOURCES:
        assert sign_ins.sessions.login(ADMIN["email"], changed["password"], source).user.email == ADMIN["email"]


def test_what_is_guessed_after_the_new_password_waits_as_ever(sign_ins: SignIns, tokens_table: str) -> None:
    invoke({"ensure_user": ADMIN})
    limits = SignInLimits(Attempts(tokens_table), per_source=1000)
    for _ in range(5):
        limits.signing_in(ADMIN["email"], SOURCES[0])
    invoke({"ensure_user": ADMIN})
    for _ in range(5):
        limits.signing_in(ADMIN["email"], SOURCES[0])
    with pytest.raises(TooManyAttempts) as refused:
        sign_ins.sessions.login(ADMIN["email"], ADMIN["password"], SOURCES[0])
    assert 25 <= (refused.value.retry_after or 0) <= 30


def test_if_sessions_cannot_be_ended_nothing_has_changed(sign_ins: SignIns, tokens_table: str) -> None:
    invoke({"ensure_user": ADMIN})
    changed = ADMIN | {"password": "five other words make two", "roles": ["viewer"]}
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        invoke({"ensure_user": changed})
    assert sign_ins.users.authenticate(ADMIN["email"], ADMIN["password"]).roles == ("admin", "user")


def test_an_account_that_is_being_erased_stays_closed(sign_ins: SignIns, engine: Engine) -> None:
    invoke({"ensure_user": {**ADMIN, "email": "other@example.com"}})
    user_id = invoke({"ensure_user": ADMIN})["user"]["id"]
    with People(engine).beginning_erasure(user_id):
        pass
    with pytest.raises(Conflict, match="being deleted"):
        invoke({"ensure_user": ADMIN})
    assert People(engine).get(user_id).status == "erasing"


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
    with transaction(engine, PLATFORM) as session:
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


class TestVersionsOfAgents:
    """Every deployment keeps what it deploys, so that older versions can still be executed."""

    @pytest.fixture(autouse=True)
    def deployed(
        self,
        governance_tables: None,  # noqa: ARG002 - makes the table
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("DEFINITIONS_TABLE", DEFINITIONS_TABLE)
        write_small_catalogue(tmp_path)

    def test_each_agent_is_kept_once(self) -> None:
        assert invoke({})["versions"] == {"kept": 7, "changed": 0}
        assert invoke({})["versions"] == {"kept": 0, "changed": 0}
        assert DefinitionRepository(DEFINITIONS_TABLE).document("legal/nda-reviewer", "1.0.0")

    def test_a_changed_agent_of_the_same_version_ends_a_deployment_to_the_cloud(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        invoke({})
        other = VersionedDefinition("legal/nda-reviewer", "1.0.0", '{"other": "words"}')
        DefinitionRepository(DEFINITIONS_TABLE).keep([other], replace=True)
        monkeypatch.setenv("STAGE", "dev")
        module._deployment()._engine.dispose()
        module._deployment.cache_clear()
        with pytest.raises(
            ConfigurationError, match=r"1 agents changed and kept their version: legal/nda-reviewer 1\.0\.0"
        ):
            invoke({})

    def test_on_a_laptop_the_newer_words_count(self) -> None:
        invoke({})
        other = VersionedDefinition("legal/nda-reviewer", "1.0.0", '{"other": "words"}')
        DefinitionRepository(DEFINITIONS_TABLE).keep([other], replace=True)
        assert invoke({})["versions"] == {"kept": 1, "changed": 1}
