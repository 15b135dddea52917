"""Budgets through the gateway: everybody reads their own, administrators set anybody's."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent_platform.ids import new_id
from agent_platform.resilience.accounts import Accounts
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import ACCOUNTS_TABLE
from tests.functions.api.conftest import PASSWORD, Person, Platform

MINE = "/api/v1/me/budget"
NDA, QUOTE = "legal/nda-reviewer", "sales/quote-checker"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return str(platform.login("root@example.com").json["access_token"])


def of(person: Person) -> str:
    return f"/api/v1/budgets/users/{person.id}"


def spend(account: str, reserved: str, spent: str | None = None, ceiling: str = "100") -> None:
    """Reserve, and settle if something was spent."""
    accounts = Accounts(ACCOUNTS_TABLE)
    reservation = accounts.admit(account, new_id(), Decimal(reserved), Decimal(ceiling), whose="x")
    if spent:
        dynamodb().transact_write_items(TransactItems=[accounts.settlement(reservation, Decimal(spent))])


def test_my_budget_is_the_default_until_i_spend(platform: Platform, ada: Person) -> None:
    before = datetime.now(UTC)
    budget = platform.gateway.get(MINE, token=ada.access_token).json
    ends_at = datetime.fromisoformat(budget.pop("ends_at"))
    assert ends_at > before
    assert (ends_at.day, ends_at.hour, ends_at.minute) == (1, 0, 0)
    assert budget.pop("period") in (f"{before:%Y-%m}", f"{datetime.now(UTC):%Y-%m}")
    assert budget == {"ceiling_usd": 100.0, "spent_usd": 0.0, "reserved_usd": 0.0, "available_usd": 100.0}
    spend(f"user#{ada.id}", "2", spent="0.75")
    spend(f"user#{ada.id}", "0.5")
    budget = platform.gateway.get(MINE, token=ada.access_token).json
    assert (budget["spent_usd"], budget["reserved_usd"], budget["available_usd"]) == (0.75, 0.5, 98.75)


def test_an_administrator_sets_a_ceiling_that_applies_at_once(platform: Platform, ada: Person, admin: str) -> None:
    spend(f"user#{ada.id}", "2", spent="2")
    answer = platform.gateway.put(of(ada), {"ceiling_usd": 12.5}, token=admin)
    assert answer.status == 200
    assert (answer.json["ceiling_usd"], answer.json["available_usd"]) == (12.5, 10.5)
    assert platform.gateway.get(of(ada), token=admin).json == answer.json
    assert platform.gateway.get(MINE, token=ada.access_token).json == answer.json
    lowered = platform.gateway.put(of(ada), {"ceiling_usd": 0}, token=admin).json
    assert (lowered["ceiling_usd"], lowered["available_usd"], lowered["spent_usd"]) == (0, 0, 2)
    default = platform.gateway.put(of(ada), {"ceiling_usd": None}, token=admin).json
    assert (default["ceiling_usd"], default["available_usd"]) == (100, 98)


def test_the_same_user_in_another_spelling_has_the_same_account(platform: Platform, ada: Person, admin: str) -> None:
    platform.gateway.put(
        of(ada).upper().replace("/API/V1/BUDGETS/USERS", "/api/v1/budgets/users"), {"ceiling_usd": 7}, token=admin
    )
    assert platform.gateway.get(MINE, token=ada.access_token).json["ceiling_usd"] == 7


@pytest.mark.parametrize("path", ["users/{id}", f"agents/{NDA}"])
def test_nobody_but_an_administrator_sees_or_sets_other_budgets(platform: Platform, ada: Person, path: str) -> None:
    path = f"/api/v1/budgets/{path.format(id=ada.id)}"
    for answer in (
        platform.gateway.get(path, token=ada.access_token),
        platform.gateway.put(path, {"ceiling_usd": 1_000}, token=ada.access_token),
        platform.gateway.put(path, {"nonsense": 1}, token=ada.access_token),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")
    assert platform.gateway.get(path).status == 401
    assert platform.gateway.get(MINE, token=ada.access_token).json["ceiling_usd"] == 100


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ceiling_usd": "12"},
        {"ceiling_usd": -1},
        {"ceiling_usd": True},
        {"ceiling_usd": 1_000_001},
        {"ceiling_usd": 1, "more": 1},
        '{"ceiling_usd": NaN}',
        '{"ceiling_usd": 1e999}',
    ],
)
def test_a_ceiling_is_an_amount_or_null(platform: Platform, ada: Person, admin: str, body: object) -> None:
    answer = platform.gateway.put(of(ada), body, token=admin)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert platform.gateway.get(MINE, token=ada.access_token).json["ceiling_usd"] == 100


@pytest.mark.parametrize("user", ["nobody", "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
def test_a_user_who_does_not_exist_has_no_budget(platform: Platform, admin: str, user: str) -> None:
    for answer in (
        platform.gateway.get(f"/api/v1/budgets/users/{user}", token=admin),
        platform.gateway.put(f"/api/v1/budgets/users/{user}", {"ceiling_usd": 1}, token=admin),
    ):
        assert (answer.status, answer.code) == (404, "not_found")
    assert dynamodb().scan(TableName=ACCOUNTS_TABLE)["Items"] == []


def test_the_budget_of_an_agent_over_all_its_users(platform: Platform, admin: str) -> None:
    path = f"/api/v1/budgets/agents/{NDA}"
    assert platform.gateway.get(path, token=admin).json["ceiling_usd"] == 40
    spend(f"agent#{NDA}", "1", spent="1", ceiling="40")
    answer = platform.gateway.put(path, {"ceiling_usd": 50}, token=admin).json
    assert (answer["ceiling_usd"], answer["spent_usd"], answer["available_usd"]) == (50, 1, 49)
    assert platform.gateway.put(path, {"ceiling_usd": None}, token=admin).json["available_usd"] == 39


def test_an_agent_without_a_ceiling_has_no_budget_and_an_unknown_one_none_either(
    platform: Platform, admin: str
) -> None:
    answer = platform.gateway.put(f"/api/v1/budgets/agents/{QUOTE}", {"ceiling_usd": 5}, token=admin)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "limits.monthly_cost_usd" in answer.json["detail"]
    assert platform.gateway.get("/api/v1/budgets/agents/legal/nobody", token=admin).code == "agent_not_found"


def test_a_table_that_is_down_is_storage_unavailable(platform: Platform, ada: Person) -> None:
    dynamodb().delete_table(TableName=ACCOUNTS_TABLE)
    answer = platform.gateway.get(MINE, token=ada.access_token)
    assert (answer.status, answer.code) == (503, "storage_unavailable")
