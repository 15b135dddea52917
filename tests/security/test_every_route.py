"""Every operation of the OpenAPI document, tried by everybody who may not: refused, and nothing has changed.

Through the real authorizer and the real functions. A new operation is tried by itself; one with an id in its path
needs a line in `NAMED`, with which its resource of somebody else is found.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
from sqlalchemy import select

from agent_platform.identity.policy.actions import Action
from agent_platform.ids import new_id
from agent_platform.storage.approvals import Approval, ApprovalRepository
from agent_platform.storage.dead_letters import DeadLetter
from agent_platform.storage.models import Base
from agent_platform.storage.tool_approvals import ToolApproval, ToolApprovalRepository
from functions.api.actions import ACTIONS, PUBLIC, SIGNED_IN
from functions.openapi import openapi_document
from functions.run_agent.app import ACTIONS as AGENT_ACTIONS
from tests.fakes.aws import APPROVALS_TABLE, SIGNING_SECRET
from tests.fakes.published_workflows import SPEC, a_workflow
from tests.functions.api.conftest import (
    PASSWORD,
    Platform,
    database,
    event_loop,
    jwt_secret,
    platform,
    settings,
    tokens_table,
)
from tests.functions.run_agent.conftest import AGENT, GROUP, function
from tests.security.door import Door, Sent, catalogue, door

__all__ = [
    "catalogue",
    "database",
    "door",
    "event_loop",
    "function",
    "jwt_secret",
    "platform",
    "settings",
    "tokens_table",
]

ROOT = Path(__file__).parents[2]
DOCUMENT = openapi_document()
DOES: dict[str, Action] = {**ACTIONS, **AGENT_ACTIONS}
"""The action of each operation that asks the policy."""


@dataclass(frozen=True)
class Operation:
    """One of the document."""

    id: str
    method: str
    path: str
    query: tuple[str, ...]

    @property
    def is_guarded(self) -> bool:
        """Whether it needs a token."""
        return self.id not in PUBLIC

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in its path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


OPERATIONS = [
    Operation(
        told["operationId"],
        method.upper(),
        path,
        tuple(each["name"] for each in told.get("parameters", ()) if each["in"] == "query"),
    )
    for path, operations in DOCUMENT["paths"].items()
    for method, told in operations.items()
]
GUARDED = [each for each in OPERATIONS if each.is_guarded]

NAMED = {
    *("execution_id", "session_id", "batch_id", "workflow_id", "version", "run_id", "approval_id", "trigger_id"),
    *("webhook_id", "delivery_id", "key_id"),
}
"""What a path names that belongs to a user: `World` makes one of each as Ada."""

OF_THE_PLATFORM = {"group", "name", "evaluation_id"}
"""What a path names that is everybody's: agents, and how they stood up to their cases."""

OF_ADMINISTRATION = {"user_id", "letter_id", "invitation_id", "request_id"}
"""What a path names that administrators alone work with: whoever is none of them is refused, whatever it names."""


@dataclass
class Attacks:
    """Counts, and keeps what got through."""

    tried: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    through: list[str] = field(default_factory=list)

    def refused(self, operation: Operation, answer: Sent, told: str, among: tuple[int, ...]) -> None:
        """Note an attempt: it has to end with one of these statuses and a problem."""
        self.tried += 1
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status not in among or not answer.is_problem:
            body = answer.body[:300].decode("utf-8", "replace")
            self.through.append(f"{operation.method} {operation.path} as {told}: {answer.status} {body}")


class World:
    """Ada, who has one of everything; Bob, who has nothing; and what both send."""

    def __init__(self, door: Door, platform: Platform, input_: dict[str, Any]) -> None:
        self.door, self.platform = door, platform
        services = platform.services
        for role in ("user", "viewer"):
            user = services.users.ensure(f"bob-{role}@example.com", PASSWORD, "Bob", [role])
            door.people[f"bob-{role}"] = {"user_id": user.id, "email": user.email, "roles": [role]}
        self.ada = str(door.people["user"]["user_id"])
        self.ids = {"group": GROUP, "name": AGENT.partition("/")[2], "user_id": self.ada, "version": "1"}
        self.ids_below: dict[str, dict[str, str]] = {}
        """Where one name stands for several kinds of things: what it names below a path."""
        self.bodies: dict[str, Any] = {
            "execute_agent": {"input": input_},
            "decide_approval": {"decision": "approved"},
            "decide_tool_approval": {"decision": "approved"},
            "set_user_budget": {"monthly_usd": 1.0},
            "set_agent_budget": {"monthly_usd": 1.0},
            "start_run": {"input": {"day": "monday"}},
            "add_workflow_version": {"spec": SPEC | {"title": "Another"}},
            "update_webhook": {"description": "mine now"},
            "update_api_key": {"name": "mine now"},
            "rotate_api_key": {},
        }
        self._make(input_)

    def _make(self, input_: dict[str, Any]) -> None:
        services, ids = self.platform.services, self.ids
        ids["workflow_id"] = a_workflow(services.engine, self.ada).id
        ids["session_id"] = services.conversations.create(self.ada, AGENT).id
        token = self.door.token("user")
        run = {"input": {"day": "monday"}, "name": "secret-run"}
        ids["run_id"] = self.made(token, f"workflows/{ids['workflow_id']}/runs", run)
        trigger = {"workflow_id": ids["workflow_id"], "input": {"day": "monday"}, "schedule": {"rate": "2 hours"}}
        ids["trigger_id"] = self.made(token, "triggers", trigger)
        ids["batch_id"] = self.made(token, "batches", {"agent_id": AGENT, "format": "jsonl", "inputs": [input_]})
        ids["execution_id"] = self.made(token, f"agents/{AGENT}/execute", {"input": input_}, Prefer="respond-async")
        hook = {"url": "https://93.184.216.34/hook", "events": ["workflow.failed"]}
        ids["webhook_id"] = self.made(token, "webhooks", hook)
        ids["delivery_id"] = self.made(token, f"webhooks/{ids['webhook_id']}/ping", None)
        ids["key_id"] = self.made(token, "keys", {"name": "Nightly", "scopes": ["agents:read"]})
        now = datetime.now(UTC)
        approval = Approval(
            id=new_id(),
            run_id=ids["run_id"],
            step_id="sign",
            workflow_title="W",
            step_title="S",
            message="Sign?",
            status="pending",
            created_at=now,
            expires_at=now + timedelta(hours=1),
            owner=self.ada,
            candidates=("user#eve@example.com", f"owner#{self.ada}"),
            trace_id="1" * 32,
        )
        ids["approval_id"] = ApprovalRepository(APPROVALS_TABLE).create(approval, "token").approval.id
        call = ToolApproval(
            id=new_id(),
            status="pending",
            owner=self.ada,
            agent_id=AGENT,
            entry_agent_id=AGENT,
            execution_id=ids["execution_id"],
            tool="http_request",
            effect="writes",
            arguments={},
            digest="0" * 64,
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        ToolApprovalRepository(APPROVALS_TABLE).create(call, [f"user#{self.ada}"])
        self.ids_below["/api/v1/tool-approvals/"] = {"approval_id": call.id}
        letter = DeadLetter(
            id=new_id(),
            source="webhooks",
            state="open",
            event_id="e1",
            code="gone",
            message="410",
            tries=1,
            failed_at=now,
            arrived_at=now,
        )
        services.dead_letters.keep(letter, {"redrive": {}})
        ids["letter_id"] = letter.id

    def made(self, token: str, path: str, body: Any, **headers: str) -> str:
        """The id of what a POST made, or of what it let loose."""
        answer = self.send("POST", f"/api/v1/{path}", token, body, **headers)
        assert answer.status in (200, 201, 202), answer
        found = answer.json
        return str(found.get("id") or found["event_id"])

    def send(self, method: str, path: str, token: str | None, body: Any = None, query: str = "", **more: str) -> Sent:
        """One request with a token, or with none."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        sent = b"" if body is None else json.dumps(body).encode()
        return self.door.send(method, path, sent, headers=headers | more, query=query)

    def ask(self, operation: Operation, token: str | None, query: str = "", **more: str) -> Sent:
        """One operation on what is Ada's."""
        below = [each for path, each in self.ids_below.items() if operation.path.startswith(path)]
        ids = self.ids | (below[0] if below else {})
        path = operation.path.format_map({name: ids.get(name, new_id()) for name in operation.names})
        body = self.bodies.get(operation.id, {} if operation.method in ("POST", "PUT", "PATCH") else None)
        return self.send(operation.method, path, token, body, query, **more)

    def state(self) -> set[str]:
        """All there is, but for when a key was used last."""
        found: set[str] = set()
        client = boto3.client("dynamodb")
        for table in client.list_tables()["TableNames"]:
            for page in client.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    item.pop("last_used_at", None)
                    found.add(f"{table} {json.dumps(item, sort_keys=True, default=str)}")
        with self.platform.services.engine.connect() as connection:
            for name, rows in Base.metadata.tables.items():
                found |= {f"{name} {row}" for row in connection.execute(select(rows))}
        return found

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Whatever happens in here has no effect."""
        before = self.state()
        yield
        assert self.state() - before == set()
        assert before - self.state() == set()


@pytest.fixture
def world(door: Door, platform: Platform) -> World:
    """Everybody and everything."""
    example = platform.services.catalogue.get(AGENT).example.input
    assert isinstance(example, dict)
    return World(door, platform, example)


def report(attacks: Attacks, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        refused = attacks.tried - len(attacks.through)
        told = ", ".join(f"{count} × {status}" for status, count in sorted(attacks.statuses.items()))
        print(f"\n{kind}: {attacks.tried:,} tried, {refused:,} refused ({told})")
    assert attacks.through == [], "\n".join(attacks.through[:20])


def forged(world: World, **changes: Any) -> str:
    """A token of Ada's with other claims or another signature."""
    token = world.door.token("user")
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    key = changes.pop("key", SIGNING_SECRET["k1"])
    algorithm = changes.pop("alg", header["alg"])
    kept = {name: value for name, value in header.items() if name != "alg"} | changes.pop("header", {})
    return jwt.encode({**claims, **changes}, key, algorithm=algorithm, headers=kept)


def unworthy_tokens(world: World) -> dict[str, str | None]:
    """What is no token that lets anybody in, by what is wrong with it."""
    now = datetime.now(UTC)
    services, door = world.platform.services, world.door
    logged_out = door.token("user")
    assert world.send("POST", "/api/v1/auth/logout", logged_out).status < 300
    gone = services.users.ensure("gone@example.com", PASSWORD, "Gone", ["user"])
    door.people["gone"] = {"user_id": gone.id, "email": gone.email, "roles": ["user"]}
    of_gone = door.token("gone")
    assert world.send("POST", "/api/v1/auth/revoke-all", of_gone).status < 300
    made = world.send("POST", "/api/v1/keys", door.token("user"), {"name": "Old", "scopes": ["agents:read"]})
    key = made.json["key"]
    assert world.send("DELETE", f"/api/v1/keys/{made.json['id']}", door.token("user")).status < 300
    token = door.token("user")
    return {
        "nobody": None,
        "malformed": "nonsense",
        "cut short": token[:-4],
        "unsigned": forged(world, key="", alg="none"),
        "signed by another": forged(world, key="x" * 48),
        "expired": forged(world, iat=now - timedelta(hours=2), exp=now - timedelta(hours=1)),
        "of another audience": forged(world, aud="elsewhere"),
        "of another issuer": forged(world, iss="elsewhere"),
        "of an unknown key": forged(world, header={"kid": "k2"}),
        "of another type": forged(world, header={"typ": "JWT"}),
        "signed out": logged_out,
        "revoked with all others": of_gone,
        "a revoked key": key,
        "a key that was never made": f"{key[:-8]}AAAAAAAA",
    }


def test_every_id_in_a_path_is_somebodys() -> None:
    named = {name for each in GUARDED for name in each.names}
    assert named <= NAMED | OF_THE_PLATFORM | OF_ADMINISTRATION, "say whose it is, and make one in World"


def test_every_operation_asks_for_a_token_or_is_known_to_be_public() -> None:
    public = {each.id for each in OPERATIONS} & PUBLIC
    told = {
        operation["operationId"]
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        if not operation.get("security")
    }
    assert public == told
    assert {each.id for each in GUARDED} <= set(DOES) | SIGNED_IN


def test_without_a_valid_token_every_route_answers_401(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    attacks = Attacks()
    tokens = unworthy_tokens(world)
    with world.unchanged():
        for told, token in tokens.items():
            for operation in GUARDED:
                attacks.refused(operation, world.ask(operation, token), told, (401,))
    report(attacks, f"{len(GUARDED)} operations × {len(tokens)} unworthy tokens", capsys)


def test_what_is_adas_is_there_for_her(world: World) -> None:
    """Else every refusal below would mean nothing."""
    for operation in GUARDED:
        if operation.method == "GET" and set(operation.names) & NAMED:
            answer = world.ask(operation, world.door.token("user"))
            assert answer.status == 200, f"{operation.id}: {answer}"


def test_what_belongs_to_somebody_else_is_neither_shown_nor_touched(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    attacks = Attacks()
    with world.unchanged():
        for operation in GUARDED:
            if set(operation.names) & (NAMED | OF_ADMINISTRATION):
                answer = world.ask(operation, world.door.token("bob-user"))
                attacks.refused(operation, answer, "another user", (403, 404))
        create = next(each for each in GUARDED if each.id == "create_trigger")
        order = {"workflow_id": world.ids["workflow_id"], "input": {}, "schedule": {"rate": "2 hours"}}
        world.bodies["create_trigger"] = order
        attacks.refused(create, world.ask(create, world.door.token("bob-user")), "another's workflow", (404,))
    report(attacks, "another user's resources", capsys)


def test_no_list_tells_of_what_is_somebody_elses(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {name: value for name, value in world.ids.items() if name in NAMED - {"version"}} | {"user_id": world.ada}
    asked = {
        "owner": world.ada,
        "workflow_id": world.ids["workflow_id"],
        "agent_id": AGENT,
        "scope": "all",
        "platform_wide": "true",
        "subject": world.ids["run_id"],
    }
    tried, leaks = 0, []
    with world.unchanged():
        for operation in GUARDED:
            if operation.method != "GET" or operation.names:
                continue
            queries = ["", *(f"{name}={asked[name]}" for name in operation.query if name in asked)]
            for query in queries:
                tried += 1
                answer = world.ask(operation, world.door.token("bob-user"), query)
                body = answer.body.decode()
                if answer.status == 200:
                    leaks += [f"{operation.id}?{query}: {name}" for name, value in secret.items() if value in body]
                elif answer.status not in (403, 404, 422):
                    leaks.append(f"{operation.id}?{query}: {answer.status} {body[:200]}")
    with capsys.disabled():
        print(f"\n{tried} lists asked by another user: {len(leaks)} tell of what is not theirs")
    assert leaks == []


def allowed(role: str) -> set[str]:
    """The operations that a role may do by `layers/policies/roles.json`, read here without the policy."""
    roles = json.loads((ROOT / "layers/policies/roles.json").read_text())["roles"]
    patterns = roles[role]["actions"]
    return {each for each, action in DOES.items() if any(fnmatchcase(action, pattern) for pattern in patterns)}


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_what_a_role_may_not_do_is_refused_on_every_route(
    world: World, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attacks = Attacks()
    may = allowed(role) | SIGNED_IN
    refused = [each for each in GUARDED if each.id not in may]
    assert refused
    with world.unchanged():
        for operation in refused:
            attacks.refused(operation, world.ask(operation, world.door.token(f"bob-{role}")), role, (403,))
    report(attacks, f"{len(refused)} operations beyond the role {role}", capsys)


def test_a_key_reaches_nothing_beyond_its_scopes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    order = {"name": "Reads the catalogue", "scopes": ["agents:read"]}
    key = world.send("POST", "/api/v1/keys", world.door.token("user"), order).json["key"]
    assert world.send("GET", "/api/v1/agents", key).status == 200
    attacks = Attacks()
    beyond = [each for each in GUARDED if DOES.get(each.id, "agents:read") != "agents:read"]
    with world.unchanged():
        for operation in beyond:  # the key is Ada's, and so is everything that it asks for
            attacks.refused(operation, world.ask(operation, key), "a key without the scope", (403,))
    report(attacks, f"{len(beyond)} operations beyond the scopes of a key", capsys)


def test_a_key_reaches_no_agent_that_it_is_not_for(world: World) -> None:
    order = {"name": "Another group", "scopes": ["agents:execute"], "agents": ["legal/*"]}
    made = world.send("POST", "/api/v1/keys", world.door.token("user"), order)
    assert made.status == 201, made
    with world.unchanged():
        answer = world.ask(next(each for each in GUARDED if each.id == "execute_agent"), made.json["key"])
    assert (answer.status, answer.is_problem) == (403, True)


def test_a_disabled_account_gets_nowhere(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    token = world.door.token("bob-user")
    made = world.send("POST", "/api/v1/keys", token, {"name": "Bob's", "scopes": ["agents:read"]})
    key = made.json["key"]
    bob = str(world.door.people["bob-user"]["user_id"])
    disabled = world.send("POST", f"/api/v1/users/{bob}/disable", world.door.token("admin"), {})
    assert disabled.status in (200, 204), disabled
    attacks = Attacks()
    with world.unchanged():
        for told, sent in (("their token", token), ("their key", key)):
            for operation in GUARDED:
                attacks.refused(operation, world.ask(operation, sent), told, (401, 403))
    report(attacks, f"{len(GUARDED)} operations × a disabled account's token and key", capsys)
