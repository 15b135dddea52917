"""A compiled approval on moto's interpreter, with the real function behind its steps: asked, decided, resumed."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend

from agent_platform.errors import PlatformError
from agent_platform.identity.principal import Principal
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.step_functions import answer_task, step_functions
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.compiler import Names, compile_spec
from agent_platform.workflows.spec import WorkflowSpec
from agent_platform.workflows.step_data import StepData
from functions.workflow_step.handler import handler, steps
from tests.fakes.aws import (
    APPROVALS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    REGION,
    RUNS_TABLE,
    STATE_MACHINES,
    emulated_account,
    make_execution_tables,
    make_governance_tables,
)
from tests.fakes.gateway import LambdaContext
from tests.fakes.workflow_events import RUN_ID, a_run

ADA = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="t")
FORM = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SPEC = {
    "name": "sign-off",
    "title": "Sign off",
    "input": {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]},
    "steps": [
        {
            "id": "sign",
            "kind": "approval",
            "message": "Pay ${input.total}?",
            "approvers": {"owner": True},
            "form": FORM,
            "on_timeout": "reject",
            "on_reject": "continue",
        }
    ],
    "output": {"decision": "${steps.sign.output.decision}", "form": "${steps.sign.output.form}"},
}
WAITING_SECONDS = 2


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Step Functions of an account in which the function `workflow_step` is deployed."""

    def invoke(_: LambdaSimpleBackend, name: str, qualifier: Any, body: Any, headers: Any, answered: Any) -> bytes:
        try:
            return json.dumps(handler(json.loads(body), LambdaContext())).encode()
        except PlatformError as error:
            answered["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "RUNS_TABLE": RUNS_TABLE,
        "APPROVALS_TABLE": APPROVALS_TABLE,
        "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
        "OUTBOX_TABLE": OUTBOX_TABLE,
        "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    step_functions.cache_clear()
    with emulated_account(**STATE_MACHINES):
        make_execution_tables()
        make_governance_tables()
        yield boto3.client("stepfunctions")
    step_functions.cache_clear()
    steps.cache_clear()


@pytest.fixture
def approvals(states: Any) -> Approvals:
    return Approvals(ApprovalRepository(APPROVALS_TABLE), StepData(PayloadStore(PAYLOADS_BUCKET)))


def begin(states: Any, *, waiting_seconds: int = 60) -> str:
    """Start a run that waits so long for the decision; returns its ARN."""
    compiled = compile_spec(WorkflowSpec.model_validate(SPEC), Names("run_agent-{group}", "workflow_step"))
    machine = states.create_state_machine(
        name="sign-off",
        definition=json.dumps(_hurried(compiled.definition, waiting_seconds)),
        roleArn="arn:aws:iam::123456789012:role/states",
    )["stateMachineArn"]
    document = {"run": a_run(), "input": {"total": 12.5}, "input_ref": None}
    answer = states.start_execution(stateMachineArn=machine, name=RUN_ID, input=json.dumps(document))
    return str(answer["executionArn"])


def _hurried(part: Any, waiting_seconds: int) -> Any:
    if isinstance(part, list):
        return [_hurried(each, waiting_seconds) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _hurried(each, waiting_seconds) for name, each in part.items()}
    if str(made.get("Resource")).endswith("waitForTaskToken"):
        made["TimeoutSeconds"] = waiting_seconds
    return made


def until[T](ask: Any, seconds: float = 30) -> T:
    """What `ask` answers once it answers something."""
    given_up = time.monotonic() + seconds
    while time.monotonic() < given_up:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def asked(approvals: Approvals) -> str:
    """The id of the approval, once somebody is asked."""
    (summary,) = until(lambda: approvals.inbox(ADA).items)
    return str(summary.id)


def output_of(states: Any, arn: str) -> Any:
    """The output of a run that succeeds."""

    def ended() -> Any:
        answer = states.describe_execution(executionArn=arn)
        return answer if answer["status"] != "RUNNING" else None

    answer: Any = until(ended)
    assert answer["status"] == "SUCCEEDED", answer
    return json.loads(answer["output"])


def test_a_decision_lets_the_run_go_on_with_what_was_filled_in(states: Any, approvals: Approvals):
    arn = begin(states)
    approval_id = asked(approvals)
    assert approvals.get(ADA, approval_id).message == "Pay 12.5?"
    approvals.decide(ADA, approval_id, "approved", form={"text": "Fine."})
    assert output_of(states, arn)["output"] == {"decision": "approved", "form": {"text": "Fine."}}
    assert approvals.undelivered() == []


def test_a_large_form_never_passes_through_the_state_machine(states: Any, approvals: Approvals):
    arn = begin(states)
    long = "x" * 300_000
    approvals.decide(ADA, asked(approvals), "approved", form={"text": long})
    answer = output_of(states, arn)
    assert answer["output"] is None
    assert StepData(PayloadStore(PAYLOADS_BUCKET)).load(answer["output_ref"])["form"] == {"text": long}
    history = states.get_execution_history(executionArn=arn)["events"]
    assert max(len(json.dumps(event, default=str)) for event in history) < 10_000


def test_where_nobody_decides_in_time_the_run_goes_on_without(states: Any, approvals: Approvals):
    arn = begin(states, waiting_seconds=WAITING_SECONDS)
    assert output_of(states, arn)["output"] == {"decision": "rejected", "form": None}
    (summary,) = approvals.inbox(ADA, status="decided").items
    assert (summary.status, summary.decided_by) == ("rejected", None)


def test_a_token_under_which_nobody_waits_is_told_as_such(states: Any):
    assert answer_task("no such token", {}) is False
