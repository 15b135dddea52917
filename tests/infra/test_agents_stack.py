"""Functions of the groups, and what they may do."""

import json
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import AgentLoader
from infra_cdk.agent_functions import GRACE_SECONDS, AgentFunction, agent_functions
from infra_cdk.repository import AGENT_DEFS
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stages import LOCAL, PROD
from tests.fakes.definitions import a_definition
from tests.infra.templates import GROUPS, Grant, Synthesized, text


def grants(stage: Synthesized, function: str) -> dict[str, set[str]]:
    """Actions by what they act on, as the last word of the imported name tells, log and trace rights left out."""
    found: dict[str, set[str]] = {}
    for grant in stage.grants(function, "Agents"):
        if grant.action.partition(":")[0] not in {"logs", "xray", "ec2"}:
            found.setdefault(target(grant), set()).add(grant.action)
    return found


def target(grant: Grant) -> str:
    names = ("Executions", "Outbox", "AgentMetrics", "Tokens", "ClaudeSecret", "JwtSecret", "Database")
    governing = (
        "Accounts",
        "Idempotency",
        "ResponseCache",
        "Circuits",
        "Sessions",
        "Batches",
        "Approvals",
        "Definitions",
        "AgentSwitches",
    )
    for name in (*names, *governing):
        if name in grant.resource:
            return name
    if "Payloads" in grant.resource:
        return f"Payloads/{grant.resource.partition('/')[2]}"
    return grant.resource.rpartition("local-")[2].rpartition("dev-")[2].rpartition("prod-")[2]


def test_each_group_has_one_function_that_serves_it(stage: Synthesized) -> None:
    groups = GROUPS
    functions = stage.resources("AWS::Lambda::Function", "Agents")

    assert sorted(each.properties["Environment"]["Variables"]["AGENT_GROUP"] for each in functions) == groups
    assert {each.properties["FunctionName"] for each in functions} == {
        f"AgentPlatform-{stage.stage.name}-run_agent-{group}" for group in groups
    }


def test_a_groups_function_writes_its_records_and_reads_its_key_and_nothing_else(stage: Synthesized) -> None:
    item = {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert grants(stage, "Legal") == {
        "Executions": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"},
        "Outbox": {"dynamodb:PutItem"},
        "AgentMetrics": {"dynamodb:Query", "dynamodb:UpdateItem"},
        "ClaudeSecret": {"secretsmanager:GetSecretValue"},
        "Accounts": item,
        "Idempotency": item,
        "ResponseCache": item,
        "Circuits": item,
        "Sessions": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "Batches": {"dynamodb:GetItem"},
        "Definitions": {"dynamodb:GetItem", "dynamodb:Query"},
        "AgentSwitches": {"appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"},
        "Approvals": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "Payloads/": {"s3:ListBucket"},
        "Payloads/executions/*": {"s3:GetObject", "s3:PutObject"},
        "Payloads/runs/*": {"s3:GetObject", "s3:PutObject"},
        "Payloads/batches/*": {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        "Payloads/queued/*": {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        "run_agent": {"states:StartExecution"},
    }


def test_an_agent_that_remembers_brings_the_database_to_its_group_alone(special: Synthesized) -> None:
    remembering, other = (
        special.function("BankingLending", "Agents"),
        special.function("ConstructionRealEstate", "Agents"),
    )

    assert grants(special, "BankingLending")["Database"] == {"secretsmanager:GetSecretValue"}
    assert "DATABASE_SECRET_ARN" in remembering.properties["Environment"]["Variables"]
    assert "VpcConfig" in remembering.properties
    assert any("Postgres" in text(layer) for layer in remembering.properties["Layers"])
    assert "Database" not in grants(special, "ConstructionRealEstate")
    assert "VpcConfig" not in other.properties


def test_a_dedicated_agent_has_a_warm_function_beside_its_groups(special: Synthesized) -> None:
    groups_own = special.function("CloudOperations", "Agents")
    dedicated = special.function("CloudOperationsPodCrashDiagnoser", "Agents")
    aliases = {
        text(each.properties["FunctionName"]): each.properties
        for each in special.resources("AWS::Lambda::Alias", "Agents")
    }

    assert aliases[f"<{dedicated.logical_id}>"]["ProvisionedConcurrencyConfig"] == {
        "ProvisionedConcurrentExecutions": 2
    }
    assert "ProvisionedConcurrencyConfig" not in aliases[f"<{groups_own.logical_id}>"]
    # Lambda allows a function either of the two.
    assert "SnapStart" not in dedicated.properties
    assert "SnapStart" in groups_own.properties


def test_a_function_lives_as_long_as_its_slowest_agent_may_take(special: Synthesized) -> None:
    assert special.function("ConstructionRealEstate", "Agents").properties["Timeout"] == 600 + GRACE_SECONDS
    assert special.function("CloudOperationsPodCrashDiagnoser", "Agents").properties["Timeout"] == 40 + GRACE_SECONDS


def test_a_hung_write_still_ends_before_the_function() -> None:
    """Four tries of four seconds, after an agent that took all of its time."""
    assert GRACE_SECONDS > 4 * 4
    longest = AgentDefinition.model_json_schema()["$defs"]["Limits"]["properties"]["timeout_seconds"]["maximum"]
    assert longest + GRACE_SECONDS <= 900, "Lambda's limit"


def test_an_agent_answers_before_the_gateway_cuts(cloud_stage: Synthesized, local: Synthesized) -> None:
    def deadlines(stage: Synthesized) -> set[str]:
        functions = stage.resources("AWS::Lambda::Function", "Agents")
        return {each.properties["Environment"]["Variables"]["HTTP_DEADLINE_SECONDS"] for each in functions}

    assert deadlines(cloud_stage) == {"27"}
    assert deadlines(local) == {"27"}


def test_a_group_whose_name_is_too_long_for_lambda_is_refused_by_name() -> None:
    assert len(group_function_name(PROD, "g" * 35)) == 64
    with pytest.raises(ValueError, match=rf"The group `{'g' * 36}` has 36 .*leaves 35 of Lambda's 64"):
        group_function_name(PROD, "g" * 36)
    with pytest.raises(ValueError, match="leaves 34 of"):
        group_function_name(LOCAL, "g" * 35)


def test_names_stay_inside_of_lambdas_64_characters(prod: Synthesized) -> None:
    names = [each.properties["FunctionName"] for each in prod.resources("AWS::Lambda::Function", "Agents")]

    assert max(len(name) for name in names) <= 64


def test_the_api_does_not_hold_on_to_a_group_that_goes(stage: Synthesized) -> None:
    """An export in use cannot be given up: with one, no group could ever be removed."""
    outputs = stage.templates["Agents"]["Outputs"].values()

    assert [output for output in outputs if "Export" in output] == []


def an_agent(agent_id: str, **changes: Any) -> AgentDefinition:
    fields = {**a_definition(agent_id.partition("/")[2]), "id": agent_id, **changes}
    return AgentDefinition.trusted(json.dumps(fields))


def functions_of(*definitions: AgentDefinition) -> dict[str, AgentFunction]:
    return {each.construct_id: each for each in agent_functions(definitions)}


def test_a_function_has_what_the_colleagues_of_its_agents_need_however_far_down_and_in_other_groups() -> None:
    found = functions_of(
        an_agent("air/leader", team={"mode": "parallel", "members": ["air/clerk", "post/clerk"]}, dedicated=True),
        an_agent("air/clerk"),
        an_agent("post/clerk", tools=["consult_agent"], consults=["sea/archivist"]),
        an_agent("sea/archivist", memory="long_term", limits={"timeout_seconds": 600}),
        an_agent("rail/clerk"),
    )

    assert {name: [each.id for each in function.colleagues] for name, function in found.items()} == {
        "Custom": [],
        "Air": ["post/clerk", "sea/archivist"],
        "AirLeader": ["air/clerk", "post/clerk", "sea/archivist"],
        "Post": ["sea/archivist"],
        "Rail": [],
        "Sea": [],
    }
    assert {name for name, function in found.items() if function.speaks_postgres} == {"Air", "AirLeader", "Post", "Sea"}


def test_a_colleague_does_not_lengthen_a_functions_life_because_it_works_in_the_time_of_who_asked() -> None:
    found = functions_of(
        an_agent("air/clerk", tools=["consult_agent"], consults=["sea/archivist"], limits={"timeout_seconds": 60}),
        an_agent("sea/archivist", limits={"timeout_seconds": 600}),
    )

    assert found["Air"].timeout_seconds == 60 + GRACE_SECONDS
    assert found["Sea"].timeout_seconds == 600 + GRACE_SECONDS


def test_agents_that_put_each_other_to_work_are_followed_once() -> None:
    found = functions_of(
        an_agent("air/clerk", tools=["consult_agent"], consults=["sea/clerk"]),
        an_agent("sea/clerk", tools=["consult_agent"], consults=["air/clerk"]),
    )

    assert [each.id for each in found["Air"].colleagues] == ["sea/clerk"]


def test_the_starter_teams_bring_their_members_along() -> None:
    definitions = AgentLoader(AGENT_DEFS).load_all()
    teams = [each for each in definitions if each.team]
    by_group = {each.group: each for each in agent_functions(definitions) if each.dedicated_to is None}

    assert {team.team.mode for team in teams if team.team} == {"sequential", "parallel", "supervisor", "debate"}
    for team in teams:
        function = by_group[team.group]
        assert set(team.colleagues) <= {each.id for each in (*function.agents, *function.colleagues)}


def test_without_a_definition_there_is_the_function_of_the_agents_that_people_write() -> None:
    (function,) = agent_functions([])
    assert (function.construct_id, function.timeout_seconds) == ("Custom", 330)
    assert not function.speaks_postgres
