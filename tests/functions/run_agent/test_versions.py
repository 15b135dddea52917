"""An agent in a version that was deployed before: executed by its own schemas, listed, and told apart."""

import json
from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition
from tests.fakes.aws import DEFINITIONS_TABLE
from tests.functions.run_agent.conftest import AGENT, PATH, Function


@pytest.fixture
def old(catalogue: Catalogue, function: Function) -> dict[str, Any]:
    """Version 0.9.0, which asks for less and answers otherwise."""
    document = catalogue.get(AGENT).model_dump(mode="json")
    document |= {
        "version": "0.9.0",
        "input": {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}},
        "output": {
            "type": "object",
            "additionalProperties": False,
            "required": ["payable"],
            "properties": {"payable": {"type": "boolean"}},
        },
        "example": {"input": {"total": 1}, "output": {"payable": True}},
    }
    kept = DefinitionRepository(DEFINITIONS_TABLE)
    kept.keep([VersionedDefinition(AGENT, "0.9.0", json.dumps(document))], replace=False)
    return document


def test_an_older_version_is_executed_by_its_own_schemas(function: Function, old: dict[str, Any]):
    answer = function.execute({"input": {"total": 12.5}}, query="version=0.9.0")
    assert answer.status == 200
    assert (answer.json["agent_version"], set(answer.json["output"])) == ("0.9.0", {"payable"})
    assert function.execute({"input": {"total": 12.5}}).status == 422, "today's asks for more"


def test_todays_version_may_be_named(function: Function, example: dict[str, Any]):
    assert function.execute({"input": example}, query="version=1.0.0").json["agent_version"] == "1.0.0"


def test_a_version_that_was_never_deployed_is_not_found(function: Function, example: dict[str, Any], old: Any):
    answer = function.execute({"input": example}, query="version=7.0.0")
    assert (answer.status, answer.json["code"]) == (404, "agent_version_not_found")
    assert f"GET /api/v1/agents/{AGENT}/versions" in answer.json["detail"]


@pytest.mark.parametrize("version", ["latest", "1", "1.0", "01.0.0", "1.0.0%20", "x" * 30])
def test_what_is_no_version_is_refused_by_name(function: Function, example: dict[str, Any], version: str):
    answer = function.execute({"input": example}, query=f"version={version}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "query.version")


def test_info_shows_the_schemas_of_the_version_that_is_asked_for(function: Function, old: dict[str, Any]):
    assert function.get(query="version=0.9.0").json["input"] == old["input"]
    assert function.get().json["version"] == "1.0.0"


def test_the_versions_are_listed_the_highest_first_with_the_current_one(function: Function, old: dict[str, Any]):
    listed = function.get(f"{PATH}/versions").json
    assert listed["current"] == "1.0.0"
    assert [each["version"] for each in listed["items"]] == ["1.0.0", "0.9.0"]


def test_one_key_for_two_versions_is_another_request(function: Function, example: dict[str, Any], old: Any):
    headers = {"Idempotency-Key": "k-1"}
    body = {"input": {"total": 1}}
    assert function.execute(body, query="version=0.9.0", headers=headers).status == 200
    assert function.execute(body, query="version=0.9.0", headers=headers).headers["idempotency-replayed"] == "true"
    assert function.execute(body, headers=headers).status == 422


def test_a_direct_invoke_may_name_a_version(function: Function, old: dict[str, Any]):
    principal = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"]}
    done = function.invoke({"agent_id": AGENT, "version": "0.9.0", "input": {"total": 1}, "principal": principal})
    assert done["agent_version"] == "0.9.0"
