"""Facts: every event that the platform writes is what the committed schemas promise, and tells nothing else."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import jsonschema_rs
import pytest

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.cache import cache
from agent_platform.agents.execution.call import Proceed
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.errors import ModelError
from agent_platform.events.envelope import CloudEvent, EventType
from agent_platform.events.executions import agent_executed
from agent_platform.events.facts import FACTS
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.events.schema_file import SUFFIX, read_schemas
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.resilience.response_cache import ResponseCache
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Escalation, ExecutionRepository, Failure
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.workflows.runs import Startable, WorkflowRuns
from tests.fakes.aws import (
    AGENT_METRICS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    RESPONSE_CACHE_TABLE,
    RUNS_TABLE,
)
from tests.fakes.executions import an_execution
from tests.fakes.machines import MachinesInMemory
from tests.fakes.offline_claude import OfflineServer
from tests.fakes.runs import MACHINE
from tests.fakes.teams import Office, a_team, an_agent

TRACE = "67a1b2c30123456789abcdef01234567"
PARCEL = {"parcel_grams": 1500}


def closed(schema: Any) -> Any:
    """The schema that refuses what it does not name: readers may meet new fields, but none that nobody declared."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    return inner | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else inner


VALIDATORS = {
    name.removesuffix(SUFFIX): jsonschema_rs.Draft202012Validator(closed(json.loads(text)), validate_formats=True)
    for name, text in read_schemas().items()
}


def faults(event: str) -> list[str]:
    """Where an event departs from the schema of its type."""
    told = json.loads(event)
    return [f"{each.instance_path}: {each.message}" for each in VALIDATORS[told["type"]].iter_errors(told)]


def written() -> list[dict[str, Any]]:
    """The events in the outbox, each of them as promised."""
    events = [item["event"]["S"] for item in dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]]
    assert [faults(each) for each in events] == [[]] * len(events)
    return sorted((json.loads(each) for each in events), key=lambda each: str(each["id"]))


def found_by_guardrails(call: Call, proceed: Proceed) -> JsonObject:
    """Stands for the stage that hands a task to a person and takes personal data out of the output."""
    output = proceed(call)
    call.escalation = Escalation(rule="Seal broken", reason="It says so.")
    call.redactions = {"email": 2}
    return output


@pytest.fixture
def recorder(governance_tables: None) -> OutboxRecorder:
    return OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))


class TestExecutions:
    """Every end that an execution can come to."""

    @pytest.fixture
    def pipeline(self, recorder: OutboxRecorder, claude: ClaudeClient) -> ExecutionPipeline:
        answers = cache(ResponseCache(RESPONSE_CACHE_TABLE))
        stages = [validate_input, record(recorder), answers, found_by_guardrails, run(lambda: claude, "anthropic")]
        return ExecutionPipeline(stages, "anthropic")

    def test_answered_then_answered_from_the_cache_and_handed_to_a_person(
        self, pipeline: ExecutionPipeline, principal: Principal
    ):
        agent = an_agent("post/parcel-weigher", limits={"cache_ttl_seconds": 60})
        for _ in range(2):
            pipeline.execute(agent, PARCEL, principal, TRACE)
        data = [each["data"] for each in written()]
        assert [each["cached"] for each in data] == [False, True]
        assert [each["escalation"] for each in data] == [{"rule": "Seal broken"}] * 2
        assert [each["redactions"] for each in data] == [{"email": 2}] * 2

    @pytest.mark.parametrize("plan", [{"mode": "status", "status": 529}, {"mode": "refusal"}], ids=str)
    def test_failed(
        self, pipeline: ExecutionPipeline, principal: Principal, claude_server: OfflineServer, plan: dict[str, Any]
    ):
        claude_server.plan(**plan)
        with pytest.raises(ModelError):
            pipeline.execute(an_agent("post/parcel-weigher"), PARCEL, principal, TRACE)
        (event,) = written()
        assert event["data"]["status"] == "failed"

    def test_cancelled_while_it_waited_cancelled_while_it_ran_and_given_up(self, recorder: OutboxRecorder):
        executions = ExecutionRepository(EXECUTIONS_TABLE)
        cleared = {"output": None, "finished_at": None, "duration_ms": 0, "started_at": datetime.now(UTC)}
        waits, ran, lost = (an_execution(status="queued", **cleared) for _ in range(3))
        for each in (waits, ran, lost):
            executions.queue(each)
        executions.begin(ran.id, owner=ran.owner, agent_id=ran.agent_id)
        for each in (waits, ran):
            assert recorder.cancel(each.id, owner=each.owner).status == "cancelled"
        recorder.fail(ran.id, Failure(code="deadline_exceeded", message="Too late."))
        recorder.fail(lost.id, Failure(code="deadline_exceeded", message="Too late."))
        ended = {each["data"]["id"]: each["data"]["status"] for each in written()}
        assert ended == {waits.id: "cancelled", ran.id: "cancelled", lost.id: "failed"}

    def test_as_a_part_of_everything(self):
        whole = {
            "cost_usd": Decimal("12.5"),
            "delegated_cost_usd": Decimal("0.25"),
            **{f"{each}_id": f"{each}-1" for each in ("parent", "session", "batch", "run", "step")},
        }
        assert faults(agent_executed(an_execution(**whole), "outbox").event) == []

    def test_of_a_team_and_its_members(self, claude: ClaudeClient, principal: Principal):
        office = Office(claude, principal, a_team("parallel"))
        office.run()
        assert len(office.executions.all) == 4
        for execution in office.executions.all:
            assert faults(agent_executed(execution, "outbox").event) == []


@pytest.fixture
def machines() -> MachinesInMemory:
    return MachinesInMemory()


@pytest.fixture
def runs(governance_tables: None, machines: MachinesInMemory) -> WorkflowRuns:
    repository = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    return WorkflowRuns(repository, ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, lambda _: None, machines)


@pytest.fixture
def workflow() -> Startable:
    return Startable("w-1", "pay-invoice", "Pay an invoice", 3, f"{MACHINE}:3", {"Extract": "extract", "Pay": "pay"})


class TestRuns:
    """Every end that a run can come to."""

    def test_succeeded(self, runs: WorkflowRuns, machines: MachinesInMemory, workflow: Startable, principal: Principal):
        started = runs.start(workflow, {"total": 12}, principal, trace_id=TRACE, name="once")
        machines.end(started.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
        runs.settle(started.id)
        assert [each["type"] for each in written()] == ["workflow.started", "workflow.completed"]

    def test_failed_retried_and_too_late(
        self, runs: WorkflowRuns, machines: MachinesInMemory, workflow: Startable, principal: Principal
    ):
        started = runs.start(workflow, {"total": 12}, principal, trace_id=TRACE)
        machines.events[started.execution_arn] = [{"id": 1, "stateEnteredEventDetails": {"name": "Pay"}}]
        machines.end(started.execution_arn, "FAILED", error="ModelOverloaded", cause="busy")
        runs.settle(started.id)
        runs.retry(started.id, principal, lambda _: workflow, trace_id=TRACE)
        machines.end(started.execution_arn, "TIMED_OUT")
        runs.settle(started.id)
        events = written()
        assert [each["type"].removeprefix("workflow.") for each in events] == ["started", "failed"] * 2
        assert [each["data"]["attempt"] for each in events] == [1, 1, 2, 2]
        assert events[1]["data"]["error"]["step_id"] == "pay"

    def test_stopped(self, runs: WorkflowRuns, workflow: Startable, principal: Principal):
        started = runs.start(workflow, {"total": 12}, principal, trace_id=TRACE)
        runs.stop(started.id, owner=principal.user_id)
        assert [each["data"]["status"] for each in written()] == ["running", "stopped"]


def test_every_type_of_event_has_its_facts_and_its_schema():
    assert {*FACTS} == {*get_args(EventType)} == {*VALIDATORS}


@pytest.fixture
def event() -> dict[str, Any]:
    told = json.loads(agent_executed(an_execution(), "outbox").event)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("field", ["id", "status", "owner", "usage", "finished_at"])
def test_an_event_that_lacks_what_is_promised_is_noticed(event: dict[str, Any], field: str):
    del event["data"][field]
    assert faults(json.dumps(event))


@pytest.mark.parametrize(
    "changes", [{"input": {}}, {"status": "queued"}, {"finished_at": None}, {"cost_usd": "1"}], ids=str
)
def test_an_event_that_tells_what_is_not_promised_is_noticed(event: dict[str, Any], changes: dict[str, Any]):
    event["data"] |= changes
    assert faults(json.dumps(event))


def test_the_schemas_name_every_field_of_the_envelope():
    for text in read_schemas().values():
        assert {*json.loads(text)["properties"]} == {*CloudEvent.model_fields}
