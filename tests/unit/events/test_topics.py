"""Topics: made and kept as they are declared; and parts of them read again.

librdkafka's mock cluster answers no administration, so that is held against topics in memory.
"""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from agent_platform.errors import ConfigurationError, NotFound, StorageUnavailable
from agent_platform.events import topics
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.kafka import KafkaPublisher
from agent_platform.events.topics import BROKERS_DECIDE, TOPICS, Topics, ensure_topics, read_range
from agent_platform.settings import CreateTopicsSettings, KafkaSettings
from tests.fakes.kafka import KafkaBrokers, kafka_brokers
from tests.fakes.kafka_admin import Topic, TopicsInMemory

__all__ = ["kafka_brokers"]

WEEK = str(7 * 24 * 3_600_000)
DECLARED = {"cleanup.policy": "delete", "retention.ms": WEEK, "min.insync.replicas": "2"}


def settings(**changes: Any) -> CreateTopicsSettings:
    return CreateTopicsSettings(kafka_bootstrap="b:9092", **changes)


class TestEnsure:
    """Topics as they are declared."""

    def test_missing_topics_are_made(self):
        brokers = TopicsInMemory()
        assert ensure_topics(settings(), brokers.client) == Topics(created=[*TOPICS], changed=[])
        assert brokers.topics == {name: Topic(6, 3, DECLARED) for name in TOPICS}

    def test_doing_it_again_changes_nothing(self):
        brokers = TopicsInMemory()
        ensure_topics(settings(), brokers.client)
        brokers.asked.clear()
        assert ensure_topics(settings(), brokers.client) == Topics([], [])
        assert {*brokers.asked} == {"list_topics", "describe_configs"}

    def test_settings_that_differ_are_changed_and_others_left_alone(self):
        brokers = TopicsInMemory()
        ensure_topics(settings(), brokers.client)
        brokers.topics["agent.executed"].config |= {"retention.ms": "1000", "max.message.bytes": "2000000"}
        assert ensure_topics(settings(), brokers.client) == Topics([], ["agent.executed"])
        assert brokers.topics["agent.executed"].config == DECLARED | {"max.message.bytes": "2000000"}

    def test_topics_grow_and_are_told_once(self):
        brokers = TopicsInMemory()
        ensure_topics(settings(topic_partitions=2), brokers.client)
        brokers.topics["workflow.failed"].config["retention.ms"] = "1"
        assert ensure_topics(settings(), brokers.client) == Topics([], sorted(TOPICS))
        assert {topic.partitions for topic in brokers.topics.values()} == {6}

    def test_a_topic_never_shrinks_and_nothing_else_is_changed(self):
        brokers = TopicsInMemory()
        ensure_topics(settings(topic_partitions=12), brokers.client)
        brokers.topics["agent.executed"].config["retention.ms"] = "1"
        with pytest.raises(ConfigurationError, match="has 12 partitions, more than the 6 declared"):
            ensure_topics(settings(), brokers.client)
        assert brokers.topics["agent.executed"].config["retention.ms"] == "1"

    def test_topics_of_others_are_not_touched(self):
        brokers = TopicsInMemory(others=Topic(99, 1, {"retention.ms": "5"}))
        ensure_topics(settings(), brokers.client)
        assert brokers.topics["others"] == Topic(99, 1, {"retention.ms": "5"})

    def test_amazon_msk_is_asked_only_for_what_msk_serverless_lets_one_set(self):
        brokers = TopicsInMemory()
        ensure_topics(settings(kafka_security="iam"), brokers.client)
        made = {"cleanup.policy": "delete", "retention.ms": WEEK}
        assert brokers.topics == {name: Topic(6, BROKERS_DECIDE, made) for name in TOPICS}

    @pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
    def test_one_replica_may_be_away(self, replication: int, in_sync: str):
        brokers = TopicsInMemory()
        ensure_topics(settings(topic_replication=replication), brokers.client)
        assert brokers.topics["agent.executed"].config["min.insync.replicas"] == in_sync

    def test_a_topic_that_somebody_made_meanwhile_is_no_fault(self):
        brokers = TopicsInMemory()
        brokers.refuse["create_topics"] = KafkaError.TOPIC_ALREADY_EXISTS
        assert ensure_topics(settings(), brokers.client).created == [*TOPICS]

    @pytest.mark.parametrize(
        ("code", "remedy"),
        [
            (KafkaError.TOPIC_AUTHORIZATION_FAILED, "create, describe and alter topics"),
            (KafkaError.INVALID_REPLICATION_FACTOR, "TOPIC_REPLICATION"),
            (KafkaError.INVALID_CONFIG, "do not allow"),
        ],
    )
    def test_a_refusal_names_topic_cause_and_remedy(self, code: int, remedy: str):
        brokers = TopicsInMemory()
        brokers.refuse["create_topics"] = code
        with pytest.raises(ConfigurationError, match=f"agent.executed.*the brokers' own words.*{remedy}"):
            ensure_topics(settings(), brokers.client)

    @pytest.mark.parametrize(
        ("operation", "code"),
        [("list_topics", KafkaError._TRANSPORT), ("create_topics", KafkaError.REQUEST_TIMED_OUT)],
    )
    def test_brokers_that_do_not_answer_are_told_with_what_to_look_at(self, operation: str, code: int):
        brokers = TopicsInMemory()
        brokers.refuse[operation] = code
        with pytest.raises(StorageUnavailable, match=r"b:9092 do not answer.*KAFKA_SECURITY"):
            ensure_topics(settings(), brokers.client)

    def test_a_real_client_finds_the_topics_of_real_brokers(
        self, kafka_brokers: KafkaBrokers, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(topics, "_configure", lambda *_: [])  # the mock cluster tells no settings
        found = ensure_topics(CreateTopicsSettings(kafka_bootstrap=kafka_brokers.bootstrap))
        assert found == Topics([], [])

    def test_real_brokers_that_are_away_are_told(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(topics, "ANSWER_SECONDS", 0.5)
        with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1 do not answer"):
            ensure_topics(CreateTopicsSettings(kafka_bootstrap="127.0.0.1:1"))


class TestReadRange:
    """Records of a topic read again."""

    @pytest.fixture
    def event(self) -> CloudEvent:
        return CloudEvent(type="workflow.failed", subject="run-1", data={})

    def test_exactly_the_range_is_read_in_order(self, kafka_brokers: KafkaBrokers):
        events = [CloudEvent(type="workflow.failed", subject="run-1", data={"number": n}) for n in range(20)]
        KafkaPublisher(kafka_brokers.settings).publish(events)
        partition = kafka_brokers.read("workflow.failed")[0].partition()
        assert partition is not None
        found = read_range(kafka_brokers.settings, "workflow.failed", partition, 5, 9)
        assert [each.event for each in found] == events[5:10]
        assert found[0].place == f"workflow.failed-{partition}-5"

    @pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 1), (5, 9)])
    def test_records_that_are_not_there_are_told(
        self, kafka_brokers: KafkaBrokers, event: CloudEvent, first: int, last: int
    ):
        KafkaPublisher(kafka_brokers.settings).publish([event])
        partition = kafka_brokers.read("workflow.failed")[0].partition() or 0
        with pytest.raises(NotFound, match="Publish that time again from the outbox"):
            read_range(kafka_brokers.settings, "workflow.failed", partition, first, last)

    def test_brokers_that_are_away_are_told(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(topics, "ANSWER_SECONDS", 0.5)
        with pytest.raises(StorageUnavailable):
            read_range(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), "workflow.failed", 0, 0, 1)
