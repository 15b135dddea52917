"""Runs on the emulated AWS, started and settled by several real processes, some of which are killed on the way."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest

from agent_platform.identity.principal import Principal
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunRepository
from agent_platform.storage.step_functions import step_functions
from agent_platform.storage.workflow_machines import WorkflowMachines
from agent_platform.workflows.runs import Startable, WorkflowRuns
from tests.fakes.aws import EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:AgentPlatform-local-wf-pay-invoice"
ADA = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
TRACE = "67a1b2c30123456789abcdef01234567"
DEFINITION = {
    "StartAt": "Extract",
    "States": {
        "Extract": {"Type": "Pass", "Next": "Is it large?"},
        "Is it large?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.input.fails", "IsPresent": True, "Next": "Refuse"}],
            "Default": "Give the result",
        },
        "Refuse": {"Type": "Fail", "Error": "InvalidInput", "Cause": "It is too large."},
        "Give the result": {"Type": "Pass", "Parameters": {"output.$": "$.input", "output_ref": None}, "End": True},
    },
}
RUNS, PROCESSES = 36, 6


def the_runs() -> WorkflowRuns:
    repository = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    return WorkflowRuns(repository, ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, lambda _: None)


def start(runs: WorkflowRuns, machine: str, name: str | None, **more: Any) -> Run:
    what = Startable("w-1", "pay-invoice", "Pay", 1, machine, {"Extract": "extract", "Refuse": "refuse"})
    return runs.start(what, {"name": name, **more}, ADA, trace_id=TRACE, name=name)


def carry_out(environment: Mapping[str, str], machine: str, name: str) -> None:
    """Start the run of this name and settle it; this process may be killed at any moment."""
    os.environ.update(environment)
    runs = the_runs()
    run = start(runs, machine, name)
    while runs.settle(run.id).status == "running":
        time.sleep(0.01)


@pytest.fixture
def machine(emulated_tables: str) -> str:
    """The alias of a published state machine."""
    machines = WorkflowMachines("arn:aws:iam::000000000000:role/workflows")
    return machines.point_alias(machines.publish(MACHINE, json.dumps(DEFINITION), "Version 1"))


@pytest.fixture
def processes() -> ForkServerContext:
    """Where child processes begin that have everything imported already."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def events() -> Counter[tuple[str, str]]:
    """How often each kind of event was told of each run."""
    pages = dynamodb().get_paginator("scan").paginate(TableName=OUTBOX_TABLE)
    return Counter(
        (item["subject"]["S"], json.loads(item["event"]["S"])["type"]) for page in pages for item in page["Items"]
    )


def executions() -> list[str]:
    """The names of the state machine's executions."""
    pages = step_functions().get_paginator("list_executions").paginate(stateMachineArn=MACHINE)
    return [each["name"] for page in pages for each in page["executions"]]


def sweep(runs: WorkflowRuns) -> dict[str, int]:
    return runs.sweep(datetime.now(UTC) + timedelta(minutes=1), time_left=lambda: True)


def test_a_name_that_several_processes_start_at_once_is_one_run(machine: str, processes: ForkServerContext):
    workers = [
        processes.Process(target=partial(carry_out, dict(os.environ), machine, "monday")) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    (name,) = executions()
    assert events() == {(name, "workflow.started"): 1, (name, "workflow.completed"): 1}
    assert the_runs().repository.list_by_owner("user-1").items[0].id == name


def test_processes_killed_at_random_points_leave_one_start_and_one_end_of_each_run(
    machine: str, processes: ForkServerContext
):
    chance = random.Random(9)  # noqa: S311 - a test that can be repeated
    names = [f"run-{number}" for number in range(RUNS)]
    killed = 0
    for at in range(0, RUNS, PROCESSES):
        some = names[at : at + PROCESSES]
        workers = [processes.Process(target=partial(carry_out, dict(os.environ), machine, name)) for name in some]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(chance.uniform(0, 0.3))
            killed += worker.exitcode is None
            worker.kill()
            worker.join()
    runs = the_runs()
    left_open = len(list(runs.repository.open_runs()))
    # Whoever asked asks again, and the sweep finds what nobody asks for.
    found = [start(runs, machine, name) for name in names[::2]]
    deadline = time.monotonic() + 60
    while sweep(runs)["open"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    told = events()
    recorded = {run for run, _ in told}
    assert {run.id for run in found} <= recorded
    assert sorted(executions()) == sorted(recorded)
    assert set(told.values()) == {1}
    assert Counter(kind for _, kind in told) == {"workflow.started": len(recorded), "workflow.completed": len(recorded)}
    print(f"killed {killed} of {RUNS} processes; {left_open} runs were left open; {len(recorded)} runs, one end each")
    assert killed > 0


def test_the_emulator_tells_why_a_run_failed_and_a_new_one_repeats_it(machine: str):
    runs = the_runs()
    run = start(runs, machine, None, fails=True)
    while (failed := runs.settle(run.id)).status == "running":
        time.sleep(0.02)
    assert failed.error is not None
    assert (failed.error.code, failed.error.step_id) == ("invalid_input", "refuse")
    again = runs.retry(run.id, ADA, lambda _: Startable("w-1", "pay", "Pay", 1, machine, {}), trace_id=TRACE)
    assert (again.retry_of, again.key, again.id == run.id) == (run.id, run.id, False)


def test_a_rolled_back_machine_runs_the_older_definition(machine: str):
    machines, runs = WorkflowMachines("arn:aws:iam::000000000000:role/workflows"), the_runs()
    other = json.loads(json.dumps(DEFINITION))
    other["States"]["Give the result"]["Parameters"] = {"output": "new", "output_ref": None}

    def output() -> Any:
        run = start(runs, machine, None)
        while (settled := runs.settle(run.id)).status == "running":
            time.sleep(0.02)
        return settled.output

    assert machines.point_alias(machines.publish(MACHINE, json.dumps(other), "Version 2")) == machine
    assert output() == "new"
    machines.point_alias(machines.publish(MACHINE, json.dumps(DEFINITION), "Version 1"))
    assert output() == {"name": None}
