"""Where facts go: to Kafka, the audit log and the figures, to webhooks and, if nothing helps, to the dead letters."""

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from standardwebhooks.webhooks import Webhook

from agent_platform.events.envelope import CloudEvent
from agent_platform.ids import new_id
from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.platform_process import PlatformProcess
from tests.e2e.test_events import REGION, Events
from tests.e2e.test_workflows import checked_invoice, over, published, started
from tests.fakes.receiver import Receiver

PATIENCE_SECONDS = 90.0
BROKERS = (1, 2, 3)


class Person:
    """Somebody new, whose figures begin at nothing."""

    def __init__(self, platform: PlatformProcess) -> None:
        self._account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "a long pass phrase"}
        self.client = platform.client()
        self.client.post("/api/v1/auth/register", json={**self._account, "name": "Mira"}).raise_for_status()
        sign_in(self.client, self._account)
        self.id = str(self.client.get("/api/v1/me").json()["id"])

    def after_a_restart(self, platform: PlatformProcess) -> None:
        """Go on at the platform that was started again."""
        self.client.close()
        self.client = platform.client()
        sign_in(self.client, self._account)

    def execute(self, example_input: dict[str, object], trace_id: str | None = None) -> str:
        """Execute the reference agent; the id of the execution."""
        headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"} if trace_id else {}
        answer = self.client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    @property
    def figures(self) -> dict[str, Any]:
        """What analytics says of this person's executions today."""
        answer = self.client.get("/api/v1/analytics/overview")
        assert answer.status_code == 200, answer.text
        figures: dict[str, Any] = answer.json()["now"]
        return figures

    def counted(self, executions: int) -> bool:
        """Whether analytics has counted as many."""
        return bool(self.figures["executions"] >= executions)


class Topics:
    """Reads whole topics."""

    def __init__(self, platform: PlatformProcess) -> None:
        self._bootstrap = platform.running["kafka"]

    def read(self, topic: str) -> list[dict[str, Any]]:
        """Every event of a topic, by partition in its order, with the key and the headers of its message."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "reader", "enable.partition.eof": True})
        with closing(consumer):
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
            found, unread = [], len(partitions)
            while unread:
                message = consumer.poll(10)
                assert message is not None, f"the topic {topic} cannot be read"
                if message.error():
                    unread -= 1  # the end of a partition
                    continue
                headers = {name: value.decode() for name, value in _headers(message)}
                event = json.loads(message.value() or b"")
                found.append({"key": (message.key() or b"").decode(), "headers": headers, "event": event})
            return found

    def about(self, topic: str, *ids: str) -> list[dict[str, Any]]:
        """Those of these executions or runs."""
        return [each for each in self.read(topic) if each["event"]["data"]["id"] in ids]


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers: Any = message.headers()
    return list(headers or [])


@pytest.fixture
def person(platform: PlatformProcess) -> Iterator[Person]:
    person = Person(platform)
    yield person
    person.client.close()


@pytest.fixture
def admin(platform: PlatformProcess) -> Iterator[httpx.Client]:
    with platform.client() as client:
        sign_in(client, platform.account("admin"))
        yield client


@pytest.fixture
def outbox(platform: PlatformProcess) -> Any:
    """The outbox's table, as the relay's stream sees it."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    name = platform.outputs["AgentPlatform-local-Data"]["OutboxTableName"]
    return session.resource("dynamodb", endpoint_url=platform.running["emulator"]).Table(name)


def until[T](look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, as soon as it finds anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)
    return found


def audited(admin: httpx.Client, person: Person) -> list[dict[str, Any]]:
    """What the audit log has of a person's executions and runs, the oldest first."""
    answer = admin.get("/api/v1/audit", params={"owner": person.id, "limit": 100})
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["items"]))


def brokers(platform: PlatformProcess, what: str) -> None:
    """Take all brokers down, or up again."""
    for broker in BROKERS:
        httpx.post(f"{platform.running['kafka_control']}/brokers/{broker}/{what}", trust_env=False).raise_for_status()


def test_executions_reach_topic_audit_log_and_figures_under_one_id_and_in_order(
    platform: PlatformProcess, person: Person, admin: httpx.Client, example_input: dict[str, object]
) -> None:
    trace_id = uuid.uuid4().hex

    executions = [person.execute(example_input, trace_id) for _ in range(3)]
    until(lambda: person.counted(3), "the figures")

    messages = Topics(platform).about("agent.executed", *executions)
    assert [each["event"]["data"]["id"] for each in messages] == executions
    assert {each["key"] for each in messages} == {REFERENCE}
    assert all(each["headers"]["ce_id"] == each["event"]["id"] for each in messages)
    assert {each["headers"]["traceparent"].split("-")[1] for each in messages} == {trace_id}
    entries = audited(admin, person)
    assert [each["event_id"] for each in entries] == [each["event"]["id"] for each in messages]
    assert [each["event"] for each in entries] == [each["event"] for each in messages]
    figures = person.figures
    assert (figures["executions"], figures["succeeded"], figures["failed"]) == (3, 3, 0)
    spent = sum(each["event"]["data"]["cost_usd"] for each in messages)
    assert figures["cost_usd"] == pytest.approx(spent)


def test_a_run_reaches_its_topics_and_the_history_of_its_workflow(
    platform: PlatformProcess, person: Person, admin: httpx.Client, example_input: dict[str, object]
) -> None:
    workflow = published(person.client, checked_invoice("check-invoice"))
    run = over(person.client, started(person.client, workflow, {**example_input, "approver": "nobody@example.org"}))

    def history() -> Any:
        items = person.client.get("/api/v1/analytics/workflows").json()["items"]
        return next((each for each in items if each["workflow_id"] == workflow and each["succeeded"]), None)

    figures = until(history, "the history of the workflow")
    topics = Topics(platform)
    (began,) = topics.about("workflow.started", run["id"])
    (ended,) = topics.about("workflow.completed", run["id"])
    assert began["key"] == ended["key"] == run["id"]
    assert (figures["runs"], figures["succeeded"]) == (1, 1)
    kinds = [each["type"] for each in audited(admin, person)]
    assert sorted(kinds) == ["agent.executed", "workflow.completed", "workflow.started"]


def test_without_brokers_nothing_stops_and_afterwards_nothing_is_missing_or_counted_twice(
    platform: PlatformProcess, person: Person, admin: httpx.Client, example_input: dict[str, object]
) -> None:
    with closing(Events(platform)) as bus:
        brokers(platform, "down")
        try:
            executions = [person.execute(example_input) for _ in range(5)]
            assert bus.until(executions[-1])
            assert person.figures["executions"] == 0
        finally:
            brokers(platform, "up")
    up = time.monotonic()
    until(lambda: person.counted(5), "the figures after the outage")
    print(f"drained in {time.monotonic() - up:.1f} s after the brokers came back")

    person.execute(example_input)
    until(lambda: person.counted(6), "the figures of what came later")
    entries = audited(admin, person)
    assert [each["event"]["data"]["id"] for each in entries][:5] == executions
    assert len({each["event_id"] for each in entries}) == len(entries) == 6
    assert person.figures["executions"] == 6


def test_an_event_that_cannot_be_published_waits_as_a_dead_letter_until_it_is_mended(
    person: Person, admin: httpx.Client, outbox: Any, example_input: dict[str, object]
) -> None:
    event_id = new_id()
    item = {"subject": REFERENCE, "id": event_id, "expires_at": int(time.time()) + 3600}
    outbox.put_item(Item={**item, "event": "{no event at all"})
    person.execute(example_input)

    def letters() -> dict[str, dict[str, Any]]:
        listed = admin.get("/api/v1/dead-letters", params={"state": "open", "limit": 100}).json()["items"]
        found = {each["source"]: each for each in listed if each["event_id"] == event_id}
        return found if len(found) == 2 else {}

    until(lambda: person.counted(1), "the event behind the one that nobody can read")
    waiting = until(letters, "both dead letters")
    assert set(waiting) == {"relay-bus", "relay-kafka"}
    (whole,) = [each["event"] for each in audited(admin, person)]
    mended = CloudEvent.model_validate({**whole, "id": event_id})
    outbox.put_item(Item={**item, "event": mended.model_dump_json(exclude_none=True)})
    for letter in waiting.values():
        done = admin.post(f"/api/v1/dead-letters/{letter['id']}/redrive")
        assert done.status_code == 200, done.text
        assert done.json()["state"] == "redriven", done.text
    until(lambda: person.counted(2), "the mended event")
    assert event_id in [each["event_id"] for each in audited(admin, person)]


def test_a_webhook_is_signed_retried_and_delivered_once(
    person: Person, the_receiver: Receiver, example_input: dict[str, object]
) -> None:
    the_receiver.received.clear()
    the_receiver.answers(503)
    made = person.client.post("/api/v1/webhooks", json={"url": the_receiver.url, "events": ["agent.executed"]})
    assert made.status_code == 201, made.text
    webhook, secret = made.json()["id"], made.json()["secret"]

    execution = person.execute(example_input)
    until(lambda: the_receiver.received, "the first try")
    the_receiver.answers(204)

    def delivered() -> dict[str, Any] | None:
        items = person.client.get(f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
        return next((each for each in items if each["state"] == "delivered"), None)

    delivery = until(delivered, "the delivery")
    tried = list(the_receiver.received)
    assert len(tried) == len(delivery["attempts"]) == 2
    for request in tried:
        event = Webhook(secret).verify(request.body, {name.lower(): value for name, value in request.headers.items()})
        assert event["data"]["id"] == execution
        assert event["id"] == delivery["id"]
    person.client.delete(f"/api/v1/webhooks/{webhook}").raise_for_status()


def test_figures_built_anew_are_the_same(
    platform: PlatformProcess, person: Person, admin: httpx.Client, example_input: dict[str, object]
) -> None:
    person.execute(example_input)
    until(lambda: person.counted(1), "the figures")
    reports = ("overview", "timeseries", "agents", "groups", "users", "errors", "latency", "workflows")

    def all_reports() -> dict[str, Any]:
        return {name: admin.get(f"/api/v1/analytics/{name}", params={"scope": "all"}).json() for name in reports}

    before = all_reports()
    done = platform.command("infra_cdk.rebuild_projections", "local")

    assert done.returncode == 0, done.stderr
    assert "100%" in done.stdout
    assert all_reports() == before
    assert before["overview"]["complete"]


def test_after_a_restart_nothing_is_missing_of_what_was_published_before_and_new_events_are_relayed(
    platform: PlatformProcess, person: Person, example_input: dict[str, object]
) -> None:
    bridge = min(pid for pid, command in platform.processes().items() if "kafka_bridge" in command)
    os.kill(bridge, signal.SIGSTOP)
    executions = [person.execute(example_input) for _ in range(4)]
    topics = Topics(platform)
    until(lambda: len(topics.about("agent.executed", *executions)) == 4, "the topic")
    assert person.figures["executions"] == 0

    assert platform.stop() == 0
    platform.start()
    person.after_a_restart(platform)
    with platform.client() as again:
        sign_in(again, platform.account("admin"))
        until(lambda: person.counted(4), "the figures after the restart")
        entries = audited(again, person)

    assert sorted(each["event"]["data"]["id"] for each in entries) == sorted(executions)
    assert person.figures["executions"] == 4
    with closing(Events(platform)) as bus:
        assert bus.until(person.execute(example_input))
    until(lambda: person.counted(5), "the figures of what came later")
