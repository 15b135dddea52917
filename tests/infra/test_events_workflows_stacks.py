"""Events on their way out, and workflows."""

import json

import pytest

from infra_cdk.repository import AGENT_DEFS
from tests.infra.templates import Synthesized, text

pytestmark = pytest.mark.xdist_group("infra")


def test_the_relay_takes_inserted_events_in_order_and_splits_a_batch_that_fails(stage: Synthesized) -> None:
    mapping = stage.one("AWS::Lambda::EventSourceMapping", "Events").properties

    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    # More at once would keep the order of single items only, and the events of a subject are many items.
    assert mapping["ParallelizationFactor"] == 1
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT"]}


def test_the_relay_reads_one_stream_and_puts_events_on_one_bus(stage: Synthesized) -> None:
    grants = {
        grant.action: grant.resource
        for grant in stage.grants("RelayEvents", "Events")
        if grant.action.partition(":")[0] in {"dynamodb", "events", "sqs"}
    }
    bus = stage.one("AWS::Events::EventBus")

    assert grants.pop("events:PutEvents") == f"<{bus.logical_id}.Arn>"
    assert "RelayDeadLetters" in grants.pop("sqs:SendMessage")
    assert grants.pop("dynamodb:ListStreams") == "*"
    assert set(grants) == {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    assert all("Outbox" in resource and "Stream" in resource for resource in grants.values())


def test_dead_letters_wait_two_weeks_encrypted(stage: Synthesized) -> None:
    queue = stage.one("AWS::SQS::Queue").properties

    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


def test_the_bus_is_archived_for_replay_in_the_cloud(cloud_stage: Synthesized) -> None:
    archive = cloud_stage.one("AWS::Events::Archive").properties

    assert archive["RetentionDays"] == cloud_stage.stage.archive_days


def test_a_workflow_may_call_the_groups_functions_and_nothing_else(stage: Synthesized) -> None:
    groups = [path for path in AGENT_DEFS.iterdir() if path.is_dir()]
    calls = [grant for grant in stage.grants("RunAgent", "Workflows") if grant.action.startswith("lambda:")]

    assert {grant.action for grant in calls} == {"lambda:InvokeFunction"}
    assert len({grant.resource for grant in calls}) == len(groups)
    assert not any("*" in grant.resource for grant in calls)


def test_the_name_that_a_workflow_forms_is_the_name_that_a_group_has(stage: Synthesized) -> None:
    values = stage.one("AWS::StepFunctions::StateMachine").properties["DefinitionSubstitutions"]
    names = {each.properties["FunctionName"] for each in stage.resources("AWS::Lambda::Function", "Agents")}
    qualifier = ":live" if stage.stage.runs_on == "lambda" else ""

    formed = {values["AgentFunctionName"].format(group) for group in values["AgentGroups"].split(",")}
    assert formed == {f"{name}{qualifier}" for name in names}


def test_a_dedicated_agent_is_no_group_to_a_workflow(special: Synthesized) -> None:
    values = special.one("AWS::StepFunctions::StateMachine").properties["DefinitionSubstitutions"]

    assert values["AgentGroups"] == "banking-lending,cloud-operations,construction-real-estate"


def test_runs_are_traced_and_logged_without_what_agents_said(stage: Synthesized) -> None:
    machine = stage.one("AWS::StepFunctions::StateMachine").properties

    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"]["Enabled"] is True
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_the_definition_in_the_template_is_the_file(stage: Synthesized) -> None:
    definition = stage.one("AWS::StepFunctions::StateMachine").properties["DefinitionString"]

    assert json.loads(text(definition))["StartAt"] == "Is the request complete?"
