"""State machines of background executions and batches."""

import json
from typing import Any

import pytest

from infra_cdk.repository import STATE_MACHINES
from tests.infra.templates import GROUPS, Synthesized, text


def machine(stage: Synthesized, name: str) -> dict[str, Any]:
    """The properties of a state machine by its construct's id."""
    return stage.one("AWS::StepFunctions::StateMachine", "Workflows", name).properties


def test_a_run_may_call_the_groups_functions_and_nothing_else(stage: Synthesized) -> None:
    grants = [grant for grant in stage.grants("RunAgent", "Workflows") if grant.resource != "*"]

    assert {grant.action for grant in grants} == {"lambda:InvokeFunction"}
    assert len({grant.resource for grant in grants}) == len(GROUPS)
    assert not any("*" in grant.resource for grant in grants)


def test_a_batch_may_call_the_groups_run_its_lines_and_read_their_files(stage: Synthesized) -> None:
    grants = [grant for grant in stage.grants("RunBatch", "Workflows") if grant.resource != "*"]
    calls = {grant.resource for grant in grants if grant.action == "lambda:InvokeFunction"}
    others = {(grant.action, grant.resource.rpartition("run_batch")[2]) for grant in grants} - {
        ("lambda:InvokeFunction", each.rpartition("run_batch")[2]) for each in calls
    }

    assert len(calls) == len(GROUPS) + 1
    assert {each for each in others if not each[0].startswith("s3:")} == {
        ("states:StartExecution", ""),
        ("states:DescribeExecution", ":*"),
        ("states:DescribeExecution", "/Lines:*"),
        ("states:StopExecution", ":*"),
        ("states:StopExecution", "/Lines:*"),
    }
    (reading,) = [grant for grant in grants if grant.action.startswith("s3:")]
    assert reading.action == "s3:GetObject"
    assert reading.resource.endswith("/batches/*")


def test_the_steps_around_a_batch_touch_batches_and_the_ends_of_their_executions(stage: Synthesized) -> None:
    grants = {
        (grant.action, grant.resource.partition("/")[2])
        for grant in stage.grants("Batches", "Workflows")
        if grant.action.partition(":")[0] in {"dynamodb", "s3", "states", "lambda"}
    }

    assert grants == {
        ("dynamodb:GetItem", ""),
        ("dynamodb:PutItem", ""),
        ("dynamodb:UpdateItem", ""),
        ("s3:AbortMultipartUpload", "batches/*"),
        ("s3:DeleteObject", "batches/*"),
        ("s3:GetObject", "executions/*"),
        ("s3:GetObject", "batches/*"),
        ("s3:PutObject", "batches/*"),
        ("s3:ListBucket", ""),
    }


def test_the_steps_of_an_evaluation_read_answers_and_write_evaluations(stage: Synthesized) -> None:
    grants = {
        (grant.action, table)
        for grant in stage.grants("Evaluations", "Workflows")
        for table in ("Evaluations", "Executions", "Definitions", "Payloads")
        if table in grant.resource and grant.action.partition(":")[0] in {"dynamodb", "s3"}
    }

    assert grants == {
        ("dynamodb:GetItem", "Evaluations"),
        ("dynamodb:PutItem", "Evaluations"),
        ("dynamodb:GetItem", "Executions"),
        ("dynamodb:GetItem", "Definitions"),
        ("s3:GetObject", "Payloads"),
        ("s3:ListBucket", "Payloads"),
    }


@pytest.mark.parametrize("name", ["RunAgent", "RunBatch", "EvaluateAgent"])
def test_the_name_that_a_run_forms_is_the_name_that_a_group_has(stage: Synthesized, name: str) -> None:
    values = machine(stage, name)["DefinitionSubstitutions"]
    groups = machine(stage, "RunAgent")["DefinitionSubstitutions"]["AgentGroups"].split(",")
    names = {each.properties["FunctionName"] for each in stage.resources("AWS::Lambda::Function", "Agents")}
    qualifier = ":live" if stage.stage.runs_on == "lambda" else ""

    assert {values["AgentFunctionName"].format(group) for group in groups} == {f"{each}{qualifier}" for each in names}


def test_a_dedicated_agent_is_no_group_to_a_run(special: Synthesized) -> None:
    values = machine(special, "RunAgent")["DefinitionSubstitutions"]

    assert values["AgentGroups"] == "banking-lending,cloud-operations,construction-real-estate,custom"


@pytest.mark.parametrize("name", ["RunAgent", "RunBatch", "EvaluateAgent"])
def test_runs_are_traced_and_logged_without_what_agents_said(stage: Synthesized, name: str) -> None:
    found = machine(stage, name)

    assert found["StateMachineType"] == "STANDARD"
    assert found["TracingConfiguration"]["Enabled"] is True
    assert found["LoggingConfiguration"]["Level"] == "ALL"
    assert found["LoggingConfiguration"]["IncludeExecutionData"] is False


@pytest.mark.parametrize(
    ("name", "file"), [("RunAgent", "run_agent"), ("RunBatch", "run_batch"), ("EvaluateAgent", "evaluate_agent")]
)
def test_the_definition_in_the_template_is_the_file_with_the_stages_switch(
    stage: Synthesized, name: str, file: str
) -> None:
    expected = json.loads((STATE_MACHINES / f"{file}.asl.json").read_text())
    for state in expected["States"].values():
        if state["Type"] == "Map":
            state["MaxConcurrency"] = stage.stage.batch_concurrency

    assert json.loads(text(machine(stage, name)["DefinitionString"])) == expected


def test_the_functions_that_start_a_machine_name_the_one_that_there_is(stage: Synthesized) -> None:
    names = {name: machine(stage, name)["StateMachineName"] for name in ("RunAgent", "RunBatch", "EvaluateAgent")}
    api = stage.function("Api", "Api").properties["Environment"]["Variables"]
    agents = stage.resources("AWS::Lambda::Function", "Agents")

    assert text(api["RUN_BATCH_STATE_MACHINE_ARN"]).endswith(f":stateMachine:{names['RunBatch']}")
    assert text(api["EVALUATE_AGENT_STATE_MACHINE_ARN"]).endswith(f":stateMachine:{names['EvaluateAgent']}")
    for variables in (api, *(each.properties["Environment"]["Variables"] for each in agents)):
        assert text(variables["RUN_AGENT_STATE_MACHINE_ARN"]).endswith(f":stateMachine:{names['RunAgent']}")
