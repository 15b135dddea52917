"""What the control plane answers to requests that are broken, hostile, or come while something behind it is down."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.dynamodb import dynamodb
from functions.api.app import create_api_app
from tests.fakes.aws import store_secret
from tests.fakes.gateway import PUBLIC, Gateway, LambdaContext, proxy_event
from tests.fakes.postgres import Server
from tests.functions.api.conftest import Platform

LOGIN = "/api/v1/auth/login"
ROOT = Path(__file__).parents[3]


def test_health_and_the_api_description_are_public(platform: Platform) -> None:
    health = platform.gateway.get("/api/v1/health")
    assert (health.status, health.json) == (200, {"status": "healthy"})
    described = platform.gateway.get("/api/v1/openapi.json")
    assert described.status == 200
    assert described.json["openapi"].startswith("3.1")
    assert (
        platform.gateway.get("/api/v1/openapi.json", headers={"If-None-Match": described.headers["etag"]}).status == 304
    )


def test_public_routes_are_exactly_those_that_ask_for_no_principal() -> None:
    asking = set()
    for route in create_api_app().openapi()["paths"].items():
        path, operations = route
        asking |= {(method.upper(), path) for method, operation in operations.items() if "security" not in operation}
    assert asking == PUBLIC


def test_operation_ids_are_short_stable_and_unique() -> None:
    operations = [each for path in create_api_app().openapi()["paths"].values() for each in path.values()]
    assert sorted(operation["operationId"] for operation in operations) == [
        "accept_invitation",
        "add_workflow_version",
        "archive_workflow",
        "cancel_batch",
        "cancel_execution",
        "change_password",
        "check_custom_agent",
        "create_api_key",
        "create_batch",
        "create_custom_agent",
        "create_evaluation",
        "create_session",
        "create_trigger",
        "create_webhook",
        "create_workflow",
        "decide_approval",
        "decide_tool_approval",
        "delete_custom_agent",
        "delete_session",
        "delete_trigger",
        "delete_webhook",
        "disable_user",
        "discard_dead_letter",
        "enable_user",
        "erase_me",
        "erase_user",
        "explain_policy",
        "export_audit_log",
        "export_me",
        "export_user",
        "forgot_password",
        "get_agent_budget",
        "get_analytics_agents",
        "get_analytics_budgets",
        "get_analytics_errors",
        "get_analytics_groups",
        "get_analytics_latency",
        "get_analytics_overview",
        "get_analytics_timeseries",
        "get_analytics_users",
        "get_analytics_workflows",
        "get_api_key",
        "get_approval",
        "get_batch",
        "get_custom_agent",
        "get_dead_letter",
        "get_evaluation",
        "get_execution",
        "get_health",
        "get_me",
        "get_my_budget",
        "get_openapi",
        "get_platform_metrics",
        "get_policy",
        "get_run",
        "get_session",
        "get_tool_approval",
        "get_trigger",
        "get_user",
        "get_user_budget",
        "get_webhook",
        "get_workflow",
        "get_workflow_version",
        "invite_user",
        "list_agent_switches",
        "list_agents",
        "list_api_keys",
        "list_approvals",
        "list_audit_entries",
        "list_batches",
        "list_custom_agents",
        "list_dead_letters",
        "list_evaluations",
        "list_executions",
        "list_groups",
        "list_invitations",
        "list_my_exports",
        "list_published_custom_agents",
        "list_runs",
        "list_session_turns",
        "list_sessions",
        "list_tags",
        "list_tool_approvals",
        "list_triggers",
        "list_user_data_requests",
        "list_users",
        "list_webhook_deliveries",
        "list_webhooks",
        "list_workflow_versions",
        "list_workflows",
        "login",
        "logout",
        "pause_trigger",
        "ping_webhook",
        "publish_custom_agent",
        "publish_workflow",
        "redeliver_webhook_event",
        "redrive_dead_letter",
        "redrive_dead_letters",
        "refresh",
        "register",
        "resend_invitation",
        "reset_password",
        "resume_trigger",
        "retry_run",
        "revoke_all",
        "revoke_api_key",
        "roll_back_custom_agent",
        "roll_back_workflow",
        "rotate_api_key",
        "rotate_webhook_secret",
        "route_ask",
        "send_verification",
        "set_agent_budget",
        "set_agent_switch",
        "set_user_budget",
        "set_user_roles",
        "start_batch",
        "start_run",
        "stop_run",
        "update_api_key",
        "update_webhook",
        "validate_workflow",
        "verify_audit_log",
        "verify_email",
        "withdraw_custom_agent",
        "withdraw_invitation",
        "write_custom_agent",
    ]


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/me"), ("POST", "/api/v1/auth/logout")])
def test_a_route_reached_without_the_authorizer_knows_nobody(platform: Platform, method: str, path: str) -> None:
    answer = platform.gateway.function(proxy_event(method, path), LambdaContext())
    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["code"] == "unauthenticated"


def test_a_client_cannot_write_the_authorizer_context(platform: Platform) -> None:
    forged = {"sub": "u-1", "roles": "admin"}
    event = proxy_event(
        "GET",
        "/api/v1/me",
        headers={"requestContext": json.dumps({"authorizer": forged}), "X-Amzn-Authorizer": json.dumps(forged)},
        query="authorizer=" + json.dumps(forged),
        body=json.dumps({"requestContext": {"authorizer": forged}}),
    )
    assert platform.gateway.function(event, LambdaContext())["statusCode"] == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 422, "invalid_input"),
        ("{", 400, "malformed_json"),
        ("not json", 400, "malformed_json"),
        ('{"email": "a@b.co", "email"', 400, "malformed_json"),
        (b"\xff\xfe\x00", 400, "malformed_json"),
        (b"\x80", 400, "malformed_json"),
        ("[]", 422, "invalid_input"),
        ("null", 422, "invalid_input"),
        ('"text"', 422, "invalid_input"),
        ("1e999", 422, "invalid_input"),
        ('{"a":' * 2_500 + "1" + "}" * 2_500, 400, "malformed_json"),
        ("[" * 16_000, 400, "malformed_json"),
        ("[" * 100_000, 413, "payload_too_large"),
        ('{"email": "\\ud800@example.com", "password": "x"}', 422, "invalid_input"),
        ('{"email": "a@b.co", "password": {"$ne": null}}', 422, "invalid_input"),
        ("x" * 10_000_000, 413, "payload_too_large"),
        ('{"email": "' + "a" * 6_000_000 + '", "password": "x"}', 413, "payload_too_large"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_broken_body_is_a_problem(platform: Platform, body: str | bytes, status: int, code: str) -> None:
    refused = platform.gateway.post(LOGIN, body)
    assert (refused.status, refused.code) == (status, code)


def test_a_body_that_is_not_declared_as_json_is_refused(platform: Platform) -> None:
    body = '{"email": "ada@example.com", "password": "x"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        refused = platform.gateway.post(LOGIN, body, headers={"Content-Type": kind})
        assert (refused.status, refused.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "route_not_found"),
        ("GET", "/api/v1", 404, "route_not_found"),
        ("GET", "/api/v1/me/", 404, "route_not_found"),
        ("GET", "/", 404, "route_not_found"),
        ("GET", "/api/v1/agents/legal", 404, "route_not_found"),
        ("GET", "/docs", 404, "route_not_found"),
        ("GET", "/openapi.json", 404, "route_not_found"),
        ("DELETE", "/api/v1/me", 405, "method_not_allowed"),
        ("GET", "/api/v1/auth/login", 405, "method_not_allowed"),
        ("PUT", "/api/v1/agents", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/me", 405, "method_not_allowed"),
    ],
)
def test_an_unknown_route_or_method_is_a_problem(
    platform: Platform, method: str, path: str, status: int, code: str
) -> None:
    refused = platform.gateway.request(method, path, token=platform.person().access_token)
    assert (refused.status, refused.code) == (status, code)
    assert (status == 405) == ("allow" in refused.headers)


def test_every_answer_carries_the_trace_of_the_gateway(platform: Platform) -> None:
    header = {"X-Amzn-Trace-Id": "Root=1-67a1b2c3-0123456789abcdef01234567;Sampled=1"}
    for answer in (
        platform.gateway.get("/api/v1/health", headers=header),
        platform.gateway.post(LOGIN, "{", headers=header),
        platform.gateway.post(LOGIN, {"email": "a@b.co", "password": "x"}, headers=header),
    ):
        assert answer.headers["x-trace-id"] == "67a1b2c30123456789abcdef01234567"


def test_events_in_the_emulators_shape_are_understood_as_well(platform: Platform) -> None:
    emulated = Gateway(platform.gateway.function, platform.gateway.authorize, {"version": "1.0"})
    assert emulated.get("/api/v1/health").status == 200
    token = platform.person().access_token
    page = emulated.get("/api/v1/agents", token=token, query="group=legal&limit=1").json
    assert [card["id"] for card in page["items"]] == ["legal/nda-reviewer"]
    assert emulated.get("/api/v1/nothing", token=token).code == "route_not_found"


def tokens(platform: Platform) -> set[str]:
    """Keys of all that the tokens table holds but the counts of attempts."""
    keys = {item["pk"]["S"] for item in dynamodb().scan(TableName=platform.settings.tokens_table)["Items"]}
    return {key for key in keys if not key.startswith("attempts#")}


def test_a_database_that_is_down_is_storage_unavailable_and_nothing_is_half_done(
    platform: Platform, postgres: Server, database: str
) -> None:
    ada = platform.person()
    items = tokens(platform)
    store_secret("database", postgres.secret("absent"))
    postgres.end_connections(database)
    for answer in (
        platform.register("eve@example.com"),
        platform.login(),
        platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": ada.refresh_token}),
        platform.gateway.get("/api/v1/me", token=ada.access_token),
    ):
        assert (answer.status, answer.code) == (503, "storage_unavailable")
        assert answer.headers["retry-after"]
        assert "15 seconds" in answer.json["detail"]
    assert tokens(platform) == items

    assert platform.gateway.get("/api/v1/agents", token=ada.access_token).status == 200
    store_secret("database", postgres.secret(database))
    assert platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": ada.refresh_token}).status == 200
    assert platform.login("eve@example.com").status == 401


def test_nobody_has_to_wait_because_the_database_was_asleep(
    platform: Platform, postgres: Server, database: str
) -> None:
    platform.person()
    store_secret("database", postgres.secret("absent"))
    postgres.end_connections(database)
    assert {platform.login().status for _ in range(8)} == {503}
    store_secret("database", postgres.secret(database))
    assert platform.login().status == 200


def test_while_the_tokens_table_is_down_nobody_signs_in_and_nobody_passes(platform: Platform) -> None:
    ada = platform.person()
    dynamodb().delete_table(TableName=platform.settings.tokens_table)
    for answer in (
        platform.register("eve@example.com"),
        platform.login(),
        platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": ada.refresh_token}),
    ):
        assert (answer.status, answer.code) == (503, "storage_unavailable")
    assert platform.gateway.get("/api/v1/me", token=ada.access_token).status == 500
    with pytest.raises(StorageUnavailable):
        platform.services.sessions.logout(f"Bearer {ada.access_token}")


def test_listing_agents_loads_no_database_driver_and_no_model_sdk() -> None:
    """What a cold start does not need, it must not pay for."""
    script = """
import sys
import functions.api.handler
heavy = {"sqlalchemy", "psycopg", "alembic", "argon2", "anthropic", "boto3", "botocore.client", "jwt"}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/layers/platform/python:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def test_a_function_without_its_environment_says_what_is_missing_and_only_in_its_log() -> None:
    script = """
from functions.api.handler import handler
from tests.fakes.gateway import LambdaContext, proxy_event
handler(proxy_event("GET", "/api/v1/health"), LambdaContext())
"""
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/layers/platform/python:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert "JWT_SECRET_ARN" in found.stdout + found.stderr
