"""Approvals through the gateway: for whoever may decide, once, and without the token that lets the run go on."""

import pytest

from tests.fakes.approvals import FORM, ApprovalWorld
from tests.functions.api.conftest import Person, Platform

APPROVALS = "/api/v1/approvals"
EVE = "eve@example.com"


@pytest.fixture
def world(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> ApprovalWorld:
    """What state machines ask; the same clock and the same waiting tasks are behind the routes."""
    made = ApprovalWorld()
    monkeypatch.setitem(vars(platform.services), "approvals", made.approvals)
    return made


@pytest.fixture
def eve(platform: Platform) -> Person:
    return platform.person(EVE)


def decide(platform: Platform, who: Person, approval_id: str, decision: str = "approved", **body: object):  # type: ignore[no-untyped-def]
    path = f"{APPROVALS}/{approval_id}/decide"
    return platform.gateway.post(path, {"decision": decision, **body}, token=who.access_token)


def test_an_approval_is_found_read_and_decided(platform: Platform, world: ApprovalWorld, eve: Person) -> None:
    approval_id = world.ask(form=FORM)
    page = platform.gateway.get(APPROVALS, token=eve.access_token).json
    assert [(each["id"], each["status"]) for each in page["items"]] == [(approval_id, "pending")]
    assert page["next_cursor"] is None
    shown = platform.gateway.get(f"{APPROVALS}/{approval_id}", token=eve.access_token).json
    assert (shown["message"], shown["show"], shown["form"]) == ("Pay 12.5?", {"total": 12.5}, FORM)
    assert (shown["workflow_title"], shown["step_title"]) == ("Pay an invoice", "Sign off")

    decided = decide(platform, eve, approval_id, comment="Fine.", form={"limit": 3})
    assert decided.status == 200
    told = decided.json
    assert (told["status"], told["decided_by"], told["comment"], told["answers"]) == (
        "approved",
        EVE,
        "Fine.",
        {"limit": 3},
    )
    assert len(world.tasks.resumed) == 1
    assert platform.gateway.get(APPROVALS, token=eve.access_token).json["items"] == []
    done = platform.gateway.get(APPROVALS, token=eve.access_token, query="status=decided").json["items"]
    assert [(each["id"], each["status"]) for each in done] == [(approval_id, "approved")]


def test_no_answer_holds_the_token_or_who_else_might_decide(
    platform: Platform, world: ApprovalWorld, eve: Person
) -> None:
    approval_id = world.ask(token="the-secret-token")
    answers = [
        platform.gateway.get(APPROVALS, token=eve.access_token),
        platform.gateway.get(f"{APPROVALS}/{approval_id}", token=eve.access_token),
        decide(platform, eve, approval_id),
    ]
    for answer in answers:
        assert answer.status == 200
        assert "the-secret-token" not in answer.text
        assert "candidates" not in answer.text
        assert "controller" not in answer.text


def test_a_second_click_gets_the_same_answer_and_another_decision_comes_too_late(
    platform: Platform, world: ApprovalWorld, eve: Person
) -> None:
    approval_id = world.ask()
    first, again = (decide(platform, eve, approval_id) for _ in range(2))
    assert first.json == again.json
    refused = decide(platform, eve, approval_id, "rejected")
    assert (refused.status, refused.code) == (409, "approval_decided")
    assert len(world.tasks.resumed) == 1


def test_after_its_time_nobody_decides(platform: Platform, world: ApprovalWorld, eve: Person) -> None:
    approval_id = world.ask()
    world.later(hours=2)
    refused = decide(platform, eve, approval_id)
    assert (refused.status, refused.code) == (409, "approval_expired")
    assert world.tasks.resumed == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "form.limit"),
        ({"form": {"limit": 0}}, "form.limit"),
        ({"form": {"limit": 1, "note": "x"}}, "form.note"),
        ({"decision": "maybe"}, "decision"),
        ({"comment": "x" * 2001, "form": {"limit": 1}}, "comment"),
        ({"form": {"limit": 1}, "token": "x"}, "token"),
    ],
)
def test_what_is_filled_in_wrongly_is_refused_by_its_field(
    platform: Platform, world: ApprovalWorld, eve: Person, body: dict[str, object], field: str
) -> None:
    approval_id = world.ask(form=FORM)
    path = f"{APPROVALS}/{approval_id}/decide"
    refused = platform.gateway.post(path, {"decision": "approved", **body}, token=eve.access_token)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [fault["field"] for fault in refused.json["errors"]] == [field]
    assert world.tasks.resumed == []


def test_for_whoever_may_not_decide_there_is_none(platform: Platform, world: ApprovalWorld, eve: Person) -> None:
    approval_id = world.ask(approvers={"roles": ["controller"]})
    answers = [
        platform.gateway.get(f"{APPROVALS}/{approval_id}", token=eve.access_token),
        decide(platform, eve, approval_id),
        platform.gateway.get(f"{APPROVALS}/nobody", token=eve.access_token),
        decide(platform, eve, "-"),
    ]
    assert {(each.status, each.code) for each in answers} == {(404, "approval_not_found")}
    assert platform.gateway.get(APPROVALS, token=eve.access_token).json["items"] == []


def test_an_inbox_comes_page_by_page(platform: Platform, world: ApprovalWorld, eve: Person) -> None:
    ids = [world.ask(token=f"token-{number}", place=f"item.{number}/") for number in range(3)]
    first = platform.gateway.get(APPROVALS, token=eve.access_token, query="limit=2").json
    query = f"limit=2&cursor={first['next_cursor']}"
    rest = platform.gateway.get(APPROVALS, token=eve.access_token, query=query).json
    assert sorted(each["id"] for each in (*first["items"], *rest["items"])) == sorted(ids)
    assert rest["next_cursor"] is None
    for wrong in ("status=all", "limit=0", "cursor=x", f"status=decided&cursor={first['next_cursor']}"):
        assert platform.gateway.get(APPROVALS, token=eve.access_token, query=wrong).status in (400, 422)


def test_an_address_that_nobody_proved_is_not_taken_for_the_person_who_has_it(
    platform: Platform, world: ApprovalWorld
) -> None:
    """Anybody can register with an address of which no account has been made yet."""
    approval_id = world.ask(form=FORM)
    squatter = platform.person(EVE, verified=False)
    assert platform.gateway.get(APPROVALS, token=squatter.access_token).json["items"] == []
    assert platform.gateway.get(f"{APPROVALS}/{approval_id}", token=squatter.access_token).status == 404
    assert decide(platform, squatter, approval_id).status == 404

    platform.services.users.verify_email(squatter.id, EVE)
    eve = platform.login(EVE).json
    assert len(platform.gateway.get(APPROVALS, token=eve["access_token"]).json["items"]) == 1
