"""Agents by API key, from the authorizer to the record: within its bounds, at its own rate and its own cost."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from agent_platform.identity.api_keys import ApiKeys, KeyOrder
from agent_platform.ids import new_id
from agent_platform.resilience.account import user_account
from agent_platform.resilience.budgets import Budgets
from agent_platform.settings import AuthorizeSettings
from functions.authorize import handler as authorize
from functions.authorize.authorizer import Authorizer
from tests.fakes.aws import ACCOUNTS_TABLE, jwt_secret, tokens_table
from tests.functions.run_agent.conftest import AGENT, GROUP, PATH, Function
from tests.functions.run_agent.test_submit import machine, runs

__all__ = ["jwt_secret", "machine", "tokens_table"]

OWNER = "019ab2c4-0000-7000-8000-00000000000a"


@pytest.fixture
def keys(tokens_table: str) -> ApiKeys:
    return ApiKeys(tokens_table)


@pytest.fixture
def guarded(function: Function, jwt_secret: str, tokens_table: str, monkeypatch: pytest.MonkeyPatch) -> Function:
    """The function behind the platform's own authorizer."""
    authorizer = Authorizer(AuthorizeSettings(jwt_secret_arn=jwt_secret, tokens_table=tokens_table))
    monkeypatch.setattr(authorize, "_authorizer", lambda: authorizer)
    return replace(function, gateway=replace(function.gateway, authorize=authorize.handler))


@pytest.fixture
def a_key(keys: ApiKeys) -> Callable[..., tuple[str, str]]:
    """Makes a key for scopes, perhaps for some agents and a ceiling; its id and its text."""

    def make(*scopes: str, agents: list[str] | None = None, usd: str | None = None) -> tuple[str, str]:
        key_id = new_id()
        if usd is not None:
            Budgets(ACCOUNTS_TABLE).set_key_ceiling(user_account(OWNER), key_id, Decimal(usd))
        order = KeyOrder("Nightly", scopes, agents=agents)
        return key_id, keys.create(OWNER, lambda: ("ada@example.com", ("user",)), order, key_id)[1]

    return make


def execute(guarded: Function, text: str, example: dict[str, Any], **headers: str) -> Any:
    return guarded.gateway.post(f"{PATH}/execute", {"input": example}, token=text, headers=headers)


def test_an_execution_by_key_belongs_to_its_owner_and_names_the_key_wherever_it_is_told(
    guarded: Function, a_key: Callable[..., tuple[str, str]], example: dict[str, Any], log: StringIO
) -> None:
    key_id, text = a_key("agents:execute", agents=[f"{GROUP}/*"])
    answer = execute(guarded, text, example)
    assert answer.status == 200, answer.text
    assert (answer.json["owner"], answer.json["key_id"]) == (OWNER, key_id)
    lines = [json.loads(line) for line in log.getvalue().splitlines() if line.startswith("{")]
    executed = [line for line in lines if line.get("message") == "agent_executed"]
    counted = [line for line in lines if "Executions" in line]
    assert [line["key_id"] for line in executed] == [key_id]
    assert all(line["key_id"] == key_id for line in counted)
    assert text[37:-6] not in log.getvalue()


def test_what_it_spends_counts_for_the_key_and_for_its_owner(
    guarded: Function, a_key: Callable[..., tuple[str, str]], example: dict[str, Any]
) -> None:
    key_id, text = a_key("agents:execute")
    cost = execute(guarded, text, example).json["cost_usd"]
    assert cost > 0
    budgets = Budgets(ACCOUNTS_TABLE)
    assert float(budgets.keys(user_account(OWNER)).of(key_id).spent_usd) == pytest.approx(cost)
    assert float(budgets.read(user_account(OWNER), Decimal(100)).spent_usd) == pytest.approx(cost)


def test_a_key_without_money_left_is_refused_and_other_keys_of_its_owner_are_not(
    guarded: Function, a_key: Callable[..., tuple[str, str]], example: dict[str, Any]
) -> None:
    _, poor = a_key("agents:execute", usd="0.000001")
    _, rich = a_key("agents:execute", usd="50")
    refused = execute(guarded, poor, example)
    assert (refused.status, refused.code) == (402, "budget_exceeded")
    assert execute(guarded, rich, example).status == 200


def test_each_key_has_a_rate_of_its_own(
    guarded: Function,
    a_key: Callable[..., tuple[str, str]],
    example: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLS_PER_MINUTE", "3")
    (_, one), (_, other) = a_key("agents:execute"), a_key("agents:execute")
    left = [int(execute(guarded, one, example).headers["ratelimit"].split("r=")[1].split(";")[0]) for _ in range(2)]
    assert left[0] - left[1] == 1
    fresh = int(execute(guarded, other, example).headers["ratelimit"].split("r=")[1].split(";")[0])
    assert fresh == left[0]


@pytest.mark.parametrize(
    ("scopes", "agents"),
    [
        (("executions:read",), None),
        (("agents:read",), None),
        (("workflows:*",), [f"{GROUP}/*"]),
        (("agents:execute",), ["legal/*"]),
        (("agents:*",), [f"{GROUP}/other", "finance/*"]),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}])
def test_outside_of_its_scopes_and_agents_it_is_forbidden_at_once_and_later(
    guarded: Function,
    machine: Any,
    a_key: Callable[..., tuple[str, str]],
    example: dict[str, Any],
    scopes: tuple[str, ...],
    agents: list[str] | None,
    headers: dict[str, str],
) -> None:
    _, text = a_key(*scopes, agents=agents)
    answer = execute(guarded, text, example, **headers)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert guarded.claude.requests() == []
    assert runs(machine) == {}


def test_work_for_later_keeps_the_bounds_of_the_key(
    guarded: Function, machine: Any, a_key: Callable[..., tuple[str, str]], example: dict[str, Any]
) -> None:
    key_id, text = a_key("agents:execute", agents=[AGENT])
    answer = execute(guarded, text, example, Prefer="respond-async")
    assert answer.status == 202, answer.text
    (event,) = runs(machine).values()
    assert event["principal"] == {
        "user_id": OWNER,
        "email": "ada@example.com",
        "roles": ["user"],
        "key_id": key_id,
        "scopes": ["agents:execute"],
        "agents": [AGENT],
        "source_ip": "203.0.113.7",
    }
    done = guarded.invoke(event)
    assert (done["status"], done["key_id"]) == ("succeeded", key_id)
    # Whoever starts such work with narrower bounds is held to them when it is done.
    narrow = {**event["principal"], "agents": ["legal/*"]}
    with pytest.raises(Exception, match=AGENT):
        guarded.invoke({"agent_id": AGENT, "input": example, "principal": narrow})
