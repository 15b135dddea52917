"""One trace id from the request to the record, the model, the run, its steps, their events and what carries them on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from agent_platform import tracing
from agent_platform.agents.base import BaseAgent
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.meter import Meter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publisher import EventBridgePublisher
from agent_platform.events.spans import process_span, record_sent
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunRepository, RunSource
from agent_platform.workflows.runs import Startable, WorkflowRuns
from functions.trigger_workflow.firing import _trace_id
from functions.trigger_workflow.request import read_request
from functions.workflow_step.handler import handler as workflow_step
from functions.workflow_step.handler import steps
from tests.fakes.aws import APPROVALS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.machines import MachinesInMemory
from tests.fakes.offline_claude import OfflineServer
from tests.fakes.otlp import Collector, SentSpan, collector
from tests.functions.run_agent.conftest import AGENT, Function, event_loop, example, function

__all__ = ["collector", "event_loop", "example", "function", "log"]

TRACE = "67a1b2c30123456789abcdef01234567"
HEADER = {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=53995c3f42cd8ad8;Sampled=1"}
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-local-wf-pay"
CHILD = f"{MACHINE}-child"


@pytest.fixture(autouse=True)
def step_function(governance_tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of `functions/workflow_step`."""
    for name, value in {"RUNS_TABLE": RUNS_TABLE, "APPROVALS_TABLE": APPROVALS_TABLE}.items():
        monkeypatch.setenv(name, value)
    yield
    steps.cache_clear()


def events() -> list[CloudEvent]:
    """What waits in the outbox, oldest first."""
    items = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]
    found = [CloudEvent.model_validate_json(item["event"]["S"]) for item in items]
    return sorted(found, key=lambda event: event.id)


def trace_of(event: CloudEvent) -> str | None:
    return tracing.trace_id_of_traceparent(event.traceparent)


def span_of(event: CloudEvent) -> str:
    return (event.traceparent or "")[36:52]


def ancestors(spans: list[SentSpan], span: SentSpan) -> list[str]:
    """The names of what a span stands under, the nearest first."""
    known, found = {each.id: each for each in spans}, list[str]()
    while span.parent in known:
        span = known[span.parent]
        found.append(span.name)
    return found


def test_an_execution_from_the_gateway_to_the_model_and_the_bus(
    function: Function, example: dict[str, Any], collector: Collector, log: Any
):
    answer = function.execute({"input": example}, headers=HEADER)
    assert answer.status == 200
    assert answer.headers["x-trace-id"] == answer.json["trace_id"] == TRACE
    spans = collector.spans
    assert {span.trace_id for span in spans} == {TRACE}
    chat = next(span for span in spans if span.name.startswith("chat "))
    assert ancestors(spans, chat) == [f"invoke_agent {AGENT}", "POST /api/v1/agents/{group}/{name}/execute"]

    told = chat.attributes
    assert (chat.kind, told["gen_ai.operation.name"], told["gen_ai.provider.name"]) == ("client", "chat", "anthropic")
    assert told["gen_ai.request.model"] == chat.name.removeprefix("chat ")
    assert told["gen_ai.response.finish_reasons"] == ["end_turn"]
    usage = answer.json["usage"]
    cached = usage["cache_read_tokens"] + usage["cache_write_tokens"]
    assert told["gen_ai.usage.input_tokens"] == usage["input_tokens"] + cached
    assert told["gen_ai.usage.output_tokens"] == usage["output_tokens"]
    agent = collector.named(f"invoke_agent {AGENT}").attributes
    assert (agent["gen_ai.operation.name"], agent["gen_ai.agent.id"]) == ("invoke_agent", AGENT)
    assert agent["agent_platform.execution.id"] == answer.json["id"]
    assert agent["gen_ai.agent.version"] == answer.json["agent_version"]
    server = collector.named("POST /api/v1/agents/{group}/{name}/execute")
    assert (server.kind, server.attributes["http.response.status_code"]) == ("server", 200)
    assert not {"url.path", "url.query", "user_agent.original"} & server.attributes.keys()

    (asked,) = function.claude.requests()
    assert asked["traceparent"] == f"00-{TRACE}-{chat.id}-01"
    (event,) = events()
    assert trace_of(event) == TRACE
    assert span_of(event) == collector.named(f"invoke_agent {AGENT}").id

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert lines
    assert {line.get("trace_id") for line in lines} == {TRACE}

    boto3.client("events").create_event_bus(Name="platform")
    assert not EventBridgePublisher("platform").publish([event]).again
    record_sent([event], "kafka", datetime.now(UTC), refused=[event.id])
    with process_span([event, None], "aws_sqs", "projections"):
        pass
    tracing.flush()
    processed = collector.named("process projections")
    sent, refused = collector.named("send platform"), collector.named("send agent.executed")
    for each in (sent, refused):
        assert (each.kind, each.trace_id, each.parent) == ("producer", TRACE, span_of(event))
        assert each.attributes["messaging.message.id"] == event.id
    assert (sent.failed, refused.failed) == (False, True)
    assert (processed.kind, processed.links) == ("consumer", (TRACE,))


def test_a_run_with_its_steps_and_the_run_that_one_of_them_starts(
    function: Function, example: dict[str, Any], collector: Collector
):
    machines, payloads = MachinesInMemory(), PayloadStore(PAYLOADS_BUCKET)
    repository = RunRepository(RUNS_TABLE, payloads)
    executions = ExecutionRepository(EXECUTIONS_TABLE, payloads)
    runs = WorkflowRuns(repository, executions, OUTBOX_TABLE, lambda _: None, machines)
    ada = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
    what = Startable("wf-1", "pay-invoice", "Pay an invoice", 3, MACHINE, {})
    run = runs.start(what, example, ada, trace_id=TRACE, source=RunSource(kind="api"))

    facts = machines.inputs[run.execution_arn]["run"]
    scope = {"input": example, "input_ref": None, "steps": {}, "vars": {}}
    common = {"place": "", "run": facts, "scope": scope, "keep": [], "inline_bytes": 16_384}
    function.invoke({"workflow_step": {**common, "step": "check", "agent_id": AGENT, "template": example}})
    child = {"workflow_id": "wf-2", "name": "book", "title": "Book", "version": 1, "machine_arn": CHILD, "input": {}}
    begin = {"kind": "begin_workflow", "step": "book", "workflow": child, "template": {}}
    begun = workflow_step({**common, **begin}, LambdaContext())
    nested = repository.stored(begun["name"])
    for each, machine in ((nested, CHILD), (run, MACHINE)):
        machines.start(machine, each.id, {}, trace_id=each.trace_id)
        machines.end(each.execution_arn, "SUCCEEDED", output={"output": {}, "output_ref": None})
        runs.settle(each.id)
    tracing.flush()

    (execution,) = executions.list_by_run(run.id)
    assert executions.get(execution.id, owner="user-1").trace_id == nested.trace_id == TRACE
    happened = events()
    assert sorted(event.type for event in happened) == [
        "agent.executed",
        *["workflow.completed"] * 2,
        *["workflow.started"] * 2,
    ]
    assert {trace_of(event) for event in happened} == {TRACE}
    spans = collector.spans
    assert {span.trace_id for span in spans} == {TRACE}
    chat = next(span for span in spans if span.name.startswith("chat "))
    assert ancestors(spans, chat) == [f"invoke_agent {AGENT}", "step check", "invoke_workflow pay-invoice"]
    assert ancestors(spans, collector.named("step book")) == ["invoke_workflow pay-invoice"]
    assert ancestors(spans, collector.named("invoke_workflow book")) == ["invoke_workflow pay-invoice"]
    assert {span_of(event) for event in happened if event.subject == run.id} == {
        collector.named("invoke_workflow pay-invoice").id
    }


def test_a_run_that_is_settled_twice_is_one_span_and_a_later_attempt_another(collector: Collector):
    machines, payloads = MachinesInMemory(), PayloadStore(PAYLOADS_BUCKET)
    repository = RunRepository(RUNS_TABLE, payloads)
    runs = WorkflowRuns(
        repository, ExecutionRepository(EXECUTIONS_TABLE, payloads), OUTBOX_TABLE, lambda _: None, machines
    )
    ada = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
    what = Startable("wf-1", "pay-invoice", "Pay an invoice", 3, MACHINE, {})
    run = runs.start(what, {}, ada, trace_id=TRACE)
    machines.end(run.execution_arn, "FAILED", error="ModelError", cause='{"errorMessage": "a secret"}')
    runs.settle(run.id)
    runs.settle(run.id)
    retried: Run = runs.retry(run.id, ada, lambda _: what, trace_id="a" * 32)
    assert (retried.id, retried.trace_id) == (run.id, TRACE)
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": {}, "output_ref": None})
    runs.settle(run.id)
    tracing.flush()
    first, second = collector.spans
    assert (first.id, first.parent, first.failed) == (tracing.span_id_of(run.id), "", True)
    assert (second.parent, second.failed, second.attributes["agent_platform.run.attempt"]) == (first.id, False, 2)


def test_a_run_that_an_event_starts_goes_on_in_the_trace_of_the_event():
    event = CloudEvent(type="agent.executed", subject=AGENT, traceparent=f"00-{TRACE}-53995c3f42cd8ad8-01", data={})
    request = read_request({"trigger_id": "t", "event": event.model_dump(mode="json")})
    assert _trace_id(request) == TRACE
    assert len(_trace_id(read_request({"trigger_id": "t", "scheduled_at": "2027-01-04T08:00:00Z"}))) == 32


def test_a_model_that_fails_is_a_failed_span_of_a_failed_execution(
    function: Function, example: dict[str, Any], collector: Collector
):
    function.claude.plan("status", status=529)
    answer = function.execute({"input": example}, headers=HEADER)
    chat, agent, server = collector.spans
    assert chat.name.startswith("chat ")
    assert [span.attributes["error.type"] for span in (chat, agent)] == [answer.code, answer.code]
    assert chat.failed
    assert agent.failed
    assert server.attributes["error.type"] == str(answer.status)


def test_tools_and_colleagues_are_spans_under_the_agent_that_calls_them(
    catalogue: Catalogue, claude: ClaudeClient, claude_server: OfflineServer, collector: Collector
):
    definition = next(each for each in map(catalogue.get, catalogue.ids()) if "calculator" in each.tools)
    claude_server.plan("tool_call", name="calculator", input={"expression": "secret + 1"})
    with tracing.span("around"):
        BaseAgent(definition, claude, "anthropic").execute(definition.example.input, Meter("anthropic"))
    tracing.flush()
    tool = collector.named("execute_tool calculator")
    assert ancestors(collector.spans, tool) == ["around"]
    assert tool.attributes["gen_ai.tool.name"] == "calculator"
    assert "secret" not in str(collector.spans)
