"""The tracker: hears of ends, however often, and finds those that nobody told it of."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.errors import ConfigurationError, InvalidInput, StorageUnavailable
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterRepository
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run
from agent_platform.workflows.runs import Startable
from functions.track_workflow import handler as module
from functions.track_workflow import tracker as tracking
from functions.track_workflow.handler import handler
from tests.fakes.aws import (
    APPROVALS_TABLE,
    DEAD_LETTERS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    RUNS_TABLE,
)
from tests.fakes.gateway import LambdaContext
from tests.fakes.machines import MachinesInMemory
from tests.fakes.runs import MACHINE

WHAT = Startable("w-1", "pay-invoice", "Pay an invoice", 3, f"{MACHINE}:live", {"Pay": "pay"})
ADA = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
ENVIRONMENT = {
    "RUNS_TABLE": RUNS_TABLE,
    "APPROVALS_TABLE": APPROVALS_TABLE,
    "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
    "OUTBOX_TABLE": OUTBOX_TABLE,
    "DEAD_LETTERS_TABLE": DEAD_LETTERS_TABLE,
    "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
}


@pytest.fixture
def machines(governance_tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[MachinesInMemory]:
    """What the function sees of Step Functions."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    module.tracker.cache_clear()
    in_memory = MachinesInMemory()
    monkeypatch.setattr(module.tracker()._runs, "machines", in_memory)
    monkeypatch.setattr(tracking, "GRACE", timedelta(seconds=-60))
    yield in_memory
    module.tracker.cache_clear()


def start() -> Run:
    return module.tracker()._runs.start(WHAT, {"total": 1}, ADA, trace_id="67a1b2c30123456789abcdef01234567")


def status_change(run: Run, status: str = "SUCCEEDED", machine: str = MACHINE) -> dict[str, Any]:
    """The event as EventBridge delivers it (Step Functions Developer Guide, "Event schemas")."""
    return {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "123456789012",
        "time": "2026-02-26T19:42:21Z",
        "region": "eu-central-1",
        "resources": [run.execution_arn],
        "detail": {
            "executionArn": run.execution_arn,
            "stateMachineArn": machine,
            "name": run.id,
            "status": status,
            "startDate": 1551225271984,
            "stopDate": 1551225275000,
            "input": "{}",
            "output": None,
            "stateMachineVersionArn": None,
            "redriveCount": 0,
        },
    }


def told() -> list[str]:
    items = sorted(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"], key=lambda item: item["id"]["S"])
    return [json.loads(item["event"]["S"])["type"].removeprefix("workflow.") for item in items]


def test_an_end_that_is_told_twice_is_recorded_once(machines: MachinesInMemory):
    run = start()
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": {"paid": True}, "output_ref": None})
    for _ in range(2):
        assert handler(status_change(run), LambdaContext()) == {"run_id": run.id, "status": "succeeded"}
    assert told() == ["started", "completed"]


def test_word_of_an_end_that_a_redrive_has_overtaken_changes_nothing(machines: MachinesInMemory):
    run = start()
    assert handler(status_change(run, "FAILED"), LambdaContext())["status"] == "running"
    assert told() == ["started"]


def test_an_execution_that_is_no_run_is_left_alone(machines: MachinesInMemory):
    by_hand = start().model_copy(update={"id": "by-hand"})
    assert handler(status_change(by_hand), LambdaContext()) == {"run_id": "by-hand", "status": None}
    run = start()
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    item_of_a_map = status_change(run, machine=f"{MACHINE}/vendors")
    assert handler(item_of_a_map, LambdaContext()) == {"run_id": None, "status": None}


def test_what_fails_is_raised_so_that_it_is_delivered_again(machines: MachinesInMemory):
    run = start()
    machines.down = True
    with pytest.raises(StorageUnavailable):
        handler(status_change(run), LambdaContext())
    machines.down = False
    machines.end(run.execution_arn, "FAILED", error="States.Timeout", cause="")
    assert handler(status_change(run, "FAILED"), LambdaContext())["status"] == "failed"
    assert told() == ["started", "failed"]


def test_the_sweep_settles_what_nobody_told_of_and_begins_what_never_began(machines: MachinesInMemory):
    over = start()
    machines.end(over.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    machines.down = True
    start()
    machines.down = False
    found = handler({"sweep": True}, LambdaContext())
    assert found == {"open": 2, "settled": 1, "begun": 1, "delivered": 0}
    assert told().count("completed") == 1


def test_the_sweep_leaves_runs_alone_that_have_just_been_started(
    machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tracking, "GRACE", timedelta(minutes=5))
    machines.end(start().execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    assert handler({"sweep": True}, LambdaContext())["settled"] == 0


def test_the_sweep_delivers_decisions_and_goes_on_past_one_that_cannot_be(
    machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    approvals, delivered = module.tracker()._approvals, list[str]()

    def deliver(approval_id: str) -> None:
        if approval_id == "a-1":
            raise StorageUnavailable("no answer")
        delivered.append(approval_id)

    monkeypatch.setattr(approvals, "undelivered", lambda: ["a-1", "a-2"])
    monkeypatch.setattr(approvals, "deliver", deliver)
    assert handler({"sweep": True}, LambdaContext())["delivered"] == 1
    assert delivered == ["a-2"]


def keep_letter(source: str) -> None:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {"id": new_id(), "source": source, "state": "open", "code": "refused", "message": "no"}
    letter = DeadLetter.model_validate(fields | {"tries": 1, "failed_at": now, "arrived_at": now})
    DeadLetterRepository(DEAD_LETTERS_TABLE, PayloadStore(PAYLOADS_BUCKET)).keep(letter, {})


def test_the_sweep_shows_how_many_dead_letters_are_open_where_there_are_any(
    machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AgentPlatform-test")
    for source in ("webhooks", "projections", "projections", "tracking"):
        keep_letter(source)
    count = DeadLetterRepository.count_open

    def is_throttled_once(letters: DeadLetterRepository, source: str) -> int:
        if source == "projections":
            raise StorageUnavailable("Throttled.")
        return count(letters, source)

    handler({"sweep": True}, LambdaContext())
    assert shown(capsys) == {"projections": 2, "webhooks": 1, "tracking": 1}
    monkeypatch.setattr(DeadLetterRepository, "count_open", is_throttled_once)
    handler({"sweep": True}, LambdaContext())
    assert shown(capsys) == {"webhooks": 1, "tracking": 1}


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Open letters by source, as the metric tells."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OpenDeadLetters" in line]
    return {each["source"]: each["OpenDeadLetters"][0] for each in lines}


def test_the_sweep_takes_up_nothing_new_when_its_time_is_nearly_over(
    machines: MachinesInMemory, monkeypatch: pytest.MonkeyPatch
):
    machines.end(start().execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    monkeypatch.setattr(module, "RESERVE_MILLISECONDS", 10**9)
    assert handler({"sweep": True}, LambdaContext())["settled"] == 0


@pytest.mark.parametrize(
    "event", [{}, {"sweep": False}, {"sweep": True, "more": 1}, {"source": "aws.s3", "detail": {}}]
)
def test_an_event_that_is_neither_is_refused(machines: MachinesInMemory, event: dict[str, Any]):
    with pytest.raises(InvalidInput, match="neither a status change nor a sweep"):
        handler(event, LambdaContext())


def test_a_variable_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    module.tracker.cache_clear()
    with pytest.raises(ConfigurationError, match="APPROVALS_TABLE"):
        handler({"sweep": True}, LambdaContext())
