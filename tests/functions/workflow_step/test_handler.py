"""The function behind the steps of workflows: each kind reaches what it needs, and errors keep their names."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import InvalidInput, WorkflowRunFailed
from agent_platform.storage.approvals import ApprovalRepository
from functions.workflow_step.handler import handler, steps
from tests.fakes.aws import (
    APPROVALS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    RUNS_TABLE,
)
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.workflow_events import RUN_ID, TRACE, a_step

__all__ = ["log"]

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-local-wf-screen-vendor"
TOKEN = "AQCEAAAAKgAAAAMAAAAA"


@pytest.fixture(autouse=True)
def function(governance_tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function, cold."""
    for name, value in {
        "RUNS_TABLE": RUNS_TABLE,
        "APPROVALS_TABLE": APPROVALS_TABLE,
        "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
        "OUTBOX_TABLE": OUTBOX_TABLE,
        "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    yield
    steps.cache_clear()


def take(kind: str, **more: Any) -> dict[str, Any]:
    """What the state machine gets, as JSON."""
    answer: dict[str, Any] = json.loads(json.dumps(handler(a_step(kind, **more), LambdaContext())))
    return answer


def test_values_are_made():
    assert take("transform", scope={"input": {"n": 1}}, template="${input.n}")["output"] == 1
    assert take("finish", template="done") == {"output": "done", "output_ref": None}


def test_lists_are_prepared_and_results_collected():
    assert take("prepare_map", scope={"input": {"list": [1]}}, items="input.list")["count"] == 1
    assert take("collect_map", results=[])["output"] == {"items": [], "failed": 0}


def test_people_are_asked():
    approvers = {"users": ["eve@example.com"], "roles": [], "owner": False}
    asked = {"message": "Pay?", "approvers": approvers, "timeout_seconds": 60, "token": TOKEN}
    approval_id = take("request_approval", **asked)["approval_id"]
    assert [each.id for each in ApprovalRepository(APPROVALS_TABLE).of_run(RUN_ID)] == [approval_id]
    assert take("settle_approval", on_timeout="approve")["output"]["decision"] == "approved"


def test_other_workflows_are_run():
    workflow = {"workflow_id": "w", "name": "n", "title": "T", "version": 1, "machine_arn": MACHINE, "input": {}}
    name = take("begin_workflow", workflow=workflow, template={})["name"]
    with pytest.raises(WorkflowRunFailed):
        take("settle_workflow", child_run_id=name)


def test_an_error_keeps_its_name():
    with pytest.raises(InvalidInput):
        take("transform", template="${input.n}")


def test_the_log_tells_run_and_step_and_never_a_token(log: StringIO):
    asked = {"message": "Pay?", "approvers": {"users": ["eve@example.com"]}, "timeout_seconds": 60, "token": TOKEN}
    take("request_approval", **asked)
    line = json.loads(log.getvalue().splitlines()[0])
    assert (line["trace_id"], line["run_id"], line["step_id"]) == (TRACE, RUN_ID, "check")
    assert line["kind"] == "request_approval"
    assert TOKEN not in log.getvalue()
