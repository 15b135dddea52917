"""What a stage costs when nobody uses it, from its templates: `python -m infra_cdk.idle_cost cdk.out`.

List prices of us-east-1 in US dollars without any free tier, as AWS's pricing pages gave them in November 2026, for a
month of 730 hours. Storage is left out: it depends on what was stored, not on the template.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOURS = 730
SECONDS = HOURS * 3600

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class Charge:
    """One resource's price of doing nothing.

    Attributes:
        waits: it is capacity that is kept ready and billed by the hour; the others are entries at cents a month.
    """

    resource_type: str
    logical_id: str
    usd_per_month: float
    waits: bool


class UnknownPriceError(Exception):
    """A template has a resource of a type that this module does not price; add it here before it adds to a bill."""


def _nat_gateway(_: Resource, __: Resources) -> float:
    return 0.045 * HOURS


def _public_address(_: Resource, __: Resources) -> float:
    return 0.005 * HOURS


def _endpoint(resource: Resource, _: Resources) -> float:
    """Gateway endpoints are free; an interface endpoint costs one cent an hour in each subnet."""
    properties = resource["Properties"]
    return 0.01 * HOURS * len(properties.get("SubnetIds", [])) if properties["VpcEndpointType"] == "Interface" else 0.0


def _aurora_instance(_: Resource, resources: Resources) -> float:
    """Each instance of a serverless cluster idles at the cluster's minimum capacity, 0.12 an ACU and hour."""
    (cluster,) = (each for each in resources.values() if each["Type"] == "AWS::RDS::DBCluster")
    capacity: float = cluster["Properties"]["ServerlessV2ScalingConfiguration"]["MinCapacity"]
    return 0.12 * HOURS * capacity


def _version(resource: Resource, resources: Resources) -> float:
    """A published version of a function with SnapStart keeps its snapshot cached, 0.0000015046 a GB and second."""
    function = resources[resource["Properties"]["FunctionName"]["Ref"]]["Properties"]
    return 0.0000015046 * SECONDS * function["MemorySize"] / 1024 if "SnapStart" in function else 0.0


def _alias(resource: Resource, resources: Resources) -> float:
    """Provisioned concurrency on arm64, 0.0000033334 a GB and second."""
    properties = resource["Properties"]
    warm: int = properties.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    memory: int = resources[properties["FunctionName"]["Ref"]]["Properties"]["MemorySize"]
    return 0.0000033334 * SECONDS * warm * memory / 1024


def _web_acl(resource: Resource, _: Resources) -> float:
    return 5.0 + len(resource["Properties"]["Rules"])


def _alarm(resource: Resource, _: Resources) -> float:
    """Ten cents for each metric that the alarm looks at."""
    return 0.10 * max(1, sum("MetricStat" in each for each in resource["Properties"].get("Metrics", [])))


def _kafka(_: Resource, __: Resources) -> float:
    """A cluster of MSK Serverless, 0.75 an hour, and the partitions of its four topics, 0.0015 each and hour."""
    return (0.75 + 0.0015 * 4 * 6) * HOURS


def _mapping(resource: Resource, resources: Resources) -> float:
    """An event source of Kafka with pollers of its own keeps a unit of them, 0.185 an hour; a group shares one."""
    pollers = resource["Properties"].get("ProvisionedPollerConfig")
    if pollers is None:
        return 0.0
    group = pollers.get("PollerGroupName")
    configured = [each.get("Properties", {}).get("ProvisionedPollerConfig", {}) for each in resources.values()]
    sharing = sum(each.get("PollerGroupName") == group for each in configured) if group else 1
    return 0.185 * HOURS / sharing


_WAITS: dict[str, Callable[[Resource, Resources], float]] = {
    "AWS::EC2::EIP": _public_address,
    "AWS::EC2::NatGateway": _nat_gateway,
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::Lambda::Alias": _alias,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Version": _version,
    "AWS::MSK::ServerlessCluster": _kafka,
    "AWS::RDS::DBInstance": _aurora_instance,
    "AWS::WAFv2::WebACL": _web_acl,
}

_ENTRIES: dict[str, Callable[[Resource, Resources], float]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": lambda *_: 0.50,
    "AWS::CloudWatch::Dashboard": lambda *_: 3.00,
    "AWS::SecretsManager::Secret": lambda *_: 0.40,
}

_FREE_WHEN_IDLE = frozenset(
    {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::Authorizer",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::Model",
        "AWS::ApiGateway::RequestValidator",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::AppConfig::Application",
        "AWS::AppConfig::ConfigurationProfile",
        "AWS::AppConfig::Deployment",
        "AWS::AppConfig::DeploymentStrategy",
        "AWS::AppConfig::Environment",
        "AWS::AppConfig::HostedConfigurationVersion",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::Function",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::DynamoDB::Table",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::FlowLog",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCCidrBlock",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::Events::Archive",
        "AWS::Events::EventBus",
        # AWS's own events, and rules by the clock, are free; rules of the platform's bus cost nothing of their own.
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        # Its metric costs 0.30 a month, by the hour, but only in hours in which a line of the log matched.
        "AWS::Logs::MetricFilter",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBClusterParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SecretsManager::SecretTargetAttachment",
        # The function that rotates the database's password.
        "AWS::Serverless::Application",
        "AWS::StepFunctions::StateMachine",
        "AWS::WAFv2::WebACLAssociation",
        "Custom::CDKBucketDeployment",
        "Custom::AWS",
        "Custom::DatabaseSchema",
        "Custom::KafkaTopics",
    }
)


def idle_charges(template: Mapping[str, Any]) -> Iterator[Charge]:
    """Everything in a template that costs money without being used.

    Raises:
        UnknownPriceError: a resource type is neither priced nor known to be free.
    """
    resources: Resources = template.get("Resources", {})
    for logical_id, resource in resources.items():
        kind = resource["Type"]
        price = _WAITS.get(kind) or _ENTRIES.get(kind)
        if price is None and kind not in _FREE_WHEN_IDLE:
            raise UnknownPriceError(
                f"{kind} ({logical_id}) has no price in infra_cdk/idle_cost.py: look it up and add it."
            )
        usd = price(resource, resources) if price else 0.0
        if usd:
            yield Charge(kind, logical_id, usd, waits=kind in _WAITS)


def templates(assembly: Path) -> Iterator[dict[str, Any]]:
    """The templates of the last synth; those of other stages may still lie beside them."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            yield json.loads((assembly / artifact["properties"]["templateFile"]).read_text())


def main() -> None:
    """Print what the stage that was synthesized last costs in an idle month, by type of resource."""
    charges = [charge for template in templates(Path(sys.argv[1])) for charge in idle_charges(template)]
    lines = []
    for kind in sorted({charge.resource_type for charge in charges}):
        of_kind = [charge for charge in charges if charge.resource_type == kind]
        lines.append(f"{kind:<34} {len(of_kind):>4} {sum(each.usd_per_month for each in of_kind):>10.2f}")
    lines.append(f"{'US dollars a month':<34} {len(charges):>4} {sum(each.usd_per_month for each in charges):>10.2f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
