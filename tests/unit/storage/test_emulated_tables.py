"""The emulated tables of the tests have the keys and indexes that the infrastructure declares."""

from typing import Any

import aws_cdk
import pytest
from aws_cdk.assertions import Template

from agent_platform.storage.dynamodb import dynamodb
from infra_cdk.constructs.tables import Tables
from infra_cdk.stages import STAGES
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, TOKENS_TABLE, tokens_table

__all__ = ["tokens_table"]


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The properties of each declared table, by the beginning of its logical id."""
    stack = aws_cdk.Stack(aws_cdk.App(outdir=str(tmp_path_factory.mktemp("cdk"))), "Data")
    Tables(stack, "Tables", STAGES["dev"])
    resources = Template.from_stack(stack).find_resources("AWS::DynamoDB::Table")
    return {name.removeprefix("Tables")[:-8]: resource["Properties"] for name, resource in resources.items()}


def shape(table: dict[str, Any]) -> dict[str, Any]:
    """What a query depends on."""
    return {
        "keys": table["KeySchema"],
        "types": sorted((each["AttributeName"], each["AttributeType"]) for each in table["AttributeDefinitions"]),
        "indexes": sorted(
            (index["IndexName"], str(index["KeySchema"]), str(sorted(index["Projection"].items())))
            for index in table.get("GlobalSecondaryIndexes", [])
        ),
    }


@pytest.mark.parametrize(
    ("name", "logical_id"),
    [
        (EXECUTIONS_TABLE, "Executions"),
        (OUTBOX_TABLE, "Outbox"),
        (AGENT_METRICS_TABLE, "AgentMetrics"),
        (TOKENS_TABLE, "Tokens"),
    ],
)
def test_an_emulated_table_is_the_declared_one(
    declared: dict[str, Any], executions_table: str, tokens_table: str, name: str, logical_id: str
):
    emulated: Any = dynamodb().describe_table(TableName=name)["Table"]
    assert shape(emulated) == shape(declared[logical_id])


def test_every_declared_table_forgets_by_the_attribute_that_the_code_writes(declared: dict[str, Any]):
    for table in declared.values():
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_outbox_streams_what_the_relay_reads(declared: dict[str, Any]):
    assert declared["Outbox"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert [name for name, table in declared.items() if "StreamSpecification" in table] == ["Outbox"]
