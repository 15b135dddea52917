"""One event to one receiver: what it gets, when it is tried again, and when nobody tries any more."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from agent_platform.egress import Egress
from agent_platform.errors import DeliveryNotFound, EgressRefused, StorageUnavailable, WebhookNotFound
from agent_platform.storage.webhooks import owned_by
from agent_platform.webhooks import delivery
from agent_platform.webhooks.delivery import CLAIM, DISABLED_AFTER
from agent_platform.webhooks.orders import DeliveryKey
from agent_platform.webhooks.schedule import PAUSES
from tests.fakes.receiver import Receiver
from tests.fakes.webhooks import ADA, Hooks, Killed, executed, make_hooks


def test_the_receiver_gets_the_event_as_it_is_signed_so_that_anybody_can_check(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, secret = hooks.subscribe(receiver.url)
    event = executed()
    assert hooks.tell(event) == 1
    assert hooks.settle() == ["delivered"]
    (got,) = receiver.received
    assert (got.method, got.path) == ("POST", "/hook")
    assert got.headers["Content-Type"] == "application/cloudevents+json"
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert Webhook(secret).verify(got.body, headers) == json.loads(event.model_dump_json(exclude_none=True))
    assert headers["webhook-id"] == event.id
    (told,) = hooks.log(subscription)
    assert (told.id, told.type, told.subject, told.state) == (event.id, event.type, event.subject, "delivered")
    assert [(each.status, each.error) for each in told.attempts] == [(204, None)]
    assert told.next_at is None


def test_nothing_of_what_went_in_or_came_out_is_sent(hooks: Hooks, receiver: Receiver) -> None:
    hooks.subscribe(receiver.url)
    hooks.tell(executed(input={"note": "planted-input"}, output={"reason": "planted-output"}))
    hooks.settle()
    assert b"planted" not in receiver.received[0].body


def test_what_fails_is_tried_again_after_growing_pauses_with_the_same_id(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(503, b"busy")
    event = executed()
    hooks.tell(event)
    assert hooks.next() == "retried"
    (told,) = hooks.log(subscription)
    assert (told.state, told.attempts[0].status, told.attempts[0].answer) == ("pending", 503, "busy")
    assert told.next_at
    assert timedelta(seconds=4) <= told.next_at - hooks.clock.now <= timedelta(seconds=6)
    assert hooks.repository.get(owned_by("ada"), subscription.id).failing_since
    receiver.answers(200)
    assert hooks.next() == "delivered"
    assert {each.headers["webhook-id"] for each in receiver.received} == {event.id}
    assert hooks.repository.get(owned_by("ada"), subscription.id).failing_since is None
    assert hooks.queue.messages == []


def test_after_the_last_try_there_is_a_dead_letter_and_a_redrive_delivers_under_the_same_id(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(500)
    event, began = executed(), hooks.clock.now
    hooks.tell(event)
    outcomes = [each for each in hooks.settle() if each != "postponed"]
    assert outcomes == [*["retried"] * len(PAUSES), "failed"]
    lasted = hooks.clock.now - began
    assert timedelta(hours=17) < lasted < timedelta(hours=28)
    (told,) = hooks.log(subscription)
    assert (told.state, len(told.attempts), told.next_at) == ("failed", len(PAUSES) + 1, None)
    (letter,) = hooks.letters
    assert (letter.key.event_id, letter.tries, letter.type) == (event.id, 9, "agent.executed")
    assert letter.reason.code == "webhook_undelivered"

    failure = hooks.deliverer.redrive(letter.key)
    assert failure
    assert "500" in failure.message
    assert (hooks.log(subscription)[0].state, hooks.queue.messages, len(hooks.letters)) == ("failed", [], 1)

    receiver.answers(200)
    assert hooks.deliverer.redrive(letter.key) is None
    sent = len(receiver.received)
    assert hooks.deliverer.redrive(letter.key) is None
    assert len(receiver.received) == sent == 11
    assert {each.headers["webhook-id"] for each in receiver.received} == {event.id}
    assert hooks.log(subscription)[0].state == "delivered"


def test_a_redrive_of_what_is_gone_says_so(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    with pytest.raises(DeliveryNotFound):
        hooks.deliverer.redrive(DeliveryKey.of(subscription, "nothing"))
    hooks.tell(executed())
    key = DeliveryKey.of(subscription, hooks.orders()[0].event_id)
    hooks.service.update(ADA, subscription.id, {"enabled": False})
    failure = hooks.deliverer.redrive(key)
    assert failure
    assert failure.code == "webhook_disabled"
    hooks.service.delete(ADA, subscription.id)
    with pytest.raises(WebhookNotFound):
        hooks.deliverer.redrive(key)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure(hooks: Hooks, receiver: Receiver, status: int) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(status, Location=receiver.url)
    hooks.tell(executed())
    assert hooks.next() == "retried"
    assert len(receiver.received) == 1
    assert "Redirects are not followed" in str(hooks.log(subscription)[0].attempts[0].error)


def test_410_disables_the_webhook_and_its_owner_is_told_why(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    hooks.tell(executed())
    receiver.answers(410)
    assert hooks.settle() == ["failed", "cancelled"]
    assert len(receiver.received) == 1
    stopped = hooks.repository.get(owned_by("ada"), subscription.id).subscription
    assert not stopped.enabled
    assert stopped.disabled
    assert stopped.disabled.code == "webhook_gone"
    assert hooks.letters == []
    assert hooks.tell(executed()) == 0


def test_five_days_without_success_disable_the_webhook_with_the_first_event_that_is_given_up(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(500)
    hooks.tell(executed())
    hooks.settle()
    assert hooks.repository.get(owned_by("ada"), subscription.id).subscription.enabled
    hooks.clock.now += DISABLED_AFTER
    hooks.tell(executed())
    assert hooks.next() == "retried"
    assert hooks.repository.get(owned_by("ada"), subscription.id).subscription.enabled
    assert hooks.settle()[-1] == "failed"
    assert len(hooks.letters) == 2  # what was given up can be done again, that of the last day too
    stopped = hooks.repository.get(owned_by("ada"), subscription.id).subscription
    assert stopped.disabled
    assert stopped.disabled.code == "webhook_failing"
    again = hooks.service.update(ADA, subscription.id, {"enabled": True})
    assert (again.subscription.enabled, again.subscription.disabled, again.failing_since) == (True, None, None)
    receiver.answers(200)
    hooks.tell(executed())
    assert hooks.settle() == ["delivered"]


def test_a_blip_a_week_after_an_outage_disables_no_quiet_webhook(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(500)
    hooks.tell(executed())
    hooks.settle()
    hooks.clock.now += timedelta(days=7)
    hooks.tell(executed())
    assert hooks.next() == "retried"
    receiver.answers(200)
    assert hooks.settle() == ["delivered"]
    stored = hooks.repository.get(owned_by("ada"), subscription.id)
    assert (stored.subscription.enabled, stored.failing_since) == (True, None)


def test_a_redrive_that_fails_disables_nothing(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(500)
    hooks.tell(executed())
    hooks.settle()
    hooks.clock.now += timedelta(days=7)
    assert hooks.deliverer.redrive(hooks.letters[0].key)
    assert hooks.repository.get(owned_by("ada"), subscription.id).subscription.enabled


def test_of_a_huge_answer_one_kilobyte_is_kept(hooks: Hooks, receiver: Receiver) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(200, "é".encode() * 5_000_000)
    hooks.tell(executed())
    assert hooks.settle() == ["delivered"]
    assert hooks.log(subscription)[0].attempts[0].answer == "é" * 512


def test_who_is_too_slow_is_left_and_tried_again(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    monkeypatch.setattr(delivery, "ATTEMPT_SECONDS", 0.3)
    over = threading.Event()
    receiver.behave = lambda _: over.wait(60) and None
    hooks.tell(executed())
    try:
        assert hooks.next() == "retried"
    finally:
        over.set()
    (attempt,) = hooks.log(subscription)[0].attempts
    assert (attempt.status, attempt.error) == (None, "The host did not answer in time.")


def test_an_address_is_judged_again_at_each_delivery(governance_tables: None) -> None:
    answers = iter([["93.184.216.34"], ["10.0.0.1"]])
    hooks = make_hooks(egress=Egress(resolve=lambda _, __: next(answers)))
    subscription, _ = hooks.subscribe("https://rebind.example.com/hook")
    hooks.tell(executed())
    assert hooks.next() == "retried"
    (attempt,) = hooks.log(subscription)[0].attempts
    with pytest.raises(EgressRefused) as raised:
        Egress().check("https://10.0.0.1/")
    assert (attempt.status, attempt.error) == (None, raised.value.detail)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(hooks: Hooks, receiver: Receiver, status: int) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    receiver.answers(status, Retry_After="600")
    hooks.tell(executed())
    assert hooks.next() == "retried"
    told = hooks.log(subscription)[0]
    assert told.next_at
    assert told.next_at - hooks.clock.now >= timedelta(seconds=599)


def test_what_waits_longer_than_the_queue_can_hold_is_queued_on_the_way(hooks: Hooks, receiver: Receiver) -> None:
    hooks.subscribe(receiver.url)
    receiver.answers(503, Retry_After="3600")
    hooks.tell(executed())
    assert hooks.next() == "retried"
    receiver.answers(200)
    assert hooks.settle() == [*["postponed"] * 3, "delivered"]
    assert len(receiver.received) == 2


def test_one_message_that_comes_ten_times_at_once_is_one_request(
    hooks: Hooks, receiver: Receiver, one_call_at_a_time: None
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    (order,) = hooks.orders()
    hooks.queue.messages.clear()
    with ThreadPoolExecutor(10) as threads:
        outcomes = list(threads.map(hooks.deliverer.deliver, [order] * 10))
    assert outcomes.count("delivered") == 1
    assert set(outcomes) <= {"delivered", "postponed", "nothing"}
    assert set(hooks.settle()) <= {"nothing"}
    assert len(receiver.received) == len(hooks.log(subscription)[0].attempts) == 1


def test_a_worker_killed_between_request_and_log_sends_once_more_and_logs_once(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    hooks.know(subscription)
    hooks.tell(executed())
    with monkeypatch.context() as dying:
        dying.setattr(hooks.deliveries, "record", _dies)
        with pytest.raises(Killed):
            hooks.next()
    assert (len(receiver.received), hooks.log(subscription)[0].attempts) == (1, [])
    assert hooks.next() == "postponed"  # somebody may still be at it
    assert hooks.queue.messages[0][0] >= hooks.clock.now + CLAIM
    assert hooks.settle() == ["delivered"]
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert (len(receiver.received), len(hooks.log(subscription)[0].attempts)) == (2, 1)


def test_a_worker_killed_between_queue_and_log_leaves_two_messages_of_which_one_counts(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    hooks.know(subscription)
    hooks.tell(executed())
    receiver.answers(500)
    with monkeypatch.context() as dying:
        dying.setattr(hooks.deliveries, "record", _dies)
        with pytest.raises(Killed):
            hooks.next()
    assert len(hooks.queue.messages) == 2
    receiver.answers(200)
    outcomes = hooks.settle()
    assert (outcomes.count("delivered"), set(outcomes)) == (1, {"postponed", "delivered", "nothing"})
    assert len(hooks.log(subscription)[0].attempts) == 1


@pytest.mark.parametrize("seed", range(4))
def test_however_often_workers_die_nothing_is_lost_and_each_delivery_is_logged_once(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice, deaths = Random(seed), list[str]()  # noqa: S311 - the same dice every time

    def fragile(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def dies_before_or_after(*arguments: Any, **options: Any) -> Any:
            if dice.random() < 0.08:
                deaths.append(f"before {name}")
                raise Killed
            done = work(*arguments, **options)
            if dice.random() < 0.08:
                deaths.append(f"after {name}")
                raise Killed
            return done

        return dies_before_or_after

    subscription, _ = hooks.subscribe(receiver.url)
    receiver.behave = lambda handler: _answers(handler, 200 if dice.random() < 0.6 else 500)
    events = [executed() for _ in range(15)]
    fragile_calls = [
        (hooks.deliveries, "create"),
        (hooks.deliveries, "claim"),
        (hooks.deliveries, "record"),
        (hooks.repository, "failed"),
        (hooks.repository, "went_well"),
        (hooks.queue, "send"),
    ]
    for part, name in fragile_calls:
        monkeypatch.setattr(part, name, fragile(name, getattr(part, name)))
    for event in events:
        while _died(lambda event=event: hooks.tell(event)):
            pass
    while hooks.queue.messages:
        _died(hooks.next)
    assert len(deaths) > 10
    log = hooks.log(subscription)
    assert {each.id for each in log} == {each.id for each in events}
    assert {each.state for each in log} == {"delivered"}
    for each in log:
        assert [attempt.error is None for attempt in each.attempts].count(True) == 1
    arrived = {each.headers["webhook-id"] for each in receiver.received}
    assert arrived == {each.id for each in events}


def test_a_storage_that_does_not_answer_leaves_the_message(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks.subscribe(receiver.url)
    hooks.tell(executed())
    with monkeypatch.context() as away:
        away.setattr(hooks.repository, "table", "no-such-table")
        with pytest.raises(StorageUnavailable):
            hooks.next()
    assert len(hooks.queue.messages) == 1
    assert hooks.settle()[-1] == "delivered"


def _dies(*_: Any, **__: Any) -> None:
    raise Killed


def _died(work: Callable[[], Any]) -> bool:
    try:
        work()
    except Killed:
        return True
    return False


def _answers(handler: Any, status: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
