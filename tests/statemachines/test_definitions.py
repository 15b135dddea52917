"""Every state machine definition that the platform ships, read as it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_platform import errors
from agent_platform.workflows.shipped_files import definition_file, spec_files

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "statemachines").glob("*.asl.json"))
BATCH = next(each for each in FILES if each.name == "run_batch.asl.json")
WORKFLOWS = [definition_file(ROOT, path.stem) for path in spec_files(ROOT)]
"""Compiled from specs; the others are written by hand."""
RESERVED = ("Lambda.", "Runtime.", "Sandbox.", "States.", "StepFunctions.")


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state of a machine by name, those inside of Map and Parallel included."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in (
            *state.get("Branches", []),
            *(state[key] for key in ("ItemProcessor", "Iterator") if key in state),
        ):
            yield from states(inner)


def tasks(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(name, state) for name, state in states(json.loads(path.read_text())) if state["Type"] == "Task"]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(params=[each for each in FILES if each not in WORKFLOWS], ids=lambda path: path.name)
def written(request: pytest.FixtureRequest) -> Path:
    """One that is written by hand."""
    return Path(request.param)


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    """One that is compiled from a spec."""
    return Path(request.param)


def test_there_are_state_machines_to_check() -> None:
    assert {path.name for path in FILES} - {path.name for path in WORKFLOWS} == {
        "evaluate_agent.asl.json",
        "run_agent.asl.json",
        "run_batch.asl.json",
    }
    assert len(WORKFLOWS) >= 14


def test_a_file_is_named_verb_noun(path: Path) -> None:
    assert path.name.endswith(".asl.json")
    assert "_" in path.name


def test_definitions_are_written_in_jsonpath(path: Path) -> None:
    machine = json.loads(path.read_text())

    assert machine.get("QueryLanguage", "JSONPath") == "JSONPath"
    assert all(state.get("QueryLanguage", "JSONPath") == "JSONPath" for _, state in states(machine))


def test_the_machine_and_every_task_end_in_a_stated_time(path: Path) -> None:
    assert json.loads(path.read_text())["TimeoutSeconds"] > 0
    assert all("TimeoutSeconds" in task or "TimeoutSecondsPath" in task for _, task in tasks(path))


def test_every_task_retries_a_stated_number_of_times_with_jitter(path: Path) -> None:
    for name, task in tasks(path):
        assert task["Retry"], name
        for rule in task["Retry"]:
            assert rule["MaxAttempts"] <= 10, name
            assert rule["JitterStrategy"] == "FULL", name
            assert rule["ErrorEquals"] != ["States.ALL"], f"{name} retries errors that no retry can mend"


SERVICE = {
    "Lambda.ServiceException",
    "Lambda.SnapStartException",
    "Lambda.SnapStartNotReadyException",
    "Lambda.SnapStartTimeoutException",
    "Lambda.TooManyRequestsException",
}
"""The function was not reached."""
LOST = {"Lambda.ClientExecutionTimeoutException", "Lambda.SdkClientException"}
"""The function may have run, and its answer was lost: its execution's id runs once, so the next try gets the record."""
CRASHED = {"Lambda.Unknown", "Runtime.ExitError"}
"""The function's process ended before its answer: out of memory, or killed."""
PASSING = {"IdempotencyInProgress", "ModelCircuitOpen", "RateLimited", "SessionBusy"}
"""Refusals that say when to come again."""


TRANSIENT = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and getattr(kind, "transient", False)
}
"""The models' errors that leave nothing to pay twice: an execution waits again only where nothing was paid."""


def agent_tasks(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The tasks in which an agent runs; the others only read and write what is stored."""
    return [(name, task) for name, task in tasks(path) if runs_an_agent(name, task)]


def runs_an_agent(name: str, task: dict[str, Any]) -> bool:
    asked = task["Parameters"].get("Payload", {})
    return name in ("Run the agent", "Run the line") or "workflow_step" in asked


def retried(task: dict[str, Any]) -> set[str]:
    return {error for rule in task["Retry"] for error in rule["ErrorEquals"]}


def test_each_machine_runs_agents(path: Path) -> None:
    assert agent_tasks(path)


def test_only_errors_are_retried_that_leave_nothing_to_pay_twice(written: Path) -> None:
    for name, task in agent_tasks(written):
        assert retried(task) == SERVICE | LOST | PASSING | TRANSIENT | {"StorageUnavailable"}, name


def test_a_workflow_retries_the_same_and_what_its_author_wants_paid_again(workflow: Path) -> None:
    for name, task in agent_tasks(workflow):
        own = retried(task) - (SERVICE | LOST | PASSING | TRANSIENT | {"StorageUnavailable"})
        assert retried(task) >= SERVICE | LOST | PASSING | TRANSIENT | {"StorageUnavailable"}, name
        assert own <= {"ModelOutputInvalid", "ModelRefused", "ModelTimedOut", "TeamFailed"}, name


def test_what_is_only_written_down_is_tried_again_while_storage_is_away(path: Path) -> None:
    writing = [(name, task) for name, task in tasks(path) if "lambda:invoke" in task["Resource"]]
    writing = [each for each in writing if each not in agent_tasks(path)]

    assert writing
    for name, task in writing:
        assert retried(task) - CRASHED == SERVICE | LOST | {"StorageUnavailable"}, name


def test_a_batch_outlives_a_crash_while_it_is_only_read_and_written() -> None:
    writing = [(name, task) for name, task in tasks(BATCH) if not runs_an_agent(name, task)]
    assert [name for name, task in writing if not retried(task) >= CRASHED] == []


def test_every_task_catches_whatever_is_left(written: Path) -> None:
    for name, task in tasks(written):
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_a_task_of_a_workflow_that_fails_the_run_fails_in_its_own_state(workflow: Path) -> None:
    """From there Step Functions can take the run up again. Caught is what somebody goes on after, inside of what is
    repeated or parallel, and what no further try can mend."""
    machine = json.loads(workflow.read_text())
    for name, task in tasks(workflow):
        assert task["Catch"], name
        for rule in task["Catch"]:
            target = machine["States"].get(rule["Next"])
            final = target is not None and target["Type"] == "Fail"
            assert not (final and rule["ErrorEquals"] == ["States.ALL"]), name


def test_errors_are_those_of_the_platform_or_of_step_functions(path: Path) -> None:
    named = {
        error
        for _, task in tasks(path)
        for rule in (*task["Retry"], *task["Catch"])
        for error in rule["ErrorEquals"]
        if not error.startswith(RESERVED)
    }

    assert named
    assert [error for error in named if not hasattr(errors, error)] == []


def test_every_state_can_be_reached(path: Path) -> None:
    machine = json.loads(path.read_text())
    for _, state in states(machine):
        for inner in (*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            assert_all_reached(inner)
    assert_all_reached(machine)


def assert_all_reached(machine: dict[str, Any]) -> None:
    reached, waiting = set[str](), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            state = machine["States"][name]
            rules = (*state.get("Choices", []), *state.get("Catch", []))
            waiting += [each["Next"] for each in (state, *rules) if "Next" in each]
            waiting += [state["Default"]] if "Default" in state else []

    assert reached == set(machine["States"])


def test_states_are_named_in_words(path: Path) -> None:
    for name, _ in states(json.loads(path.read_text())):
        assert name[0].isupper(), name
        assert " " in name, name
        assert len(name) <= 80, name
