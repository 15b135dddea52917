"""What holds for every template of every stage."""

import json

import pytest

from infra_cdk.idle_cost import Charge, idle_charges
from tests.infra.templates import Grant, Synthesized, grants_of

NO_NARROWER_RESOURCE = {
    # Service Authorization Reference: these actions have no resource type.
    "dynamodb": {"ListStreams"},
    "ec2": {
        "AssignPrivateIpAddresses",
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "UnassignPrivateIpAddresses",
        # How the pollers of Kafka topics come into the VPC.
        "DescribeSecurityGroups",
        "DescribeVpcs",
    },
    "logs": {
        "CreateLogDelivery",
        "DeleteLogDelivery",
        "DescribeLogGroups",
        "DescribeResourcePolicies",
        "GetLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "UpdateLogDelivery",
    },
    # Who has a task's token may answer it; the token is the address.
    "states": {"SendTaskSuccess"},
    "xray": {"GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"},
}

REFUSED_BY_THE_EMULATOR = {
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::EIP",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::Events::Archive",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
}


def all_grants(stage: Synthesized) -> set[Grant]:
    return {grant for policy in stage.policies() for grant in grants_of(policy)}


def test_no_rule_of_cdk_nag_or_cloudformation_finds_anything(stage: Synthesized) -> None:
    if stage.findings:
        pytest.fail(stage.findings)


def test_no_role_may_do_a_wildcard_of_actions(stage: Synthesized) -> None:
    assert [grant for grant in all_grants(stage) if "*" in grant.action] == []


def test_every_resource_is_a_wildcard_only_where_aws_has_nothing_narrower(stage: Synthesized) -> None:
    wide = {tuple(grant.action.split(":")) for grant in all_grants(stage) if grant.resource == "*"}

    assert {(service, action) for service, action in wide if action not in NO_NARROWER_RESOURCE[service]} == set()


def test_each_function_has_a_role_of_its_own(stage: Synthesized) -> None:
    functions = stage.resources("AWS::Lambda::Function")
    roles = [json.dumps(each.properties["Role"]) + each.component for each in functions]

    assert len(set(roles)) == len(roles)


def test_every_resource_that_can_be_tagged_tells_application_stage_and_component(stage: Synthesized) -> None:
    tagged = [each for each in stage.resources() if isinstance(each.properties.get("Tags"), list)]

    assert {"AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::SQS::Queue"} <= {each.kind for each in tagged}
    for resource in tagged:
        tags = {tag["Key"]: tag["Value"] for tag in resource.properties["Tags"]}
        expected = {"stage": stage.stage.name, "component": resource.component.lower()}
        assert tags.items() >= {"application": "ai-agents-platform", **expected}.items(), resource.logical_id


def test_every_log_group_forgets_after_a_stated_time(stage: Synthesized) -> None:
    groups = stage.resources("AWS::Logs::LogGroup")

    assert groups
    assert all(group.properties["RetentionInDays"] <= 90 for group in groups)


def test_every_function_writes_to_a_log_group_that_the_template_owns(stage: Synthesized) -> None:
    groups = {(group.component, group.logical_id) for group in stage.resources("AWS::Logs::LogGroup")}

    for function in stage.resources("AWS::Lambda::Function"):
        assert (function.component, function.properties["LoggingConfig"]["LogGroup"]["Ref"]) in groups


def test_no_template_contains_a_secret(cloud_stage: Synthesized) -> None:
    secrets = cloud_stage.resources("AWS::SecretsManager::Secret")

    literal = {
        each.logical_id: each.properties["SecretString"] for each in secrets if "SecretString" in each.properties
    }
    assert len(secrets) == 4
    assert list(literal.values()) == ['{"api_key":""}']


def test_the_stage_of_a_laptop_has_nothing_that_the_emulator_refuses(local: Synthesized) -> None:
    kinds = {resource.kind for resource in local.resources()}
    alarms = local.resources("AWS::CloudWatch::Alarm")

    assert kinds & REFUSED_BY_THE_EMULATOR == set()
    assert [alarm.logical_id for alarm in alarms if "Metrics" in alarm.properties] == []
    assert {kind.split("::")[1] for kind in kinds} & {"CloudFront", "EC2", "RDS", "WAFv2"} == set()


def test_the_default_stage_keeps_nothing_that_is_billed_by_the_hour(dev: Synthesized) -> None:
    assert [charge for charge in charges(dev) if charge.waits] == []
    assert round(sum(charge.usd_per_month for charge in charges(dev)), 2) <= 8.0


def test_production_keeps_ready_what_its_switches_name_and_no_more(prod: Synthesized) -> None:
    assert {charge.resource_type for charge in charges(prod) if charge.waits} == {
        "AWS::EC2::EIP",
        "AWS::EC2::NatGateway",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Version",
        "AWS::MSK::ServerlessCluster",
        "AWS::RDS::DBInstance",
        "AWS::WAFv2::WebACL",
    }


def test_provisioned_concurrency_shows_in_the_idle_price(special: Synthesized) -> None:
    (warm,) = [charge for charge in charges(special) if charge.resource_type == "AWS::Lambda::Alias"]

    # Two instances of 1 GB: 0.0000033334 US dollars a GB and second.
    assert warm.usd_per_month == pytest.approx(17.52, abs=0.01)


def test_production_cannot_be_deleted_by_accident(prod: Synthesized) -> None:
    tables, cluster = prod.resources("AWS::DynamoDB::Table"), prod.one("AWS::RDS::DBCluster")

    assert all(table.properties["DeletionProtectionEnabled"] for table in tables)
    assert cluster.properties["DeletionProtection"]
    assert {each.body["DeletionPolicy"] for each in (*tables, cluster)} == {"Retain"}
    manifest = json.loads((prod.assembly / "manifest.json").read_text())["artifacts"]
    stacks = [each["properties"] for each in manifest.values() if each["type"] == "aws:cloudformation:stack"]
    assert all(stack["terminationProtection"] for stack in stacks)


def test_every_other_stage_leaves_nothing_behind_when_it_goes(dev: Synthesized, local: Synthesized) -> None:
    kept = [
        (each.component, each.logical_id)
        for each in (*dev.resources(), *local.resources())
        if each.body.get("DeletionPolicy") in {"Retain", "Snapshot"}
    ]

    assert kept == []


def test_no_stack_comes_near_the_limit_of_resources(stage: Synthesized) -> None:
    """CloudFormation takes 500 resources a stack; the thirty groups must leave room for what comes."""
    sizes = {name: len(stage.resources(component=name)) for name in stage.templates}

    assert {name: size for name, size in sizes.items() if size > 350} == {}


def charges(stage: Synthesized) -> list[Charge]:
    return [charge for template in stage.templates.values() for charge in idle_charges(template)]
