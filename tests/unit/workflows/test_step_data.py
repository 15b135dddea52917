"""Values as the state of a run holds them: whole, or by reference with what the machine itself looks at."""

from typing import Any

import pytest

from agent_platform.errors import InvalidInput, PayloadMissing
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.step_data import KEPT_TEXT, StepData, checked, kept_part
from agent_platform.workflows.step_requests import StepRequest
from tests.fakes.aws import PAYLOADS_BUCKET
from tests.fakes.workflow_events import RUN_ID, a_step


@pytest.fixture
def data(governance_tables: None) -> StepData:
    return StepData(PayloadStore(PAYLOADS_BUCKET))


def request(**more: Any) -> StepRequest:
    return StepRequest.model_validate(a_step(**more))


def test_a_small_output_travels_whole(data: StepData):
    entry = data.entry(request(), {"score": 7}, {"execution_id": "e1"})
    assert entry == {
        "status": "succeeded",
        "output": {"score": 7},
        "output_ref": None,
        "detail": {"execution_id": "e1"},
    }


def test_a_large_output_travels_by_reference_with_what_conditions_look_at(data: StepData):
    large = {"score": 7, "text": "x" * 300_000}
    entry = data.entry(request(keep=[["score"]]), large)
    assert entry["output"] == {"score": 7}
    assert entry["output_ref"].startswith(f"runs/{RUN_ID}/check-")
    assert data.load(entry["output_ref"]) == large


def test_of_a_large_output_that_nobody_looks_at_only_the_reference_travels(data: StepData):
    assert data.entry(request(), "x" * 300_000)["output"] is None


def test_where_no_bytes_may_travel_a_value_shorter_than_a_reference_does_all_the_same(data: StepData):
    assert data.entry(request(inline_bytes=0), {"score": 7})["output"] == {"score": 7}
    assert data.entry(request(inline_bytes=0), {"text": "x" * 80})["output"] is None


def test_a_value_that_lies_in_the_bucket_already_is_not_written_again(data: StepData):
    entry = data.entry(request(), "x" * 300_000, stored_at="executions/e1/output-1.json")
    assert entry["output_ref"] == "executions/e1/output-1.json"
    assert list(data.payloads.keys("runs/")) == []


def test_the_size_of_a_value_is_that_of_its_utf_8(data: StepData):
    assert data.entry(request(inline_bytes=100), "é" * 49)["output_ref"] is None
    assert data.entry(request(inline_bytes=100), "é" * 50)["output_ref"] is not None


@pytest.mark.parametrize(
    ("paths", "part"),
    [
        ([], None),
        ([["a", "b"]], {"a": {"b": 1}}),
        ([["a"]], {"a": {}}),
        ([["a"], ["a", "b"]], {"a": {"b": 1}}),
        ([["a", "b"], ["a"]], {"a": {"b": 1}}),
        ([["list", 1, "x"]], {"list": [None, {"x": 3}]}),
        ([["list"]], {"list": []}),
        ([["list"], ["list", 0, "y"]], {"list": [{"y": 2}]}),
        ([["none"], ["missing"]], {"none": None}),
        ([["text"]], {"text": "t" * KEPT_TEXT}),
        ([[]], {}),
    ],
)
def test_what_is_kept_of_a_value_is_what_a_condition_can_ask(paths: list[list[str | int]], part: Any):
    value = {"a": {"b": 1, "c": 2}, "list": [{"x": 1, "y": 2}, {"x": 3}], "none": None, "text": "t" * 5_000}
    assert kept_part(value, paths) == part


def test_a_key_that_is_no_payload_of_the_platform_is_refused(data: StepData):
    with pytest.raises(InvalidInput):
        data.load("../secrets.json")
    with pytest.raises(PayloadMissing):
        data.load("runs/gone/check-0.json")


def test_a_template_sees_the_runs_id_and_not_on_whose_behalf_it_works(data: StepData):
    scope = data.scope(request(scope={"input": {}})).whole()
    assert set(scope["run"]) == {"id", "workflow", "version", "started_at"}


def test_a_scope_without_an_input_has_none(data: StepData):
    assert "input" not in data.scope(request()).whole()


def test_a_result_that_no_reader_of_json_takes_is_refused():
    with pytest.raises(InvalidInput, match="NaN"):
        checked({"x": float("nan")})


def test_a_result_is_held_to_its_schema():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert checked({"n": 1}, schema) == {"n": 1}
    with pytest.raises(InvalidInput, match=r"output\.n is required") as refused:
        checked({}, schema)
    assert [each.field for each in refused.value.errors] == ["output.n"]
