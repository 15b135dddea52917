"""Three of ten requests to DynamoDB are throttled, and nobody notices: not who executes, starts a run or signs in."""

from typing import Any

import pytest

from agent_platform.identity.principal import Principal
from agent_platform.storage import dynamodb as client_module
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.workflows.runs import Startable, WorkflowRuns
from tests.fakes.aws import EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.machines import MachinesInMemory
from tests.functions.run_agent.conftest import Function, event_loop, example, function

__all__ = ["dynamodb_faults", "event_loop", "example", "function"]

SHARE, REQUESTS = 0.3, 60
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-local-wf-pay"


@pytest.fixture
def pauses(dynamodb_faults: DynamoDBFaults, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which are left out, in seconds."""
    taken: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", taken.append)
    return taken


def test_executions_are_answered_and_recorded_once_each(
    function: Function, example: dict[str, Any], dynamodb_faults: DynamoDBFaults, pauses: list[float]
):
    dynamodb_faults.share = SHARE
    longest = 0.0
    for number in range(REQUESTS):
        pauses.clear()
        answer = function.execute({"input": example}, headers={"Idempotency-Key": f"k{number}"})
        assert answer.status == 200, answer.text
        longest = max(longest, sum(pauses))
    dynamodb_faults.share = 0
    assert dynamodb_faults.throttled > REQUESTS
    assert longest < 27, "what one execution may take by HTTP"
    assert len(dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"]) == REQUESTS
    assert len(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]) == REQUESTS


def test_runs_start_once_each(
    governance_tables: None, dynamodb_faults: DynamoDBFaults, pauses: list[float], executions_table: str
):
    payloads = PayloadStore(PAYLOADS_BUCKET)
    executions = ExecutionRepository(EXECUTIONS_TABLE, payloads)
    machines = MachinesInMemory()
    runs = WorkflowRuns(RunRepository(RUNS_TABLE, payloads), executions, OUTBOX_TABLE, lambda _: None, machines)
    ada = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
    what = Startable("wf-1", "pay-invoice", "Pay an invoice", 3, MACHINE, {})
    dynamodb_faults.share = SHARE
    ids = {runs.start(what, {}, ada, trace_id="a" * 32, name=f"n{number}").id for number in range(REQUESTS)}
    for run_id in ids:
        machines.end(
            runs.repository.stored(run_id).execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None}
        )
        assert runs.settle(run_id).status == "succeeded"
    dynamodb_faults.share = 0
    assert dynamodb_faults.throttled > REQUESTS
    assert len(ids) == len(machines.found) == REQUESTS
    assert len(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]) == 2 * REQUESTS


def test_a_table_that_throttles_everything_is_given_up_within_seconds(
    governance_tables: None, dynamodb_faults: DynamoDBFaults, pauses: list[float], executions_table: str
):
    dynamodb_faults.share = 1
    before = dynamodb_faults.calls
    with pytest.raises(dynamodb().exceptions.ProvisionedThroughputExceededException):
        dynamodb().get_item(TableName=EXECUTIONS_TABLE, Key={"id": {"S": "x"}})
    assert dynamodb_faults.calls - before == client_module.THROTTLED_TRIES
    assert sum(pauses) < client_module.LONGEST_PAUSE_SECONDS * client_module.THROTTLED_TRIES
