"""Webhooks as their owners handle them: whose they are, what is refused, and how secrets change."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent_platform.errors import (
    ConfigurationError,
    Conflict,
    DeliveryNotFound,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    RateLimited,
    WebhookNotFound,
)
from agent_platform.identity.principal import Principal
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.storage import webhook_deliveries
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.webhooks import MAX_WEBHOOKS
from agent_platform.webhooks.signing import WebhookSecrets
from tests.fakes.aws import WEBHOOKS_TABLE, store_secret
from tests.fakes.receiver import Receiver, answer
from tests.fakes.webhooks import ADA, ADMIN, EVE, KEY, Hooks, executed


def test_a_webhook_is_its_owners_alone(hooks: Hooks, receiver: Receiver) -> None:
    mine, _ = hooks.subscribe(receiver.url)
    assert hooks.service.get(ADA, mine.id).subscription == mine
    for other in (EVE, ADMIN):
        for use in (hooks.service.get, hooks.service.rotate, hooks.service.ping, hooks.service.delete):
            with pytest.raises(WebhookNotFound):
                use(other, mine.id)
        with pytest.raises(WebhookNotFound):
            hooks.service.update(other, mine.id, {"url": receiver.url})
        with pytest.raises(WebhookNotFound):
            hooks.service.deliveries(other, mine.id)
    assert hooks.service.mine(EVE).items == []


def test_those_of_the_platform_are_every_administrators(hooks: Hooks, receiver: Receiver) -> None:
    with pytest.raises(Forbidden):
        hooks.subscribe(receiver.url, platform_wide=True)
    made, _ = hooks.subscribe(receiver.url, ADMIN, platform_wide=True)
    another = ADMIN.__class__("root-2", "two@example.com", frozenset({"admin"}), token_id="jti-4")
    assert hooks.service.get(another, made.id).subscription.owner == "root"
    assert [each.subscription.id for each in hooks.service.mine(another, platform_wide=True).items] == [made.id]
    assert hooks.service.mine(ADMIN).items == []
    with pytest.raises(Forbidden):
        hooks.service.mine(ADA, platform_wide=True)
    with pytest.raises(WebhookNotFound):
        hooks.service.get(ADA, made.id)
    hooks.service.delete(another, made.id)
    assert hooks.service.mine(ADMIN, platform_wide=True).items == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"events": ["user.registered"]}, "events"),
        ({"match": {"owner": ["eve"]}}, "match.owner"),
    ],
)
def test_what_is_not_accepted_is_said_by_field_and_nothing_is_made(
    hooks: Hooks, receiver: Receiver, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        hooks.subscribe(**({"url": receiver.url} | wanted))
    assert [fault.field for fault in raised.value.errors] == [field]
    assert hooks.service.mine(ADA).items == []
    made, _ = hooks.subscribe(receiver.url)
    with pytest.raises(InvalidInput) as raised:
        hooks.service.update(ADA, made.id, wanted)
    assert hooks.service.get(ADA, made.id).subscription == made


def test_there_is_room_for_twenty_and_for_one_more_once_one_is_deleted(hooks: Hooks, receiver: Receiver) -> None:
    made = [hooks.subscribe(receiver.url)[0] for _ in range(MAX_WEBHOOKS)]
    with pytest.raises(Conflict):
        hooks.subscribe(receiver.url)
    hooks.subscribe(receiver.url, EVE)
    hooks.service.delete(ADA, made[0].id)
    with pytest.raises(WebhookNotFound):
        hooks.service.delete(ADA, made[0].id)
    hooks.subscribe(receiver.url)
    with pytest.raises(Conflict):
        hooks.subscribe(receiver.url)
    page = hooks.service.mine(ADA, limit=15)
    rest = hooks.service.mine(ADA, limit=15, cursor=page.next_cursor)
    ids = [each.subscription.id for each in (*page.items, *rest.items)]
    assert (len(ids), ids, rest.next_cursor) == (MAX_WEBHOOKS, sorted(ids, reverse=True), None)
    with pytest.raises(InvalidCursor):
        hooks.service.mine(EVE, cursor=page.next_cursor)


def test_events_are_their_owners_and_the_platforms(hooks: Hooks, receiver: Receiver) -> None:
    ada, _ = hooks.subscribe(receiver.url)
    eve, _ = hooks.subscribe(receiver.url, EVE)
    everybody, _ = hooks.subscribe(receiver.url, ADMIN, platform_wide=True)
    hooks.subscribe(receiver.url, enabled=False)
    hooks.subscribe(receiver.url, events=["workflow.failed"])
    hooks.subscribe(receiver.url, match={"status": ["failed"]})
    assert hooks.tell(executed("ada")) == 2
    assert [each.webhook_id for each in hooks.orders()] == [ada.id, everybody.id]
    hooks.queue.messages.clear()
    assert hooks.tell(executed("eve")) == 2
    assert [each.webhook_id for each in hooks.orders()] == [eve.id, everybody.id]
    hooks.queue.messages.clear()
    assert hooks.tell(executed("nobody")) == 1


def test_an_event_that_comes_again_is_sent_once(hooks: Hooks, receiver: Receiver) -> None:
    hooks.subscribe(receiver.url)
    event = executed()
    assert hooks.tell(event) == 1
    hooks.queue.messages.clear()
    assert hooks.tell(event) == 1  # nobody knows whether the message was sent
    hooks.settle()
    assert hooks.tell(event) == 0
    assert len(receiver.received) == 1


def test_an_event_that_comes_again_while_it_is_sent_takes_nothing_from_who_sends_it(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    event = executed()
    hooks.tell(event)

    def comes_again(handler: BaseHTTPRequestHandler) -> None:
        hooks.tell(event)
        answer(handler, 200)

    receiver.behave = comes_again
    assert hooks.settle() == ["delivered", "nothing"]
    assert (len(receiver.received), len(hooks.log(subscription)[0].attempts)) == (1, 1)


def test_after_a_rotation_both_secrets_verify_for_a_day(hooks: Hooks, receiver: Receiver) -> None:
    made, first = hooks.subscribe(receiver.url)
    rotated, second = hooks.service.rotate(ADA, made.id)
    assert first != second
    assert rotated.subscription.secret.number == 2
    hooks.tell(executed())
    hooks.settle()
    got = receiver.received[-1]
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (first, second):
        Webhook(secret).verify(got.body, dict(got.headers))
    later = datetime.now(UTC) + timedelta(hours=25)
    secrets = WebhookSecrets(SigningKeys(store_secret("webhook-key", KEY)))
    assert " " not in secrets.headers(rotated.subscription, "id", b"{}", later)["webhook-signature"]
    _, third = hooks.service.rotate(ADA, made.id)
    hooks.tell(executed())
    hooks.settle()
    got = receiver.received[-1]
    for secret in (second, third):
        Webhook(secret).verify(got.body, dict(got.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(got.body, dict(got.headers))


def test_the_platforms_key_can_change_without_changing_secrets(hooks: Hooks, receiver: Receiver) -> None:
    made, secret = hooks.subscribe(receiver.url)
    ring = {**KEY, "active": "k2", "k2": "another-key-of-the-platform-of-32-bytes"}
    secrets = WebhookSecrets(SigningKeys(store_secret("webhook-key", ring)))
    assert secrets.secret(made.id, made.secret) == secret
    assert secrets.following(made.secret).key == "k2"
    without = WebhookSecrets(SigningKeys(store_secret("webhook-key", {"active": "k2", "k2": ring["k2"]})))
    with pytest.raises(ConfigurationError, match="k1"):
        without.secret(made.id, made.secret)


def test_no_secret_is_stored(hooks: Hooks, receiver: Receiver) -> None:
    _, secret = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    hooks.settle()
    kept = str(dynamodb().scan(TableName=WEBHOOKS_TABLE)["Items"])
    assert secret not in kept
    assert secret.removeprefix("whsec_") not in kept
    assert secret.startswith("whsec_")


def test_what_its_owner_disables_or_deletes_gets_nothing_more(hooks: Hooks, receiver: Receiver) -> None:
    one, _ = hooks.subscribe(receiver.url)
    two, _ = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    hooks.service.update(ADA, one.id, {"enabled": False})
    hooks.service.delete(ADA, two.id)
    assert hooks.settle() == ["cancelled", "cancelled"]
    assert receiver.received == []
    for use in (hooks.service.ping, lambda who, webhook: hooks.service.redeliver(who, webhook, "x")):
        with pytest.raises(Conflict):
            use(ADA, one.id)


def test_a_ping_is_sent_once_and_logged(hooks: Hooks, receiver: Receiver) -> None:
    made, secret = hooks.subscribe(receiver.url)
    ping = hooks.service.ping(ADA, made.id)
    assert hooks.settle() == ["delivered"]
    told = Webhook(secret).verify(receiver.received[0].body, dict(receiver.received[0].headers))
    assert (told["type"], told["id"], told["data"]) == (
        "webhook.ping",
        ping.id,
        {"webhook_id": made.id, "owner": "ada"},
    )
    receiver.answers(500)
    hooks.service.ping(ADA, made.id)
    assert hooks.settle() == ["failed"]
    assert [each.state for each in hooks.log(made)] == ["failed", "delivered"]
    assert hooks.letters == []


def test_ten_pings_a_minute_over_all_webhooks_of_one_person(hooks: Hooks, receiver: Receiver) -> None:
    mine = [hooks.subscribe(receiver.url)[0] for _ in range(2)]
    of_eve, _ = hooks.subscribe(receiver.url, EVE)
    hooks.clock.now = datetime(2026, 11, 22, 12, 0, 18, tzinfo=UTC)
    for number in range(10):
        hooks.service.ping(ADA, mine[number % 2].id)
    for each in mine:
        with pytest.raises(RateLimited, match="10 times a minute") as refused:
            hooks.service.ping(ADA, each.id)
        assert (refused.value.limit, refused.value.retry_after) == (10, 42)
    assert len(hooks.orders()) == sum(len(hooks.log(each)) for each in mine) == 10
    hooks.service.ping(EVE, of_eve.id)
    hooks.clock.now += timedelta(seconds=refused.value.retry_after or 0)
    for _ in range(10):
        hooks.service.ping(ADA, mine[0].id)
    hooks.clock.now -= timedelta(seconds=1)  # an instance whose clock is behind
    with pytest.raises(RateLimited):
        hooks.service.ping(ADA, mine[0].id)
    assert [each.subscription.id for each in hooks.service.mine(ADA).items] == [mine[1].id, mine[0].id]


def test_an_administrators_pings_of_the_platforms_webhooks_are_their_own(hooks: Hooks, receiver: Receiver) -> None:
    made, _ = hooks.subscribe(receiver.url, ADMIN, platform_wide=True)
    other = Principal("root-2", "root2@example.com", frozenset({"admin"}), token_id="jti-4")
    for _ in range(10):
        hooks.service.ping(ADMIN, made.id)
    with pytest.raises(RateLimited):
        hooks.service.ping(ADMIN, made.id)
    hooks.service.ping(other, made.id)


def test_pings_at_the_same_moment_are_counted_one_by_one(
    hooks: Hooks, receiver: Receiver, one_call_at_a_time: None
) -> None:
    made, _ = hooks.subscribe(receiver.url)

    def ping(_: int) -> bool:
        try:
            hooks.service.ping(ADA, made.id)
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ping, range(24))) == 10


def test_an_event_can_be_sent_again_whatever_came_of_it(hooks: Hooks, receiver: Receiver) -> None:
    made, _ = hooks.subscribe(receiver.url)
    event = executed()
    hooks.tell(event)
    hooks.settle()
    again = hooks.service.redeliver(ADA, made.id, event.id)
    assert again.state == "pending"
    receiver.answers(500)
    assert hooks.next() == "retried"
    receiver.answers(200)
    assert hooks.service.redeliver(ADA, made.id, event.id).state == "pending"  # now, not when it is due
    assert sorted(hooks.settle()) == ["delivered", "nothing"]
    assert len(receiver.received) == 3
    assert [each.status for each in hooks.log(made)[0].attempts] == [204, 500, 200]
    with pytest.raises(DeliveryNotFound):
        hooks.service.redeliver(ADA, made.id, "nothing")


def test_who_sends_events_again_is_bounded_too_and_gets_no_more_pings_by_it(hooks: Hooks, receiver: Receiver) -> None:
    made, _ = hooks.subscribe(receiver.url)
    hooks.clock.now = datetime(2026, 11, 22, 12, 0, 18, tzinfo=UTC)
    ping, event = hooks.service.ping(ADA, made.id), executed()
    for _ in range(9):
        hooks.service.redeliver(ADA, made.id, ping.id)
    for again in (lambda: hooks.service.ping(ADA, made.id), lambda: hooks.service.redeliver(ADA, made.id, ping.id)):
        with pytest.raises(RateLimited, match="10 times a minute"):
            again()
    hooks.tell(event)
    for _ in range(60):
        hooks.service.redeliver(ADA, made.id, event.id)
    with pytest.raises(RateLimited, match="60 times a minute") as refused:
        hooks.service.redeliver(ADA, made.id, event.id)
    hooks.clock.now += timedelta(seconds=refused.value.retry_after or 0)
    hooks.service.redeliver(ADA, made.id, event.id)


def test_it_is_not_sent_without_end(hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_deliveries, "MAX_ATTEMPTS", 3)
    made, _ = hooks.subscribe(receiver.url)
    event = executed()
    hooks.tell(event)
    hooks.settle()
    for _ in range(2):
        hooks.service.redeliver(ADA, made.id, event.id)
        hooks.settle()
    with pytest.raises(Conflict):
        hooks.service.redeliver(ADA, made.id, event.id)


def test_two_changes_at_once_are_both_made(hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = hooks.subscribe(receiver.url)
    change, between = hooks.repository.change, [True]

    def meets(*arguments: Any, **options: Any) -> Any:
        if between and between.pop():
            hooks.service.update(ADA, made.id, {"description": "theirs"})
        return change(*arguments, **options)

    monkeypatch.setattr(hooks.repository, "change", meets)
    changed = hooks.service.update(ADA, made.id, {"match": {"status": ["failed"]}})
    assert (changed.subscription.description, changed.subscription.match) == ("theirs", {"status": ["failed"]})
