"""Keeps the letters of a batch, each for itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from agent_platform.events.dead_letters import Letter, Source
from agent_platform.events.letter_masks import masked_text
from agent_platform.events.letter_metrics import count_arrived
from agent_platform.events.letter_shapes import read_letter
from agent_platform.ids import fixed_id
from agent_platform.observability import get_logger
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterRepository

_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


class Keeper:
    """Writes letters to the table; the same message again adds nothing."""

    def __init__(self, letters: DeadLetterRepository, sources: Mapping[str, str]) -> None:
        self._letters = letters
        self._sources: dict[str, Source] = {arn: _SOURCE.validate_python(name) for arn, name in sources.items()}

    def take(self, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Keep a batch. Answers which messages must come again, as an event source with ReportBatchItemFailures."""
        failed, kept = list[str](), defaultdict[Source, list[Letter]](list)
        for record in records:
            try:
                source, letters = self._keep(record)
                # Known ones too: a batch may come again because it died before it counted.
                kept[source] += letters
            except Exception:  # noqa: BLE001 - one message must not take the others with it
                get_logger().exception("dead_letter_not_kept", extra={"message_id": record["messageId"]})
                failed.append(record["messageId"])
        for source, letters in kept.items():
            count_arrived(source, letters)
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def _keep(self, record: dict[str, Any]) -> tuple[Source, list[Letter]]:
        source = self._sources[record["eventSourceARN"]]
        milliseconds = int(record["attributes"]["SentTimestamp"])
        arrived = datetime.fromtimestamp(milliseconds / 1000, UTC)
        letters = read_letter(record, source)
        for order, letter in enumerate(letters):
            name = f"{record['messageId']}/{order}"
            self._letters.keep(_kept(fixed_id(arrived, name), letter, arrived), letter.payload)
        return source, letters


def _kept(letter_id: str, letter: Letter, arrived: datetime) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        source=letter.source,
        state="open",
        event_id=_short(letter.event_id),
        type=_short(letter.type),
        subject=_short(letter.subject),
        code=letter.reason.code[:100],
        message=masked_text(letter.reason.message)[:2000],
        tries=letter.tries,
        failed_at=letter.failed_at,
        arrived_at=arrived,
    )


def _short(text: str | None) -> str | None:
    return text[:500] if text else None
