"""What could not be done, for the queue of dead letters."""

from datetime import datetime

from agent_platform.errors import PlatformError
from agent_platform.events.dead_letters import Letter, send_letter
from agent_platform.webhooks.delivery import Undelivered

SOURCE = "webhooks"


class Letters:
    """Sends letters to one queue; each raises what `send_letter` raises."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def undelivered(self, given_up: Undelivered) -> None:
        """A delivery whose last try failed; doing it again tries once more."""
        self._send(
            event_id=given_up.key.event_id,
            type=given_up.type,
            subject=given_up.subject,
            reason=given_up.reason.model_dump(),
            payload={"redrive": {"delivery": given_up.key.model_dump()}},
            tries=given_up.tries,
            failed_at=given_up.at,
        )

    def unreadable(self, body: str, tries: int, error: PlatformError, at: datetime) -> None:
        """A message that is neither an event nor an attempt."""
        self._send(
            event_id=None,
            type=None,
            subject=None,
            reason={"code": error.code, "message": error.public_detail},
            payload={"redrive": {"message": body}},
            tries=tries,
            failed_at=at,
        )

    def _send(self, **fields: object) -> None:
        send_letter(self._queue_url, Letter.model_validate({"source": SOURCE, **fields}))
