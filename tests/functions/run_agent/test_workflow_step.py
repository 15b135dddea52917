"""An agent as a step of a workflow: its input is made here, it is paid once, and fails under its own name."""

import json
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import InvalidInput, PlatformError
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository, Failure
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.step_requests import AgentStepRequest
from functions.run_agent import deps
from functions.run_agent.workflow_step import LONGEST_KEY, step_key
from tests.fakes.aws import EXECUTIONS_TABLE, PAYLOADS_BUCKET
from tests.fakes.workflow_events import RUN_ID, TRACE, a_run, a_step, done
from tests.functions.run_agent.conftest import AGENT, Function

MEMBERS = ("supply-chain/demurrage-invoice-auditor", "tax-audit/vat-place-of-supply-determiner")


@pytest.fixture
def event(example: dict[str, Any]) -> dict[str, Any]:
    """A step whose template is filled with the agent's example."""
    return a_step(
        agent_id=AGENT,
        template={name: f"${{input.{name}}}" for name in example},
        scope={"input": example, "input_ref": None, "steps": {}, "vars": {}},
    )


def invoke(function: Function, event: dict[str, Any]) -> dict[str, Any]:
    """The entry that the state machine gets, as JSON."""
    answer: dict[str, Any] = json.loads(json.dumps(function.invoke({"workflow_step": event})))
    return answer


def executions() -> ExecutionRepository:
    return ExecutionRepository(EXECUTIONS_TABLE, PayloadStore(PAYLOADS_BUCKET))


def test_a_step_gets_the_agents_output_and_leaves_an_execution_of_its_run(
    function: Function, event: dict[str, Any], example: dict[str, Any]
):
    entry = invoke(function, event)
    (recorded,) = executions().list_by_run(RUN_ID)
    whole = executions().get(recorded.id, owner="user-1")
    assert (entry["status"], entry["output"], entry["output_ref"]) == ("succeeded", whole.output, None)
    assert entry["detail"] == {"execution_id": recorded.id, "cost_usd": float(whole.cost_usd)}
    assert (whole.run_id, whole.step_id, whole.trace_id, whole.input) == (RUN_ID, "check", TRACE, example)


def test_the_event_of_the_execution_names_run_and_step(function: Function, event: dict[str, Any]):
    invoke(function, event)
    (item,) = dynamodb().scan(TableName="outbox")["Items"]
    data = json.loads(item["event"]["S"])["data"]
    assert (data["run_id"], data["step_id"]) == (RUN_ID, "check")


def test_tried_again_it_is_answered_from_the_record(function: Function, event: dict[str, Any]):
    assert invoke(function, event) == invoke(function, event)
    assert len(executions().list_by_run(RUN_ID)) == 1


def test_a_run_that_repeats_another_does_not_pay_its_steps_again(function: Function, event: dict[str, Any]):
    first = invoke(function, event)
    assert invoke(function, event | {"run": a_run(id="019ab2c4-7d10-7c3e-9f52-000000000000")}) == first


@pytest.mark.parametrize(
    "change",
    [{"place": "vendors.3/"}, {"step": "check_again"}, {"run": a_run(key="another-run")}],
    ids=["place", "step", "run"],
)
def test_another_place_step_or_run_is_another_execution(function: Function, event: dict[str, Any], change: Any):
    first = invoke(function, event)
    assert invoke(function, event | change)["detail"]["execution_id"] != first["detail"]["execution_id"]


def test_a_large_input_is_read_from_where_it_lies(function: Function, event: dict[str, Any], example: dict[str, Any]):
    PayloadStore(PAYLOADS_BUCKET).put("runs/r/input-1.json", {"all": example})
    scope = {"steps": {"extract": done(None, "runs/r/input-1.json")}}
    template = {name: f"${{steps.extract.output.all.{name}}}" for name in example}
    assert invoke(function, event | {"scope": scope, "template": template})["status"] == "succeeded"


def test_an_output_beyond_the_room_travels_by_reference(function: Function, event: dict[str, Any]):
    first = next(iter(invoke(function, event | {"step": "before"})["output"]))
    entry = invoke(function, event | {"inline_bytes": 0, "keep": [[first]]})
    output = executions().get(entry["detail"]["execution_id"], owner="user-1").output
    assert output is not None
    assert PayloadStore(PAYLOADS_BUCKET).get(entry["output_ref"]) == output
    assert set(entry["output"]) == {first}


def test_an_output_that_lies_in_the_bucket_as_the_executions_own_is_not_written_twice(
    function: Function, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    for module in ("agent_platform.storage.executions", "functions.run_agent.workflow_step"):
        monkeypatch.setattr(f"{module}.is_large", lambda _: True)
    entry = invoke(function, event | {"inline_bytes": 0})
    bucket = PayloadStore(PAYLOADS_BUCKET)
    assert entry["output_ref"].startswith("executions/")
    assert bucket.get(entry["output_ref"])
    assert list(bucket.keys("runs/")) == []


@pytest.mark.parametrize(
    ("plan", "name"),
    [({"mode": "status", "status": 529}, "ModelOverloaded"), ({"mode": "refusal"}, "ModelRefused")],
)
def test_a_failure_is_raised_under_its_own_name_and_recorded(
    function: Function, event: dict[str, Any], plan: dict[str, Any], name: str
):
    function.claude.plan(**plan)
    with pytest.raises(PlatformError) as failure:
        invoke(function, event)
    assert type(failure.value).__name__ == name
    (recorded,) = executions().list_by_run(RUN_ID)
    assert recorded.status == "failed"
    assert invoke(function, event)["status"] == "succeeded"  # the key is free again


def test_a_failure_that_the_record_answers_with_is_raised_again(
    function: Function, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    invoke(function, event)
    (recorded,) = executions().list_by_run(RUN_ID)
    whole = executions().get(recorded.id, owner="user-1")
    failed = whole.model_copy(
        update={"status": "failed", "error": Failure(code="declined_by_rule", message="Not this one.")}
    )
    monkeypatch.setattr(type(deps.service()), "carry_out", lambda *_: failed)
    with pytest.raises(PlatformError, match=r"Not this one\.") as failure:
        invoke(function, event)
    assert type(failure.value).__name__ == "DeclinedByRule"
    assert failure.value.execution_id == whole.id
    cancelled = whole.model_copy(update={"status": "cancelled", "output": None})
    monkeypatch.setattr(type(deps.service()), "carry_out", lambda *_: cancelled)
    with pytest.raises(PlatformError, match="cancelled") as failure:
        invoke(function, event)
    assert type(failure.value).__name__ == "ExecutionCancelled"


def test_an_input_that_lacks_something_is_paid_by_nobody(function: Function, event: dict[str, Any]):
    with pytest.raises(InvalidInput) as refused:
        invoke(function, event | {"template": {"invoice": "${input.missing}"}})
    assert [each.field for each in refused.value.errors] == ["input.invoice"]
    with pytest.raises(InvalidInput):
        invoke(function, event | {"template": {"unknown": 1}})
    assert executions().list_by_run(RUN_ID) == []
    assert executions().cost_of_run(RUN_ID) == Decimal(0)


def test_what_is_no_step_is_refused(function: Function, event: dict[str, Any]):
    with pytest.raises(InvalidInput, match="no step of a workflow"):
        invoke(function, event | {"place": 5})


def test_a_step_can_give_its_lead_another_team(function: Function, event: dict[str, Any]):
    team = {"mode": "parallel", "members": list(MEMBERS), "rounds": 1}
    alone = invoke(function, event)
    together = invoke(function, event | {"team": team})
    assert together["detail"]["execution_id"] != alone["detail"]["execution_id"]
    by_agent = [each.agent_id for each in executions().list_by_run(RUN_ID)]
    assert sorted(by_agent) == sorted([AGENT, AGENT, *MEMBERS])
    assert {each.step_id for each in executions().list_by_run(RUN_ID)} == {"check"}
    costs = [each.cost_usd for each in executions().list_by_run(RUN_ID)]
    assert executions().cost_of_run(RUN_ID) == sum(costs) > 0
    assert together["detail"]["cost_usd"] > alone["detail"]["cost_usd"]


def test_the_key_of_a_step_deep_inside_of_repetitions_is_short_enough():
    places = ["a.1/" * 60, "a.1/" * 59 + "b.1/"]
    requests = [AgentStepRequest.model_validate(a_step(agent_id=AGENT, template={}, place=place)) for place in places]
    keys = {step_key(request, {}) for request in requests}
    assert len(keys) == 2
    assert all(len(key) <= LONGEST_KEY for key in keys)
