"""The emulated cloud as the Kafka bridge sees it: the function it feeds, and the queue of what that will never take."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from agent_platform.errors import PlatformError
from agent_platform.events.dead_letters import Letter, Reason, send_letter
from agent_platform.events.envelope import CloudEvent
from infra_cdk.local.kafka_event import Record, place

ANSWER_SECONDS = 130.0


class Unreachable(Exception):
    """The emulated cloud did not answer: nobody knows whether it has done what was asked."""


class Functions:
    """Invokes functions of the cloud that the environment names, and waits for their answers."""

    def __init__(self) -> None:
        patience = Config(connect_timeout=2, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1})
        self._lambda = boto3.client("lambda", config=patience)

    def invoke(self, name: str, event: dict[str, Any]) -> tuple[Any, tuple[str, str] | None]:
        """The function's answer, and type and message of the error it ended with, or None.

        Raises:
            Unreachable: the event could not be handed over, or no answer came.
        """
        with _answers():
            answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            told = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" not in answer:
            return told, None
        fault = told if isinstance(told, dict) else {}
        return told, (str(fault.get("errorType", "unknown")), str(fault.get("errorMessage", told)))


class ProjectionDeadLetters:
    """The queue of what the projections will never take."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def keep(self, record: Record, reason: tuple[str, str], tries: int) -> None:
        """Send a record there, whole: the offset would name another record after the brokers' restart.

        Raises:
            Unreachable: it could not be sent.
        """
        raw = bytes(record.value() or b"").decode(errors="replace")
        event = _event(raw)
        code, message = reason
        letter = Letter(
            source="projections",
            event_id=event.id if event else None,
            type=event.type if event else None,
            subject=event.subject if event else None,
            reason=Reason(code=code, message=f"{place(record)} at {record.offset()}: {message}"),
            payload={"redrive": {"event": raw}},
            tries=tries,
            failed_at=datetime.now(UTC),
        )
        with _answers():
            send_letter(self._queue_url, letter)


def _event(raw: str) -> CloudEvent | None:
    try:
        return CloudEvent.model_validate_json(raw)
    except ValidationError:
        return None


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, PlatformError) as error:
        raise Unreachable(str(error)) from error
