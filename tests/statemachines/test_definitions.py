"""Every state machine definition that the platform ships, read as it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_platform import errors

FOLDER = Path(__file__).parents[2] / "statemachines"
FILES = sorted(FOLDER.glob("*.json"))
RESERVED = ("Lambda.", "Sandbox.", "States.")


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


def test_there_are_state_machines_to_check() -> None:
    assert FILES


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
PASSING = {"IdempotencyInProgress", "ModelCircuitOpen", "RateLimited", "SessionBusy"}
"""Refusals that say when to come again."""


def agent_tasks(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The tasks in which an agent runs; the others only read and write what is stored."""
    return [(name, task) for name, task in tasks(path) if name in ("Run the agent", "Run the line")]


def test_each_machine_runs_agents(path: Path) -> None:
    assert agent_tasks(path)


def test_only_errors_are_retried_that_leave_nothing_to_pay_twice(path: Path) -> None:
    """The models' errors that are retried are those that the platform calls transient, and it lets an execution wait
    again after one of them only where nothing was paid."""
    transient = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and getattr(kind, "transient", False)
    }
    for name, task in agent_tasks(path):
        retried = {error for rule in task["Retry"] for error in rule["ErrorEquals"]}
        assert retried == SERVICE | LOST | PASSING | transient | {"StorageUnavailable"}, name


def test_what_is_only_written_down_is_tried_again_while_storage_is_away(path: Path) -> None:
    writing = [each for each in tasks(path) if each not in agent_tasks(path)]

    assert writing
    for name, task in writing:
        retried = {error for rule in task["Retry"] for error in rule["ErrorEquals"]}
        assert retried == SERVICE | LOST | {"StorageUnavailable"}, name


def test_every_task_catches_whatever_is_left(path: Path) -> None:
    for name, task in tasks(path):
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


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
        if "ItemProcessor" in state:
            assert_all_reached(state["ItemProcessor"])
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
