"""What happens when a trigger fires: one run for each occasion, as its owner, who may have lost their rights."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from agent_platform.errors import (
    InvalidInput,
    PlatformError,
    PolicyUndecided,
    RunNameReused,
    StorageUnavailable,
    WorkflowNotPublished,
)
from agent_platform.events.workflows import workflow_ended
from agent_platform.identity.api_keys import ApiKeys, KeyOrder
from agent_platform.identity.policy import Policies
from agent_platform.identity.principal import Principal
from agent_platform.identity.users import Users
from agent_platform.ids import new_id
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import UserRecord
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.postgres import transaction
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.runs import Run, RunRepository, RunSource
from agent_platform.storage.triggers import Trigger, TriggerRepository
from functions.trigger_workflow.firing import MAX_CHAIN, Firing, permitted
from functions.trigger_workflow.request import FireRequest, read_request
from tests.fakes.aws import OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE, tokens_table
from tests.fakes.postgres import database, engine
from tests.fakes.published_workflows import a_user, a_workflow

__all__ = ["database", "engine", "tokens_table"]

AT = "2027-01-04T07:00:00Z"


def a_run(**changes: Any) -> Run:
    run_id = changes.get("id") or new_id()
    fields: dict[str, Any] = {
        "id": run_id,
        "workflow_id": new_id(),
        "workflow_name": "tidy-numbers",
        "workflow_title": "Tidy numbers",
        "version": 1,
        "status": "running",
        "started_at": datetime.now(UTC),
        "owner": "user-1",
        "input": {},
        "key": run_id,
        "trace_id": "0" * 32,
        "machine_arn": "arn:machine",
        "execution_arn": "arn:execution",
        "principal": PrincipalDocument(user_id="user-1", email="ada@example.com", roles=("user",)),
        **changes,
    }
    return Run.model_validate(fields)


@dataclass
class Starts:
    """Takes note of the runs that are asked for; a name is one run, as the platform has it."""

    asked: list[tuple[Principal, str, dict[str, Any], str, RunSource]] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    refusal: PlatformError | None = None

    def __call__(
        self,
        principal: Principal,
        workflow_id: str,
        value: dict[str, Any],
        *,
        name: str,
        source: RunSource,
        trace_id: str,
    ) -> Run:
        assert len(trace_id) == 32
        if self.refusal:
            raise self.refusal
        self.asked.append((principal, workflow_id, value, name, source))
        return self.runs.setdefault(name, a_run())


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def runs(governance_tables: None) -> RunRepository:
    return RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def triggers(engine: Engine) -> TriggerRepository:
    return TriggerRepository(engine)


@pytest.fixture
def keys(tokens_table: str) -> ApiKeys:
    return ApiKeys(tokens_table)


@pytest.fixture
def firing(
    engine: Engine,
    triggers: TriggerRepository,
    runs: RunRepository,
    keys: ApiKeys,
    starts: Starts,
    policies_path: Path,
) -> Firing:
    start = permitted(starts, Policies(policies_path))
    return Firing(triggers, runs, Users(engine).get, keys.principal_of, start)


@pytest.fixture
def owner(engine: Engine) -> str:
    return a_user(engine)


@pytest.fixture
def new_trigger(engine: Engine, triggers: TriggerRepository, owner: str) -> Callable[..., Trigger]:
    workflow = a_workflow(engine, owner)

    def make(**changes: Any) -> Trigger:
        fields: dict[str, Any] = {
            "id": new_id(),
            "workflow_id": workflow.id,
            "workflow_title": workflow.title,
            "owner_id": owner,
            "kind": "schedule",
            "title": "Daily",
            "settings": {"cron": "0 8 * * *", "timezone": "UTC"},
            "input": {"day": "${schedule.time}"},
            "paused": False,
            "created_at": datetime.now(UTC),
            **changes,
        }
        trigger = Trigger(**fields)
        with triggers.adding(trigger):
            pass
        return trigger

    return make


def by_event(trigger: Trigger, run: Run) -> FireRequest:
    """The request of a rule that waits for the ends of runs."""
    told = workflow_ended(run.model_copy(update={"status": "failed"}), OUTBOX_TABLE)
    return FireRequest.model_validate_json(f'{{"trigger_id": "{trigger.id}", "event": {told.event}}}')


def test_who_may_run_no_workflows_any_more_has_none_started(
    engine: Engine, firing: Firing, starts: Starts, triggers: TriggerRepository, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger()
    Users(engine).ensure("ada@example.com", "four words make one", "Ada", ("viewer",))
    assert firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "request-1")["code"] == "forbidden"
    assert starts.asked == []
    kept = triggers.get(trigger.id, owner=None)
    assert kept.last_error is not None
    assert "`workflows:run`" in kept.last_error["message"]


def test_without_a_policy_no_run_is_started_and_lambda_tries_again(
    engine: Engine,
    triggers: TriggerRepository,
    runs: RunRepository,
    keys: ApiKeys,
    starts: Starts,
    new_trigger: Callable[..., Trigger],
    tmp_path: Path,
) -> None:
    start = permitted(starts, Policies(tmp_path))
    firing = Firing(triggers, runs, Users(engine).get, keys.principal_of, start)
    with pytest.raises(PolicyUndecided):
        firing.fire(FireRequest(trigger_id=new_trigger().id, scheduled_at=AT), "request-1")
    assert starts.asked == []


def test_a_planned_moment_starts_one_run_as_the_owner_however_often_it_is_delivered(
    firing: Firing, starts: Starts, triggers: TriggerRepository, new_trigger: Callable[..., Trigger], owner: str
) -> None:
    trigger = new_trigger()
    request = FireRequest(trigger_id=trigger.id, scheduled_at=AT)
    first, again = firing.fire(request, "request-1"), firing.fire(request, "request-2")
    assert first == again == {"run_id": starts.runs[f"{trigger.id}:{AT}"].id, "code": None}
    principal, workflow_id, value, _, source = starts.asked[0]
    assert (principal.user_id, principal.email, principal.roles) == (owner, "ada@example.com", {"user"})
    assert (workflow_id, value) == (trigger.workflow_id, {"day": AT})
    assert source == RunSource(kind="schedule", id=trigger.id, depth=0)
    kept = triggers.get(trigger.id, owner=owner)
    assert (kept.last_run_id, kept.last_error) == (first["run_id"], None)
    assert kept.last_fired_at
    firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at="2027-01-05T07:00:00Z"), "request-3")
    assert len(starts.runs) == 2


def test_a_trigger_that_an_api_key_made_has_its_bounds_and_ends_with_it(
    firing: Firing,
    starts: Starts,
    keys: ApiKeys,
    triggers: TriggerRepository,
    new_trigger: Callable[..., Trigger],
    owner: str,
) -> None:
    order = KeyOrder("Nightly", ["triggers:manage", "workflows:run"], agents=["finance-accounting/*"])
    made, _ = keys.create(owner, lambda: ("ada@example.com", ("admin",)), order, new_id())
    trigger = new_trigger(key_id=made.key.id)
    fired = firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "request-1")
    assert fired["run_id"]
    principal = starts.asked[0][0]
    assert (principal.user_id, principal.roles) == (owner, {"user"})
    assert (principal.key_id, principal.scopes, principal.agents) == (
        made.key.id,
        frozenset({"triggers:manage", "workflows:run"}),
        frozenset({"finance-accounting/*"}),
    )
    keys.revoke(owner, made.key.id)
    refused = firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at="2027-01-05T07:00:00Z"), "request-2")
    assert refused == {"run_id": None, "code": "unauthenticated"}
    assert len(starts.asked) == 1
    kept = triggers.get(trigger.id, owner=owner)
    assert kept.last_error
    assert made.key.id in kept.last_error["message"]


def test_without_a_planned_moment_the_request_and_its_repetitions_are_one_run(
    firing: Firing, starts: Starts, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger()
    request = FireRequest(trigger_id=trigger.id, scheduled_at="<aws.scheduler.scheduled-time>")
    for request_id in ("request-1", "request-1", "request-2"):
        firing.fire(request, request_id)
    assert set(starts.runs) == {f"{trigger.id}:request-1", f"{trigger.id}:request-2"}
    moment = datetime.fromisoformat(starts.asked[0][2]["day"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


def test_an_event_starts_one_run_with_what_it_tells(
    firing: Firing, starts: Starts, runs: RunRepository, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger(
        kind="event",
        settings={"type": "workflow.failed", "match": {}},
        input={"day": "${event.data.workflow_name} of ${event.subject}"},
    )
    run = a_run()
    request = by_event(trigger, run)
    for _ in range(2):
        firing.fire(request, "request-1")
    assert request.event
    assert list(starts.runs) == [f"{trigger.id}:{request.event.id}"]
    _, _, value, _, source = starts.asked[0]
    assert value == {"day": f"tidy-numbers of {run.id}"}
    assert (source.kind, source.id) == ("event", trigger.id)


def test_a_chain_of_runs_that_start_each_other_ends(
    firing: Firing,
    starts: Starts,
    runs: RunRepository,
    triggers: TriggerRepository,
    new_trigger: Callable[..., Trigger],
) -> None:
    trigger = new_trigger(
        kind="event", settings={"type": "workflow.failed", "match": {}}, input={"day": "${event.time}"}
    )
    depths = []
    for depth in range(MAX_CHAIN + 1):
        run = a_run(source=RunSource(kind="event", id=trigger.id, depth=depth))
        runs.create(run, _event(run))
        answer = firing.fire(by_event(trigger, run), "request-1")
        depths.append(starts.asked[-1][-1].depth if answer["run_id"] else answer["code"])
    assert depths == [1, 2, 3, "conflict"]
    kept = triggers.get(trigger.id, owner=None)
    assert kept.last_error
    assert "chain of 4 runs" in kept.last_error["message"]


def test_an_execution_counts_to_the_chain_of_its_run(
    firing: Firing, starts: Starts, runs: RunRepository, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger(kind="event", settings={"type": "agent.executed"}, input={"day": "${event.data.agent_id}"})
    run = a_run(source=RunSource(kind="event", depth=2))
    runs.create(run, _event(run))
    for run_id in (run.id, None):
        event = {"type": "agent.executed", "subject": "a/b", "time": AT, "data": {"agent_id": "a/b", "run_id": run_id}}
        firing.fire(FireRequest.model_validate({"trigger_id": trigger.id, "event": event}), "request-1")
    assert [asked[-1].depth for asked in starts.asked] == [3, 0]


def _event(run: Run) -> Any:
    return workflow_ended(run, OUTBOX_TABLE)


def test_one_that_rests_or_is_gone_starts_nothing(
    firing: Firing, starts: Starts, new_trigger: Callable[..., Trigger]
) -> None:
    resting = new_trigger(paused=True)
    assert firing.fire(FireRequest(trigger_id=resting.id, scheduled_at=AT), "r")["code"] == "paused"
    for gone in (new_id(), "nobody"):
        assert firing.fire(FireRequest(trigger_id=gone, scheduled_at=AT), "r")["code"] == "trigger_not_found"
    assert starts.asked == []


@pytest.mark.parametrize(("roles", "disabled", "code"), [((), False, "forbidden"), (None, True, "unauthenticated")])
def test_nothing_runs_for_an_account_that_is_disabled_or_has_no_role(
    firing: Firing,
    starts: Starts,
    triggers: TriggerRepository,
    engine: Engine,
    owner: str,
    new_trigger: Callable[..., Trigger],
    roles: tuple[str, ...] | None,
    disabled: bool,
    code: str,
) -> None:
    trigger = new_trigger()
    if roles is not None:
        Users(engine).ensure("ada@example.com", "four words make one", "Ada", roles)
    if disabled:
        with transaction(engine, PLATFORM) as session:
            session.execute(update(UserRecord).values(disabled_at=datetime.now(UTC)))
    answer = firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "r")
    assert (answer, starts.asked) == ({"run_id": None, "code": code}, [])
    kept = triggers.get(trigger.id, owner=owner)
    assert kept.last_error
    assert kept.last_error["code"] == code


def test_the_rights_are_those_of_now(
    firing: Firing, starts: Starts, engine: Engine, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger()
    Users(engine).ensure("ada@example.com", "four words make one", "Ada", ["viewer", "operator"])
    firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "r")
    assert starts.asked[0][0].roles == {"viewer", "operator"}


def test_what_another_try_cannot_mend_is_kept_and_counted_and_forgotten_when_it_goes_well(
    firing: Firing,
    starts: Starts,
    triggers: TriggerRepository,
    new_trigger: Callable[..., Trigger],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "platform")
    trigger, request = new_trigger(), "r"
    starts.refusal = WorkflowNotPublished("No version is live.")
    answer = firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), request)
    assert answer == {"run_id": None, "code": "workflow_not_published"}
    kept = triggers.get(trigger.id, owner=None)
    assert kept.last_error
    assert (kept.last_error["code"], kept.last_error["message"]) == ("workflow_not_published", "No version is live.")
    assert '"TriggerRefusals"' in capsys.readouterr().out
    starts.refusal = None
    firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), request)
    assert triggers.get(trigger.id, owner=None).last_error is None


def test_an_input_that_lacks_what_it_refers_to_names_the_field(
    firing: Firing,
    starts: Starts,
    runs: RunRepository,
    triggers: TriggerRepository,
    new_trigger: Callable[..., Trigger],
) -> None:
    trigger = new_trigger(kind="event", settings={"type": "workflow.failed"}, input={"day": "${event.data.colour}"})
    assert firing.fire(by_event(trigger, a_run()), "r")["code"] == "invalid_input"
    kept = triggers.get(trigger.id, owner=None)
    assert kept.last_error
    assert "input.day: `event.data.colour` is absent" in kept.last_error["message"]


def test_an_occasion_that_had_its_run_under_another_input_starts_no_second_one(
    firing: Firing, starts: Starts, triggers: TriggerRepository, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger()
    starts.refusal = RunNameReused("The name belongs to another run.")
    assert firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "r")["code"] == "run_name_reused"
    assert triggers.get(trigger.id, owner=None).last_error is None


def test_a_fault_of_the_platform_is_raised_so_that_lambda_tries_again(
    firing: Firing, starts: Starts, triggers: TriggerRepository, new_trigger: Callable[..., Trigger]
) -> None:
    trigger = new_trigger()
    starts.refusal = StorageUnavailable("DynamoDB does not answer.")
    with pytest.raises(StorageUnavailable):
        firing.fire(FireRequest(trigger_id=trigger.id, scheduled_at=AT), "r")
    assert triggers.get(trigger.id, owner=None).last_error is None


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"trigger_id": "t"},
        {"trigger_id": "", "scheduled_at": AT},
        {"trigger_id": "t", "scheduled_at": AT, "event": {}},
        {"trigger_id": "t", "event": {"type": "user.registered", "subject": "x", "time": AT, "data": {}}},
        {"trigger_id": "t", "scheduled_at": AT, "owner": "eve"},
    ],
)
def test_what_no_trigger_sends_is_refused(event: Any) -> None:
    with pytest.raises(InvalidInput, match="no trigger's"):
        read_request(event)
