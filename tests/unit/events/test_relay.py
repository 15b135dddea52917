"""The relay: every event of a batch is published in order; what nobody can publish is set aside with its reason."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import InvalidInput, NotFound, StorageUnavailable
from agent_platform.events.dead_letters import LETTER_BYTES, Letter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publishing import Outcome, Refusal
from agent_platform.events.relay import CHUNK, UNREADABLE, Relay
from agent_platform.events.relay_orders import RESERVE_SECONDS, OneEvent, Range, relay_order, within
from agent_platform.storage.outbox import OutboxItem, OutboxPage, OutboxReader, Place, moment_of
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
        event = record(2)["dynamodb"]["NewImage"]["event"]["S"]
        assert letter.payload == {"redrive": {"subject": "a/b", "event_id": "event-2", "event": event}}

    def test_an_event_that_is_too_large_for_a_letter_is_only_named(self, letters: Letters):
        large = json.loads(record(2)["dynamodb"]["NewImage"]["event"]["S"]) | {"data": {"text": "x" * LETTER_BYTES}}
        relay(Destination(never=ids(2)), letters).take([record(2, event=json.dumps(large))])
        assert letters[0].payload == {"redrive": {"subject": "a/b", "event_id": "event-2"}}

    def test_a_letter_tells_nothing_of_what_the_record_holds(self, letters: Letters):
        told = json.dumps({"type": "agent.imagined", "data": {"secret": "hunter2"}})
        relay(Destination(), letters).take([record(1, event=told)])
        assert "hunter2" not in letters[0].model_dump_json()
        assert letters[0].payload == {"redrive": {"subject": "a/b", "event_id": "event-1"}}

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


class Outbox(OutboxReader):
    """A table of pages; what was read is kept."""

    def __init__(self, *pages: Sequence[OutboxItem]) -> None:
        super().__init__("outbox")
        self.pages = pages
        self.read = 0

    def get(self, subject: str, event_id: str) -> OutboxItem:
        """The item, or that it is gone."""
        found = (each for page in self.pages for each in page if (each.subject, each.id) == (subject, event_id))
        if (item := next(found, None)) is None:
            raise NotFound("It is gone.")
        return item

    def between(self, start: object, end: object, after: Place | None = None) -> Iterator[OutboxPage]:
        """What lies behind a place, whenever it was written. Behind page n is the place `#n`."""
        assert moment_of(start) <= moment_of(end)
        skip = after is not None
        for number, page in enumerate(self.pages):
            places = [*(Place(each.subject, each.id) for each in page), Place("#", str(number))]
            rest = page
            if skip:
                if after not in places:
                    continue
                skip, rest = False, page[places.index(after) + 1 :]
                if after == places[-1]:
                    continue
            self.read += 1
            yield OutboxPage([*rest], places[-1] if number < len(self.pages) - 1 else None)


def items(*numbers: int) -> list[OutboxItem]:
    return [OutboxItem.of(record(n)["dynamodb"]["NewImage"]) for n in numbers]


def an_hour(**more: Any) -> Range:
    now = datetime.now(UTC)
    order = relay_order({"from": (now - timedelta(hours=1)).isoformat(), "to": now.isoformat(), **more})
    assert isinstance(order, Range)
    return order


class TestOneAgain:
    """One event of the outbox, published once more."""

    def test_it_goes_out_under_its_id(self, letters: Letters):
        bus = Destination()
        answer = relay(bus, letters).publish_again(OneEvent(subject="a/b", event_id="event-1"), Outbox(items(1, 2)))
        assert (answer, bus.taken) == ({"done": 1, "failed": []}, ids(1))

    @pytest.mark.parametrize(
        ("item", "code"),
        [(*items(1), "not_taken"), (*items(3), "event_too_large"), (OutboxItem("a/b", "event-4", "?"), UNREADABLE)],
    )
    def test_why_it_failed_is_answered_without_a_second_letter(self, letters: Letters, item: OutboxItem, code: str):
        order = OneEvent(subject="a/b", event_id=item.id)
        answer = relay(Destination("event-1", never=ids(3)), letters).publish_again(order, Outbox([item]))
        assert (answer["done"], [(each["event_id"], each["code"]) for each in answer["failed"]]) == (
            *(0, [(item.id, code)]),
        )
        assert letters == []

    def test_what_the_outbox_has_no_more_comes_from_its_letter(self, letters: Letters):
        bus = Destination(never=ids(2))
        relay(bus, letters).take([record(2)])
        order = relay_order(letters[0].payload["redrive"])
        bus.never.clear()
        assert relay(bus, letters).publish_again(order, Outbox([])) == {"done": 1, "failed": []}
        assert bus.taken == ids(2)

    def test_what_was_mended_in_the_outbox_goes_before_the_letter(self, letters: Letters):
        bus = Destination()
        order = OneEvent(subject="a/b", event_id="event-1", event="as it was")
        assert relay(bus, letters).publish_again(order, Outbox(items(1)))["done"] == 1

    def test_a_letter_without_the_event_cannot_be_done_once_the_outbox_lost_it(self, letters: Letters):
        with pytest.raises(NotFound):
            relay(Destination(), letters).publish_again(OneEvent(subject="a/b", event_id="event-1"), Outbox([]))


class TestRangeAgain:
    """All that was written in a time, published once more."""

    def test_they_go_out_under_the_same_ids_page_by_page(self, letters: Letters):
        bus = Destination()
        outbox = Outbox(items(*range(2 * CHUNK + 1)), [], items(*range(500, 503)))
        answer = relay(bus, letters).publish_again(an_hour(), outbox)
        assert answer == {"done": 2 * CHUNK + 4, "set_aside": 0, "failed": []}
        assert bus.taken == ids(*range(2 * CHUNK + 1), *range(500, 503))

    @pytest.mark.parametrize("pages", [[[]], [[], [], []]])
    def test_a_time_of_which_nothing_is_left_is_no_success(self, letters: Letters, pages: list[list[OutboxItem]]):
        answer = relay(Destination(), letters).publish_again(an_hour(), Outbox(*pages))
        assert (answer["done"], [each["code"] for each in answer["failed"]]) == (0, ["not_found"])
        for place in ("archive", "audit log", "docs/operations.md"):
            assert place in answer["failed"][0]["message"]
        assert "next" not in answer

    def test_a_time_that_begins_before_the_week_that_is_kept_is_done_as_far_as_it_goes(self, letters: Letters):
        began = (datetime.now(UTC) - timedelta(days=7, minutes=1)).isoformat()
        order = Range.model_validate({"from": began, "to": datetime.now(UTC).isoformat()})
        answer = relay(Destination(), letters).publish_again(order, Outbox(items(1, 2)))
        assert (answer["done"], [each["code"] for each in answer["failed"]]) == (2, ["expired"])

    def test_where_time_ends_the_next_order_goes_on_until_all_is_done(self, letters: Letters):
        bus, calls = Destination(), 0
        outbox = Outbox(items(*range(250)), [], items(*range(250, 320)), [])
        order, done = an_hour(), 0
        while True:
            answer = relay(bus, letters).publish_again(order, outbox, lambda: False)
            calls, done = calls + 1, done + answer["done"]
            assert answer["failed"] == []
            if "next" not in answer:
                break
            rest = relay_order(json.loads(json.dumps(answer["next"])))
            assert isinstance(rest, Range)
            assert rest.found == done
            order = rest
        assert bus.taken == ids(*range(320))
        assert (
            calls == 6
        )  # three parts of the first page, and the others; the last page holds nothing, and is no failure

    def test_nothing_is_read_ahead_of_what_is_published(self, letters: Letters):
        outbox = Outbox(items(1), items(2), items(3))
        relay(Destination(), letters).publish_again(an_hour(), outbox, lambda: False)
        assert outbox.read == 1

    def test_whoever_asks_says_how_long_it_may_take(self, letters: Letters, monkeypatch: pytest.MonkeyPatch):
        clock = iter([0.0, 4.0, 11.0])
        monkeypatch.setattr("agent_platform.events.relay.monotonic", lambda: next(clock))
        outbox = Outbox(items(1), items(2), items(3))
        assert relay(Destination(), letters).publish_again(an_hour(seconds=10), outbox)["done"] == 2

    def test_an_event_that_is_not_taken_is_where_to_go_on(self, letters: Letters):
        bus = Destination("event-3")
        outbox = Outbox(items(*range(1, 6)), items(6))
        answer = relay(bus, letters).publish_again(an_hour(), outbox)
        assert (answer["done"], [(each["event_id"], each["code"]) for each in answer["failed"]]) == (
            *(2, [("event-3", "not_taken")]),
        )
        assert "event-6" not in bus.taken
        bus.again.clear()
        rest = relay_order(answer["next"])
        assert relay(bus, letters).publish_again(rest, outbox) == {"done": 4, "set_aside": 0, "failed": []}
        assert bus.taken[-4:] == ids(3, 4, 5, 6)

    def test_what_nobody_can_publish_gets_a_letter_of_its_own_so_that_it_holds_up_nothing(self, letters: Letters):
        outbox = Outbox([*items(1, 2), OutboxItem("a/b", "event-3", "poison")])
        answer = relay(Destination(never=ids(2)), letters).publish_again(an_hour(), outbox)
        assert answer == {"done": 1, "set_aside": 2, "failed": []}
        assert letters.codes() == [("event-2", "event_too_large"), ("event-3", UNREADABLE)]

    @pytest.mark.parametrize(
        "wanted",
        [
            None,
            [],
            {},
            {"from": "2026-03-31T12:00:00Z"},
            {"from": 1, "to": 2},
            {"from": "a", "to": "b", "after": {"subject": "a/b", "id": ""}},
            {"from": "a", "to": "b", "found": -1},
            {"from": "a", "to": "b", "hunter2": 1},
            {"event_id": "e"},
            {"event_id": "e", "subject": ""},
            {"event_id": "e", "subject": "a/b", "event": {}},
        ],
    )
    def test_an_order_that_is_none_is_refused_in_words(self, wanted: Any):
        with pytest.raises(InvalidInput, match="Name one event by its `subject`") as refused:
            relay_order(wanted)
        assert "hunter2" not in refused.value.detail


def test_only_a_time_of_the_outbox_is_told_how_long_somebody_waits() -> None:
    assert within({"redrive": {"from": "a", "to": "b"}}, 24) == {
        "redrive": {"from": "a", "to": "b", "seconds": 24 - RESERVE_SECONDS}
    }
    assert within({"redrive": {"from": "a", "to": "b"}}, 5)["redrive"]["seconds"] == 1
    for other in ({"redrive": {"event": "{}"}}, {"redrive": "?"}, {"detail": {"from": "a"}}, {}):
        assert within(other, 24) == other
