"""Who keeps the platform waiting holds up nobody else: the function behind its queues, with few instances of each."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest

from agent_platform.storage.webhooks import Subscription
from agent_platform.webhooks import delivery, schedule
from functions.deliver_webhooks import handler as deliver_webhooks
from tests.fakes.gateway import LambdaContext
from tests.fakes.receiver import Receiver, answer, running_receiver
from tests.fakes.webhooks import EVE, Hooks, executed, one_call_at_a_time
from tests.functions.deliver_webhooks.test_handler import from_the_bus, on_real_queues, url

__all__ = ["one_call_at_a_time"]

INSTANCES = 2
"""Of each queue, as on a laptop."""

ATTEMPT_SECONDS = 3.0
"""Instead of ten; what counts as prompt and the pauses are shorter in proportion."""
STARVED = 120 * ATTEMPT_SECONDS / 20
"""For so long would wait who stood behind 120 attempts that hang, in 20 places; and for their retries."""


@pytest.fixture
def hanging() -> Iterator[Receiver]:
    """Takes requests and never answers, until it is told to."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def good() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def hooks(
    governance_tables: None,
    one_call_at_a_time: None,
    hanging: Receiver,
    good: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hooks]:
    monkeypatch.setattr(delivery, "ATTEMPT_SECONDS", ATTEMPT_SECONDS)
    monkeypatch.setattr(delivery, "PROMPT_MS", 500)
    monkeypatch.setattr(delivery, "TRIAL_WAIT", timedelta(seconds=1))
    monkeypatch.setattr(schedule, "PAUSES", (1,) * 30)
    with on_real_queues(f"{hanging.allow},{good.allow}", monkeypatch) as made:
        yield made


@contextmanager
def lambda_reads_the_queues() -> Iterator[None]:
    """Two instances for each queue, which take ten messages at a time and are free again when all ten are done."""
    over = threading.Event()

    def instance(queue: str) -> None:
        client, address = boto3.client("sqs"), url(queue)
        while not over.is_set():
            found: Any = client.receive_message(QueueUrl=address, MaxNumberOfMessages=10, VisibilityTimeout=60)
            messages = found.get("Messages", [])
            if not messages:
                over.wait(0.05)
                continue
            records = [{"messageId": each["MessageId"], "body": each["Body"]} for each in messages]
            answered = deliver_webhooks.handler({"Records": records}, LambdaContext())
            failed = {each["itemIdentifier"] for each in answered["batchItemFailures"]}
            for each in messages:
                if each["MessageId"] not in failed:
                    client.delete_message(QueueUrl=address, ReceiptHandle=each["ReceiptHandle"])

    with ThreadPoolExecutor(2 * INSTANCES) as threads:
        running = [threads.submit(instance, queue) for queue in ("webhooks", "webhooks-slow") for _ in range(INSTANCES)]
        try:
            yield
        finally:
            over.set()
            wait(running)
            assert [each.exception() for each in running] == [None] * len(running)


def tell(owner: str, count: int = 1) -> list[str]:
    """Events come from the bus; their ids."""
    events, client = [executed(owner=owner) for _ in range(count)], boto3.client("sqs")
    for each in events:
        client.send_message(QueueUrl=url("webhooks"), MessageBody=json.dumps(from_the_bus(each)))
    return [each.id for each in events]


def seconds_until(condition: Any, at_most: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < at_most, "It took too long."
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_twenty_hanging_webhooks_of_one_owner_delay_no_delivery_of_another(
    hooks: Hooks, hanging: Receiver, good: Receiver, known: bool
) -> None:
    let_go = threading.Event()
    hanging.behave = lambda handler: let_go.wait(120) and answer(handler, 204)
    bad = [hooks.subscribe(f"{hanging.url}/{number}", EVE)[0] for number in range(20)]
    mine, _ = hooks.subscribe(good.url)
    if known:
        hooks.know(mine)
    with lambda_reads_the_queues():
        theirs = tell("eve", 6)
        seconds_until(lambda: len(hanging.received) >= 3, at_most=20)
        (first,) = tell("ada")
        took = seconds_until(lambda: good.received, at_most=60)
        assert took < STARVED / 2
        burst = tell("ada", 3)
        assert seconds_until(lambda: len(good.received) == 4, at_most=60) < STARVED / 2
        # Nothing is lost of those who waited, and nothing is doubled of those who did not.
        let_go.set()
        seconds_until(lambda: all(states(hooks, each) == {"delivered"} for each in bad), at_most=90)
    assert sorted(each.headers["webhook-id"] for each in good.received) == sorted([first, *burst])
    for each in bad:
        log = hooks.log(each)
        assert {told.id for told in log} == set(theirs)
        assert all([attempt.error is None for attempt in told.attempts].count(True) == 1 for told in log)


def states(hooks: Hooks, subscription: Subscription) -> set[str]:
    return {each.state for each in hooks.log(subscription)}
