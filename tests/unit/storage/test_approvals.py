"""Approvals in their table: what is written together, what inboxes find, and where the token is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.errors import ApprovalNotFound, InvalidCursor
from agent_platform.ids import fixed_id
from agent_platform.storage.approvals import Approval, ApprovalRepository
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import APPROVALS_TABLE

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAS"


@pytest.fixture
def approvals(governance_tables: None) -> ApprovalRepository:
    return ApprovalRepository(APPROVALS_TABLE)


def an_approval(number: int = 0, **changes: Any) -> Approval:
    moment = NOON + timedelta(minutes=number)
    fields = {
        "id": fixed_id(moment, f"approval {number}"),
        "run_id": f"run-{number}",
        "step_id": "sign_off",
        "workflow_title": "Pay an invoice",
        "step_title": "Sign off",
        "message": "Pay 12.50?",
        "status": "pending",
        "created_at": moment,
        "expires_at": moment + timedelta(days=7),
        "owner": "user-1",
        "candidates": ("user#ada@example.com", "role#controller"),
        "trace_id": "67a1b2c30123456789abcdef01234567",
        "show": {"total": 12.5},
        **changes,
    }
    return Approval.model_validate(fields)


def test_an_approval_is_read_as_it_was_written(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    assert approvals.get(made.approval.id) == made
    assert approvals.find("run-0", "", "sign_off") == made
    assert (made.approval, made.token) == (an_approval(), TOKEN)


def test_a_step_has_one_approval_at_a_place(approvals: ApprovalRepository):
    first = approvals.create(an_approval(), TOKEN)
    second = approvals.create(an_approval(id=fixed_id(NOON, "another")), "another token")
    elsewhere = approvals.create(an_approval(id=fixed_id(NOON, "third"), place="vendors.1/"), TOKEN)
    assert second == first
    assert elsewhere.approval.id != first.approval.id
    assert [each.place for each in approvals.of_run("run-0")].count("vendors.1/") == 1


def test_what_does_not_exist_is_not_found(approvals: ApprovalRepository):
    with pytest.raises(ApprovalNotFound):
        approvals.get("nothing")
    assert approvals.find("run-0", "", "sign_off") is None


def test_only_who_read_it_last_changes_it(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    approved = made.approval.model_copy(update={"status": "approved"})
    rejected = made.approval.model_copy(update={"status": "rejected"})
    assert approvals.change(made, approved) is not None
    assert approvals.change(made, rejected) is None
    assert approvals.get(made.approval.id).approval.status == "approved"


def test_every_candidate_finds_it_once(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    for mine in (["user#ada@example.com"], ["role#controller"], ["user#ada@example.com", "role#controller"]):
        assert [each.id for each in approvals.inbox(mine, status="pending").items] == [made.approval.id]
    assert approvals.inbox(["user#eve@example.com"], status="pending").items == []


def test_what_is_decided_leaves_the_pending_ones(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    approvals.change(made, made.approval.model_copy(update={"status": "expired"}))
    assert approvals.inbox(["role#controller"], status="pending").items == []
    (listed,) = approvals.inbox(["role#controller"], status="decided").items
    assert listed.status == "expired"


def test_an_inbox_has_pages_newest_first(approvals: ApprovalRepository):
    mine = ["user#ada@example.com", "role#controller", "owner#user-1"]
    candidates = [("user#ada@example.com",), ("role#controller",), ("user#ada@example.com", "role#controller")]
    ids = [
        approvals.create(an_approval(number, candidates=candidates[number % 3]), TOKEN).approval.id
        for number in range(7)
    ]
    found, cursor = list[str](), None
    for size in (3, 3, 1):
        page = approvals.inbox(mine, status="pending", limit=3, cursor=cursor)
        assert len(page.items) == size
        found += [each.id for each in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert found == ids[::-1]


def test_a_cursor_serves_its_own_inbox_only(approvals: ApprovalRepository):
    for number in range(2):
        approvals.create(an_approval(number), TOKEN)
    cursor = approvals.inbox(["role#controller"], status="pending", limit=1).next_cursor
    with pytest.raises(InvalidCursor):
        approvals.inbox(["user#eve@example.com"], status="pending", cursor=cursor)
    with pytest.raises(InvalidCursor):
        approvals.inbox(["role#controller"], status="decided", cursor=cursor)


def test_a_decision_waits_until_it_is_delivered(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    decided = approvals.change(made, made.approval.model_copy(update={"status": "approved"}), delivered=False)
    assert decided is not None
    assert approvals.undelivered() == [made.approval.id]
    assert not approvals.is_delivered(made.approval.id)
    assert approvals.mark_delivered(decided)
    assert approvals.undelivered() == []


def test_what_was_changed_meanwhile_is_not_marked_as_delivered(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    decided = approvals.change(made, made.approval.model_copy(update={"status": "approved"}), delivered=False)
    assert decided is not None
    assert approvals.change(decided, decided.approval, token="a newer one", delivered=False)
    assert not approvals.mark_delivered(decided)
    assert approvals.undelivered() == [made.approval.id]


def test_the_token_is_in_no_document_summary_index_or_text(approvals: ApprovalRepository):
    made = approvals.create(an_approval(), TOKEN)
    assert TOKEN not in repr(made)
    assert TOKEN not in made.approval.model_dump_json()
    for item in dynamodb().scan(TableName=APPROVALS_TABLE)["Items"]:
        assert [name for name, value in item.items() if TOKEN in str(value)] in ([], ["token"])
    for index, key, value in (("by_run", "run_id", "run-0"), ("by_candidate", "candidate", "-")):
        found = dynamodb().query(
            TableName=APPROVALS_TABLE,
            IndexName=index,
            KeyConditionExpression=f"{key} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
        )
        assert found["Count"] > 0
        assert TOKEN not in str(found["Items"])
