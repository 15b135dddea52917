"""From topics to the function, on brokers that are real enough to go away."""

import base64
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from agent_platform.settings import KafkaSettings
from infra_cdk.local import brokers, kafka_bridge
from infra_cdk.local.bridge import START_SECONDS, Options, bridge, reads
from infra_cdk.local.bridge_cloud import Unreachable
from infra_cdk.local.errors import ChildError
from infra_cdk.local.kafka_bridge import Bridge, Refusal, consumer
from infra_cdk.local.kafka_event import Record
from infra_cdk.local.ports import next_free
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.signals import StopSignals
from infra_cdk.local.state import State

PATIENCE_SECONDS = 60.0
TOPIC = "agent.executed"
FIRST_PORT = 19_092
REFUSED = ("ValueError", "no event")

Answer = Refusal | Exception | None


class Brokers:
    """The brokers of a run, and somebody who publishes there."""

    def __init__(self, port: int, control_port: int) -> None:
        self.settings = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        self._control = brokers.control_url(control_port)
        self._producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap})

    def publish(self, *values: str, key: str = "finance/checker") -> None:
        for value in values:
            self._producer.produce(TOPIC, value.encode(), key.encode())
        assert self._producer.flush(PATIENCE_SECONDS) == 0

    def all(self, what: str) -> None:
        for broker in (1, 2, 3):
            httpx.post(f"{self._control}/brokers/{broker}/{what}", trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def the_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    state = State(tmp_path_factory.mktemp("kafka"))
    state.create()
    port = next_free(FIRST_PORT)
    control_port = next_free(port + 1)
    with Children(StopSignals()) as children:
        server = brokers.server(state, port, control_port)
        children.start(server)
        server.wait_until(lambda: brokers.answers(control_port), brokers.START_SECONDS)
        yield Brokers(port, control_port)


_groups = itertools.count(1)


@pytest.fixture
def kafka(the_brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> Brokers:
    """Brokers on which the bridge's group has read nothing yet, and short pauses."""
    monkeypatch.setattr(kafka_bridge, "GROUP", f"projections-{next(_groups)}")
    monkeypatch.setattr(kafka_bridge, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(kafka_bridge, "PAUSES_OF_A_PART", (0.01,))
    monkeypatch.setattr(kafka_bridge, "LONGEST_PAUSE", 0.05)
    return the_brokers


class Function:
    """Keeps what it is given. `judge` may refuse an event by its values, or raise."""

    def __init__(self, judge: Callable[[list[str]], Answer] = lambda _: None) -> None:
        self.taken: list[str] = []
        self.given_up: list[tuple[str, Refusal, int]] = []
        self.asked = 0
        self._judge = judge

    def __call__(self, event: dict[str, Any]) -> Refusal | None:
        self.asked += 1
        assert event["eventSource"] == "aws:kafka"
        values = [base64.b64decode(each["value"]).decode() for part in event["records"].values() for each in part]
        answer = self._judge(values)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self.taken += values
        return answer

    def give_up(self, record: Record, reason: Refusal, tries: int) -> None:
        self.given_up.append((record.value().decode(), reason, tries))


@contextmanager
def bridging(kafka: Brokers, function: Function) -> Iterator[None]:
    """A bridge at work; leaving the block stops it in order."""
    stop = threading.Event()
    bridge = Bridge(consumer(kafka.settings), "127.0.0.1", function, function.give_up, stop)
    thread = threading.Thread(target=bridge.run, args=([TOPIC],))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@contextmanager
def process(directory: Path, port: int) -> Iterator[Child]:
    """The bridge's own process, as the runner starts it."""
    state = State(directory)
    state.create()
    options = Options("http://127.0.0.1:1", "project", "relay", "queue", "outbox", "letters", {}, catches_up=False)
    with Children(StopSignals()) as children:
        child = bridge(state, brokers.own(port), None, options)
        children.start(child)
        yield child


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def mine(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number:03}" for number in range(count)]


def of(prefix: str, values: list[str]) -> list[str]:
    """Those of this test: the topic has those of the others too."""
    return [value for value in values if value.startswith(prefix)]


def test_all_records_arrive_in_order_and_none_a_second_time_after_a_restart(kafka: Brokers) -> None:
    first, second = Function(), Function()
    kafka.publish(*mine("restart", 250))

    with bridging(kafka, first):
        until(lambda: len(of("restart", first.taken)) == 250, "all records")
    with bridging(kafka, second):
        kafka.publish("restart later")
        until(lambda: of("restart", second.taken), "the record after the restart")

    assert of("restart", first.taken) == mine("restart", 250)
    assert of("restart", second.taken) == ["restart later"]


def test_a_passing_fault_costs_no_record_and_no_order(kafka: Brokers) -> None:
    faults: list[Answer] = [REFUSED, Unreachable("starting"), Unreachable("starting"), REFUSED]
    function = Function(lambda values: faults.pop() if faults and of("passing", values) else None)

    kafka.publish(*mine("passing", 20))
    with bridging(kafka, function):
        until(lambda: len(of("passing", function.taken)) >= 20, "all records")

    assert of("passing", function.taken) == mine("passing", 20)
    assert function.given_up == []


def test_a_record_that_is_never_taken_goes_out_of_the_way_and_the_others_arrive_in_order(kafka: Brokers) -> None:
    poison = "poison 041"
    function = Function(lambda values: REFUSED if poison in values else None)

    kafka.publish(*mine("poison", 100))
    with bridging(kafka, function):
        until(lambda: len(of("poison", function.taken)) >= 99, "the others")
        kafka.publish("poison after")
        until(lambda: "poison after" in function.taken, "what comes behind")

    assert of("poison", function.taken) == [each for each in mine("poison", 100) if each != poison] + ["poison after"]
    assert function.given_up == [(poison, REFUSED, 2)]
    assert function.asked < 60


def test_what_was_under_way_at_the_stop_comes_again(kafka: Brokers) -> None:
    unlucky = Function(lambda values: Unreachable("gone") if of("stopped", values) else None)
    lucky = Function()
    kafka.publish(*mine("stopped", 5))

    with bridging(kafka, unlucky):
        until(lambda: unlucky.asked > 1, "the first tries")
    with bridging(kafka, lucky):
        until(lambda: len(of("stopped", lucky.taken)) >= 5, "what was under way")

    assert of("stopped", lucky.taken) == mine("stopped", 5)


def test_brokers_that_go_away_and_come_back_cost_nothing(kafka: Brokers) -> None:
    function = Function()
    with bridging(kafka, function):
        kafka.publish("away before")
        until(lambda: "away before" in function.taken, "the record before")
        kafka.all("down")
        kafka.all("up")
        kafka.publish("away after")
        until(lambda: "away after" in function.taken, "the record after")

    assert sorted(set(of("away", function.taken))) == ["away after", "away before"]


def test_the_runner_knows_when_the_bridge_reads(the_brokers: Brokers, tmp_path: Path) -> None:
    port = int(the_brokers.settings.kafka_bootstrap.rpartition(":")[2])
    with process(tmp_path, port) as child:
        assert not reads(child)
        child.wait_until(lambda: reads(child), START_SECONDS)


def test_a_bridge_without_brokers_does_not_read(tmp_path: Path) -> None:
    with process(tmp_path, next_free(FIRST_PORT + 100)) as child:
        until(lambda: "do not answer" in child.log.read_text(), "its first words")
        with pytest.raises(ChildError, match=r"(?s)The Kafka bridge was not ready.*do not answer"):
            child.wait_until(lambda: reads(child), 0.1)
