"""The two steps of an approval that a state machine takes: ask people, and settle it when its time is over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.errors import ApprovalExpired, FieldError, InvalidInput, RunNotFound, StorageUnavailable
from agent_platform.identity.emails import normalise_email
from agent_platform.ids import new_id
from agent_platform.storage.approvals import Approval
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.transactions import TRIES
from agent_platform.workflows.approvals import Approvals, owner_candidate, role_candidate, user_candidate
from agent_platform.workflows.references import Scope, filled
from agent_platform.workflows.step_data import Entry, Paths, StepData, checked, succeeded
from agent_platform.workflows.step_requests import RequestApproval, SettleApproval

INLINE_SHOW_BYTES = 64 * 1024
"""What is shown beyond this lies in the bucket, so that an approval fits into its DynamoDB item (400 KB)."""

MAX_MESSAGE = 4_000
"""Characters of a message once it is filled in; each inbox holds a copy."""


class ApprovalSteps:
    """Asks and settles on behalf of the run; deciding is `Approvals`."""

    def __init__(
        self,
        approvals: Approvals,
        data: StepData,
        runs: RunRepository | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._approvals = approvals
        self._data = data
        self._runs = runs
        self._clock = clock

    def request(self, request: RequestApproval) -> dict[str, Any]:
        """Ask those who may decide. Asked again, the same approval waits under the newer token.

        A decision that was taken before stands, and is told to the newer token at once. One that expired or was
        withdrawn is open again: the run was taken up anew.

        Raises:
            InvalidInput: the templates name what is absent, or nobody is left who may decide.
        """
        for _ in range(TRIES):
            found = self._approvals.repository.find(request.run.id, request.place, request.step)
            if found is None:
                made = self._asked(request, new_id())
                found = self._approvals.repository.create(made, request.token)
            approval = found.approval
            if approval.decision is None and found.token != request.token:
                again = self._asked(request, approval.id)
                if self._approvals.repository.change(found, again, token=request.token) is None:
                    continue
            elif found.token != request.token:
                if self._approvals.repository.change(found, approval, token=request.token, delivered=False) is None:
                    continue
                self._approvals.deliver(approval.id)
            return {"approval_id": approval.id}
        raise StorageUnavailable("The approval changes too often to be asked for. Try again shortly.")

    def settle(self, request: SettleApproval) -> Entry:
        """What it means that the task's time is over: the decision that was taken meanwhile, or what the step says.

        From then on nobody can decide it any more.

        Raises:
            ApprovalExpired: nobody decided, and the step says that the run fails then.
        """
        found = self._approvals.repository.find(request.run.id, request.place, request.step)
        if found is None:
            return self._by_default(request)
        status = {"fail": "expired", "approve": "approved", "reject": "rejected"}[request.on_timeout]
        closed = self._approvals.close(found.approval.id, status)  # type: ignore[arg-type]
        stored = self._approvals.repository.get(found.approval.id)
        approval = closed or stored.approval
        if approval.decision is None:
            raise ApprovalExpired(f"Nobody decided within the time of the step `{request.step}`.")
        if closed is None:
            self._approvals.repository.mark_delivered(stored)
        return self._approvals.entry(approval)

    def _by_default(self, request: SettleApproval) -> Entry:
        """Nobody could even be asked."""
        if request.on_timeout == "fail":
            raise ApprovalExpired(f"Nobody was asked within the time of the step `{request.step}`.")
        decision = "approved" if request.on_timeout == "approve" else "rejected"
        moment = self._clock().isoformat()
        output = {"decision": decision, "comment": None, "form": None, "decided_by": None, "decided_at": moment}
        keep: Paths = [*request.keep, ["decision"]]
        return succeeded(self._data.held(request.run.id, request.step, output, keep, request.inline_bytes))

    def _asked(self, request: RequestApproval, approval_id: str) -> Approval:
        scope, now = self._data.scope(request), self._clock()
        show = checked(filled(request.show, scope, root="show"))
        shown = self._data.held(request.run.id, f"{request.step}-show", show, (), INLINE_SHOW_BYTES)
        return Approval(
            id=approval_id,
            run_id=request.run.id,
            step_id=request.step,
            place=request.place,
            workflow_title=self._workflow_title(request),
            step_title=request.title or request.step.replace("_", " ").capitalize(),
            message=_shortened(str(filled(request.message, scope, root="message"))),
            status="pending",
            created_at=now,
            expires_at=now + timedelta(seconds=request.timeout_seconds),
            owner=request.run.principal.user_id,
            candidates=_candidates(request, scope),
            trace_id=request.run.trace_id,
            show=shown.value,
            show_ref=shown.ref,
            form=request.form,
            keep=tuple(tuple(path) for path in request.keep),
            inline_bytes=request.inline_bytes,
        )

    def _workflow_title(self, request: RequestApproval) -> str:
        if request.workflow_title or self._runs is None:
            return request.workflow_title or request.run.workflow
        try:
            return self._runs.stored(request.run.id).workflow_title
        except RunNotFound:
            return request.run.workflow


def _candidates(request: RequestApproval, scope: Scope) -> tuple[str, ...]:
    """Who may decide, each once.

    Raises:
        InvalidInput: an address is none, or nobody is left.
    """
    named = request.approvers
    found: list[str] = []
    faults: list[FieldError] = []
    for at, address in enumerate(filled(list(named.users), scope, root="approvers.users")):
        try:
            found.append(user_candidate(normalise_email(address if isinstance(address, str) else "")))
        except InvalidInput:
            faults.append(FieldError(f"approvers.users.{at}", "is not an e-mail address"))
    found += [role_candidate(role) for role in named.roles]
    if named.owner:
        found.append(owner_candidate(request.run.principal.user_id))
    if not found and not faults:
        faults.append(FieldError("approvers", "names nobody once its references are filled in"))
    if faults:
        raise InvalidInput("The step does not say who may decide.", errors=faults)
    return tuple(dict.fromkeys(found))


def _shortened(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
