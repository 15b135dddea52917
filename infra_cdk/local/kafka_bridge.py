"""From the Kafka topics to the function that keeps log and analytics: what Lambda's event source for Kafka does on AWS.

Run as `python -m infra_cdk.local.kafka_bridge`, with the brokers in KAFKA_… and `Options` as JSON in BRIDGE.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import boto3
from confluent_kafka import OFFSET_STORED, Consumer, KafkaException, TopicPartition

from agent_platform.events.kafka import client_config
from agent_platform.events.topics import TOPICS
from agent_platform.settings import KafkaSettings, load
from infra_cdk.local.bridge import READS, Options
from infra_cdk.local.bridge_cloud import Functions, ProjectionDeadLetters, Unreachable
from infra_cdk.local.catch_up import AuditLogIds, CatchUp
from infra_cdk.local.kafka_event import Record, msk_event, place

log = logging.getLogger("bridge")

GROUP = "agent-platform-projections"
BATCH_RECORDS = 100
BATCH_SECONDS = 0.5
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try of a batch that the function fails."""
PAUSES_OF_A_PART = (0.5,)
"""The same for a part of a batch that has failed as a whole: what is passing has had its time by then."""
LONGEST_PAUSE = 5.0
"""Seconds between tries while the emulated cloud does not answer at all; there is no last try."""

type Refusal = tuple[str, str]
"""Code and message."""


class Stopped(Exception):
    """The bridge is asked to end; what is not committed comes again at the next start."""


class Takes(Protocol):
    """The function behind the bridge: None is a success."""

    def __call__(self, event: dict[str, Any]) -> Refusal | None: ...


class GivesUp(Protocol):
    """Keeps a record that the function will never take."""

    def __call__(self, record: Record, reason: Refusal, tries: int) -> None: ...


class Bridge:
    """One consumer and the function it feeds: at least once, and in order per partition.

    Both callables may raise `Unreachable`: then they are called again until they answer.
    """

    def __init__(
        self, consumer: Consumer, bootstrap: str, function: Takes, give_up: GivesUp, stop: threading.Event
    ) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._function = function
        self._give_up = give_up
        self._stop = stop

    def run(self, topics: Sequence[str]) -> None:
        """Consume until it is asked to end."""
        try:
            self._take_all_partitions(topics)
            while not self._stop.is_set():
                self.work()
        except Stopped:
            log.info("stopped: what is not committed comes again")
        finally:
            self._consumer.close()

    def _take_all_partitions(self, topics: Sequence[str]) -> None:
        """Go on where the group has committed. Nobody shares the work, so no brokers need to divide it up first."""
        partitions: list[TopicPartition] = []
        for topic in topics:
            while not (found := self._partitions(topic)):
                self._pause(LONGEST_PAUSE / 10)
            partitions += [TopicPartition(topic, each, OFFSET_STORED) for each in found]
        self._consumer.assign(partitions)
        log.info("%s: %s of %s topics", READS, len(partitions), len(topics))

    def _partitions(self, topic: str) -> list[int]:
        try:
            return sorted(self._consumer.list_topics(topic, timeout=5).topics[topic].partitions)
        except KafkaException as error:
            log.warning("the brokers do not answer: %s", error)
            return []

    def work(self) -> int:
        """Take one batch to its end; returns how many records it had.

        Raises:
            Stopped: it was asked to end before.
        """
        records: list[Record] = []
        for message in self._consumer.consume(BATCH_RECORDS, BATCH_SECONDS):
            if fault := message.error():
                log.warning("from the brokers: %s", fault.str())
            else:
                records.append(message)
        if records:
            self._deliver(records, PAUSES)
            self._commit(records)
        return len(records)

    def _deliver(self, records: Sequence[Record], pauses: Sequence[float]) -> None:
        """Hand records over; one that is refused again and again goes out of the way of the others."""
        event = msk_event(records, self._bootstrap)
        pause = iter(pauses)
        while refusal := self._until_reached(partial(self._function, event)):
            log.warning("%s records refused: %s: %s", len(records), *refusal)
            if (seconds := next(pause, None)) is None:
                break
            self._pause(seconds)
        if refusal is None:
            return
        if len(records) > 1:
            half = len(records) // 2
            self._deliver(records[:half], PAUSES_OF_A_PART)
            self._deliver(records[half:], PAUSES_OF_A_PART)
            return
        log.error("gives up the record of %s at %s", place(records[0]), records[0].offset())
        self._until_reached(partial(self._give_up, records[0], refusal, len(pauses) + 1))

    def _until_reached[T](self, ask: Callable[[], T]) -> T:
        pause = LONGEST_PAUSE / 32
        while True:
            try:
                return ask()
            except Unreachable as error:
                log.warning("the emulated cloud does not answer: %s", error)
                pause = min(2 * pause, LONGEST_PAUSE)
                self._pause(pause)

    def _commit(self, records: Sequence[Record]) -> None:
        # The last of each partition counts.
        next_ones = {(record.topic(), record.partition()): (record.offset() or 0) + 1 for record in records}
        offsets = [TopicPartition(topic or "", part or 0, offset) for (topic, part), offset in next_ones.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            log.warning("not committed, so these records may come again: %s", error)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def consumer(settings: KafkaSettings) -> Consumer:
    """A consumer of the bridge's group."""
    return Consumer(
        {
            **client_config(settings),
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
            "max.poll.interval.ms": 86_400_000,  # while the emulated cloud is away, one batch is tried for long
        }
    )


def main() -> None:
    """Run until a signal ends it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options = Options(**json.loads(os.environ["BRIDGE"]))
    settings = load(KafkaSettings)
    functions = Functions()
    if options.catches_up:
        missed = CatchUp(
            functions,
            boto3.client("dynamodb"),
            relay=options.relay_to_kafka,
            outbox=options.outbox_table,
            dead_letters=options.dead_letters_table,
            known=AuditLogIds(options.database).among,
        )
        threading.Thread(target=missed.run, args=(stop,), daemon=True).start()
    Bridge(
        consumer(settings),
        settings.kafka_bootstrap,
        lambda event: functions.invoke(options.project_events, event)[1],
        ProjectionDeadLetters(options.dead_letters_queue).keep,
        stop,
    ).run(TOPICS)


if __name__ == "__main__":
    main()
