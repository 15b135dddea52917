"""Approvals of calls of tools through the gateway: whom they show themselves to, and one decision that counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.ids import new_id
from agent_platform.storage.tool_approvals import VALID, ToolApproval, ToolApprovalRepository
from tests.fakes.aws import APPROVALS_TABLE
from tests.fakes.gateway import Answer
from tests.functions.api.conftest import EMAIL, PASSWORD, Person, Platform

APPROVALS = "/api/v1/tool-approvals"
EVE, OPERATOR = "eve@example.com", "op@example.com"
ARGUMENTS = {"method": "POST", "url": "https://shop.example.com/orders", "body": '{"pieces": 3}'}


@pytest.fixture
def ada(platform: Platform) -> Person:
    """For whom agents want to do something."""
    return platform.person()


@pytest.fixture
def eve(platform: Platform) -> Person:
    """Somebody else with an account."""
    return platform.person(EVE)


def with_role(platform: Platform, role: str, email: str = OPERATOR) -> Person:
    """Somebody with one role."""
    platform.services.users.ensure(email, PASSWORD, "Op", [role])
    session = platform.login(email).json
    return Person(session["user"]["id"], session["access_token"], session["refresh_token"])


def ask(owner: Person, *, ago: timedelta = timedelta(0), **about: Any) -> str:
    """What an agent leaves when it asks; the id."""
    asked_at = datetime.now(UTC) - ago
    usual = {
        "id": new_id(),
        "status": "pending",
        "owner": owner.id,
        "agent_id": "sales/order-clerk",
        "entry_agent_id": "sales/order-clerk",
        "execution_id": new_id(),
        "tool": "http_request",
        "effect": "writes",
        "arguments": ARGUMENTS,
        "digest": "d" * 64,
        "created_at": asked_at,
        "expires_at": asked_at + VALID,
    }
    approval = ToolApproval.model_validate(usual | about)
    candidates = [f"user#{owner.id}", "role#admin", "role#operator"]
    ToolApprovalRepository(APPROVALS_TABLE).create(approval, candidates)
    return approval.id


def decide(
    platform: Platform, who: Person, approval_id: str, decision: str = "approved", comment: str | None = None
) -> Answer:
    body = {"decision": decision} | ({} if comment is None else {"comment": comment})
    return platform.gateway.post(f"{APPROVALS}/{approval_id}/decide", body, token=who.access_token)


def read(platform: Platform, who: Person, approval_id: str) -> Answer:
    return platform.gateway.get(f"{APPROVALS}/{approval_id}", token=who.access_token)


def listed(platform: Platform, who: Person, query: str = "") -> list[tuple[str, str]]:
    answer = platform.gateway.get(APPROVALS, token=who.access_token, query=query)
    assert answer.status == 200, answer.text
    return [(each["id"], each["status"]) for each in answer.json["items"]]


def test_a_call_is_found_read_with_its_exact_arguments_and_approved(platform: Platform, ada: Person) -> None:
    approval_id = ask(ada)
    assert listed(platform, ada) == [(approval_id, "pending")]
    assert listed(platform, ada, "status=decided") == []
    shown = read(platform, ada, approval_id).json
    assert (shown["tool"], shown["effect"], shown["arguments"]) == ("http_request", "writes", ARGUMENTS)
    assert (shown["owner"], shown["decided_by"], shown["used_by"]) == (ada.id, None, None)

    decided = decide(platform, ada, approval_id, comment="Fine.")
    assert decided.status == 200, decided.text
    told = decided.json
    assert (told["status"], told["decided_by"], told["comment"]) == ("approved", EMAIL, "Fine.")
    assert told["arguments"] == ARGUMENTS
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert VALID - timedelta(minutes=1) < left <= VALID
    assert read(platform, ada, approval_id).json == told
    assert listed(platform, ada) == []
    assert listed(platform, ada, "status=decided") == [(approval_id, "approved")]


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_who_may_decide_for_others_finds_their_calls_and_declines(platform: Platform, ada: Person, role: str) -> None:
    approval_id = ask(ada)
    approver = with_role(platform, role)
    assert listed(platform, approver) == [(approval_id, "pending")]
    declined = decide(platform, approver, approval_id, "declined", "Not today.").json
    assert (declined["status"], declined["decided_by"], declined["comment"]) == ("declined", OPERATOR, "Not today.")
    # Whom it is for hears so.
    assert read(platform, ada, approval_id).json == declined
    assert listed(platform, ada, "status=decided") == [(approval_id, "declined")]
    assert not ToolApprovalRepository(APPROVALS_TABLE).use(approval_id, "d" * 64, "an-execution")


def test_for_whoever_may_not_decide_there_is_none(platform: Platform, ada: Person, eve: Person) -> None:
    approval_id = ask(ada)
    answers = [
        read(platform, eve, approval_id),
        decide(platform, eve, approval_id),
        read(platform, eve, "nobody"),
        decide(platform, eve, "-"),
    ]
    assert {(each.status, each.code) for each in answers} == {(404, "approval_not_found")}
    # Nothing tells one that is somebody else's from one that does not exist, but the id that was asked for.
    assert answers[0].json["detail"].replace(approval_id, "nobody") == answers[2].json["detail"]
    assert listed(platform, eve) == []
    assert listed(platform, ada) == [(approval_id, "pending")]


def test_a_second_click_gets_the_same_answer_and_another_decision_comes_too_late(
    platform: Platform, ada: Person
) -> None:
    approval_id = ask(ada)
    operator = with_role(platform, "operator")
    first, again = (decide(platform, ada, approval_id) for _ in range(2))
    assert first.status == 200
    assert first.json == again.json
    for who, decision in ((ada, "declined"), (operator, "approved"), (operator, "declined")):
        late = decide(platform, who, approval_id, decision)
        assert (late.status, late.code) == (409, "approval_decided")
    assert read(platform, ada, approval_id).json == first.json


def test_what_was_used_cannot_be_decided_again(platform: Platform, ada: Person) -> None:
    approval_id = ask(ada)
    decide(platform, ada, approval_id)
    assert ToolApprovalRepository(APPROVALS_TABLE).use(approval_id, "d" * 64, "an-execution")
    shown = read(platform, ada, approval_id).json
    assert (shown["status"], shown["used_by"]) == ("used", "an-execution")
    late = decide(platform, ada, approval_id)
    assert (late.status, late.code) == (409, "approval_decided")


def test_after_its_time_nobody_decides(platform: Platform, ada: Person) -> None:
    approval_id = ask(ada, ago=VALID + timedelta(seconds=1))
    assert listed(platform, ada) == []
    assert listed(platform, ada, "status=decided") == [(approval_id, "expired")]
    for decision in ("approved", "declined"):
        late = decide(platform, ada, approval_id, decision)
        assert (late.status, late.code) == (409, "approval_expired")
    assert read(platform, ada, approval_id).json["decided_at"] is None


def test_an_approval_that_nobody_used_in_time_has_expired(platform: Platform, ada: Person) -> None:
    then = datetime.now(UTC) - timedelta(hours=1)
    approval_id = ask(
        ada, ago=timedelta(hours=1), status="approved", decided_at=then, decided_by=EMAIL, expires_at=then + VALID
    )
    assert read(platform, ada, approval_id).json["status"] == "expired"
    late = decide(platform, ada, approval_id)
    assert (late.status, late.code) == (409, "approval_decided")


def test_who_may_not_decide_anything_may_not_even_look(platform: Platform) -> None:
    viewer = with_role(platform, "viewer", EVE)
    approval_id = ask(viewer)
    answers = [
        platform.gateway.get(APPROVALS, token=viewer.access_token),
        read(platform, viewer, approval_id),
        decide(platform, viewer, approval_id),
    ]
    assert {(each.status, each.code) for each in answers} == {(403, "forbidden")}
    assert all(ARGUMENTS["url"] not in each.text for each in answers)


def test_without_a_token_there_is_nothing(platform: Platform, ada: Person) -> None:
    approval_id = ask(ada)
    gateway = platform.gateway
    answers = [
        gateway.get(APPROVALS),
        gateway.get(f"{APPROVALS}/{approval_id}"),
        gateway.post(f"{APPROVALS}/{approval_id}/decide", {"decision": "approved"}),
    ]
    assert [each.status for each in answers] == [401] * 3
    assert listed(platform, ada) == [(approval_id, "pending")]


@pytest.mark.parametrize(("scope", "may_look"), [("agents:execute", False), ("approvals:decide", True)])
def test_an_api_key_looks_with_its_scope_and_never_decides(
    platform: Platform, ada: Person, scope: str, may_look: bool
) -> None:
    approval_id = ask(ada)
    order = {"name": "Nightly", "scopes": [scope]}
    key = platform.gateway.post("/api/v1/keys", order, token=ada.access_token).json["key"]
    machine = Person(ada.id, key, "")
    for looked in (platform.gateway.get(APPROVALS, token=key), read(platform, machine, approval_id)):
        assert looked.status == (200 if may_look else 403)
    refused = decide(platform, machine, approval_id)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert listed(platform, ada) == [(approval_id, "pending")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decision"),
        ({"decision": "rejected"}, "decision"),
        ({"decision": "used"}, "decision"),
        ({"decision": None}, "decision"),
        ({"decision": ["approved"]}, "decision"),
        ({"decision": "approved", "comment": "x" * 2001}, "comment"),
        ({"decision": "approved", "comment": 1}, "comment"),
        ({"decision": "approved", "arguments": {"url": "https://elsewhere.example.com"}}, "arguments"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_by_its_field(
    platform: Platform, ada: Person, body: dict[str, object], field: str
) -> None:
    approval_id = ask(ada)
    refused = platform.gateway.post(f"{APPROVALS}/{approval_id}/decide", body, token=ada.access_token)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [fault["field"] for fault in refused.json["errors"]] == [field]
    assert listed(platform, ada) == [(approval_id, "pending")]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", {}, 400),
        ("[]", {}, 422),
        ("", {}, 422),
        ('{"decision": "approved"}', {"Content-Type": "text/plain"}, 415),
        ('{"decision": "approved", "comment": "' + "x" * (5 * 1024 * 1024) + '"}', {}, 413),
    ],
)
def test_a_body_that_is_no_json_of_ours_is_refused(
    platform: Platform, ada: Person, body: str, headers: dict[str, str], status: int
) -> None:
    approval_id = ask(ada)
    path = f"{APPROVALS}/{approval_id}/decide"
    assert platform.gateway.post(path, body, token=ada.access_token, headers=headers).status == status
    assert listed(platform, ada) == [(approval_id, "pending")]


def test_an_inbox_comes_page_by_page_the_newest_first(platform: Platform, ada: Person) -> None:
    pending = [ask(ada) for _ in range(5)]
    decided = [pending.pop(), pending.pop(1)]
    for each in decided:
        decide(platform, ada, each)
    over = ask(ada, ago=timedelta(hours=1))
    for status, wanted in (("pending", pending), ("decided", [*decided, over])):
        found, cursor, pages = [], "", 0
        while True:
            query = f"status={status}&limit=2" + (f"&cursor={cursor}" if cursor else "")
            page = platform.gateway.get(APPROVALS, token=ada.access_token, query=query).json
            found += [each["id"] for each in page["items"]]
            cursor, pages = page["next_cursor"], pages + 1
            if cursor is None:
                break
        assert found == sorted(wanted, reverse=True)
        assert pages > 1


def test_a_page_that_cannot_be_is_refused(platform: Platform, ada: Person, eve: Person) -> None:
    for _ in range(3):
        ask(ada)
    cursor = platform.gateway.get(APPROVALS, token=ada.access_token, query="limit=2").json["next_cursor"]
    for query, status in (
        ("status=all", 422),
        ("limit=0", 422),
        ("limit=101", 422),
        ("cursor=x", 400),
        (f"status=decided&cursor={cursor}", 400),
    ):
        assert platform.gateway.get(APPROVALS, token=ada.access_token, query=query).status == status, query
    # Nor does it open somebody else's list.
    assert platform.gateway.get(APPROVALS, token=eve.access_token, query=f"cursor={cursor}").status == 400
