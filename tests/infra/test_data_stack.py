"""Tables, secrets, network and database."""

import json
from typing import Any

import pytest

from agent_platform.storage.batches import FILE_DAYS
from agent_platform.storage.executions import RETENTION_DAYS
from agent_platform.storage.payloads import BATCHES, EXECUTIONS, EXPORTS, QUEUED, RUNS
from tests.infra.templates import Resource, Synthesized, text


def table(stage: Synthesized, name: str) -> Resource:
    return stage.one("AWS::DynamoDB::Table", "Data", f"Tables{name}")


def keys(schema: list[dict[str, Any]]) -> list[str]:
    return [each["AttributeName"] for each in schema]


def test_each_table_has_the_keys_that_its_readers_use(stage: Synthesized) -> None:
    found = {
        name: keys(table(stage, name).properties["KeySchema"])
        for name in (
            "Executions",
            "Outbox",
            "AgentMetrics",
            "Tokens",
            "Batches",
            "Sessions",
            "Accounts",
            "Runs",
            "Approvals",
            "Definitions",
            "Evaluations",
            "DeadLetters",
            "Webhooks",
        )
    }

    assert found == {
        "Batches": ["id"],
        "Sessions": ["id", "turn"],
        "Accounts": ["id"],
        "Executions": ["id"],
        "Outbox": ["subject", "id"],
        "AgentMetrics": ["agent_id", "shard"],
        "Tokens": ["pk"],
        "Runs": ["id"],
        "Approvals": ["id", "candidate"],
        "Definitions": ["agent_id", "version"],
        "Evaluations": ["id"],
        "DeadLetters": ["id"],
        "Webhooks": ["pk", "sk"],
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "Executions",
            {"by_owner": ["owner", "id"], "by_owner_and_agent": ["owner_agent", "id"], "by_run": ["run_id", "id"]},
        ),
        ("Runs", {"by_owner": ["owner", "id"], "by_workflow": ["owner_workflow", "id"], "open_runs": ["open", "id"]}),
        ("Approvals", {"by_candidate": ["candidate", "id"], "by_run": ["run_id", "id"]}),
        ("DeadLetters", {"by_state": ["state", "id"]}),
    ],
)
def test_lists_have_indexes_that_carry_summaries_only(
    stage: Synthesized, name: str, expected: dict[str, list[str]]
) -> None:
    indexes = table(stage, name).properties["GlobalSecondaryIndexes"]

    assert {each["IndexName"]: keys(each["KeySchema"]) for each in indexes} == expected
    assert all(each["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["summary"]} for each in indexes)


def test_tables_bill_by_request_and_forget_what_has_expired(stage: Synthesized) -> None:
    for each in stage.resources("AWS::DynamoDB::Table"):
        assert each.properties["BillingMode"] == "PAY_PER_REQUEST"
        assert each.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_only_the_outbox_has_a_stream(stage: Synthesized) -> None:
    streams = {
        each.logical_id: each.properties["StreamSpecification"]
        for each in stage.resources("AWS::DynamoDB::Table")
        if "StreamSpecification" in each.properties
    }

    assert list(streams.values()) == [{"StreamViewType": "NEW_IMAGE"}]
    assert next(iter(streams)).startswith("TablesOutbox")


def test_tables_in_the_cloud_can_be_restored_to_any_second(cloud_stage: Synthesized) -> None:
    for each in cloud_stage.resources("AWS::DynamoDB::Table"):
        assert each.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


@pytest.mark.parametrize("name", ["JwtSecret", "WebhookKey"])
def test_a_key_is_made_by_aws_under_the_name_that_is_active(stage: Synthesized, name: str) -> None:
    made = stage.one("AWS::SecretsManager::Secret", "Data", name).properties["GenerateSecretString"]

    assert json.loads(made["SecretStringTemplate"]) == {"active": made["GenerateStringKey"]}
    # HS256 asks for 32 bytes (RFC 7518); letters and digits carry six bits each.
    assert made["PasswordLength"] * 5.9 >= 256
    assert made["ExcludePunctuation"] is True


def test_a_laptop_uses_the_database_that_the_command_line_names(local: Synthesized) -> None:
    secret = local.one("AWS::SecretsManager::Secret", "Data", "DatabaseSecret")

    assert json.loads(secret.properties["SecretString"])["dbname"] == "platform"
    assert local.resources("AWS::RDS::DBCluster") == []


def test_the_default_stage_has_a_database_that_pauses(dev: Synthesized) -> None:
    scaling = dev.one("AWS::RDS::DBCluster").properties["ServerlessV2ScalingConfiguration"]

    assert scaling["MinCapacity"] == 0
    assert scaling["SecondsUntilAutoPause"] == 600
    assert len(dev.resources("AWS::RDS::DBInstance")) == 1


def test_production_has_a_database_that_never_pauses_with_a_second_instance(prod: Synthesized) -> None:
    assert prod.one("AWS::RDS::DBCluster").properties["ServerlessV2ScalingConfiguration"]["MinCapacity"] > 0
    assert len(prod.resources("AWS::RDS::DBInstance")) == 2


def test_the_database_is_postgres_17_encrypted_and_takes_tls_only(cloud_stage: Synthesized) -> None:
    cluster = cloud_stage.one("AWS::RDS::DBCluster")
    parameters = cloud_stage.one("AWS::RDS::DBClusterParameterGroup").properties

    assert cluster.properties["EngineVersion"].startswith("17.")
    assert cluster.properties["StorageEncrypted"] is True
    assert parameters["Parameters"]["rds.force_ssl"] == "1"


def test_the_database_lets_in_its_clients_and_nobody_else(dev: Synthesized) -> None:
    (rule,) = dev.resources("AWS::EC2::SecurityGroupIngress")
    clients = dev.one("AWS::EC2::SecurityGroup", "Data", "NetworkDatabaseClients")

    assert text(rule.properties["SourceSecurityGroupId"]) == f"<{clients.logical_id}.GroupId>"
    assert rule.properties["FromPort"] == rule.properties["ToPort"] == dev.one("AWS::RDS::DBCluster").properties["Port"]


def test_production_rotates_the_database_password(prod: Synthesized, dev: Synthesized) -> None:
    def rotated(stage: Synthesized) -> list[str]:
        schedules = stage.resources("AWS::SecretsManager::RotationSchedule")
        return [each.logical_id for each in schedules if not each.logical_id.startswith("KeyRotation")]

    assert len(rotated(prod)) == 1
    assert rotated(dev) == []


def test_signing_keys_are_rotated_every_month_by_a_function_that_may_change_this_secret_alone(
    cloud_stage: Synthesized,
) -> None:
    schedule = cloud_stage.one("AWS::SecretsManager::RotationSchedule", "Data", "KeyRotationSchedule").properties
    grants = cloud_stage.grants("KeyRotationRotateSigningKeys", "Data")
    of_secrets = {each for each in grants if each.action.startswith("secretsmanager:")}
    (permission,) = (
        each.properties
        for each in cloud_stage.resources("AWS::Lambda::Permission", "Data")
        if each.properties["Principal"] == "secretsmanager.amazonaws.com"
    )

    assert "JwtSecret" in text(schedule["SecretId"])
    assert "RotateSigningKeysFunctionAlias" in text(schedule["RotationLambdaARN"])
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": 30}
    assert schedule["RotateImmediatelyOnUpdate"] is False
    assert {each.action.partition(":")[2] for each in of_secrets} == {
        *("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
    }
    assert all("JwtSecret" in each.resource for each in of_secrets)
    assert permission["SourceAccount"]


def test_a_laptop_rotates_signing_keys_by_hand(local: Synthesized) -> None:
    assert local.resources("AWS::SecretsManager::RotationSchedule") == []
    assert local.function("KeyRotationRotateSigningKeys", "Data")


def test_the_network_of_the_default_stage_leaves_over_ipv6_and_free_endpoints(dev: Synthesized) -> None:
    routes = [each.properties for each in dev.resources("AWS::EC2::Route")]
    endpoints = [each.properties for each in dev.resources("AWS::EC2::VPCEndpoint")]

    assert all(
        set(route) == {"DestinationIpv6CidrBlock", "EgressOnlyInternetGatewayId", "RouteTableId"} for route in routes
    )
    assert {endpoint["VpcEndpointType"] for endpoint in endpoints} == {"Gateway"}
    assert {text(endpoint["ServiceName"]).rpartition(".")[2] for endpoint in endpoints} == {"dynamodb", "s3"}
    assert dev.resources("AWS::EC2::NatGateway") == []


def test_subnets_have_both_families_and_give_nobody_a_public_address(cloud_stage: Synthesized) -> None:
    for subnet in cloud_stage.resources("AWS::EC2::Subnet"):
        assert subnet.properties["Ipv6CidrBlock"]
        assert subnet.properties["MapPublicIpOnLaunch"] is False


def test_payloads_are_private_encrypted_and_expire_with_what_refers_to_them(stage: Synthesized) -> None:
    bucket = stage.one("AWS::S3::Bucket", "Data").properties
    rules = bucket["LifecycleConfiguration"]["Rules"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket
    assert "VersioningConfiguration" not in bucket
    assert {each["Prefix"]: each["ExpirationInDays"] for each in rules if "Prefix" in each} == {
        EXECUTIONS: RETENTION_DAYS,
        QUEUED: 1,
        BATCHES: FILE_DAYS,
        RUNS: RETENTION_DAYS,
        EXPORTS: 7,
    }
    assert [each["AbortIncompleteMultipartUpload"] for each in rules if "Prefix" not in each] == [
        {"DaysAfterInitiation": 1}
    ]
