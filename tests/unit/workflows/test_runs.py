"""Runs: one for a name, one end for an attempt, stopped and retried without losing or doubling anything."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import (
    AlreadyFinished,
    ConfigurationError,
    RunNameReused,
    RunNotFound,
    RunNotRetryable,
    WorkflowArchived,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunRepository, RunSource
from agent_platform.storage.workflow_machines import MachineExecution
from agent_platform.workflows.runs import Startable, WorkflowRuns
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.executions import an_execution
from tests.fakes.machines import MachinesInMemory
from tests.fakes.runs import MACHINE

TRACE = "67a1b2c30123456789abcdef01234567"
WHAT = Startable("w-1", "pay-invoice", "Pay an invoice", 3, f"{MACHINE}:3", {"Extract": "extract", "Pay": "pay"})
ADA = Principal("user-1", "ada@example.com", frozenset({"user", "author"}), token_id="jti")


@pytest.fixture
def machines() -> MachinesInMemory:
    return MachinesInMemory()


@pytest.fixture
def withdrawn() -> list[str]:
    """Ids of runs whose approvals were withdrawn."""
    return []


@pytest.fixture
def runs(governance_tables: None, machines: MachinesInMemory, withdrawn: list[str]) -> WorkflowRuns:
    repository = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    return WorkflowRuns(repository, ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, withdrawn.append, machines)


@pytest.fixture
def shared(emulated_tables: str, machines: MachinesInMemory) -> WorkflowRuns:
    """The same on the emulator, whose transactions are whole also when several threads write at once."""
    repository = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    return WorkflowRuns(repository, ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, lambda _: None, machines)


def start(runs: WorkflowRuns, value: dict[str, Any] | None = None, **options: Any) -> Run:
    return runs.start(WHAT, {"total": 12} if value is None else value, ADA, trace_id=TRACE, **options)


def told() -> list[tuple[str, int, str | None]]:
    """Type, attempt and error code of every event, in order of ids."""
    items = sorted(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"], key=lambda item: item["id"]["S"])
    events = [json.loads(item["event"]["S"]) for item in items if "workflow." in item["event"]["S"]]
    return [
        (each["type"].removeprefix("workflow."), each["data"]["attempt"], (each["data"].get("error") or {}).get("code"))
        for each in events
    ]


def live(_: Run) -> Startable:
    return WHAT


def test_a_run_is_recorded_and_its_machine_gets_all_it_needs(runs: WorkflowRuns, machines: MachinesInMemory):
    run = start(runs, source=RunSource(kind="event", id="t-1", depth=2))
    document = machines.inputs[run.execution_arn]
    assert document["input"] == {"total": 12}
    assert document["input_ref"] is None
    assert document["run"] == {
        "id": run.id,
        "key": run.id,
        "workflow": "pay-invoice",
        "workflow_id": "w-1",
        "version": 3,
        "principal": {
            "user_id": "user-1",
            "email": "ada@example.com",
            "roles": ["author", "user"],
            "key_id": None,
            "scopes": None,
            "agents": None,
            "source_ip": None,
        },
        "trace_id": TRACE,
        "started_at": run.started_at.isoformat().replace("+00:00", "Z"),
        "depth": 2,
    }
    assert told() == [("started", 1, None)]


def test_a_large_input_travels_by_reference_with_what_the_machine_looks_at(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    value = {"text": "x" * 50_000, "priority": "high"}
    what = Startable("w-1", "pay-invoice", "Pay", 3, f"{MACHINE}:3", {}, keep=(("priority",),))
    run = runs.start(what, value, ADA, trace_id=TRACE)
    document = machines.inputs[run.execution_arn]
    assert document["input"] == {"priority": "high"}
    assert runs.repository.payloads.get(document["input_ref"]) == value


def test_one_name_is_one_run_however_many_ask_at_once(shared: WorkflowRuns, machines: MachinesInMemory):
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: start(shared, name="monday").id, range(16)))
    assert len(found) == len(machines.found) == 1
    assert told() == [("started", 1, None)]


def test_a_name_belongs_to_its_input_its_owner_and_its_workflow(runs: WorkflowRuns):
    first = start(runs, {"total": 1}, name="monday")
    for other in ({"total": 2}, {"total": True}, {"total": 1, "note": None}):
        with pytest.raises(RunNameReused, match=first.id):
            start(runs, other, name="monday")
    bea = Principal("user-2", "bea@example.com", frozenset(), token_id="j")
    assert runs.start(WHAT, {"total": 1}, bea, trace_id=TRACE, name="monday").id != first.id
    assert start(runs, {"total": 1}, name="tuesday").id != first.id
    assert start(runs, {"total": 1}).id != start(runs, {"total": 1}).id


def test_a_run_that_was_accepted_while_step_functions_was_down_begins_with_the_sweep(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    machines.down = True
    run = start(runs)
    machines.down = False
    assert machines.found == {}
    assert runs.sweep(datetime.now(UTC) - timedelta(minutes=5), time_left=lambda: True)["begun"] == 0
    assert runs.sweep(datetime.now(UTC) + timedelta(minutes=1), time_left=lambda: True)["begun"] == 1
    assert machines.inputs[run.execution_arn]["input"] == {"total": 12}
    assert told() == [("started", 1, None)]


def test_a_run_whose_machine_is_missing_has_failed(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, trace_id: str) -> None:
        raise ConfigurationError("no such machine")

    monkeypatch.setattr(machines, "start", refuse)
    with pytest.raises(ConfigurationError):
        start(runs)
    assert [(kind, attempt) for kind, attempt, _ in told()] == [("started", 1), ("failed", 1)]


def test_a_run_that_succeeded_has_its_output_and_what_it_cost(
    runs: WorkflowRuns, machines: MachinesInMemory, withdrawn: list[str]
):
    run = start(runs)
    recorder = OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    for status, cost in (("succeeded", "0.25"), ("failed", "0.5")):
        error = {"code": "model_error", "message": "m"} if status == "failed" else None
        recorder.record(an_execution(run_id=run.id, step_id="pay", cost_usd=Decimal(cost), status=status, error=error))
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": {"paid": True}, "output_ref": None})
    settled = runs.settle(run.id)
    assert (settled.status, settled.output, settled.cost_usd) == ("succeeded", {"paid": True}, Decimal("0.75"))
    assert settled.finished_at is not None
    assert withdrawn == [run.id]
    assert told() == [("started", 1, None), ("completed", 1, None)]


def test_an_output_that_lies_in_the_bucket_stays_there(runs: WorkflowRuns, machines: MachinesInMemory):
    run = start(runs)
    runs.repository.payloads.put(f"runs/{run.id}/output-1.json", {"long": "text"})
    reference = {"output": None, "output_ref": f"runs/{run.id}/output-1.json"}
    machines.end(run.execution_arn, "SUCCEEDED", output=reference)
    assert runs.settle(run.id).output_ref == reference["output_ref"]
    assert runs.repository.get(run.id, owner=None).output == {"long": "text"}


def test_however_many_settle_a_run_it_has_one_end(shared: WorkflowRuns, machines: MachinesInMemory):
    run = start(shared)
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    with ThreadPoolExecutor(12) as pool:
        ends = list(pool.map(lambda _: shared.settle(run.id), range(12)))
    assert len({each.finished_at for each in ends}) == 1
    assert told() == [("started", 1, None), ("completed", 1, None)]


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        ("InvalidInput", '{"errorMessage": "The total is missing.", "errorType": "InvalidInput"}', "invalid_input"),
        ("ApprovalRejected", "A person decided against it: Pay.", "approval_rejected"),
        ("States.Timeout", "", "deadline_exceeded"),
        ("States.Runtime", "An error occurred while …", "internal_error"),
    ],
)
def test_a_failed_run_says_why_and_at_which_step(
    shared: WorkflowRuns, machines: MachinesInMemory, error: str, cause: str, code: str
):
    run = start(shared)
    machines.events[run.execution_arn] = [
        {"id": number, "stateEnteredEventDetails": {"name": name}}
        for number, name in enumerate(("Extract", "Pay", "Report the failure"), start=1)
    ]
    machines.end(run.execution_arn, "FAILED", error=error, cause=cause)
    settled = shared.settle(run.id)
    assert settled.error is not None
    assert (settled.status, settled.error.code, settled.error.step_id) == ("failed", code, "pay")
    assert told() == [("started", 1, None), ("failed", 1, code)]


def test_a_run_that_took_too_long_says_so(runs: WorkflowRuns, machines: MachinesInMemory):
    run = start(runs)
    machines.end(run.execution_arn, "TIMED_OUT")
    error = runs.settle(run.id).error
    assert error is not None
    assert (error.code, "timeout_seconds" in error.message) == ("deadline_exceeded", True)


def test_stopping_ends_a_run_once_and_withdraws_its_approvals(
    runs: WorkflowRuns, machines: MachinesInMemory, withdrawn: list[str]
):
    run = start(runs)
    first = runs.stop(run.id, owner="user-1")
    assert (first.status, first.error and first.error.code) == ("stopped", "run_stopped")
    assert runs.stop(run.id, owner="user-1") == first
    assert withdrawn == [run.id]
    assert told() == [("started", 1, None), ("failed", 1, "run_stopped")]


def test_only_the_owner_stops_or_retries_a_run_and_only_one_that_goes_on(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    run = start(runs)
    with pytest.raises(RunNotFound):
        runs.stop(run.id, owner="user-2")
    with pytest.raises(RunNotRetryable, match="running"):
        runs.retry(run.id, ADA, live, trace_id=TRACE)
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    with pytest.raises(AlreadyFinished, match="succeeded"):
        runs.stop(run.id, owner="user-1")
    with pytest.raises(RunNotRetryable, match="succeeded"):
        runs.retry(run.id, ADA, live, trace_id=TRACE)


def test_a_run_that_is_stopped_before_it_began_can_not_be_begun_any_more(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    machines.down = True
    run = start(runs)
    machines.down = False
    assert runs.stop(run.id, owner="user-1").status == "stopped"
    assert machines.inputs[run.execution_arn] == {"stopped": True}
    runs.begin(run)  # whoever was about to
    assert machines.found[run.execution_arn].status == "FAILED"
    assert runs.stop(run.id, owner="user-1").status == "stopped"
    assert told() == [("started", 1, None), ("failed", 1, "run_stopped")]


def test_a_run_that_never_began_was_stopped_also_where_the_word_of_its_execution_comes_first(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    machines.down = True
    run = start(runs)
    machines.down = False
    begin = machines.start

    def and_tell(*given: Any, trace_id: str) -> None:
        begin(*given, trace_id=trace_id)
        assert runs.settle(run.id).status == "stopped"

    monkeypatch.setattr(machines, "start", and_tell)
    assert runs.stop(run.id, owner="user-1").status == "stopped"
    assert told() == [("started", 1, None), ("failed", 1, "run_stopped")]


def test_a_run_that_was_stopped_before_it_began_is_repeated(runs: WorkflowRuns, machines: MachinesInMemory):
    machines.down = True
    run = start(runs)
    machines.down = False
    runs.stop(run.id, owner="user-1")
    again = runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert (again.retry_of, machines.inputs[again.execution_arn]["input"]) == (run.id, {"total": 12})


def failed_run(runs: WorkflowRuns, machines: MachinesInMemory, **options: Any) -> Run:
    run = start(runs, **options)
    machines.end(run.execution_arn, "FAILED", error="ModelOverloaded", cause="busy")
    return runs.settle(run.id)


def test_a_failed_run_goes_on_as_its_next_attempt_with_a_start_and_an_end_of_its_own(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    run = failed_run(runs, machines)
    again = runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert (again.id, again.status, again.attempt, again.error) == (run.id, "running", 2, None)
    assert machines.found[run.execution_arn].redrives == 1
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    assert runs.settle(run.id).status == "succeeded"
    assert told() == [
        ("started", 1, None),
        ("failed", 1, "model_overloaded"),
        ("started", 2, None),
        ("completed", 2, None),
    ]


def test_an_api_key_goes_on_only_with_what_it_began_and_repeats_the_rest_within_its_bounds(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    key = replace(ADA, key_id="key-1", scopes=frozenset({"workflows:run"}), agents=frozenset({"legal/*"}))
    begun_by_ada = failed_run(runs, machines)
    repeated = runs.retry(begun_by_ada.id, key, live, trace_id=TRACE)
    assert machines.found[begun_by_ada.execution_arn].redrives == 0
    assert (repeated.retry_of, repeated.key) == (begun_by_ada.id, begun_by_ada.id)
    told_to_the_machine = machines.inputs[repeated.execution_arn]["run"]["principal"]
    assert (told_to_the_machine["key_id"], told_to_the_machine["scopes"], told_to_the_machine["agents"]) == (
        "key-1",
        ["workflows:run"],
        ["legal/*"],
    )
    machines.end(repeated.execution_arn, "FAILED", error="ModelOverloaded", cause="busy")
    runs.settle(repeated.id)
    assert runs.retry(repeated.id, key, live, trace_id=TRACE).attempt == 2
    assert machines.found[repeated.execution_arn].redrives == 1


def test_two_retries_at_once_are_one(shared: WorkflowRuns, machines: MachinesInMemory):
    run = failed_run(shared, machines)

    def retry(_: int) -> tuple[str, int] | None:
        try:
            again = shared.retry(run.id, ADA, live, trace_id=TRACE)
        except RunNotRetryable:
            return None
        return again.id, again.attempt

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(retry, range(8))) - {None}
    assert answers == {(run.id, 2)}
    assert machines.found[run.execution_arn].redrives == 1
    assert [kind for kind, _, _ in told()] == ["started", "failed", "started"]


def test_a_retry_that_comes_in_between_is_told_and_starts_no_second_run(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    run = failed_run(runs, machines)
    describe = machines.describe

    def overtaken(arn: str) -> MachineExecution | None:
        monkeypatch.setattr(machines, "describe", describe)
        assert runs.retry(run.id, ADA, live, trace_id=TRACE).attempt == 2
        return describe(arn)

    runs.settle(run.id)
    monkeypatch.setattr(machines, "describe", overtaken)
    with pytest.raises(RunNotRetryable, match="a moment ago"):
        runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert [kind for kind, _, _ in told()] == ["started", "failed", "started"]


def test_a_late_word_of_the_first_end_does_not_end_the_attempt_that_follows(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    run = failed_run(runs, machines)
    redrive = machines.redrive

    def late(arn: str, token: str) -> bool:
        assert runs.settle(run.id).status == "running"
        return redrive(arn, token)

    monkeypatch.setattr(machines, "redrive", late)
    assert runs.retry(run.id, ADA, live, trace_id=TRACE).attempt == 2
    assert [kind for kind, _, _ in told()] == ["started", "failed", "started"]


def test_a_retry_that_died_before_the_redrive_is_finished_by_the_sweep(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    run = failed_run(runs, machines)

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(machines, "redrive", die)
        with pytest.raises(KeyboardInterrupt):
            runs.retry(run.id, ADA, live, trace_id=TRACE)
    counts = runs.sweep(datetime.now(UTC) + timedelta(minutes=1), time_left=lambda: True)
    assert counts == {"open": 1, "settled": 0, "begun": 1}
    assert machines.found[run.execution_arn].redrives == 1


@pytest.mark.parametrize(
    ("error", "cause", "last", "repeated"),
    [
        ("ApprovalRejected", "A person decided against it: Pay.", "FailStateEntered", True),
        ("ApprovalExpired", '{"errorMessage": "Nobody decided.", "errorType": "ApprovalExpired"}', None, True),
        ("WorkflowRunFailed", "After 3 rounds it was still not enough.", None, True),
        ("InvalidInput", '{"errorMessage": "It is too large."}', "FailStateEntered", True),
        ("WorkflowRunFailed", '{"errorMessage": "The run 1 failed.", "errorType": "WorkflowRunFailed"}', None, False),
        ("States.ExceedToleratedFailureThreshold", "", None, False),
    ],
)
def test_a_run_that_would_only_fail_again_is_repeated(
    runs: WorkflowRuns, machines: MachinesInMemory, error: str, cause: str, last: str | None, repeated: bool
):
    run = start(runs)
    machines.events[run.execution_arn] = [
        {"id": 1, "type": last or "TaskStateEntered", "stateEnteredEventDetails": {"name": "Pay"}},
        {"id": 2, "type": "ExecutionFailed"},
    ]
    machines.end(run.execution_arn, "FAILED", error=error, cause=cause)
    runs.settle(run.id)
    again = runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert (again.retry_of, again.attempt) == ((run.id, 1) if repeated else (None, 2))
    assert machines.found[run.execution_arn].redrives == (0 if repeated else 1)


@pytest.fixture
def without_redrive(machines: MachinesInMemory) -> None:
    machines.can_redrive = False


def test_where_there_is_no_redrive_a_new_run_repeats_the_failed_one_under_its_key(
    without_redrive: None, runs: WorkflowRuns, machines: MachinesInMemory
):
    run = failed_run(runs, machines, name="monday")
    again = runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert again.id != run.id
    assert (again.retry_of, again.key, again.attempt, again.name) == (run.id, run.id, 1, None)
    assert machines.inputs[again.execution_arn]["run"]["key"] == run.id
    assert machines.inputs[again.execution_arn]["input"] == {"total": 12}
    assert runs.repository.stored(run.id).status == "failed"
    assert start(runs, name="monday").id == run.id


def test_a_run_is_repeated_once_and_what_failed_again_is_repeated_in_its_turn(
    without_redrive: None, shared: WorkflowRuns, machines: MachinesInMemory
):
    run = failed_run(shared, machines)
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: shared.retry(run.id, ADA, live, trace_id=TRACE).id, range(6)))
    assert len(found) == 1
    second = shared.repository.stored(found.pop())
    machines.end(second.execution_arn, "FAILED", error="ModelOverloaded", cause="busy")
    shared.settle(second.id)
    third = shared.retry(run.id, ADA, live, trace_id=TRACE)
    assert (third.retry_of, third.key) == (second.id, run.id)


def test_a_redrive_that_is_refused_after_all_ends_its_attempt_and_the_run_is_repeated(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    run = failed_run(runs, machines)
    monkeypatch.setattr(machines, "redrive", lambda *_: False)
    again = runs.retry(run.id, ADA, live, trace_id=TRACE)
    assert again.retry_of == run.id
    assert told()[:4] == [
        ("started", 1, None),
        ("failed", 1, "model_overloaded"),
        ("started", 2, None),
        ("failed", 2, "model_overloaded"),
    ]


def test_a_workflow_that_starts_no_runs_repeats_none(
    without_redrive: None, runs: WorkflowRuns, machines: MachinesInMemory
):
    def archived(_: Run) -> Startable:
        raise WorkflowArchived("archived")

    run = failed_run(runs, machines)
    with pytest.raises(WorkflowArchived):
        runs.retry(run.id, ADA, archived, trace_id=TRACE)


def test_the_sweep_settles_what_nobody_told_of_and_leaves_the_rest(runs: WorkflowRuns, machines: MachinesInMemory):
    over, going_on = start(runs), start(runs)
    machines.end(over.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    counts = runs.sweep(datetime.now(UTC) + timedelta(minutes=1), time_left=lambda: True)
    assert counts == {"open": 2, "settled": 1, "begun": 0}
    assert runs.repository.stored(going_on.id).status == "running"
    assert told().count(("completed", 1, None)) == 1


def test_the_sweep_goes_on_past_a_run_that_it_cannot_mend_and_stops_when_its_time_is_over(
    runs: WorkflowRuns, machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    damaged, over = start(runs), start(runs)
    machines.end(over.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    describe: Callable[[str], Any] = machines.describe

    def fails_for_one(arn: str) -> Any:
        if arn == damaged.execution_arn:
            raise ConfigurationError("no right")
        return describe(arn)

    monkeypatch.setattr(machines, "describe", fails_for_one)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert runs.sweep(later, time_left=lambda: False)["open"] == 0
    assert runs.sweep(later, time_left=lambda: True)["settled"] == 1


def test_the_run_of_a_step_is_retried_with_its_whole(runs: WorkflowRuns, machines: MachinesInMemory):
    run = failed_run(runs, machines)
    child = runs.repository.stored(run.id).model_copy(
        update={"id": "child", "execution_arn": run.execution_arn, "parent_run_id": run.id, "status": "running"}
    )
    runs.record(child)
    with pytest.raises(RunNotRetryable, match=run.id):
        runs.retry("child", ADA, live, trace_id=TRACE)


def test_a_step_s_run_that_never_began_ends_with_the_run_that_waited_for_it(
    runs: WorkflowRuns, machines: MachinesInMemory
):
    parent = start(runs)
    child = parent.model_copy(
        update={"id": "child", "execution_arn": f"{parent.execution_arn}-child", "parent_run_id": parent.id}
    )
    runs.record(child)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert runs.sweep(later, time_left=lambda: True) == {"open": 2, "settled": 0, "begun": 0}
    runs.stop(parent.id, owner="user-1")
    assert runs.sweep(later, time_left=lambda: True) == {"open": 1, "settled": 1, "begun": 0}
    assert runs.repository.stored("child").status == "stopped"
