"""Stage: an execution with a session id is a turn of that conversation; one turn runs at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from agent_platform.agents.conversation import Conversation, Turn, shortened
from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.errors import FieldError, InvalidInput, StorageUnavailable
from agent_platform.storage.executions import Execution
from agent_platform.storage.session_turns import SessionTurns
from agent_platform.storage.transactions import Rider

TITLE_BYTES = 80
"""A line of a list."""


def conversation(sessions: SessionTurns) -> Stage:
    """The stage that keeps conversations in `sessions`. Calls without a session pass it untouched.

    It reads what was said (two round trips) and leaves a rider that adds this turn with the execution's record. What is
    stored is what was recorded: personal data that was taken out of the execution is not in the conversation either.

    Raises:
        InvalidInput: the agent keeps no conversations.
        SessionNotFound: the session is not the caller's, or belongs to another agent.
        SessionBusy: another turn of it is running.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if call.session_id is None:
            return proceed(call)
        if call.definition.memory == "none":
            raise InvalidInput(
                f"`{call.definition.id}` keeps no conversations. Send the input without `session_id`, or choose an "
                "agent whose `memory` is not `none`.",
                errors=[FieldError("session_id", "this agent has no memory")],
            )
        opened = sessions.begin(
            call.session_id,
            owner=call.principal.user_id,
            agent_id=call.definition.id,
            holder=call.id,
            seconds=call.seconds_left,
        )
        remembered = Conversation(opened.earlier, [Turn.of(turn.input, turn.output) for turn in opened.turns])
        call.context = replace(call.context, conversation=remembered)

        def settle(execution: Execution) -> Rider:
            # The run may have summarised turns: those that are left in the conversation are the newest.
            folded = opened.session.turns - len(remembered.turns)
            return sessions.ended(
                opened, execution, title=gist(execution.input), earlier=remembered.summary, folded=folded
            )

        call.settlements.append(settle)
        try:
            return proceed(call)
        finally:
            if call.execution is None:
                # Nothing was recorded, so no rider unlocked it. If this fails too, the lock ends at its deadline.
                with suppress(StorageUnavailable):
                    sessions.release(call.session_id, call.id)

    return stage


def gist(value: JsonObject) -> str:
    """What an input is about, in a line: its first text of several words, else its first text, else its JSON."""
    texts = [" ".join(text.split()) for text in _texts(value)]
    prose = next((text for text in texts if " " in text), None)
    text = prose or next(filter(None, texts), None) or to_json(value).decode()
    return shortened(text, TITLE_BYTES, mark="…")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
