"""The relay: every event of a batch is published in order; what nobody can publish is set aside with its reason."""

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import StorageUnavailable
from agent_platform.events.dead_letters import Letter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publishing import Outcome, Refusal
from agent_platform.events.relay import CHUNK, UNREADABLE, Relay
from agent_platform.storage.outbox import OutboxItem
from tests.fakes.log import log

__all__ = ["log"]


class Destination:
    """A publisher that keeps what it takes; some events it does not take today, and some never."""

    def __init__(self, *again: str, never: Sequence[str] = ()) -> None:
        self.again = set(again)
        self.never = {each: Refusal("event_too_large", "It is too large.") for each in never}
        self.taken: list[str] = []

    def publish(self, events: Sequence[CloudEvent]) -> Outcome:
        """Take what is not refused."""
        asked = [event.id for event in events]
        self.taken += [each for each in asked if each not in self.again and each not in self.never]
        return Outcome({*asked} & self.again, {each: self.never[each] for each in asked if each in self.never})


class Letters(list[Letter]):
    """A queue of letters."""

    def codes(self) -> list[tuple[str | None, str]]:
        """Event and reason of each."""
        return [(each.event_id, each.reason.code) for each in self]


@pytest.fixture
def letters() -> Letters:
    return Letters()


def relay(destination: Destination, letters: Letters) -> Relay:
    return Relay(destination, "relay-bus", letters.append)


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


def begin_again(answer: dict[str, Any]) -> list[int]:
    return [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def ids(*numbers: int) -> list[str]:
    return [f"event-{number}" for number in numbers]


ALL_DONE: dict[str, Any] = {"batchItemFailures": []}
OTHERS = json.dumps(json.loads(record(9)["dynamodb"]["NewImage"]["event"]["S"]) | {"id": "event-9"})
NO_EVENTS = {
    "empty": " ",
    "null": "null",
    "a list": "[]",
    "half": '{"specversion": "1.0"}',
    "deep": "{" * 10_000,
    "an unknown type": json.dumps({"type": "agent.imagined"}),
    "another event": OTHERS,
}


class TestGood:
    """Batches without a fault."""

    @pytest.mark.parametrize("count", [0, 1, 10, 11, 100])
    def test_a_good_batch_is_published_in_order_and_done(self, letters: Letters, count: int):
        bus = Destination()
        assert relay(bus, letters).take([record(n) for n in range(count)]) == ALL_DONE
        assert bus.taken == ids(*range(count))
        assert letters == []

    def test_items_that_expired_or_changed_are_no_events(self, letters: Letters):
        bus = Destination()
        batch = [record(1, name="REMOVE"), record(2), record(3, name="MODIFY"), record(4)]
        assert relay(bus, letters).take(batch) == ALL_DONE
        assert bus.taken == ids(2, 4)


class TestPoison:
    """What no try can bring through."""

    @pytest.mark.parametrize("event", NO_EVENTS.values(), ids=NO_EVENTS)
    def test_a_record_that_is_no_event_goes_to_the_dead_letters_and_the_rest_goes_on(
        self, letters: Letters, log: StringIO, event: str
    ):
        bus = Destination()
        assert relay(bus, letters).take([record(1), record(2, event=event), record(3)]) == ALL_DONE
        assert bus.taken == ids(1, 3)
        assert letters.codes() == [("event-2", UNREADABLE)]
        assert "event_set_aside" in log.getvalue()

    @pytest.mark.parametrize("broken", ["NewImage", "event", "S"])
    def test_an_item_of_another_shape_is_poison_and_no_crash(self, letters: Letters, broken: str):
        bad = record(2)
        if broken == "NewImage":
            del bad["dynamodb"]["NewImage"]
        elif broken == "event":
            del bad["dynamodb"]["NewImage"]["event"]
        else:
            bad["dynamodb"]["NewImage"]["event"] = {"N": "5"}
        bus = Destination()
        assert relay(bus, letters).take([record(1), bad, record(3)]) == ALL_DONE
        assert bus.taken == ids(1, 3)
        assert letters.codes() == [("event-2", UNREADABLE)]

    def test_one_poison_record_in_a_hundred_leaves_ninety_nine(self, letters: Letters):
        bus = Destination()
        batch = [record(n, event="poison" if n == 40 else None) for n in range(100)]
        assert relay(bus, letters).take(batch) == ALL_DONE
        assert len(bus.taken) == 99
        assert letters.codes() == [("event-40", UNREADABLE)]

    def test_what_the_destination_never_takes_is_set_aside_with_its_words(self, letters: Letters):
        assert relay(Destination(never=ids(2)), letters).take([record(1), record(2), record(3)]) == ALL_DONE
        (letter,) = letters
        assert (letter.source, letter.event_id, letter.type, letter.subject) == (
            *("relay-bus", "event-2"),
            *("agent.executed", "a/b"),
        )
        assert (letter.reason.code, letter.reason.message) == ("event_too_large", "It is too large.")
        assert letter.payload == {"redrive": {"subject": "a/b", "event_id": "event-2"}}

    def test_a_letter_tells_nothing_of_what_the_record_holds(self, letters: Letters):
        told = json.dumps({"type": "agent.imagined", "data": {"secret": "hunter2"}})
        relay(Destination(), letters).take([record(1, event=told)])
        assert "hunter2" not in letters[0].model_dump_json()

    def test_a_letter_that_cannot_be_sent_leaves_the_batch_undone(self):
        def no_queue(_: Letter) -> None:
            raise StorageUnavailable("SQS does not answer.")

        with pytest.raises(StorageUnavailable):
            Relay(Destination(), "relay-bus", no_queue).take([record(1, event="poison")])


class TestPassing:
    """What another try may bring through."""

    def test_an_event_that_was_not_taken_comes_again_with_all_that_follow(self, letters: Letters, log: StringIO):
        bus = Destination("event-2", "event-4")
        assert begin_again(relay(bus, letters).take([record(n) for n in range(1, 6)])) == [2]
        assert "event-2" in log.getvalue()

    def test_poison_behind_it_waits_for_its_turn_so_that_there_is_one_letter_about_it(self, letters: Letters):
        bus = Destination("event-2")
        batch = [record(1, event="x"), record(2), record(3, event="y")]
        assert begin_again(relay(bus, letters).take(batch)) == [2]
        assert letters.codes() == [("event-1", UNREADABLE)]
        for _ in range(3):
            assert begin_again(relay(bus, letters).take(batch[1:])) == [2]
        bus.again.clear()
        assert relay(bus, letters).take(batch[1:]) == ALL_DONE
        assert letters.codes() == [("event-1", UNREADABLE), ("event-3", UNREADABLE)]

    def test_the_batch_delivered_again_ends_with_every_event_published_at_least_once_in_order(self, letters: Letters):
        bus = Destination("event-3")
        batch = [record(n) for n in range(1, 8)]
        (begin,) = begin_again(relay(bus, letters).take(batch))
        bus.again.clear()
        assert relay(bus, letters).take(batch[begin - 1 :]) == ALL_DONE
        assert bus.taken[:2] == ids(1, 2)
        assert bus.taken[-5:] == ids(3, 4, 5, 6, 7)

    def test_a_destination_that_breaks_fails_the_whole_batch_so_that_the_stream_retries_it(self, letters: Letters):
        class Broken(Destination):
            def publish(self, events: Sequence[CloudEvent]) -> Outcome:
                raise ConnectionError(f"nothing takes {len(events)} events")

        with pytest.raises(ConnectionError):
            relay(Broken(), letters).take([record(1), record(2, event="x")])
        assert letters == []


class TestAgain:
    """Events of the outbox published once more."""

    def items(self, *numbers: int) -> list[OutboxItem]:
        return [OutboxItem.of(record(n)["dynamodb"]["NewImage"]) for n in numbers]

    def test_they_go_out_under_the_same_ids(self, letters: Letters):
        bus = Destination()
        asked = self.items(*range(2 * CHUNK + 1))
        assert relay(bus, letters).publish_again(asked) == {"done": 2 * CHUNK + 1, "failed": []}
        assert bus.taken == [item.id for item in asked]

    def test_each_that_fails_is_named_with_its_reason_and_no_second_letter(self, letters: Letters):
        bus = Destination("event-1", never=ids(3))
        asked = [*self.items(1, 2, 3), OutboxItem("a/b", "event-4", "poison")]
        answer = relay(bus, letters).publish_again(asked)
        assert answer["done"] == 1
        assert [(each["event_id"], each["code"]) for each in answer["failed"]] == [
            ("event-1", "not_taken"),
            ("event-3", "event_too_large"),
            ("event-4", UNREADABLE),
        ]
        assert letters == []

    def test_where_time_ends_it_says_from_where_to_go_on(self, letters: Letters):
        left = iter([True, False])
        asked = [*self.items(*range(CHUNK)), OutboxItem("a/b", "019d43c3-d27b-7000-971c-7ab6e8a922f8", "{}")]
        answer = relay(Destination(), letters).publish_again(asked, lambda: next(left))
        assert answer["done"] == CHUNK
        (failure,) = answer["failed"]
        assert (failure["event_id"], failure["code"]) == (asked[-1].id, "out_of_time")
        assert "2026-03-31T12:00:00.123000+00:00" in failure["message"]
