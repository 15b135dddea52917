"""Why was this denied? Anybody asks about themselves, administrators about everybody."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_platform.identity.policy import Policies
from agent_platform.identity.policy.compile import compile_policies
from agent_platform.identity.principal import Principal
from tests.fakes.gateway import LambdaContext, proxy_event
from tests.fakes.policies import write_sources
from tests.functions.api.conftest import Person, Platform

POLICY, EXPLAIN = "/api/v1/policy", "/api/v1/policy/explain"
AGENT = "legal/contract-clause-reviewer"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", "four words make one", "Root", ["admin", "user"])
    return platform.login("root@example.com").json["access_token"]


@pytest.fixture
def agent_id(platform: Platform) -> str:
    return platform.services.catalogue.ids()[0]


def test_roles_are_told_with_what_they_allow_and_which_are_mine(platform: Platform, ada: Person) -> None:
    told = platform.gateway.get(POLICY, token=ada.access_token).json
    roles = {each["name"]: each for each in told["roles"]}
    assert list(roles) == ["admin", "operator", "author", "user", "viewer"]
    assert [name for name, role in roles.items() if role["mine"]] == ["user"]
    assert "audit:read" in roles["operator"]["actions"]
    assert "audit:read" not in roles["user"]["actions"]
    assert set(told["actions"]) == set(roles["admin"]["actions"])
    assert told["next_version"] is None


def test_i_ask_about_myself(platform: Platform, ada: Person, agent_id: str) -> None:
    answer = platform.gateway.post(
        EXPLAIN, {"action": "agents:execute", "agent_id": agent_id}, token=ada.access_token
    ).json
    assert answer["allowed"] is True
    assert answer["rules"] == ["role:user"]
    assert (answer["user_id"], answer["roles"], answer["agent_id"]) == (ada.id, ["user"], agent_id)
    assert answer["cost_usd"] > 0
    assert [(each["check"], each["passed"]) for each in answer["checks"]] == [
        ("role", True),
        ("agents_of_roles", True),
        ("denials", True),
    ]
    refused = platform.gateway.post(EXPLAIN, {"action": "audit:read"}, token=ada.access_token).json
    assert (refused["allowed"], refused["rules"]) == (False, ["role"])
    assert "`admin`, `operator`" in refused["reasons"][0]
    assert refused["checks"][0] == {"check": "role", "passed": False, "by": []}


def test_what_would_be_is_asked_by_cost_place_and_time(platform: Platform, ada: Person, agent_id: str) -> None:
    asked = {"action": "agents:execute", "agent_id": agent_id, "cost_usd": 30, "source_ip": "10.0.0.1"}
    answer = platform.gateway.post(EXPLAIN, {**asked, "at": "2026-11-23T03:00:00Z"}, token=ada.access_token).json
    assert (answer["allowed"], answer["rules"]) == (False, ["denial:dear-executions"])
    assert answer["reasons"] == ["One execution that may cost more than $25 takes an administrator or an operator."]
    assert answer["checks"][-1] == {"check": "denials", "passed": False, "by": ["dear-executions"]}


def test_others_are_asked_about_by_administrators_alone(platform: Platform, ada: Person, admin: str) -> None:
    for user in (ada.id, "ada@example.com"):
        about = platform.gateway.post(EXPLAIN, {"action": "audit:read", "user": user}, token=admin).json
        assert (about["user_id"], about["allowed"]) == (ada.id, False)
        me = platform.gateway.post(EXPLAIN, {"action": "audit:read", "user": user}, token=ada.access_token)
        assert me.json["user_id"] == ada.id if user == ada.id else me.status in (200, 403)
    refused = platform.gateway.post(
        EXPLAIN, {"action": "audit:read", "user": "root@example.com"}, token=ada.access_token
    )
    assert refused.code == "forbidden"
    for nobody in ("nobody@example.com", "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11", "x"):
        assert platform.gateway.post(EXPLAIN, {"action": "audit:read", "user": nobody}, token=admin).code == "not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_input"),
        ({"action": "agents:everything"}, "invalid_input"),
        ({"action": "agents:read", "agent_id": "No Agent"}, "invalid_input"),
        ({"action": "agents:read", "agent_id": "no/agent"}, "agent_not_found"),
        ({"action": "agents:read", "source_ip": "here"}, "invalid_input"),
        ({"action": "agents:read", "at": "late"}, "invalid_input"),
        ({"action": "agents:read", "cost_usd": -1}, "invalid_input"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(platform: Platform, ada: Person, body: Any, code: str) -> None:
    assert platform.gateway.post(EXPLAIN, body, token=ada.access_token).code == code


def test_an_api_key_learns_what_bounds_it(platform: Platform, agent_id: str) -> None:
    key = Principal("u", "", frozenset({"user"}), "", scopes=frozenset({"agents:read"}), agents=frozenset({"a/b"}))
    context = replace(key, key_id="k").to_authorizer_context()
    body = json.dumps({"action": "agents:execute", "agent_id": agent_id})
    event = proxy_event("POST", EXPLAIN, headers={"Content-Type": "application/json"}, body=body, authorizer=context)
    answer = json.loads(platform.gateway.function(event, LambdaContext())["body"])
    failed = [each["check"] for each in answer["checks"] if not each["passed"]]
    assert (answer["allowed"], failed) == (False, ["scope", "agents_of_key"])


def test_the_next_version_is_told_beside_it(platform: Platform, ada: Person, tmp_path: Path) -> None:
    sources = write_sources(tmp_path / "sources")
    (sources / "next").mkdir()
    denials = {"denials": [{"id": "closed", "reason": "Closed for a while.", "when": {"actions": ["*"]}}]}
    (sources / "next" / "denials.json").write_text(json.dumps(denials))
    compile_policies(sources, tmp_path / "compiled")
    vars(platform.services)["policies"] = Policies(tmp_path / "compiled")
    answer = platform.gateway.post(EXPLAIN, {"action": "agents:read"}, token=ada.access_token).json
    assert answer["allowed"] is True
    assert (answer["next"]["allowed"], answer["next"]["rules"]) == (False, ["denial:closed"])
    assert platform.gateway.get(POLICY, token=ada.access_token).json["next_version"] == answer["next"]["version"]


def test_operators_look_after_operations_and_nothing_else(platform: Platform) -> None:
    platform.services.users.ensure("ops@example.com", "four words make one", "Ops", ["operator"])
    token = platform.login("ops@example.com").json["access_token"]
    assert platform.gateway.get("/api/v1/dead-letters", token=token).status == 200
    assert platform.gateway.get("/api/v1/audit", token=token).status == 200
    assert platform.gateway.get("/api/v1/budgets/users/1", token=token).code == "forbidden"


def test_without_a_policy_nobody_gets_in_but_to_public_routes(platform: Platform, ada: Person, tmp_path: Path) -> None:
    vars(platform.services)["policies"] = Policies(tmp_path)
    for path in ("/api/v1/me", "/api/v1/agents", POLICY):
        assert platform.gateway.get(path, token=ada.access_token).code == "policy_undecided"
    assert platform.gateway.get("/api/v1/health").status == 200
    assert platform.login().status == 200
