"""The shipped policy as tables: who may do what, and what is told to whom it stops."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import Forbidden
from agent_platform.identity.policy import ALL_ACTIONS, Environment, Policies, Question, Resource
from agent_platform.identity.principal import Principal
from tests.fakes.policies import compiled

__all__ = ["compiled"]

AGENT = Resource("agent", "finance-accounting/three-way-match-checker", ["invoicing"], 0.02)

READING = {"agents:read", "executions:read", "workflows:read", "analytics:read", "budgets:read"}
USING = READING | {
    *("agents:execute", "sessions:use", "batches:run", "workflows:write", "workflows:run", "approvals:decide"),
    *("triggers:manage", "webhooks:manage", "keys:manage", "account:manage"),
}
MAY: dict[str, set[str]] = {
    "admin": set(ALL_ACTIONS),
    "operator": USING | {"agents:switch", "dead-letters:manage", "audit:read", "metrics:read"},
    "author": USING | {"agents:write"},
    "user": USING,
    "viewer": READING | {"account:manage"},
    "unheard-of": set(),
}


def somebody(*roles: str, **more: Any) -> Principal:
    return replace(Principal("user-1", "ada@example.com", frozenset(roles), token_id="jti"), **more)


@pytest.fixture(scope="module")
def policies(policies_path: Path) -> Policies:
    return Policies(policies_path)


def ask(policies: Policies, who: Principal, action: Any, what: Resource | None = None, **around: Any) -> Any:
    resource = what or Resource(action.partition(":")[0])
    return policies.decide(Question(who, action, resource, Environment(**around)))


@pytest.mark.parametrize("action", ALL_ACTIONS)
@pytest.mark.parametrize("role", MAY)
def test_a_role_allows_its_actions_and_no_others(policies: Policies, role: str, action: str):
    decision = ask(policies, somebody(role), action, AGENT if action.startswith("agents:") else None)
    assert decision.allowed is (action in MAY[role])
    assert decision.rules == ((f"role:{role}",) if action in MAY[role] else ("role",))
    assert len(decision.version) == 12


def test_several_roles_add_up_and_none_allows_nothing(policies: Policies):
    assert ask(policies, somebody("viewer", "operator"), "audit:read").allowed
    assert ask(policies, somebody("viewer", "user"), "agents:read").rules == ("role:user", "role:viewer")
    assert not any(ask(policies, somebody(), action).allowed for action in ALL_ACTIONS)


@pytest.mark.parametrize(
    ("scopes", "agents", "action", "rules"),
    [
        (None, None, "agents:execute", ("role:user",)),
        ({"agents:execute"}, None, "agents:execute", ("role:user",)),
        ({"agents:*"}, None, "agents:execute", ("role:user",)),
        ({"*"}, None, "agents:execute", ("role:user",)),
        ({"agents:read", "workflows:*"}, None, "agents:execute", ("scope",)),
        (set(), None, "agents:execute", ("scope",)),
        ({"users:manage"}, None, "users:manage", ("role",)),
        ({"agents:*"}, {AGENT.id}, "agents:execute", ("role:user",)),
        ({"agents:*"}, {"finance-accounting/*"}, "agents:execute", ("role:user",)),
        ({"agents:*"}, {"finance/*", "sales/deal"}, "agents:execute", ("key_for_agent",)),
        ({"agents:*"}, set(), "agents:execute", ("key_for_agent",)),
        ({"agents:read"}, set(), "agents:execute", ("key_for_agent", "scope")),
        ({"workflows:run"}, {"sales/*"}, "workflows:run", ("role:user",)),
    ],
)
def test_an_api_key_bounds_what_its_owners_roles_allow(
    policies: Policies, scopes: set[str] | None, agents: set[str] | None, action: str, rules: tuple[str, ...]
):
    who = somebody(
        "user",
        scopes=None if scopes is None else frozenset(scopes),
        agents=None if agents is None else frozenset(agents),
    )
    decision = ask(policies, who, action, AGENT if action.startswith("agents:") else None)
    assert tuple(sorted(decision.rules)) == rules
    assert decision.allowed is rules[0].startswith("role:")


@pytest.mark.parametrize(("cost", "allowed"), [(0.0, True), (25.0, True), (25.01, False), (100.0, False)])
def test_a_dear_execution_takes_an_operator(policies: Policies, cost: float, allowed: bool):
    dear = replace(AGENT, cost_usd=cost)
    assert ask(policies, somebody("user"), "agents:execute", dear).allowed is allowed
    assert ask(policies, somebody("user", "operator"), "agents:execute", dear).allowed


def test_a_refusal_says_why_and_who_could(policies: Policies):
    question = Question.now(somebody("viewer"), "agents:execute", AGENT)
    with pytest.raises(Forbidden, match=r"^You may not execute `finance-accounting/three-way-match-checker`") as raised:
        policies.require(question)
    assert "`admin`, `operator`, `author`, `user`" in raised.value.detail
    assert "you have `viewer`" in raised.value.detail


RULES = {
    "networks": {"office": ["10.1.0.0/16", "2001:db8::/32"], "guests": ["10.9.0.0/24"]},
    "windows": {
        "office-hours": {
            "zone": "Europe/Berlin", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "18:00"
        },
        "nights": {"zone": "America/New_York", "days": ["fri"], "from": "22:00", "until": "06:00"},
    },
    "denials": [],
}  # fmt: skip


def denying(when: dict[str, Any], *unless: str) -> dict[str, Any]:
    row = {"id": "rule", "reason": "This is the reason of the rule.", "when": when, "unless_roles": list(unless)}
    return {**RULES, "denials": [row]}


MONDAY_NOON, SATURDAY_NIGHT = "2026-11-23T12:00:00+00:00", "2026-11-28T04:30:00+00:00"


@pytest.mark.parametrize(
    ("when", "around", "denied"),
    [
        ({"tags": ["invoicing"]}, {}, True),
        ({"tags": ["medication", "invoicing"]}, {}, True),
        ({"tags": ["medication"]}, {}, False),
        ({"agents": ["finance-accounting/*"]}, {}, True),
        ({"agents": ["@money"]}, {}, True),
        ({"agents": ["@health", "sales/deal"]}, {}, False),
        ({"agents": ["@money"], "tags": ["medication"]}, {}, False),
        ({"actions": ["agents:*"]}, {}, True),
        ({"actions": ["workflows:*"]}, {}, False),
        ({"cost_above_usd": 0.01}, {}, True),
        ({"cost_above_usd": 0.02}, {}, False),
        ({"outside_networks": ["office"]}, {"source_ip": "10.1.2.3"}, False),
        ({"outside_networks": ["office"]}, {"source_ip": "::ffff:10.1.2.3"}, False),
        ({"outside_networks": ["office"]}, {"source_ip": "2001:db8::1"}, False),
        ({"outside_networks": ["office"]}, {"source_ip": "10.9.0.7"}, True),
        ({"outside_networks": ["office"]}, {"source_ip": None}, True),
        ({"outside_networks": ["office"]}, {"source_ip": "10.1.2.3, 1.1.1.1"}, True),
        ({"networks": ["guests"]}, {"source_ip": "10.9.0.7"}, True),
        ({"networks": ["guests"]}, {"source_ip": "10.1.2.3"}, False),
        ({"networks": ["guests"]}, {"source_ip": None}, True),
        ({"windows": ["office-hours"]}, {"moment": MONDAY_NOON}, True),
        ({"windows": ["office-hours"]}, {"moment": "2026-11-23T06:59:59+00:00"}, False),
        ({"windows": ["office-hours"]}, {"moment": "2026-11-23T07:00:00+00:00"}, True),
        ({"windows": ["office-hours"]}, {"moment": "2026-11-23T17:00:00+00:00"}, False),
        ({"outside_windows": ["office-hours"]}, {"moment": MONDAY_NOON}, False),
        ({"outside_windows": ["office-hours"]}, {"moment": SATURDAY_NIGHT}, True),
        ({"windows": ["nights"]}, {"moment": SATURDAY_NIGHT}, True),
        ({"windows": ["nights"]}, {"moment": "2026-11-27T04:30:00+00:00"}, False),
        ({"windows": ["nights"], "tags": ["invoicing"]}, {"moment": MONDAY_NOON}, False),
    ],
)  # fmt: skip
def test_a_denial_beats_every_role_where_all_its_conditions_are_met(
    compiled: Any, when: dict[str, Any], around: dict[str, Any], denied: bool
):
    policies = compiled(denials=denying(when, "operator"))
    if "moment" in around:
        around = {"moment": datetime.fromisoformat(around["moment"])}
    decision = ask(policies, somebody("admin"), "agents:execute", AGENT, **around)
    assert decision.allowed is not denied
    assert decision.rules == (("denial:rule",) if denied else ("role:admin",))
    assert not denied or decision.reasons == ("This is the reason of the rule.",)
    assert ask(policies, somebody("admin", "operator"), "agents:execute", AGENT, **around).allowed


def test_what_costs_nothing_is_not_dear_and_no_agent_has_no_tags(compiled: Any):
    for when in ({"cost_above_usd": 0}, {"agents": ["*"]}, {"tags": ["invoicing"]}):
        assert ask(compiled(denials=denying(when)), somebody("user"), "workflows:read").allowed


def test_a_role_may_be_for_a_group_of_agents_alone(compiled: Any):
    roles = {
        "roles": {"auditor": {"summary": "s", "actions": ["agents:*", "audit:read"], "agents": ["@money", "legal/x"]}},
        "agent_groups": {"money": ["finance-accounting/*"]},
    }
    policies = compiled(roles=roles, denials=RULES)
    who = somebody("auditor")
    assert ask(policies, who, "agents:execute", AGENT).allowed
    assert ask(policies, who, "agents:read", Resource("agent", "legal/x")).allowed
    assert ask(policies, who, "audit:read").allowed
    elsewhere = ask(policies, who, "agents:execute", Resource("agent", "legal/y", [], 0.1))
    assert (elsewhere.allowed, elsewhere.rules) == (False, ("role_for_agent",))


@pytest.mark.parametrize("text", ["finance-accounting/x\0", "\ud800", "*", "finance-accounting/*", "", "a" * 10_000])
def test_odd_texts_in_a_question_open_nothing(policies: Policies, text: str):
    key = somebody("user", scopes=frozenset({"agents:*"}), agents=frozenset({"sales/deal"}))
    assert not ask(policies, key, "agents:execute", Resource("agent", text)).allowed
    assert not ask(policies, somebody(text), "agents:read").allowed
    assert not ask(policies, somebody(f"admin{text}"), "agents:read").allowed or not text
