"""The steps around the items of a map."""

from typing import Any

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.spec import INLINE_ITEMS, MAX_ITEMS
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import PAYLOADS_BUCKET
from tests.fakes.workflow_events import a_step, done


@pytest.fixture
def data(governance_tables: None) -> StepData:
    return StepData(PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def steps(data: StepData) -> WorkflowSteps:
    return WorkflowSteps(data)


def prepared(steps: WorkflowSteps, values: Any, **more: Any) -> dict[str, Any]:
    event = a_step("prepare_map", scope={"input": {"list": values}}, items="input.list", **more)
    return steps.take(event)


def collected(steps: WorkflowSteps, results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return steps.take(a_step("collect_map", results=results, last="judge", **more))


def test_a_short_list_travels_in_the_state(steps: WorkflowSteps):
    assert prepared(steps, ["a", {"b": 1}]) == {
        "items": [{"value": "a", "ref": None, "index": 0}, {"value": {"b": 1}, "ref": None, "index": 1}],
        "distributed": False,
        "manifest": None,
        "count": 2,
    }


def test_an_empty_list_has_no_items(steps: WorkflowSteps):
    assert prepared(steps, []) == {"items": [], "distributed": False, "manifest": None, "count": 0}


def test_the_items_share_the_room_that_there_is(steps: WorkflowSteps, data: StepData):
    values = [{"id": at, "text": "x" * 2_000} for at in range(INLINE_ITEMS)]
    answer = prepared(steps, values, item_keep=[["id"]], inline_bytes=16_384)
    assert [item["value"] for item in answer["items"]] == [{"id": at} for at in range(INLINE_ITEMS)]
    assert [data.load(item["ref"]) for item in answer["items"]] == values


def test_a_long_list_lies_in_a_manifest(steps: WorkflowSteps, data: StepData):
    values = [{"id": at, "text": "x" * (20_000 if at == 7 else 10)} for at in range(INLINE_ITEMS + 1)]
    answer = prepared(steps, values, item_keep=[["id"]])
    assert (answer["items"], answer["distributed"], answer["count"]) == ([], True, INLINE_ITEMS + 1)
    assert answer["manifest"]["bucket"] == PAYLOADS_BUCKET
    items = data.load(answer["manifest"]["key"])
    assert items[0] == {"value": values[0], "ref": None, "index": 0}
    assert items[7]["value"] == {"id": 7}
    assert data.load(items[7]["ref"]) == values[7]


def test_how_long_a_list_may_be_to_travel_is_the_state_machines_to_say(steps: WorkflowSteps):
    assert prepared(steps, [1, 2, 3], inline_items=2)["distributed"] is True


def test_a_list_that_is_too_long_is_refused(steps: WorkflowSteps):
    with pytest.raises(InvalidInput, match="1,001 items"):
        prepared(steps, list(range(MAX_ITEMS + 1)))


@pytest.mark.parametrize("value", [None, "text", {"a": 1}, 5])
def test_what_is_no_list_is_refused(steps: WorkflowSteps, value: Any):
    with pytest.raises(InvalidInput, match="needs a list"):
        prepared(steps, value)


def test_results_come_in_the_order_of_the_list(steps: WorkflowSteps, data: StepData):
    data.payloads.put("runs/r/judge-1.json", {"score": 2})
    results = [
        {"steps": {"judge": done({"score": 1})}, "failed": False},
        {"steps": {"judge": done(None, "runs/r/judge-1.json")}, "failed": False},
    ]
    assert collected(steps, results)["output"] == {"items": [{"score": 1}, {"score": 2}], "failed": 0}


def test_a_failed_item_is_null_and_counted(steps: WorkflowSteps):
    results = [{"steps": {}, "failed": True}, {"steps": {"judge": done(1)}, "failed": False}]
    assert collected(steps, results)["output"] == {"items": [None, 1], "failed": 1}


def test_an_item_whose_last_step_did_not_run_is_null(steps: WorkflowSteps):
    results = [{"steps": {"judge": {"status": "pending"}}, "failed": False}, {"failed": False}]
    assert collected(steps, results)["output"] == {"items": [None, None], "failed": 0}


def test_a_thousand_large_results_make_one_output_by_reference(steps: WorkflowSteps, data: StepData):
    data.payloads.put("runs/r/judge-1.json", {"text": "x" * 2_000})
    results = [{"steps": {"judge": done(None, "runs/r/judge-1.json")}} for _ in range(MAX_ITEMS)]
    entry = collected(steps, results, keep=[["failed"]])
    assert entry["output"] == {"failed": 0}
    whole = data.load(entry["output_ref"])
    assert len(whole["items"]) == MAX_ITEMS
    assert whole["items"][-1] == {"text": "x" * 2_000}
