"""5,000 random questions of 50 random policies: the Rego decides what a plain Python reading of the files decides."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.identity.policy import ALL_ACTIONS, Environment, Policies, Question, Resource
from agent_platform.identity.principal import Principal
from tests.fakes.policies import compiled
from tests.fakes.policy_oracle import expected

__all__ = ["compiled"]

POLICIES, QUESTIONS = 50, 100

ROLES = ["admin", "operator", "author", "user", "viewer", "night-shift"]
AGENTS = [f"{group}/{name}" for group in ("sales", "health", "tax-audit") for name in ("one", "two", "sales")]
PATTERNS = ["*", "sales/*", "health/*", "tax-audit/*", "sales/one", "health/two", "tax-audit/sales", "@money", "@care"]
TAGS = ["medication", "invoicing", "night", "contract-review"]
NETWORKS = {"office": ["10.1.0.0/16"], "lab": ["10.1.7.0/24", "192.168.0.0/16"], "site-six": ["2001:db8:6::/48"]}
ADDRESSES = [None, "10.1.7.9", "10.1.8.9", "192.168.3.4", "8.8.8.8", "2001:db8:6::1", "2001:db8:7::1"]
WINDOWS: dict[str, dict[str, Any]] = {
    "day": {"zone": "Europe/Berlin", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "18:00"},
    "night": {"zone": "America/New_York", "days": ["fri", "sat", "sun"], "from": "21:30", "until": "05:15"},
    "always": {"zone": "Asia/Kolkata", "from": "00:00", "until": "23:59"},
}
ACTIONS = [*ALL_ACTIONS, *sorted({f"{each.partition(':')[0]}:*" for each in ALL_ACTIONS}), "*"]


def seeded(seed: int) -> random.Random:
    return random.Random(f"policy-{seed}")  # noqa: S311 - the same cases every time


def some(dice: random.Random, of: Any, most: int, least: int = 1) -> list[Any]:
    return dice.sample([*of], dice.randint(least, min(most, len(of))))


def a_policy(dice: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    roles = {
        "roles": {
            name: {"summary": "s", "actions": some(dice, ACTIONS, 12), "agents": some(dice, PATTERNS, 3)}
            for name in some(dice, ROLES, 6)
        },
        "agent_groups": {"money": ["tax-audit/*", "sales/one"], "care": ["health/*"]},
    }
    conditions: dict[str, Callable[[], Any]] = {
        "actions": lambda: some(dice, ACTIONS, 4),
        "agents": lambda: some(dice, PATTERNS, 3),
        "tags": lambda: some(dice, TAGS, 2),
        "cost_above_usd": lambda: dice.choice([0, 0.5, 1, 5.25]),
        "networks": lambda: some(dice, NETWORKS, 2),
        "outside_networks": lambda: some(dice, NETWORKS, 2),
        "windows": lambda: some(dice, WINDOWS, 2),
        "outside_windows": lambda: some(dice, WINDOWS, 2),
    }
    rows = [
        {
            "id": f"rule-{number}",
            "reason": "A reason that can be told.",
            "when": {name: conditions[name]() for name in some(dice, conditions, 4)},
            "unless_roles": some(dice, roles["roles"], 2, least=0),
        }
        for number in range(dice.randint(0, 5))
    ]
    return roles, {"networks": NETWORKS, "windows": WINDOWS, "denials": rows}


def a_question(dice: random.Random) -> Question:
    key = dice.random() < 0.4
    who = Principal(
        "user-1",
        "ada@example.com",
        frozenset(some(dice, [*ROLES, "unheard-of"], 3, least=0)),
        token_id="",
        scopes=frozenset(some(dice, ACTIONS, 10, least=0)) if key else None,
        agents=frozenset(some(dice, PATTERNS[:7], 4, least=0)) if key and dice.random() < 0.7 else None,
    )
    action = dice.choice([*ALL_ACTIONS, "agents:execute", "agents:read"])
    what = Resource(action.partition(":")[0], dice.choice([None, "019ab2c4"]))
    if action.startswith("agents:") or dice.random() < 0.2:
        cost = dice.choice([None, 0.0, 0.5, 0.75, 5.25, 99.0])
        what = Resource("agent", dice.choice(AGENTS), some(dice, TAGS, 3, least=0), cost)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(365 * 24 * 60))
    return Question(who, action, what, Environment(dice.choice(ADDRESSES), moment))


@pytest.mark.parametrize("seed", range(POLICIES))
def test_the_rego_agrees_with_the_oracle(compiled: Callable[..., Policies], seed: int):
    dice = seeded(seed)
    roles, denials = a_policy(dice)
    policies = compiled(roles=roles, denials=denials)
    for _ in range(QUESTIONS):
        question = a_question(dice)
        decision = policies.decide(question)
        assert (decision.allowed, set(decision.rules)) == expected(roles, denials, question), question


def test_the_cases_are_of_every_kind():
    """Otherwise agreement would say little: each rule decides often, and yes and no are both common."""
    seen = Counter[str]()
    for seed in range(POLICIES):
        dice = seeded(seed)
        roles, denials = a_policy(dice)
        for _ in range(QUESTIONS):
            allowed, rules = expected(roles, denials, a_question(dice))
            seen["allowed" if allowed else "denied"] += 1
            seen.update({each.partition(":")[0] for each in rules})
    assert seen["allowed"] + seen["denied"] == 5_000
    assert min(seen["allowed"], seen["denied"]) > 500
    assert min(seen[each] for each in ("denial", "role", "role_for_agent", "scope", "key_for_agent")) > 100
