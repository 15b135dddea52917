"""What holds for every template of every stage."""

import json

import pytest

from infra_cdk.idle_cost import Charge, idle_charges
from tests.infra.templates import Grant, Synthesized, grants_of, text

pytestmark = pytest.mark.xdist_group("infra")

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


ASYNCHRONOUS_EDGES = {
    "AWS::Events::Rule",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Logs::SubscriptionFilter",
    "AWS::Pipes::Pipe",
    "AWS::Scheduler::Schedule",
    "AWS::SNS::Subscription",
}
"""Resources by which something reaches a consumer while nobody waits for the answer."""


def all_grants(stage: Synthesized) -> set[Grant]:
    return {grant for policy in stage.resources("AWS::IAM::Policy") for grant in grants_of(policy)}


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


def test_every_asynchronous_edge_is_listed(stage: Synthesized) -> None:
    """A new edge has to be added here, with its own dead-letter target and bound (below)."""
    edges = [(each.component, each.kind) for each in stage.resources() if each.kind in ASYNCHRONOUS_EDGES]

    assert sorted(edges) == [
        ("Api", "AWS::Lambda::EventInvokeConfig"),  # trigger_workflow
        ("Events", "AWS::Lambda::EventSourceMapping"),  # relay_events
        ("Workflows", "AWS::Events::Rule"),  # a run is over
        ("Workflows", "AWS::Events::Rule"),  # the sweep
        ("Workflows", "AWS::Lambda::EventInvokeConfig"),  # track_workflow
    ]


def test_what_the_relay_gives_up_has_a_dead_letter_target(stage: Synthesized) -> None:
    relay = stage.one("AWS::Lambda::EventSourceMapping").properties

    assert "RelayEventsFunction" in text(relay["FunctionName"])
    assert "RelayDeadLetters" in text(relay["DestinationConfig"]["OnFailure"]["Destination"])


def test_a_rule_hands_over_for_an_hour_at_most_and_then_to_a_dead_letter_queue(stage: Synthesized) -> None:
    targets = [target for each in stage.resources("AWS::Events::Rule") for target in each.properties["Targets"]]

    assert len(targets) == 2
    for target in targets:
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
        assert 0 <= target["RetryPolicy"].get("MaximumRetryAttempts", -1) <= 10
        assert "DeadLetters" in text(target["DeadLetterConfig"]["Arn"])


def test_a_function_that_nobody_waits_for_has_three_tries_and_a_dead_letter_queue(stage: Synthesized) -> None:
    configured = {
        text(each.properties["FunctionName"]): each.properties
        for each in stage.resources("AWS::Lambda::EventInvokeConfig")
    }
    waited_for = {"apigateway.amazonaws.com"}
    called = {
        text(each.properties["FunctionName"]).strip("<>")
        for each in stage.resources("AWS::Lambda::Permission")
        if each.properties["Principal"] not in waited_for
    }
    aliases = {each.logical_id: text(each.properties["FunctionName"]) for each in stage.resources("AWS::Lambda::Alias")}

    assert {aliases.get(each, f"<{each.partition('.')[0]}>") for each in called} == set(configured)
    for properties in configured.values():
        # In the cloud the name of the alias, which CDK cuts out of the alias' ARN.
        assert any(each in text(properties["Qualifier"]) for each in aliases or ["$LATEST"])
        assert properties["MaximumRetryAttempts"] == 2
        assert properties["MaximumEventAgeInSeconds"] == 3600
        assert "DeadLetters" in text(properties["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_relay_outlasts_an_outage_of_hours_and_gives_a_record_up_before_the_stream_does(
    stage: Synthesized,
) -> None:
    relay = stage.one("AWS::Lambda::EventSourceMapping").properties

    # By age alone: Lambda promises no pause between attempts, so no count of them is a time.
    assert relay["MaximumRetryAttempts"] == -1
    assert 2 * 3600 <= relay["MaximumRecordAgeInSeconds"] <= 12 * 3600
    # What can never be published does not take its batch along.
    assert relay["BisectBatchOnFunctionError"]
    assert relay["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_nothing_invokes_a_function_asynchronously_unseen(stage: Synthesized) -> None:
    """A permission is how a service may call a function; the gateway waits for the answer."""
    callers = {permission.properties["Principal"] for permission in stage.resources("AWS::Lambda::Permission")}

    # EventBridge calls the two functions that the test above holds to a bound.
    assert callers == {"apigateway.amazonaws.com", "events.amazonaws.com"}


def test_no_template_contains_a_secret(cloud_stage: Synthesized) -> None:
    secrets = cloud_stage.resources("AWS::SecretsManager::Secret")

    literal = {
        each.logical_id: each.properties["SecretString"] for each in secrets if "SecretString" in each.properties
    }
    assert len(secrets) == 3
    assert list(literal.values()) == ['{"api_key":""}']


def test_the_stage_of_a_laptop_has_nothing_that_the_emulator_refuses(local: Synthesized) -> None:
    kinds = {resource.kind for resource in local.resources()}
    alarms = local.resources("AWS::CloudWatch::Alarm")

    assert kinds & REFUSED_BY_THE_EMULATOR == set()
    assert [alarm.logical_id for alarm in alarms if "Metrics" in alarm.properties] == []
    assert {kind.split("::")[1] for kind in kinds} & {"CloudFront", "EC2", "RDS", "WAFv2"} == set()


def test_the_default_stage_keeps_nothing_that_is_billed_by_the_hour(dev: Synthesized) -> None:
    assert [charge for charge in charges(dev) if charge.waits] == []
    assert sum(charge.usd_per_month for charge in charges(dev)) <= 5.4


def test_production_keeps_ready_what_its_switches_name_and_no_more(prod: Synthesized) -> None:
    assert {charge.resource_type for charge in charges(prod) if charge.waits} == {
        "AWS::EC2::EIP",
        "AWS::EC2::NatGateway",
        "AWS::Lambda::Version",
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
