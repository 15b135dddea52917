"""Steps that need no agent: values made of others, and the run's output."""

from typing import Any

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import PAYLOADS_BUCKET
from tests.fakes.workflow_events import a_run, a_step, done, failed


@pytest.fixture
def data(governance_tables: None) -> StepData:
    return StepData(PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def steps(data: StepData) -> WorkflowSteps:
    return WorkflowSteps(data)


def transform(steps: WorkflowSteps, scope: dict[str, Any] | None = None, **more: Any) -> Any:
    """The output of a transform step."""
    return steps.take(a_step("transform", scope=scope or {}, **more))["output"]


def test_a_template_is_filled_from_input_and_steps(steps: WorkflowSteps):
    scope = {"input": {"name": "Ada"}, "steps": {"judge": done({"score": 7})}}
    template = {"said": "${input.name} got ${steps.judge.output.score}", "score": "${steps.judge.output.score}"}
    assert transform(steps, scope, template=template) == {"said": "Ada got 7", "score": 7}


def test_what_is_large_is_read_from_where_it_lies(steps: WorkflowSteps, data: StepData):
    data.payloads.put("runs/r/in-1.json", {"name": "Ada", "text": "x" * 200_000})
    data.payloads.put("runs/r/judge-1.json", {"score": 7})
    scope = {
        "input": None,
        "input_ref": "runs/r/in-1.json",
        "steps": {"judge": done({"other": 1}, "runs/r/judge-1.json")},
        "vars": {"vendor": None, "vendor_ref": "runs/r/judge-1.json", "index": 2},
    }
    template = ["${input.name}", "${steps.judge.output.score}", "${vendor.score}", "${index}"]
    assert transform(steps, scope, template=template) == ["Ada", 7, 7, 2]


def test_a_failed_step_tells_why_in_the_words_of_the_error_table(steps: WorkflowSteps):
    scope = {"steps": {"judge": failed("RateLimited", "Too many calls.")}}
    said = transform(steps, scope, template="${steps.judge.error.code}: ${steps.judge.error.message}")
    assert said == "rate_limited: Too many calls."


def test_every_reference_without_a_value_is_named(steps: WorkflowSteps):
    with pytest.raises(InvalidInput) as refused:
        transform(steps, {"input": {}}, template={"a": "${input.a}", "b": "${input.b ?? 1}", "c": "${input.c}"})
    assert [each.field for each in refused.value.errors] == ["template.a", "template.c"]


def test_an_expression_sees_everything(steps: WorkflowSteps):
    scope = {"input": {"lines": [{"price": 2}, {"price": 3}]}, "steps": {"judge": done({"limit": 4})}}
    expression = "sum(input.lines[].price) > steps.judge.output.limit"
    assert transform(steps, scope, jmespath=expression, schema={"type": "boolean"}) is True


@pytest.mark.parametrize("expression", ["sum(input)", "[", "@.unknown(@)"])
def test_an_expression_that_does_not_work_is_told_as_such(steps: WorkflowSteps, expression: str):
    with pytest.raises(InvalidInput, match="expression"):
        transform(steps, {"input": {"a": "b"}}, jmespath=expression, schema={})


def test_a_result_that_departs_from_the_steps_schema_fails_the_step(steps: WorkflowSteps):
    with pytest.raises(InvalidInput, match="is not of type"):
        transform(steps, {"input": {"a": "b"}}, jmespath="input.a", schema={"type": "integer"})


def test_the_runs_output_is_its_template_filled(steps: WorkflowSteps):
    event = a_step("finish", scope={"input": {"n": 1}}, template={"n": "${input.n}"}, inline_bytes=100_000)
    assert steps.take(event) == {"output": {"n": 1}, "output_ref": None}


def test_without_a_template_it_is_the_output_of_the_last_step(steps: WorkflowSteps):
    event = a_step("finish", scope={"steps": {"judge": done({"score": 7})}}, last="judge")
    assert steps.take(event)["output"] == {"score": 7}


@pytest.mark.parametrize("entry", [{"status": "pending"}, failed("RateLimited", "no"), done(None)])
def test_it_is_null_where_the_last_step_has_no_output(steps: WorkflowSteps, entry: dict[str, Any]):
    assert steps.take(a_step("finish", scope={"steps": {"judge": entry}}, last="judge"))["output"] is None
    assert steps.take(a_step("finish", last=None)) == {"output": None, "output_ref": None}


def test_a_large_output_of_the_run_goes_by_reference(steps: WorkflowSteps, data: StepData):
    event = a_step("finish", scope={"input": "x" * 200_000}, template="${input}", inline_bytes=100_000)
    answer = steps.take(event)
    assert answer["output"] is None
    assert data.load(answer["output_ref"]) == "x" * 200_000


@pytest.mark.parametrize(
    "event",
    [
        {},
        a_step("dance"),
        a_step("transform", unknown=1),
        a_step("transform", run=a_run(trace_id="no")),
        a_step("transform", inline_bytes=10**9),
        {**a_step("transform"), "step": "../../x"},
    ],
)
def test_what_is_no_event_of_a_step_is_refused(steps: WorkflowSteps, event: dict[str, Any]):
    with pytest.raises(InvalidInput, match="no step of a workflow"):
        steps.take(event)


@pytest.mark.parametrize("kind", ["request_approval", "settle_workflow"])
def test_a_refused_event_does_not_quote_what_is_in_it(steps: WorkflowSteps, kind: str):
    with pytest.raises(InvalidInput) as refused:
        steps.take(a_step(kind, token={"secret": "AQCEAAAAKgAAAAMAAAAA"}))
    assert "AQCEAAAAKgAAAAMAAAAA" not in str(refused.value)
