"""Approvals of calls of tools as people see them: what they may decide, and one decision that counts."""

from datetime import UTC, datetime

from agent_platform.errors import ApprovalDecided, ApprovalExpired, Forbidden
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.tool_approvals import (
    ToolApproval,
    ToolApprovalPage,
    ToolApprovalRepository,
    ToolDecision,
    ToolInbox,
    not_found,
)


class ToolDecisions:
    """What a caller may see and decide: what agents want to do for them, and for others what their roles let them."""

    def __init__(self, approvals: ToolApprovalRepository) -> None:
        self._approvals = approvals

    def inbox(
        self, principal: Principal, *, status: ToolInbox, limit: int = 24, cursor: str | None = None
    ) -> ToolApprovalPage:
        """What the caller may decide, or could have, newest first."""
        return self._approvals.inbox(sorted(_stands_for(principal)), status=status, limit=limit, cursor=cursor)

    def get(self, principal: Principal, approval_id: str) -> ToolApproval:
        """One approval that the caller may decide.

        Raises:
            ApprovalNotFound: there is none for them.
        """
        return self._found(principal, approval_id)[0]

    def decide(
        self, principal: Principal, approval_id: str, decision: ToolDecision, comment: str | None = None
    ) -> ToolApproval:
        """Decide; the first decision counts, and the same one by the same person again gets the same answer.

        Raises:
            ApprovalNotFound: there is none for them.
            Forbidden: the caller is an API key: what an agent may do is for a person to decide.
            ApprovalDecided: somebody has decided already.
            ApprovalExpired: its time is over.
        """
        approval, candidates = self._found(principal, approval_id)
        if principal.key_id is not None:
            raise Forbidden("A person must decide what an agent may do; sign in instead of using an API key.")
        if approval.status == "pending":
            decided = self._approvals.decide(approval, sorted(candidates), decision, _named(principal), comment)
            if decided:
                told = {"approval_id": approval.id, "tool": approval.tool, "agent_id": approval.agent_id}
                get_logger().info(
                    "tool_call_decided", extra=told | {"decision": decision, "principal": principal.user_id}
                )
                return decided
            approval = self._approvals.get(approval_id)
        if approval.decided_at is None:
            raise ApprovalExpired("Nobody decided in time. Send the request to the agent again, and decide then.")
        same = approval.decided_by == _named(principal) and approval.status == decision
        if not same or datetime.now(UTC) >= approval.expires_at:
            raise ApprovalDecided(f"It is decided already; it was {approval.status}.")
        return approval

    def _found(self, principal: Principal, approval_id: str) -> tuple[ToolApproval, frozenset[str]]:
        approval, candidates = self._approvals.with_candidates(approval_id)
        if candidates.isdisjoint(_stands_for(principal)):
            raise not_found(approval_id)
        return approval, candidates


def _stands_for(principal: Principal) -> set[str]:
    return {f"user#{principal.user_id}", *(f"role#{role}" for role in principal.roles)}


def _named(principal: Principal) -> str:
    """By their address, once it is known to be theirs; until then by their id."""
    return principal.email or principal.user_id
