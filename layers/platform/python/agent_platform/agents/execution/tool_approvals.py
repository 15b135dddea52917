"""Stage: what people approved that this execution may do, and the way to ask them for more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.permits import ToolCall
from agent_platform.egress import Egress
from agent_platform.errors import ToolApprovalUnusable
from agent_platform.ids import new_id
from agent_platform.observability import get_logger
from agent_platform.storage.tool_approvals import (
    VALID,
    ToolApproval,
    ToolApprovalRepository,
    ToolApprovalStatus,
    not_found,
)

APPROVER_ROLES = ("admin", "operator")
"""Who may decide for others, as far as the policy lets them do `approvals:decide`."""

_WHY: dict[ToolApprovalStatus, str] = {
    "pending": "nobody has decided on it yet",
    "declined": "it was declined",
    "used": "it was used before, and counts once",
    "expired": "its time is over",
}


def tool_approvals(approvals: ToolApprovalRepository, egress: Egress) -> Stage:
    """The stage that equips tools: with approvals kept in `approvals`, and with the way out.

    An approval that came along is judged before anything is spent. A member of a team is held to it alike: the approval
    of a member's call comes along with the request to the agent that was asked first.

    Raises:
        ApprovalNotFound: there is no such approval, or it is somebody else's.
        ToolApprovalUnusable: it is not decided, declined, used, expired, or for another agent.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        given = _checked(approvals, call) if call.tool_approval else None
        # A line of a batch or a step of a run cannot be sent again with an approval, so nobody is asked for one.
        alone = call.batch_id is None and call.run_id is None
        permits = _CallPermits(approvals, call, given) if alone else None
        call.context = replace(call.context, permits=permits, egress=egress)
        return proceed(call)

    return stage


def _checked(approvals: ToolApprovalRepository, call: Call) -> ToolApproval:
    approval_id = call.tool_approval or ""
    approval = approvals.get(approval_id)
    if approval.owner != call.principal.user_id:
        raise not_found(approval_id)
    if call.parent is not None:
        return approval  # judged where the request came in; it may be used by now, by this agent's colleague
    if approval.status != "approved":
        raise ToolApprovalUnusable(f"The approval `{approval.id}` cannot be used: {_WHY[approval.status]}.")
    if approval.entry_agent_id != call.definition.id:
        raise ToolApprovalUnusable(
            f"The approval `{approval.id}` belongs to a request to `{approval.entry_agent_id}`; send it there."
        )
    return approval


class _CallPermits:
    """The approvals of one execution."""

    def __init__(self, approvals: ToolApprovalRepository, call: Call, given: ToolApproval | None) -> None:
        self._approvals = approvals
        self._call = call
        ours = given is not None and given.status == "approved" and given.agent_id == call.definition.id
        self._given = given if ours else None

    @property
    def approved(self) -> ToolCall | None:
        """The call that came approved, as long as it has not been made."""
        given = self._given
        return ToolCall(given.tool, given.arguments, given.effect) if given else None

    def take(self, call: ToolCall) -> bool:
        """Use up the approval of exactly this call."""
        given = self._given
        if given is None or given.digest != self._digest(call):
            return False
        self._given = None
        if not self._approvals.use(given.id, given.digest, self._call.id):
            raise ToolApprovalUnusable(f"The approval `{given.id}` was used meanwhile, or its time is over.")
        self._log("tool_call_approved", call, given.id)
        return True

    def ask(self, call: ToolCall) -> str:
        """Ask people for approval of exactly this call."""
        now, asked = datetime.now(UTC), self._call
        approval = ToolApproval.model_validate(
            {
                "id": new_id(),
                "status": "pending",
                "owner": asked.principal.user_id,
                "agent_id": asked.definition.id,
                "entry_agent_id": asked.lineage[0],
                "execution_id": asked.id,
                "tool": call.tool,
                "effect": call.effect,
                "arguments": call.arguments,
                "digest": self._digest(call),
                "created_at": now,
                "expires_at": now + VALID,
            }
        )
        self._approvals.create(approval, _candidates(approval.owner))
        self._log("tool_call_needs_approval", call, approval.id)
        return approval.id

    def _digest(self, call: ToolCall) -> str:
        return call.digest(self._call.definition.id, self._call.principal.user_id)

    def _log(self, message: str, call: ToolCall, approval_id: str) -> None:
        # Not the arguments: they are for who decides, and may hold personal data.
        told = {"agent_id": self._call.definition.id, "execution_id": self._call.id, "tool": call.tool}
        get_logger().info(message, extra=told | {"effect": call.effect, "approval_id": approval_id})


def _candidates(owner: str) -> Sequence[str]:
    return [f"user#{owner}", *(f"role#{each}" for each in APPROVER_ROLES)]
