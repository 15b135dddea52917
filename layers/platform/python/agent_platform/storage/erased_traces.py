"""Removes what a person left in tables that are not kept by owner: tokens, cached answers, approvals, dead letters.

None of these can be asked for by owner, so each is read whole, page by page: in the background, once per erasure.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agent_platform.storage.approvals import Approval, ApprovalRepository, stored_in
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.payloads import DEAD_LETTERS, PayloadStore
from agent_platform.storage.scans import scan_pages
from agent_platform.storage.tool_approvals import ToolApproval, ToolApprovalRepository, tool_approval_in


class ErasedTraces:
    """Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer.

    Each yields 1 per item that is gone, and 0 per page that was read.
    """

    def __init__(
        self, tokens: str, response_cache: str, approvals: str, dead_letters: str, payloads: PayloadStore
    ) -> None:
        """All but the last are names of tables."""
        self._tokens = tokens
        self._response_cache = response_cache
        self._approvals = approvals
        self._dead_letters = dead_letters
        self._payloads = payloads

    def tokens(self, user_id: str) -> Iterator[int]:
        """Refresh tokens, links of mails, and API keys with the list of them. That all was revoked stays known."""
        names = ("pk", "user_id", "subject", "document")
        for item in self._all(self._tokens, "Looking for tokens", names):
            if item is None:
                yield 0
                continue
            key = item["pk"]["S"]
            owner = json.loads(item["document"]["S"])["owner"] if "document" in item else None
            theirs = (
                item.get("user_id") == {"S": user_id}
                or item.get("subject", {}).get("S", "").startswith(f"{user_id} ")
                or key == f"apikey#owner#{user_id}"
                or (key.startswith("apikey#") and owner == user_id)
            )
            if theirs:
                yield self._delete(self._tokens, {"pk": item["pk"]})

    def cached_answers(self, user_id: str) -> Iterator[int]:
        """Outputs that were kept for equal questions, also where others may have them: they answer this person."""
        for item in self._all(self._response_cache, "Looking for cached answers", ("id", "owner")):
            if item is None:
                yield 0
            elif item.get("owner") == {"S": user_id}:
                yield self._delete(self._response_cache, {"id": item["id"]})

    def approvals(self, user_id: str, email: str) -> Iterator[int | None]:
        """Approvals of their runs and of what agents do for them go; in others' their address becomes their id.

        With it goes what they wrote when they decided.

        Yields None where somebody decided meanwhile: the decision stands, and the rest is looked at after a while.
        """
        approvals = ApprovalRepository(self._approvals)
        of_tools = ToolApprovalRepository(self._approvals)
        names = ("id", "candidate", "run_id", "revision", "token", "document", "state", "candidates")
        again = True
        while again:
            again = False
            for item in self._all(self._approvals, "Looking for approvals", names):
                stored = stored_in(item) if item else None
                of_tool = tool_approval_in(item) if item else None
                if of_tool:
                    yield self._tool_approval(of_tools, *of_tool, user_id, email)
                elif stored is None:
                    yield 0
                elif stored.approval.owner == user_id:
                    yield (gone := int(approvals.remove(stored)))
                    again = again or not gone
                elif (changed := _without(stored.approval, user_id, email)) != stored.approval:
                    yield (gone := int(approvals.rewrite(stored, changed)))
                    again = again or not gone
            if again:
                yield None

    def _tool_approval(
        self, approvals: ToolApprovalRepository, it: ToolApproval, candidates: list[str], user_id: str, email: str
    ) -> int:
        if it.owner == user_id:
            approvals.remove(it, candidates)
            return 1
        changed = it.model_copy(update={"decided_by": user_id, "comment": None})
        if it.decided_by not in (email, user_id) or changed == it:
            return 0
        return int(approvals.rewrite(it, changed))

    def dead_letters(self, user_id: str) -> Iterator[int]:
        """Work of theirs that was given up: it holds what they asked, and nobody shall do it again."""
        for item in self._all(self._dead_letters, "Looking for dead letters", ("id", "payload")):
            if item is None:
                yield 0
                continue
            letter_id, key = item["id"]["S"], f"{DEAD_LETTERS}{item['id']['S']}"
            payload = item["payload"]["S"] if "payload" in item else None
            if payload is None:
                if self._payloads.size(key) is None:
                    continue
                payload = self._payloads.read(key).decode()
            if user_id in payload:
                self._payloads.delete(f"{DEAD_LETTERS}{letter_id}")
                yield self._delete(self._dead_letters, {"id": item["id"]})

    def _all(self, table: str, doing: str, names: Sequence[str]) -> Iterator[dict[str, Any] | None]:
        """Every item of a table, and None after each page."""
        for page in scan_pages(table, doing=doing, names=names):
            yield from page
            yield None

    def _delete(self, table: str, key: Any) -> int:
        with storage_errors("Erasing"):
            dynamodb().delete_item(TableName=table, Key=key)
        return 1


def _without(approval: Approval, user_id: str, email: str) -> Approval:
    """The approval with the id where the address stood, and without what they wrote when they decided."""
    candidates = [f"user#{user_id}" if each == f"user#{email}" else each for each in approval.candidates]
    decided: dict[str, Any] = {}
    if approval.decider == user_id or approval.decided_by == email:
        decided = {"decided_by": user_id, "comment": None}
    return approval.model_copy(update={"candidates": tuple(dict.fromkeys(candidates)), **decided})
