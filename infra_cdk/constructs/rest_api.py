"""The front door: one REST API whose paths choose the function, so that the gateway is the router by agent id."""

import json

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.constructs.gateway_errors import add_gateway_errors
from infra_cdk.constructs.usage_plans import UsagePlans
from infra_cdk.cors import allowed_origins
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

BASE_PATH = "/api/v1"

SIGN_IN_THROTTLE = 0.2
"""Share of the stage's requests per second that each sign-in route may take: hashing a password is meant to be slow."""

PUBLIC_ROUTES: dict[str, tuple[str, ...]] = {
    "POST /auth/register": ("email", "password", "name"),
    "POST /auth/login": ("email", "password"),
    "POST /auth/refresh": ("refresh_token",),
    "POST /auth/forgot-password": ("email",),
    "POST /auth/reset-password": ("token", "password"),
    "POST /auth/verify-email": ("token",),
    "POST /auth/accept-invitation": ("token", "password", "name"),
    "GET /health": (),
    "GET /openapi.json": (),
}
"""The routes that need no token, with the text fields which their body must have."""

_NO_COGNITO = "Users sign in with the platform's own tokens, which the Lambda authorizer checks at every request."


class RestApi(Construct):
    """REST API, stage, access log, authorizer and the routes below `/api/v1`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, authorizer: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        account = self._let_the_gateway_log(stage)
        self._stage = stage
        self._access_log = logs.LogGroup(
            self, "AccessLog", retention=stage.log_retention, removal_policy=stage.removal_policy
        )
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{stage.prefix}",
            description="AI-Agents Platform",
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            api_key_source_type=apigateway.ApiKeySourceType.AUTHORIZER if stage.usage else None,
            deploy_options=apigateway.StageOptions(
                stage_name=stage.name,
                access_log_destination=apigateway.LogGroupLogDestination(self._access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                tracing_enabled=True,
                throttling_rate_limit=stage.throttle.requests_per_second,
                throttling_burst_limit=stage.throttle.burst,
                method_options=_sign_in_limits(stage),
            ),
        )
        self.api.deployment_stage.node.add_dependency(account)
        self._origins = allowed_origins(self, stage)
        add_gateway_errors(self.api, over_tls=stage.runs_on == "lambda", origins=self._origins)
        if stage.usage:
            UsagePlans(self, "UsagePlans", stage=stage, api=self.api, usage=stage.usage)
        self._authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=authorizer,
            # Kept for no second: a revoked token is refused at the next request.
            results_cache_ttl=Duration.seconds(0),
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
        )
        self._bodies = apigateway.RequestValidator(
            self, "Bodies", rest_api=self.api, validate_request_body=True, validate_request_parameters=False
        )
        self._base = self.api.root.resource_for_path(BASE_PATH)

    def count_authorizer_failures(self, period: Duration) -> cloudwatch.Metric:
        """Count requests which the authorizer could not decide, in the access log; call it once.

        Lambda's own count of errors is of no use: the authorizer says 401 by raising, so every bad token is one.
        """
        counted = logs.MetricFilter(
            self,
            "AuthorizerFailures",
            log_group=self._access_log,
            filter_pattern=logs.FilterPattern.any(
                *(logs.FilterPattern.string_value("$.error", "=", answer) for answer in _UNDECIDED)
            ),
            metric_namespace=self._stage.prefix,
            metric_name="AuthorizerFailures",
        )
        return counted.metric(period=period, statistic="Sum")

    def route_public(self, function: lambda_.IFunction) -> None:
        """Let the routes that need no token reach `function`."""
        to_function = _integration(function)
        for route, fields in PUBLIC_ROUTES.items():
            verb, path = route.split()
            method = self._base.resource_for_path(path[1:]).add_method(
                verb,
                to_function,
                authorization_type=apigateway.AuthorizationType.NONE,
                request_models={"application/json": self._body(path, fields)} if fields else None,
                request_validator=self._bodies if fields else None,
            )
            acknowledge(
                method, "AwsSolutions-APIG4", "Public by design: this is how a caller gets a token, or learns how."
            )
            acknowledge(method, "AwsSolutions-COG4", _NO_COGNITO)
        for path in sorted({route.split()[1] for route in PUBLIC_ROUTES}):
            # Else the gateway would say of any other method that there is no such path.
            other = self._base.resource_for_path(path[1:]).add_method(
                "ANY", to_function, authorization_type=apigateway.AuthorizationType.NONE
            )
            acknowledge(other, "AwsSolutions-APIG4", "Gets 405 and the methods there are, whoever asks.")
            acknowledge(other, "AwsSolutions-COG4", _NO_COGNITO)

    def route_to_control_plane(self, function: lambda_.IFunction) -> None:
        """Let everything that no other route takes reach `function`, with a token."""
        to_function = _integration(function)
        agents = self._base.resource_for_path("agents")
        self._authorized(agents, "GET", to_function)
        # An agent of a group that does not exist is an answer of the API, not of the gateway.
        self._authorized(agents.add_resource("{proxy+}"), "ANY", to_function)
        self._authorized(self._base.add_resource("{proxy+}"), "ANY", to_function)

    def route_to_agents(self, path: str, function: lambda_.IFunction, *, whole_path: bool = False) -> None:
        """Let `/agents/<path>/…` reach `function`; with `whole_path`, `/agents/<path>` itself as well."""
        to_function = _integration(function)
        resource = self._base.resource_for_path(f"agents/{path}")
        if whole_path:
            self._authorized(resource, "ANY", to_function)
        self._authorized(resource.add_resource("{proxy+}"), "ANY", to_function)

    def let_other_origins_ask(self, function: lambda_.IFunction) -> None:
        """Let preflights reach `function`, which knows the named origins; a browser sends them without a token.

        Call it when every other route is there. Without named origins there is no such route.
        """
        if not self._origins:
            return
        to_function = _integration(function)
        routed = [each for each in self._base.node.find_all() if isinstance(each, apigateway.Resource)]
        for resource in routed:
            if any(isinstance(child, apigateway.Method) for child in resource.node.children):
                method = resource.add_method(
                    "OPTIONS", to_function, authorization_type=apigateway.AuthorizationType.NONE
                )
                acknowledge(method, "AwsSolutions-APIG4", "A preflight carries no token, and gets no data.")
                acknowledge(method, "AwsSolutions-COG4", _NO_COGNITO)

    def _authorized(self, resource: apigateway.IResource, verb: str, integration: apigateway.LambdaIntegration) -> None:
        method = resource.add_method(
            verb,
            integration,
            authorizer=self._authorizer,
            authorization_type=apigateway.AuthorizationType.CUSTOM,
            # Of the class of callers, named by the authorizer.
            api_key_required=True if self._stage.usage else None,
        )
        acknowledge(method, "AwsSolutions-COG4", _NO_COGNITO)

    def _body(self, path: str, fields: tuple[str, ...]) -> apigateway.Model:
        """Refuse a body without its fields at the gateway; what the fields may hold is the function's to judge."""
        text = apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING)
        return apigateway.Model(
            self,
            f"Body{path.replace('/', '-')}",
            rest_api=self.api,
            content_type="application/json",
            schema=apigateway.JsonSchema(
                schema=apigateway.JsonSchemaVersion.DRAFT4,
                type=apigateway.JsonSchemaType.OBJECT,
                required=list(fields),
                properties=dict.fromkeys(fields, text),
            ),
        )

    def _let_the_gateway_log(self, stage: Stage) -> apigateway.CfnAccount:
        """API Gateway writes every API's logs by one role per account and region."""
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        acknowledge(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            "API Gateway demands this very policy of the account's log role.",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(stage.removal_policy)
        return account


_UNDECIDED = ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR")
"""Types of the gateway's answer when the authorizer raised, and when it timed out or answered no policy."""

_ACCESS_LOG = {
    "request_id": "$context.requestId",
    "trace_id": "$context.xrayTraceId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "user": "$context.authorizer.sub",
    "key": "$context.authorizer.key",
    "error": "$context.error.responseType",
}


def _sign_in_limits(stage: Stage) -> dict[str, apigateway.MethodDeploymentOptions]:
    limit = apigateway.MethodDeploymentOptions(
        throttling_rate_limit=stage.throttle.requests_per_second * SIGN_IN_THROTTLE,
        throttling_burst_limit=int(stage.throttle.burst * SIGN_IN_THROTTLE),
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        data_trace_enabled=False,
    )
    return {
        f"{BASE_PATH}{path}/{verb}": limit
        for verb, path in (route.split() for route, fields in PUBLIC_ROUTES.items() if fields)
    }


def _integration(function: lambda_.IFunction) -> apigateway.LambdaIntegration:
    """A proxy to `function`, which the whole API may call by one permission."""
    return apigateway.LambdaIntegration(function, scope_permission_to_method=False)
