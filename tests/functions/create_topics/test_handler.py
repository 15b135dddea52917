"""What a deployment and an operator may ask of the function that makes topics."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.events import topics
from agent_platform.events.topics import TOPICS
from functions.create_topics import handler as module
from functions.create_topics.handler import TOPICS_ID, handler
from tests.fakes.kafka_admin import TopicsInMemory


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Iterator[TopicsInMemory]:
    """Brokers without a topic, which the function finds in its environment."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "b:9092")
    monkeypatch.setenv("TOPIC_PARTITIONS", "3")
    made = TopicsInMemory()
    monkeypatch.setattr(module, "ensure_topics", lambda settings: topics.ensure_topics(settings, made.client))
    return made


def resource(kind: str, **more: Any) -> dict[str, Any]:
    """What CDK's provider framework sends for a custom resource."""
    return {"RequestType": kind, "ResourceProperties": {"Revision": "abc"}, **more}


def test_a_deployment_makes_the_topics_and_keeps_its_resource(brokers: TopicsInMemory):
    made = handler(resource("Create"), None)
    assert made == {"PhysicalResourceId": TOPICS_ID, "Data": {"created": ",".join(TOPICS), "changed": ""}}
    assert {topic.partitions for topic in brokers.topics.values()} == {3}
    again = handler(resource("Update", PhysicalResourceId=TOPICS_ID), None)
    assert again == {"PhysicalResourceId": TOPICS_ID, "Data": {"created": "", "changed": ""}}


def test_a_deleted_stack_keeps_its_topics(brokers: TopicsInMemory):
    handler(resource("Create"), None)
    brokers.asked.clear()
    assert handler(resource("Delete", PhysicalResourceId=TOPICS_ID), None)["PhysicalResourceId"] == TOPICS_ID
    assert brokers.asked == []


def test_an_operator_is_told_what_was_done(brokers: TopicsInMemory):
    assert handler({}, None) == {"created": [*TOPICS], "changed": []}
    brokers.topics["agent.executed"].config["retention.ms"] = "1"
    assert handler({}, None) == {"created": [], "changed": ["agent.executed"]}


def test_brokers_that_nobody_named_fail_the_deployment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP"):
        handler(resource("Create"), None)
