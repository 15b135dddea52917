"""A document of switches: in an emulated AppConfig, as the data stack makes it, and in memory."""

from agent_platform.storage.agent_switches import SwitchBoard, SwitchedOff, Switches, SwitchPlace, app_config


def make_switches() -> SwitchPlace:
    """Make application, environment, profile and strategy, and deploy a document that switches nothing off."""
    client = app_config()
    application = client.create_application(Name="agents")["Id"]
    environment = client.create_environment(ApplicationId=application, Name="test")["Id"]
    profile = client.create_configuration_profile(ApplicationId=application, Name="switches", LocationUri="hosted")[
        "Id"
    ]
    strategy = client.create_deployment_strategy(
        Name="at-once", DeploymentDurationInMinutes=0, FinalBakeTimeInMinutes=0, GrowthFactor=100, ReplicateTo="NONE"
    )["Id"]
    first = client.create_hosted_configuration_version(
        ApplicationId=application,
        ConfigurationProfileId=profile,
        Content=b'{"off": {}}',
        ContentType="application/json",
    )["VersionNumber"]
    client.start_deployment(
        ApplicationId=application,
        EnvironmentId=environment,
        ConfigurationProfileId=profile,
        ConfigurationVersion=str(first),
        DeploymentStrategyId=strategy,
    )
    return SwitchPlace(application, environment, profile, strategy)


class SwitchesInMemory(SwitchBoard):
    """The document in this process."""

    def __init__(self) -> None:
        self.document = Switches()

    def read(self) -> Switches:
        return self.document

    def change(self, agent_id: str, switched_off: SwitchedOff | None) -> Switches:
        off = {name: each for name, each in self.document.off.items() if name != agent_id}
        self.document = Switches(off=off | ({agent_id: switched_off} if switched_off else {}))
        return self.document
