"""Kafka: what arrives there, in which order, and what becomes of what cannot."""

import ctypes
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.kafka import KafkaPublisher, client_config
from agent_platform.events.publishing import Outcome
from agent_platform.settings import KafkaSettings
from infra_cdk.local.kafka_server import MockCluster
from tests.fakes.aws import store_secret
from tests.fakes.kafka import KafkaBrokers, kafka_brokers

__all__ = ["kafka_brokers"]

SECONDS = 2.0
"""How long a batch may take here."""


def events(count: int, subjects: int = 1, **fields: Any) -> list[CloudEvent]:
    return [
        CloudEvent(type="agent.executed", subject=f"a/{number % subjects}", data={"number": number, **fields})
        for number in range(count)
    ]


def numbers(messages: list[Message]) -> list[int]:
    return [json.loads(message.value() or b"")["data"]["number"] for message in messages]


@pytest.fixture
def publisher(kafka_brokers: KafkaBrokers) -> KafkaPublisher:
    return KafkaPublisher(kafka_brokers.settings, seconds=SECONDS)


def test_an_event_arrives_whole_under_its_subject_with_what_consumers_route_by(
    publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    event = CloudEvent(type="workflow.failed", subject="run-1", traceparent=trace, data={"ü": 1})
    assert publisher.publish([event]) == Outcome()
    (message,) = kafka_brokers.read("workflow.failed")
    assert CloudEvent.model_validate_json(message.value() or b"") == event
    assert message.key() == b"run-1"
    assert message.headers() == [
        ("content-type", b"application/cloudevents+json"),
        ("ce_id", event.id.encode()),
        ("ce_type", b"workflow.failed"),
        ("traceparent", trace.encode()),
    ]
    assert [len(kafka_brokers.read(topic)) for topic in ("agent.executed", "workflow.started")] == [0, 0]


def test_what_is_about_one_subject_stays_in_order_on_one_partition(
    publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
):
    for batch in range(5):
        assert publisher.publish(events(100, 7, batch=batch)) == Outcome()
    places, told = defaultdict(set), defaultdict(list)
    for message in kafka_brokers.read("agent.executed"):
        data = json.loads(message.value() or b"")["data"]
        places[message.key()].add(message.partition())
        told[message.key()].append((data["batch"], data["number"]))
    assert len(told) == 7
    assert all(len(each) == 1 for each in places.values())
    assert all(each == sorted(each) for each in told.values())


def test_a_subject_lies_where_the_clients_of_java_look_for_it(publisher: KafkaPublisher, kafka_brokers: KafkaBrokers):
    publisher.publish([CloudEvent(type="agent.executed", subject="post/parcel-weigher", data={})])
    (message,) = kafka_brokers.read("agent.executed")
    assert message.partition() == (_murmur2(b"post/parcel-weigher") & 0x7FFFFFFF) % 6


def _murmur2(data: bytes) -> int:
    """Kafka's `Utils.murmur2` (org.apache.kafka.common.utils)."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def test_nothing_to_publish_needs_no_brokers():
    assert KafkaPublisher(KafkaSettings(kafka_bootstrap="127.0.0.1:1")).publish([]) == Outcome()


class TestRefused:
    """What the brokers never take goes out of the way of the others."""

    def test_an_event_that_is_too_large_is_refused_for_good_and_the_rest_arrives(
        self, publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
    ):
        batch = events(5)
        batch[2] = CloudEvent(type="agent.executed", subject="a/0", data={"number": 2, "text": "x" * 1_100_000})
        outcome = publisher.publish(batch)
        assert outcome.again == set()
        assert {*outcome.refused} == {batch[2].id}
        assert "MSG_SIZE_TOO_LARGE" in outcome.refused[batch[2].id].message
        assert numbers(kafka_brokers.read("agent.executed")) == [0, 1, 3, 4]


BROKERS_SAY = [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.RECORD_LIST_TOO_LARGE]
PRODUCE = 0


class TestRefusedTogether:
    """An answer of a broker is about a record batch: the client repeats it for each event in it.

    On a slow machine events may go out in two requests, of which one is refused: then order is not kept.
    """

    @pytest.fixture
    def brokers(self) -> Iterator[KafkaBrokers]:
        self.cluster = MockCluster()
        self.cluster.create_topic("agent.executed")
        yield KafkaBrokers(",".join(f"{host}:{port}" for host, port in self.cluster.addresses), "")
        self.cluster._call("rd_kafka_mock_cluster_destroy", self.cluster._mock, returns=None)

    @pytest.fixture
    def answer(self) -> Callable[..., None]:
        """What the brokers say to the next requests to take records; 0 is that they do."""

        def push(*codes: int) -> None:
            errors = (ctypes.c_int * len(codes))(*codes)
            arguments = ctypes.c_int16(PRODUCE), ctypes.c_size_t(len(codes)), errors
            name = "rd_kafka_mock_push_request_errors_array"
            self.cluster._call(name, self.cluster._mock, *arguments, returns=None)

        return push

    @pytest.mark.parametrize("code", BROKERS_SAY)
    def test_what_is_said_of_a_hundred_is_believed_of_none(
        self, brokers: KafkaBrokers, answer: Callable[..., None], code: int
    ):
        publisher = KafkaPublisher(brokers.settings, seconds=20)
        assert publisher.publish(events(1)) == Outcome()
        answer(code)
        assert publisher.publish(events(100, pad="x" * 2_000)) == Outcome()
        assert sorted(numbers(brokers.read("agent.executed"))[1:]) == [*range(100)]

    def test_what_is_said_of_one_alone_is_believed_and_the_others_arrive(
        self, brokers: KafkaBrokers, answer: Callable[..., None]
    ):
        publisher = KafkaPublisher(brokers.settings, seconds=20)
        publisher.publish(events(1))
        batch = events(10)
        answer(KafkaError.INVALID_RECORD, 0, KafkaError.INVALID_RECORD)
        outcome = publisher.publish(batch)
        assert outcome.again == set()
        ((refused, why),) = outcome.refused.items()
        assert "INVALID_RECORD" in why.message
        arrived = sorted(numbers(brokers.read("agent.executed"))[1:])
        assert arrived == [number for number, event in enumerate(batch) if event.id != refused]

    def test_a_single_event_is_asked_about_once(self, brokers: KafkaBrokers, answer: Callable[..., None]):
        publisher = KafkaPublisher(brokers.settings, seconds=20)
        publisher.publish(events(1))
        (event,) = events(1)
        answer(KafkaError.INVALID_RECORD)
        assert {*publisher.publish([event]).refused} == {event.id}

    def test_where_the_time_is_up_nothing_is_given_up(
        self, brokers: KafkaBrokers, answer: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ):
        publisher = KafkaPublisher(brokers.settings, seconds=20)
        publisher.publish(events(1))
        clock = iter([0.0, 0.0, 1.0, 2.0, 21.0])  # one of them is sent alone
        monkeypatch.setattr("agent_platform.events.kafka.monotonic", lambda: next(clock, 21.0))
        batch = events(5)
        answer(KafkaError.INVALID_RECORD)
        outcome = publisher.publish(batch)
        assert outcome.refused == {}
        assert outcome.again == {event.id for event in batch[1 : len(outcome.again) + 1]} != set()


class TestDown:
    """Brokers that are away."""

    def test_one_broker_less_holds_up_what_it_leads_and_no_longer_than_allowed(
        self, publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
    ):
        publisher.publish(events(60, 30))
        kafka_brokers.down(1)
        batch = events(60, 30)
        outcome = publisher.publish(batch)
        assert outcome.refused == {}
        kafka_brokers.up(1)
        while outcome.again:
            batch = [event for event in batch if event.id in outcome.again]
            outcome = publisher.publish(batch)
        assert outcome == Outcome()
        ids = {message.headers()[1][1] for message in kafka_brokers.read("agent.executed")}  # type: ignore[index]
        assert len(ids) == 120

    def test_all_brokers_down_fails_within_the_bound_and_recovers_in_order(
        self, publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
    ):
        publisher.publish(events(10))
        kafka_brokers.down()
        batch = events(20)
        began = monotonic()
        outcome = publisher.publish(batch)
        lasted = monotonic() - began
        assert (outcome.again, outcome.refused) == ({event.id for event in batch}, {})
        assert lasted < 10 * SECONDS  # it does not wait for the brokers; the machine may be slow
        kafka_brokers.up()
        while outcome.again:
            outcome = publisher.publish(batch)
        seen = dict.fromkeys(
            json.loads(message.value() or b"")["id"] for message in kafka_brokers.read("agent.executed")
        )
        assert [each for each in seen if each in {event.id for event in batch}] == [event.id for event in batch]

    def test_brokers_that_were_never_there_are_told_in_the_same_way(self):
        nowhere = KafkaPublisher(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), seconds=0.3)
        batch = events(3)
        assert nowhere.publish(batch) == Outcome(again={event.id for event in batch})

    def test_nothing_that_was_given_up_is_sent_behind_what_follows(
        self, publisher: KafkaPublisher, kafka_brokers: KafkaBrokers
    ):
        publisher.publish(events(1))
        kafka_brokers.down()
        publisher.publish(events(5, given_up=True))
        kafka_brokers.up()
        batch = events(3, later=True)
        while publisher.publish(batch).again:
            pass
        data = [json.loads(message.value() or b"")["data"] for message in kafka_brokers.read("agent.executed")]
        # What was purged never arrives, or arrived before: the stream brings it again.
        assert not any(each.get("given_up") for each in data[-3:])


@pytest.fixture
def secret(aws: None) -> str:
    return store_secret("kafka", {"username": "platform", "password": "s3cret"})


class TestSecurity:
    """Ways to reach brokers."""

    def test_plaintext_and_tls(self):
        plain = client_config(KafkaSettings(kafka_bootstrap="b:9092"))
        assert plain["bootstrap.servers"] == "b:9092"
        assert "security.protocol" not in plain
        tls = client_config(KafkaSettings(kafka_bootstrap="b:9094", kafka_security="tls"))
        assert tls["security.protocol"] == "ssl"

    @pytest.mark.parametrize(("security", "mechanism"), [("plain", "PLAIN"), ("scram", "SCRAM-SHA-512")])
    def test_a_password_comes_from_the_secret_and_travels_over_tls_only(
        self, secret: str, security: Any, mechanism: str
    ):
        config = client_config(KafkaSettings(kafka_bootstrap="b", kafka_security=security, kafka_secret_arn=secret))
        assert config["security.protocol"] == "sasl_ssl"
        assert config["sasl.mechanism"] == mechanism
        assert (config["sasl.username"], config["sasl.password"]) == ("platform", "s3cret")
        Producer(config)

    def test_amazon_msk_gets_a_token_of_the_function_s_role(self):
        settings = KafkaSettings(kafka_bootstrap="b", kafka_security="iam", aws_region="eu-central-1")
        config = client_config(settings)
        assert (config["security.protocol"], config["sasl.mechanism"]) == ("sasl_ssl", "OAUTHBEARER")
        token, expires = config["oauth_cb"]("")
        assert len(token) > 100
        assert expires > 1_700_000_000  # seconds, not milliseconds
        assert expires < 100_000_000_000
        Producer(config)

    def test_without_credentials_the_batch_comes_again_and_the_reason_is_told_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        settings = KafkaSettings(kafka_bootstrap="b", kafka_security="iam", aws_region="eu-central-1")
        with pytest.raises(StorageUnavailable, match="KAFKA_SECURITY=iam signs it with the credentials"):
            KafkaPublisher(settings).publish(events(1))

    @pytest.mark.parametrize(
        ("settings", "names"),
        [
            ({}, "KAFKA_BOOTSTRAP"),
            ({"kafka_bootstrap": "b", "kafka_security": "scram"}, "KAFKA_SECRET_ARN"),
            ({"kafka_bootstrap": "b", "kafka_security": "iam"}, "AWS_REGION"),
        ],
    )
    def test_what_is_missing_is_named(self, settings: dict[str, Any], names: str):
        with pytest.raises(ConfigurationError, match=names):
            client_config(KafkaSettings(**settings))

    @pytest.mark.usefixtures("aws")
    def test_an_incomplete_secret_is_named_without_its_content(self):
        arn = store_secret("half", {"username": "platform", "passphrase": "s3cret"})
        settings = KafkaSettings(kafka_bootstrap="b", kafka_security="plain", kafka_secret_arn=arn)
        with pytest.raises(ConfigurationError, match="`username` and `password`") as error:
            client_config(settings)
        assert "s3cret" not in str(error.value)
