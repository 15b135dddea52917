"""Reading a workflow's source: what an author wrote is what is read, and each fault is named by step and field."""

import json
import time
from typing import Any

import pytest
import yaml

from agent_platform.errors import FieldError, InvalidWorkflow
from agent_platform.workflows.reading import MAX_BYTES, read_spec, source_format
from agent_platform.workflows.spec import AgentStep
from tests.fakes.spec_checks import a_workflow, judge, made, read

SPEC = a_workflow(read(title="Read it"), judge(on_error="continue"), description="Reads, then judges.")


def refused(source: str | dict[str, Any]) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidWorkflow) as raised:
        read_spec(source)
    assert raised.value.status == 422
    return raised.value.errors


def the_fault(source: str | dict[str, Any]) -> tuple[str, str]:
    (fault,) = refused(source)
    return fault.field, fault.message


@pytest.mark.parametrize(
    "source",
    [
        SPEC,
        json.dumps(SPEC),
        json.dumps(SPEC, indent=2),
        yaml.safe_dump(SPEC),
        "\ufeff" + json.dumps(SPEC),
        "\n\n" + yaml.safe_dump(SPEC),
    ],
    ids=["object", "JSON", "indented", "YAML", "BOM", "blank lines"],
)
def test_yaml_json_and_objects_read_alike(source: str | dict[str, Any]):
    spec = read_spec(source)
    step = spec.steps[0]
    assert isinstance(step, AgentStep)
    assert (spec.name, step.title, step.agent, spec.steps[1].id) == ("try-things", "Read it", "post/reader", "judge")
    assert spec == read_spec(SPEC)


@pytest.mark.parametrize(
    ("source", "name"),
    [("name: x", "yaml"), ('{"a": 1}', "json"), (" \n{}", "json"), ("\ufeff{", "json"), ("", "yaml")],
)
def test_the_format_of_a_source_is_told_by_its_beginning(source: str, name: str):
    assert source_format(source) == name


def test_dates_and_times_stay_the_text_that_was_written():
    source = yaml.safe_dump(SPEC) + "example: {due_at: 2026-01-02T03:04:05Z, day: 2026-01-02, on: yes}\n"
    assert read_spec(source).example == {"due_at": "2026-01-02T03:04:05Z", "day": "2026-01-02", "on": "yes"}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"agent": 5}, "steps.read.agent", "must be a text"),
        ({"agent": "Reader"}, "steps.read.agent", "pattern"),
        ({"timeout_seconds": 901}, "steps.read.timeout_seconds", "less than or equal to 900"),
        ({"timeout_seconds": 0}, "steps.read.timeout_seconds", "greater than or equal to 1"),
        ({"timeout": 5}, "steps.read.timeout", "is not a field here; did you mean `timeout_seconds`?"),
        ({"kind": "agnet"}, "steps.read.kind", "there is no kind `agnet`; did you mean `agent`?"),
        ({"kind": None}, "steps.read.kind", "there is no kind `None`"),
        ({"id": "Read"}, "steps.Read.id", "pattern"),
        ({"on_error": "stop"}, "steps.read.on_error", "write `fail`, `continue`, `{go_to: <id of"),
        ({"on_error": {"goto": "x"}}, "steps.read.on_error", "or `{fallback_agent: <id>}`"),
        ({"retry": {"errors": ["A"]}}, "steps.read.retry", "must be a list"),
        ({"retry": [{"errors": []}]}, "steps.read.retry.0.errors", "at least 1 item"),
        ({"retry": [{"error": ["A"], "errors": ["A"]}]}, "steps.read.retry.0.error", "did you mean `errors`?"),
        ({"input": "x"}, "steps.read.input", "must be an object with fields"),
        ({"framework": "homemade"}, "steps.read.framework", "'custom'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_step_and_field(changes: dict[str, Any], field: str, message: str):
    place, said = the_fault(a_workflow(read(**changes)))
    assert place == field
    assert message in said


@pytest.mark.parametrize("missing", ["agent", "input"])
def test_a_missing_field_of_a_step_is_named(missing: str):
    step = {name: value for name, value in read().items() if name != missing}
    assert the_fault(a_workflow(step)) == (f"steps.read.{missing}", "is required")


def test_a_step_without_an_id_is_named_by_its_place():
    assert the_fault(a_workflow(read(), {"kind": "wait", "seconds": 1})) == ("steps.1.id", "is required")
    assert the_fault(a_workflow(read(), {"id": "x"}))[0] == "steps.x.kind"
    assert the_fault(a_workflow(read(), "x"))[0] == "steps.1"


@pytest.mark.parametrize(
    ("condition", "field", "message"),
    [
        ({"path": "input.a"}, "", "give `path` exactly one operator"),
        ({"path": "input.a", "above": 1, "below": 2}, "", "give `path` exactly one operator"),
        ({"above": 1}, "", "an operator needs a `path`"),
        ({"path": "input.a", "equals": [1]}, ".equals", "must be a text, a number, true or false"),
        ({"path": "input.a", "above": "1"}, ".above", "must be a number"),
        ({"all": []}, ".all", "at least 1 item"),
        ({"path": "input.a", "is_nul": 1}, ".is_nul", "is not a field here; did you mean `is_null`?"),
        ({"any": [{"not": {"path": "input.a", "above": "x"}}]}, ".any.0.not.above", "must be a number"),
    ],
)
def test_a_fault_of_a_condition_is_named_where_it_stands(condition: dict[str, Any], field: str, message: str):
    choice = {"id": "which", "kind": "choice", "cases": [{"when": condition, "go_to": "end"}]}
    found = {fault.field: fault.message for fault in refused(a_workflow(choice))}
    assert message in found[f"steps.which.cases.0.when{field}"]


def test_steps_inside_of_others_are_named_by_their_own_ids():
    inner = made("inner", 1, colour="red")
    both = {
        "id": "both",
        "kind": "parallel",
        "branches": [{"steps": [inner]}, {"steps": [read(agent="x")], "titel": "x"}],
    }
    each = {"id": "each", "kind": "map", "items": "input.vendors", "steps": [judge(on_error={"goto": 1})]}
    choice = {
        "id": "which",
        "kind": "choice",
        "cases": [{"when": {"path": "input.a", "above": 1}, "steps": [{"id": "w", "kind": "wait"}]}],
    }
    assert [fault.field for fault in refused(a_workflow(both, each, choice))] == [
        "steps.inner.colour",
        "steps.read.agent",
        "steps.both.branches.1.titel",
        "steps.judge.on_error",
        "steps.w",
    ]  # fmt: skip


def test_all_faults_are_told_at_once():
    found = refused({"name": "X", "titel": "Things", "steps": [{"id": "a", "kind": "wait"}, {"id": "b"}], "tags": "x"})
    assert [fault.field for fault in found] == ["name", "title", "tags", "input", "steps.a", "steps.b.kind", "titel"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "line 1: the source must be a mapping of fields"),
        ("- a\n- b", "line 1: the source must be a mapping"),
        ("name: [x", "is not YAML"),
        ('{"name": }', "line 1: the source is not JSON"),
        ("name: x\nname: y", "line 2: the source has the key `name` twice"),
        ('{"name": "x",\n"name": "y"}', "line 2: the source has the key `name` twice"),
        ("a: &a [1]\nb: *a", "line 2: the source uses the alias `*a`"),
        ("a: !!int 5", "line 1: the source uses the tag `tag:yaml.org,2002:int`"),
        ("a: !!python/name:os.system x", "uses the tag"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("a: 1e999", "JSON does not have"),
        ("a: \0", "cannot be read"),
        ('{"a": "\\ud800"}', "JSON does not have"),
        ("1: a", "has the key `1`, which is no text"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_source_that_is_no_document_is_refused_with_its_line(source: str, message: str):
    field, said = the_fault(source)
    assert field == ""
    assert message in said


@pytest.mark.parametrize(
    "source",
    [
        "a: " + "[" * 500_000,
        "{a: " * 200_000,
        '{"a":' * 150_000,
        '{"a":' + "[" * 900_000,
        "a: !!int " + "1:" * 300_000 + "1",
        "a: " + "9" * 900_000,
        '{"a": ' + "9" * 900_000 + "}",
        "steps:\n" + "- {}\n" * 180_000,
        "a: x\n" * 180_000,
        "".join(f"a{n}: x\n" for n in range(80_000)),
        '{"steps": [' + "{}," * 300_000 + "{}]}",
        "x" * (MAX_BYTES + 1),
        "a: " + "é" * 600_000,
    ],
    ids=lambda source: repr(source)[:30],
)
def test_a_source_that_would_cost_much_is_refused_at_once(source: str):
    started = time.process_time()
    assert len(refused(source)) == 1
    assert time.process_time() - started < 1


def test_objects_have_the_same_limits_as_texts():
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    assert "deeper than 100 levels" in the_fault({**SPEC, "example": deep})[1]
    assert "at most 1,000,000" in the_fault({**SPEC, "description": "x" * MAX_BYTES})[1]
    assert "surrogate" in the_fault({**SPEC, "title": "\ud800"})[1]
    steps = [made("x", 1)] * 1_001
    assert the_fault(a_workflow(*steps)) == ("steps", "there are 1001 steps; a workflow has at most 100")


def test_a_list_of_hundreds_of_faults_is_cut_with_their_number():
    found = refused(a_workflow(*[{"id": f"x{n}", "kind": "wait"} for n in range(300)]))
    assert len(found) == 201
    assert found[-1].message == "there are 100 further faults"
