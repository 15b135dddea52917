"""`run_agent.asl.json` executed by moto's interpreter; the group's functions are plain handlers."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend

from agent_platform.errors import (
    BudgetExceeded,
    ExecutionCancelled,
    IdempotencyInProgress,
    InvalidInput,
    ModelCircuitOpen,
    ModelError,
    ModelOverloaded,
    ModelTimedOut,
    ModelUnreachable,
    PlatformError,
    RateLimited,
    SessionBusy,
)

DEFINITION = Path(__file__).parents[2] / "statemachines" / "run_agent.asl.json"
REGION = "us-east-1"
FUNCTION = "platform-run_agent-finance-accounting:live"
REQUEST = {
    "execution_id": "e1",
    "agent_id": "finance-accounting/three-way-match-checker",
    "input_ref": "queued/e1/input.json",
    "session_id": None,
    "tool_approval": None,
    "version": None,
    "trace_id": "0" * 32,
    "principal": {"user_id": "u1", "email": "ada@example.org", "roles": ["user"], "key_id": None},
}

Handler = Callable[[dict[str, Any]], Any]


class LambdaError(Exception):
    """A failure that Lambda tells itself, under a name of its own such as `Sandbox.Timedout`."""


class Functions:
    """The deployed functions by name, what they were asked to run, and which failures to record."""

    def __init__(self) -> None:
        self.recorded: list[dict[str, Any]] = []
        self.handlers: dict[str, Handler] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, name: str, body: str, response_headers: dict[str, str]) -> bytes:
        event = json.loads(body)
        try:
            if "record_failure" in event:
                self.recorded.append(event["record_failure"])
                return json.dumps({"status": "failed"}).encode()
            self.asked.append((name, event))
            return json.dumps(self.handlers[name](event)).encode()
        except (LambdaError, PlatformError) as error:
            name = str(error) if isinstance(error, LambdaError) else type(error).__name__
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": name, "errorMessage": str(error)}).encode()


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    deployed = Functions()

    def invoke(
        _: LambdaSimpleBackend, name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        return deployed.invoke(f"{name}:{qualifier}" if qualifier else name, body, response_headers)

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws(config={"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}):
        yield deployed


def run(request: dict[str, Any], *, step_seconds: int = 900) -> dict[str, Any]:
    """Start one execution and wait for its end."""
    text = DEFINITION.read_text().replace("${AgentFunctionName}", "platform-run_agent-{}:live")
    text = text.replace("${AgentGroups}", "finance-accounting,legal")
    text = re.sub(r'"IntervalSeconds": \d+', '"IntervalSeconds": 1', text)
    text = text.replace('"TimeoutSeconds": 900', f'"TimeoutSeconds": {step_seconds}')
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="run_agent", definition=text, roleArn="arn:aws:iam::123456789012:role/states"
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, name="run-1", input=json.dumps(request))["executionArn"]
    for _ in range(200):
        answer = dict[str, Any](client.describe_execution(executionArn=execution))
        if answer["status"] != "RUNNING":
            return answer
        time.sleep(0.05)
    raise AssertionError("the execution did not end")


def test_the_agents_group_names_the_function_and_the_output_is_the_execution(functions: Functions) -> None:
    functions.handlers[FUNCTION] = lambda event: {"id": "e1", "echo": event}

    answer = run(REQUEST)

    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"]) == {"id": "e1", "echo": REQUEST}


@pytest.mark.parametrize(
    "error",
    [
        *(ModelError("later"), ModelOverloaded("later"), ModelUnreachable("later"), ModelCircuitOpen("later")),
        *(RateLimited("later"), SessionBusy("later"), IdempotencyInProgress("later")),
        LambdaError("Lambda.SdkClientException"),
    ],
    ids=lambda error: str(error) if isinstance(error, LambdaError) else type(error).__name__,
)
def test_what_passes_by_itself_is_tried_again(functions: Functions, error: LambdaError | PlatformError) -> None:
    tries = iter([error, None])

    def fail_once(_: dict[str, Any]) -> Any:
        if failure := next(tries):
            raise failure
        return {"id": "e1"}

    functions.handlers[FUNCTION] = fail_once

    answer = run(REQUEST)

    assert answer["status"] == "SUCCEEDED"
    assert len(functions.asked) == 2
    assert functions.recorded == []


@pytest.mark.parametrize(
    "failure",
    [
        ModelTimedOut("no answer in time"),
        InvalidInput("invoice must be an object"),
        BudgetExceeded("nothing left"),
        PlatformError("the disk is on fire"),
        LambdaError("Lambda.Unknown"),
    ],
    ids=lambda failure: str(failure) if isinstance(failure, LambdaError) else type(failure).__name__,
)
def test_what_stays_is_recorded_once_and_not_tried_again(
    functions: Functions, failure: LambdaError | PlatformError
) -> None:
    def fail(_: dict[str, Any]) -> Any:
        raise failure

    functions.handlers[FUNCTION] = fail

    answer = run(REQUEST)

    name = str(failure) if isinstance(failure, LambdaError) else type(failure).__name__
    assert (answer["status"], answer["error"]) == ("FAILED", name)
    assert len(functions.asked) == 1
    (recorded,) = functions.recorded
    assert (recorded["execution_id"], recorded["error"]) == ("e1", name)
    assert str(failure) in recorded["cause"]


def test_a_step_that_takes_too_long_is_recorded_and_not_started_again(functions: Functions) -> None:
    def dawdle(_: dict[str, Any]) -> Any:
        time.sleep(2)
        return {"id": "e1"}

    functions.handlers[FUNCTION] = dawdle

    answer = run(REQUEST, step_seconds=1)

    assert (answer["status"], answer["error"]) == ("FAILED", "TimedOut")
    assert len(functions.asked) == 1
    assert [each["error"] for each in functions.recorded] == ["TimedOut"]


def test_what_was_cancelled_before_it_ran_is_no_failure(functions: Functions) -> None:
    def refuse(_: dict[str, Any]) -> Any:
        raise ExecutionCancelled("cancelled")

    functions.handlers[FUNCTION] = refuse

    assert run(REQUEST)["status"] == "SUCCEEDED"
    assert functions.recorded == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({**REQUEST, "agent_id": "unheard-of/agent"}, "AgentNotFound"),
        ({**REQUEST, "agent_id": "no-group"}, "InvalidInput"),
        *(
            ({name: value for name, value in REQUEST.items() if name != missing}, "InvalidInput")
            for missing in ("execution_id", "principal", "input_ref", "agent_id")
        ),
    ],
)
def test_what_cannot_be_routed_is_refused_without_calling_a_function(
    functions: Functions, request_: dict[str, Any], error: str
) -> None:
    answer = run(request_)

    assert (answer["status"], answer["error"]) == ("FAILED", error)
    assert functions.asked == []
