"""What became of each step, told from histories as Step Functions writes them (moto's interpreter), and as the
emulator does: without what happened inside of branches and items."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import InvalidInput, ModelOverloaded
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunFailure
from agent_platform.storage.step_functions import MapCounts
from agent_platform.workflows.history import SHOWN_BYTES, Room, RunHistory, StepProgress
from agent_platform.workflows.reading import read_spec
from tests.fakes.aws import (
    AGENT_METRICS_TABLE,
    APPROVALS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    emulated_account,
    make_execution_tables,
    make_governance_tables,
)
from tests.fakes.executions import an_execution
from tests.fakes.machines import MachinesInMemory
from tests.fakes.runs import a_run
from tests.fakes.workflows import a_spec
from tests.statemachines.workflow_harness import Outcome, run_workflow

ASK = {"kind": "agent", "agent": "finance/checker", "input": {"total": "${input.total}"}}


@pytest.fixture
def machines() -> MachinesInMemory:
    return MachinesInMemory()


def played(spec: dict[str, Any], **options: Any) -> Outcome:
    """A run of the spec on moto, which has an account of its own for that."""
    return run_workflow(read_spec(spec), {"total": 3}, **({"agents": {}} | options))


def told(
    machines: MachinesInMemory,
    spec: dict[str, Any],
    outcome: Outcome,
    events: int | None = None,
    prepare: Callable[[], object] = lambda: None,
    room: int = SHOWN_BYTES,
    **changes: Any,
) -> dict[str, StepProgress]:
    """The steps of that run, of which only the first so many events have happened. `prepare` fills the tables."""
    ended = {"SUCCEEDED": "succeeded", "FAILED": "failed"}[outcome.status] if events is None else "running"
    error = RunFailure(code="x", message="m", step_id=None) if ended == "failed" else None
    finished = outcome.history[-1]["timestamp"] if events is None else None
    run: Run = a_run(**({"status": ended, "error": error, "finished_at": finished} | changes))
    machines.events[run.execution_arn] = outcome.history[:events]
    payloads = PayloadStore(PAYLOADS_BUCKET)
    executions = ExecutionRepository(EXECUTIONS_TABLE, payloads)
    history = RunHistory(machines, executions, ApprovalRepository(APPROVALS_TABLE), payloads)
    with emulated_account():
        make_execution_tables()
        make_governance_tables()
        prepare()
        _, steps = history.steps(run, read_spec(spec), outcome.compiled.states, Room(room))
    return {step.id: step for step in steps}


def until(outcome: Outcome, state: str) -> int:
    """How many events there are when a state has been entered and what it asks for is under way."""
    for at, event in enumerate(outcome.history, start=1):
        if event.get("stateEnteredEventDetails", {}).get("name") == state:
            return at + 1
    raise AssertionError(f"{state} was not entered: {outcome.path}")


def as_the_emulator(outcome: Outcome, holder: str) -> Outcome:
    """The same history without links between events, and without what happened inside of a state."""
    inside, kept = False, []
    for event in outcome.history:
        name = (event.get("stateExitedEventDetails") or event.get("stateEnteredEventDetails") or {}).get("name")
        inside = inside and not (name == holder and "stateExitedEventDetails" in event)
        if not inside:
            kept.append({key: value for key, value in event.items() if key != "previousEventId"})
        inside = inside or (name == holder and "stateEnteredEventDetails" in event)
    outcome.history = kept
    return outcome


TWO = a_spec(steps=[{"id": "check", **ASK}, {"id": "tidy", "kind": "transform", "template": "${steps.check.output}"}])


def test_each_step_has_its_times_its_tries_and_its_output(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": {"score": 7}})
    steps = told(machines, TWO, outcome)
    assert [(each.id, each.status, each.tries, each.output) for each in steps.values()] == [
        ("check", "succeeded", 1, {"score": 7}),
        ("tidy", "succeeded", 1, {"score": 7}),
    ]
    check, tidy = steps["check"], steps["tidy"]
    assert check.started_at is not None
    assert check.finished_at is not None
    assert tidy.started_at is not None
    assert check.started_at <= check.finished_at <= tidy.started_at
    assert check.duration_ms == round((check.finished_at - check.started_at) / timedelta(milliseconds=1))


def test_while_it_runs_one_step_is_running_and_those_after_it_are_pending(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": {"score": 7}})
    steps = told(machines, TWO, outcome, events=until(outcome, "Check"))
    assert [(each.status, each.finished_at, each.output) for each in steps.values()] == [
        ("running", None, None),
        ("pending", None, None),
    ]
    assert steps["check"].started_at is not None
    assert steps["check"].duration_ms is None


def test_before_anything_has_happened_everything_is_pending(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": {"score": 7}})
    assert {each.status for each in told(machines, TWO, outcome, events=0).values()} == {"pending"}


def test_every_try_counts_and_one_that_went_well_in_the_end_has_no_error(machines: MachinesInMemory):
    tries = iter([ModelOverloaded("busy"), ModelOverloaded("busy"), {"score": 1}])

    def answer(_: Any) -> Any:
        if isinstance(found := next(tries), Exception):
            raise found
        return found

    steps = told(machines, TWO, played(TWO, agents={"finance/checker": answer}))
    assert (steps["check"].status, steps["check"].tries, steps["check"].error) == ("succeeded", 3, None)


def refuse(_: Any) -> Any:
    raise InvalidInput("The total is odd.")


def test_a_step_that_failed_says_why_and_what_came_after_it_was_skipped(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": refuse})
    error = RunFailure(code="invalid_input", message="The total is odd.", step_id="check")
    steps = told(machines, TWO, outcome, error=error)
    assert steps["check"].status == "failed"
    assert steps["check"].error is not None
    assert (steps["check"].error.code, steps["check"].error.message) == ("invalid_input", "The total is odd.")
    assert (steps["tidy"].status, steps["tidy"].started_at) == ("skipped", None)
    assert steps["check"].finished_at is not None


def test_a_failure_that_the_workflow_goes_on_from_is_the_step_s_alone(machines: MachinesInMemory):
    spec = a_spec(
        steps=[
            {"id": "check", **ASK, "on_error": "continue"},
            {"id": "tidy", "kind": "transform", "template": "${steps.check.output ?? null}"},
        ]
    )
    steps = told(machines, spec, played(spec, agents={"finance/checker": refuse}))
    assert (steps["check"].status, steps["tidy"].status) == ("failed", "succeeded")
    assert steps["check"].error is not None
    assert steps["check"].error.code == "invalid_input"


CHOICE = a_spec(
    steps=[
        {
            "id": "large",
            "kind": "choice",
            "cases": [
                {
                    "when": {"path": "input.total", "above": 100},
                    "steps": [{"id": "big", "kind": "transform", "template": 1}],
                },
                {
                    "when": {"path": "input.total", "above": 1},
                    "steps": [{"id": "small", "kind": "transform", "template": 2}],
                },
            ],
        },
        {"id": "last", "kind": "transform", "template": 3},
    ]
)


def test_the_case_that_was_not_taken_is_skipped(machines: MachinesInMemory):
    steps = told(machines, CHOICE, played(CHOICE))
    assert {each.id: each.status for each in steps.values()} == {
        "large": "succeeded",
        "big": "skipped",
        "small": "succeeded",
        "last": "succeeded",
    }
    assert (steps["small"].parent, steps["last"].parent) == ("large", None)


BRANCHES = a_spec(
    steps=[
        {
            "id": "both",
            "kind": "parallel",
            "branches": [
                {"steps": [{"id": "left", "kind": "transform", "template": 1}]},
                {"steps": [{"id": "right", "kind": "transform", "template": 2}]},
            ],
        },
        {"id": "last", "kind": "transform", "template": ["${steps.left.output}", "${steps.right.output}"]},
    ]
)


@pytest.mark.parametrize("emulator", [False, True])
def test_the_steps_of_branches_are_told(machines: MachinesInMemory, emulator: bool):
    outcome = played(BRANCHES)
    if emulator:
        outcome = as_the_emulator(outcome, "Both")
    steps = told(machines, BRANCHES, outcome)
    assert {each.status for each in steps.values()} == {"succeeded"}
    assert [steps[name].output for name in ("left", "right", "last")] == [1, 2, [1, 2]]
    assert (steps["left"].started_at is None) == emulator


LOOP = a_spec(
    steps=[
        {
            "id": "again",
            "kind": "loop",
            "max_iterations": 3,
            "until": {"path": "steps.judge.output.score", "at_least": 3},
            "steps": [{"id": "judge", **ASK}],
        }
    ]
)


def test_of_a_loop_the_last_round_is_told(machines: MachinesInMemory):
    scores = iter([1, 2, 3])
    outcome = played(LOOP, agents={"finance/checker": lambda _: {"score": next(scores)}})
    steps = told(machines, LOOP, outcome)
    assert (steps["judge"].output, steps["judge"].tries) == ({"score": 3}, 1)
    assert steps["again"].output == {"iterations": 3, "satisfied": True}
    again, judge = steps["again"], steps["judge"]
    assert again.started_at is not None
    assert judge.started_at is not None
    assert again.started_at < judge.started_at


MAP = a_spec(
    input={
        "type": "object",
        "properties": {
            "total": {"type": "number"},
            "list": {"type": "array", "items": {"type": "number"}, "maxItems": 9},
        },
        "required": ["total", "list"],
    },
    steps=[
        {
            "id": "each",
            "kind": "map",
            "items": "input.list",
            "on_item_error": "continue",
            "steps": [{"id": "check", "kind": "agent", "agent": "finance/checker", "input": {"total": "${item}"}}],
        }
    ],
)


def test_a_map_tells_how_far_its_items_have_come(machines: MachinesInMemory):
    def odd_fails(task: Any) -> Any:
        return refuse(task) if task["total"] % 2 else {"score": 1}

    outcome = run_workflow(read_spec(MAP), {"total": 1, "list": [1, 2, 3, 4, 5]}, agents={"finance/checker": odd_fails})
    steps = told(machines, MAP, outcome)
    assert steps["each"].status == "succeeded"
    assert steps["each"].output == {"items": [None, {"score": 1}, None, {"score": 1}, None], "failed": 3}
    assert steps["each"].counts is not None
    assert (steps["each"].counts.total, steps["each"].counts.running) == (5, 0)


def test_the_items_of_a_distributed_map_are_counted_where_they_run(
    machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    outcome = run_workflow(
        read_spec(MAP), {"total": 1, "list": [2, 4]}, agents={"finance/checker": lambda _: {"score": 1}}
    )
    counts = MapCounts(total=60, pending=10, running=5, succeeded=44, failed=1)
    monkeypatch.setattr(machines, "map_counts", lambda _: {"each": counts})
    assert told(machines, MAP, outcome)["each"].counts == counts


def test_what_ran_for_the_items_of_a_map_has_run_though_the_history_does_not_tell(machines: MachinesInMemory):
    body = [*MAP["steps"][0]["steps"], {"id": "tidy", "kind": "transform", "template": "${steps.check.output}"}]
    spec = {**MAP, "steps": [{**MAP["steps"][0], "steps": body}]}
    outcome = run_workflow(read_spec(spec), {"total": 1, "list": [2, 4]}, agents={"finance/checker": {"score": 1}})

    def record() -> None:
        executions = ExecutionRepository(EXECUTIONS_TABLE, PayloadStore(PAYLOADS_BUCKET))
        recorder = OutboxRecorder(executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
        for number in (1, 2):
            recorder.record(an_execution(id=f"e-{number}", run_id="run-7", step_id="check", cost_usd=Decimal("0.5")))

    steps = told(machines, spec, as_the_emulator(outcome, "Each"), prepare=record, id="run-7")

    assert (steps["check"].status, steps["check"].tries, steps["check"].cost_usd) == ("succeeded", 2, Decimal("1.0"))
    assert steps["check"].started_at is not None
    assert steps["tidy"].status == "succeeded"


def test_a_map_over_nothing_has_run_none_of_its_steps(machines: MachinesInMemory):
    outcome = run_workflow(read_spec(MAP), {"total": 1, "list": []}, agents={"finance/checker": {"score": 1}})

    steps = told(machines, MAP, outcome)

    assert (steps["each"].status, steps["check"].status) == ("succeeded", "skipped")


APPROVAL = a_spec(
    steps=[
        {"id": "agree", "kind": "approval", "message": "Pay it?", "approvers": {"owner": True}, "on_reject": "fail"},
        {"id": "rest", "kind": "wait", "seconds": 5},
    ]
)


def test_an_approval_and_a_wait_are_waiting_until_they_are_over(machines: MachinesInMemory):
    outcome = played(APPROVAL, decisions={"agree": "approved"})
    waiting = told(machines, APPROVAL, outcome, events=until(outcome, "Agree"))
    assert (waiting["agree"].status, waiting["rest"].status) == ("waiting", "pending")
    resting = told(machines, APPROVAL, outcome, events=until(outcome, "Rest") - 1)
    assert (resting["agree"].status, resting["rest"].status) == ("succeeded", "waiting")
    over = told(machines, APPROVAL, outcome)
    assert [each.status for each in over.values()] == ["succeeded", "succeeded"]
    assert over["agree"].output["decision"] == "approved"
    assert over["agree"].approval_id is not None


def test_a_run_that_was_stopped_shows_the_step_that_was_under_way_as_failed(machines: MachinesInMemory):
    outcome = played(APPROVAL, decisions={"agree": "approved"})
    error = RunFailure(code="run_stopped", message="The run was stopped.")
    steps = told(
        machines,
        APPROVAL,
        outcome,
        events=until(outcome, "Agree"),
        status="stopped",
        error=error,
        finished_at=outcome.history[-1]["timestamp"],
    )
    assert (steps["agree"].status, steps["rest"].status) == ("failed", "skipped")
    assert steps["agree"].error is not None
    assert steps["agree"].error.code == "run_stopped"


def test_costs_and_executions_are_those_of_the_step_failed_tries_and_members_included(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": {"score": 7}})
    run = a_run(status="succeeded", finished_at=outcome.history[-1]["timestamp"])
    failed = {"status": "failed", "error": {"code": "model_error", "message": "m"}, "output": None}
    made = [
        an_execution(id=f"e-{number}", run_id=run.id, step_id="check", cost_usd=Decimal(cost), **more)
        for number, (cost, more) in enumerate((("0.5", failed), ("0.25", {"input": {"total": 3}})))
    ]
    member = an_execution(run_id=run.id, step_id="check", cost_usd=Decimal("0.125"), parent_id=made[1].id)

    def record() -> None:
        counters = AgentCounters(AGENT_METRICS_TABLE)
        recorder = OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, counters)
        for execution in (*made, member):
            recorder.record(execution)

    steps = told(machines, TWO, outcome, prepare=record, id=run.id)
    assert steps["check"].cost_usd == Decimal("0.875")
    assert steps["check"].execution_ids == [each.id for each in made]
    assert (steps["check"].input, steps["check"].left_out) == ({"total": 3}, [])
    tight = told(machines, TWO, outcome, prepare=record, room=len('{"total":3}') - 1, id=run.id)
    assert (tight["check"].input, tight["check"].left_out) == (None, ["input"])
    assert (steps["tidy"].cost_usd, steps["tidy"].execution_ids) == (None, [])


def test_a_large_output_is_read_from_the_bucket_as_long_as_there_is_room(machines: MachinesInMemory):
    outcome = played(TWO, agents={"finance/checker": {"text": "x" * 300_000}})
    large = {"text": "x" * 300_000}

    def store() -> None:
        for name in ("check", "tidy"):
            entry = _last_entry(outcome, name)
            assert entry["output"] is None
            PayloadStore(PAYLOADS_BUCKET).put(entry["output_ref"], large)

    steps = told(machines, TWO, outcome, prepare=store)
    assert steps["check"].output == steps["tidy"].output == large
    assert steps["check"].left_out == steps["tidy"].left_out == []
    steps = told(machines, TWO, outcome, prepare=store, room=400_000)
    assert (steps["check"].output, steps["check"].left_out) == (large, [])
    assert (steps["tidy"].output, steps["tidy"].left_out) == (None, ["output"])


def _last_entry(outcome: Outcome, step: str) -> dict[str, Any]:
    texts = [
        event["stateEnteredEventDetails"]["input"] for event in outcome.history if "stateEnteredEventDetails" in event
    ]
    found: dict[str, Any] = json.loads(texts[-1])["steps"][step]
    return found
