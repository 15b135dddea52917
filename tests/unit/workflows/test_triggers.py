"""Triggers: rows in Postgres and schedules or rules in EventBridge that always tell the same."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine

from agent_platform.errors import (
    ConfigurationError,
    Conflict,
    InvalidCursor,
    InvalidInput,
    StorageUnavailable,
    TriggerNotFound,
    WorkflowArchived,
    WorkflowNotFound,
    WorkflowNotPublished,
)
from agent_platform.identity.principal import Principal
from agent_platform.storage import schedules as aws_schedules
from agent_platform.storage.schedules import Schedules
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.workflows import triggers as room
from agent_platform.workflows.trigger_order import TriggerOrder
from agent_platform.workflows.triggers import Triggers, filled_input
from tests.fakes.eventbridge import DELIVERY, make_eventbridge, rules_of, schedules_of
from tests.fakes.postgres import database, engine
from tests.fakes.published_workflows import a_user, a_workflow

__all__ = ["database", "engine"]

DAILY = {"cron": "0 8 * * *", "timezone": "Europe/Berlin"}
FAILED = {"type": "agent.executed", "match": {"status": ["failed"]}}


def person(user_id: str) -> Principal:
    return Principal(user_id, "ada@example.com", frozenset({"user"}), token_id="jti")


@pytest.fixture
def ada(engine: Engine) -> Principal:
    return person(a_user(engine))


@pytest.fixture
def triggers(engine: Engine, aws: None) -> Triggers:
    make_eventbridge()
    return Triggers(TriggerRepository(engine), Schedules(DELIVERY), WorkflowDefinitions(engine))


def order(
    workflow_id: str,
    *,
    schedule: Mapping[str, Any] | None = None,
    event: Mapping[str, Any] | None = None,
    value: dict[str, Any] | None = None,
) -> TriggerOrder:
    return TriggerOrder(workflow_id, None, schedule, event, {"day": "monday"} if value is None else value)


def test_a_schedule_calls_the_function_with_the_planned_moment(
    triggers: Triggers, engine: Engine, ada: Principal
) -> None:
    workflow = a_workflow(engine, ada.user_id)
    made = triggers.create(ada, order(workflow.id, schedule=DAILY))
    assert triggers.get(ada, made.id) == made
    assert (made.title, made.settings, made.paused) == ("Tidy numbers", DAILY, False)
    (schedule,) = schedules_of()
    assert schedule["Name"] == made.id.replace("-", "")
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 8 * * ? *)",
        "Europe/Berlin",
    )
    assert (schedule["State"], schedule["Target"]["RoleArn"]) == ("ENABLED", DELIVERY.role_arn)
    assert json.loads(schedule["Target"]["Input"]) == {
        "trigger_id": made.id,
        "scheduled_at": "<aws.scheduler.scheduled-time>",
    }
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": DELIVERY.dead_letter_arn}
    assert schedule["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}


def test_a_rule_hands_over_the_event_and_asks_for_its_owners_own(
    triggers: Triggers, engine: Engine, ada: Principal
) -> None:
    made = triggers.create(ada, order(a_workflow(engine, ada.user_id).id, event=FAILED))
    (rule,) = rules_of()
    assert rule["Name"] == f"platform-trigger-{made.id.replace('-', '')}"
    assert len(rule["Name"]) <= 64
    assert rule["State"] == "ENABLED"
    assert rule["EventPattern"]["detail"]["data"]["owner"] == [ada.user_id]
    assert rule["EventPattern"]["detail"]["data"]["status"] == ["failed"]
    (target,) = rule["Targets"]
    assert target["InputTransformer"] == {
        "InputPathsMap": {"event": "$.detail"},
        "InputTemplate": f'{{"trigger_id": "{made.id}", "event": <event>}}',
    }
    assert target["DeadLetterConfig"] == {"Arn": DELIVERY.dead_letter_arn}


@pytest.mark.parametrize(("kind", "settings"), [("schedule", DAILY), ("event", FAILED)])
def test_it_can_rest_and_go_on_and_be_deleted_and_each_may_be_asked_for_twice(
    triggers: Triggers, engine: Engine, ada: Principal, kind: Any, settings: dict[str, Any]
) -> None:
    made = triggers.create(ada, order(a_workflow(engine, ada.user_id).id, **{kind: settings}))

    def states() -> list[str]:
        return [each["State"] for each in (*schedules_of(), *rules_of())]

    for _ in range(2):
        assert triggers.pause(ada, made.id).paused
        assert states() == ["DISABLED"]
    for _ in range(2):
        assert not triggers.resume(ada, made.id).paused
        assert states() == ["ENABLED"]
    triggers.delete(ada, made.id)
    assert states() == []
    with pytest.raises(TriggerNotFound):
        triggers.delete(ada, made.id)


def test_what_was_taken_away_behind_its_back_can_still_be_deleted_and_set_up_again(
    triggers: Triggers, engine: Engine, ada: Principal
) -> None:
    workflow = a_workflow(engine, ada.user_id)
    clock = triggers.create(ada, order(workflow.id, schedule=DAILY))
    rule = triggers.create(ada, order(workflow.id, event=FAILED))
    Schedules(DELIVERY).remove_schedule(clock.id)
    Schedules(DELIVERY).remove_rule(rule.id)
    triggers.resume(ada, clock.id)
    assert len(schedules_of()) == 1
    triggers.delete(ada, rule.id)
    assert [each.id for each in triggers.mine(ada).items] == [clock.id]


def test_nobody_else_finds_it(triggers: Triggers, engine: Engine, ada: Principal) -> None:
    eve = person(a_user(engine, "eve@example.com"))
    made = triggers.create(ada, order(a_workflow(engine, ada.user_id).id, schedule=DAILY))
    for ask in (triggers.get, triggers.pause, triggers.resume, triggers.delete):
        with pytest.raises(TriggerNotFound):
            ask(eve, made.id)
    assert triggers.mine(eve).items == []
    for wrong in ("", "nobody", "x" * 500):
        with pytest.raises(TriggerNotFound):
            triggers.get(ada, wrong)


def test_pages_follow_one_another_the_newest_first(triggers: Triggers, engine: Engine, ada: Principal) -> None:
    first, second = a_workflow(engine, ada.user_id), a_workflow(engine, ada.user_id, name="other-one")
    made = [triggers.create(ada, order(first.id, schedule=DAILY)).id for _ in range(3)]
    other = triggers.create(ada, order(second.id, schedule=DAILY)).id
    page = triggers.mine(ada, limit=3)
    rest = triggers.mine(ada, limit=3, cursor=page.next_cursor)
    assert [each.id for each in (*page.items, *rest.items)] == [other, *reversed(made)]
    assert rest.next_cursor is None
    assert [each.id for each in triggers.mine(ada, workflow_id=second.id).items] == [other]
    assert triggers.mine(ada, workflow_id="nobody").items == []
    with pytest.raises(InvalidCursor):
        triggers.mine(ada, workflow_id=first.id, cursor=page.next_cursor)


def test_only_a_live_workflow_that_one_may_start_gets_triggers(
    triggers: Triggers, engine: Engine, ada: Principal
) -> None:
    eve = a_user(engine, "eve@example.com")
    with pytest.raises(WorkflowNotFound):
        triggers.create(ada, order(a_workflow(engine, eve).id, schedule=DAILY))
    with pytest.raises(WorkflowNotFound):
        triggers.create(ada, order("nobody", schedule=DAILY))
    with pytest.raises(WorkflowNotPublished):
        triggers.create(ada, order(a_workflow(engine, ada.user_id, live=False).id, schedule=DAILY))
    archived = a_workflow(engine, ada.user_id, name="old-one")
    WorkflowDefinitions(engine).archive(archived.id, owner=ada.user_id)
    with pytest.raises(WorkflowArchived):
        triggers.create(ada, order(archived.id, schedule=DAILY))
    assert (schedules_of(), triggers.mine(ada).items) == ([], [])


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"schedule": DAILY, "value": {}}, ["input.day"]),
        ({"schedule": DAILY, "value": {"day": 1}}, ["input.day"]),
        ({"schedule": DAILY, "value": {"day": "${schedule.time}", "total": "${schedule.time}"}}, ["input.total"]),
        ({"schedule": DAILY, "value": {"day": "${event.time}"}}, ["input.day"]),
        ({"schedule": DAILY, "value": {"day": "${schedule.time"}}, ["input.day"]),
        (
            {"event": FAILED, "value": {"day": "${schedule.time}", "total": "${event.colour}"}},
            ["input.day", "input.total"],
        ),
        ({"event": FAILED, "value": {"total": 1}}, ["input.day"]),
        ({"event": FAILED, "value": {"day": "x" * 100_000}}, ["input"]),
        ({"schedule": DAILY, "event": FAILED}, ["schedule"]),
        ({}, ["schedule"]),
        ({"schedule": {"cron": "every day"}}, ["schedule.cron"]),
        ({"event": {"type": "agent.executed", "match": {"colour": ["red"]}}}, ["event.match.colour"]),
    ],
)
def test_what_could_never_start_a_run_is_refused_when_it_is_made(
    triggers: Triggers, engine: Engine, ada: Principal, given: dict[str, Any], fields: list[str]
) -> None:
    workflow = a_workflow(engine, ada.user_id)
    with pytest.raises(InvalidInput) as raised:
        triggers.create(ada, order(workflow.id, **given))
    assert [fault.field for fault in raised.value.errors] == fields
    assert (schedules_of(), rules_of(), triggers.mine(ada).items) == ([], [], [])


def test_an_input_may_say_when_it_is_started_and_what_by(triggers: Triggers, engine: Engine, ada: Principal) -> None:
    workflow = a_workflow(engine, ada.user_id)
    triggers.create(ada, order(workflow.id, schedule=DAILY, value={"day": "${schedule.time}"}))
    template = {"day": "Cost of ${event.data.agent_id}", "total": "${event.data.cost_usd ?? 0}"}
    triggers.create(ada, order(workflow.id, event=FAILED, value=template))
    event = {"id": "1", "data": {"agent_id": "legal/nda-reviewer", "cost_usd": 0.5}}
    assert filled_input(template, {"event": event}) == {"day": "Cost of legal/nda-reviewer", "total": 0.5}
    assert filled_input(template, {"event": {"data": {"agent_id": "a/b"}}}) == {"day": "Cost of a/b", "total": 0}
    with pytest.raises(InvalidInput):
        filled_input(template, {"event": {"data": {}}})


def test_a_moment_that_has_passed_cannot_be_resumed(
    triggers: Triggers, engine: Engine, ada: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    made = triggers.create(
        ada, order(a_workflow(engine, ada.user_id).id, schedule={"at": f"{soon:%Y-%m-%dT%H:%M:%SZ}"})
    )
    triggers.pause(ada, made.id)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # noqa: ARG003 - as in the standard library
            return soon + timedelta(hours=1)

    monkeypatch.setattr(room, "datetime", Later)
    with pytest.raises(Conflict, match="has passed"):
        triggers.resume(ada, made.id)
    assert triggers.get(ada, made.id).paused


def test_there_is_an_end_to_how_many_one_may_have(
    triggers: Triggers, engine: Engine, ada: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_TRIGGERS", 2)
    workflow = a_workflow(engine, ada.user_id)
    for _ in range(2):
        triggers.create(ada, order(workflow.id, schedule=DAILY))
    with pytest.raises(Conflict, match="2 triggers already"):
        triggers.create(ada, order(workflow.id, schedule=DAILY))


def test_few_of_them_may_wait_for_events(triggers: Triggers, engine: Engine, ada: Principal) -> None:
    workflow = a_workflow(engine, ada.user_id)
    for _ in range(room.MAX_EVENT_TRIGGERS):
        triggers.create(ada, order(workflow.id, event=FAILED))
    with pytest.raises(Conflict, match="5 triggers that wait for events"):
        triggers.create(ada, order(workflow.id, event=FAILED))
    assert len(rules_of()) == 5
    triggers.create(ada, order(workflow.id, schedule=DAILY))


def test_all_triggers_of_a_workflow_go_with_it(triggers: Triggers, engine: Engine, ada: Principal) -> None:
    eve = person(a_user(engine, "eve@example.com"))
    workflow, other = a_workflow(engine, ada.user_id), a_workflow(engine, ada.user_id, name="other-one")
    triggers.create(ada, order(workflow.id, schedule=DAILY))
    triggers.create(ada, order(workflow.id, event=FAILED))
    kept = triggers.create(ada, order(other.id, schedule=DAILY))
    triggers.remove_of(workflow.id)
    assert [each.id for each in triggers.mine(ada).items] == [kept.id]
    assert ([each["Name"] for each in schedules_of()], rules_of()) == ([kept.id.replace("-", "")], [])
    assert triggers.mine(eve).items == []


def test_where_aws_refuses_nothing_is_kept(
    triggers: Triggers, engine: Engine, ada: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = a_workflow(engine, ada.user_id)
    scheduler = aws_schedules._scheduler()

    def no_group(**_: Any) -> None:
        raise scheduler.exceptions.ResourceNotFoundException(
            {"Error": {"Code": "ResourceNotFoundException"}}, "CreateSchedule"
        )

    monkeypatch.setattr(scheduler, "create_schedule", no_group)
    with pytest.raises(ConfigurationError):
        triggers.create(ada, order(workflow.id, schedule=DAILY))
    boto3.client("events").delete_event_bus(Name=DELIVERY.bus)
    with pytest.raises(ConfigurationError):
        triggers.create(ada, order(workflow.id, event=FAILED))
    client = aws_schedules._events()
    answer = {"FailedEntryCount": 1, "FailedEntries": [{"ErrorCode": "InternalFailure"}]}
    monkeypatch.setattr(client, "put_rule", lambda **_: {})
    monkeypatch.setattr(client, "put_targets", lambda **_: answer)
    with pytest.raises(StorageUnavailable, match="InternalFailure"):
        triggers.create(ada, order(workflow.id, event=FAILED))
    full = client.exceptions.ClientError({"Error": {"Code": "LimitExceededException"}}, "PutRule")

    def refuse(**_: Any) -> None:
        raise full

    monkeypatch.setattr(client, "put_rule", refuse)
    with pytest.raises(Conflict, match="no room"):
        triggers.create(ada, order(workflow.id, event=FAILED))
    assert triggers.mine(ada).items == []
