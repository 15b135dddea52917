"""Runs through the gateway: started once for a name, shown with their steps, stopped and retried by their owner."""

from typing import Any

import pytest

from agent_platform.storage.step_functions import step_functions
from agent_platform.storage.workflow_machines import execution_arn
from tests.fakes.gateway import Answer
from tests.fakes.machines import MachinesInMemory
from tests.functions.api.conftest import PASSWORD, Person, Platform
from tests.functions.api.workflow_documents import RUNS, SPEC, WORKFLOWS, create, published, start


@pytest.fixture
def machines(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MachinesInMemory:
    """Step Functions publishes as ever; what becomes of executions is up to the test."""
    step_functions.cache_clear()
    found = MachinesInMemory()
    manager = platform.services.workflows
    monkeypatch.setattr(manager._runs, "machines", found)
    monkeypatch.setattr(manager._history, "_machines", found)
    return found


@pytest.fixture
def ada(platform: Platform, machines: MachinesInMemory) -> Person:
    return platform.person()


@pytest.fixture
def workflow(platform: Platform, ada: Person) -> str:
    return published(platform, ada)


def get(platform: Platform, who: Person, run_id: str) -> Answer:
    return platform.gateway.get(f"{RUNS}/{run_id}", token=who.access_token)


def act(platform: Platform, who: Person, run_id: str, action: str) -> Answer:
    return platform.gateway.post(f"{RUNS}/{run_id}/{action}", token=who.access_token)


def arn_of(platform: Platform, run_id: str) -> str:
    run = platform.services.workflows._runs.repository.stored(run_id)
    assert run.execution_arn == execution_arn(run.machine_arn, run_id)
    return run.execution_arn


def test_a_run_is_started_and_shown_with_every_step(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    started = start(platform, ada, workflow)
    assert (started.status, started.headers["location"]) == (202, f"{RUNS}/{started.json['id']}")
    run = started.json
    assert (run["status"], run["version"], run["attempt"], run["name"]) == ("running", 1, 1, None)
    assert (run["workflow_id"], run["workflow_title"]) == (workflow, SPEC["title"])
    assert run["source"] == {"kind": "api", "id": None, "depth": 0}
    assert run["trace_id"] == started.headers["x-trace-id"]

    shown = platform.gateway.get(started.headers["location"], token=ada.access_token)
    assert 1 <= int(shown.headers["retry-after"]) <= 15
    detail = shown.json
    assert detail.items() >= {name: value for name, value in run.items() if name != "cost_usd"}.items()
    assert (detail["input"], detail["output"], detail["cost_usd"]) == ({"text": "A clause."}, None, 0)
    assert [(step["id"], step["kind"], step["status"]) for step in detail["steps"]] == [
        ("review", "agent", "pending"),
        ("sign_off", "approval", "pending"),
    ]
    assert [node["id"] for node in detail["graph"]["nodes"]] == ["start", "review", "sign_off", "end"]
    document = machines.inputs[arn_of(platform, run["id"])]
    assert document["run"]["principal"]["user_id"] == ada.id
    assert not {"machine_arn", "execution_arn", "principal", "states", "key"} & set(detail)


def test_a_run_that_is_over_is_settled_by_whoever_looks(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    run_id = start(platform, ada, workflow).json["id"]
    machines.end(arn_of(platform, run_id), "SUCCEEDED", output={"output": {"text": "Signed."}, "output_ref": None})
    shown = get(platform, ada, run_id)
    assert (shown.json["status"], shown.json["output"]) == ("succeeded", {"text": "Signed."})
    assert shown.json["finished_at"]
    assert "retry-after" not in shown.headers
    etag = shown.headers["etag"]
    again = platform.gateway.get(f"{RUNS}/{run_id}", token=ada.access_token, headers={"If-None-Match": etag})
    assert again.status == 304


def test_one_name_is_one_run(platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory) -> None:
    first, again = (start(platform, ada, workflow, name="nda-17") for _ in range(2))
    assert (again.status, again.json["id"], again.json["name"]) == (202, first.json["id"], "nda-17")
    assert len(machines.found) == 1
    refused = start(platform, ada, workflow, name="nda-17", input={"text": "Another."})
    assert (refused.status, refused.code) == (409, "run_name_reused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": {}}, "input.text"),
        ({"input": {"text": 1}}, "input.text"),
        ({"input": {"text": "x", "colour": "red"}}, "input.colour"),
        ({"input": {"text": "\ud800"}}, "input.text"),
        ({"input": []}, "input"),
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"version": 1}, "version"),
    ],
)
def test_what_the_workflow_does_not_take_is_refused_by_its_field(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory, body: dict[str, Any], field: str
) -> None:
    refused = start(platform, ada, workflow, **body)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert field in [fault["field"] for fault in refused.json["errors"]]
    assert machines.found == {}


def test_a_draft_starts_nothing(platform: Platform, ada: Person, machines: MachinesInMemory) -> None:
    refused = start(platform, ada, create(platform, ada).json["id"])
    assert (refused.status, refused.code) == (409, "workflow_not_published")


def test_a_run_keeps_the_version_that_it_was_started_with(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    run_id = start(platform, ada, workflow).json["id"]
    newer = {"spec": SPEC | {"steps": SPEC["steps"][:1]}}
    platform.gateway.post(f"{WORKFLOWS}/{workflow}/versions", newer, token=ada.access_token)
    assert platform.gateway.post(f"{WORKFLOWS}/{workflow}/publish", token=ada.access_token).json["live_version"] == 2
    shown = get(platform, ada, run_id).json
    assert (shown["version"], [step["id"] for step in shown["steps"]]) == (1, ["review", "sign_off"])
    assert start(platform, ada, workflow).json["version"] == 2


def test_a_run_is_stopped_once_and_can_be_retried(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    run_id = start(platform, ada, workflow).json["id"]
    refused = act(platform, ada, run_id, "retry")
    assert (refused.status, refused.code) == (409, "run_not_retryable")
    for _ in range(2):
        stopped = act(platform, ada, run_id, "stop")
        assert (stopped.status, stopped.json["status"]) == (202, "stopped")
    assert stopped.json["error"]["code"] == "run_stopped"
    retried = act(platform, ada, run_id, "retry")
    assert (retried.status, retried.headers["location"]) == (202, f"{RUNS}/{run_id}")
    assert (retried.json["status"], retried.json["attempt"], retried.json["error"]) == ("running", 2, None)


def test_where_a_run_cannot_go_on_a_new_one_repeats_it(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    machines.can_redrive = False
    run_id = start(platform, ada, workflow).json["id"]
    machines.end(arn_of(platform, run_id), "FAILED", error="ModelOverloaded", cause="It is too busy.")
    assert get(platform, ada, run_id).json["error"]["code"] == "model_overloaded"
    retried = act(platform, ada, run_id, "retry")
    assert (retried.status, retried.json["retry_of"], retried.json["attempt"]) == (202, run_id, 1)
    assert retried.headers["location"] == f"{RUNS}/{retried.json['id']}" != f"{RUNS}/{run_id}"


def test_what_succeeded_can_be_neither_stopped_nor_retried(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    run_id = start(platform, ada, workflow).json["id"]
    machines.end(arn_of(platform, run_id), "SUCCEEDED", output={"output": None, "output_ref": None})
    assert act(platform, ada, run_id, "stop").code == "already_finished"
    assert act(platform, ada, run_id, "retry").code == "run_not_retryable"


def test_lists_hold_the_newest_first_by_workflow_and_status(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    other = published(platform, ada, name="review-other")
    ids = [start(platform, ada, each).json["id"] for each in (workflow, other, workflow)]
    act(platform, ada, ids[0], "stop")

    def listed(query: str) -> list[str]:
        answer = platform.gateway.get(RUNS, token=ada.access_token, query=query)
        return [run["id"] for run in answer.json["items"]]

    assert listed("") == ids[::-1]
    assert listed(f"workflow_id={workflow}") == [ids[2], ids[0]]
    assert listed("status=stopped") == [ids[0]]
    page = platform.gateway.get(RUNS, token=ada.access_token, query="limit=2").json
    assert listed(f"limit=2&cursor={page['next_cursor']}") == [ids[0]]
    for query in ("status=over", "limit=0", f"status=failed&cursor={page['next_cursor']}"):
        assert platform.gateway.get(RUNS, token=ada.access_token, query=query).status in (400, 422)


def test_the_run_of_somebody_else_is_for_administrators_to_read_and_for_nobody_to_change(
    platform: Platform, ada: Person, workflow: str, machines: MachinesInMemory
) -> None:
    run_id = start(platform, ada, workflow).json["id"]
    eve = platform.person("eve@example.com")
    answers = [get(platform, eve, run_id), act(platform, eve, run_id, "stop"), act(platform, eve, run_id, "retry")]
    assert {(each.status, each.code) for each in answers} == {(404, "run_not_found")}
    assert platform.gateway.get(RUNS, token=eve.access_token).json["items"] == []

    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    signed_in = platform.login("root@example.com").json
    root = Person(signed_in["user"]["id"], signed_in["access_token"], "")
    assert get(platform, root, run_id).json["id"] == run_id
    assert act(platform, root, run_id, "stop").code == "run_not_found"
