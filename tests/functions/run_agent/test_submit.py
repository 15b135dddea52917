"""`Prefer: respond-async`: accepted at once, carried out once under its id, recorded whatever comes."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import boto3
import pytest

from agent_platform.errors import (
    BatchNotFound,
    ExecutionCancelled,
    ExecutionNotFound,
    InvalidInput,
    ModelOverloaded,
    ModelRefused,
    PayloadMissing,
    StorageUnavailable,
)
from agent_platform.storage.batches import Batch, BatchRepository, LineResult, line_execution_id
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution
from functions.run_agent import deps
from tests.fakes.aws import EXECUTIONS_TABLE, OUTBOX_TABLE, RUN_AGENT_STATE_MACHINE
from tests.functions.run_agent.conftest import AGENT, Function

ASYNC = {"Prefer": "respond-async"}
TRACE = "67a1b2c30123456789abcdef01234567"
PRINCIPAL = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"], "key_id": None}


@pytest.fixture
def machine(function: Function) -> Any:
    """The state machine, which only takes note of its runs."""
    from agent_platform.storage.step_functions import step_functions

    step_functions.cache_clear()
    client = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
    role = "arn:aws:iam::123456789012:role/states"
    client.create_state_machine(name="run_agent", definition=definition, roleArn=role)
    return client


def runs(client: Any) -> dict[str, dict[str, Any]]:
    """The input of each run, by its name."""
    found = client.list_executions(stateMachineArn=RUN_AGENT_STATE_MACHINE)["executions"]
    return {
        each["name"]: json.loads(client.describe_execution(executionArn=each["executionArn"])["input"])
        for each in found
    }


def accepted(
    function: Function, machine: Any, example: dict[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The event of an accepted execution, as its run sends it to the function."""
    answer = function.execute({"input": example}, headers={**ASYNC, **(headers or {})})
    assert answer.status == 202, answer.text
    return runs(machine)[answer.json["id"]]


def stored(execution_id: str) -> Execution:
    return deps.executions().get(execution_id, owner="user-1")


def outcomes() -> list[str]:
    items = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]
    return [json.loads(item["event"]["S"])["data"]["status"] for item in items]


class TestAccepting:
    """What the caller hears."""

    def test_the_answer_comes_before_the_work_and_says_where_to_look(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        answer = function.execute({"input": example}, headers=ASYNC)
        assert (answer.status, answer.json["status"]) == (202, "queued")
        assert answer.headers["preference-applied"] == "respond-async"
        assert answer.headers["location"] == f"/api/v1/executions/{answer.json['id']}"
        assert function.claude.requests() == []
        (event,) = runs(machine).values()
        assert event["principal"] == {
            **PRINCIPAL,
            "roles": ["user"],
            "scopes": None,
            "agents": None,
            "source_ip": "203.0.113.7",
        }
        assert deps.payloads().get(event["input_ref"]) == example
        assert "input" not in event

    def test_the_same_key_gives_the_same_execution(self, function: Function, machine: Any, example: dict[str, Any]):
        headers = {**ASYNC, "Idempotency-Key": "k1"}
        first = function.execute({"input": example}, headers=headers)
        second = function.execute({"input": example}, headers=headers)
        assert first.json["id"] == second.json["id"]
        assert list(runs(machine)) == [first.json["id"]]

    def test_an_invalid_input_is_refused_before_anything_is_written(self, function: Function, machine: Any):
        assert function.execute({"input": {}}, headers=ASYNC).code == "invalid_input"
        assert dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"] == []
        assert runs(machine) == {}

    def test_where_it_cannot_be_started_nothing_is_left_and_the_key_is_free(
        self, function: Function, machine: Any, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        from agent_platform.storage.step_functions import StateMachine

        def refuse(*_: Any, trace_id: str) -> None:
            raise StorageUnavailable("Step Functions does not answer.")

        headers = {**ASYNC, "Idempotency-Key": "k1"}
        with monkeypatch.context() as patched:
            patched.setattr(StateMachine, "start", refuse)
            assert function.execute({"input": example}, headers=headers).code == "storage_unavailable"
        assert dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"] == []
        again = function.execute({"input": example}, headers=headers)
        assert (again.status, list(runs(machine))) == (202, [again.json["id"]])


class TestKeys:
    """An idempotency key names the execution until that fails."""

    KEY: ClassVar = {"Idempotency-Key": "k1"}

    @pytest.fixture
    def event(self, function: Function, machine: Any, example: dict[str, Any]) -> dict[str, Any]:
        """Of the first execution with the key, which is queued."""
        return accepted(function, machine, example, self.KEY)

    @pytest.fixture
    def meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
        """Do something, once, while a request waits for the first one."""
        actions: list[Callable[[], object]] = []
        really = time.sleep

        def pause(seconds: float) -> None:
            if actions:
                actions.pop(0)()
            else:
                really(seconds)

        monkeypatch.setattr("agent_platform.agents.execution.idempotency.time.sleep", pause)
        return actions.append

    def test_one_that_wants_the_answer_waits_for_the_end(
        self, function: Function, event: dict[str, Any], example: dict[str, Any], meanwhile: Any
    ):
        meanwhile(lambda: function.invoke(event))
        answer = function.execute({"input": example}, headers=self.KEY)
        assert (answer.status, answer.json["status"], answer.json["id"]) == (200, "succeeded", event["execution_id"])
        assert answer.json["output"]
        assert answer.headers["idempotency-replayed"] == "true"
        assert len(function.claude.requests()) == 1

    def test_where_the_end_does_not_come_in_time_it_is_told_when_to_ask_again(
        self, function: Function, machine: Any, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("HTTP_DEADLINE_SECONDS", "3")
        event = accepted(function, machine, example, self.KEY)
        answer = function.execute({"input": example}, headers=self.KEY)
        assert (answer.status, answer.code) == (409, "idempotency_in_progress")
        assert event["execution_id"] in answer.json["detail"]
        assert int(answer.headers["retry-after"]) > 0
        assert function.claude.requests() == []

    def test_where_the_first_fails_meanwhile_the_second_runs(
        self, function: Function, event: dict[str, Any], example: dict[str, Any], meanwhile: Any
    ):
        def fail() -> None:
            with pytest.raises(ModelRefused):
                function.invoke(event)

        function.claude.plan("refusal")
        meanwhile(fail)
        answer = function.execute({"input": example}, headers=self.KEY)
        assert (answer.status, answer.json["status"]) == (200, "succeeded")
        assert answer.json["id"] != event["execution_id"]
        assert outcomes() == ["failed", "succeeded"]

    @pytest.mark.parametrize("how", ["run", "given up"])
    def test_one_that_fails_frees_its_key(
        self, function: Function, machine: Any, event: dict[str, Any], example: dict[str, Any], how: str
    ):
        if how == "run":
            function.claude.plan("refusal")
            with pytest.raises(ModelRefused):
                function.invoke(event)
        else:
            told = {"execution_id": event["execution_id"], "error": "ModelOverloaded", "cause": "{}"}
            function.invoke({"record_failure": told})
        again = accepted(function, machine, example, self.KEY)
        assert again["execution_id"] != event["execution_id"]
        assert function.invoke(again)["status"] == "succeeded"
        assert accepted(function, machine, example, self.KEY) == again

    @pytest.mark.parametrize(
        "others",
        [{"principal": {"user_id": "user-2"}}, {"agent_id": "finance-accounting/held-invoice-resolver"}],
        ids=str,
    )
    def test_an_event_of_somebody_else_does_not_run_it(
        self, function: Function, event: dict[str, Any], others: dict[str, Any]
    ):
        with pytest.raises(ExecutionNotFound):
            function.invoke({**event, **others})
        assert stored(event["execution_id"]).status == "queued"
        assert function.claude.requests() == []


class TestRunning:
    """What the state machine makes of it."""

    def test_it_runs_under_its_id_once(self, function: Function, machine: Any, example: dict[str, Any]):
        event = accepted(function, machine, example)
        first, second = function.invoke(event), function.invoke(event)
        assert first == second
        assert (first["id"], first["status"], first["trace_id"]) == (
            event["execution_id"],
            "succeeded",
            event["trace_id"],
        )
        assert stored(event["execution_id"]).input == example
        assert len(function.claude.requests()) == 1
        assert outcomes() == ["succeeded"]
        with pytest.raises(PayloadMissing):
            deps.payloads().get(event["input_ref"])

    def test_an_overloaded_model_leaves_it_waiting_for_the_next_try(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        event = accepted(function, machine, example)
        function.claude.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            function.invoke(event)
        assert stored(event["execution_id"]).status == "queued"
        assert outcomes() == []
        assert function.invoke(event)["status"] == "succeeded"
        assert outcomes() == ["succeeded"]

    def test_a_failure_that_stays_is_recorded_by_the_run_itself(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        event = accepted(function, machine, example)
        function.claude.plan("refusal")
        with pytest.raises(ModelRefused):
            function.invoke(event)
        told = {"execution_id": event["execution_id"], "error": "ModelRefused", "cause": "{}"}
        assert function.invoke({"record_failure": told})["status"] == "failed"
        failed = stored(event["execution_id"])
        assert failed.error is not None
        assert (failed.error.code, failed.cost_usd > 0) == ("model_refused", True)
        assert outcomes() == ["failed"]

    def test_what_a_state_machine_gives_up_is_recorded_once(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        event = accepted(function, machine, example)
        cause = json.dumps({"errorType": "ModelOverloaded", "errorMessage": "Busy for long."})
        told = {"execution_id": event["execution_id"], "error": "ModelOverloaded", "cause": cause}
        for _ in range(2):
            assert function.invoke({"record_failure": told}) == {
                "execution_id": event["execution_id"],
                "status": "failed",
            }
        error = stored(event["execution_id"]).error
        assert error is not None
        assert (error.code, error.message) == ("model_overloaded", "Busy for long.")
        assert outcomes() == ["failed"]

    def test_one_that_was_cancelled_while_it_waited_never_asks_the_model(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        event = accepted(function, machine, example)
        deps.recorder().cancel(event["execution_id"], owner="user-1")
        with pytest.raises(ExecutionCancelled):
            function.invoke(event)
        assert function.claude.requests() == []
        assert outcomes() == ["cancelled"]

    def test_one_that_is_cancelled_while_it_runs_keeps_its_cost_and_loses_its_output(
        self, function: Function, machine: Any, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        event = accepted(function, machine, example)
        service = deps.service()
        carry_out = service.carry_out

        def cancelled_meanwhile(call: Any) -> Execution:
            deps.recorder().cancel(call.id, owner="user-1")
            return carry_out(call)

        monkeypatch.setattr(service, "carry_out", cancelled_meanwhile)
        assert function.invoke(event)["status"] == "cancelled"
        over = stored(event["execution_id"])
        assert (over.output, over.cost_usd > 0, over.usage.output_tokens > 0) == (None, True, True)
        assert outcomes() == ["cancelled"]

    def test_one_that_was_withdrawn_is_not_run(self, function: Function, machine: Any, example: dict[str, Any]):
        event = accepted(function, machine, example)
        deps.executions().withdraw(event["execution_id"])
        with pytest.raises(ExecutionNotFound):
            function.invoke(event)
        assert function.claude.requests() == []


class TestReferences:
    """Payloads that a state machine cannot carry."""

    def test_a_large_output_is_answered_by_reference(
        self, function: Function, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        event = {"agent_id": AGENT, "input": example, "principal": PRINCIPAL, "trace_id": TRACE}
        whole = function.invoke(event)
        monkeypatch.setattr("agent_platform.storage.payloads.INLINE_BYTES", 100)
        execution = function.invoke(event)
        assert execution["output"] is None
        assert deps.payloads().get(execution["output_ref"]) == whole["output"]
        assert stored(execution["id"]).output == whole["output"]

    @pytest.mark.parametrize("reference", ["secrets/key", "queued/../secrets", "https://example.com/x"])
    def test_a_reference_to_anything_else_is_refused(self, function: Function, reference: str):
        with pytest.raises(InvalidInput, match="names no payload"):
            function.invoke({"agent_id": AGENT, "input_ref": reference, "principal": PRINCIPAL})

    def test_a_queued_execution_runs_with_its_own_input_only(
        self, function: Function, machine: Any, example: dict[str, Any]
    ):
        event = accepted(function, machine, example)
        with pytest.raises(InvalidInput, match="is not the input of"):
            function.invoke({**event, "input_ref": "queued/another/input.json"})
        assert stored(event["execution_id"]).status == "queued"

    @pytest.mark.parametrize("more", [{}, {"input": {}, "input_ref": "queued/x/input.json"}])
    def test_an_input_comes_in_one_way(self, function: Function, more: dict[str, Any]):
        with pytest.raises(InvalidInput, match="either `input` or `input_ref`"):
            function.invoke({"agent_id": AGENT, "principal": PRINCIPAL, **more})


class TestLinesOfABatch:
    """Each an execution of its own, whose result is kept."""

    @pytest.fixture
    def batch(self, function: Function) -> Batch:  # noqa: ARG002 - it sets the environment
        from datetime import UTC, datetime

        from agent_platform.ids import new_id

        deps.direct()
        batch = Batch(
            id=new_id(), agent_id=AGENT, status="running", format="jsonl", owner="user-1", created_at=datetime.now(UTC)
        )
        deps.direct()._batches.create(batch)
        return batch

    def line(self, batch: Batch, value: dict[str, Any], number: int = 1) -> dict[str, Any]:
        deps.payloads().put(batch.input_key(number), value)
        key = batch.input_key(number)
        item = {"line": number, "execution_id": line_execution_id(batch.id, number), "input_ref": key}
        request = {"agent_id": AGENT, "principal": PRINCIPAL, "trace_id": TRACE, "batch_id": batch.id, "item": item}
        return {"batch_line": request}

    def result(self, batch: Batch, number: int = 1) -> LineResult | None:
        return deps.direct()._batches.line(batch.id, number)

    def told(self, batch: Batch, error: str, number: int = 1) -> dict[str, Any]:
        """What the state machine tells of a line that it gives up."""
        place = {"batch_id": batch.id, "line": number}
        execution_id = line_execution_id(batch.id, number)
        return {"record_failure": {"execution_id": execution_id, "error": error, "cause": "", "batch": place}}

    def test_a_line_is_run_once_and_its_result_kept(self, function: Function, batch: Batch, example: dict[str, Any]):
        line = self.line(batch, example)
        for _ in range(2):
            assert function.invoke(line)["status"] == "succeeded"
        assert len(function.claude.requests()) == 1
        kept = self.result(batch)
        assert kept is not None
        execution = stored(str(kept.execution_id))
        assert (kept.status, kept.output, execution.batch_id) == ("succeeded", execution.output, batch.id)

    def test_a_faulty_line_keeps_every_fault_by_field(self, function: Function, batch: Batch):
        with pytest.raises(InvalidInput):
            function.invoke(self.line(batch, {"invoice": {}}))
        function.invoke(self.told(batch, "InvalidInput"))
        kept = self.result(batch)
        assert kept is not None
        assert kept.status == "failed"
        assert "input.purchase_order" in [each["field"] for each in kept.errors]

    def test_a_line_whose_function_died_gets_its_result_from_the_state_machine(self, function: Function, batch: Batch):
        assert function.invoke(self.told(batch, "Sandbox.Timedout", 7))["status"] is None
        kept = self.result(batch, 7)
        assert kept is not None
        assert kept.error is not None
        assert kept.error.code == "deadline_exceeded"

    def test_no_line_of_a_cancelled_batch_is_run(self, function: Function, batch: Batch, example: dict[str, Any]):
        deps.direct()._batches.change(batch, status="cancelled")
        with pytest.raises(ExecutionCancelled):
            function.invoke(self.line(batch, example))
        assert function.claude.requests() == []

    def test_a_paid_line_whose_result_could_not_be_kept_keeps_its_output(
        self, function: Function, batch: Batch, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        def refuse(*_: Any) -> None:
            raise StorageUnavailable("S3 does not answer.")

        with monkeypatch.context() as patched:
            patched.setattr(BatchRepository, "keep_line", refuse)
            with pytest.raises(StorageUnavailable):
                function.invoke(self.line(batch, example))
        told = function.invoke(self.told(batch, "StorageUnavailable"))
        assert told["status"] == "succeeded"
        kept = self.result(batch)
        assert kept is not None
        assert (kept.status, kept.error) == ("succeeded", None)
        execution = stored(told["execution_id"])
        assert (kept.output, kept.cost_usd) == (execution.output, execution.cost_usd)

    def test_what_an_earlier_try_was_refused_for_does_not_outlive_the_lines_end(
        self, function: Function, batch: Batch, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        line = self.line(batch, example)
        function.claude.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            function.invoke(line)
        assert self.result(batch) is None
        keep = BatchRepository.keep_line
        monkeypatch.setattr(BatchRepository, "keep_line", _killed)
        with pytest.raises(SystemExit):
            function.invoke(line)
        monkeypatch.setattr(BatchRepository, "keep_line", keep)
        function.invoke(self.told(batch, "Lambda.Unknown"))
        kept = self.result(batch)
        assert kept is not None
        assert (kept.status, kept.output is not None) == ("succeeded", True)

    def test_a_paid_failure_has_its_cost(self, function: Function, batch: Batch, example: dict[str, Any]):
        function.claude.plan("refusal")
        with pytest.raises(ModelRefused):
            function.invoke(self.line(batch, example))
        kept = self.result(batch)
        assert kept is not None
        assert kept.error is not None
        assert (kept.error.code, kept.status) == ("model_refused", "failed")
        assert kept.cost_usd == stored(str(kept.execution_id)).cost_usd
        assert kept.cost_usd

    def test_a_line_cancelled_on_its_own_is_no_failure(self, function: Function, batch: Batch, example: dict[str, Any]):
        line = self.line(batch, example)
        function.claude.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            function.invoke(line)
        deps.recorder().cancel(line_execution_id(batch.id, 1), owner="user-1")
        with pytest.raises(ExecutionCancelled):
            function.invoke(line)
        kept = self.result(batch)
        assert kept is not None
        assert kept.status == "cancelled"

    def test_the_input_of_a_line_goes_with_its_end(self, function: Function, batch: Batch, example: dict[str, Any]):
        line = self.line(batch, example)
        function.claude.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            function.invoke(line)
        assert deps.payloads().get(batch.input_key(1)) == example
        function.invoke(line)
        with pytest.raises(PayloadMissing):
            deps.payloads().get(batch.input_key(1))
        self.line(batch, {"invoice": {}}, 2)
        function.invoke(self.told(batch, "Lambda.Unknown", 2))
        with pytest.raises(PayloadMissing):
            deps.payloads().get(batch.input_key(2))

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"agent_id": "finance-accounting/expense-policy-auditor"}, "agent_id"),
            ({"item": {"execution_id": "another"}}, "item.execution_id"),
            ({"item": {"input_ref": "executions/another/input.json"}}, "item.input_ref"),
        ],
        ids=["agent", "record", "input"],
    )
    def test_a_line_is_held_to_its_batch(
        self, function: Function, batch: Batch, example: dict[str, Any], changes: dict[str, Any], field: str
    ):
        request = self.line(batch, example)["batch_line"]
        request = request | changes | {"item": request["item"] | changes.get("item", {})}
        with pytest.raises(InvalidInput) as raised:
            function.invoke({"batch_line": request})
        assert [each.field for each in raised.value.errors] == [field]
        assert function.claude.requests() == []

    def test_nobody_runs_a_line_of_somebody_elses_batch(
        self, function: Function, batch: Batch, example: dict[str, Any]
    ):
        request = self.line(batch, example)["batch_line"] | {"principal": {"user_id": "eve"}}
        with pytest.raises(BatchNotFound):
            function.invoke({"batch_line": request})

    def test_a_failure_names_the_execution_of_its_line(self, function: Function, batch: Batch):
        event = self.told(batch, "Lambda.Unknown")
        event["record_failure"]["execution_id"] = line_execution_id(batch.id, 2)
        with pytest.raises(InvalidInput, match="is not that of the line"):
            function.invoke(event)


def _killed(*_: Any) -> None:
    raise SystemExit("The process is killed before the line is kept.")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("InvalidInput", "invalid_input"),
        ("ModelCircuitOpen", "model_circuit_open"),
        ("TimedOut", "deadline_exceeded"),
        ("Lambda.Unknown", "internal_error"),
        ("FieldError", "internal_error"),
    ],
)
def test_a_failure_has_the_code_of_the_error_table(error: str, code: str):
    assert failure_of(error, "why").code == code
    if code == "internal_error":
        assert "why" not in failure_of(error, "why").message
