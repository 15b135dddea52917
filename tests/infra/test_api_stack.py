"""The front door: routes, authorizer, the gateway's own answers, the migration."""

import json
import re
from typing import Any

import pytest

from agent_platform.finding.choosing import CHOOSER
from infra_cdk.constructs.gateway_errors import GATEWAY_ERRORS
from infra_cdk.stacks.api import CHOOSER_GROUP
from tests.infra.templates import GROUPS, Grant, Synthesized, text

PUBLIC = {
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/forgot-password"),
    ("POST", "/api/v1/auth/reset-password"),
    ("POST", "/api/v1/auth/verify-email"),
    ("POST", "/api/v1/auth/accept-invitation"),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/openapi.json"),
}


def routes(stage: Synthesized) -> dict[tuple[str, str], dict[str, Any]]:
    """Every method of the API by verb and path."""
    resources = {each.logical_id: each.properties for each in stage.resources("AWS::ApiGateway::Resource")}

    def path(reference: dict[str, Any]) -> str:
        resource = resources.get(reference.get("Ref", ""))
        return f"{path(resource['ParentId'])}/{resource['PathPart']}" if resource else ""

    methods = [each.properties for each in stage.resources("AWS::ApiGateway::Method")]
    return {(each["HttpMethod"], path(each["ResourceId"])): each for each in methods}


def target(method: dict[str, Any]) -> str:
    return text(method["Integration"]["Uri"])


def test_each_group_has_a_route_to_its_own_function(stage: Synthesized) -> None:
    table = routes(stage)

    for group in GROUPS:
        construct = "".join(word.capitalize() for word in group.split("-"))
        assert f"{construct}Function" in target(table["ANY", f"/api/v1/agents/{group}/{{proxy+}}"])


def test_a_dedicated_agents_route_goes_before_its_groups(special: Synthesized) -> None:
    table = routes(special)
    agent = "/api/v1/agents/cloud-operations/pod-crash-diagnoser"

    assert "CloudOperationsPodCrashDiagnoserFunction" in target(table["ANY", agent])
    assert "CloudOperationsPodCrashDiagnoserFunction" in target(table["ANY", f"{agent}/{{proxy+}}"])
    assert "CloudOperationsFunction" in target(table["ANY", "/api/v1/agents/cloud-operations/{proxy+}"])


def test_everything_else_goes_to_the_control_plane(stage: Synthesized) -> None:
    table = routes(stage)
    control_plane = stage.function("Api", "Api").logical_id if stage.stage.runs_on == "checkout" else "ApiFunctionAlias"

    for route in (("ANY", "/api/v1/{proxy+}"), ("ANY", "/api/v1/agents/{proxy+}"), ("GET", "/api/v1/agents"), *PUBLIC):
        assert control_plane in target(table[route]), route


def test_only_the_listed_routes_are_public(stage: Synthesized) -> None:
    public = {route for route, method in routes(stage).items() if method["AuthorizationType"] == "NONE"}

    # Any other method of their paths is let in to be refused with those that there are.
    assert public == PUBLIC | {("ANY", path) for _, path in PUBLIC}
    assert {method["AuthorizationType"] for method in routes(stage).values()} == {"NONE", "CUSTOM"}


def test_the_authorizer_is_asked_at_every_request(stage: Synthesized) -> None:
    authorizer = stage.one("AWS::ApiGateway::Authorizer").properties

    assert authorizer["Type"] == "REQUEST"
    assert authorizer["AuthorizerResultTtlInSeconds"] == 0
    assert authorizer["IdentitySource"] == "method.request.header.Authorization"
    assert "AuthorizeFunction" in text(authorizer["AuthorizerUri"])


def test_every_function_behind_the_gateway_may_be_called_by_this_api_alone(stage: Synthesized) -> None:
    permissions = [
        each.properties
        for each in stage.resources("AWS::Lambda::Permission", "Api")
        if each.properties["Principal"] == "apigateway.amazonaws.com"
    ]

    assert len(permissions) == len(GROUPS) + 2
    assert all("GatewayApi" in text(each["SourceArn"]) for each in permissions)


def test_sign_in_bodies_must_have_their_fields(stage: Synthesized) -> None:
    table = routes(stage)
    models = {each.logical_id: each.properties["Schema"] for each in stage.resources("AWS::ApiGateway::Model")}

    def required(path: str) -> list[str]:
        method = table["POST", f"/api/v1/auth/{path}"]
        assert method["RequestValidatorId"]
        fields: list[str] = models[method["RequestModels"]["application/json"]["Ref"]]["required"]
        return fields

    assert required("register") == ["email", "password", "name"]
    assert required("login") == ["email", "password"]
    assert required("refresh") == ["refresh_token"]
    assert required("forgot-password") == ["email"]
    assert required("reset-password") == ["token", "password"]
    assert required("verify-email") == ["token"]
    assert required("accept-invitation") == ["token", "password", "name"]


def test_the_gateways_own_answers_are_problem_details(stage: Synthesized) -> None:
    answers = {
        each.properties["ResponseType"]: each.properties for each in stage.resources("AWS::ApiGateway::GatewayResponse")
    }

    assert len(answers) == len(GATEWAY_ERRORS)
    for answer in answers.values():
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        headers = answer["ResponseParameters"]
        assert set(body) == {"type", "title", "status", "detail", "code", "trace_id"}
        assert body["type"] == f"/problems/{body['code']}"
        assert str(body["status"]) == answer["StatusCode"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert headers["gatewayresponse.header.X-Trace-Id"] == "context.requestId"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("UNAUTHORIZED", 401),
        ("ACCESS_DENIED", 403),
        ("MISSING_AUTHENTICATION_TOKEN", 404),
        ("REQUEST_TOO_LARGE", 413),
        ("BAD_REQUEST_BODY", 422),
        ("THROTTLED", 429),
        ("DEFAULT_5XX", 500),
        ("AUTHORIZER_FAILURE", 503),
        ("INTEGRATION_TIMEOUT", 504),
    ],
)
def test_a_refusal_has_the_status_that_the_api_documents(dev: Synthesized, kind: str, status: int) -> None:
    (answer,) = [
        each.properties
        for each in dev.resources("AWS::ApiGateway::GatewayResponse")
        if each.properties["ResponseType"] == kind
    ]

    assert answer["StatusCode"] == str(status)


def test_requests_are_logged_without_bodies_and_traced(stage: Synthesized) -> None:
    settings = stage.one("AWS::ApiGateway::Stage").properties

    assert settings["TracingEnabled"] is True
    assert "$context.identity.sourceIp" in settings["AccessLogSetting"]["Format"]
    assert all(each["DataTraceEnabled"] is False for each in settings["MethodSettings"])


def test_the_stage_is_throttled_and_sign_in_more_so(stage: Synthesized) -> None:
    limits = {
        (each["HttpMethod"], each["ResourcePath"]): each["ThrottlingRateLimit"]
        for each in stage.one("AWS::ApiGateway::Stage").properties["MethodSettings"]
    }

    whole = limits["*", "/*"]
    assert whole == stage.stage.throttle.requests_per_second
    assert limits["POST", "/~1api~1v1~1auth~1login"] < whole
    assert limits["POST", "/~1api~1v1~1auth~1register"] < whole


def test_only_production_has_a_web_acl_and_it_reads_no_bodies(prod: Synthesized, dev: Synthesized) -> None:
    rules = prod.one("AWS::WAFv2::WebACL").properties["Rules"]
    managed = [rule["Statement"]["ManagedRuleGroupStatement"]["Name"] for rule in rules if "OverrideAction" in rule]

    assert managed == ["AWSManagedRulesAmazonIpReputationList"]
    assert len(prod.resources("AWS::WAFv2::WebACLAssociation")) == 1
    assert dev.resources("AWS::WAFv2::WebACL") == []


def test_the_firewall_counts_senders_by_an_address_that_nobody_can_forge(prod: Synthesized) -> None:
    rules = prod.one("AWS::WAFv2::WebACL").properties["Rules"]
    limits = {
        rule["Name"]: rule["Statement"]["RateBasedStatement"]
        for rule in rules
        if "RateBasedStatement" in rule["Statement"]
    }

    assert set(limits) == {"RateLimit", "SignInLimit"}
    for limit in limits.values():
        assert limit["AggregateKeyType"] == "IP"
        assert "ForwardedIPConfig" not in limit
    assert 300 * prod.stage.throttle.requests_per_second > limits["RateLimit"]["Limit"]


def test_the_control_plane_ends_before_the_gateway_stops_listening(stage: Synthesized) -> None:
    assert stage.function("Api", "Api").properties["Timeout"] == 27


def test_the_control_plane_may_invoke_the_function_of_the_agent_that_chooses(stage: Synthesized) -> None:
    called = text(stage.function("Api", "Api").properties["Environment"]["Variables"]["AGENT_FUNCTION_NAME"])
    group = CHOOSER.partition("/")[0]
    allowed = {
        each.resource.rpartition(":function:")[2]
        for each in stage.grants("Api", "Api")
        if each.action == "lambda:InvokeFunction"
    }

    assert group == CHOOSER_GROUP
    assert called.replace("{group}", group) in allowed


def own_grants(stage: Synthesized, function: str) -> set[Grant]:
    services = {"dynamodb", "secretsmanager"}
    return {each for each in stage.grants(function, "Api") if each.action.partition(":")[0] in services}


def test_the_authorizer_reads_revocations_keys_and_the_signing_key_and_writes_when_an_api_key_was_used(
    stage: Synthesized,
) -> None:
    assert {
        (each.action, "Tokens" in each.resource or "JwtSecret" in each.resource)
        for each in own_grants(stage, "Authorize")
    } == {
        ("dynamodb:BatchGetItem", True),
        ("dynamodb:GetItem", True),
        ("dynamodb:UpdateItem", True),
        ("secretsmanager:GetSecretValue", True),
    }
    (writes,) = [
        statement
        for policy in stage.policies("Authorize", "Api")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "dynamodb:UpdateItem"
    ]
    assert writes["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["apikey#*"]}}


def test_the_control_plane_reads_executions_and_writes_no_more_than_the_end_of_one_that_is_cancelled(
    stage: Synthesized,
) -> None:
    on_executions = {
        (each.action, each.resource.rpartition("/")[2])
        for each in own_grants(stage, "Api")
        if "Executions" in each.resource
    }

    assert {action for action, _ in on_executions} == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}
    assert {index for action, index in on_executions if action == "dynamodb:Query"} == {
        "by_owner",
        "by_owner_and_agent",
        "by_run",
    }


def of_workflows(grant: Grant) -> bool:
    return "-wf-" in grant.resource or grant.resource.endswith("/runs/*") or "Task" in grant.action


def test_the_control_plane_starts_batches_and_evaluations_stops_runs_and_signs_for_files_of_batches(
    stage: Synthesized,
) -> None:
    found = {
        (each.action, "".join(re.findall(r"(?:-run_|-(?=evaluate_)|>/)(.*)", each.resource)))
        for each in stage.grants("Api", "Api")
        if each.action.partition(":")[0] in {"states", "s3"} and not of_workflows(each)
    }

    assert found == {
        ("states:StartExecution", "batch"),
        ("states:StartExecution", "evaluate_agent"),
        ("states:DescribeExecution", "evaluate_agent:*"),
        ("states:StopExecution", "agent:*"),
        ("states:StopExecution", "batch:*"),
        ("states:DescribeExecution", "batch:*"),
        ("states:ListMapRuns", "batch:*"),
        ("states:DescribeMapRun", "batch/Lines:*"),
        ("s3:GetObject", "executions/*"),
        ("s3:GetObject", "batches/*"),
        ("s3:PutObject", "batches/*"),
        ("s3:GetObject", "exports/*"),
        ("s3:ListBucket", ""),
        # What was too large for a dead letter itself.
        ("s3:GetObject", "dead_letters/*"),
    }


def test_the_migration_reads_the_databases_secret_and_changes_what_an_account_reaches_and_nothing_else(
    stage: Synthesized,
) -> None:
    (policy,) = stage.policies("MigrateDatabase", "Api")
    found = set()
    for each in policy.properties["PolicyDocument"]["Statement"]:
        actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
        own = {action for action in actions if action.startswith(("dynamodb:", "secretsmanager:"))}
        if own:
            keys = each.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
            named = text(each["Resource"])
            where = "tokens" if "Tokens" in named else "definitions" if "Definitions" in named else "secret"
            assert where != "secret" or "Database" in named
            found |= {(where, *keys, action.partition(":")[2]) for action in own}

    assert found == {
        ("secret", "GetSecretValue"),
        ("definitions", "BatchGetItem"),
        ("definitions", "BatchWriteItem"),
        ("tokens", "apikey#*", "BatchGetItem"),
        ("tokens", "apikey#*", "DeleteItem"),
        ("tokens", "apikey#*", "GetItem"),
        ("tokens", "apikey#*", "UpdateItem"),
        ("tokens", "attempts#*", "DeleteItem"),
        ("tokens", "attempts#*", "PutItem"),
        ("tokens", "user#*", "PutItem"),
    }


def test_new_code_answers_only_after_the_migration(stage: Synthesized) -> None:
    migration = stage.one("Custom::DatabaseSchema")
    entries = stage.resources("AWS::Lambda::Alias", "Api") or stage.resources("AWS::Lambda::Function", "Api")

    for name in ("ApiFunction", "TriggersTriggerWorkflowFunction"):
        (waiting,) = [each for each in entries if each.logical_id.startswith(name)]
        assert migration.logical_id in waiting.body["DependsOn"]


def test_the_migration_runs_again_when_migrations_or_agents_change(dev: Synthesized) -> None:
    assert len(dev.one("Custom::DatabaseSchema").properties["revision"]) == 64


def test_outputs_name_what_the_runner_of_a_laptop_needs(local: Synthesized) -> None:
    assert {"RestApiId", "ApiStageName", "MigrateDatabaseFunctionName"} <= set(local.templates["Api"]["Outputs"])
    assert "ClaudeSecretArn" in local.templates["Data"]["Outputs"]
