"""The edge of the deployed API: what is counted, refused and told before a function is asked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from agent_platform.errors import ConfigurationError
from agent_platform.http.body_limit import BodyLimitMiddleware
from agent_platform.identity.principal import Principal
from functions.api.app import SIGN_IN_BYTES as FUNCTIONS_SIGN_IN_BYTES
from functions.api.app import create_api_app
from functions.authorize.authorizer import policy
from infra_cdk.app import check_networks, compose
from infra_cdk.constructs.rest_api import BASE_PATH, PUBLIC_ROUTES
from infra_cdk.constructs.usage_plans import usage_key_prefix
from infra_cdk.constructs.web_acl import SIGN_IN_BYTES, SIGN_IN_PATH, SIGN_INS_PER_FIVE_MINUTES
from infra_cdk.repository import PLATFORM, ROOT
from infra_cdk.stages import STAGES
from tests.infra.conftest import CONTEXT, one_agent_per_group
from tests.infra.templates import Resource, Synthesized, text
from tests.infra.test_api_stack import routes

HERE = "https://app.example.com"
DOCUMENT: dict[str, Any] = json.loads((ROOT / "functions/api/openapi.json").read_text())


def with_origins(stage: str, origins: str, out: Path) -> Synthesized:
    """The templates of a stage whose context names origins."""
    app = App(
        outdir=str(out),
        context={**CONTEXT, "cors_origins": origins},
        analytics_reporting=False,
        tree_metadata=False,
    )
    compose(app, STAGES[stage], one_agent_per_group()[:2])
    app.synth()
    return Synthesized.read(STAGES[stage], out, "")


class TestPublicRoutes:
    """The routes without a token are the ones where the gateway itself looks at bodies, before anything is hashed."""

    def test_they_are_those_of_the_described_api(self):
        described = {
            (verb.upper(), path)
            for path, operations in DOCUMENT["paths"].items()
            for verb, operation in operations.items()
            if "security" not in operation
        }
        assert {tuple(route.replace(" /", f" {BASE_PATH}/").split()) for route in PUBLIC_ROUTES} == described

    @pytest.mark.parametrize("route", [route for route, fields in PUBLIC_ROUTES.items() if fields])
    def test_the_gateways_fields_are_those_that_the_description_requires(self, route: str):
        verb, path = route.split()
        body = DOCUMENT["paths"][f"{BASE_PATH}{path}"][verb.lower()]["requestBody"]["content"]["application/json"]
        schema = DOCUMENT["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        assert set(PUBLIC_ROUTES[route]) == set(schema["required"])


class TestUsagePlans:
    """People and machines each have a part of the stage's throttle, so neither can take all of it."""

    def test_each_class_has_a_plan_with_one_key_and_limits(self, cloud_stage: Synthesized):
        plans = {plan.logical_id: plan.properties for plan in cloud_stage.resources("AWS::ApiGateway::UsagePlan")}
        members = [each.properties for each in cloud_stage.resources("AWS::ApiGateway::UsagePlanKey")]
        whole = cloud_stage.stage.throttle
        assert len(plans) == len(members) == 2
        assert {each["UsagePlanId"]["Ref"] for each in members} == set(plans)
        for plan in plans.values():
            assert 0 < plan["Throttle"]["RateLimit"] < whole.requests_per_second
            assert 0 < plan["Throttle"]["BurstLimit"] < whole.burst
            assert plan["Quota"]["Period"] == "DAY"
            (at,) = plan["ApiStages"]
            assert "GatewayApi" in text(at["Stage"])

    def test_the_authorizer_names_exactly_the_keys_that_there_are(self, cloud_stage: Synthesized):
        keys = {each.properties["Value"] for each in cloud_stage.resources("AWS::ApiGateway::ApiKey")}
        prefix = cloud_stage.function("Authorize", "Api").properties["Environment"]["Variables"]["USAGE_KEY_PREFIX"]
        person = Principal("u-1", "ada@example.com", frozenset({"user"}), "t")
        machine = Principal("u-1", "ada@example.com", frozenset({"user"}), "", key_id="k-1")
        named = {policy(each, "arn:a/b/GET/c", prefix)["usageIdentifierKey"] for each in (person, machine)}
        assert named == keys
        assert all(20 <= len(key) <= 128 for key in keys)
        assert prefix == usage_key_prefix(cloud_stage.stage)

    def test_every_route_with_a_token_is_counted_and_no_header_of_a_caller_is_heard(self, cloud_stage: Synthesized):
        assert cloud_stage.one("AWS::ApiGateway::RestApi").properties["ApiKeySourceType"] == "AUTHORIZER"
        for route, method in routes(cloud_stage).items():
            assert method.get("ApiKeyRequired", False) == (method["AuthorizationType"] == "CUSTOM"), route

    def test_a_laptop_has_none(self, local: Synthesized):
        assert local.resources("AWS::ApiGateway::UsagePlan") == []
        assert not any(method.get("ApiKeyRequired") for method in routes(local).values())
        assert "USAGE_KEY_PREFIX" not in local.function("Authorize", "Api").properties["Environment"]["Variables"]
        assert "usageIdentifierKey" not in policy(Principal("u", "e", frozenset({"user"}), "t"), "arn:a/b/GET/c")


class TestFirewall:
    """Guessing passwords from one machine is cut short, and a sign-in of megabytes costs no function."""

    def test_signing_in_has_a_lower_limit_for_each_address(self, prod: Synthesized):
        limit = rule(prod, "SignInLimit")["Statement"]["RateBasedStatement"]
        assert limit["Limit"] == SIGN_INS_PER_FIVE_MINUTES
        assert rule(prod, "SignInLimit")["Action"] == {"Block": {}}
        assert limit["ScopeDownStatement"]["ByteMatchStatement"]["SearchString"] == SIGN_IN_PATH

    def test_a_sign_in_larger_than_the_functions_take_is_refused_unread(self, prod: Synthesized):
        where, size = rule(prod, "SignInSize")["Statement"]["AndStatement"]["Statements"]
        assert where["ByteMatchStatement"]["SearchString"] == SIGN_IN_PATH
        constraint = size["SizeConstraintStatement"]
        assert (constraint["ComparisonOperator"], constraint["Size"]) == ("GT", FUNCTIONS_SIGN_IN_BYTES)
        assert constraint["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}

    def test_functions_and_firewall_agree_what_signing_in_is(self):
        (limit,) = [each for each in create_api_app().user_middleware if each.cls is BodyLimitMiddleware]
        assert limit.kwargs["narrower"] == {SIGN_IN_PATH: SIGN_IN_BYTES}
        signs_in = {route.split()[1] for route, fields in PUBLIC_ROUTES.items() if fields}
        assert all(f"{BASE_PATH}{path}".startswith(SIGN_IN_PATH) for path in signs_in)


class TestOrigins:
    """The site has the API's own origin; every other is named, one by one, or gets nothing."""

    def test_by_itself_no_stage_answers_other_origins(self, stage: Synthesized):
        assert not any(verb == "OPTIONS" for verb, _ in routes(stage))
        for function in stage.resources("AWS::Lambda::Function"):
            assert "CORS_ORIGINS" not in function.properties.get("Environment", {}).get("Variables", {})
        assert "Access-Control" not in json.dumps(stage.templates["Api"])

    def test_a_named_origin_reaches_functions_and_every_route_takes_its_preflight(self, tmp_path: Path):
        found = with_origins("dev", HERE, tmp_path)
        table = routes(found)
        with_methods = {path for verb, path in table if verb != "OPTIONS"}
        preflights = {path for verb, path in table if verb == "OPTIONS"}
        assert preflights == with_methods
        assert all(table["OPTIONS", path]["AuthorizationType"] == "NONE" for path in preflights)
        told = {
            each.logical_id: variables["CORS_ORIGINS"]
            for each in found.resources("AWS::Lambda::Function")
            if "CORS_ORIGINS" in (variables := each.properties.get("Environment", {}).get("Variables", {}))
        }
        assert set(told.values()) == {HERE}
        assert len(told) == 4  # the control plane, and the functions of two groups and of custom agents
        for answer in found.resources("AWS::ApiGateway::GatewayResponse"):
            headers = answer.properties["ResponseParameters"]
            assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == f"'{HERE}'"

    def test_of_several_origins_the_gateways_own_answers_name_none(self, tmp_path: Path):
        found = with_origins("dev", f"{HERE},http://localhost:5173", tmp_path)
        assert "Access-Control-Allow-Origin" not in json.dumps(found.templates["Api"])

    @pytest.mark.parametrize(
        ("stage", "origins", "says"),
        [
            ("dev", "*", "name each origin"),
            ("dev", "https://*.example.com", "name each origin"),
            ("dev", "app.example.com", "is no origin"),
            ("local", f"{HERE}/", "is no origin"),
            ("prod", HERE, "the pages of its own origin alone"),
        ],
    )
    def test_a_star_a_malformed_origin_and_any_in_production_are_refused_at_synth(
        self, stage: str, origins: str, says: str, tmp_path: Path
    ):
        with pytest.raises(ValueError, match="-c cors_origins: ") as raised:
            with_origins(stage, origins, tmp_path)
        assert says in str(raised.value)


class TestHeaders:
    """What is told with the gateway's own refusals."""

    def test_they_are_kept_by_nobody_and_demand_tls_in_the_cloud_alone(self, stage: Synthesized):
        for answer in stage.resources("AWS::ApiGateway::GatewayResponse"):
            headers = answer.properties["ResponseParameters"]
            assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"
            assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
            in_cloud = stage.stage.runs_on == "lambda"
            assert ("gatewayresponse.header.Strict-Transport-Security" in headers) == in_cloud


def test_no_policy_of_any_resource_lets_everybody_do_anything(stage: Synthesized) -> None:
    """Queues, topics, buckets, keys and roles: an allowed principal `*` needs a condition, an action names one deed."""
    for resource in stage.resources():
        for statement in statements(resource.body.get("Properties", {})):
            if statement.get("Effect") != "Allow":
                continue
            where = (resource.component, resource.logical_id, statement)
            assert not {"NotAction", "NotPrincipal", "NotResource"} & set(statement), where
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any(action == "*" or action.endswith(":*") for action in actions), where
            everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
            assert not everybody or statement.get("Condition"), where


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every statement of every policy document within a resource."""
    if isinstance(value, dict):
        if "Effect" in value and ("Action" in value or "NotAction" in value):
            yield value
        for each in value.values():
            yield from statements(each)
    elif isinstance(value, list):
        for each in value:
            yield from statements(each)


def test_denials_by_network_are_refused_where_everybody_comes_through_an_edge_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denials = tmp_path / "denials.json"
    denials.write_text('{"networks": {"office": ["203.0.113.0/24"]}, "windows": {}, "denials": []}')
    monkeypatch.setattr("infra_cdk.app.DENIALS", denials)
    for stage in STAGES.values():
        if stage.web:
            with pytest.raises(ConfigurationError, match="names networks"):
                compose(App(context=CONTEXT, analytics_reporting=False), stage, [])
        else:
            check_networks(stage, denials)


def test_the_app_says_in_one_line_which_origin_it_refuses() -> None:
    context = {**CONTEXT, "stage": "dev", "cors_origins": "*"}
    script = f"""
import json
from aws_cdk import App
import infra_cdk.app as app
app.App = lambda: App(context=json.loads({json.dumps(context)!r}))
app.deployed_agents = lambda _: []
app.main()
"""
    paths = {**os.environ, "PYTHONPATH": f"{PLATFORM}:{ROOT}"}
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=paths, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1, said.stderr[-2000:]
    assert said.stderr.strip().splitlines()[-1].startswith("✗ -c cors_origins: `*` would let")


def rule(stage: Synthesized, name: str) -> dict[str, Any]:
    """A rule of the web ACL."""
    acl: Resource = stage.one("AWS::WAFv2::WebACL")
    (found,) = [each for each in acl.properties["Rules"] if each["Name"] == name]
    return dict(found)
