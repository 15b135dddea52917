"""The Kafka topics: which there are, how they are set, and how a part of one is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from agent_platform.errors import ConfigurationError, NotFound, StorageUnavailable
from agent_platform.events.envelope import EventType
from agent_platform.events.incoming import Incoming, read_event
from agent_platform.events.kafka import client_config
from agent_platform.observability import get_logger
from agent_platform.settings import CreateTopicsSettings, KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

TOPICS: tuple[str, ...] = get_args(EventType)
"""One per type of event."""

BROKERS_DECIDE = -1
"""In place of a number of replicas (Kafka 2.4 and newer)."""

ANSWER_SECONDS = 15
READ_SECONDS = 15.0
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Topics:
    """What was done: topics that were made, and those whose settings or partitions were changed."""

    created: list[str]
    changed: list[str]


def topic_config(settings: CreateTopicsSettings) -> dict[str, str]:
    """The settings of every topic. How many replicas there are and must agree, MSK sets itself: MSK Serverless refuses
    whoever names it (Amazon MSK Developer Guide, "Configuration properties for MSK Serverless clusters")."""
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.topic_retention_hours * 3_600_000),
    }
    if settings.kafka_security == "iam":
        return config
    return config | {"min.insync.replicas": str(max(1, settings.topic_replication - 1))}


def declared(security: str) -> dict[str, Any]:
    """All that is declared of the topics for brokers of this security: what a change of must reach the brokers.

    The settings are those of the code, whatever the environment says.
    """
    given: dict[str, Any] = {"kafka_security": security}
    settings = CreateTopicsSettings.model_construct(**given)
    return {
        "topics": TOPICS,
        "partitions": settings.topic_partitions,
        "replication": settings.topic_replication,
        "config": topic_config(settings),
    }


def ensure_topics(settings: CreateTopicsSettings, admin: "AdminClient | None" = None) -> Topics:
    """Make the topics that are missing, and bring the others to what is declared here. Doing it again changes nothing.

    Raises:
        ConfigurationError: a topic has more partitions than it should (which only deleting it could change), or the
            brokers refuse; names the topic and what they said.
        StorageUnavailable: the brokers do not answer.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = admin or AdminClient(client_config(settings))
    try:
        found = admin.list_topics(timeout=ANSWER_SECONDS).topics
        partitions = {name: len(topic.partitions) for name, topic in found.items() if name in TOPICS}
        missing = [name for name in TOPICS if name not in partitions]
        if missing:
            replication = BROKERS_DECIDE if settings.kafka_security == "iam" else settings.topic_replication
            config = topic_config(settings)
            news = [NewTopic(name, settings.topic_partitions, replication, config=config) for name in missing]
            _await(admin.create_topics(news, operation_timeout=ANSWER_SECONDS, request_timeout=ANSWER_SECONDS))
        grown = _grow(admin, partitions, settings.topic_partitions)
        changed = _configure(admin, [*partitions], topic_config(settings))
    except KafkaException as error:
        raise StorageUnavailable(
            f"The Kafka brokers at {settings.kafka_bootstrap} do not answer: {error.args[0].str()}. "
            "See that they run, that KAFKA_BOOTSTRAP and KAFKA_SECURITY are theirs, and that the network lets it by."
        ) from error
    return Topics(missing, sorted({*grown, *changed}))


def _grow(admin: "AdminClient", partitions: Mapping[str, int], wanted: int) -> list[str]:
    from confluent_kafka.cimpl import NewPartitions

    for name, count in partitions.items():
        if count > wanted:
            raise ConfigurationError(
                f"The topic {name} has {count} partitions, more than the {wanted} declared. Kafka cannot take any "
                "away: declare as many, or delete the topic and publish the outbox again."
            )
    small = [name for name, count in partitions.items() if count < wanted]
    if small:
        _await(admin.create_partitions([NewPartitions(name, wanted) for name in small], request_timeout=ANSWER_SECONDS))
    return small


def _configure(admin: "AdminClient", names: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
    from confluent_kafka.admin._resource import ResourceType

    if not names:
        return []
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    present: dict[str, dict[str, str]] = {}
    for resource, future in admin.describe_configs(asked, request_timeout=ANSWER_SECONDS).items():
        present[resource.name] = {name: entry.value for name, entry in _result(resource.name, future).items()}
    changes = []
    for name in names:
        different = {key: value for key, value in wanted.items() if present[name].get(key) != value}
        if different:
            entries = [
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in different.items()
            ]
            changes.append(ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries))
    if changes:
        _await(admin.incremental_alter_configs(changes, request_timeout=ANSWER_SECONDS))
    return [resource.name for resource in changes]


def _await(futures: Mapping[Any, Any]) -> None:
    for key, future in futures.items():
        _result(getattr(key, "name", key), future)


def _result(name: str, future: Any) -> Any:
    from confluent_kafka import KafkaError, KafkaException

    try:
        return future.result()
    except KafkaException as error:
        fault: KafkaError = error.args[0]
        if fault.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return None  # somebody was faster
        if fault.retriable() or fault.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
            raise
        raise ConfigurationError(
            f"The Kafka brokers refuse the topic {name}: {fault.name()}: {fault.str()}. {_remedy(fault)}"
        ) from error


def _remedy(fault: "KafkaError") -> str:
    from confluent_kafka import KafkaError

    if fault.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        return "Let this user or role create, describe and alter topics (in IAM: kafka-cluster:*Topic*)."
    if fault.code() == KafkaError.INVALID_REPLICATION_FACTOR:
        return "Set TOPIC_REPLICATION to the number of brokers, or less."
    if fault.code() in (KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION):
        return "These brokers do not allow what TOPIC_PARTITIONS, TOPIC_REPLICATION and TOPIC_RETENTION_HOURS ask for."
    return "Their log says more."


def read_range(settings: KafkaSettings, topic: str, partition: int, first: int, last: int) -> list[Incoming]:
    """The records of a partition from one offset to another, both included.

    Raises:
        NotFound: some of them are not there any more, or not yet.
        StorageUnavailable: the brokers do not answer in time.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer({**client_config(settings), "group.id": "agent-platform-redrive", "enable.auto.commit": False})
    found: list[Incoming] = []
    place = TopicPartition(topic, partition, first)
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
        if first < low or last >= high:
            raise NotFound(
                f"{topic}-{partition} holds the offsets {low} to {high - 1}, not all of {first} to {last}. "
                "Publish that time again from the outbox."
            )
        consumer.assign([place])
        for _ in range(round(READ_SECONDS / POLL_SECONDS)):
            for message in consumer.consume(min(500, last - first + 1), POLL_SECONDS):
                if message.error():
                    raise KafkaException(message.error())
                offset = message.offset() or 0
                if offset <= last:
                    raw = (message.value() or b"").decode(errors="replace")
                    found.append(read_event(raw, f"{topic}-{partition}-{offset}"))
                if offset >= last:
                    return found
    except KafkaException as error:
        raise StorageUnavailable(f"The Kafka brokers do not answer: {error.args[0].str()}.") from error
    finally:
        consumer.close()
    get_logger().warning("topic_range_incomplete", extra={"topic": topic, "partition": partition})
    raise StorageUnavailable("The Kafka brokers do not answer in time. Try again shortly.")
