"""The relay to Kafka while it is killed, and while brokers are away: nothing is lost, and each key keeps its order."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import get_args

from agent_platform.events.dead_letters import Letter
from agent_platform.events.envelope import CloudEvent, EventType
from agent_platform.events.kafka import KafkaPublisher
from agent_platform.events.relay import Relay
from tests.fakes.kafka import KafkaBrokers, kafka_brokers
from tests.fakes.relay_process import Record, RelayProcess, step, stream_record

__all__ = ["kafka_brokers"]

RECORDS = 1_000
SUBJECTS = 17
POISON_EVERY = 100
LONGEST_LIFE = 280
"""Points that a relay passes at most before it is killed: a batch of a hundred has about two hundred."""


def stream(count: int = RECORDS) -> tuple[list[CloudEvent], list[Record], set[str]]:
    """Events, the stream that tells of them, and the ids of those that the stream has only as poison."""
    types: Sequence[EventType] = get_args(EventType)
    events = [
        CloudEvent(type=types[number % len(types)], subject=f"post/agent-{number % SUBJECTS}", data={"number": number})
        for number in range(count)
    ]
    bad = {event.id for event in events[POISON_EVERY // 2 :: POISON_EVERY]}
    records = [stream_record(at, event, "poison" if event.id in bad else None) for at, event in enumerate(events)]
    return events, records, bad


def assert_all_arrived(brokers: KafkaBrokers, events: Sequence[CloudEvent]) -> int:
    """Every event is there, and the first occurrences of a key are in order; returns how many are duplicates."""
    arrived: list[tuple[str, str, int, str]] = []
    for message in brokers.read_all():
        told = json.loads(message.value() or b"")
        arrived.append((told["type"], told["subject"], told["data"]["number"], told["id"]))
    assert {each[3] for each in arrived} == {event.id for event in events}
    first = {told_id: (kind, subject, number) for kind, subject, number, told_id in reversed(arrived)}
    in_order = [first[each] for each in dict.fromkeys(told_id for *_, told_id in arrived)]
    for key in {(kind, subject) for kind, subject, _ in in_order}:
        numbers = [number for kind, subject, number in in_order if (kind, subject) == key]
        assert numbers == sorted(numbers), key
    return len(arrived) - len(first)


def test_a_relay_that_is_killed_again_and_again_publishes_every_event_in_order(kafka_brokers: KafkaBrokers):
    chance = random.Random(11)  # noqa: S311
    events, records, bad = stream()
    position, kills = 0, 0
    letters = Counter[str]()
    while position < len(records):
        relay = RelayProcess(kafka_brokers.settings, records, position, chance.randrange(LONGEST_LIFE))
        for what, about in relay.told():
            if what == "letter":
                letters[about] += 1
            else:
                position = about
        kills += relay.was_killed
        assert relay.was_killed or position == len(records)
    duplicates = assert_all_arrived(kafka_brokers, [event for event in events if event.id not in bad])
    assert {*letters} == bad
    assert kills > 5
    assert duplicates > 0, "no kill came between the brokers' word and the answer: the test shows nothing"
    print(f"{RECORDS} records, {kills} kills: {duplicates} duplicates, {letters.total()} letters about {len(bad)}")


def test_the_outbox_drains_when_brokers_come_back(kafka_brokers: KafkaBrokers):
    events, records, bad = stream()
    letters: list[Letter] = []
    relay = Relay(KafkaPublisher(kafka_brokers.settings, seconds=2), "relay-kafka", letters.append)
    position = 0
    while position < 200:
        position = step(relay, records, position)

    kafka_brokers.down(2)
    with_two = step(relay, records, position)
    assert position <= with_two <= position + 100

    kafka_brokers.down()
    began = monotonic()
    with_none = step(relay, records, with_two)
    lasted = monotonic() - began
    # Poison is set aside without any broker; the first good record is where to begin again.
    assert with_two <= with_none <= with_two + 1

    kafka_brokers.up()
    began = monotonic()
    position = with_none
    while position < len(records):
        position = step(relay, records, position)
    drained = monotonic() - began
    duplicates = assert_all_arrived(kafka_brokers, [event for event in events if event.id not in bad])
    assert Counter(letter.event_id for letter in letters) == Counter(bad)
    print(
        f"all brokers down: gave up after {lasted:.1f} s (bound 2 s); "
        f"{len(records) - with_none} records drained in {drained:.1f} s, {duplicates} duplicates"
    )
