"""The brokers of `make run`: found behind one port whoever of them is down, and taken down and up by the control."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer

from agent_platform.events.topics import TOPICS
from infra_cdk.local.ports import next_free
from tests.fakes.kafka import ROOT, SERVER, KafkaBrokers, kafka_brokers

__all__ = ["kafka_brokers"]


def test_the_control_tells_where_the_brokers_are(kafka_brokers: KafkaBrokers):
    with urllib.request.urlopen(kafka_brokers.control, timeout=30) as answer:  # noqa: S310 - loopback
        assert json.load(answer) == {"bootstrap": kafka_brokers.bootstrap, "brokers": [1, 2, 3]}


@pytest.mark.parametrize("path", ["", "brokers/4/down", "brokers/1/sideways", "brokers/one/up"])
def test_the_control_says_what_can_be_asked_of_it(kafka_brokers: KafkaBrokers, path: str):
    request = urllib.request.Request(f"{kafka_brokers.control}/{path}", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass
    with refused.value as answer:
        assert (answer.code, "/brokers/<id>/down" in json.load(answer)["message"]) == (404, True)


def test_every_topic_is_there(kafka_brokers: KafkaBrokers):
    found = Producer({"bootstrap.servers": kafka_brokers.bootstrap}).list_topics(timeout=30)
    assert {*found.topics} == {*TOPICS}
    assert {len(topic.partitions) for topic in found.topics.values()} == {6}


@pytest.mark.parametrize("down", [1, 2, 3])
def test_whoever_is_down_the_others_are_found(kafka_brokers: KafkaBrokers, down: int):
    kafka_brokers.down(down)
    found = Producer({"bootstrap.servers": kafka_brokers.bootstrap}).list_topics(timeout=30)
    assert {*found.topics} == {*TOPICS}


def test_a_consumer_of_a_group_gets_what_was_published(kafka_brokers: KafkaBrokers):
    producer = Producer({"bootstrap.servers": kafka_brokers.bootstrap})
    producer.produce("agent.executed", b"value", key=b"key")
    assert producer.flush(30) == 0
    consumer = Consumer(
        {"bootstrap.servers": kafka_brokers.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe(["agent.executed"])
        message = consumer.poll(60)
        assert message is not None
        assert (message.error(), message.value()) == (None, b"value")
    finally:
        consumer.close()


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A server on ports that were chosen."""
    port = next_free(19092)
    arguments = [sys.executable, str(SERVER), "--port", str(port), "--control-port", str(next_free(port + 1))]
    environment = {"PYTHONPATH": f"{ROOT / 'layers/platform/python'}:{ROOT}"}
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield process
        process.kill()


def test_it_serves_on_the_ports_it_is_given_and_ends_when_asked(server: subprocess.Popen[str]):
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    host, _, port = told["bootstrap"].partition(":")
    assert host == "127.0.0.1"
    assert [str(each) for each in server.args].count(port) == 1  # type: ignore[union-attr]
    with socket.create_connection((host, int(port)), timeout=30):
        pass
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0
