"""What a state machine does about an approval: ask, and settle it when its time is over."""

from typing import Any

import pytest

from agent_platform.errors import ApprovalExpired, InvalidInput
from agent_platform.events.workflows import workflow_started
from agent_platform.identity.principal import Principal
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.runs import RunRepository
from agent_platform.workflows.approval_steps import MAX_MESSAGE, ApprovalSteps
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.approvals import ApprovalWorld
from tests.fakes.aws import APPROVALS_TABLE, OUTBOX_TABLE, RUNS_TABLE
from tests.fakes.runs import a_run as a_recorded_run
from tests.fakes.workflow_events import RUN_ID

EVE = Principal("user-2", "eve@example.com", frozenset({"user"}), token_id="t")


@pytest.fixture
def world(governance_tables: None) -> ApprovalWorld:
    return ApprovalWorld()


def test_people_read_the_filled_message(world: ApprovalWorld):
    world.ask()
    stored = world.stored()
    assert (stored.message, stored.step_title, stored.workflow_title) == ("Pay 12.5?", "Sign off", "Pay an invoice")
    assert (stored.expires_at - stored.created_at).total_seconds() == 3_600


def test_an_address_is_found_however_it_was_written(world: ApprovalWorld):
    world.ask(
        approvers={"users": [" EVE@example.com", "${input.boss}"]}, scope={"input": {"boss": "Bo@x.org", "total": 1}}
    )
    assert world.stored().candidates == ("user#eve@example.com", "user#bo@x.org")


@pytest.mark.parametrize("address", ["nobody", "", 5, None])
def test_what_is_no_address_fails_the_step(world: ApprovalWorld, address: Any):
    scope = {"input": {"boss": address, "total": 1}}
    with pytest.raises(InvalidInput) as refused:
        world.ask(approvers={"users": ["${input.boss}"]}, scope=scope)
    assert [each.field for each in refused.value.errors] == ["approvers.users.0"]


def test_somebody_must_be_left_who_may_decide(world: ApprovalWorld):
    with pytest.raises(InvalidInput, match="who may decide"):
        world.ask(approvers={"users": ["${input.boss ?? omit}"]})


def test_a_very_long_message_is_cut(world: ApprovalWorld):
    world.ask(scope={"input": {"total": "9" * 50_000}})
    assert len(world.stored().message) == MAX_MESSAGE


def test_the_same_event_twice_asks_once(world: ApprovalWorld):
    assert world.ask() == world.ask()
    assert len(world.approvals.inbox(EVE).items) == 1


def test_the_newest_token_counts(world: ApprovalWorld):
    approval_id = world.ask("token-1")
    world.tasks.waiting.clear()  # the task failed, and is tried again
    assert world.ask("token-2") == approval_id
    world.approvals.decide(EVE, approval_id, "approved")
    assert [token for token, _ in world.tasks.resumed] == ["token-2"]


def test_a_decision_taken_before_a_restart_lets_the_new_task_go_on_at_once(world: ApprovalWorld):
    approval_id = world.ask("token-1")
    world.tasks.waiting.clear()
    world.approvals.decide(EVE, approval_id, "approved")
    assert world.tasks.resumed == []
    assert world.ask("token-2") == approval_id
    ((token, entry),) = world.tasks.resumed
    assert (token, entry["output"]["decision"]) == ("token-2", "approved")
    assert world.approvals.undelivered() == []


def test_what_was_withdrawn_is_asked_anew_when_the_run_goes_on(world: ApprovalWorld):
    approval_id = world.ask("token-1")
    world.approvals.withdraw_of_run(RUN_ID)
    world.later(days=1)
    assert world.ask("token-2") == approval_id
    assert [each.id for each in world.approvals.inbox(EVE).items] == [approval_id]
    assert world.approvals.decide(EVE, approval_id, "approved").status == "approved"
    assert len(world.tasks.resumed) == 1


def test_each_repetition_asks_for_itself(world: ApprovalWorld):
    assert world.ask("token-1", place="rounds.1/") != world.ask("token-2", place="rounds.2/")


def test_where_nobody_decided_the_run_fails_if_the_step_says_so(world: ApprovalWorld):
    approval_id = world.ask()
    world.later(seconds=3_660)
    for _ in range(2):
        with pytest.raises(ApprovalExpired):
            world.settle("fail")
    assert world.stored().status == "expired"
    with pytest.raises(ApprovalExpired):
        world.approvals.decide(EVE, approval_id, "approved")


@pytest.mark.parametrize(("on_timeout", "decision"), [("approve", "approved"), ("reject", "rejected")])
def test_or_the_timeout_decides(world: ApprovalWorld, on_timeout: str, decision: str):
    approval_id = world.ask()
    world.later(seconds=3_660)
    entry = world.settle(on_timeout)
    assert entry == world.settle(on_timeout)
    assert entry["output"] == {
        "decision": decision,
        "comment": None,
        "form": None,
        "decided_by": None,
        "decided_at": "2026-03-31T13:01:00+00:00",
    }
    assert entry["detail"] == {"approval_id": approval_id}
    with pytest.raises(ApprovalExpired, match="counts as"):
        world.approvals.decide(EVE, approval_id, "approved")


@pytest.mark.parametrize("on_timeout", ["fail", "approve", "reject"])
def test_a_decision_that_was_taken_and_not_delivered_counts(world: ApprovalWorld, on_timeout: str):
    approval_id = world.ask()
    world.tasks.broken = True
    world.approvals.decide(EVE, approval_id, "rejected", "No.")
    entry = world.settle(on_timeout)
    assert (entry["output"]["decision"], entry["output"]["decided_by"]) == ("rejected", "eve@example.com")
    assert world.approvals.undelivered() == []


def test_where_nobody_could_even_be_asked_the_timeout_decides_too(world: ApprovalWorld):
    assert world.settle("approve")["output"]["decision"] == "approved"
    with pytest.raises(ApprovalExpired):
        world.settle("fail")


def test_the_workflows_title_is_that_of_the_run_where_the_event_has_none(world: ApprovalWorld):
    runs = RunRepository(RUNS_TABLE, world.data.payloads)
    run = a_recorded_run(id=RUN_ID, key=RUN_ID, workflow_title="Pay what is due")
    runs.create(run, workflow_started(run, OUTBOX_TABLE))
    world.steps = WorkflowSteps(world.data, ApprovalSteps(world.approvals, world.data, runs))
    world.ask(workflow_title="")
    assert world.stored().workflow_title == "Pay what is due"


def test_without_a_record_of_the_run_its_name_stands_for_its_title(world: ApprovalWorld):
    world.ask(workflow_title="")
    assert world.stored().workflow_title == "invoice-approval"
    assert ApprovalRepository(APPROVALS_TABLE).of_run(RUN_ID)[0].workflow_title == "invoice-approval"
