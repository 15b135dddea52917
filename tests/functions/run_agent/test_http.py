"""The agent contract over HTTP, through real API Gateway events and the Lambda handler."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest

from agent_platform.agents import base
from agent_platform.agents.base import BaseAgent
from agent_platform.agents.catalogue import Catalogue
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from functions.run_agent import deps
from functions.run_agent.app import create_run_agent_app
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE
from tests.fakes.gateway import proxy_event
from tests.functions.run_agent.conftest import AGENT, PATH, Function

TRACE = {"X-Amzn-Trace-Id": "Root=1-67a1b2c3-0123456789abcdef01234567;Sampled=1"}
ELSEWHERE = "/api/v1/agents/sales/commit-deal-inspector"


def stored(table: str) -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=table)["Items"]


class TestExecute:
    """POST …/execute."""

    def test_the_answer_is_the_recorded_execution(
        self, function: Function, example: dict[str, Any], catalogue: Catalogue
    ):
        answer = function.execute({"input": example}, headers=TRACE)
        assert answer.status == 200
        execution = answer.json
        assert execution["output"] == catalogue.get(AGENT).example.output
        assert execution["input"] == example
        assert (execution["agent_id"], execution["agent_version"], execution["owner"]) == (AGENT, "1.0.0", "user-1")
        assert (execution["status"], execution["error"]) == ("succeeded", None)
        assert (execution["model"], execution["provider"]) == ("claude-sonnet-5-5", "offline")
        assert execution["trace_id"] == answer.headers["x-trace-id"] == "67a1b2c30123456789abcdef01234567"
        assert answer.headers["location"] == f"/api/v1/executions/{execution['id']}"
        recorded = ExecutionRepository(EXECUTIONS_TABLE).get(execution["id"], owner="user-1")
        assert recorded.model_dump(mode="json") == execution
        assert len(stored(OUTBOX_TABLE)) == 1

    def test_the_answer_has_the_fields_and_types_of_the_contract(self, function: Function, example: dict[str, Any]):
        execution = function.execute({"input": example}).json
        assert set(execution) == {
            *("id", "agent_id", "agent_version", "status", "input", "output", "error", "model", "provider", "usage"),
            *("cost_usd", "duration_ms", "started_at", "finished_at", "trace_id", "owner", "tool_calls", "cached"),
            *("delegated_cost_usd", "escalation", "redactions", "parent_id", "session_id", "batch_id"),
            *("run_id", "step_id", "key_id", "tool_approval_id"),
        }
        assert isinstance(execution["cost_usd"], float)
        assert execution["cost_usd"] > 0
        assert isinstance(execution["duration_ms"], int)
        assert set(execution["usage"]) == {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"}
        for moment in ("started_at", "finished_at"):
            assert execution[moment].endswith("Z")
            assert datetime.fromisoformat(execution[moment]).tzinfo is not None

    def test_a_tool_round_is_part_of_the_execution(self, function: Function, example: dict[str, Any]):
        function.claude.plan("tool_call", name="calculator", input={"expression": "480 * 1.10"})
        assert function.execute({"input": example}).json["tool_calls"] == 1
        result = function.claude.requests()[-1]["body"]["messages"][-1]["content"][0]
        assert "528" in result["content"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "input"),
            ({"input": None}, "input"),
            ({"input": []}, "input"),
            ({"input": "text"}, "input"),
            ({"input": {}, "more": 1}, "more"),
            ({"inputs": {}}, "input"),
            ([], "body"),
            ({"input": {}}, "input.invoice"),
            ({"input": {"invoice": {}}}, "input.invoice.number"),
        ],
        ids=str,
    )
    def test_an_input_that_does_not_fit_is_told_by_field_and_costs_nothing(
        self, function: Function, body: Any, field: str
    ):
        answer = function.execute(body)
        assert (answer.status, answer.code) == (422, "invalid_input")
        assert field in [error["field"] for error in answer.json["errors"]]
        assert function.claude.requests() == []
        for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE):
            assert stored(table) == []

    @pytest.mark.parametrize(
        ("extra", "status"),
        [
            ("NaN", 422),
            ("-Infinity", 422),
            ("1e999", 422),
            ('"\\ud83d"', 422),
            ("[" * 300 + "]" * 300, 422),
            ("[" * 50_000 + "]" * 50_000, 400),
            ("9" * 5000, 400),
            ('"' + "x" * 5_300_000 + '"', 413),
            ('"\\u0000"', 200),
            ("9" * 400, 200),
            ("[" * 90 + "]" * 90, 200),
            ('"📦\\ud83d\\ude00"', 200),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_json_allows_is_stored_and_read_back_and_nothing_else_is(
        self, function: Function, example: dict[str, Any], extra: str, status: int
    ):
        text = json.dumps({"input": example})
        answer = function.execute(f'{text[:-2]}, "extra": {extra}}}}}')
        assert answer.status == status, answer.text[:300]
        if status != 200:
            assert answer.code in {"invalid_input", "malformed_json", "payload_too_large"}
            assert function.claude.requests() == []
            return
        recorded = ExecutionRepository(EXECUTIONS_TABLE).get(answer.json["id"], owner="user-1")
        assert recorded.input["extra"] == json.loads(extra) == answer.json["input"]["extra"]

    @pytest.mark.parametrize("body", ["", "{", b"\xff", "input={}"], ids=repr)
    def test_a_body_that_is_not_json_is_a_problem(self, function: Function, body: str | bytes):
        answer = function.execute(body)
        assert answer.code in {"malformed_json", "invalid_input"}

    def test_a_body_that_the_gateway_sends_as_base64_is_read(self, function: Function, example: dict[str, Any]):
        assert function.execute(json.dumps({"input": example}).encode()).status == 200

    def test_another_media_type_is_refused(self, function: Function, example: dict[str, Any]):
        answer = function.execute(json.dumps({"input": example}), headers={"Content-Type": "text/plain"})
        assert answer.code == "unsupported_media_type"


class TestFailures:
    """What went wrong, with the execution that tells of it."""

    @pytest.mark.parametrize(
        ("plan", "status", "code"),
        [
            ({"mode": "status", "status": 429}, 503, "model_overloaded"),
            ({"mode": "status", "status": 529}, 503, "model_overloaded"),
            ({"mode": "status", "status": 500}, 502, "model_error"),
            ({"mode": "status", "status": 401}, 502, "model_rejected_request"),
            ({"mode": "disconnect"}, 503, "model_unreachable"),
            ({"mode": "refusal"}, 422, "model_refused"),
            ({"mode": "max_tokens"}, 502, "model_output_invalid"),
            ({"mode": "invalid_json"}, 502, "model_output_invalid"),
            ({"mode": "answer", "output": {"decision": "burn"}}, 502, "model_output_invalid"),
            ({"mode": "tool_call", "rounds": 99, "times": None}, 502, "tool_loop_exceeded"),
        ],
        ids=lambda value: str(value),
    )
    def test_a_failed_execution_is_a_problem_that_names_the_record(
        self, function: Function, example: dict[str, Any], plan: dict[str, Any], status: int, code: str
    ):
        function.claude.plan(**plan)
        answer = function.execute({"input": example})
        assert (answer.status, answer.code) == (status, code)
        assert ("retry-after" in answer.headers) == (status == 503)
        recorded = ExecutionRepository(EXECUTIONS_TABLE).get(answer.json["execution_id"], owner="user-1")
        assert recorded.status == "failed"
        assert recorded.error is not None
        assert recorded.error.code == code
        assert recorded.trace_id == answer.json["trace_id"]
        assert json.loads(stored(OUTBOX_TABLE)[0]["event"]["S"])["data"]["status"] == "failed"

    @pytest.mark.parametrize("table", [EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE])
    def test_a_table_that_is_down_is_storage_unavailable(self, function: Function, example: dict[str, Any], table: str):
        dynamodb().delete_table(TableName=table)
        answer = function.execute({"input": example})
        assert (answer.status, answer.code) == (503, "storage_unavailable")
        assert answer.headers["retry-after"]
        assert "execution_id" not in answer.json

    def test_who_waits_is_spared_a_passing_failure(
        self, function: Function, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(deps, "MAX_RETRIES", 2)
        monkeypatch.setattr(base, "sleep", lambda _: None)
        for _ in range(2):
            function.claude.plan("status", status=529)
        assert function.execute({"input": example}).status == 200
        assert len(function.claude.requests()) == 3

    def test_a_model_that_hangs_is_given_up_before_the_gateway_gives_up_and_recorded(
        self, function: Function, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ):
        assert deps.settings().http_deadline_seconds < 29, "API Gateway's limit"
        deps.settings.cache_clear()
        monkeypatch.setenv("HTTP_DEADLINE_SECONDS", "0.3")
        function.claude.plan("stall", seconds=30)
        answer = function.execute({"input": example})
        assert (answer.status, answer.code) == (504, "model_timed_out")
        recorded = ExecutionRepository(EXECUTIONS_TABLE).get(answer.json["execution_id"], owner="user-1")
        assert recorded.duration_ms < 29_000

    def test_a_mistake_of_the_platform_leaks_nothing_and_is_recorded(
        self, function: Function, example: dict[str, Any], monkeypatch: pytest.MonkeyPatch, log: StringIO
    ):
        def defect(*_: Any) -> None:
            raise ZeroDivisionError("hunter2")

        monkeypatch.setattr(BaseAgent, "execute", defect)
        answer = function.execute({"input": example})
        assert (answer.status, answer.code) == (500, "internal_error")
        assert "hunter2" not in answer.text
        assert "hunter2" in log.getvalue()
        assert "hunter2" not in json.dumps(stored(EXECUTIONS_TABLE))
        assert len(stored(EXECUTIONS_TABLE)) == 1


def test_that_everybody_may_read_has_to_be_said():
    with pytest.raises(TypeError, match="policies"):
        create_run_agent_app()  # type: ignore[call-arg]


class TestInfoAndHealth:
    """GET … and GET …/health."""

    def test_info_tells_what_a_user_needs_to_choose_and_call_the_agent(self, function: Function, catalogue: Catalogue):
        answer = function.get()
        definition = catalogue.get(AGENT)
        assert answer.status == 200
        assert set(answer.json) == {
            *("id", "group", "name", "version", "summary", "use_when", "not_when", "tags", "model", "effort", "tools"),
            *("memory", "framework", "consults", "team", "input", "output", "example", "guardrails", "limits"),
            *("hosts", "approval", "switched_off"),
        }
        assert (answer.json["id"], answer.json["group"]) == (AGENT, "finance-accounting")
        assert answer.json["input"] == definition.input
        assert answer.json["example"] == {"input": definition.example.input, "output": definition.example.output}
        assert answer.json["not_when"] == [each.model_dump() for each in definition.not_when]
        assert definition.instructions not in answer.text

    def test_health_is_answered_without_asking_model_or_table(self, function: Function):
        for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE):
            dynamodb().delete_table(TableName=table)
        answer = function.get(f"{PATH}/health")
        assert (answer.status, answer.json) == (200, {"status": "healthy"})
        assert function.claude.requests() == []


class TestOtherAgents:
    """A function serves its own group and nothing else."""

    @pytest.mark.parametrize("what", ["", "/health", "/metrics"])
    @pytest.mark.parametrize(
        "agent",
        [
            ELSEWHERE,
            *(
                f"/api/v1/agents/finance-accounting/{name}"
                for name in ("nobody", "THREE-WAY-MATCH-CHECKER", "%00", "..")
            ),
            "/api/v1/agents/finance/three-way-match-checker",
            "/api/v1/agents/%F0%9F%93%A6/%F0%9F%93%A6",
        ],
    )
    def test_an_agent_that_is_not_there_is_not_found(self, function: Function, agent: str, what: str):
        answer = function.get(f"{agent}{what}")
        assert (answer.status, answer.code) == (404, "agent_not_found")

    def test_an_agent_of_another_group_is_not_run(self, function: Function):
        answer = function.execute({"input": {}}, path=ELSEWHERE)
        assert (answer.status, answer.code) == (404, "agent_not_found")
        assert function.claude.requests() == []

    @pytest.mark.parametrize(
        "path",
        [
            f"{PATH}/",
            f"{PATH}/nothing",
            f"{PATH}/execute/x",
            "/api/v1/agents/finance-accounting",
            "/api/v1/health",
            "/",
        ],
    )
    def test_another_path_is_route_not_found(self, function: Function, path: str):
        assert function.get(path).code == "route_not_found"

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", f"{PATH}/execute"), ("POST", PATH), ("DELETE", f"{PATH}/health"), ("PUT", f"{PATH}/execute")],
    )
    def test_another_method_is_not_allowed(self, function: Function, method: str, path: str):
        answer = function.gateway.request(method, path, token="t")
        assert (answer.status, answer.code) == (405, "method_not_allowed")


class TestCaller:
    """Only who the authorizer let in."""

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", PATH), ("GET", f"{PATH}/health"), ("GET", f"{PATH}/metrics"), ("POST", f"{PATH}/execute")],
    )
    def test_without_the_authorizers_context_there_is_no_caller(
        self, function: Function, example: dict[str, Any], method: str, path: str
    ):
        headers = {"Content-Type": "application/json", "Authorization": "Bearer forged"}
        event = proxy_event(
            method, path, headers=headers, body=json.dumps({"input": example}) if method == "POST" else None
        )
        answer = function.invoke(event)
        assert answer["statusCode"] == 401
        assert json.loads(answer["body"])["code"] == "unauthenticated"
        assert function.claude.requests() == []

    def test_without_a_caller_nobody_learns_which_agents_there_are(self, function: Function):
        answers = [function.invoke(proxy_event("GET", path)) for path in (PATH, ELSEWHERE, f"{PATH}-nobody")]
        assert {answer["statusCode"] for answer in answers} == {401}

    def test_a_body_cannot_say_who_is_asking(self, function: Function, example: dict[str, Any]):
        answer = function.execute({"input": example, "principal": {"user_id": "somebody-else"}})
        assert answer.code == "invalid_input"


class TestMetrics:
    """GET …/metrics: counts of all instances, as Prometheus reads them."""

    def samples(self, function: Function) -> dict[tuple[str, ...], float]:
        from prometheus_client.parser import text_string_to_metric_families

        answer = function.get(f"{PATH}/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                assert sample.labels.pop("agent") == AGENT
                found[(sample.name, *sample.labels.values())] = sample.value
        return found

    def test_an_agent_that_never_ran_shows_zeros(self, function: Function):
        samples = self.samples(function)
        assert samples["requests_total", "succeeded"] == samples["requests_total", "failed"] == 0
        assert samples["processing_seconds_count",] == samples["processing_seconds_bucket", "+Inf"] == 0

    def test_executions_are_counted_by_outcome(self, function: Function, example: dict[str, Any]):
        for _ in range(3):
            function.execute({"input": example})
        function.claude.plan("refusal")
        function.execute({"input": example})
        function.execute({"input": {}})
        samples = self.samples(function)
        assert samples["requests_total", "succeeded"] == 3
        assert samples["requests_total", "failed"] == 1
        assert samples["processing_seconds_count",] == 4

    def test_what_another_instance_counted_is_seen(self, function: Function, example: dict[str, Any]):
        function.execute({"input": example})
        for item in stored(AGENT_METRICS_TABLE):
            dynamodb().put_item(TableName=AGENT_METRICS_TABLE, Item={**item, "shard": {"S": "elsewhere"}})
        assert self.samples(function)["requests_total", "succeeded"] == 2

    def test_a_table_that_is_down_is_storage_unavailable(self, function: Function):
        dynamodb().delete_table(TableName=AGENT_METRICS_TABLE)
        assert function.get(f"{PATH}/metrics").code == "storage_unavailable"
