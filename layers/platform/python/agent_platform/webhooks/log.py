"""What is kept of an attempt for the webhook's owner to read."""

from datetime import datetime

from agent_platform.egress import Answer
from agent_platform.errors import PlatformError
from agent_platform.storage.webhook_deliveries import Attempt

KEPT_BYTES = 1024
"""Of an answer's body."""


def answered(answer: Answer, at: datetime) -> Attempt:
    """An attempt that was answered; only a status of 2xx counts as delivered."""
    return Attempt(
        at=at,
        duration_ms=answer.milliseconds,
        status=answer.status,
        error=None if 200 <= answer.status < 300 else _refusal(answer.status),
        answer=answer.body[:KEPT_BYTES].decode("utf-8", "replace"),
    )


def unanswered(error: PlatformError, at: datetime, duration_ms: int) -> Attempt:
    """An attempt that nobody answered, or that was not made."""
    return Attempt(at=at, duration_ms=duration_ms, error=error.public_detail)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}. Redirects are not followed: give the webhook the final address."
    if status == 410:
        return "The receiver answered 410 Gone, so the webhook was disabled."
    return f"The receiver answered {status}. Only a status of 2xx counts as delivered."
