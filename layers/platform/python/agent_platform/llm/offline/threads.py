"""Message threads (beta): the conversation stays on the server, so that a turn sends only its new messages.

As documented (platform.claude.com/docs/en/build-with-claude/message-threads): `{"type": "create"}` with the whole
conversation, then `{"type": "continue", "previous_message_id"}` with the new messages; each answer is continued once,
and a thread is forgotten five minutes after its last turn. The SDK's tool runner works this way unless told otherwise.
"""

from collections.abc import Callable
from typing import Any

from agent_platform.llm.offline.validation import Refusal

BETA = "message-threads-2026-08-12"
LIFETIME_SECONDS = 300.0
# The oldest are forgotten first: a benchmark must not fill the memory.
KEPT = 1_000

Body = dict[str, Any]


class Threads:
    """Conversations by the id of their last answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, Body]] = {}

    def clear(self) -> None:
        """Forget every conversation."""
        self._kept.clear()

    def whole(self, body: Body, betas: str) -> Body:
        """The request with its whole conversation; the body itself when it belongs to no thread.

        Raises:
            Refusal: the beta is not asked for, or the thread is not known any more.
        """
        thread = body.get("thread")
        if thread is None:
            return body
        if BETA not in betas:
            raise Refusal("thread: Extra inputs are not permitted")
        rest = {key: value for key, value in body.items() if key != "thread"}
        if thread.get("type") == "create":
            return rest
        expires, stored = self._kept.pop(str(thread.get("previous_message_id")), (0.0, {}))
        if expires <= self._clock():
            raise Refusal(
                "No usable thread was found for previous_message_id: send the whole conversation again.",
                status=404,
                kind="not_found_error",
                code="thread_not_found",
            )
        return {**stored, **rest, "messages": [*stored["messages"], *rest["messages"]]}

    def keep(self, message_id: str, whole: Body, content: list[dict[str, Any]]) -> None:
        """Remember a conversation up to and including the answer it just got."""
        messages = [*whole["messages"], {"role": "assistant", "content": content}]
        held: Body = {key: whole[key] for key in ("system", "tools") if key in whole}
        self._kept[message_id] = (self._clock() + LIFETIME_SECONDS, {**held, "messages": messages})
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
