"""Three Kafka brokers in a process of their own: those of `make run`, which can be taken down and up."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from agent_platform.events.topics import TOPICS
from agent_platform.settings import KafkaSettings
from infra_cdk.local.kafka_server import BROKERS, PARTITIONS

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "infra_cdk/local/kafka_server.py"
READ_SECONDS = 60


@dataclass(frozen=True, slots=True)
class KafkaBrokers:
    """Where they are, and what is done to them."""

    bootstrap: str
    control: str

    @property
    def settings(self) -> KafkaSettings:
        """How the platform reaches them."""
        return KafkaSettings(kafka_bootstrap=self.bootstrap)

    def down(self, broker: int | None = None) -> None:
        """Take a broker down, or all of them."""
        self._all(broker, "down")

    def up(self, broker: int | None = None) -> None:
        """Bring a broker back with all it holds, or all of them."""
        self._all(broker, "up")

    def read(self, topic: str) -> list[Message]:
        """Every record of a topic, oldest first within its partition."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "tests", "enable.partition.eof": False})
        try:
            ends: dict[int, int] = {}
            for partition in range(PARTITIONS):
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=READ_SECONDS)
                if end > 0:
                    ends[partition] = end
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
            found: list[Message] = []
            deadline = monotonic() + READ_SECONDS
            while ends and monotonic() < deadline:
                for message in consumer.consume(500, 0.2):
                    assert message.error() is None, message.error()
                    found.append(message)
                    if (message.offset() or 0) + 1 >= ends.get(message.partition() or 0, 0):
                        ends.pop(message.partition() or 0, None)
            assert not ends, f"{topic} could not be read to its end"
            return found
        finally:
            consumer.close()

    def read_all(self) -> list[Message]:
        """Every record of every topic."""
        return [message for topic in TOPICS for message in self.read(topic)]

    def _all(self, broker: int | None, what: str) -> None:
        for each in range(1, BROKERS + 1) if broker is None else [broker]:
            request = urllib.request.Request(f"{self.control}/brokers/{each}/{what}", method="POST")  # noqa: S310
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - loopback
                pass


@contextmanager
def running_kafka() -> Iterator[KafkaBrokers]:
    """Brokers with every topic, and nothing in them."""
    arguments = [sys.executable, str(SERVER), "--port", "0", "--control-port", "0"]
    environment = {"PYTHONPATH": f"{ROOT / 'layers/platform/python'}:{ROOT}"}
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # or the end of a process that could not start
            assert line, "the brokers did not start"
            yield KafkaBrokers(**json.loads(line))
        finally:
            process.kill()


@pytest.fixture
def kafka_brokers() -> Iterator[KafkaBrokers]:
    """Three brokers with every topic, and nothing in them."""
    with running_kafka() as brokers:
        yield brokers
