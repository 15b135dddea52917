"""Prices of doing nothing, worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra_cdk.idle_cost import UnknownPriceError, idle_charges, templates


def charges(**resources: dict[str, Any]) -> list[tuple[str, float, bool]]:
    found = idle_charges({"Resources": resources})
    return [(each.logical_id, round(each.usd_per_month, 2), each.waits) for each in found]


def test_a_nat_gateway_and_its_address_cost_by_the_hour() -> None:
    found = charges(Nat={"Type": "AWS::EC2::NatGateway"}, Ip={"Type": "AWS::EC2::EIP"})

    assert found == [("Nat", 32.85, True), ("Ip", 3.65, True)]


def test_an_interface_endpoint_costs_in_each_subnet_and_a_gateway_endpoint_nothing() -> None:
    kind = "AWS::EC2::VPCEndpoint"

    assert charges(
        Interface={"Type": kind, "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}},
        Gateway={"Type": kind, "Properties": {"VpcEndpointType": "Gateway"}},
    ) == [("Interface", 14.60, True)]


@pytest.mark.parametrize(("minimum", "found"), [(0, []), (0.5, [("Writer", 43.80, True)])])
def test_a_database_costs_its_minimum_capacity(minimum: float, found: list[Any]) -> None:
    cluster = {
        "Type": "AWS::RDS::DBCluster",
        "Properties": {"ServerlessV2ScalingConfiguration": {"MinCapacity": minimum}},
    }

    assert charges(Cluster=cluster, Writer={"Type": "AWS::RDS::DBInstance", "Properties": {}}) == found


def test_a_kept_snapshot_costs_by_its_functions_memory() -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"MemorySize": 1024, "SnapStart": {"ApplyOn": "PublishedVersions"}},
    }
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}}

    assert charges(Function=function, Version=version) == [("Version", 3.95, True)]


def test_an_alarm_costs_ten_cents_for_each_metric_it_looks_at() -> None:
    single = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}}
    combined = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {"Metrics": [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": ""}]},
    }

    assert charges(Single=single, Combined=combined) == [("Single", 0.10, False), ("Combined", 0.20, False)]


def test_a_cluster_of_kafka_costs_by_the_hour_with_its_partitions() -> None:
    """0.75 an hour for the cluster and 0.0015 for each of its 24 partitions."""
    assert charges(Kafka={"Type": "AWS::MSK::ServerlessCluster", "Properties": {}}) == [("Kafka", 573.78, True)]


def test_event_sources_of_one_group_share_the_price_of_their_pollers() -> None:
    def mapping(**pollers: Any) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"ProvisionedPollerConfig": pollers}}

    free = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {}}

    assert charges(Alone=mapping(MinimumPollers=1), Stream=free) == [("Alone", 135.05, True)]
    together = {f"Topic{number}": mapping(PollerGroupName="events") for number in range(4)}
    assert sum(usd for _, usd, _ in charges(**together)) == pytest.approx(135.05, abs=0.03)


def test_only_the_stage_that_was_synthesized_last_is_priced(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "A.template.json"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"A": stack, "Tree": {"type": "cdk:tree"}}}))
    for name in "AB":
        (tmp_path / f"{name}.template.json").write_text(json.dumps({"Resources": {name: {"Type": "AWS::EC2::EIP"}}}))

    assert [list(template["Resources"]) for template in templates(tmp_path)] == [["A"]]


def test_a_resource_without_a_known_price_cannot_slip_in() -> None:
    with pytest.raises(UnknownPriceError, match="AWS::MSK::Cluster"):
        charges(Kafka={"Type": "AWS::MSK::Cluster", "Properties": {}})
