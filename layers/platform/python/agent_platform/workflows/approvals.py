"""Approvals as people and runs see them: the inbox, one decision that counts, and its way to the run that waits.

A decision is a conditional write; only afterwards is the run told, with the newest token that it waits under. Should
that fail, the decision stands and `deliver` tells it later.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.errors import ApprovalDecided, ApprovalExpired, FieldError, InvalidInput, StorageUnavailable
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.approvals import (
    Approval,
    ApprovalPage,
    ApprovalRepository,
    ApprovalStatus,
    Decision,
    InboxStatus,
    StoredApproval,
    not_found,
)
from agent_platform.storage.step_functions import answer_task
from agent_platform.storage.transactions import TRIES
from agent_platform.workflows.step_data import Entry, StepData, succeeded

MAX_FORM_BYTES = 1024 * 1024
"""Of what is filled in, as JSON."""

INLINE_ANSWERS_BYTES = 16 * 1024
"""Larger answers lie in the bucket, so that an approval fits into its DynamoDB item whatever is filled in."""


def candidates_of(principal: Principal) -> list[str]:
    """Under what approvals name this person: the address, the roles, and the runs that are theirs."""
    address = [user_candidate(principal.email)] if principal.email else []
    return [owner_candidate(principal.user_id), *address, *(role_candidate(role) for role in sorted(principal.roles))]


def user_candidate(email: str) -> str:
    """Who has this address, in its normal form."""
    return f"user#{email}"


def role_candidate(role: str) -> str:
    """Whoever has this role."""
    return f"role#{role}"


def owner_candidate(user_id: str) -> str:
    """Whose run it is."""
    return f"owner#{user_id}"


class Approvals:
    """The approvals of all runs. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer."""

    def __init__(
        self,
        repository: ApprovalRepository,
        data: StepData,
        answer: Callable[[str, Any], bool] = answer_task,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.repository = repository
        self._data = data
        self._answer = answer
        self._clock = clock

    def inbox(
        self, principal: Principal, *, status: InboxStatus = "pending", limit: int = 24, cursor: str | None = None
    ) -> ApprovalPage:
        """What this person may decide, or could have, newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        return self.repository.inbox(candidates_of(principal), status=status, limit=limit, cursor=cursor)

    def get(self, principal: Principal, approval_id: str) -> Approval:
        """One approval with all that it shows and what was filled in.

        Raises:
            ApprovalNotFound: there is none that this person may decide, and the run is not theirs.
        """
        approval = self.repository.get(approval_id).approval
        if not _is_candidate(principal, approval) and principal.user_id != approval.owner:
            raise not_found(approval_id)
        return self.whole(approval)

    def whole(self, approval: Approval) -> Approval:
        """The approval with what it refers to."""
        shown = {"show": self._data.load(approval.show_ref)} if approval.show_ref else {}
        answers = {"answers": self._data.load(approval.answers_ref)} if approval.answers_ref else {}
        return approval.model_copy(update={**shown, **answers})

    def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        comment: str | None = None,
        form: dict[str, Any] | None = None,
    ) -> Approval:
        """Decide, once, and let the run go on. The same decision of the same person again gets the same answer.

        Where the run cannot be told now, the decision stands and is told later.

        Raises:
            ApprovalNotFound: there is none that this person may decide.
            ApprovalDecided: somebody decided otherwise, or somebody else was first.
            ApprovalExpired: its time is over, or that of its run.
            InvalidInput: what is filled in is not what the form asks for.
        """
        for _ in range(TRIES):
            stored = self.repository.get(approval_id)
            approval = stored.approval
            if not _is_candidate(principal, approval):
                raise not_found(approval_id)
            if approval.status != "pending":
                _check_same(approval, principal, decision)
                self._try_to_deliver(approval_id)
                return self.whole(approval)
            if self._clock() >= approval.expires_at:
                raise _too_late(approval)
            decided = self._decided(approval, principal, decision, comment, form)
            if made := self.repository.change(stored, decided, delivered=False):
                get_logger().info(
                    "approval_decided",
                    extra={
                        "approval_id": approval_id,
                        "run_id": approval.run_id,
                        "decision": decision,
                        "principal": principal.user_id,
                    },
                )
                self._try_to_deliver(approval_id, made)
                return self.whole(made.approval)
        raise StorageUnavailable(f"The approval `{approval_id}` changes too often to be decided. Try again shortly.")

    def deliver(self, approval_id: str) -> None:
        """Tell the run the decision that was taken, if it was not told yet.

        Raises:
            ApprovalNotFound: there is no such approval.
            StorageUnavailable: Step Functions does not answer; the decision stands.
        """
        for _ in range(TRIES):
            stored = self.repository.get(approval_id)
            if self.repository.is_delivered(approval_id) or self._deliver(stored):
                return
        raise StorageUnavailable(f"The approval `{approval_id}` changes too often to be delivered.")

    def undelivered(self) -> list[str]:
        """Ids of approvals whose decision has not reached its run; `deliver` each."""
        return self.repository.undelivered()

    def withdraw_of_run(self, run_id: str) -> int:
        """Let nobody decide any more what a run that is over asked for; returns how many approvals that were."""
        withdrawn = 0
        for summary in self.repository.of_run(run_id):
            withdrawn += summary.status == "pending" and self.close(summary.id, "withdrawn") is not None
        return withdrawn

    def close(self, approval_id: str, status: ApprovalStatus) -> Approval | None:
        """Give an approval that nobody has decided this end; None where it has one already."""
        for _ in range(TRIES):
            stored = self.repository.get(approval_id)
            if stored.approval.status != "pending":
                return None
            ended = stored.approval.model_copy(update={"status": status, "decided_at": self._clock()})
            if self.repository.change(stored, ended):
                return ended
        raise StorageUnavailable(f"The approval `{approval_id}` changes too often to be closed. Try again shortly.")

    def entry(self, approval: Approval) -> Entry:
        """What the run's state holds of a decision."""
        whole = self.whole(approval)
        output = {
            "decision": whole.decision,
            "comment": whole.comment,
            "form": whole.answers,
            "decided_by": whole.decided_by,
            "decided_at": whole.decided_at.isoformat() if whole.decided_at else None,
        }
        keep = [*approval.keep, ("decision",)]
        held = self._data.held(approval.run_id, approval.step_id, output, keep, approval.inline_bytes)
        return succeeded(held, {"approval_id": approval.id})

    def _decided(
        self,
        approval: Approval,
        principal: Principal,
        decision: Decision,
        comment: str | None,
        form: dict[str, Any] | None,
    ) -> Approval:
        answers = _checked_form(approval, form) if decision == "approved" else None
        held = self._data.held(approval.run_id, f"{approval.step_id}-form", answers, (), INLINE_ANSWERS_BYTES)
        return approval.model_copy(
            update={
                "status": decision,
                "comment": comment,
                "answers": held.value,
                "answers_ref": held.ref,
                "decided_at": self._clock(),
                "decided_by": principal.email or principal.user_id,
                "decider": principal.user_id,
            }
        )

    def _try_to_deliver(self, approval_id: str, stored: StoredApproval | None = None) -> None:
        try:
            if stored is None or not self._deliver(stored):
                self.deliver(approval_id)
        except StorageUnavailable as error:
            about = {"approval_id": approval_id, "detail": error.detail}
            get_logger().warning("decision_not_delivered", extra=about)

    def _deliver(self, stored: StoredApproval) -> bool:
        """Tell the run; False where it waits under another token by now."""
        approval = stored.approval
        if approval.decision and not self._answer(stored.token, self.entry(approval)):
            about = {"approval_id": approval.id, "run_id": approval.run_id}
            get_logger().warning("nobody_waits_for_decision", extra=about)
        return self.repository.mark_delivered(stored)


def _is_candidate(principal: Principal, approval: Approval) -> bool:
    return not set(approval.candidates).isdisjoint(candidates_of(principal))


def _check_same(approval: Approval, principal: Principal, decision: Decision) -> None:
    """Let the same decision of the same person pass."""
    if approval.decision is None:
        raise _too_late(approval)
    if approval.decider is None:
        raise ApprovalExpired(f"Nobody decided in time, which counts as {approval.status} here.")
    if (approval.decider, approval.decision) != (principal.user_id, decision):
        raise ApprovalDecided(f"{approval.decided_by} has decided already: {approval.decision}.")


def _too_late(approval: Approval) -> ApprovalExpired:
    if approval.status == "withdrawn":
        return ApprovalExpired("The run is over, so nothing waits for this decision any more.")
    return ApprovalExpired(f"This could be decided until {approval.expires_at.isoformat(timespec='seconds')}.")


def _checked_form(approval: Approval, form: dict[str, Any] | None) -> dict[str, Any] | None:
    if approval.form is None:
        if form:
            raise InvalidInput(
                "There is nothing to fill in for this approval.", errors=[FieldError("form", "is not asked for")]
            )
        return None
    filled_in = form or {}
    faults = json_faults(filled_in, root="form", max_bytes=MAX_FORM_BYTES) or instance_faults(
        approval.form, filled_in, root="form", keep=False
    )
    if faults:
        raise InvalidInput("What is filled in is not what the form asks for.", errors=faults)
    return filled_in
