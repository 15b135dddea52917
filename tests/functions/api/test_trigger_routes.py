"""Triggers through the gateway: one's own, and nobody else's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.storage.models import TriggerRecord
from agent_platform.storage.triggers import TriggerRepository
from functions.api.trigger_models import NewTrigger
from tests.fakes.eventbridge import make_eventbridge, rules_of, schedules_of
from tests.fakes.gateway import Answer
from tests.fakes.published_workflows import a_workflow
from tests.functions.api.conftest import Person, Platform

TRIGGERS = "/api/v1/triggers"
DAILY = {"cron": "0 8 * * MON-FRI", "timezone": "Europe/Berlin"}


@pytest.fixture
def ada(platform: Platform) -> Person:
    make_eventbridge()
    return platform.person()


@pytest.fixture
def workflow(platform: Platform, ada: Person) -> str:
    return a_workflow(platform.services.engine, ada.id).id


def make(platform: Platform, who: Person, workflow: str, **body: Any) -> Answer:
    order = {"workflow_id": workflow, "input": {"day": "${schedule.time}"}} | body
    return platform.gateway.post(TRIGGERS, order, token=who.access_token)


def test_a_schedule_is_made_shown_and_listed_with_its_next_moments(
    platform: Platform, ada: Person, workflow: str
) -> None:
    made = make(platform, ada, workflow, schedule=DAILY, title="Each morning")
    assert (made.status, made.headers["location"]) == (201, f"{TRIGGERS}/{made.json['id']}")
    shown = made.json
    assert (shown["kind"], shown["title"], shown["status"]) == ("schedule", "Each morning", "active")
    assert shown["schedule"] == {**DAILY, "rate": None, "at": None}
    assert (shown["event"], shown["input"]) == (None, {"day": "${schedule.time}"})
    assert (shown["workflow_id"], shown["workflow_title"]) == (workflow, "Tidy numbers")
    moments = [datetime.fromisoformat(each) for each in shown["next_at"]]
    assert len(moments) == 3
    assert all(datetime.now(UTC) < each and each.isoweekday() <= 5 and each.hour in (6, 7) for each in moments)
    assert platform.gateway.get(made.headers["location"], token=ada.access_token).json == shown
    page = platform.gateway.get(TRIGGERS, token=ada.access_token, query=f"workflow_id={workflow}").json
    assert page == {"items": [shown], "next_cursor": None}
    assert len(schedules_of()) == 1


def test_an_unchanged_trigger_is_not_sent_again(platform: Platform, ada: Person, workflow: str) -> None:
    path = make(platform, ada, workflow, schedule={"rate": "2 hours"}).headers["location"]
    etag = platform.gateway.get(path, token=ada.access_token).headers["etag"]
    assert platform.gateway.get(path, token=ada.access_token, headers={"If-None-Match": etag}).status == 304


def test_an_event_is_waited_for(platform: Platform, ada: Person, workflow: str) -> None:
    event = {"type": "agent.executed", "match": {"status": ["failed"], "cached": [False]}}
    shown = make(platform, ada, workflow, event=event, input={"day": "${event.time}"}).json
    assert (shown["kind"], shown["event"], shown["schedule"], shown["next_at"]) == ("event", event, None, [])
    (rule,) = rules_of()
    assert rule["EventPattern"]["detail"]["data"]["owner"] == [ada.id]


def test_it_rests_goes_on_and_is_deleted(platform: Platform, ada: Person, workflow: str) -> None:
    path = make(platform, ada, workflow, schedule=DAILY).headers["location"]
    paused = platform.gateway.post(f"{path}/pause", token=ada.access_token)
    assert (paused.status, paused.json["status"], paused.json["next_at"]) == (200, "paused", [])
    resumed = platform.gateway.post(f"{path}/resume", token=ada.access_token)
    assert (resumed.status, resumed.json["status"], len(resumed.json["next_at"])) == (200, "active", 3)
    assert platform.gateway.delete(path, token=ada.access_token).status == 204
    gone = platform.gateway.get(path, token=ada.access_token)
    assert (gone.status, gone.code) == (404, "trigger_not_found")
    assert schedules_of() == []


def test_what_comes_once_is_over_afterwards_and_cannot_be_resumed(
    platform: Platform, ada: Person, workflow: str
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = make(platform, ada, workflow, schedule={"at": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}).json
    assert (made["status"], len(made["next_at"])) == ("active", 1)
    past = json.dumps({"at": "2026-01-01T00:00:00Z", "timezone": "UTC"})
    _write(platform, f"UPDATE {TriggerRecord.__tablename__} SET settings = '{past}'")
    shown = platform.gateway.get(f"{TRIGGERS}/{made['id']}", token=ada.access_token).json
    assert (shown["status"], shown["next_at"]) == ("over", [])
    refused = platform.gateway.post(f"{TRIGGERS}/{made['id']}/resume", token=ada.access_token)
    assert (refused.status, refused.code) == (409, "conflict")


def test_the_last_failure_is_told_until_it_goes_well(platform: Platform, ada: Person, workflow: str) -> None:
    path = make(platform, ada, workflow, schedule=DAILY).headers["location"]
    repository = TriggerRepository(platform.services.engine)
    trigger = repository.get(path.rpartition("/")[2], owner=ada.id)
    repository.failed(trigger, datetime.now(UTC), code="invalid_input", message="It does not fit.")
    told = platform.gateway.get(path, token=ada.access_token).json["last_error"]
    assert (told["code"], told["message"]) == ("invalid_input", "It does not fit.")
    repository.fired(trigger, datetime.now(UTC), run_id="run-1")
    shown = platform.gateway.get(path, token=ada.access_token).json
    assert (shown["last_error"], shown["last_run_id"]) == (None, "run-1")
    assert shown["last_fired_at"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_input"),
        ({"schedule": DAILY, "event": {"type": "agent.executed"}}, 422, "invalid_input"),
        ({"schedule": {"cron": "0 8 * *"}}, 422, "invalid_input"),
        ({"schedule": {"at": "2020-01-01T00:00:00Z"}}, 422, "invalid_input"),
        ({"schedule": {**DAILY, "flexible": True}}, 422, "invalid_input"),
        ({"event": {"type": "user.registered"}}, 422, "invalid_input"),
        ({"event": {"type": "agent.executed", "match": {"owner": ["eve"]}}}, 422, "invalid_input"),
        ({"schedule": DAILY, "input": {}}, 422, "invalid_input"),
        ({"schedule": DAILY, "input": {"day": "\ud800"}}, 422, "invalid_input"),
        ({"schedule": DAILY, "input": {"day": "a\0b"}}, 422, "invalid_input"),
        ({"event": {"type": "agent.executed", "match": {"agent_id": ["a\0b"]}}}, 422, "invalid_input"),
        ({"schedule": DAILY, "title": "a\nb"}, 422, "invalid_input"),
        ({"schedule": DAILY, "workflow_id": "nobody"}, 404, "workflow_not_found"),
        ({"schedule": DAILY, "owner_id": "eve"}, 422, "invalid_input"),
    ],
)
def test_what_is_no_trigger_is_refused(
    platform: Platform, ada: Person, workflow: str, body: dict[str, Any], status: int, code: str
) -> None:
    refused = make(platform, ada, workflow, **body)
    assert (refused.status, refused.code) == (status, code)
    assert (schedules_of(), rules_of()) == ([], [])


def test_only_a_live_workflow_gets_one(platform: Platform, ada: Person) -> None:
    draft = a_workflow(platform.services.engine, ada.id, live=False)
    refused = make(platform, ada, draft.id, schedule=DAILY)
    assert (refused.status, refused.code) == (409, "workflow_not_published")


def test_the_trigger_of_somebody_else_does_not_exist(platform: Platform, ada: Person, workflow: str) -> None:
    path = make(platform, ada, workflow, schedule=DAILY).headers["location"]
    eve = platform.person("eve@example.com")
    answers = [
        platform.gateway.get(path, token=eve.access_token),
        platform.gateway.delete(path, token=eve.access_token),
        platform.gateway.post(f"{path}/pause", token=eve.access_token),
        platform.gateway.post(f"{path}/resume", token=eve.access_token),
    ]
    assert [(each.status, each.code) for each in answers] == [(404, "trigger_not_found")] * 4
    assert make(platform, eve, workflow, schedule=DAILY).code == "workflow_not_found"
    assert platform.gateway.get(TRIGGERS, token=eve.access_token).json["items"] == []
    assert schedules_of()[0]["State"] == "ENABLED"


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "limit=101"])
def test_a_list_that_cannot_be_made_is_refused(platform: Platform, ada: Person, query: str) -> None:
    assert platform.gateway.get(TRIGGERS, token=ada.access_token, query=query).status in (400, 422)


def test_the_examples_of_the_documentation_are_taken() -> None:
    examples = {name: field.examples for name, field in NewTrigger.model_fields.items() if field.examples}
    body = {name: found[0] for name, found in examples.items()}
    NewTrigger.model_validate({**body, "schedule": {"cron": "0 8 * * MON-FRI", "timezone": "Europe/Berlin"}})


def _write(platform: Platform, statement: str) -> None:
    with platform.services.engine.begin() as connection:
        connection.exec_driver_sql(statement)
