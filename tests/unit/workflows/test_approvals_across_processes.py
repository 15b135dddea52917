"""One approval that several real processes decide, time out and restart at once: one decision, one resume.

A file per token stands for the task that waits: who removes it has ended the waiting, which nobody can do twice.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent_platform.errors import ApprovalDecided, ApprovalExpired
from agent_platform.identity.principal import Principal
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.approval_steps import ApprovalSteps
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import APPROVALS_TABLE, PAYLOADS_BUCKET
from tests.fakes.workflow_events import a_run, a_step

EVE = Principal("user-2", "eve@example.com", frozenset({"user"}), token_id="t")
BOB = Principal("user-3", "bob@example.com", frozenset({"user"}), token_id="t")
ROUNDS = 15


class Tasks:
    """Waiting tasks as files of a folder."""

    def __init__(self, folder: Path, dies: bool = False) -> None:
        self.folder = folder
        self._dies = dies

    def wait(self, token: str) -> None:
        (self.folder / token).touch()

    def end_waiting(self, token: str) -> bool:
        """Whether it waited until now."""
        try:
            (self.folder / token).unlink()
        except FileNotFoundError:
            return False
        return True

    def answer(self, token: str, output: Any) -> bool:
        if self._dies:
            os._exit(9)
        if not self.end_waiting(token):
            return False
        with (self.folder / "resumed").open("a") as lines:
            lines.write(f"{token} {output['output']['decision']}\n")
        return True

    @property
    def resumed(self) -> list[str]:
        """The tasks that went on, each with its decision."""
        log = self.folder / "resumed"
        return log.read_text().splitlines() if log.exists() else []


def approvals_on(tasks: Tasks) -> tuple[Approvals, WorkflowSteps]:
    data = StepData(PayloadStore(PAYLOADS_BUCKET))
    approvals = Approvals(ApprovalRepository(APPROVALS_TABLE), data, tasks.answer)
    return approvals, WorkflowSteps(data, ApprovalSteps(approvals, data))


def ask(tasks: Tasks, token: str, **more: Any) -> str:
    tasks.wait(token)
    event = a_step(
        "request_approval",
        token=token,
        message="Pay?",
        approvers={"users": [EVE.email, BOB.email]},
        timeout_seconds=3_600,
        **more,
    )
    answer: str = approvals_on(tasks)[1].take(event)["approval_id"]
    return answer


def decide(folder: Path, who: Principal, approval_id: str, decision: Any, pause: float = 0) -> str:
    """What the process heard: the decision that counts, or why its own does not."""
    time.sleep(pause)
    try:
        return approvals_on(Tasks(folder))[0].decide(who, approval_id, decision).status
    except (ApprovalDecided, ApprovalExpired) as error:
        return type(error).__name__


def time_out(folder: Path, token: str, number: int) -> str | None:
    """The decision that the run goes on with, or why it fails; None where it had gone on before its time was over."""
    tasks = Tasks(folder)
    if not tasks.end_waiting(token):
        return None
    event = a_step("settle_approval", run=a_run(id=f"run-{number}"), on_timeout="fail")
    try:
        decision: str = approvals_on(tasks)[1].take(event)["output"]["decision"]
    except ApprovalExpired:
        return "ApprovalExpired"
    return decision


def decide_and_die(folder: Path, approval_id: str) -> None:
    approvals_on(Tasks(folder, dies=True))[0].decide(EVE, approval_id, "approved")


@pytest.fixture
def tasks(emulated_tables: str, tmp_path: Path) -> Tasks:
    return Tasks(tmp_path)


def test_a_double_click_gives_one_resume_and_equal_answers(tasks: Tasks):
    approvals, _ = approvals_on(tasks)
    for number in range(ROUNDS):
        approval_id = ask(tasks, f"token-{number}", run=a_run(id=f"run-{number}"))
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda each: approvals.decide(EVE, each, "approved"), [approval_id] * 8))
        assert answers == [answers[0]] * 8
    assert len(tasks.resumed) == ROUNDS


def test_of_clicks_and_a_timeout_at_once_exactly_one_lets_the_run_go_on(tasks: Tasks):
    order, counted = Random(4), set[str]()  # noqa: S311 - nothing is secret here
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        for number in range(ROUNDS):
            token = f"token-{number}"
            approval_id = ask(tasks, token, run=a_run(id=f"run-{number}"))
            before = len(tasks.resumed)
            jobs: list[Any] = [
                (decide, who, approval_id, decision, order.choice((0, 0.005, 0.02, 0.05)))
                for who, decision in ((EVE, "approved"), (EVE, "approved"), (BOB, "rejected"))
            ]
            if number % 5:
                jobs.append((time_out, token, number))
            begun = {}  # in an order of its own in each round
            for at in order.sample(range(len(jobs)), len(jobs)):
                function, *arguments = jobs[at]
                begun[at] = processes.submit(function, tasks.folder, *arguments)
            *heard, late = [begun[at].result() if at in begun else None for at in range(4)]
            resumed = tasks.resumed[before:]
            assert len(resumed) + (late is not None) == 1
            status = ApprovalRepository(APPROVALS_TABLE).get(approval_id).approval.status
            if late == "ApprovalExpired":
                assert (status, heard) == ("expired", ["ApprovalExpired"] * 3)
            else:
                assert status == (late or resumed[0].split()[1])
                assert heard[0] == heard[1]
                assert {heard[0], heard[2]} == {status, "ApprovalDecided"}
            counted.add(status)
    assert len(counted) > 1, "The order of things never changed, so nothing was shown."
    assert ApprovalRepository(APPROVALS_TABLE).undelivered() == []


def test_a_process_that_dies_before_it_tells_the_run_leaves_a_decision_that_is_told_later(tasks: Tasks):
    approval_id = ask(tasks, "token-1")
    process = get_context("spawn").Process(target=decide_and_die, args=(tasks.folder, approval_id))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert tasks.resumed == []
    approvals, _ = approvals_on(tasks)
    assert decide(tasks.folder, BOB, approval_id, "rejected") == "ApprovalDecided"
    for undelivered in approvals.undelivered():
        approvals.deliver(undelivered)
    assert tasks.resumed == ["token-1 approved"]
    assert approvals.undelivered() == []


def test_a_restart_while_somebody_decides_loses_no_decision_and_resumes_once(tasks: Tasks):
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        for number in range(ROUNDS):
            run = a_run(id=f"run-{number}")
            approval_id = ask(tasks, f"old-{number}", run=run)
            before = len(tasks.resumed)
            click = processes.submit(decide, tasks.folder, EVE, approval_id, "approved")
            # The task that waited is over, and another one takes its place in the same run.
            if tasks.end_waiting(f"old-{number}"):
                ask(tasks, f"new-{number}", run=run)
            assert click.result() == "approved"
            approvals, _ = approvals_on(tasks)
            for undelivered in approvals.undelivered():
                approvals.deliver(undelivered)
            assert len(tasks.resumed) - before == 1


def test_the_time_that_a_decision_was_taken_at_is_kept(tasks: Tasks):
    began = datetime.now(UTC)
    approval_id = ask(tasks, "token-1")
    decide(tasks.folder, EVE, approval_id, "approved")
    decided_at = ApprovalRepository(APPROVALS_TABLE).get(approval_id).approval.decided_at
    assert decided_at is not None
    assert began <= decided_at <= datetime.now(UTC)
