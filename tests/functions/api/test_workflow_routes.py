"""Workflows through the gateway: written, checked, published, rolled back and archived by their owner alone."""

import json
from typing import Any

import boto3
import pytest
import yaml

from agent_platform.storage.step_functions import step_functions
from functions.api.workflow_models import EXAMPLE_SPEC
from tests.fakes.eventbridge import make_eventbridge, schedules_of
from tests.fakes.gateway import Answer
from tests.functions.api.conftest import Person, Platform
from tests.functions.api.workflow_documents import SPEC, WORKFLOWS, create, published, source


@pytest.fixture
def ada(platform: Platform) -> Person:
    step_functions.cache_clear()
    return platform.person()


def act(platform: Platform, who: Person, workflow_id: str, action: str, body: Any = None) -> Answer:
    return platform.gateway.post(f"{WORKFLOWS}/{workflow_id}/{action}", body, token=who.access_token)


def machine(workflow: dict[str, Any]) -> dict[str, Any]:
    """The state machine of a workflow as Step Functions has it."""
    client = boto3.client("stepfunctions")
    (arn,) = [
        each["stateMachineArn"]
        for each in client.list_state_machines()["stateMachines"]
        if each["name"].startswith(f"platform-wf-{workflow['name']}-")
    ]
    found = client.describe_state_machine(stateMachineArn=arn)
    return {**found, "definition": json.loads(found["definition"])}


def test_a_workflow_is_made_as_a_draft_and_keeps_its_source(platform: Platform, ada: Person) -> None:
    text = f"# Mine\n{source()}"
    made = platform.gateway.post(WORKFLOWS, {"source": text}, token=ada.access_token)
    assert (made.status, made.headers["location"]) == (201, f"{WORKFLOWS}/{made.json['id']}")
    shown = made.json
    assert (shown["source"], shown["source_format"], shown["spec"]) == (text, "yaml", SPEC)
    assert (shown["status"], shown["version"], shown["live_version"], shown["latest_version"]) == ("draft", 1, None, 1)
    assert (shown["owner"], shown["steps"], shown["tags"]) == ("me", 2, ["contracts"])
    assert (shown["input_schema"], shown["example"]) == (SPEC["input"], SPEC["example"])
    assert [node["id"] for node in shown["graph"]["nodes"]] == ["start", "review", "sign_off", "end"]
    assert platform.gateway.get(made.headers["location"], token=ada.access_token).json == shown


def test_a_spec_may_come_as_an_object(platform: Platform, ada: Person) -> None:
    made = platform.gateway.post(WORKFLOWS, {"spec": SPEC}, token=ada.access_token).json
    assert (made["source_format"], json.loads(made["source"]), made["spec"]) == ("json", SPEC, SPEC)


def test_the_dry_run_compiles_and_stores_nothing(platform: Platform, ada: Person) -> None:
    checked = platform.gateway.post(f"{WORKFLOWS}/validate", {"source": source()}, token=ada.access_token)
    assert checked.status == 200
    found = checked.json
    assert found["asl"]["StartAt"] in found["asl"]["States"]
    assert {"Review", "Sign off"} <= set(found["asl"]["States"])
    assert found["bytes"] > 1000
    assert (found["input_schema"], found["agents"]) == (SPEC["input"], ["legal/nda-reviewer"])
    assert found["output_schema"]["properties"].keys() == {"text"}
    assert {"source": "start", "target": "review", "label": None} in found["graph"]["edges"]
    assert platform.gateway.get(WORKFLOWS, token=ada.access_token).json["items"] == []


def test_every_fault_is_told_at_once_with_step_and_field(platform: Platform, ada: Person) -> None:
    steps = [
        {"id": "review", "kind": "agent", "agent": "legal/nobody", "input": {"text": "${input.colour}"}},
        {
            "id": "sign_off",
            "kind": "approval",
            "message": "Sign?",
            "approvers": {"owner": True},
            "on_reject": {"go_to": "review"},
        },
    ]
    for path in (WORKFLOWS, f"{WORKFLOWS}/validate"):
        refused = platform.gateway.post(path, {"source": source(steps=steps, output=None)}, token=ada.access_token)
        assert (refused.status, refused.code) == (422, "workflow_invalid")
        fields = {fault["field"] for fault in refused.json["errors"]}
        assert {"steps.review.agent", "steps.review.input.text", "steps.sign_off.on_reject.go_to"} <= fields
    assert platform.gateway.get(WORKFLOWS, token=ada.access_token).json["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_input"),
        ({"source": source(), "spec": SPEC}, 422, "invalid_input"),
        ({"source": ""}, 422, "invalid_input"),
        ({"source": 1}, 422, "invalid_input"),
        ({"spec": []}, 422, "invalid_input"),
        ({"source": source(), "publish": True}, 422, "invalid_input"),
        ({"source": "\ud800"}, 422, "invalid_input"),
        ({"spec": SPEC | {"title": "a \ud800"}}, 422, "invalid_input"),
        ({"source": source() + "\0"}, 422, "workflow_invalid"),
        ({"spec": SPEC | {"title": "NUL \0"}}, 422, "workflow_invalid"),
        ({"spec": SPEC | {"example": {"text": "NUL \0"}}}, 422, "workflow_invalid"),
        ({"source": "- a list"}, 422, "workflow_invalid"),
        ({"source": "a: &x [1]\nb: *x"}, 422, "workflow_invalid"),
        ({"source": "!!python/object/apply:os.system [ls]"}, 422, "workflow_invalid"),
        ({"source": 'name: "NUL \\0 in it"'}, 422, "workflow_invalid"),
        ({"source": source() + "# " + "x" * 1_000_000}, 413, "payload_too_large"),
        ({"spec": SPEC | {"description": "x" * 2_000_000}}, 413, "payload_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_be_no_spec_is_refused(
    platform: Platform, ada: Person, body: dict[str, Any], status: int, code: str
) -> None:
    refused = platform.gateway.post(WORKFLOWS, body, token=ada.access_token)
    assert (refused.status, refused.code) == (status, code)


def test_a_nul_that_a_text_spells_out_is_refused_and_stored_nowhere(platform: Platform, ada: Person) -> None:
    text = source().replace("title: Review an NDA", r'title: "Review\0 an NDA"')
    assert platform.gateway.post(WORKFLOWS, {"source": text}, token=ada.access_token).code == "workflow_invalid"
    text = source().replace("text: A clause.", r'text: "A\0 clause."')
    assert platform.gateway.post(WORKFLOWS, {"source": text}, token=ada.access_token).code == "workflow_invalid"


def test_a_name_is_taken_once(platform: Platform, ada: Person) -> None:
    create(platform, ada)
    refused = create(platform, ada)
    assert (refused.status, refused.code) == (409, "workflow_name_taken")
    assert create(platform, platform.person("eve@example.com")).status == 201


def test_publishing_makes_a_machine_and_a_version_that_is_live(platform: Platform, ada: Person) -> None:
    made = create(platform, ada).json
    live = act(platform, ada, made["id"], "publish")
    assert live.status == 200
    assert (live.json["status"], live.json["live_version"], live.json["version"]) == ("published", 1, 1)
    found = machine(live.json)
    assert found["roleArn"] == platform.settings.workflow_role_arn
    assert {"Review", "Sign off"} <= set(found["definition"]["States"])


def test_a_newer_version_is_a_draft_until_it_is_published_and_can_be_rolled_back(
    platform: Platform, ada: Person
) -> None:
    workflow_id = published(platform, ada)
    added = act(platform, ada, workflow_id, "versions", {"source": source(title="Review it well")})
    assert (added.status, added.headers["location"]) == (201, f"{WORKFLOWS}/{workflow_id}/versions/2")
    assert (added.json["version"], added.json["live_version"], added.json["title"]) == (2, 1, "Review it well")
    shown = platform.gateway.get(f"{WORKFLOWS}/{workflow_id}", token=ada.access_token).json
    assert (shown["version"], shown["title"], shown["latest_version"]) == (1, "Review an NDA", 2)

    assert act(platform, ada, workflow_id, "publish", {"version": 2}).json["title"] == "Review it well"
    versions = platform.gateway.get(f"{WORKFLOWS}/{workflow_id}/versions", token=ada.access_token).json["items"]
    assert [(each["version"], each["live"]) for each in versions] == [(2, True), (1, False)]
    assert all(each["published_at"] and each["created_by"] == ada.id for each in versions)

    assert act(platform, ada, workflow_id, "rollback").json["live_version"] == 1
    assert act(platform, ada, workflow_id, "rollback").json["live_version"] == 2
    assert act(platform, ada, workflow_id, "rollback", {"version": 1}).json["live_version"] == 1


def test_one_version_is_shown_with_what_it_compiles_to(platform: Platform, ada: Person) -> None:
    workflow_id = published(platform, ada)
    act(platform, ada, workflow_id, "versions", {"spec": SPEC | {"title": "Review it well"}})
    path = f"{WORKFLOWS}/{workflow_id}/versions"
    first = platform.gateway.get(f"{path}/1", token=ada.access_token).json
    second = platform.gateway.get(f"{path}/2", token=ada.access_token).json
    assert (first["live"], first["source"], first["source_format"]) == (True, source(), "yaml")
    assert (second["live"], second["spec"]["title"], second["source_format"]) == (False, "Review it well", "json")
    assert first["asl"] == machine(first["spec"])["definition"]
    absent = platform.gateway.get(f"{path}/3", token=ada.access_token)
    assert (absent.status, absent.code) == (404, "workflow_not_found")


def test_what_was_never_live_cannot_be_rolled_back(platform: Platform, ada: Person) -> None:
    workflow_id = create(platform, ada).json["id"]
    refused = act(platform, ada, workflow_id, "rollback")
    assert (refused.status, refused.code) == (409, "workflow_not_published")
    assert act(platform, ada, workflow_id, "publish", {"version": 2}).code == "workflow_not_found"
    assert act(platform, ada, workflow_id, "publish", {"version": 0}).code == "invalid_input"
    assert act(platform, ada, workflow_id, "publish", {"version": "1"}).code == "invalid_input"


def test_an_archived_workflow_starts_nothing_and_loses_its_triggers(platform: Platform, ada: Person) -> None:
    make_eventbridge()
    workflow_id = published(platform, ada)
    order = {"workflow_id": workflow_id, "schedule": {"rate": "1 day"}, "input": {"text": "x"}}
    assert platform.gateway.post("/api/v1/triggers", order, token=ada.access_token).status == 201
    for _ in range(2):
        archived = act(platform, ada, workflow_id, "archive")
        assert (archived.status, archived.json["status"]) == (200, "archived")
    assert schedules_of() == []
    assert platform.gateway.get("/api/v1/triggers", token=ada.access_token).json["items"] == []
    for action, body in (
        ("runs", {"input": {"text": "x"}}),
        ("publish", None),
        ("versions", {"source": source()}),
        ("rollback", {"version": 1}),
    ):
        refused = act(platform, ada, workflow_id, action, body)
        assert (refused.status, refused.code) == (409, "workflow_archived"), action
    assert create(platform, ada).status == 201


def test_lists_hold_what_is_found_page_by_page(platform: Platform, ada: Person) -> None:
    for number in range(3):
        create(platform, ada, name=f"review-{'abc'[number]}", title=f"Review number {number}")
    page = platform.gateway.get(WORKFLOWS, token=ada.access_token, query="limit=2").json
    rest = platform.gateway.get(WORKFLOWS, token=ada.access_token, query=f"limit=2&cursor={page['next_cursor']}").json
    assert [each["name"] for each in (*page["items"], *rest["items"])] == ["review-c", "review-b", "review-a"]
    assert rest["next_cursor"] is None
    found = platform.gateway.get(WORKFLOWS, token=ada.access_token, query="q=number+1").json["items"]
    assert [each["title"] for each in found] == ["Review number 1"]
    for query in ("q=%00", "limit=0", f"cursor={page['next_cursor']}&q=number", "cursor=x"):
        assert platform.gateway.get(WORKFLOWS, token=ada.access_token, query=query).status in (400, 422), query


def test_an_unchanged_workflow_is_not_sent_again(platform: Platform, ada: Person) -> None:
    path = create(platform, ada).headers["location"]
    etag = platform.gateway.get(path, token=ada.access_token).headers["etag"]
    again = platform.gateway.get(path, token=ada.access_token, headers={"If-None-Match": etag})
    assert (again.status, again.text) == (304, "")


def test_the_workflow_of_somebody_else_does_not_exist(platform: Platform, ada: Person) -> None:
    workflow_id = published(platform, ada)
    eve = platform.person("eve@example.com")
    paths = ("", "/versions", "/versions/1")
    answers = [platform.gateway.get(f"{WORKFLOWS}/{workflow_id}{path}", token=eve.access_token) for path in paths]
    for action, body in (
        ("versions", {"source": source()}),
        ("publish", None),
        ("rollback", None),
        ("archive", None),
        ("runs", {"input": {"text": "x"}}),
    ):
        answers.append(act(platform, eve, workflow_id, action, body))
    assert {(each.status, each.code) for each in answers} == {(404, "workflow_not_found")}
    assert platform.gateway.get(WORKFLOWS, token=eve.access_token).json["items"] == []
    for wrong in ("nobody", "..", "0" * 100):
        assert platform.gateway.get(f"{WORKFLOWS}/{wrong}", token=ada.access_token).status == 404


def test_the_example_of_the_documentation_is_a_workflow(platform: Platform, ada: Person) -> None:
    assert platform.gateway.post(WORKFLOWS, {"source": EXAMPLE_SPEC}, token=ada.access_token).status == 201
    assert yaml.safe_load(EXAMPLE_SPEC)["name"] == "tidy-numbers"
