"""What each class of callers may take of a stage together, as usage plans of API Gateway.

A plan counts by an API key of the gateway. Its keys are not the platform's: nobody sends one, and whoever does is not
heard (`apiKeySource: AUTHORIZER`). The authorizer names the key of the caller's class in `usageIdentifierKey`, and so
no class can take all that the stage lets through. What a single caller may take, the platform counts itself
(`resilience/account.py`): AWS calls the limits of plans best effort, and allows 10,000 keys per account.
"""

from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from infra_cdk.stages import Stage, Usage


def usage_key_prefix(stage: Stage) -> str:
    """How the names of the stage's classes begin; the authorizer adds the class: `people` or `machines`.

    No secret: the gateway takes it from the authorizer alone. It has at least the 20 characters that AWS asks for.
    """
    return f"{stage.prefix}-callers-"


class UsagePlans(Construct):
    """A plan and its one key for each class of callers of the stage."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, api: apigateway.RestApi, usage: dict[str, Usage]
    ) -> None:
        super().__init__(scope, construct_id)
        for name, limits in usage.items():
            self._plan(name, limits, stage, api)

    def _plan(self, name: str, limits: Usage, stage: Stage, api: apigateway.RestApi) -> None:
        key = apigateway.CfnApiKey(
            self,
            f"{name.capitalize()}Key",
            description=f"Stands for all {name}; sent by the authorizer, never by a client",
            enabled=True,
            value=f"{usage_key_prefix(stage)}{name}",
        )
        plan = apigateway.CfnUsagePlan(
            self,
            name.capitalize(),
            usage_plan_name=f"{Stack.of(self).stack_name}-{name}",
            description=f"What all {name} may take together",
            api_stages=[
                apigateway.CfnUsagePlan.ApiStageProperty(api_id=api.rest_api_id, stage=api.deployment_stage.stage_name)
            ],
            throttle=apigateway.CfnUsagePlan.ThrottleSettingsProperty(
                rate_limit=limits.throttle.requests_per_second, burst_limit=limits.throttle.burst
            ),
            quota=apigateway.CfnUsagePlan.QuotaSettingsProperty(limit=limits.requests_per_day, period="DAY"),
        )
        plan.node.add_dependency(api.deployment_stage)
        apigateway.CfnUsagePlanKey(
            self, f"{name.capitalize()}Member", key_id=key.ref, key_type="API_KEY", usage_plan_id=plan.ref
        )
