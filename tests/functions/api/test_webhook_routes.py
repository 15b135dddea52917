"""Webhooks through the gateway: one's own, and nobody else's; the secret is shown once."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from agent_platform.storage.webhooks import MAX_WEBHOOKS
from tests.fakes.aws import WEBHOOK_SECRET, WEBHOOKS_QUEUE_URL, store_secret
from tests.fakes.gateway import Answer
from tests.fakes.webhooks import KEY
from tests.functions.api.conftest import PASSWORD, Person, Platform

WEBHOOKS = "/api/v1/webhooks"
URL = "https://93.184.216.34/hook?token=t"
"""Digits, so that no test asks a name server."""


@pytest.fixture
def ada(platform: Platform) -> Person:
    store_secret(WEBHOOK_SECRET, KEY)
    boto3.client("sqs").create_queue(QueueName=WEBHOOKS_QUEUE_URL.rpartition("/")[2])
    return platform.person()


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return str(platform.login("root@example.com").json["access_token"])


def make(platform: Platform, token: str, **body: Any) -> Answer:
    return platform.gateway.post(WEBHOOKS, {"url": URL, "events": ["workflow.failed"]} | body, token=token)


def queued() -> list[Any]:
    """What the queue holds."""
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=WEBHOOKS_QUEUE_URL.rpartition("/")[2])["QueueUrl"]
    messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(each["Body"])["delivery"] for each in messages]


def test_it_is_made_shown_listed_changed_and_deleted(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token, match={"status": ["failed"]}, description="On call")
    assert (made.status, made.headers["location"]) == (201, f"{WEBHOOKS}/{made.json['id']}")
    assert made.headers["cache-control"] == "no-store"
    secret = made.json["secret"]
    assert secret.startswith("whsec_")
    shown = platform.gateway.get(made.headers["location"], token=ada.access_token)
    assert shown.json == {name: value for name, value in made.json.items() if name != "secret"}
    assert shown.json | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "url": URL,
        "events": ["workflow.failed"],
        "match": {"status": ["failed"]},
        "description": "On call",
        "enabled": True,
        "disabled": None,
        "failing_since": None,
        "platform_wide": False,
        "owner": ada.id,
        "created_at": "",
        "updated_at": "",
        "secret_version": 1,
        "previous_secret_until": None,
    }
    listed = platform.gateway.get(WEBHOOKS, token=ada.access_token)
    assert listed.json == {"items": [shown.json], "next_cursor": None}
    path = made.headers["location"]
    changed = platform.gateway.request(
        "PATCH", path, {"enabled": False, "events": ["agent.executed"]}, token=ada.access_token
    )
    assert (changed.status, changed.json["enabled"], changed.json["events"]) == (200, False, ["agent.executed"])
    assert changed.json["match"] == {"status": ["failed"]}
    assert platform.gateway.delete(path, token=ada.access_token).status == 204
    gone = platform.gateway.get(path, token=ada.access_token)
    assert (gone.status, gone.code) == (404, "webhook_not_found")


def test_an_unchanged_webhook_is_not_sent_again(platform: Platform, ada: Person) -> None:
    path = make(platform, ada.access_token).headers["location"]
    etag = platform.gateway.get(path, token=ada.access_token).headers["etag"]
    assert platform.gateway.get(path, token=ada.access_token, headers={"If-None-Match": etag}).status == 304


def test_a_rotation_shows_the_new_secret_once(platform: Platform, ada: Person) -> None:
    made = make(platform, ada.access_token)
    path = made.headers["location"]
    rotated = platform.gateway.post(f"{path}/rotate-secret", token=ada.access_token)
    assert (rotated.status, rotated.json["secret_version"]) == (200, 2)
    assert rotated.headers["cache-control"] == "no-store"
    assert rotated.json["secret"] != made.json["secret"]
    shown = platform.gateway.get(path, token=ada.access_token).json
    assert "secret" not in shown
    assert shown["previous_secret_until"]


def test_a_ping_is_queued_and_stands_among_the_deliveries(platform: Platform, ada: Person) -> None:
    path = make(platform, ada.access_token).headers["location"]
    ping = platform.gateway.post(f"{path}/ping", token=ada.access_token)
    assert (ping.status, ping.json["type"], ping.json["state"]) == (202, "webhook.ping", "pending")
    assert [each["event_id"] for each in queued()] == [ping.json["id"]]
    log = platform.gateway.get(f"{path}/deliveries", token=ada.access_token).json
    assert (log["items"], log["next_cursor"]) == ([ping.json], None)
    again = platform.gateway.post(f"{path}/deliveries/{ping.json['id']}/redeliver", token=ada.access_token)
    assert (again.status, again.json["id"]) == (202, ping.json["id"])
    unknown = platform.gateway.post(f"{path}/deliveries/nothing/redeliver", token=ada.access_token)
    assert (unknown.status, unknown.code) == (404, "delivery_not_found")
    platform.gateway.request("PATCH", path, {"enabled": False}, token=ada.access_token)
    refused = platform.gateway.post(f"{path}/ping", token=ada.access_token)
    assert (refused.status, refused.code) == (409, "conflict")


def test_the_eleventh_ping_of_a_minute_is_refused_until_the_next(
    platform: Platform, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(platform, ada.access_token).headers["location"]
    moment = datetime(2026, 11, 22, 12, 0, 18, tzinfo=UTC)
    monkeypatch.setattr(platform.services.webhooks, "_clock", lambda: moment)
    for _ in range(10):
        assert platform.gateway.post(f"{path}/ping", token=ada.access_token).status == 202
    refused = platform.gateway.post(f"{path}/ping", token=ada.access_token)
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "rate_limited", "42")
    assert refused.headers["ratelimit-policy"] == '"calls-per-minute";q=10;w=60'
    log = platform.gateway.get(f"{path}/deliveries", token=ada.access_token, query="limit=100").json
    assert len(log["items"]) == 10


def test_deliveries_are_listed_in_pages_the_newest_event_first(platform: Platform, ada: Person) -> None:
    path = make(platform, ada.access_token).headers["location"]
    pings = [platform.gateway.post(f"{path}/ping", token=ada.access_token).json["id"] for _ in range(5)]
    first = platform.gateway.get(f"{path}/deliveries", token=ada.access_token, query="limit=3").json
    query = f"limit=3&cursor={first['next_cursor']}"
    rest = platform.gateway.get(f"{path}/deliveries", token=ada.access_token, query=query).json
    found = [each["id"] for each in (*first["items"], *rest["items"])]
    assert (found, rest["next_cursor"]) == (sorted(pings, reverse=True), None)
    other = make(platform, ada.access_token).headers["location"]
    wrong = platform.gateway.get(f"{other}/deliveries", token=ada.access_token, query=query)
    assert (wrong.status, wrong.code) == (400, "invalid_cursor")


def test_nobody_sees_or_uses_what_is_somebody_elses(platform: Platform, ada: Person, admin: str) -> None:
    path = make(platform, ada.access_token).headers["location"]
    ping = platform.gateway.post(f"{path}/ping", token=ada.access_token).json["id"]
    eve = platform.person("eve@example.com").access_token
    for token in (eve, admin):
        for method, what, body in (
            ("GET", "", None),
            ("PATCH", "", {"enabled": False}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/ping", None),
            ("GET", "/deliveries", None),
            ("POST", f"/deliveries/{ping}/redeliver", None),
        ):
            refused = platform.gateway.request(method, path + what, body, token=token)
            assert (refused.status, refused.code) == (404, "webhook_not_found"), (method, what)
        assert platform.gateway.get(WEBHOOKS, token=token).json["items"] == []
    assert platform.gateway.get(path, token=ada.access_token).json["enabled"]


def test_everybodys_events_are_for_administrators(platform: Platform, ada: Person, admin: str) -> None:
    refused = make(platform, ada.access_token, platform_wide=True)
    assert (refused.status, refused.code) == (403, "forbidden")
    made = make(platform, admin, platform_wide=True)
    assert (made.status, made.json["platform_wide"]) == (201, True)
    listed = platform.gateway.get(WEBHOOKS, token=admin, query="platform_wide=true").json
    assert [each["id"] for each in listed["items"]] == [made.json["id"]]
    assert platform.gateway.get(WEBHOOKS, token=ada.access_token, query="platform_wide=true").status == 403
    assert platform.gateway.get(made.headers["location"], token=ada.access_token).status == 404


def test_there_is_room_for_twenty(platform: Platform, ada: Person) -> None:
    for _ in range(MAX_WEBHOOKS):
        assert make(platform, ada.access_token).status == 201
    full = make(platform, ada.access_token)
    assert (full.status, full.code) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://93.184.216.34/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "url"),
        ({"url": "https://93.184.216.34:25/"}, "url"),
        ({"url": "https://93.184.216.34/\u0000"}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": "https://93.184.216.34/" + "a" * 3000}, "url"),
        ({"events": []}, "events"),
        ({"events": ["user.registered"]}, "events.0"),
        ({"events": "workflow.failed"}, "events"),
        ({"match": {"owner": ["eve"]}}, "match.owner"),
        ({"match": {"status": []}}, "match.status"),
        ({"match": {"status": "failed"}}, "match.status"),
        ({"match": {"name": ["x" * 3000]}}, "match"),
        ({"description": "a\nb"}, "description"),
        ({"description": "a" * 201}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
        ({"owner": "eve"}, "owner"),
    ],
)
def test_what_is_no_webhook_is_refused_by_field(
    platform: Platform, ada: Person, body: dict[str, Any], field: str
) -> None:
    refused = make(platform, ada.access_token, **body)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [each["field"] for each in refused.json["errors"]] == [field]
    assert platform.gateway.get(WEBHOOKS, token=ada.access_token).json["items"] == []


@pytest.mark.parametrize(
    "changes", [{"url": "https://10.0.0.1/"}, {"events": []}, {"platform_wide": True}, {"id": "x"}]
)
def test_a_change_is_checked_as_strictly(platform: Platform, ada: Person, changes: dict[str, Any]) -> None:
    path = make(platform, ada.access_token).headers["location"]
    before = platform.gateway.get(path, token=ada.access_token).json
    refused = platform.gateway.request("PATCH", path, changes, token=ada.access_token)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert platform.gateway.get(path, token=ada.access_token).json == before
    assert platform.gateway.request("PATCH", path, {}, token=ada.access_token).status == 200


@pytest.mark.parametrize("webhook", ["%23", "x" * 100, "nothing"])
def test_what_is_no_id_is_not_found(platform: Platform, ada: Person, webhook: str) -> None:
    make(platform, ada.access_token)
    assert platform.gateway.get(f"{WEBHOOKS}/{webhook}", token=ada.access_token).status == 404
