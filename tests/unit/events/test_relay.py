"""The relay: every event of a batch is published in order, or the stream delivers it again."""

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest

from agent_platform.events.envelope import CloudEvent
from agent_platform.events.relay import relay
from tests.fakes.log import log

__all__ = ["log"]


class Bus:
    """A publisher that keeps what it takes, and refuses the events it is told to."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.taken: list[str] = []

    def publish(self, events: Sequence[CloudEvent]) -> set[str]:
        """Take what is not refused."""
        self.taken += [event.id for event in events if event.id not in self.refused]
        return {event.id for event in events} & self.refused


def record(number: int, *, name: str = "INSERT", event: str | None = None) -> dict[str, Any]:
    """A record of the outbox's stream, as Lambda receives it."""
    envelope = {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "/ai-agents-platform",
        "type": "agent.executed",
        "subject": "a/b",
        "time": "2026-03-31T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {"number": number},
    }
    image = {"subject": {"S": "a/b"}, "id": {"S": f"event-{number}"}, "event": {"S": event or json.dumps(envelope)}}
    change = {
        "Keys": {"subject": {"S": "a/b"}, "id": {"S": f"event-{number}"}},
        "SequenceNumber": f"{number:021}",
        "SizeBytes": 600,
        "StreamViewType": "NEW_IMAGE",
        **({} if name == "REMOVE" else {"NewImage": image}),
    }
    return {"eventID": f"e{number}", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": change}


def failed(answer: dict[str, Any]) -> list[int]:
    return [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def ids(*numbers: int) -> list[str]:
    return [f"event-{number}" for number in numbers]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 100])
def test_a_good_batch_is_published_in_order_and_done(count: int):
    bus = Bus()
    assert relay([record(n) for n in range(count)], bus) == {"batchItemFailures": []}
    assert bus.taken == ids(*range(count))


def test_a_record_that_cannot_be_read_holds_back_what_follows_it_and_nothing_else(log: StringIO):
    bus = Bus()
    batch = [record(1), record(2), record(3, event="{ not an event"), record(4)]
    assert failed(relay(batch, bus)) == [3]
    assert bus.taken == ids(1, 2)
    assert f"{3:021}" in log.getvalue()


def test_the_first_of_several_bad_records_is_the_one_to_begin_with_again():
    assert failed(relay([record(1), record(2, event="x"), record(3, event="y")], Bus())) == [2]


@pytest.mark.parametrize(
    "event",
    ["", "null", "[]", '{"specversion": "1.0"}', "{" * 10_000, json.dumps({"type": "agent.imagined"})],
    ids=lambda e: e[:20],
)
def test_any_text_that_is_no_event_is_poison_and_no_crash(event: str):
    assert failed(relay([record(1), record(2, event=event or " ")], Bus())) == [2]


@pytest.mark.parametrize("broken", ["NewImage", "event", "S"])
def test_an_item_of_another_shape_is_poison_and_no_crash(broken: str):
    bad = record(2)
    if broken == "NewImage":
        del bad["dynamodb"]["NewImage"]
    elif broken == "event":
        del bad["dynamodb"]["NewImage"]["event"]
    else:
        bad["dynamodb"]["NewImage"]["event"] = {"N": "5"}
    bus = Bus()
    assert failed(relay([record(1), bad], bus)) == [2]
    assert bus.taken == ids(1)


def test_a_refused_event_is_delivered_again_with_all_that_follow(log: StringIO):
    bus = Bus("event-2", "event-4")
    assert failed(relay([record(n) for n in range(1, 6)], bus)) == [2]
    assert "event-2" in log.getvalue()


def test_a_refused_event_before_a_bad_record_is_where_to_begin_again():
    assert failed(relay([record(1), record(2), record(3, event="x")], Bus("event-1"))) == [1]


def test_items_that_expired_or_changed_are_no_events():
    bus = Bus()
    batch = [record(1, name="REMOVE"), record(2), record(3, name="MODIFY"), record(4)]
    assert relay(batch, bus) == {"batchItemFailures": []}
    assert bus.taken == ids(2, 4)


def test_the_batch_delivered_again_ends_with_every_event_published_at_least_once_in_order():
    bus = Bus("event-3")
    batch = [record(n) for n in range(1, 8)]
    (begin,) = failed(relay(batch, bus))
    bus.refused.clear()
    assert relay(batch[begin - 1 :], bus) == {"batchItemFailures": []}
    assert bus.taken[:2] == ids(1, 2)
    assert bus.taken[-5:] == ids(3, 4, 5, 6, 7)


def test_a_bus_that_is_down_fails_the_whole_batch_so_that_the_stream_retries_it():
    class Down(Bus):
        def publish(self, events: Sequence[CloudEvent]) -> set[str]:
            raise ConnectionError(f"no bus for {len(events)} events")

    with pytest.raises(ConnectionError):
        relay([record(1)], Down())
