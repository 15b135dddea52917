"""Workflows on the running platform: written, published, run, decided, retried, started by time and by events."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from agent_platform.llm.offline.schema_values import minimal_value
from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.mails import confirm_address
from tests.e2e.platform_process import ROOT, PlatformProcess

PATIENCE_SECONDS = 120.0


@pytest.fixture
def author(platform: PlatformProcess) -> Iterator[httpx.Client]:
    """Somebody with an account and workflows of their own."""
    with platform.client() as client:
        account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "a long pass phrase"}
        client.post("/api/v1/auth/register", json={**account, "name": "Ravi"}).raise_for_status()
        # Nobody decides what is asked of an address that may be somebody else's.
        confirm_address(platform, client, account["email"])
        sign_in(client, account)
        client.headers["X-Test-Email"] = account["email"]
        yield client


@pytest.fixture
def documents(example_input: dict[str, object]) -> dict[str, Any]:
    """An input of the workflow below."""
    return {**example_input, "approver": "nobody@example.org"}


def email(client: httpx.Client) -> str:
    return client.headers["X-Test-Email"]


def eventually[T](look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, as soon as it finds anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.3)
    return found


def over(client: httpx.Client, run_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}").json()
        return None if run["status"] == "running" else run

    return eventually(look, f"the end of the run {run_id}")


def published(client: httpx.Client, spec: dict[str, Any]) -> str:
    made = client.post("/api/v1/workflows", json={"spec": spec})
    assert made.status_code == 201, made.text
    live = client.post(f"/api/v1/workflows/{made.json()['id']}/publish")
    assert live.status_code == 200, live.text
    return str(made.json()["id"])


def started(client: httpx.Client, workflow_id: str, value: dict[str, Any], **more: str) -> str:
    answer = client.post(f"/api/v1/workflows/{workflow_id}/runs", json={"input": value, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def checked_invoice(name: str, *further: dict[str, Any]) -> dict[str, Any]:
    """A workflow that has the reference agent check an invoice, and goes on with `further`."""
    asked = yaml.safe_load((ROOT / f"agent_defs/{REFERENCE}.yaml").read_text())["input"]
    return {
        "name": name,
        "title": "Check an invoice",
        # What the agent asks for, and whom to ask.
        "input": {
            **asked,
            "properties": {**asked["properties"], "approver": {"type": "string"}},
            "required": [*asked["required"], "approver"],
        },
        "steps": [
            {
                "id": "match",
                "kind": "agent",
                "agent": REFERENCE,
                "input": {
                    "invoice": "${input.invoice}",
                    "purchase_order": "${input.purchase_order}",
                    "receipts": "${input.receipts}",
                },
            },
            *further,
        ],
        "output": {"decision": "${steps.match.output.decision}"},
    }


def test_a_workflow_is_written_published_and_run_and_its_steps_can_be_followed(
    author: httpx.Client, documents: dict[str, Any]
) -> None:
    workflow = published(author, checked_invoice("check-invoice"))

    run = over(author, started(author, workflow, documents))

    assert run["status"] == "succeeded", run
    assert run["output"] == {"decision": "pay_part"}
    (match,) = (step for step in run["steps"] if step["id"] == "match")
    assert match["status"] == "succeeded"
    (execution_id,) = match["execution_ids"]
    execution = author.get(f"/api/v1/executions/{execution_id}").json()
    assert execution["run_id"] == run["id"]
    assert run["cost_usd"] == pytest.approx(execution["cost_usd"])


def test_a_run_name_sent_many_times_at_once_is_one_run(author: httpx.Client, documents: dict[str, Any]) -> None:
    workflow = published(author, checked_invoice("check-once"))

    with ThreadPoolExecutor(6) as pool:
        runs = [
            *pool.map(
                lambda _: started(author, workflow, documents, name="june"),
                range(6),
            )
        ]

    assert len(set(runs)) == 1
    assert over(author, runs[0])["status"] == "succeeded"
    assert len(author.get("/api/v1/runs", params={"workflow_id": workflow}).json()["items"]) == 1
    other = author.post(
        f"/api/v1/workflows/{workflow}/runs",
        json={"input": {**documents, "approver": "other@example.org"}, "name": "june"},
    )
    assert (other.status_code, other.json()["code"]) == (409, "run_name_reused")


def test_a_run_waits_for_a_person_and_one_decision_counts(author: httpx.Client, documents: dict[str, Any]) -> None:
    approve = {
        "id": "approve",
        "kind": "approval",
        "message": "Go on with ${steps.match.output.decision}?",
        "approvers": {"users": ["${input.approver}"]},
        "timeout_seconds": 600,
    }
    spec = checked_invoice("check-and-ask", approve)
    spec["output"] = {"by": "${steps.approve.output.decided_by}", "why": "${steps.approve.output.comment}"}
    run_id = started(author, published(author, spec), {**documents, "approver": email(author)})

    def look() -> dict[str, Any] | None:
        waiting = author.get("/api/v1/approvals", params={"status": "pending"}).json()["items"]
        return next((each for each in waiting if each["run_id"] == run_id), None)

    approval = eventually(look, "the question")
    assert approval["message"] == "Go on with pay_part?"
    path = f"/api/v1/approvals/{approval['id']}/decide"
    with ThreadPoolExecutor(4) as pool:
        yes = {"decision": "approved", "comment": "looks right"}
        answers = [*pool.map(lambda _: author.post(path, json=yes).status_code, range(4))]

    assert set(answers) == {200}
    assert author.post(path, json={"decision": "rejected"}).status_code == 409
    run = over(author, run_id)
    assert run["status"] == "succeeded", run
    assert run["output"]["why"] == "looks right"


def test_every_fault_of_a_spec_is_told_at_once(author: httpx.Client) -> None:
    spec = checked_invoice("faulty", {"id": "again", "kind": "agent", "agent": "sales/nobody", "input": {}})
    spec["steps"][0]["on_error"] = {"go_to": "match"}
    spec["output"] = "${steps.match.output.nothing}"

    refused = author.post("/api/v1/workflows/validate", json={"spec": spec})

    assert (refused.status_code, refused.json()["code"]) == (422, "workflow_invalid")
    faults = {error["field"]: error["message"] for error in refused.json()["errors"]}
    assert "sales/nobody" in faults["steps.again.agent"]
    assert any("match" in field and "go_to" in field for field in faults), faults
    assert any(field.startswith("output") and "nothing" in message for field, message in faults.items()), faults


def test_a_run_that_failed_is_retried_and_what_was_paid_is_not_paid_again(
    author: httpx.Client, documents: dict[str, Any]
) -> None:
    gate = {
        "id": "gate",
        "kind": "approval",
        "message": "May it go on?",
        "approvers": {"owner": True},
        "timeout_seconds": 600,
    }
    run_id = started(
        author,
        published(author, checked_invoice("retried", gate)),
        documents,
    )

    def question(of: str) -> dict[str, Any] | None:
        waiting = author.get("/api/v1/approvals", params={"status": "pending"}).json()["items"]
        return next((each for each in waiting if each["run_id"] == of), None)

    first = eventually(lambda: question(run_id), "the first question")
    author.post(f"/api/v1/approvals/{first['id']}/decide", json={"decision": "rejected"}).raise_for_status()
    assert over(author, run_id)["status"] == "failed"
    spent = author.get("/api/v1/me/budget").json()["spent_usd"]

    again = author.post(f"/api/v1/runs/{run_id}/retry")

    assert again.status_code == 202, again.text
    second = eventually(lambda: question(again.json()["id"]), "the second question")
    author.post(f"/api/v1/approvals/{second['id']}/decide", json={"decision": "approved"}).raise_for_status()
    assert over(author, again.json()["id"])["status"] == "succeeded"
    assert author.get("/api/v1/me/budget").json()["spent_usd"] == spent


def test_a_stopped_run_ends_and_its_question_is_withdrawn(author: httpx.Client, documents: dict[str, Any]) -> None:
    gate = {"id": "gate", "kind": "approval", "message": "Wait", "approvers": {"owner": True}, "timeout_seconds": 600}
    run_id = started(
        author,
        published(author, checked_invoice("stopped", gate)),
        documents,
    )
    asked = eventually(
        lambda: next(iter(author.get("/api/v1/approvals", params={"status": "pending"}).json()["items"]), None),
        "the question",
    )

    assert author.post(f"/api/v1/runs/{run_id}/stop").status_code == 202

    assert over(author, run_id)["status"] == "stopped"

    def withdrawn() -> bool | None:
        return author.get(f"/api/v1/approvals/{asked['id']}").json()["status"] == "withdrawn" or None

    eventually(withdrawn, "the withdrawal")


def test_a_schedule_and_an_event_start_runs(
    author: httpx.Client, documents: dict[str, Any], example_input: dict[str, object]
) -> None:
    workflow = published(author, checked_invoice("started-by-others"))
    soon = (datetime.now(UTC) + timedelta(seconds=8)).replace(microsecond=0, tzinfo=None).isoformat()
    schedule = author.post(
        "/api/v1/triggers",
        json={
            "workflow_id": workflow,
            "title": "Once",
            "schedule": {"at": soon, "timezone": "UTC"},
            "input": documents,
        },
    )
    assert schedule.status_code == 201, schedule.text

    def begun(kind: str) -> dict[str, Any] | None:
        runs = author.get("/api/v1/runs", params={"workflow_id": workflow}).json()["items"]
        return next((run for run in runs if run["source"]["kind"] == kind), None)

    timed = eventually(lambda: begun("schedule"), "the scheduled run")
    assert over(author, timed["id"])["status"] == "succeeded"

    listens = author.post(
        "/api/v1/triggers",
        json={
            "workflow_id": workflow,
            "title": "After each execution",
            "event": {"type": "agent.executed", "match": {"agent_id": ["legal/nobody", REFERENCE]}},
            "input": documents,
        },
    )
    assert listens.status_code == 201, listens.text
    author.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}).raise_for_status()
    told = eventually(lambda: begun("event"), "the run after an event")
    assert author.delete(f"/api/v1/triggers/{listens.json()['id']}").status_code == 204
    assert over(author, told["id"])["status"] == "succeeded"


def test_every_shipped_workflow_is_there_and_one_with_a_decision_runs_from_its_example(
    platform: PlatformProcess,
) -> None:
    with platform.client() as admin:
        sign_in(admin, platform.account("admin"))
        shipped = admin.get("/api/v1/workflows", params={"limit": 100}).json()["items"]
        mine = [each for each in shipped if each["owner"] == "platform"]
        assert len(mine) >= 12
        assert {each["status"] for each in mine} == {"published"}
        runs = []
        for each in mine:
            example = admin.get(f"/api/v1/workflows/{each['id']}").json()["example"]
            runs.append((each["name"], started(admin, each["id"], example)))

        def settled(run_id: str) -> dict[str, Any] | None:
            run: dict[str, Any] = admin.get(f"/api/v1/runs/{run_id}").json()
            if run["status"] != "running":
                return run
            waiting = admin.get("/api/v1/approvals", params={"status": "pending"}).json()["items"]
            for question in waiting:
                form = admin.get(f"/api/v1/approvals/{question['id']}").json()["form"] or {}
                filled = minimal_value(form)
                yes = {"decision": "approved", "form": filled} if form else {"decision": "approved"}
                admin.post(f"/api/v1/approvals/{question['id']}/decide", json=yes).raise_for_status()
            return None

        ends = {name: eventually(lambda run_id=run_id: settled(run_id), f"the end of {name}") for name, run_id in runs}
        assert {name: run["status"] for name, run in ends.items() if run["status"] != "succeeded"} == {}
