"""Runs of other workflows, on behalf of a run."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import AlreadyFinished, InvalidInput, RunNotFound, WorkflowRunFailed
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunFailure, RunRepository
from agent_platform.storage.workflow_machines import MachineExecution
from agent_platform.workflows.nested_steps import MAX_DEPTH, NestedSteps
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.runs import STARTED
from tests.fakes.runs import a_run as a_recorded_run
from tests.fakes.workflow_events import RUN_ID, a_run, a_step

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-local-wf-screen-vendor"
SCHEMA = {"type": "object", "properties": {"vendor": {"type": "string"}}, "required": ["vendor"]}


@dataclass
class Machines:
    """Step Functions as far as these steps ask it: what became of an execution."""

    executions: dict[str, MachineExecution] = field(default_factory=dict)

    def describe(self, arn: str) -> MachineExecution | None:
        return self.executions.get(arn)

    def over(self, run: Run, status: Any, output: Any = None, error: str = "", cause: str = "") -> None:
        self.executions[run.execution_arn] = MachineExecution(
            status=status,
            started_at=STARTED,
            stopped_at=STARTED,
            output=output,
            error=error,
            cause=cause,
            redrives=0,
            redrivable=False,
        )


@dataclass
class World:
    """The steps with what they stand on."""

    steps: WorkflowSteps
    runs: RunRepository
    machines: Machines
    withdrawn: list[str]

    def begin(self, **more: Any) -> dict[str, Any]:
        return self.steps.take(begin_event(**more))

    def begun(self, **more: Any) -> Run:
        return self.runs.stored(self.begin(**more)["name"])

    def settle(self, child: Run, **more: Any) -> dict[str, Any]:
        return self.steps.take(a_step("settle_workflow", child_run_id=child.id, **more))


@pytest.fixture
def world(governance_tables: None) -> World:
    payloads = PayloadStore(PAYLOADS_BUCKET)
    data, repository, withdrawn = StepData(payloads), RunRepository(RUNS_TABLE, payloads), list[str]()
    executions = ExecutionRepository(EXECUTIONS_TABLE, payloads)
    runs, machines = WorkflowRuns(repository, executions, OUTBOX_TABLE, withdrawn.append), Machines()
    runs.machines = machines  # type: ignore[assignment]
    return World(WorkflowSteps(data, nested=NestedSteps(runs, data)), repository, machines, withdrawn)


def begin_event(**more: Any) -> dict[str, Any]:
    workflow = {
        "workflow_id": "w-2",
        "name": "screen-vendor",
        "title": "Screen a vendor",
        "version": 5,
        "machine_arn": MACHINE,
        "input": SCHEMA,
        "input_keep": [["vendor"]],
    }
    event = {"scope": {"input": {"name": "Acme"}}, "template": {"vendor": "${input.name}"}, "workflow": workflow}
    return a_step("begin_workflow", **{**event, **more})


def events() -> list[str]:
    items = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]
    return sorted(item["event"]["S"].split('"type":"')[1].split('"')[0] for item in items)


def test_the_run_is_recorded_with_its_event_before_it_starts(world: World):
    answer = world.begin()
    run = world.runs.stored(answer["name"])
    assert answer["machine_arn"] == MACHINE
    assert (run.workflow_id, run.version, run.owner, run.input) == ("w-2", 5, "user-1", {"vendor": "Acme"})
    assert (run.parent_run_id, run.source.kind, run.source.id, run.source.depth) == (RUN_ID, "workflow", RUN_ID, 1)
    assert answer["input"]["run"]["id"] == run.id
    assert answer["input"]["run"]["depth"] == 1
    assert answer["input"]["input"] == {"vendor": "Acme"}
    assert events() == ["workflow.started"]


def test_asked_again_it_is_the_same_run(world: World):
    assert world.begin() == world.begin()
    assert events() == ["workflow.started"]


def test_another_place_or_input_is_another_run(world: World):
    names = {world.begin(**more)["name"] for more in ({}, {"place": "vendors.1/"}, {"template": {"vendor": "B"}})}
    assert len(names) == 3


def test_a_run_that_repeats_its_own_finds_what_was_done_for_the_first(world: World):
    again = world.begin(run=a_run(id="019ab2c4-7d10-7c3e-9f52-000000000000"))
    assert again["name"] == world.begin()["name"]


def test_after_a_failure_another_run_repeats_it_under_its_key(world: World):
    first = world.begun()
    world.machines.over(first, "FAILED", error="ModelRefused", cause="no")
    with pytest.raises(WorkflowRunFailed):
        world.settle(first)
    second = world.begun()
    assert (second.retry_of, second.key) == (first.id, first.key)
    assert second.id != first.id


def test_a_large_input_goes_by_reference_with_what_conditions_look_at(world: World):
    answer = world.begin(template={"vendor": "Acme", "text": "x" * 100_000})
    assert answer["input"]["input"] == {"vendor": "Acme"}
    assert world.runs.payloads.get(answer["input"]["input_ref"])["text"] == "x" * 100_000


def test_what_is_no_input_of_that_workflow_starts_nothing(world: World):
    with pytest.raises(InvalidInput) as refused:
        world.begin(template={"vendor": 5})
    assert [each.field for each in refused.value.errors] == ["input.vendor"]
    assert events() == []


def test_runs_that_wait_for_each_other_come_to_an_end(world: World):
    with pytest.raises(InvalidInput, match="wait for each other"):
        world.begin(run=a_run(depth=MAX_DEPTH))


def test_its_output_is_the_steps(world: World):
    run = world.begun()
    world.machines.over(run, "SUCCEEDED", {"output": {"score": 7}, "output_ref": None})
    entry = world.settle(run)
    assert (entry["status"], entry["output"]) == ("succeeded", {"score": 7})
    assert entry["detail"] == {"run_id": run.id, "cost_usd": 0.0}
    assert world.runs.stored(run.id).cost_usd == Decimal(0)
    assert events() == ["workflow.completed", "workflow.started"]


def test_a_large_output_is_not_stored_twice(world: World):
    run = world.begun()
    key = f"runs/{run.id}/output-1.json"
    world.runs.payloads.put(key, {"score": 7, "text": "x" * 200_000})
    world.machines.over(run, "SUCCEEDED", {"output": None, "output_ref": key})
    entry = world.settle(run, keep=[["score"]])
    assert (entry["output"], entry["output_ref"]) == ({"score": 7}, key)


def test_settled_twice_it_has_one_end(world: World):
    run = world.begun()
    world.machines.over(run, "SUCCEEDED", {"output": 1, "output_ref": None})
    assert world.settle(run) == world.settle(run)
    assert events() == ["workflow.completed", "workflow.started"]


def test_its_failure_is_told_with_its_reason(world: World):
    run = world.begun()
    world.machines.over(run, "FAILED", error="InvalidInput", cause='{"errorMessage": "The total is missing."}')
    with pytest.raises(WorkflowRunFailed, match=r"screen-vendor.*The total is missing"):
        world.settle(run)
    assert world.withdrawn == [run.id]


def test_a_run_that_could_not_be_started_has_failed(world: World):
    with pytest.raises(WorkflowRunFailed, match="could not be started"):
        world.settle(world.begun())


def test_the_failure_of_an_earlier_attempt_makes_another_run_begin(world: World):
    run = world.begun()
    world.machines.over(run, "FAILED", error="InvalidInput", cause="no")
    with pytest.raises(WorkflowRunFailed):
        world.settle(run)
    ended = world.runs.stored(run.id).finished_at
    assert ended is not None
    mine = a_recorded_run(id=RUN_ID, key=RUN_ID)
    world.runs.create(mine, workflow_started(mine, OUTBOX_TABLE))
    over = mine.model_copy(update={"status": "failed", "error": RunFailure(code="x", message="x")})
    world.runs.end(over, workflow_ended(over, OUTBOX_TABLE))
    again = over.model_copy(
        update={"status": "running", "attempt": 2, "attempt_at": ended + timedelta(seconds=1), "error": None}
    )
    world.runs.restart(again, workflow_started(again, OUTBOX_TABLE))
    with pytest.raises(AlreadyFinished):
        world.settle(run)


def test_the_run_of_somebody_else_tells_nothing(world: World):
    run = world.begun()
    world.machines.over(run, "SUCCEEDED", {"output": "secret", "output_ref": None})
    with pytest.raises(RunNotFound):
        world.settle(run, run=a_run(principal={"user_id": "user-2"}))
