"""One policy for every way in: who may execute an agent does not depend on how it is asked for."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import Forbidden, PlatformError, PolicyUndecided
from agent_platform.identity.policy.compile import compile_policies
from agent_platform.identity.principal import Principal
from agent_platform.storage.batches import Batch, line_execution_id
from agent_platform.storage.dynamodb import dynamodb
from functions.run_agent import deps
from tests.fakes.aws import EXECUTIONS_TABLE
from tests.fakes.gateway import LambdaContext, proxy_event
from tests.fakes.policies import write_sources
from tests.fakes.workflow_events import TRACE, a_run, a_step
from tests.functions.run_agent.conftest import AGENT, PATH, Function
from tests.functions.run_agent.test_submit import machine

__all__ = ["machine"]

TEAM = "finance-accounting/held-invoice-resolver"
HERE = "203.0.113.7"
"""Where the gateway in miniature sees its callers."""


def person(*roles: str, **more: Any) -> Principal:
    return replace(Principal("user-1", "ada@example.com", frozenset(roles), "", source_ip=HERE), **more)


def a_key(*scopes: str, agents: set[str] | None = None) -> Principal:
    bounds = None if agents is None else frozenset(agents)
    return person("user", key_id="key-1", scopes=frozenset(scopes), agents=bounds)


WHO: dict[str, tuple[Principal, str | None]] = {
    "an administrator": (person("admin"), None),
    "a user": (person("user"), None),
    "a viewer": (person("viewer"), "It takes one of the roles"),
    "a role that there is not": (person("unheard-of"), "It takes one of the roles"),
    "a key for all agents": (a_key("agents:execute"), None),
    "a key for the group": (a_key("agents:*", agents={"finance-accounting/*"}), None),
    "a key for the agent": (a_key("agents:execute", agents={AGENT}), None),
    "a key for another agent": (a_key("agents:execute", agents={TEAM}), "The API key is not for the agent"),
    "a key for no agent": (a_key("agents:execute", agents=set()), "The API key is not for the agent"),
    "a key that may only read": (a_key("agents:read", "batches:run", "workflows:*"), "lacks the scope"),
}
DENIED_OUTSIDE = {
    "networks": {"office": ["10.0.0.0/8"], "guests": ["203.0.113.0/24"]},
    "denials": [
        {
            "id": "no-guests",
            "reason": "Invoices are not for the guests' network.",
            "when": {"agents": [AGENT], "networks": ["guests"]},
            "unless_roles": ["admin"],
        }
    ],
}


def outcome(answer: dict[str, Any]) -> str | None:
    """What a gateway's answer says: None for a success, else the detail of its 403."""
    if answer["statusCode"] in (200, 202):
        return None
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (403, "forbidden"), problem
    return str(problem["detail"])


def raised(invoke: Callable[[], object]) -> str | None:
    try:
        invoke()
    except Forbidden as error:
        return error.detail
    return None


class Entries:
    """Every way into the agent, for any principal."""

    def __init__(self, function: Function, example: dict[str, Any]) -> None:
        self._function = function
        self._example = example

    def by_http(self, who: Principal) -> str | None:
        return outcome(self._http(who))

    def later(self, who: Principal) -> str | None:
        return outcome(self._http(who, {"Prefer": "respond-async"}))

    def by_state_machine(self, who: Principal) -> str | None:
        event = {"agent_id": AGENT, "input": self._example, "principal": self._document(who), "trace_id": TRACE}
        return raised(lambda: self._function.invoke(event))

    def in_a_batch(self, who: Principal) -> str | None:
        now = datetime.now(UTC)
        batch_id = "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b77"
        batch = Batch(
            id=batch_id,
            agent_id=AGENT,
            status="running",
            format="jsonl",
            owner=who.user_id,
            created_at=now,
            started_at=now,
        )
        deps.direct()._batches.create(batch)
        deps.payloads().put(batch.input_key(1), self._example)
        item = {"line": 1, "execution_id": line_execution_id(batch_id, 1), "input_ref": batch.input_key(1)}
        line = {
            "agent_id": AGENT,
            "principal": self._document(who),
            "trace_id": TRACE,
            "batch_id": batch_id,
            "item": item,
        }
        return raised(lambda: self._function.invoke({"batch_line": line}))

    def in_a_workflow(self, who: Principal) -> str | None:
        step = a_step(
            agent_id=AGENT,
            template={name: f"${{input.{name}}}" for name in self._example},
            scope={"input": self._example, "input_ref": None, "steps": {}, "vars": {}},
            run=a_run(principal=self._document(who)),
        )
        return raised(lambda: self._function.invoke({"workflow_step": step}))

    def in_a_team(self, who: Principal) -> str | None:
        pipeline = deps.service()._pipeline
        asker = pipeline.call(deps.service().definition(TEAM), {}, who, TRACE)
        return raised(lambda: pipeline._delegate(asker)(AGENT, self._example))

    def _http(self, who: Principal, headers: dict[str, str] | None = None) -> dict[str, Any]:
        sent = {"Content-Type": "application/json", **(headers or {})}
        body = json.dumps({"input": self._example})
        context = {**CONTEXT, **who.to_authorizer_context()}
        event = proxy_event("POST", f"{PATH}/execute", headers=sent, body=body, authorizer=context)
        answer: dict[str, Any] = self._function.gateway.function(event, LambdaContext())
        return answer

    @staticmethod
    def _document(who: Principal) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(who.to_document().model_dump_json())
        return document


CONTEXT = {"integrationLatency": 1}
ENTRIES = ["by_http", "later", "by_state_machine", "in_a_batch", "in_a_workflow", "in_a_team"]


@pytest.fixture
def entries(function: Function, example: dict[str, Any], machine: Any) -> Entries:
    return Entries(function, example)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("who", WHO)
def test_who_may_execute_is_the_same_by_every_entry(entries: Entries, function: Function, who: str, entry: str):
    principal, refusal = WHO[who]
    told = getattr(entries, entry)(principal)
    if refusal is None:
        assert told is None
        return
    assert told is not None
    assert told.startswith(f"You may not execute `{AGENT}`. ")
    assert refusal in told
    assert function.claude.requests() == []
    assert not [each for each in dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"] if "output" in each]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_denial_by_network_follows_the_caller_into_every_entry(
    entries: Entries, entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    compile_policies(write_sources(tmp_path / "sources", denials=DENIED_OUTSIDE), tmp_path / "compiled")
    monkeypatch.setenv("POLICIES_PATH", str(tmp_path / "compiled"))
    told = getattr(entries, entry)(person("user"))
    assert told == f"You may not execute `{AGENT}`. Invoices are not for the guests' network."


@pytest.mark.parametrize("entry", ENTRIES)
def test_without_a_policy_nobody_executes_by_any_entry(
    entries: Entries, entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Function
):
    monkeypatch.setenv("POLICIES_PATH", str(tmp_path))
    if entry in ("by_http", "later"):
        answer = entries._http(person("admin"), {"Prefer": "respond-async"} if entry == "later" else None)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "policy_undecided")
    else:
        with pytest.raises(PlatformError) as error:
            getattr(entries, entry)(person("admin"))
        assert type(error.value) is PolicyUndecided
    assert function.claude.requests() == []
