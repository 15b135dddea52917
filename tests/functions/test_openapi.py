"""The one description of the API: it is the file that is shipped, and what it says is what the functions do."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_platform import errors
from agent_platform.errors import PlatformError
from functions import openapi
from functions.openapi import openapi_document, rendered

ROOT = Path(__file__).parents[2]
DOCUMENT = openapi_document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
every_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))

PUBLIC = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/accept-invitation",
    "POST /api/v1/auth/forgot-password",
    "POST /api/v1/auth/reset-password",
    "POST /api/v1/auth/verify-email",
    "GET /api/v1/health",
    "GET /api/v1/openapi.json",
}


def errors_of(root: type[PlatformError]) -> set[type[PlatformError]]:
    return {root, *(each for child in root.__subclasses__() for each in errors_of(child))}


def test_the_file_is_the_generated_one():
    written = (ROOT / openapi.TARGET).read_text(encoding="utf-8")
    assert written == rendered(), "run `make openapi` (python -m functions.openapi)"


def test_the_documentation_links_to_the_same_file():
    assert (ROOT / "docs/api/openapi.json").resolve() == (ROOT / openapi.TARGET).resolve()


def test_the_same_code_makes_the_same_document():
    assert rendered() == rendered()


def test_the_command_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(openapi, "TARGET", tmp_path / "openapi.json")
    assert openapi.main() == 0
    assert json.loads((tmp_path / "openapi.json").read_text())["openapi"].startswith("3.1")
    assert "openapi.json" in capsys.readouterr().out


def test_the_routes_are_those_of_the_contract():
    agent = "/api/v1/agents/{group}/{name}"
    workflow, trigger = "/api/v1/workflows/{workflow_id}", "/api/v1/triggers/{trigger_id}"
    letters = "/api/v1/dead-letters"
    user, invitation = "/api/v1/users/{user_id}", "/api/v1/users/invitations/{invitation_id}"
    webhooks, webhook = "/api/v1/webhooks", "/api/v1/webhooks/{webhook_id}"
    assert set(OPERATIONS) == {
        *PUBLIC,
        *("POST /api/v1/auth/password", "POST /api/v1/auth/verify-email/send", "POST /api/v1/auth/revoke-all"),
        *("POST /api/v1/auth/logout", "GET /api/v1/me", "GET /api/v1/groups", "GET /api/v1/tags"),
        *("GET /api/v1/agents", "POST /api/v1/agents/route"),
        *("GET /api/v1/executions", "GET /api/v1/executions/{execution_id}"),
        "POST /api/v1/executions/{execution_id}/cancel",
        *("POST /api/v1/agents", "GET /api/v1/custom-agents", "GET /api/v1/custom-agents/published"),
        *(f"{method} /api/v1/custom-agents/{{name}}" for method in ("GET", "PUT", "DELETE")),
        *(f"POST /api/v1/custom-agents/{{name}}/{verb}" for verb in ("check", "publish", "roll-back", "withdraw")),
        *("GET /api/v1/agent-switches", "PUT /api/v1/agent-switches/{group}/{name}"),
        *("POST /api/v1/evaluations", "GET /api/v1/evaluations", "GET /api/v1/evaluations/{evaluation_id}"),
        *("POST /api/v1/batches", "GET /api/v1/batches", "GET /api/v1/batches/{batch_id}"),
        *("POST /api/v1/batches/{batch_id}/start", "POST /api/v1/batches/{batch_id}/cancel"),
        *("POST /api/v1/keys", "GET /api/v1/keys", "GET /api/v1/keys/{key_id}", "PATCH /api/v1/keys/{key_id}"),
        *("DELETE /api/v1/keys/{key_id}", "POST /api/v1/keys/{key_id}/rotate"),
        *("GET /api/v1/me/budget", "GET /api/v1/budgets/users/{user_id}", "PUT /api/v1/budgets/users/{user_id}"),
        *("GET /api/v1/budgets/agents/{group}/{name}", "PUT /api/v1/budgets/agents/{group}/{name}"),
        *("POST /api/v1/sessions", "GET /api/v1/sessions", "GET /api/v1/sessions/{session_id}"),
        *("GET /api/v1/sessions/{session_id}/turns", "DELETE /api/v1/sessions/{session_id}"),
        *("GET /api/v1/workflows", "POST /api/v1/workflows", "POST /api/v1/workflows/validate", f"GET {workflow}"),
        *(f"GET {workflow}/versions", f"POST {workflow}/versions", f"GET {workflow}/versions/{{version}}"),
        *(f"POST {workflow}/publish", f"POST {workflow}/rollback", f"POST {workflow}/archive", f"POST {workflow}/runs"),
        *("GET /api/v1/runs", "GET /api/v1/runs/{run_id}", "POST /api/v1/runs/{run_id}/stop"),
        "POST /api/v1/runs/{run_id}/retry",
        *("GET /api/v1/approvals", "GET /api/v1/approvals/{approval_id}"),
        "POST /api/v1/approvals/{approval_id}/decide",
        *("GET /api/v1/tool-approvals", "GET /api/v1/tool-approvals/{approval_id}"),
        "POST /api/v1/tool-approvals/{approval_id}/decide",
        *("GET /api/v1/triggers", "POST /api/v1/triggers", f"GET {trigger}", f"DELETE {trigger}"),
        *(f"POST {trigger}/pause", f"POST {trigger}/resume"),
        *(f"GET {webhooks}", f"POST {webhooks}", f"GET {webhook}", f"PATCH {webhook}", f"DELETE {webhook}"),
        *(f"POST {webhook}/rotate-secret", f"POST {webhook}/ping", f"GET {webhook}/deliveries"),
        f"POST {webhook}/deliveries/{{delivery_id}}/redeliver",
        *(f"GET /api/v1/analytics/{report}" for report in ("overview", "timeseries", "agents", "groups", "users")),
        *(f"GET /api/v1/analytics/{report}" for report in ("errors", "latency", "workflows", "budgets")),
        *("GET /api/v1/audit", "GET /api/v1/audit/export", "GET /api/v1/audit/verify", "GET /api/v1/metrics"),
        *(f"GET {letters}", f"GET {letters}/{{letter_id}}", f"POST {letters}/{{letter_id}}/redrive"),
        *(f"POST {letters}/{{letter_id}}/discard", f"POST {letters}/redrive"),
        *("GET /api/v1/policy", "POST /api/v1/policy/explain"),
        *("GET /api/v1/users", f"GET {user}", f"DELETE {user}", f"PUT {user}/roles", f"POST {user}/disable"),
        *(f"POST {user}/enable", f"POST {user}/export", f"GET {user}/data-requests"),
        *("GET /api/v1/users/invitations", "POST /api/v1/users/invitations", f"DELETE {invitation}"),
        *(f"POST {invitation}/resend", "POST /api/v1/me/export", "GET /api/v1/me/export", "POST /api/v1/me/erasure"),
        *(f"GET {agent}", f"POST {agent}/execute", f"GET {agent}/health", f"GET {agent}/metrics"),
        f"GET {agent}/versions",
    }


@every_operation
def test_an_operation_has_a_name_of_its_own_and_says_what_it_does(name: str):
    operation = OPERATIONS[name]
    ids = [each["operationId"] for each in OPERATIONS.values()]
    assert ids.count(operation["operationId"]) == 1
    assert operation["operationId"].replace("_", "").islower()
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]


@every_operation
def test_an_operation_needs_a_token_unless_it_is_public(name: str):
    operation = OPERATIONS[name]
    if name in PUBLIC:
        assert not operation.get("security")
    else:
        assert operation["security"] == [{"bearer": []}]
        assert "`unauthenticated`" in operation["responses"]["401"]["description"]


@every_operation
def test_each_failure_of_an_operation_is_a_problem_with_codes_of_the_error_table(name: str):
    codes = {f"`{each.code}`": each.status for each in errors_of(PlatformError)}
    for status, response in OPERATIONS[name]["responses"].items():
        if int(status) < 400:
            continue
        assert list(response["content"]) == ["application/problem+json"]
        assert response["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code in response["description"].split(", "):
            assert codes[code] == int(status)


@every_operation
def test_an_operation_that_takes_a_body_tells_what_may_be_wrong_with_it(name: str):
    operation = OPERATIONS[name]
    if "requestBody" in operation:
        assert {"400", "413", "422"} <= set(operation["responses"])


@every_operation
def test_a_success_has_a_described_body_or_none(name: str):
    successes = {status: each for status, each in OPERATIONS[name]["responses"].items() if status.startswith("2")}
    later = {"202"} if name.endswith("/execute") else set()  # an execution may be accepted instead of answered
    assert len(successes.keys() - later) == 1
    for status, response in successes.items():
        if status == "204":
            assert "content" not in response
        else:
            assert all(each.get("schema") is not None for each in response["content"].values())


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    used = references(DOCUMENT)
    assert used <= schemas
    assert schemas - used == set()


def test_no_schema_of_the_frameworks_own_errors_is_left():
    assert "HTTPValidationError" not in json.dumps(DOCUMENT)


def test_an_execution_is_described_as_it_is_sent():
    execution = DOCUMENT["components"]["schemas"]["Execution"]
    assert execution["properties"]["cost_usd"]["type"] == "number"
    assert set(execution["required"]) == set(execution["properties"])
    assert execution["properties"]["status"]["enum"] == ["queued", "running", "succeeded", "failed", "cancelled"]


def test_the_document_says_that_errors_exist():
    assert errors.AgentNotFound.code in json.dumps(DOCUMENT)
