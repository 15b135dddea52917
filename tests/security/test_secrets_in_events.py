"""Secrets in events, in webhooks and in what receivers answer come to light nowhere but where they are kept."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from agent_platform.ids import new_id
from functions.deliver_webhooks import handler as deliver_webhooks
from functions.project_events import handler as project_events
from tests.fakes.aws import WEBHOOKS_TABLE, store_secret
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.otlp import collector
from tests.fakes.platform_events import an_event
from tests.fakes.postgres import Server, database
from tests.fakes.receiver import Receiver
from tests.fakes.webhooks import ADA, Hooks, one_call_at_a_time
from tests.functions.deliver_webhooks.test_handler import batch, from_the_bus, hooks, receiver, url, waiting
from tests.functions.project_events.test_handler import from_kafka, from_queue, letters, text
from tests.security.canaries import Canaries
from tests.security.test_secrets_stay_out import canaries

__all__ = ["canaries", "collector", "database", "hooks", "letters", "log", "one_call_at_a_time", "receiver"]


def test_what_stands_in_events_that_are_projected(
    canaries: Canaries, letters: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = canaries.plant
    good = text(an_event(note=plant("event: field")))
    broken = [text(an_event(note=f"{plant('event: field that cannot be kept')}\0")), *broken_events(canaries)]
    for source in (from_queue, from_kafka):
        assert invoke(canaries, project_events.handler, source(good, *broken)) == {"batchItemFailures": []}
    assert len(payloads(canaries, letters)) == 2 * len(broken)
    for order in (
        *({"redrive": {"event": each}} for each in broken),
        {"redrive": {"event": {"x": plant("order: event of a wrong type")}}},
        {"redrive": plant("order: of a wrong type"), "rebuild": plant("order: rebuild")},
        {"redrive": {"event": "{}", plant("order: name of a field"): plant("order: of it")}},
    ):
        invoke(canaries, project_events.handler, order)
    gone = postgres.secret("absent") | {"password": plant("database: password")}
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("gone", gone))
    project_events._projector.cache_clear()
    invoke(canaries, project_events.handler, from_queue(good))
    canaries.check({})
    assert len(canaries.planted) >= 14


def test_what_stands_in_webhooks_and_in_what_receivers_answer(
    canaries: Canaries, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = canaries.plant
    monkeypatch.setattr("agent_platform.webhooks.schedule.PAUSES", ())

    def knows_no_name(host: str, _: int) -> list[str]:
        raise OSError(f"{host} is not known")

    monkeypatch.setattr("agent_platform.egress.client._look_up", knows_no_name)

    def deliver(*bodies: Any) -> None:
        assert invoke(canaries, deliver_webhooks.handler, batch(*bodies)) == {"batchItemFailures": []}

    path = f"{plant('webhook: path')}?key={plant('webhook: query')}"
    made, canaries.planted["webhook: secret"] = hooks.subscribe(f"http://{receiver.allow}/{path}")
    person = f"{plant('webhook: user')}:{plant('webhook: password')}"
    for address in (f"http://{person}@{receiver.allow}/", f"https://{plant('webhook: host')}.invalid/"):
        # The API takes no such address; what lies in the table all the same is not repeated either.
        hooks.repository.add(made.model_copy(update={"id": new_id(), "url": address}))
    for status in (200, 302, 500, 410):
        told = {"Location": f"http://{plant('answer: location')}/", "Retry-After": plant("answer: retry after")}
        receiver.answers(status, plant("answer: body").encode(), **told, **{plant("answer: name of a header"): "x"})
        deliver(from_the_bus(an_event(owner=ADA.user_id, note=plant("event: field"))))
        deliver(*waiting())
    hooks.service.update(ADA, made.id, {"enabled": True})
    receiver.behave = lambda handler: handler.wfile.write(f"{plant('answer: no HTTP')}\r\n\r\n".encode())
    deliver(from_the_bus(an_event(owner=ADA.user_id)))
    deliver(*waiting())
    given_up = payloads(canaries, url("webhooks-dead"))
    assert len(given_up) >= 8
    for payload in given_up:
        invoke(canaries, deliver_webhooks.handler, payload)

    deliver(*broken_events(canaries), *(f'{{"detail":{each}}}' for each in broken_events(canaries)))
    deliver(
        {"delivery": {"webhook_id": plant("message: id"), plant("message: name of a field"): plant("message: of it")}}
    )
    for order in (
        {"redrive": plant("order: of a wrong type")},
        {"redrive": {"delivery": {"webhook_id": {"x": plant("order: id of a wrong type")}}}},
        {"redrive": {plant("order: name of a field"): plant("order: of it")}},
    ):
        invoke(canaries, deliver_webhooks.handler, order)
    assert len(payloads(canaries, url("webhooks-dead"))) == 9
    kept = ("webhook: path", "webhook: query", "webhook: user", "webhook: password", "webhook: host")
    found = canaries.check({place: {WEBHOOKS_TABLE} for place in (*kept, "answer: body", "event: field")})
    assert found["answer: body"] == {WEBHOOKS_TABLE}
    assert len(canaries.planted) >= 24


def broken_events(canaries: Canaries) -> list[str]:
    """What a topic or a queue can hold, and the platform cannot read."""
    plant = canaries.plant
    return [
        f'{{"{plant("event: no JSON")}',
        json.dumps({"data": plant("event: no event"), plant("event: name of a field"): plant("event: of it")}),
        json.dumps({"type": plant("event: type"), "subject": "a/b", "data": {}, "time": "now", "id": "i2"}),
        json.dumps({"type": "agent.executed", "time": plant("event: time"), "specversion": plant("event: version")}),
    ]


def payloads(canaries: Canaries, queue_url: str) -> list[Any]:
    """Takes the letters of a queue. What is to be done again is in them whole; nothing else of them may tell."""
    client, found = boto3.client("sqs"), list[Any]()
    while messages := client.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            letter = json.loads(message["Body"])
            found.append(letter.pop("payload"))
            canaries.raised.append(json.dumps(letter))
            client.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return found


def invoke(canaries: Canaries, handler: Callable[..., Any], event: dict[str, Any]) -> Any:
    """As Lambda does; what it answers is read by operators, and what it raises is logged."""
    try:
        answer = handler(event, LambdaContext())
    except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
        canaries.caught(error)
        return None
    canaries.raised.append(json.dumps(answer))
    return answer
