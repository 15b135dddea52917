"""Events on their way out: relays, bus, brokers, projections, webhooks, and what keeps dead letters."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Stack

from agent_platform.events import topics
from agent_platform.events.topics import TOPICS
from agent_platform.settings import CreateTopicsSettings
from infra_cdk.constructs import brokers
from infra_cdk.constructs.brokers import Brokers
from infra_cdk.constructs.network import Network
from infra_cdk.stacks.events import topics_revision
from infra_cdk.stages import DEV, LOCAL, Stage
from tests.infra.templates import Resource, Synthesized, text

OWN = {"logs", "xray", "ec2"}
"""Services that every function writes to, or that Lambda uses in its name."""


def relays(stage: Synthesized) -> list[Resource]:
    return [
        each
        for each in stage.resources("AWS::Lambda::EventSourceMapping", "Events")
        if "StreamArn" in text(each.properties.get("EventSourceArn", ""))
    ]


def own_grants(stage: Synthesized, name: str, component: str = "Events") -> dict[str, str]:
    """What a function may do beside what every one may, by action; two resources of one action are joined."""
    found: dict[str, str] = {}
    for grant in sorted(stage.grants(name, component), key=lambda each: each.resource):
        if grant.action.partition(":")[0] not in OWN:
            found[grant.action] = f"{found[grant.action]} {grant.resource}" if grant.action in found else grant.resource
    return found


def variables(stage: Synthesized, name: str) -> dict[str, str]:
    found = stage.function(name, "Events").properties["Environment"]["Variables"]
    return {key: text(value) for key, value in found.items()}


def test_each_relay_takes_inserted_events_in_order_and_splits_a_batch_that_fails(stage: Synthesized) -> None:
    assert len(relays(stage)) == (1 if stage.stage.kafka == "none" else 2)
    for each in relays(stage):
        mapping = each.properties
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        # More at once would keep the order of single items only, and the events of a subject are many items.
        assert mapping["ParallelizationFactor"] == 1
        (pattern,) = mapping["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT"]}


def test_each_destination_has_a_reader_of_the_stream_and_a_queue_of_its_own(local: Synthesized) -> None:
    destinations = {text(each.properties["DestinationConfig"]) for each in relays(local)}

    assert len(destinations) == len({text(each.properties["FunctionName"]) for each in relays(local)}) == 2
    assert (variables(local, "RelayEvents")["RELAY_TO"], variables(local, "RelayEventsToKafka")["RELAY_TO"]) == (
        "bus",
        "kafka",
    )


def test_the_relay_to_the_bus_reads_one_stream_and_one_table_and_puts_events_on_one_bus(stage: Synthesized) -> None:
    grants = own_grants(stage, "RelayEvents")
    bus = stage.one("AWS::Events::EventBus")

    assert grants.pop("events:PutEvents") == f"<{bus.logical_id}.Arn>"
    assert "RelayDeadLetters" in grants.pop("sqs:SendMessage")
    assert grants.pop("dynamodb:ListStreams") == "*"
    for again in ("dynamodb:GetItem", "dynamodb:Scan"):
        assert "TablesOutbox" in (table := grants.pop(again))
        assert "Stream" not in table
    assert set(grants) == {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    assert all("Outbox" in resource and "Stream" in resource for resource in grants.values())


def test_the_relay_to_kafka_writes_the_declared_topics_of_one_cluster(prod: Synthesized) -> None:
    grants = own_grants(prod, "RelayEventsToKafka")
    written = grants["kafka-cluster:WriteData"].split(" ")

    assert "events:PutEvents" not in grants
    assert {each.rpartition("/")[2] for each in written} == set(TOPICS)
    assert all(f":topic/{prod.stage.prefix}-events/*/" in each for each in written)
    cluster = f"<{prod.one('AWS::MSK::ServerlessCluster').logical_id}.Arn>"
    assert grants["kafka-cluster:Connect"] == grants["kafka-cluster:WriteDataIdempotently"] == cluster
    assert not {each for each in grants if each in {"kafka-cluster:ReadData", "kafka-cluster:CreateTopic"}}


def test_who_makes_topics_may_not_read_or_write_them(prod: Synthesized) -> None:
    actions = {each.removeprefix("kafka-cluster:") for each in own_grants(prod, "CreateTopics")}

    assert actions == {
        "AlterTopic",
        "AlterTopicDynamicConfiguration",
        "Connect",
        "CreateTopic",
        "DescribeTopic",
        "DescribeTopicDynamicConfiguration",
    }


def test_topics_are_there_before_anything_is_relayed_to_them(prod: Synthesized) -> None:
    topics = prod.one("Custom::KafkaTopics")
    alias = prod.one("AWS::Lambda::Alias", "Events", "RelayEventsToKafka")

    assert topics.logical_id in alias.body["DependsOn"]


def test_a_deployment_makes_topics_again_when_anything_else_is_declared(
    prod: Synthesized, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = prod.one("Custom::KafkaTopics").properties["topics"]
    monkeypatch.setenv("TOPIC_PARTITIONS", "1")  # of whoever deploys, which the function does not see
    assert topics_revision("iam") == deployed

    names = {topics_revision("iam"), topics_revision("tls")}
    fields = CreateTopicsSettings.model_fields
    for name, other in {"topic_partitions": 7, "topic_replication": 2, "topic_retention_hours": 1}.items():
        with monkeypatch.context() as changed:
            changed.setattr(fields[name], "default", other)
            names.add(topics_revision("tls"))
    monkeypatch.setattr(topics, "TOPICS", (*TOPICS, "agent.retired"))
    assert len(names | {topics_revision("iam")}) == 6


def test_the_names_of_topics_are_those_that_the_platform_declares() -> None:
    assert set(brokers.TOPICS) == set(TOPICS)


def test_the_cluster_lets_in_its_clients_and_pollers_by_iam_alone(prod: Synthesized) -> None:
    cluster = prod.one("AWS::MSK::ServerlessCluster").properties
    group = prod.one("AWS::EC2::SecurityGroup", "Events", "BrokersSecurityGroup")
    own = f"<{group.logical_id}.GroupId>"
    into = prod.resources("AWS::EC2::SecurityGroupIngress", "Events")
    out = prod.resources("AWS::EC2::SecurityGroupEgress", "Events")

    assert cluster["ClientAuthentication"] == {"Sasl": {"Iam": {"Enabled": True}}}
    assert [text(each) for each in cluster["VpcConfigs"][0]["SecurityGroups"]] == [own]
    assert {each.properties["FromPort"] for each in (*into, *out)} == {9098}
    assert sorted(text(each.properties["SourceSecurityGroupId"]) == own for each in into) == [False, True]
    # Lambda's pollers wear the cluster's group and have to get out to the brokers.
    assert [text(each.properties["DestinationSecurityGroupId"]) for each in out] == [own]


def test_the_default_stage_feeds_the_projections_from_the_bus(dev: Synthesized) -> None:
    rule = dev.one("AWS::Events::Rule", "Events", "ProjectionRule").properties
    (target,) = rule["Targets"]
    queue = dev.queue(target["Arn"])
    fed = [
        text(each.properties["FunctionName"])
        for each in dev.resources("AWS::Lambda::EventSourceMapping", "Events")
        if text(each.properties["EventSourceArn"]) == f"<{queue.logical_id}.Arn>"
    ]

    assert rule["EventPattern"] == {"source": ["ai-agents-platform"]}
    assert len(fed) == 1
    assert "ProjectEvents" in fed[0]
    assert dev.resources("AWS::MSK::ServerlessCluster") == []
    assert [name for name in variables(dev, "ProjectEvents") if name.startswith("KAFKA")] == []


def test_events_wait_in_the_queue_rather_than_for_the_head_of_the_audit_log(dev: Synthesized) -> None:
    (mapping,) = (
        each.properties
        for each in dev.resources("AWS::Lambda::EventSourceMapping", "Events")
        if "ProjectionQueue" in text(each.properties["EventSourceArn"])
    )
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}


def test_production_feeds_the_projections_from_the_topics_alone(prod: Synthesized) -> None:
    rules = [each.logical_id for each in prod.resources("AWS::Events::Rule", "Events")]

    assert [each for each in rules if each.startswith("Projection")] == []
    assert variables(prod, "ProjectEvents")["KAFKA_SECURITY"] == "iam"


def test_pollers_of_all_topics_share_their_capacity_and_its_price(prod: Synthesized) -> None:
    pollers = [
        each.properties["ProvisionedPollerConfig"]
        for each in prod.resources("AWS::Lambda::EventSourceMapping")
        if "Topics" in each.properties
    ]

    assert len(pollers) == len(TOPICS)
    assert len({each["PollerGroupName"] for each in pollers}) == 1


def test_a_laptop_is_told_what_its_bridge_calls_and_has_no_event_source_of_kafka(local: Synthesized) -> None:
    outputs = set(local.templates["Events"]["Outputs"])

    assert {
        "CreateTopicsFunctionName",
        "EventBusName",
        "KafkaDeadLettersUrl",
        "ProjectEventsFunctionName",
        "ProjectionDeadLettersUrl",
        "RelayDeadLettersUrl",
        "RelayToKafkaFunctionName",
    } <= outputs
    assert {"DeadLettersTableName", "OutboxTableName"} <= set(local.templates["Data"]["Outputs"])
    kafka = [each for each in local.resources("AWS::Lambda::EventSourceMapping") if "Topics" in each.properties]
    assert kafka == []
    assert variables(local, "RelayEventsToKafka")["KAFKA_BOOTSTRAP"] == "127.0.0.1:9092"


def test_webhooks_go_out_from_outside_of_the_vpc_with_the_rights_for_their_table_and_key(stage: Synthesized) -> None:
    grants = own_grants(stage, "DeliverWebhooks")

    assert "VpcConfig" not in stage.function("DeliverWebhooks", "Events").properties
    assert {each for each in grants if each.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    }
    assert all("TablesWebhooks" in grants[each] for each in grants if each.startswith("dynamodb:"))
    assert "WebhookKey" in grants["secretsmanager:GetSecretValue"]
    # What is due later waits in the function's own queue; what it gives up goes to the dead letters.
    assert all(name in grants["sqs:SendMessage"] for name in ("WebhookQueue", "WebhookDeadLetters"))


def test_private_addresses_are_open_to_webhooks_on_a_laptop_alone(cloud_stage: Synthesized) -> None:
    for name in ("DeliverWebhooks", "Api"):
        function = cloud_stage.function(name)
        assert function.properties["Environment"]["Variables"].get("EGRESS_ALLOW") is None


def test_the_keeper_writes_letters_and_reads_nothing_but_its_queues(stage: Synthesized) -> None:
    grants = own_grants(stage, "KeepDeadLetters", "DeadLetters")

    assert {each for each in grants if not each.startswith("sqs:")} == {
        "dynamodb:PutItem",
        "s3:PutObject",
    }
    assert "TablesDeadLetters" in grants["dynamodb:PutItem"]
    assert grants["s3:PutObject"].endswith("/dead_letters/*")
    assert "sqs:SendMessage" not in grants


def test_the_projections_write_to_the_database_and_to_their_dead_letters(dev: Synthesized) -> None:
    grants = own_grants(dev, "ProjectEvents")

    assert {each for each in grants if each.partition(":")[0] != "sqs"} == {"secretsmanager:GetSecretValue"}
    assert "ProjectionDeadLetters" in grants["sqs:SendMessage"]


def test_the_bus_is_archived_for_replay_in_the_cloud(cloud_stage: Synthesized) -> None:
    archive = cloud_stage.one("AWS::Events::Archive").properties

    assert archive["RetentionDays"] == cloud_stage.stage.archive_days


Made = Callable[..., Brokers]


@pytest.fixture
def made() -> Made:
    """Brokers that the context names, for a stage that runs on Lambda or on a laptop."""

    def make(stage: Stage, *, network: bool = True, **context: str) -> Brokers:
        stack = Stack(App(context={f"kafka_{name}": value for name, value in context.items()}), "Test")
        return Brokers(stack, "Brokers", stage=stage, network=Network(stack, "Network", stage) if network else None)

    return make


SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:kafka-AbCdEf"


def test_brokers_of_ones_own_are_signed_in_to_by_a_secret_that_the_context_names(made: Made) -> None:
    found = made(replace(DEV, kafka="given"), bootstrap="a.example:9094", security="scram", secret_arn=SECRET)

    assert found.environment == {
        "KAFKA_BOOTSTRAP": "a.example:9094",
        "KAFKA_SECURITY": "scram",
        "KAFKA_SECRET_ARN": SECRET,
    }


def test_a_laptops_password_becomes_a_secret(made: Made) -> None:
    found = made(LOCAL, network=False, bootstrap="a.example:9094", security="plain", username="u", password="p")

    assert found.secret is not None
    assert "KAFKA_SECRET_ARN" in found.environment


def test_a_password_on_the_command_line_is_refused_where_a_template_would_keep_it(made: Made) -> None:
    """CloudFormation's templates, and the bucket and cdk.out that hold them, are read by many."""
    for context in ({"username": "u", "password": "p"}, {"password": "p"}):
        with pytest.raises(ValueError, match="kafka_secret_arn") as refused:
            made(replace(DEV, kafka="given"), bootstrap="a.example:9094", security="scram", **context)
        assert "p" not in str(refused.value).split()


@pytest.mark.parametrize(("context", "told"), [({}, "kafka_bootstrap"), ({"security": "tls"}, "kafka_bootstrap")])
def test_brokers_that_nobody_named_are_asked_for(made: Made, context: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        made(LOCAL, network=False, **context)


def test_a_cluster_needs_a_network(made: Made) -> None:
    with pytest.raises(ValueError, match="no network"):
        made(replace(LOCAL, kafka="msk"), network=False)
