"""The manager: specs are checked, published as state machines of their own, rolled back, and run."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.schemas import instance_faults
from agent_platform.errors import (
    InvalidInput,
    InvalidWorkflow,
    RunNotFound,
    WorkflowArchived,
    WorkflowNotFound,
    WorkflowNotPublished,
)
from agent_platform.identity.principal import Principal
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.shipped_workflows import ShippedWorkflow, synchronise_workflows
from agent_platform.storage.step_functions import step_functions
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_machines import WorkflowMachines
from agent_platform.workflows.history import SHOWN_BYTES, RunHistory
from agent_platform.workflows.manager import WorkflowManager
from agent_platform.workflows.publisher import MachineNames, Publisher
from agent_platform.workflows.reading import read_spec
from agent_platform.workflows.runs import WorkflowRuns
from agent_platform.workflows.shipped import draft_of
from agent_platform.workflows.starting import RunStarter
from tests.fakes.aws import APPROVALS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.machines import MachinesInMemory
from tests.fakes.postgres import database, engine
from tests.fakes.workflows import a_spec, a_spec_that_runs, an_author

__all__ = ["database", "engine"]

BASE, PREFIX = "arn:aws:states:eu-central-1:123456789012:stateMachine:", "AgentPlatform-local-wf-"
NAMES = MachineNames(BASE, PREFIX)
TRACE = "67a1b2c30123456789abcdef01234567"


@pytest.fixture
def ada(engine: Engine) -> Principal:
    return Principal(an_author(engine), "ada@example.com", frozenset({"user", "author"}), token_id="j")


@pytest.fixture
def machines() -> MachinesInMemory:
    return MachinesInMemory()


@pytest.fixture
def without_triggers() -> list[str]:
    """Ids of workflows whose triggers were deleted."""
    return []


@pytest.fixture
def manager(
    governance_tables: None,
    engine: Engine,
    catalogue: Catalogue,
    machines: MachinesInMemory,
    without_triggers: list[str],
) -> Iterator[WorkflowManager]:
    step_functions.cache_clear()
    payloads = PayloadStore(PAYLOADS_BUCKET)
    executions = ExecutionRepository(EXECUTIONS_TABLE, payloads)
    repository = RunRepository(RUNS_TABLE, payloads)
    runs = WorkflowRuns(repository, executions, OUTBOX_TABLE, lambda _: None, machines)
    yield WorkflowManager(
        starter=RunStarter(WorkflowDefinitions(engine), runs),
        agents=catalogue,
        publisher=Publisher(WorkflowMachines("arn:aws:iam::123456789012:role/workflows"), NAMES),
        history=RunHistory(machines, executions, ApprovalRepository(APPROVALS_TABLE), payloads),
        agent_function="AgentPlatform-local-run_agent-{group}",
        step_function="AgentPlatform-local-workflow_step",
        remove_triggers=without_triggers.append,
    )
    step_functions.cache_clear()


def definition(arn: str) -> dict[str, Any]:
    """What a state machine does now."""
    found: dict[str, Any] = json.loads(step_functions().describe_state_machine(stateMachineArn=arn)["definition"])
    return found


def live_version(alias_arn: str) -> str:
    """The version of the state machine that an alias leads to."""
    routes = step_functions().describe_state_machine_alias(stateMachineAliasArn=alias_arn)["routingConfiguration"]
    assert [route["weight"] for route in routes] == [100]
    return routes[0]["stateMachineVersionArn"].rpartition(":")[2]


def published(manager: WorkflowManager, ada: Principal, spec: dict[str, Any] | None = None) -> str:
    made = manager.create(spec or a_spec(), owner=ada.user_id)
    manager.publish(made.id, owner=ada.user_id)
    return made.id


def test_a_dry_run_tells_what_a_spec_becomes_and_stores_nothing(manager: WorkflowManager, ada: Principal):
    checked = manager.check(a_spec(), owner=ada.user_id)
    assert "Tidy" in checked.compiled.definition["States"]
    assert checked.bytes == len(json.dumps(checked.compiled.definition, separators=(",", ":"), ensure_ascii=False))
    assert [node.id for node in checked.graph.nodes] == ["start", "tidy", "end"]
    assert checked.output_schema is not None
    assert instance_faults(checked.output_schema, {"total": 1}, root="output") == []
    assert instance_faults(checked.output_schema, {"total": "1"}, root="output") != []
    assert checked.agents == []
    assert manager.workflows(ada.user_id).items == []


def test_every_fault_is_told_at_once_and_nothing_is_stored(manager: WorkflowManager, ada: Principal):
    spec = a_spec(
        steps=[
            {"id": "ask", "kind": "agent", "agent": "nobody/here", "input": {}},
            {"id": "tidy", "kind": "transform", "template": "${input.absent}"},
            {"id": "inner", "kind": "workflow", "workflow": "absent", "input": {}},
        ]
    )
    with pytest.raises(InvalidWorkflow) as refused:
        manager.create(spec, owner=ada.user_id)
    assert {fault.field.split(".")[1] for fault in refused.value.errors} == {"ask", "tidy", "inner"}
    assert manager.workflows(ada.user_id).items == []


def test_a_text_is_kept_as_it_was_written_and_an_object_becomes_json(manager: WorkflowManager, ada: Principal):
    source = "# mine\n" + json.dumps(a_spec("from-text"))
    made = manager.create(source, owner=ada.user_id)
    detail = manager.detail(made.id, owner=ada.user_id)
    assert (detail.version.source, detail.version.source_format, detail.version.spec) == (
        source,
        "yaml",
        a_spec("from-text"),
    )
    other = manager.detail(manager.create(a_spec(), owner=ada.user_id).id, owner=ada.user_id)
    assert (json.loads(other.version.source), other.version.source_format) == (a_spec(), "json")


def test_publishing_makes_one_machine_with_a_version_and_the_alias_follows(manager: WorkflowManager, ada: Principal):
    made = manager.create(a_spec(), owner=ada.user_id)
    first = manager.publish(made.id, owner=ada.user_id)
    assert first.machine_arn == f"{BASE}{PREFIX}tidy-numbers-{made.id.replace('-', '')[-12:]}"
    assert first.alias_arn == f"{first.machine_arn}:live"
    assert (first.status, first.live_version, live_version(first.alias_arn)) == ("published", 1, "1")
    manager.add_version(made.id, a_spec(title="Tidy them well"), owner=ada.user_id)
    assert live_version(first.alias_arn) == "1"
    second = manager.publish(made.id, owner=ada.user_id)
    assert (second.machine_arn, second.live_version, second.title) == (first.machine_arn, 2, "Tidy them well")
    assert live_version(first.alias_arn) == "2"
    assert "Tidy them well" in definition(first.machine_arn)["Comment"]
    (machine,) = step_functions().list_state_machines()["stateMachines"]
    assert machine["stateMachineArn"] == first.machine_arn


def test_rolling_back_publishes_the_version_before_again(manager: WorkflowManager, ada: Principal):
    workflow_id = published(manager, ada)
    with pytest.raises(WorkflowNotPublished):
        manager.roll_back(workflow_id, owner=ada.user_id)
    manager.add_version(workflow_id, a_spec(title="Second"), owner=ada.user_id)
    manager.publish(workflow_id, owner=ada.user_id)
    back = manager.roll_back(workflow_id, owner=ada.user_id)
    assert (back.live_version, back.title, back.latest_version) == (1, "Tidy numbers", 2)
    assert back.machine_arn is not None
    assert "Tidy numbers" in definition(back.machine_arn)["Comment"]
    assert manager.roll_back(workflow_id, owner=ada.user_id).live_version == 2


def test_a_workflow_keeps_its_name(manager: WorkflowManager, ada: Principal):
    workflow_id = published(manager, ada)
    with pytest.raises(InvalidWorkflow) as refused:
        manager.add_version(workflow_id, a_spec("another-name"), owner=ada.user_id)
    assert [fault.field for fault in refused.value.errors] == ["name"]


def test_the_names_of_machines_fit_and_differ_for_workflows_made_in_the_same_second(
    manager: WorkflowManager, ada: Principal, engine: Engine
):
    bea = an_author(engine, "bea@example.com")
    name = "w" + "o" * 49
    made = [manager.create(a_spec(name), owner=owner) for owner in (ada.user_id, bea)]
    arns = [NAMES.arn_of(each) for each in made]
    assert len({*arns}) == 2
    assert {len(arn.removeprefix(BASE)) for arn in arns} == {80}


def test_a_nested_workflow_is_found_by_name_among_ones_own_and_the_platforms(
    manager: WorkflowManager, ada: Principal, engine: Engine
):
    spec = read_spec(a_spec("tidy-shipped"))
    draft = draft_of(spec, a_spec("tidy-shipped"), "", "yaml")
    synchronise_workflows(engine, [ShippedWorkflow(draft, "d", NAMES.shipped("tidy-shipped"))])
    inner = published(manager, ada)
    for reference, arn in (
        ("tidy-numbers", NAMES.arn_of(manager.detail(inner, owner=ada.user_id).workflow)),
        ("platform/tidy-shipped", f"{BASE}{PREFIX}tidy-shipped"),
    ):
        text = json.dumps(manager.check(a_spec_that_runs(reference), owner=ada.user_id).compiled.definition)
        assert f'"machine_arn": "{arn}"' in text
    with pytest.raises(InvalidWorkflow):
        manager.check(a_spec_that_runs("tidy-numbers"), owner=an_author(engine, "bea@example.com"))


def test_workflows_that_would_run_each_other_in_a_circle_are_refused(manager: WorkflowManager, ada: Principal):
    one = published(manager, ada, a_spec("one"))
    published(manager, ada, a_spec_that_runs("one", "two"))
    published(manager, ada, a_spec_that_runs("two", "three"))
    with pytest.raises(InvalidWorkflow) as refused:
        manager.add_version(one, a_spec_that_runs("three", "one"), owner=ada.user_id)
    (fault,) = refused.value.errors
    assert fault.field == "steps.inner.workflow"
    assert "one → three → two → one" in fault.message


def test_what_a_version_refers_to_is_checked_again_when_it_is_published(manager: WorkflowManager, ada: Principal):
    inner = published(manager, ada)
    outer = manager.create(a_spec_that_runs("tidy-numbers"), owner=ada.user_id)
    manager.archive(inner, owner=ada.user_id)
    with pytest.raises(InvalidWorkflow, match="faults"):
        manager.publish(outer.id, owner=ada.user_id)
    detail = manager.detail(outer.id, owner=ada.user_id)
    assert detail.workflow.status == "draft"
    assert "Inner" in manager.compiled(detail, owner=ada.user_id)["States"]


def test_a_machine_of_more_than_a_megabyte_is_refused(manager: WorkflowManager, ada: Principal):
    text = "x" * 9_000
    steps = [
        {"id": f"s_{number}", "kind": "transform", "template": {"text": text, "total": "${input.total}"}}
        for number in range(100)
    ]
    inner = {"id": "each", "kind": "map", "items": "input.list", "steps": steps[:60]}
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "number"}}}}
    spec = a_spec(
        input=schema | {"required": ["list"]},
        steps=[inner | {"steps": [step | {"template": text} for step in steps[:90]]}],
    )
    with pytest.raises(InvalidWorkflow, match="compiles to"):
        manager.check(spec, owner=ada.user_id)


def test_a_run_starts_from_the_version_of_the_machine_that_is_recorded_as_live(
    manager: WorkflowManager, ada: Principal, machines: MachinesInMemory
):
    workflow_id = published(manager, ada)
    run = manager.start(ada, workflow_id, {"total": 3}, trace_id=TRACE, name="monday")
    detail = manager.detail(workflow_id, owner=ada.user_id)
    assert run.machine_arn == detail.version.machine_version_arn == f"{detail.workflow.machine_arn}:1"
    assert (run.version, run.states["Tidy"]) == (1, "tidy")
    assert list(machines.inputs) == [run.execution_arn]
    assert manager.runs(ada.user_id, workflow_id=workflow_id).items[0].id == run.id
    assert manager.start(ada, workflow_id, {"total": 3}, trace_id=TRACE, name="monday").id == run.id


def test_an_input_that_does_not_fit_starts_nothing(
    manager: WorkflowManager, ada: Principal, machines: MachinesInMemory
):
    workflow_id = published(manager, ada)
    with pytest.raises(InvalidInput) as refused:
        manager.start(ada, workflow_id, {"total": "3", "note": 1}, trace_id=TRACE)
    assert {fault.field for fault in refused.value.errors} >= {"input.total"}
    assert machines.found == {}
    assert manager.runs(ada.user_id).items == []


def test_drafts_archived_workflows_and_those_of_others_start_no_runs(
    manager: WorkflowManager, ada: Principal, engine: Engine, without_triggers: list[str]
):
    made = manager.create(a_spec(), owner=ada.user_id)
    with pytest.raises(WorkflowNotPublished):
        manager.start(ada, made.id, {"total": 1}, trace_id=TRACE)
    manager.publish(made.id, owner=ada.user_id)
    bea = Principal(an_author(engine, "bea@example.com"), "bea@example.com", frozenset({"admin"}), token_id="j")
    with pytest.raises(WorkflowNotFound):
        manager.start(bea, made.id, {"total": 1}, trace_id=TRACE)
    assert manager.archive(made.id, owner=ada.user_id).status == "archived"
    assert without_triggers == [made.id]
    with pytest.raises(WorkflowArchived):
        manager.start(ada, made.id, {"total": 1}, trace_id=TRACE)


def test_looking_at_a_run_that_is_over_settles_it(manager: WorkflowManager, ada: Principal, machines: MachinesInMemory):
    run = manager.start(ada, published(manager, ada), {"total": 3}, trace_id=TRACE)
    assert [step.status for step in manager.run(run.id, ada).steps] == ["pending"]
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": {"total": 3}, "output_ref": None})
    detail = manager.run(run.id, ada)
    assert (detail.run.status, detail.run.output, detail.run.input) == ("succeeded", {"total": 3}, {"total": 3})
    assert [node.id for node in detail.graph.nodes] == ["start", "tidy", "end"]


def test_an_output_too_large_for_an_answer_is_left_out_and_named(
    manager: WorkflowManager, ada: Principal, machines: MachinesInMemory
):
    run = manager.start(ada, published(manager, ada), {"total": 3}, trace_id=TRACE)
    output = {"text": '"' * (SHOWN_BYTES // 2)}
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": output, "output_ref": None})
    detail = manager.run(run.id, ada)
    assert (detail.run.output, detail.run.input, detail.left_out) == (None, {"total": 3}, ["output"])


def test_a_run_is_shown_to_its_owner_and_to_administrators(manager: WorkflowManager, ada: Principal, engine: Engine):
    run = manager.start(ada, published(manager, ada), {"total": 3}, trace_id=TRACE)
    bea = an_author(engine, "bea@example.com")
    with pytest.raises(RunNotFound):
        manager.run(run.id, Principal(bea, "bea@example.com", frozenset({"user"}), token_id="j"))
    admin = Principal(bea, "bea@example.com", frozenset({"admin"}), token_id="j")
    assert manager.run(run.id, admin).run.id == run.id
    with pytest.raises(RunNotFound):
        manager.stop(run.id, owner=bea)


def test_a_run_that_failed_is_repeated_in_its_own_version(
    manager: WorkflowManager, ada: Principal, machines: MachinesInMemory
):
    machines.can_redrive = False
    workflow_id = published(manager, ada)
    run = manager.start(ada, workflow_id, {"total": 3}, trace_id=TRACE)
    machines.end(run.execution_arn, "FAILED", error="ModelOverloaded", cause="busy")
    manager.add_version(workflow_id, a_spec(title="Second"), owner=ada.user_id)
    manager.publish(workflow_id, owner=ada.user_id)
    again = manager.retry(run.id, ada, trace_id=TRACE)
    assert (again.retry_of, again.key, again.version) == (run.id, run.id, 1)
    assert (again.machine_arn, again.states, again.keep) == (run.machine_arn, run.states, run.keep)
    assert manager.start(ada, workflow_id, {"total": 3}, trace_id=TRACE).version == 2
