"""Secrets planted wherever a caller can write come to light in no log line, event, span, metric or dead letter."""

import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.events.dead_letters import Letter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publishing import Outcome
from agent_platform.events.relay import Relay
from agent_platform.http import API_PREFIX
from agent_platform.identity.key_text import new_key
from agent_platform.storage.transactions import Rider
from functions.run_agent.handler import handler as run_agent
from functions.workflow_step.handler import handler as workflow_step
from functions.workflow_step.handler import steps
from tests.fakes.approvals import ApprovalWorld
from tests.fakes.aws import (
    APPROVALS_TABLE,
    BATCHES_TABLE,
    EXECUTIONS_TABLE,
    IDEMPOTENCY_TABLE,
    PAYLOADS_BUCKET,
    RUNS_TABLE,
    SESSIONS_TABLE,
    TOKENS_TABLE,
    WEBHOOKS_TABLE,
)
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log
from tests.fakes.machines import MachinesInMemory
from tests.fakes.otlp import Collector, collector
from tests.fakes.workflow_events import a_step
from tests.functions.api.conftest import (
    Platform,
    catalogue,
    database,
    event_loop,
    jwt_secret,
    platform,
    settings,
    tokens_table,
)
from tests.functions.api.workflow_documents import SPEC, create
from tests.functions.run_agent.conftest import AGENT, PATH, Function, function
from tests.security.canaries import Canaries, watched

__all__ = [
    "catalogue",
    "collector",
    "database",
    "event_loop",
    "function",
    "jwt_secret",
    "log",
    "platform",
    "settings",
    "tokens_table",
]

MEMORY_AGENT = "it-service-desk/slow-laptop-investigator"
HEADERS = ("User-Agent", "Referer", "Cookie", "X-Api-Key", "traceparent", "X-Amzn-Trace-Id", "Origin", "Accept")


@pytest.fixture
def canaries(
    log: StringIO,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Canaries]:
    yield from watched(log, capsys, caplog, collector, monkeypatch)


def planted_headers(canaries: Canaries, door: str) -> dict[str, str]:
    return {name: canaries.plant(f"{door}: header {name}") for name in HEADERS}


def test_what_is_sent_to_an_agent(
    function: Function, canaries: Canaries, catalogue_file: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = Catalogue(catalogue_file)
    example = opened.get(AGENT).example.input
    opened.close()

    plant = canaries.plant
    headers = planted_headers(canaries, "agent")
    key = {"Idempotency-Key": plant("agent: idempotency key")}
    planted = with_secret_in(example, plant("agent: input"))
    statuses = [
        function.execute({"input": planted}, headers=headers | key).status,
        # The same key with another input; fields and types that nobody asked for; text that is no JSON.
        function.execute({"input": with_secret_in(example, plant("agent: other input"))}, headers=key).status,
        function.execute({"input": {**example, plant("agent: name of a field"): 1}}).status,
        function.execute({"input": dict.fromkeys(example, plant("agent: value of a wrong type"))}).status,
        function.execute({"input": example, "session_id": plant("agent: session id")}).status,
        function.execute({"input": example, plant("agent: unknown field"): plant("agent: of it")}).status,
        function.execute(f'{{"input": {plant("agent: broken JSON")}').status,
        function.execute({"input": example}, path=f"/api/v1/agents/finance-accounting/{plant('agent: path')}").status,
        function.get(f"{PATH}/health", query=f"q={plant('agent: query')}").status,
        function.execute({"input": example}, headers={"Prefer": plant("agent: header Prefer")}).status,
    ]
    assert 200 in statuses
    assert max(statuses) < 500
    # What the model refuses or fails at, and a table that does not answer.
    for plan in ({"mode": "status", "status": 529}, {"mode": "invalid_json"}):
        function.claude.plan(**plan)
        function.execute({"input": with_secret_in(example, plant(f"agent: input before {plan['mode']}"))})

    def break_down(*_: Any, **__: Any) -> Rider:
        raise ValueError(f"cannot work with {plant('agent: words of an exception')}")

    with monkeypatch.context() as patched:
        patched.setattr("agent_platform.agents.execution.run.BaseAgent.execute", break_down)
        assert function.execute({"input": example}).status == 500

    prompts = json.dumps(function.claude.requests())
    for credential in ("first-signing-key", "testing", "ada@example.com"):
        assert credential not in prompts
    for name in HEADERS:
        assert canaries.planted[f"agent: header {name}"] not in prompts
    stored = {EXECUTIONS_TABLE}
    canaries.check(
        {
            "agent: input": stored,
            "agent: name of a field": stored,
            "agent: other input": stored,
            "agent: input before status": stored,
            "agent: input before invalid_json": stored,
            "agent: idempotency key": {IDEMPOTENCY_TABLE},
        }
    )
    assert len(canaries.planted) >= 20


def with_secret_in(example: dict[str, Any], secret: str) -> dict[str, Any]:
    """The example with the secret in its first free text."""
    done: dict[str, Any] = json.loads(json.dumps(example))

    def mark(value: Any) -> bool:
        if isinstance(value, dict):
            items: Any = list(value.items())
        elif isinstance(value, list):
            items = list(enumerate(value))
        else:
            return False
        for key, each in items:
            if isinstance(each, str) and " " in each:
                value[key] = f"{each} {secret}"
                return True
            if mark(each):
                return True
        return False

    assert mark(done), "the example has no free text"
    return done


def test_what_state_machines_and_streams_carry(function: Function, canaries: Canaries, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"RUNS_TABLE": RUNS_TABLE, "APPROVALS_TABLE": APPROVALS_TABLE}.items():
        monkeypatch.setenv(name, value)

    def invoke(handler: Any, event: dict[str, Any]) -> None:
        try:
            handler(event, LambdaContext())
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
            canaries.caught(error)

    plant = canaries.plant
    scope = {"input": {"secret": plant("run: input")}, "input_ref": None, "steps": {}, "vars": {}}
    caller = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"]}
    direct = {"agent_id": AGENT, "principal": caller}
    template = {"n": "${input.secret}", "constant": plant("run: constant of a template")}
    for handler, event in [
        (run_agent, direct | {"input": {"invoice": plant("direct: input of a wrong shape")}}),
        (run_agent, direct | {"input": plant("direct: input of a wrong type")}),
        (run_agent, direct | {"input": {}, "unknown": plant("direct: unknown field")}),
        (run_agent, {"record_failure": {"execution_id": "x", "error": "E", "cause": plant("failure: cause")}}),
        (run_agent, {"record_failure": {"execution_id": 7, "error": plant("failure: error"), "cause": ""}}),
        (run_agent, {"batch_line": {"agent_id": AGENT, "item": plant("line: item")}}),
        (run_agent, {"workflow_step": a_step(agent_id=AGENT, template=template, scope=scope)}),
        (run_agent, {"workflow_step": a_step(agent_id=AGENT, template=plant("step: template of a wrong type"))}),
        (workflow_step, a_step("transform", scope=scope, template=template)),
        (workflow_step, a_step("transform", scope=scope, jmespath=f"to_number(`{{}}`) {plant('run: expression')}")),
        (workflow_step, a_step("transform", scope=scope, template="${input.secret}", schema={"type": "number"})),
        (workflow_step, a_step("transform", scope=scope, template=f"${{input.{plant('run: reference')}}}")),
        (workflow_step, a_step("finish", scope=scope, template=template)),
        (workflow_step, a_step("prepare_map", scope=scope, items="input.secret")),
        (workflow_step, a_step("collect_map", results=[{"steps": {"a": {"output": plant("map: result")}}}], last="a")),
        (
            workflow_step,
            a_step(
                "request_approval",
                scope=scope,
                token=plant("approval: token"),
                message=f"Pay? ${{input.secret}} {plant('approval: message')}",
                show={"what": plant("approval: shown")},
                approvers={"owner": True},
                timeout_seconds=60,
            ),
        ),
    ]:
        invoke(handler, event)
    steps.cache_clear()
    canaries.check(
        {
            "run: input": {APPROVALS_TABLE, PAYLOADS_BUCKET},
            "approval: token": {APPROVALS_TABLE},
            "approval: message": {APPROVALS_TABLE},
            "approval: shown": {APPROVALS_TABLE},
        }
    )
    assert len(canaries.planted) >= 15


def test_what_is_sent_to_the_control_plane(platform: Platform, canaries: Canaries, monkeypatch: pytest.MonkeyPatch):
    plant, gateway = canaries.plant, platform.gateway
    machines = MachinesInMemory()
    monkeypatch.setattr("agent_platform.egress.client._look_up", lambda *_: ["93.184.216.34"])
    monkeypatch.setattr(platform.services.workflows._runs, "machines", machines)
    ada = platform.person()
    canaries.planted["api: access token"] = ada.access_token
    canaries.planted["api: refresh token"] = ada.refresh_token

    def post(path: str, body: Any, **more: Any) -> Any:
        return gateway.post(f"/api/v1{path}", body, token=ada.access_token, **more)

    def get(path: str, **more: Any) -> Any:
        return gateway.get(f"/api/v1{path}", token=ada.access_token, **more)

    post("/auth/login", {"email": "ada@example.com", "password": plant("login: wrong password")})
    post("/auth/login", {"email": f"{plant('login: email')}@example.com", "password": "x"})
    post("/auth/login", {"email": plant("login: malformed email"), "password": {"x": plant("login: nested")}})
    post("/auth/login", f'{{"password": "{plant("login: broken JSON")}"')
    post("/auth/refresh", {"refresh_token": plant("refresh: token")})
    post(
        "/auth/register",
        {"email": "eve@example.com", "password": plant("register: password"), "name": plant("register: name")},
    )
    post("/auth/register", {"email": "ada@example.com", "password": plant("register: again"), "name": "Ada"})
    gateway.get("/api/v1/me", token=plant("header: no token at all"))
    get("/me", headers=planted_headers(canaries, "api"))
    for path in ("executions", "runs", "sessions", "batches", "workflows", "approvals", "triggers", "webhooks"):
        get(f"/{path}", query=f"cursor={plant(f'{path}: cursor')}&limit={plant(f'{path}: limit')}")
        get(f"/{path}/{plant(f'{path}: id in the path')}")
    post("/sessions", {"agent_id": plant("session: agent")})

    spec = {
        "description": plant("spec: description"),
        "steps": [
            {"id": "a", "kind": "transform", "template": {"constant": plant("spec: constant"), "t": "${input.text}"}},
            {
                "id": "sign_off",
                "kind": "approval",
                "message": plant("spec: message"),
                "approvers": {"users": [f"{plant('spec: approver')}@example.com"]},
            },
        ],
        "output": {"text": "${steps.a.output.t}"},
    }
    made = create(platform, ada, **spec)
    assert made.status == 201, made.text
    post("/workflows", {"source": f"steps: [{plant('spec: broken YAML')}"})
    post("/workflows/validate", {"spec": {**SPEC, "steps": [{"id": "a", "kind": plant("spec: unknown kind")}]}})
    workflow = made.json["id"]
    assert post(f"/workflows/{workflow}/publish", None).status == 200
    started = post(f"/workflows/{workflow}/runs", {"input": {"text": plant("run: input")}})
    assert started.status in (200, 201, 202), started.text
    post(f"/workflows/{workflow}/runs", {"input": {"text": 1, plant("run: name of a field"): 1}})
    run = platform.services.workflows._runs.repository.stored(started.json["id"])
    if run.execution_arn in machines.found:
        machines.end(run.execution_arn, "FAILED", error="X", cause=plant("run: words of a failure"))
        get(f"/runs/{run.id}")
    trigger = {
        "workflow_id": workflow,
        "schedule": {"cron": plant("trigger: cron")},
        "input": {"text": plant("trigger: input")},
    }
    post("/triggers", trigger)
    match = {"agent_id": [plant("trigger: match")]}
    post("/triggers", {"workflow_id": workflow, "event": {"type": "agent.executed", "match": match}, "input": {}})
    world = ApprovalWorld()
    monkeypatch.setitem(vars(platform.services), "approvals", world.approvals)
    approval = world.ask(token=plant("approval: token"))
    eve = platform.login("eve@example.com", canaries.planted["register: password"]).json["access_token"]
    canaries.planted["api: another access token"] = eve
    decision = {"decision": "approved", "comment": plant("approval: comment"), "form": {"x": plant("approval: form")}}
    gateway.post(f"/api/v1/approvals/{approval}/decide", decision, token=eve)
    gateway.post(f"/api/v1/approvals/{approval}/decide", decision | {"form": None}, token=eve)
    lines = {"agent_id": "legal/nda-reviewer", "inputs": [{"text": plant("batch: input")}]}
    post("/batches", lines)
    post("/batches", {"agent_id": plant("batch: agent"), "content": plant("batch: content")})
    hook = {
        "url": f"https://hooks.example.com/{plant('webhook: path')}?key={plant('webhook: query')}",
        "events": ["agent.executed"],
        "description": plant("webhook: description"),
    }
    post("/webhooks", hook)
    post("/webhooks", hook | {"url": f"http://{plant('webhook: user')}:x@127.0.0.1/"})
    post("/webhooks", hook | {"secret": plant("webhook: secret")})
    get("/metrics")

    runs = {RUNS_TABLE}
    canaries.check(
        {
            "run: input": runs | {PAYLOADS_BUCKET},
            "run: words of a failure": runs,
            "spec: constant": runs,
            "approval: token": {APPROVALS_TABLE},
            "approval: comment": {APPROVALS_TABLE},
            "approval: form": {APPROVALS_TABLE},
            "batch: input": {PAYLOADS_BUCKET, BATCHES_TABLE},
            "batch: content": {PAYLOADS_BUCKET, BATCHES_TABLE},
            "session: agent": {SESSIONS_TABLE},
            **{f"webhook: {part}": {WEBHOOKS_TABLE} for part in ("path", "query", "description")},
        }
    )
    assert len(canaries.planted) >= 60


def test_api_keys_whole_broken_and_of_others(platform: Platform, canaries: Canaries, monkeypatch: pytest.MonkeyPatch):
    plant, gateway, ada = canaries.plant, platform.gateway, platform.person()
    keys = f"{API_PREFIX}/keys"
    order = {"name": plant("key: name"), "scopes": ["agents:read"], "budget_usd": 5}
    made = gateway.post(keys, order, token=ada.access_token).json
    # Of each key the secret is looked for: its id is no secret, and lists and logs name it.
    canaries.planted["key: secret"] = made["key"][37:-6]
    rotated = gateway.post(f"{keys}/{made['id']}/rotate", {"grace_hours": 1}, token=ada.access_token).json
    canaries.planted["key: secret after a rotation"] = rotated["key"][37:-6]
    guessed, _ = new_key(made["id"])
    canaries.planted["key: guessed secret"] = guessed[37:-6]
    for text in (made["key"], rotated["key"]):
        assert gateway.get(f"{API_PREFIX}/agents", token=text).status == 200
        assert gateway.get(keys, token=text).status == 403
        for broken in (text[:-1], f"{text}x", f"{text}\0", text * 60, text.swapcase()):
            assert gateway.get(f"{API_PREFIX}/agents", token=broken).status == 401
            gateway.get(f"{API_PREFIX}/agents", headers={"X-Api-Key": broken, "Cookie": broken})
            gateway.post(f"{API_PREFIX}/auth/login", {"email": "ada@example.com", "password": broken})
    assert gateway.get(f"{API_PREFIX}/agents", token=guessed).status == 401
    for wrong in (
        {"name": "x", "scopes": [plant("key: scope")]},
        {"name": "x", "scopes": ["agents:read"], "agents": [plant("key: agent")]},
        {"name": {"x": plant("key: name of a wrong type")}, "scopes": ["agents:read"]},
        {"name": "x", "scopes": ["agents:read"], plant("key: unknown field"): plant("key: of it")},
        f'{{"name": "{plant("key: broken JSON")}',
    ):
        assert gateway.post(keys, wrong, token=ada.access_token).status in (400, 422)
    assert made["key"][37:] not in gateway.get(keys, token=ada.access_token).text
    gateway.get(f"{keys}/{plant('key: id in the path')}", token=ada.access_token)

    def down(*_: Any, **__: Any) -> Any:
        raise ValueError(f"cannot look up {rotated['key']}")

    with monkeypatch.context() as patched:
        patched.setattr("agent_platform.storage.api_keys.ApiKeyRepository.find", down)
        assert gateway.get(f"{API_PREFIX}/agents", token=rotated["key"]).status == 500
    gateway.delete(f"{keys}/{made['id']}", token=ada.access_token)
    left = gateway.post(keys, order, token=ada.access_token).json
    canaries.planted["key: secret of one that is left"] = left["key"][37:-6]
    found = canaries.check({"key: name": {TOKENS_TABLE}})
    assert found["key: name"] == {TOKENS_TABLE}
    assert len(canaries.planted) >= 12


def test_what_stands_in_a_record_that_cannot_be_relayed(canaries: Canaries, executions_table: str):
    letters: list[Letter] = []
    relay = Relay(TakesAll(), "relay-bus", letters.append)
    broken = [
        canaries.plant("stream: no JSON"),
        json.dumps({"data": canaries.plant("stream: no event")}),
        json.dumps({"type": canaries.plant("stream: type"), "subject": "a/b", "data": {}, "time": "now", "id": "i2"}),
    ]
    images = [{"subject": {"S": "a/b"}, "id": {"S": f"i{n}"}, "event": {"S": text}} for n, text in enumerate(broken)]
    records = [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(n), "NewImage": image}}
        for n, image in enumerate(images)
    ]
    assert relay.take(records) == {"batchItemFailures": []}
    assert len(letters) == len(broken)
    for letter in letters:
        canaries.raised.append(letter.model_dump_json())
    canaries.check({})


class TakesAll:
    """A bus that takes whatever it is given."""

    def publish(self, events: Sequence[CloudEvent]) -> Outcome:  # noqa: ARG002
        return Outcome()
