"""`evaluate_agent.asl.json` executed by moto's interpreter with its own function; agents are plain handlers."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend

from agent_platform.agents.compile import compile_catalogue
from agent_platform.errors import ModelOverloaded, PlatformError
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.evaluations import Evaluation, EvaluationRepository
from agent_platform.storage.executions import ExecutionRepository
from functions.evaluate_agent import handler as evaluate_agent
from tests.fakes.aws import (
    AGENT_METRICS_TABLE,
    DEFINITIONS_TABLE,
    EVALUATIONS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    STATE_MACHINES,
    emulated_account,
    make_execution_tables,
    make_governance_tables,
)
from tests.fakes.definitions import write_definition, write_vocabulary
from tests.fakes.executions import an_execution

DEFINITION = Path(__file__).parents[2] / "statemachines" / "evaluate_agent.asl.json"
CASES = """\
cases:
- name: heavy
  why: At a loss.
  input: {parcel_grams: 9000}
  expect: {tariff_class: L}
"""
Agent = Callable[[dict[str, Any]], dict[str, str]]


class Platform:
    """The functions of the machine: the evaluator as deployed, and an agent that answers as a test says."""

    def __init__(self) -> None:
        self.evaluations = EvaluationRepository(EVALUATIONS_TABLE)
        self.executions = ExecutionRepository(EXECUTIONS_TABLE)
        self.recorder = OutboxRecorder(self.executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
        self.asked: list[dict[str, Any]] = []
        self.agent: Agent = lambda _: {"tariff_class": "M", "reason": "r"}

    def invoke(self, name: str, body: str, response_headers: dict[str, str]) -> bytes:
        event = json.loads(body)
        try:
            if name == "evaluate_agent":
                return json.dumps(evaluate_agent.handler(event, Context())).encode()
            assert name == f"run_agent-{event['agent_id'].partition('/')[0]}"
            self.asked.append(event)
            execution = an_execution(output=self.agent(event), input=event["input"], provider="anthropic")
            self.recorder.record(execution)
            return json.dumps({"id": execution.id, "status": "succeeded"}).encode()
        except PlatformError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()

    def evaluate(self, **fields: Any) -> Evaluation:
        """Run an evaluation to its end."""
        document = {"id": new_id(), "agent_id": "post/parcel-weigher", "agent_version": "1.0.0", "status": "running"}
        document |= {"judge": False, "started_at": datetime.now(UTC), **fields}
        evaluation = Evaluation.model_validate(document)
        self.evaluations.put(evaluation)
        text = DEFINITION.read_text().replace("${AgentFunctionName}", "run_agent-{}")
        text = text.replace("${EvaluateAgentFunctionName}", "evaluate_agent")
        text = re.sub(r'"IntervalSeconds": \d+', '"IntervalSeconds": 1', text)
        client = boto3.client("stepfunctions")
        role = "arn:aws:iam::123456789012:role/states"
        machine = client.create_state_machine(name="evaluate_agent", definition=text, roleArn=role)["stateMachineArn"]
        order = {"evaluation_id": evaluation.id, "principal": {"user_id": "user-1"}, "trace_id": "0" * 32}
        run = client.start_execution(stateMachineArn=machine, name="run-1", input=json.dumps(order))["executionArn"]
        for _ in range(400):
            if client.describe_execution(executionArn=run)["status"] != "RUNNING":
                return self.evaluations.get(evaluation.id)
            time.sleep(0.05)
        raise AssertionError("the evaluation did not end")


class Context:
    """What Lambda tells a function about itself."""

    function_name = "evaluate_agent"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:evaluate_agent"
    aws_request_id = "1"


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Platform]:
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/parcel-weigher", "parcel")
    (root / "post" / "cases").mkdir()
    (root / "post" / "cases" / "parcel-weigher.yaml").write_text(CASES)
    compile_catalogue(root, tmp_path / "agents.sqlite")
    environment = {
        "CATALOGUE_PATH": str(tmp_path / "agents.sqlite"),
        "EVALUATIONS_TABLE": EVALUATIONS_TABLE,
        "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
        "DEFINITIONS_TABLE": DEFINITIONS_TABLE,
        "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with emulated_account(**STATE_MACHINES):
        make_execution_tables()
        make_governance_tables()
        deployed = Platform()
        monkeypatch.setattr(
            LambdaSimpleBackend, "invoke", lambda _, name, __, body, ___, headers: deployed.invoke(name, body, headers)
        )
        yield deployed
    evaluate_agent._catalogue().close()
    for made in (
        evaluate_agent._settings,
        evaluate_agent._definitions,
        evaluate_agent._catalogue,
        evaluate_agent._evaluator,
    ):
        made.cache_clear()


def test_an_evaluation_runs_every_case_as_the_one_who_asked_and_checks_the_answers(platform: Platform) -> None:
    kept = platform.evaluate()

    assert (kept.status, kept.passed, kept.cases) == ("finished", 1, 2)
    assert [(each.case, each.passed) for each in kept.results] == [("example", True), ("heavy", False)]
    assert sorted(each["input"]["parcel_grams"] for each in platform.asked) == [1500, 9000]
    assert {each["principal"]["user_id"] for each in platform.asked} == {"user-1"}
    assert {each["idempotency_key"] for each in platform.asked} == {
        f"evaluation:{kept.id}:cases:{name}" for name in ("example", "heavy")
    }


def test_a_model_that_is_busy_is_asked_again_under_the_same_key(platform: Platform) -> None:
    refusals = [ModelOverloaded("later")]

    def busy_once(event: dict[str, Any]) -> dict[str, str]:
        if event["input"]["parcel_grams"] == 9000 and refusals:
            raise refusals.pop()
        return {"tariff_class": "L" if event["input"]["parcel_grams"] == 9000 else "M", "reason": "r"}

    platform.agent = busy_once

    kept = platform.evaluate()

    assert (kept.passed, kept.cases) == (2, 2)
    keys = [each["idempotency_key"] for each in platform.asked if each["input"]["parcel_grams"] == 9000]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_judge_reads_the_answers_where_one_is_wanted(platform: Platform) -> None:
    def answer(event: dict[str, Any]) -> dict[str, str]:
        if event["agent_id"] == "machine-learning/reference-answer-judge":
            wrong = "9000" in event["input"]["case_input"]
            return {"verdict": "wrong" if wrong else "equivalent", "reason": "read"}
        return {"tariff_class": "L" if event["input"]["parcel_grams"] == 9000 else "M", "reason": "r"}

    platform.agent = answer

    kept = platform.evaluate(judge=True)

    assert (kept.status, kept.passed) == ("finished", 1)
    assert [each.verdict and each.verdict.verdict for each in kept.results] == ["equivalent", "wrong"]


def test_an_agent_that_left_ends_the_evaluation_with_the_reason(platform: Platform) -> None:
    kept = platform.evaluate(agent_id="post/wand-weigher")

    assert (kept.status, kept.error and kept.error.code) == ("failed", "agent_not_found")
    assert platform.asked == []
