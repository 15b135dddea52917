"""API keys through the gateway: made by people, used by machines, shown once."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.identity.api_keys import MAX_KEYS, ApiKeys
from agent_platform.identity.scopes import KEY_SCOPES, NEVER_BY_KEY
from agent_platform.resilience.account import user_account
from agent_platform.resilience.accounts import Accounts
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import ACCOUNTS_TABLE
from tests.fakes.gateway import Answer
from tests.functions.api.conftest import EMAIL, PASSWORD, Person, Platform

KEYS = "/api/v1/keys"
ORDER = {"name": "Nightly invoices", "scopes": ["agents:read", "executions:read"]}


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


def make(platform: Platform, token: str, **body: Any) -> Answer:
    return platform.gateway.post(KEYS, ORDER | body, token=token)


def faults(answer: Answer) -> set[str]:
    assert answer.status == 422, answer.text
    return {each["field"] for each in answer.json["errors"]}


def test_it_is_made_used_shown_listed_changed_and_revoked(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token, agents=["legal/*", "sales/quote-checker"], budget_usd=12.5)
    assert made.status == 201, made.text
    assert (made.status, made.headers["location"]) == (201, f"{KEYS}/{made.json['id']}")
    assert made.headers["cache-control"] == "no-store"
    path, key = made.headers["location"], made.json["key"]
    assert key.startswith(made.json["prefix"])
    days = datetime.fromisoformat(made.json["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < days <= timedelta(days=90)
    assert made.json | {"id": "", "key": "", "prefix": "", "created_at": "", "updated_at": "", "expires_at": ""} == {
        "id": "",
        "key": "",
        "prefix": "",
        "name": "Nightly invoices",
        "scopes": ["agents:read", "executions:read"],
        "agents": ["legal/*", "sales/quote-checker"],
        "status": "active",
        "created_at": "",
        "updated_at": "",
        "expires_at": "",
        "last_used_at": None,
        "previous_secret_until": None,
        "budget": {"period": f"{datetime.now(UTC):%Y-%m}", "ceiling_usd": 12.5, "spent_usd": 0.0},
    }
    shown = platform.gateway.get(path, token=ada.access_token)
    assert shown.json == {name: value for name, value in made.json.items() if name != "key"}

    assert platform.gateway.get("/api/v1/agents", token=key).status == 200
    listed = platform.gateway.get(KEYS, token=ada.access_token)
    (used,) = listed.json["items"]
    assert datetime.now(UTC) - datetime.fromisoformat(used["last_used_at"]) < timedelta(minutes=1)
    assert used | {"last_used_at": None} == shown.json
    assert key not in listed.text
    assert key[37:] not in listed.text

    changed = platform.gateway.request("PATCH", path, {"name": "Weekly"}, token=ada.access_token)
    assert (changed.json["name"], changed.json["budget"]["ceiling_usd"]) == ("Weekly", 12.5)
    changed = platform.gateway.request("PATCH", path, {"budget_usd": None}, token=ada.access_token)
    assert (changed.json["name"], changed.json["budget"]["ceiling_usd"]) == ("Weekly", None)

    assert platform.gateway.delete(path, token=ada.access_token).status == 204
    assert platform.gateway.get("/api/v1/agents", token=key).status == 401
    gone = platform.gateway.get(path, token=ada.access_token)
    assert (gone.status, gone.code) == (404, "api_key_not_found")
    assert platform.gateway.delete(path, token=ada.access_token).status == 404
    assert platform.gateway.get(KEYS, token=ada.access_token).json == {"items": [], "next_cursor": None}


def test_a_rotated_key_keeps_its_id_and_its_old_secret_as_long_as_was_asked(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token).json
    rotate = f"{KEYS}/{made['id']}/rotate"
    rotated = platform.gateway.post(rotate, {"grace_hours": 1.5}, token=ada.access_token)
    assert (rotated.status, rotated.headers["cache-control"], rotated.json["id"]) == (200, "no-store", made["id"])
    until = datetime.fromisoformat(rotated.json["previous_secret_until"])
    assert timedelta(minutes=89) < until - datetime.now(UTC) <= timedelta(minutes=90)
    for key in (made["key"], rotated.json["key"]):
        assert platform.gateway.get("/api/v1/agents", token=key).status == 200
    again = platform.gateway.post(rotate, {"grace_hours": 0, "expires_in_days": 7}, token=ada.access_token).json
    assert again["previous_secret_until"] is None
    assert datetime.fromisoformat(again["expires_at"]) - datetime.now(UTC) <= timedelta(days=7)
    assert [
        platform.gateway.get("/api/v1/agents", token=key).status for key in (rotated.json["key"], again["key"])
    ] == [
        401,
        200,
    ]


@pytest.mark.parametrize("hours", [-1, 24.1, "1", None])
def test_the_old_secret_is_accepted_for_a_day_at_most(platform: Platform, ada: Person, hours: Any) -> None:
    made = make(platform, ada.access_token).json
    answer = platform.gateway.post(f"{KEYS}/{made['id']}/rotate", {"grace_hours": hours}, token=ada.access_token)
    assert faults(answer) == {"grace_hours"}


def test_what_does_not_exist_is_named_field_by_field(platform: Platform, ada: Person) -> None:
    answer = make(
        platform,
        ada.access_token,
        scopes=["agents:read", "agents:delete", "*", "keys:manage", "account:*", "users:manage", "workflows:*"],
        agents=["legal/nda-reviewer", "legal/none", "none/*", "*", "legal", "legal/nda-reviewer/*"],
    )
    assert faults(answer) == {
        *(f"scopes.{index}" for index in (1, 2, 3, 4, 5)),
        *(f"agents.{index}" for index in (1, 2, 3, 4, 5)),
    }
    assert platform.gateway.get(KEYS, token=ada.access_token).json["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "agents:read"}, "scopes"),
        ({"scopes": [1]}, "scopes.0"),
        ({"agents": []}, "agents"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 367}, "expires_in_days"),
        ({"expires_in_days": None}, "expires_in_days"),
        ({"budget_usd": -1}, "budget_usd"),
        ({"budget_usd": 1e7}, "budget_usd"),
        ({"owner": "somebody"}, "owner"),
    ],
)
def test_a_body_that_is_not_accepted_names_its_field(
    platform: Platform, ada: Person, body: dict[str, Any], field: str
) -> None:
    assert faults(make(platform, ada.access_token, **body)) == {field}


@pytest.mark.parametrize("scope", KEY_SCOPES)
def test_every_action_but_those_for_people_alone_may_be_a_scope(platform: Platform, ada: Person, scope: str) -> None:
    assert scope not in NEVER_BY_KEY
    platform.services.users.ensure(EMAIL, PASSWORD, "Ada", ["admin"])
    assert make(platform, ada.access_token, scopes=[scope]).status == 201


@pytest.mark.parametrize("scope", ["audit:read", "budgets:manage", "metrics:read", "policies:manage"])
def test_no_key_waits_for_roles_that_its_maker_may_get_one_day(platform: Platform, ada: Person, scope: str) -> None:
    refused = make(platform, ada.access_token, scopes=["agents:read", scope])
    assert faults(refused) == {"scopes.1"}
    assert f"`{scope}` is beyond your roles. It takes" in refused.json["detail"]
    assert "you have `user`" in refused.json["detail"]
    assert platform.gateway.get(KEYS, token=ada.access_token).json["items"] == []
    # All actions of a resource are bounded by the owner's roles when the key is used.
    wide = make(platform, ada.access_token, scopes=["audit:*"])
    assert wide.status == 201
    assert platform.gateway.get("/api/v1/audit", token=wide.json["key"]).status == 403


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\x85"])
def test_a_name_that_cannot_be_printed_is_refused_as_that_of_an_account_is(
    platform: Platform, ada: Person, mark: str
) -> None:
    assert faults(make(platform, ada.access_token, name=f"Nightly{mark}invoices")) == {"name"}
    made = make(platform, ada.access_token, name="Nächtliche\u00a0Rechnungen 🧾").json
    path = f"{KEYS}/{made['id']}"
    assert faults(platform.gateway.request("PATCH", path, {"name": mark + "x"}, token=ada.access_token)) == {"name"}
    hook = {"url": "https://a.example", "events": ["workflow.failed"], "description": f"a{mark}b"}
    assert faults(platform.gateway.post("/api/v1/webhooks", hook, token=ada.access_token)) == {"description"}
    trigger = {"workflow_id": "w", "title": f"a{mark}b", "schedule": {"rate": "1 hours"}}
    assert faults(platform.gateway.post("/api/v1/triggers", trigger, token=ada.access_token)) == {"title"}


def test_a_key_manages_no_keys(platform: Platform, ada: Person) -> None:
    platform.services.users.ensure(EMAIL, PASSWORD, "Ada", ["admin"])
    made = make(platform, ada.access_token, scopes=list(KEY_SCOPES)).json
    key, path = made["key"], f"{KEYS}/{made['id']}"
    answers = [
        make(platform, key),
        platform.gateway.get(KEYS, token=key),
        platform.gateway.get(path, token=key),
        platform.gateway.request("PATCH", path, {"budget_usd": None}, token=key),
        platform.gateway.post(f"{path}/rotate", {}, token=key),
        platform.gateway.delete(path, token=key),
    ]
    assert [(each.status, each.code) for each in answers] == [(403, "forbidden")] * 6


def test_keys_of_others_are_not_there(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token).json
    bob, path = platform.person("bob@example.com").access_token, f"{KEYS}/{made['id']}"
    assert platform.gateway.get(KEYS, token=bob).json["items"] == []
    for answer in (
        platform.gateway.get(path, token=bob),
        platform.gateway.request("PATCH", path, {"name": "Mine"}, token=bob),
        platform.gateway.request("PATCH", path, {"budget_usd": 1}, token=bob),
        platform.gateway.post(f"{path}/rotate", {}, token=bob),
        platform.gateway.delete(path, token=bob),
    ):
        assert (answer.status, answer.code) == (404, "api_key_not_found")
    assert platform.gateway.get("/api/v1/agents", token=made["key"]).status == 200


def test_there_is_a_most_of_keys_and_pages_of_them(platform: Platform, ada: Person) -> None:
    for _ in range(MAX_KEYS):
        assert make(platform, ada.access_token).status == 201
    assert (full := make(platform, ada.access_token, budget_usd=1)).status == 409, full.text
    first = platform.gateway.get(KEYS, token=ada.access_token, query="limit=20").json
    rest = platform.gateway.get(KEYS, token=ada.access_token, query=f"limit=20&cursor={first['next_cursor']}").json
    ids = [each["id"] for each in (*first["items"], *rest["items"])]
    assert ids == sorted(ids, reverse=True)
    assert (len(set(ids)), rest["next_cursor"]) == (MAX_KEYS, None)


def test_a_key_has_the_roles_that_its_owner_has_now_and_not_those_of_their_token(
    platform: Platform, ada: Person
) -> None:
    platform.services.users.ensure("ada@example.com", PASSWORD, "Ada", ["viewer"])
    made = make(platform, ada.access_token).json
    principal = ApiKeys(platform.settings.tokens_table).verify(made["key"])
    assert principal.roles == {"viewer"}


def test_a_budget_counts_from_the_first_call_and_its_use_is_shown(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token, budget_usd=0.5).json
    accounts, account = Accounts(ACCOUNTS_TABLE), user_account(ada.id)

    def call(call_id: str, usd: str) -> None:
        found = accounts.admit(account, call_id, Decimal(usd), Decimal(100), whose="yours", key_id=made["id"])
        dynamodb().transact_write_items(TransactItems=[accounts.settlement(found, Decimal(usd))])

    call("c1", "0.375")
    shown = platform.gateway.get(f"{KEYS}/{made['id']}", token=ada.access_token).json["budget"]
    assert (shown["spent_usd"], shown["ceiling_usd"]) == (0.375, 0.5)
    with pytest.raises(Exception, match=made["id"]):
        call("c2", "0.25")


def test_a_revoked_key_leaves_no_ceiling_behind(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token, budget_usd=0.5).json
    platform.gateway.delete(f"{KEYS}/{made['id']}", token=ada.access_token)
    assert platform.services.budgets.keys(user_account(ada.id)).of(made["id"]).ceiling_usd is None


def test_prometheus_scrapes_with_a_key_of_an_administrator(platform: Platform, ada: Person) -> None:
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    admin = str(platform.login("root@example.com").json["access_token"])
    key = make(platform, admin, scopes=["metrics:read"]).json["key"]
    assert platform.gateway.get("/api/v1/metrics", token=key).status == 200
    not_hers = make(platform, ada.access_token, scopes=["metrics:*"]).json["key"]
    assert platform.gateway.get("/api/v1/metrics", token=not_hers).status == 403


def test_the_answers_of_lists_are_nowhere_in_the_table_as_a_key(platform: Platform, ada: Person) -> None:
    key = make(platform, ada.access_token).json["key"]
    items = json.dumps(dynamodb().scan(TableName=platform.settings.tokens_table)["Items"])
    assert key[37:-6] not in items
