"""The shape in which a function gets records of a topic: that of Lambda's event source for Amazon MSK."""

import base64
from dataclasses import dataclass, field

from infra_cdk.local.kafka_event import msk_event


@dataclass
class Sent:
    """A record as the consumer gives it."""

    topic_: str = "agent.executed"
    partition_: int = 0
    offset_: int = 0
    key_: bytes | None = b"finance/checker"
    value_: bytes | None = b"{}"
    headers_: list[tuple[str, bytes]] = field(default_factory=list)

    def topic(self) -> str:
        return self.topic_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_795_000_000_000

    def key(self) -> bytes | None:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> list[tuple[str, bytes]]:
        return self.headers_


def test_a_record_has_all_that_lambda_tells() -> None:
    event = msk_event([Sent(offset_=7, headers_=[("ce_id", b"\x00A\xff")])], "127.0.0.1:9092")

    assert event["eventSource"] == "aws:kafka"
    assert event["bootstrapServers"] == "127.0.0.1:9092"
    assert event["records"] == {
        "agent.executed-0": [
            {
                "topic": "agent.executed",
                "partition": 0,
                "offset": 7,
                "timestamp": 1_795_000_000_000,
                "timestampType": "CREATE_TIME",
                "key": base64.b64encode(b"finance/checker").decode(),
                "value": base64.b64encode(b"{}").decode(),
                "headers": [{"ce_id": [0, 65, -1]}],
            }
        ]
    }


def test_records_stand_by_partition_in_their_order() -> None:
    sent = [Sent(partition_=1, offset_=4), Sent(offset_=9), Sent(partition_=1, offset_=5)]

    records = msk_event(sent, "b")["records"]

    assert {name: [each["offset"] for each in found] for name, found in records.items()} == {
        "agent.executed-1": [4, 5],
        "agent.executed-0": [9],
    }


def test_a_record_without_key_or_value_is_told_without_them() -> None:
    (record,) = msk_event([Sent(key_=None, value_=None)], "b")["records"]["agent.executed-0"]

    assert "key" not in record
    assert "value" not in record
