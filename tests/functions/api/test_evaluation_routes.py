"""Evaluations through the gateway: who may start one, what it is, and who may read it."""

import json

import boto3
import pytest

from agent_platform.storage.definitions import VersionedDefinition
from agent_platform.storage.step_functions import StateMachine, step_functions
from tests.functions.api.conftest import Person, Platform

EVALUATIONS = "/api/v1/evaluations"
NDA = "legal/nda-reviewer"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def machine(platform: Platform) -> StateMachine:
    """The state machine of evaluations, which only takes note of its runs."""
    step_functions.cache_clear()
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
    role = "arn:aws:iam::123456789012:role/states"
    boto3.client("stepfunctions").create_state_machine(name="evaluate_agent", definition=definition, roleArn=role)
    return platform.services.evaluate_agent


def test_an_evaluation_is_accepted_runs_and_can_be_watched_by_others(
    platform: Platform, ada: Person, machine: StateMachine
) -> None:
    made = platform.gateway.post(EVALUATIONS, {"agent_id": NDA, "judge": True}, token=ada.access_token)

    assert (made.status, made.json["status"], made.json["agent_version"]) == (202, "running", "1.0.0")
    assert made.headers["location"] == f"{EVALUATIONS}/{made.json['id']}"
    assert machine.status(made.json["id"]) == "RUNNING"
    grace = platform.person("grace@example.com")
    seen = platform.gateway.get(made.headers["location"], token=grace.access_token)
    assert (seen.status, seen.json["judge"], seen.headers["retry-after"]) == (200, True, "2")
    listed = platform.gateway.get(EVALUATIONS, token=grace.access_token, query=f"agent={NDA}").json
    assert [each["id"] for each in listed["items"]] == [made.json["id"]]


def test_an_older_version_is_evaluated_as_it_was_deployed(
    platform: Platform, ada: Person, machine: StateMachine
) -> None:
    today = platform.services.catalogue.get(NDA)
    older = today.model_copy(update={"version": "0.9.0"}).model_dump_json()
    platform.services.versions._kept.keep([VersionedDefinition(NDA, "0.9.0", older)], replace=False)  # type: ignore[union-attr]

    made = platform.gateway.post(EVALUATIONS, {"agent_id": NDA, "version": "0.9.0"}, token=ada.access_token)
    never = platform.gateway.post(EVALUATIONS, {"agent_id": NDA, "version": "7.0.0"}, token=ada.access_token)

    assert (made.status, made.json["agent_version"]) == (202, "0.9.0")
    assert (never.status, never.json["code"]) == (404, "agent_version_not_found")


def test_one_that_was_stopped_is_told_as_failed(platform: Platform, ada: Person, machine: StateMachine) -> None:
    made = platform.gateway.post(EVALUATIONS, {"agent_id": NDA}, token=ada.access_token).json
    machine.stop(made["id"], "by an operator")

    seen = platform.gateway.get(f"{EVALUATIONS}/{made['id']}", token=ada.access_token).json

    assert (seen["status"], seen["error"]["code"]) == ("failed", "interrupted")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"agent_id": "legal/nobody"}, 404, "agent_not_found"),
        ({"agent_id": "Legal"}, 422, "invalid_input"),
        ({"agent_id": NDA, "version": "one"}, 422, "invalid_input"),
        ({"agent_id": NDA, "judge": "yes"}, 422, "invalid_input"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    platform: Platform, ada: Person, body: dict[str, object], status: int, code: str
) -> None:
    answer = platform.gateway.post(EVALUATIONS, body, token=ada.access_token)

    assert (answer.status, answer.json["code"]) == (status, code)


def test_a_key_evaluates_the_agents_that_it_may_execute_and_no_others(
    platform: Platform, ada: Person, machine: StateMachine
) -> None:
    asked = {"name": "nightly", "scopes": ["agents:execute"], "agents": ["legal/*"], "expires_in_days": 1}
    key = platform.gateway.post("/api/v1/keys", asked, token=ada.access_token).json["key"]

    own = platform.gateway.post(EVALUATIONS, {"agent_id": NDA}, token=key)
    other = platform.gateway.post(EVALUATIONS, {"agent_id": "sales/quote-checker"}, token=key)

    assert (own.status, other.status) == (202, 403)


def test_there_is_no_evaluation_by_an_unknown_id(platform: Platform, ada: Person) -> None:
    answer = platform.gateway.get(f"{EVALUATIONS}/nothing", token=ada.access_token)

    assert (answer.status, answer.json["code"]) == (404, "evaluation_not_found")
