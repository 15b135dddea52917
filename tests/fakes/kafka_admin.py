"""The administration of Kafka's topics, in memory: what librdkafka's mock cluster does not answer."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

RETRIABLE = (KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_CONTROLLER)


@dataclass
class Topic:
    """One topic as the brokers have it."""

    partitions: int
    replication: int
    config: dict[str, str] = field(default_factory=dict)


class TopicsInMemory:
    """Answers as `AdminClient` does; what is put into `refuse` is answered with that error, by operation."""

    def __init__(self, **topics: Topic) -> None:
        self.topics = {name.replace("_", "."): topic for name, topic in topics.items()}
        self.refuse: dict[str, int] = {}
        self.asked: list[str] = []

    @property
    def client(self) -> AdminClient:
        """Itself, where a client is asked for."""
        return cast("AdminClient", self)

    def list_topics(self, **_: Any) -> Any:
        """Every topic with its partitions."""
        self._asked("list_topics")
        topics = {
            name: SimpleNamespace(partitions=dict.fromkeys(range(topic.partitions)))
            for name, topic in self.topics.items()
        }
        return SimpleNamespace(topics=topics)

    def create_topics(self, new: Iterable[Any], **_: Any) -> dict[str, Future[None]]:
        """Make topics."""
        for each in new:
            if "create_topics" not in self.refuse:
                made = Topic(each.num_partitions, each.replication_factor, dict(each.config))
                self.topics.setdefault(each.topic, made)
        return {each.topic: self._answer("create_topics") for each in new}

    def create_partitions(self, new: Iterable[Any], **_: Any) -> dict[str, Future[None]]:
        """Let topics grow."""
        for each in new:
            self.topics[each.topic].partitions = each.new_total_count
        return {each.topic: self._answer("create_partitions") for each in new}

    def describe_configs(self, resources: Iterable[Any], **_: Any) -> dict[Any, Future[Any]]:
        """The settings of topics."""
        found: dict[Any, Future[Any]] = {}
        for each in resources:
            entries = self.topics[each.name].config.items()
            found[each] = self._answer(
                "describe_configs", {name: SimpleNamespace(value=value) for name, value in entries}
            )
        return found

    def incremental_alter_configs(self, resources: Iterable[Any], **_: Any) -> dict[Any, Future[None]]:
        """Change the named settings of topics."""
        for each in resources:
            changes: Mapping[str, str] = {entry.name: entry.value for entry in each.incremental_configs}
            self.topics[each.name].config.update(changes)
        return {each: self._answer("incremental_alter_configs") for each in resources}

    def _asked(self, operation: str) -> None:
        self.asked.append(operation)
        if operation in self.refuse:
            raise KafkaException(_fault(self.refuse[operation]))

    def _answer(self, operation: str, value: Any = None) -> Future[Any]:
        self.asked.append(operation)
        future: Future[Any] = Future()
        if operation in self.refuse:
            future.set_exception(KafkaException(_fault(self.refuse[operation])))
        else:
            future.set_result(value)
        return future


def _fault(code: int) -> KafkaError:
    return KafkaError(code, "the brokers' own words", False, code in RETRIABLE)
