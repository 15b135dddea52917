"""Which agents are off: a document in AppConfig, deployed at once and read by every function that executes agents."""

from aws_cdk import Stack
from aws_cdk import aws_appconfig as appconfig
from constructs import Construct

from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import explain_wildcards
from infra_cdk.stages import Stage


class AgentSwitches(Construct):
    """Application, environment and profile, with a first version that switches nothing off.

    Later versions are the API's. CloudFormation touches them no more: it deploys only what changes in the template.
    """

    def __init__(self, scope: Construct, construct_id: str, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        application = appconfig.CfnApplication(self, "Application", name=f"{stage.prefix}-agents")
        environment = appconfig.CfnEnvironment(self, "Environment", application_id=application.ref, name=stage.name)
        profile = appconfig.CfnConfigurationProfile(
            self,
            "Profile",
            application_id=application.ref,
            name="switches",
            location_uri="hosted",
            type="AWS.Freeform",
        )
        # Its own, since AppConfig's "all at once" watches for ten minutes, in which nothing else can be switched.
        strategy = appconfig.CfnDeploymentStrategy(
            self,
            "AtOnce",
            name=f"{stage.prefix}-at-once",
            deployment_duration_in_minutes=0,
            growth_factor=100,
            final_bake_time_in_minutes=0,
            replicate_to="NONE",
        )
        first = appconfig.CfnHostedConfigurationVersion(
            self,
            "EveryAgentOn",
            application_id=application.ref,
            configuration_profile_id=profile.ref,
            content='{"off": {}}',
            content_type="application/json",
            description="Every agent is on",
        )
        appconfig.CfnDeployment(
            self,
            "First",
            application_id=application.ref,
            environment_id=environment.ref,
            configuration_profile_id=profile.ref,
            configuration_version=first.ref,
            deployment_strategy_id=strategy.ref,
        )
        self._application, self._environment, self._profile, self._strategy = (
            Stack.of(self).export_value(each.ref) for each in (application, environment, profile, strategy)
        )

    @property
    def place(self) -> str:
        """The setting `AGENT_SWITCHES` of functions that read the document."""
        return f"{self._application}/{self._environment}/{self._profile}"

    @property
    def place_to_change(self) -> str:
        """The setting `AGENT_SWITCHES` of the function that changes it."""
        return f"{self.place}/{self._strategy}"

    def let_read(self, function: PlatformFunction) -> None:
        """Let a function poll the document."""
        document = self._arn(function, f"environment/{self._environment}/configuration/{self._profile}")
        function.allow(["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"], [document])

    def let_change(self, function: PlatformFunction) -> None:
        """Let a function read and write versions, and deploy them."""
        profile = self._arn(function, f"configurationprofile/{self._profile}")
        environment = self._arn(function, f"environment/{self._environment}")
        deployments, versions = f"{environment}/deployment/*", f"{profile}/hostedconfigurationversion/*"
        function.allow(
            ["appconfig:CreateHostedConfigurationVersion"],
            [self._arn(function, ""), profile],
        )
        function.allow(["appconfig:ListDeployments"], [environment])
        function.allow(["appconfig:GetHostedConfigurationVersion"], [self._arn(function, ""), profile, versions])
        strategy = Stack.of(function).format_arn(
            service="appconfig", resource="deploymentstrategy", resource_name=self._strategy
        )
        function.allow(
            ["appconfig:StartDeployment"], [self._arn(function, ""), environment, profile, deployments, strategy]
        )
        explain_wildcards(
            function.role,
            [deployments, versions],
            "Versions and deployments have numbers; the grant names their profile.",
        )

    def _arn(self, function: PlatformFunction, below: str) -> str:
        name = f"{self._application}/{below}" if below else self._application
        return Stack.of(function).format_arn(service="appconfig", resource="application", resource_name=name)
