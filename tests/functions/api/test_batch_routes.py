"""Batches and running executions through the gateway: one's own, and nobody else's."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from agent_platform.errors import AgentNotFound
from agent_platform.storage.executions import Execution
from agent_platform.storage.step_functions import StateMachine, step_functions
from tests.fakes.executions import an_execution
from tests.functions.api.conftest import Person, Platform

BATCHES, EXECUTIONS = "/api/v1/batches", "/api/v1/executions"
NDA = "legal/nda-reviewer"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def machines(platform: Platform) -> dict[str, StateMachine]:
    """Both state machines, which only take note of their runs."""
    step_functions.cache_clear()
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
    for name in ("run_agent", "run_batch"):
        role = "arn:aws:iam::123456789012:role/states"
        boto3.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=role)
    return {"run_agent": platform.services.run_agent, "run_batch": platform.services.run_batch}


def make(platform: Platform, who: Person, **body: Any) -> Any:
    return platform.gateway.post(BATCHES, {"agent_id": NDA, **body}, token=who.access_token)


def start(platform: Platform, who: Person, batch_id: str) -> Any:
    return platform.gateway.post(f"{BATCHES}/{batch_id}/start", token=who.access_token)


def queued(platform: Platform, who: Person) -> Execution:
    execution = an_execution(
        owner=who.id, status="queued", output=None, finished_at=None, cost_usd=Decimal(0), started_at=datetime.now(UTC)
    )
    platform.services.executions.queue(execution)
    return execution


def test_a_batch_with_inputs_is_ready_and_runs_once(
    platform: Platform, ada: Person, machines: dict[str, StateMachine]
) -> None:
    made = make(platform, ada, inputs=[{"text": "a"}, {"text": "b"}])
    assert (made.status, made.json["status"], made.json["upload"]) == (201, "ready", None)
    batch = platform.services.batches.get(made.json["id"], owner=ada.id)
    assert made.headers["location"] == f"{BATCHES}/{batch.id}"
    assert platform.services.payloads.read(batch.upload_key) == b'{"text":"a"}\n{"text":"b"}\n'
    for _ in range(2):
        assert start(platform, ada, batch.id).json["status"] == "running"
    assert machines["run_batch"].status(batch.id) == "RUNNING"


def test_the_last_page_of_batches_says_that_it_is_the_last(platform: Platform, ada: Person) -> None:
    ids = [make(platform, ada).json["id"] for _ in range(2)]
    found, query = [], "limit=1"
    while query:
        page = platform.gateway.get(BATCHES, token=ada.access_token, query=query).json
        found.append([each["id"] for each in page["items"]])
        query = f"limit=1&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert found == [[ids[1]], [ids[0]]]


@pytest.mark.parametrize(("format_", "text"), [("jsonl", '{"text": "a"}\nno json\n'), ("csv", "text\nà\n")])
def test_a_small_file_may_come_with_the_order_as_it_is(
    platform: Platform, ada: Person, machines: dict[str, StateMachine], format_: str, text: str
) -> None:
    made = make(platform, ada, format=format_, content=text).json
    assert (made["status"], made["upload"]) == ("ready", None)
    batch = platform.services.batches.get(made["id"], owner=ada.id)
    assert platform.services.payloads.read(batch.upload_key) == text.encode()
    assert start(platform, ada, made["id"]).status == 202
    assert machines["run_batch"].status(batch.id) == "RUNNING"


def test_a_batch_without_inputs_waits_for_its_file(
    platform: Platform, ada: Person, machines: dict[str, StateMachine]
) -> None:
    made = make(platform, ada, format="csv").json
    assert (made["status"], made["upload"]["method"], made["upload"]["content_type"]) == ("waiting", "PUT", "text/csv")
    assert f"/batches/{made['id']}/upload.csv?" in made["upload"]["url"]
    refused = start(platform, ada, made["id"])
    assert (refused.status, refused.code) == (409, "conflict")
    batch = platform.services.batches.get(made["id"], owner=ada.id)
    platform.services.payloads.write(batch.upload_key, [b"text\na\n"], "text/csv")
    assert start(platform, ada, made["id"]).status == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"agent_id": "legal/nobody"}, "agent_not_found"),
        ({"agent_id": "nobody"}, "invalid_input"),
        ({"inputs": []}, "invalid_input"),
        ({"inputs": [1]}, "invalid_input"),
        ({"inputs": [{}] * 1001}, "invalid_input"),
        ({"inputs": [{}], "format": "csv"}, "invalid_input"),
        ({"format": "xlsx"}, "invalid_input"),
        ({"content": ""}, "invalid_input"),
        ({"content": "{}", "inputs": [{}]}, "invalid_input"),
        ({"content": "\ud83d"}, "invalid_input"),
        ({"owner": "eve"}, "invalid_input"),
    ],
)
def test_what_is_no_batch_is_refused(platform: Platform, ada: Person, body: dict[str, Any], code: str) -> None:
    assert make(platform, ada, **body).code == code


@pytest.mark.parametrize("value", ["\ud800", float("inf")], ids=["surrogate", "infinity"])
def test_an_input_that_is_no_json_is_refused_by_its_number(platform: Platform, ada: Person, value: Any) -> None:
    refused = make(platform, ada, inputs=[{"t": "a"}, {"t": value}])
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [each["field"] for each in refused.json["errors"]] == ["inputs.1"]


def test_a_batch_whose_agent_is_gone_can_still_be_cancelled(
    platform: Platform, ada: Person, machines: dict[str, StateMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = make(platform, ada, inputs=[{}]).json["id"]
    start(platform, ada, batch_id)

    def gone(agent_id: str) -> None:
        raise AgentNotFound(f"There is no agent `{agent_id}`.")

    monkeypatch.setattr(platform.services.catalogue, "get", gone)
    cancelled = platform.gateway.post(f"{BATCHES}/{batch_id}/cancel", token=ada.access_token)
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    assert machines["run_batch"].status(f"{batch_id}-cancelled") == "RUNNING"


def test_a_key_makes_no_batch_for_an_agent_that_it_may_not_reach(platform: Platform, ada: Person) -> None:
    order = {"name": "Legal", "scopes": ["batches:run", "agents:execute"], "agents": ["legal/*"]}
    key = platform.gateway.post("/api/v1/keys", order, token=ada.access_token).json["key"]
    other = next(each for each in platform.services.catalogue.ids() if not each.startswith("legal/"))
    refused = platform.gateway.post(BATCHES, {"agent_id": other, "inputs": [{}]}, token=key)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert other in refused.json["detail"]
    assert platform.gateway.get(BATCHES, token=ada.access_token).json["items"] == []
    assert platform.gateway.post(BATCHES, {"agent_id": NDA}, token=key).status == 201


def test_the_batch_of_somebody_else_does_not_exist(platform: Platform, ada: Person) -> None:
    eve = platform.person("eve@example.com")
    batch_id = make(platform, ada, inputs=[{}]).json["id"]
    shown = platform.gateway.get(f"{BATCHES}/{batch_id}", token=eve.access_token)
    assert (shown.status, shown.code) == (404, "batch_not_found")
    for verb in ("start", "cancel"):
        assert platform.gateway.post(f"{BATCHES}/{batch_id}/{verb}", token=eve.access_token).status == 404
    assert platform.gateway.get(BATCHES, token=eve.access_token).json["items"] == []
    listed = platform.gateway.get(BATCHES, token=ada.access_token).json["items"]
    assert [each["id"] for each in listed] == [batch_id]


def test_a_cancelled_batch_is_stopped_and_its_results_are_collected(
    platform: Platform, ada: Person, machines: dict[str, StateMachine]
) -> None:
    batch_id = make(platform, ada, inputs=[{}]).json["id"]
    start(platform, ada, batch_id)
    cancelled = platform.gateway.post(f"{BATCHES}/{batch_id}/cancel", token=ada.access_token)
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    assert machines["run_batch"].status(batch_id) == "ABORTED"
    assert machines["run_batch"].status(f"{batch_id}-cancelled") == "RUNNING"
    assert start(platform, ada, batch_id).code == "already_finished"
    assert platform.services.batches.get(batch_id, owner=None).status == "cancelled"


def test_a_batch_that_is_over_shows_counts_cost_and_where_its_results_are(platform: Platform, ada: Person) -> None:
    batch_id = make(platform, ada, inputs=[{}]).json["id"]
    batch = platform.services.batches.get(batch_id, owner=None)
    over = {"status": "finished", "total": 3, "succeeded": 2, "failed": 1, "cost_usd": Decimal("0.5")}
    platform.services.batches.change(batch, finished_at=datetime.now(UTC), **over)
    shown = platform.gateway.get(f"{BATCHES}/{batch_id}", token=ada.access_token).json
    assert shown["counts"] == {"total": 3, "pending": 0, "running": 0, "succeeded": 2, "failed": 1}
    assert shown["cost_usd"] == 0.5
    assert f"/batches/{batch_id}/results.jsonl?" in shown["results"]["url"]
    refused = platform.gateway.post(f"{BATCHES}/{batch_id}/cancel", token=ada.access_token)
    assert refused.code == "already_finished"


def test_a_waiting_execution_is_shown_listed_and_cancelled(
    platform: Platform, ada: Person, machines: dict[str, StateMachine]
) -> None:
    execution = queued(platform, ada)
    machines["run_agent"].start(execution.id, {}, trace_id=execution.trace_id)
    shown = platform.gateway.get(f"{EXECUTIONS}/{execution.id}", token=ada.access_token)
    assert (shown.json["status"], shown.headers["retry-after"]) == ("queued", "1")
    page = platform.gateway.get(EXECUTIONS, token=ada.access_token, query="status=queued").json
    assert [each["id"] for each in page["items"]] == [execution.id]
    eve = platform.person("eve@example.com")
    assert platform.gateway.post(f"{EXECUTIONS}/{execution.id}/cancel", token=eve.access_token).status == 404
    cancelled = platform.gateway.post(f"{EXECUTIONS}/{execution.id}/cancel", token=ada.access_token)
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    assert machines["run_agent"].status(execution.id) == "ABORTED"


def test_a_running_execution_is_marked_and_its_machine_left_to_write_the_end(
    platform: Platform, ada: Person, machines: dict[str, StateMachine]
) -> None:
    execution = queued(platform, ada)
    machines["run_agent"].start(execution.id, {}, trace_id=execution.trace_id)
    platform.services.executions.begin(execution.id, owner=ada.id, agent_id=execution.agent_id)
    cancelled = platform.gateway.post(f"{EXECUTIONS}/{execution.id}/cancel", token=ada.access_token)
    assert (cancelled.json["status"], cancelled.json["finished_at"]) == ("cancelled", None)
    assert cancelled.headers["retry-after"]
    assert machines["run_agent"].status(execution.id) == "RUNNING"


def test_what_is_over_cannot_be_cancelled(platform: Platform, ada: Person) -> None:
    execution = an_execution(owner=ada.id)
    platform.services.recorder.record(execution)
    refused = platform.gateway.post(f"{EXECUTIONS}/{execution.id}/cancel", token=ada.access_token)
    assert (refused.status, refused.code) == (409, "already_finished")
