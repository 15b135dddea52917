"""Dead letters: what could not be done, with its reason and what does it again."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.storage.queues import Queue

Source = Literal[
    "relay-bus", "relay-kafka", "projections", "webhooks", "tracking", "triggers", "mails", "personal-data"
]

UNDELIVERED = "webhook_undelivered"
"""The code of a letter about a delivery that a receiver did not take until the last try."""

LETTER_BYTES = 250_000
"""Below 256 KiB, so that queues with SQS's former limit take a letter as well as those with today's 1 MiB."""
_MESSAGE_CHARACTERS = 2000
_BEGINNING_CHARACTERS = 2000


class Reason(BaseModel):
    """Why it could not be done: a stable code and a sentence."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Letter(BaseModel):
    """One piece of work that was given up, as its function sends it to its dead-letter queue."""

    model_config = ConfigDict(frozen=True)

    letter: Literal[1] = 1
    source: Source
    event_id: str | None = None
    type: str | None = None
    subject: str | None = None
    reason: Reason
    payload: dict[str, Any]
    """With what the source's function is invoked to do it again."""
    tries: int = 1
    failed_at: Annotated[datetime, Field(default_factory=lambda: datetime.now(UTC))]


def send_letter(queue_url: str, letter: Letter, *, by_reference: dict[str, Any] | None = None) -> None:
    """Send a letter to the dead-letter queue of its source. One that is too large is cut, and says so.

    Args:
        by_reference: a small payload that does the same, for where the payload is too large for a message.

    Raises:
        StorageUnavailable: SQS does not answer.
        ConfigurationError: the queue, or the right to send, is missing.
    """
    Queue(queue_url).send([fitting(letter, by_reference).model_dump(mode="json")])


def fitting(letter: Letter, by_reference: dict[str, Any] | None = None) -> Letter:
    """The letter as it fits into a message."""
    if _size(letter) <= LETTER_BYTES:
        return letter
    reason = Reason(code=letter.reason.code[:100], message=letter.reason.message[:_MESSAGE_CHARACTERS])
    short = {name: value[:500] if value else value for name, value in _named(letter).items()}
    cut = letter.model_copy(update={"reason": reason, **short})
    if _size(cut) > LETTER_BYTES and by_reference is not None:
        cut = cut.model_copy(update={"payload": by_reference})
    if _size(cut) <= LETTER_BYTES:
        return cut
    text = json.dumps(letter.payload)
    left_out = {
        "bytes": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "beginning": text[:_BEGINNING_CHARACTERS],
    }
    return cut.model_copy(update={"payload": {"left_out": left_out}})


def _named(letter: Letter) -> dict[str, str | None]:
    return {"event_id": letter.event_id, "type": letter.type, "subject": letter.subject}


def _size(letter: Letter) -> int:
    return len(json.dumps(letter.model_dump(mode="json"), separators=(",", ":")))
