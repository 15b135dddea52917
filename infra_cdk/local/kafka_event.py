"""What Lambda hands to a function for records of Kafka topics: the event of its source for Amazon MSK."""

import base64
from collections.abc import Sequence
from typing import Any, Protocol

ARN = "arn:aws:kafka:us-east-1:000000000000:cluster/local/00000000-0000-0000-0000-000000000000-1"
_TIMESTAMPS = {1: "CREATE_TIME", 2: "LOG_APPEND_TIME"}


class Record(Protocol):
    """One record, as `confluent_kafka.Message` has it."""

    def topic(self) -> str | None: ...

    def partition(self) -> int | None: ...

    def offset(self) -> int | None: ...

    def timestamp(self) -> tuple[int, int]: ...

    def key(self) -> Any: ...

    def value(self) -> Any: ...

    def headers(self) -> Any: ...


def msk_event(records: Sequence[Record], bootstrap: str) -> dict[str, Any]:
    """One event of these records, by partition, in their order."""
    by_partition: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_partition.setdefault(place(record), []).append(_record(record))
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": bootstrap,
        "records": by_partition,
    }


def place(record: Record) -> str:
    """Topic and partition, in Lambda's spelling."""
    return f"{record.topic()}-{record.partition()}"


def _record(record: Record) -> dict[str, Any]:
    kind, milliseconds = record.timestamp()
    told = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": milliseconds,
        "timestampType": _TIMESTAMPS.get(kind, "CREATE_TIME"),
        # Each header is an object with one list of signed bytes, as Java has them.
        "headers": [{name: [byte - 256 if byte > 127 else byte for byte in value]} for name, value in _headers(record)],
    }
    parts = {"key": record.key(), "value": record.value()}
    return told | {name: base64.b64encode(part).decode() for name, part in parts.items() if part is not None}


def _headers(record: Record) -> list[tuple[str, bytes]]:
    return [(name, value or b"") for name, value in record.headers() or []]
