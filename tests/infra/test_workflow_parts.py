"""What workflows need: their role, the shipped machines, their functions, what starts and follows their runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from agent_platform.workflows import shipped_files
from infra_cdk.repository import ROOT
from infra_cdk.stages import DEV, LOCAL
from infra_cdk.workflows.role import WorkflowRole
from infra_cdk.workflows.shipped import ShippedWorkflows
from tests.infra.templates import GROUPS, Grant, Resource, Synthesized, text

OWN = {"logs", "xray", "ec2"}
"""Services that every function writes to, or that Lambda uses in its name."""


def grants(stage: Synthesized, named: str, component: str) -> set[tuple[str, str]]:
    """Actions by what they act on: a table, an index, a prefix of the bucket, a kind of ARN."""
    return {
        (grant.action, target(grant))
        for grant in stage.grants(named, component)
        if grant.action.partition(":")[0] not in OWN
    }


def target(grant: Grant) -> str:
    tables = ("Executions", "Outbox", "Runs", "Approvals", "DeadLetters", "Tokens")
    for table in tables:
        if f"Tables{table}" in grant.resource:
            return f"{table}{grant.resource.partition('/index')[2]}"
    if "Payloads" in grant.resource:
        return f"Payloads/{grant.resource.partition('/')[2]}"
    if ":states:" in grant.resource:
        kind, name = grant.resource.rsplit(":", 2)[1:]
        return f"{kind}:{name.removeprefix('AgentPlatform-dev')}"
    return grant.resource


def of_services(found: set[tuple[str, str]], *services: str) -> set[tuple[str, str]]:
    return {each for each in found if each[0].partition(":")[0] in services}


def variables(function: Resource) -> dict[str, str]:
    return {name: text(value) for name, value in function.properties["Environment"]["Variables"].items()}


def workflow_role(stage: Synthesized) -> Resource:
    return stage.one("AWS::IAM::Role", "Workflows", "WorkflowRole")


def test_a_workflow_calls_the_groups_and_the_steps_function_and_runs_nothing_but_workflows(dev: Synthesized) -> None:
    found = [each for each in dev.grants("Workflow", "Workflows") if each.resource != "*"]
    calls = {each.resource for each in found if each.action == "lambda:InvokeFunction"}

    assert len(calls) == len(GROUPS) + 1
    assert not any("*" in each for each in calls)
    assert {(each.action, target(each)) for each in found if each.action.startswith(("s3:", "states:"))} == {
        ("s3:GetObject", "Payloads/runs/*"),
        ("states:StartExecution", "stateMachine:-wf-*"),
        ("states:DescribeExecution", "execution:-wf-*"),
        ("states:RedriveExecution", "execution:-wf-*"),
        ("states:StopExecution", "execution:-wf-*"),
    }
    rules = [each for each in found if each.action.startswith("events:")]
    assert {each.action for each in rules} == {"events:DescribeRule", "events:PutRule", "events:PutTargets"}
    (rule,) = {each.resource for each in rules}
    assert rule.endswith(":rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")


def test_only_step_functions_of_this_account_takes_the_role_of_workflows(stage: Synthesized) -> None:
    (statement,) = workflow_role(stage).properties["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_steps_that_ask_no_agent_touch_runs_approvals_and_what_those_refer_to(dev: Synthesized) -> None:
    assert grants(dev, "WorkflowStep", "Workflows") == {
        ("dynamodb:GetItem", "Runs"),
        ("dynamodb:PutItem", "Runs"),
        ("dynamodb:PutItem", "Outbox"),
        ("dynamodb:Query", "Executions/by_run"),
        ("dynamodb:Query", "Approvals/by_run"),
        *((f"dynamodb:{action}Item", "Approvals") for action in ("ConditionCheck", "Delete", "Get", "Put")),
        ("s3:GetObject", "Payloads/runs/*"),
        ("s3:PutObject", "Payloads/runs/*"),
        ("s3:GetObject", "Payloads/executions/*"),
        ("s3:ListBucket", "Payloads/"),
        ("states:DescribeExecution", "execution:-wf-*"),
        ("states:SendTaskSuccess", "*"),
    }


def test_the_tracker_ends_runs_begins_forgotten_ones_and_delivers_decisions(dev: Synthesized) -> None:
    found = grants(dev, "TrackingTrackWorkflow", "Workflows")

    assert of_services(found, "states", "sqs") == {
        ("states:StartExecution", "stateMachine:-wf-*"),
        ("states:DescribeExecution", "execution:-wf-*"),
        ("states:GetExecutionHistory", "execution:-wf-*"),
        ("states:RedriveExecution", "execution:-wf-*"),
        ("states:SendTaskSuccess", "*"),
        ("sqs:SendMessage", f"<{dead_letters(dev, 'Workflows').logical_id}.Arn>"),
    }
    assert of_services(found, "dynamodb") == {
        ("dynamodb:GetItem", "Runs"),
        ("dynamodb:PutItem", "Runs"),
        ("dynamodb:Query", "Runs/open_runs"),
        ("dynamodb:PutItem", "Outbox"),
        ("dynamodb:Query", "Executions/by_run"),
        *((f"dynamodb:{action}Item", "Approvals") for action in ("ConditionCheck", "Delete", "Get", "Put")),
        ("dynamodb:Query", "Approvals/by_run"),
        ("dynamodb:Query", "Approvals/by_candidate"),
        ("dynamodb:Query", "DeadLetters/by_state"),
    }


def dead_letters(stage: Synthesized, component: str) -> Resource:
    return stage.one("AWS::SQS::Queue", component)


def test_a_trigger_starts_runs_and_reads_its_owner_from_the_database(dev: Synthesized) -> None:
    found = grants(dev, "TriggersTriggerWorkflow", "Api")

    assert of_services(found, "states", "dynamodb", "s3") == {
        ("states:StartExecution", "stateMachine:-wf-*"),
        # Whether the API key that made the trigger still holds.
        ("dynamodb:GetItem", "Tokens"),
        ("dynamodb:GetItem", "Runs"),
        ("dynamodb:PutItem", "Runs"),
        ("dynamodb:PutItem", "Outbox"),
        ("dynamodb:Query", "Approvals/by_run"),
        ("dynamodb:Query", "Executions/by_run"),
        ("s3:GetObject", "Payloads/runs/*"),
        ("s3:PutObject", "Payloads/runs/*"),
        ("s3:ListBucket", "Payloads/"),
    }
    (secret,) = of_services(found, "secretsmanager")
    assert "Database" in secret[1]


def test_the_control_plane_makes_machines_and_runs_of_workflows_only(dev: Synthesized) -> None:
    found = of_services(grants(dev, "Api", "Api"), "states")

    assert {each for each in found if "-wf-" in each[1]} == {
        *((f"states:{action}", "stateMachine:-wf-*") for action in MAKING),
        *((f"states:{action}", "execution:-wf-*") for action in FOLLOWING),
        ("states:DescribeMapRun", "mapRun:-wf-*"),
    }


MAKING = (
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "PublishStateMachineVersion",
    "StartExecution",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
)
FOLLOWING = ("DescribeExecution", "GetExecutionHistory", "ListMapRuns", "RedriveExecution", "StopExecution")


def test_the_control_plane_gives_two_roles_away_each_to_one_service(stage: Synthesized) -> None:
    policies = stage.policies("Api", "Api")
    passed = {
        statement["Condition"]["StringEquals"]["iam:PassedToService"]: text(statement["Resource"])
        for policy in policies
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    }

    assert set(passed) == {"scheduler.amazonaws.com", "states.amazonaws.com"}
    assert workflow_role(stage).logical_id in passed["states.amazonaws.com"]
    assert "SchedulerRole" in passed["scheduler.amazonaws.com"]
    assert not any("*" in each for each in passed.values())
    assert {each.action for each in stage.grants("Api", "Api") if each.action.startswith("iam:")} == {"iam:PassRole"}


def test_the_control_plane_makes_schedules_of_one_group_and_rules_of_one_prefix(stage: Synthesized) -> None:
    found = [each for each in stage.grants("Api", "Api") if each.action.startswith(("scheduler:", "events:"))]
    group = stage.one("AWS::Scheduler::ScheduleGroup").properties["Name"]

    assert {(each.action, each.resource.rpartition(":")[2].rpartition("/")[2]) for each in found} == {
        *((f"scheduler:{action}Schedule", "*") for action in ("Create", "Update", "Delete")),
        *(
            (f"events:{action}", f"{stage.stage.prefix}-trigger-*")
            for action in ("PutRule", "PutTargets", "EnableRule", "RemoveTargets", "DeleteRule")
        ),
    }
    assert all(f":schedule/{group}/" in each.resource for each in found if each.action.startswith("scheduler:"))


def test_a_schedule_may_call_one_function_and_tell_what_it_could_not_deliver(stage: Synthesized) -> None:
    found = {each.action: each.resource for each in stage.grants("TriggersScheduler", "Api")}

    assert set(found) == {"lambda:InvokeFunction", "sqs:SendMessage"}
    assert "TriggerWorkflow" in found["lambda:InvokeFunction"]
    assert "*" not in "".join(found.values())


def test_rules_of_users_may_call_one_function_and_their_dead_letters_are_taken(stage: Synthesized) -> None:
    (permission,) = [
        each.properties
        for each in stage.resources("AWS::Lambda::Permission", "Api")
        if each.properties["Principal"] == "events.amazonaws.com" and "-trigger-" in text(each.properties["SourceArn"])
    ]
    queues = stage.resources("AWS::SQS::QueuePolicy", "Api")
    statements = [each for queue in queues for each in queue.properties["PolicyDocument"]["Statement"]]
    (taken,) = [each for each in statements if each["Effect"] == "Allow"]

    assert "TriggerWorkflow" in text(permission["FunctionName"])
    assert text(permission["SourceArn"]).endswith(f"/{stage.stage.prefix}-trigger-*")
    assert taken["Condition"] == {"ArnLike": {"aws:SourceArn": permission["SourceArn"]}}


def test_the_end_of_a_run_of_any_workflow_reaches_the_tracker_and_nothing_else_does(stage: Synthesized) -> None:
    rule = stage.one("AWS::Events::Rule", "Workflows", "TrackingRunOver").properties
    pattern = rule["EventPattern"]
    (machines,) = pattern["detail"]["stateMachineArn"]

    assert "EventBusName" not in rule, "AWS tells what happened on the account's default bus"
    assert pattern["source"] == ["aws.states"]
    assert pattern["detail-type"] == ["Step Functions Execution Status Change"]
    assert set(pattern["detail"]["status"]) == {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
    assert text(machines["prefix"]).endswith(f":stateMachine:{stage.stage.prefix}-wf-")


def test_four_times_an_hour_somebody_looks_after_what_nobody_was_told_of(stage: Synthesized) -> None:
    rule = stage.one("AWS::Events::Rule", "Workflows", "TrackingSweep").properties

    assert rule["ScheduleExpression"] == "rate(15 minutes)"
    assert [json.loads(each["Input"]) for each in rule["Targets"]] == [{"sweep": True}]


def test_the_control_plane_names_what_there_is(stage: Synthesized) -> None:
    told = variables(stage.function("Api", "Api"))
    qualifier = ":live" if stage.stage.runs_on == "lambda" else ""
    names = {each.properties.get("FunctionName") for each in stage.resources("AWS::Lambda::Function")}

    assert told["WORKFLOW_MACHINE_PREFIX"] == f"{stage.stage.prefix}-wf-"
    assert told["STATE_MACHINE_ARN_BASE"].endswith(":stateMachine:")
    for name in (told["WORKFLOW_STEP_FUNCTION_NAME"], told["AGENT_FUNCTION_NAME"].format(group="legal")):
        assert name.endswith(qualifier)
        assert name.removesuffix(qualifier) in names
    assert workflow_role(stage).logical_id in told["WORKFLOW_ROLE_ARN"]
    assert told["SCHEDULE_GROUP"] == stage.one("AWS::Scheduler::ScheduleGroup").properties["Name"]


def test_the_migration_knows_what_the_machines_of_shipped_workflows_are_called(stage: Synthesized) -> None:
    migration, api = stage.function("MigrateDatabase", "Api"), stage.function("Api", "Api")

    for name in ("STATE_MACHINE_ARN_BASE", "WORKFLOW_MACHINE_PREFIX"):
        assert variables(migration)[name] == variables(api)[name]


def shipped(stage: Synthesized) -> dict[str, dict[str, Any]]:
    found = stage.resources("AWS::StepFunctions::StateMachine", "Workflows")
    machines = {each.properties["StateMachineName"]: each.properties for each in found}
    prefix = f"{stage.stage.prefix}-wf-"
    return {name.removeprefix(prefix): each for name, each in machines.items() if name.startswith(prefix)}


def test_every_shipped_workflow_is_a_machine_under_the_one_role_with_the_one_log(stage: Synthesized) -> None:
    machines = shipped(stage)

    assert set(machines) == {path.stem for path in shipped_files.spec_files(ROOT)}
    for machine in machines.values():
        (destination,) = machine["LoggingConfiguration"]["Destinations"]
        assert workflow_role(stage).logical_id in text(machine["RoleArn"])
        assert "WorkflowLogs" in text(destination["CloudWatchLogsLogGroup"]["LogGroupArn"])
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert machine["TracingConfiguration"]["Enabled"] is True


def test_a_template_stays_below_the_megabyte_that_cloudformation_takes(stage: Synthesized) -> None:
    sizes = {path.name: path.stat().st_size for path in stage.assembly.glob("*.template.json")}

    assert {name: size for name, size in sizes.items() if size > 900_000} == {}


def test_a_new_file_is_a_new_machine_whose_templates_are_left_as_they_are(tmp_path: Path) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": "${AgentFunctionPrefix}legal${AgentFunctionQualifier}",
            "Payload": {"template": {"text": "${input.text}"}},
        },
        "End": True,
    }
    write(tmp_path, "review-contract", {"StartAt": "Review", "States": {"Review": task}})

    (machine,) = machines_of(tmp_path)

    definition = json.loads(text(machine["DefinitionString"]))
    assert machine["StateMachineName"] == "AgentPlatform-dev-wf-review-contract"
    assert definition["States"]["Review"]["Parameters"] == {
        "FunctionName": "AgentPlatform-dev-run_agent-legal:live",
        "Payload": {"template": {"text": "${input.text}"}},
    }
    assert "DefinitionSubstitutions" not in machine


def test_a_spec_that_was_not_compiled_is_named_with_its_remedy(tmp_path: Path) -> None:
    write(tmp_path, "review-contract", None)

    with pytest.raises(ValueError, match=r"review_contract\.asl\.json is missing: .*make"):
        machines_of(tmp_path)


def write(root: Path, name: str, definition: dict[str, Any] | None) -> None:
    spec = root / shipped_files.SPECS / f"{name}.yaml"
    spec.parent.mkdir(parents=True)
    spec.write_text("{}")
    if definition is not None:
        shipped_files.definition_file(root, name).write_text(json.dumps(definition))


def machines_of(root: Path) -> list[dict[str, Any]]:
    app = App(analytics_reporting=False)
    stack = Stack(app, "Workflows")
    runs_as = WorkflowRole(stack, "Workflow", stage=DEV, calls=["arn:aws:lambda:::function:f"], manifests="arn:aws:s3")
    ShippedWorkflows(stack, "Shipped", stage=DEV, runs_as=runs_as, root=root)
    resources = app.synth().get_stack_artifact(stack.artifact_id).template["Resources"].values()
    return [each["Properties"] for each in resources if each["Type"] == "AWS::StepFunctions::StateMachine"]


def test_a_machines_name_has_room_for_the_longest_name_of_a_workflow() -> None:
    """80 characters (Step Functions API reference, CreateStateMachine)."""
    assert len(f"{LOCAL.prefix}-wf-") + 50 <= 80
