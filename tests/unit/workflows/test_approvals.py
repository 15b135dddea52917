"""Approvals: who may decide, what a decision comes to, and that it counts once."""

import json
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    InvalidInput,
)
from agent_platform.identity.principal import Principal
from tests.fakes.approvals import FORM, ApprovalWorld
from tests.fakes.log import log
from tests.fakes.workflow_events import RUN_ID

__all__ = ["log"]

ADA = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="t")
EVE = Principal("user-2", "eve@example.com", frozenset({"user"}), token_id="t")
CONTROLLER = Principal("user-3", "con@example.com", frozenset({"controller"}), token_id="t")
STRANGER = Principal("user-9", "mal@example.com", frozenset({"user", "admin"}), token_id="t")


@pytest.fixture
def world(governance_tables: None) -> ApprovalWorld:
    return ApprovalWorld()


def output_of(world: ApprovalWorld) -> dict[str, Any]:
    """What the one run that went on got."""
    ((_, entry),) = world.tasks.resumed
    assert entry["status"] == "succeeded"
    output = entry["output"] if entry["output_ref"] is None else world.data.load(entry["output_ref"])
    assert isinstance(output, dict)
    return output


@pytest.mark.parametrize("who", [ADA, EVE, CONTROLLER], ids=["owner", "address", "role"])
def test_whoever_is_named_finds_and_decides_it(world: ApprovalWorld, who: Principal):
    approval_id = world.ask()
    assert [each.id for each in world.approvals.inbox(who).items] == [approval_id]
    assert world.approvals.get(who, approval_id).show == {"total": 12.5}
    decided = world.approvals.decide(who, approval_id, "approved", "Fine.")
    assert (decided.status, decided.decided_by, decided.comment) == ("approved", who.email, "Fine.")
    assert output_of(world) == {
        "decision": "approved",
        "comment": "Fine.",
        "form": None,
        "decided_by": who.email,
        "decided_at": "2026-03-31T12:00:00+00:00",
    }
    assert world.approvals.inbox(who).items == []
    assert [each.id for each in world.approvals.inbox(who, status="decided").items] == [approval_id]


def test_for_anybody_else_there_is_none(world: ApprovalWorld):
    approval_id = world.ask()
    assert world.approvals.inbox(STRANGER).items == []
    with pytest.raises(ApprovalNotFound):
        world.approvals.get(STRANGER, approval_id)
    with pytest.raises(ApprovalNotFound):
        world.approvals.decide(STRANGER, approval_id, "approved")
    assert world.tasks.resumed == []


def test_who_started_the_run_sees_it_but_decides_only_if_named(world: ApprovalWorld):
    approval_id = world.ask(approvers={"users": ["eve@example.com"]})
    assert world.approvals.get(ADA, approval_id).id == approval_id
    with pytest.raises(ApprovalNotFound):
        world.approvals.decide(ADA, approval_id, "approved")


def test_the_same_decision_again_gets_the_same_answer(world: ApprovalWorld):
    approval_id = world.ask()
    first = world.approvals.decide(EVE, approval_id, "approved", "Fine.")
    world.later(minutes=1)
    assert world.approvals.decide(EVE, approval_id, "approved", "Really fine.") == first
    assert len(world.tasks.resumed) == 1


@pytest.mark.parametrize(("who", "decision"), [(EVE, "rejected"), (CONTROLLER, "approved"), (CONTROLLER, "rejected")])
def test_another_decision_or_another_person_is_too_late(world: ApprovalWorld, who: Principal, decision: Any):
    approval_id = world.ask()
    world.approvals.decide(EVE, approval_id, "approved")
    with pytest.raises(ApprovalDecided, match=r"eve@example\.com has decided already: approved"):
        world.approvals.decide(who, approval_id, decision)
    assert output_of(world)["decision"] == "approved"


def test_when_its_time_is_over_nobody_decides(world: ApprovalWorld):
    approval_id = world.ask()
    world.later(seconds=3_600)
    with pytest.raises(ApprovalExpired):
        world.approvals.decide(EVE, approval_id, "approved")
    assert world.stored().status == "pending"
    assert world.tasks.resumed == []


def test_in_its_last_second_it_can_be_decided(world: ApprovalWorld):
    approval_id = world.ask()
    world.later(seconds=3_599)
    world.approvals.decide(EVE, approval_id, "rejected")
    assert output_of(world)["decision"] == "rejected"


@pytest.mark.parametrize("form", [None, {}, {"limit": "many"}, {"limit": 0}, {"limit": 1, "more": 1}])
def test_to_approve_the_form_must_be_filled_in(world: ApprovalWorld, form: dict[str, Any] | None):
    approval_id = world.ask(form=FORM)
    with pytest.raises(InvalidInput) as refused:
        world.approvals.decide(EVE, approval_id, "approved", form=form)
    assert all(each.field.startswith("form.") for each in refused.value.errors)
    assert world.stored().status == "pending"


def test_what_was_filled_in_goes_to_the_run(world: ApprovalWorld):
    approval_id = world.ask(form=FORM)
    decided = world.approvals.decide(EVE, approval_id, "approved", form={"limit": 3})
    assert decided.answers == {"limit": 3}
    assert output_of(world)["form"] == {"limit": 3}


def test_to_reject_nothing_need_be_filled_in(world: ApprovalWorld):
    approval_id = world.ask(form=FORM)
    world.approvals.decide(EVE, approval_id, "rejected", form={"limit": "many"})
    assert output_of(world)["form"] is None


def test_what_nobody_asked_for_cannot_be_filled_in(world: ApprovalWorld):
    with pytest.raises(InvalidInput):
        world.approvals.decide(EVE, world.ask(), "approved", form={"limit": 3})


def test_large_things_are_shown_and_filled_in_by_reference(world: ApprovalWorld):
    long = "x" * 300_000
    form = {"type": "object", "properties": {"text": {"type": "string"}}}
    approval_id = world.ask(form=form, scope={"input": {"total": long}}, message="Pay?")
    assert world.approvals.get(EVE, approval_id).show == {"total": long}
    assert world.approvals.decide(EVE, approval_id, "approved", form={"text": long}).answers == {"text": long}
    ((_, entry),) = world.tasks.resumed
    assert entry["output"] == {"decision": "approved"}
    assert len(json.dumps(entry)) < 1_000
    assert world.data.load(entry["output_ref"])["form"] == {"text": long}
    assert world.approvals.get(EVE, approval_id).answers == {"text": long}


def test_a_decision_that_could_not_be_delivered_is_delivered_later(world: ApprovalWorld):
    approval_id = world.ask()
    world.tasks.broken = True
    assert world.approvals.decide(EVE, approval_id, "approved").status == "approved"
    assert world.approvals.undelivered() == [approval_id]
    world.tasks.broken = False
    world.approvals.deliver(approval_id)
    world.approvals.deliver(approval_id)
    assert world.approvals.undelivered() == []
    assert output_of(world)["decision"] == "approved"


def test_who_decides_once_more_delivers_it_too(world: ApprovalWorld):
    approval_id = world.ask()
    world.tasks.broken = True
    world.approvals.decide(EVE, approval_id, "approved")
    world.tasks.broken = False
    world.approvals.decide(EVE, approval_id, "approved")
    assert output_of(world)["decision"] == "approved"


def test_where_nobody_waits_any_more_the_decision_stands(world: ApprovalWorld):
    approval_id = world.ask()
    world.tasks.waiting.clear()
    assert world.approvals.decide(EVE, approval_id, "approved").status == "approved"
    assert world.approvals.undelivered() == []


def test_a_run_that_is_over_withdraws_what_it_asked(world: ApprovalWorld):
    approval_id = world.ask()
    assert world.approvals.withdraw_of_run(RUN_ID) == 1
    assert world.approvals.withdraw_of_run(RUN_ID) == 0
    assert world.approvals.inbox(EVE).items == []
    with pytest.raises(ApprovalExpired, match="The run is over"):
        world.approvals.decide(EVE, approval_id, "approved")


def test_what_was_decided_before_the_end_is_not_withdrawn(world: ApprovalWorld):
    world.approvals.decide(EVE, world.ask(), "approved")
    assert world.approvals.withdraw_of_run(RUN_ID) == 0
    assert world.stored().status == "approved"


def test_no_line_of_the_log_has_the_token(world: ApprovalWorld, log: StringIO):
    world.approvals.decide(EVE, world.ask("AQCEAAAAKgAAAAMAAAAA"), "approved")
    world.tasks.waiting.clear()
    assert "approval_decided" in log.getvalue()
    assert "AQCEAAAAKgAAAAMAAAAA" not in log.getvalue()
