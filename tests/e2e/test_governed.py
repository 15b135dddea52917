"""Governed executions on the running platform: repeated safely, limited, accounted for, run later, run in bulk."""

import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.platform_process import PlatformProcess
from tests.fakes.definitions import a_definition

EXECUTE = f"/api/v1/agents/{REFERENCE}/execute"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def newcomer(platform: PlatformProcess) -> Any:
    """Somebody with an account of their own, whom no other test has spent anything for."""
    with platform.client() as client:
        account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "a long pass phrase"}
        client.post("/api/v1/auth/register", json={**account, "name": "Noor"}).raise_for_status()
        sign_in(client, account)
        yield client


def until_over(client: httpx.Client, path: str) -> dict[str, Any]:
    """Ask again and again until the status is a last one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found: dict[str, Any] = client.get(path).json()
        if found["status"] not in ("queued", "running", "waiting"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.3)


def test_one_key_sent_many_times_at_once_runs_once_and_answers_all_alike(
    newcomer: httpx.Client, example_input: dict[str, object]
) -> None:
    key = str(uuid.uuid4())

    def send(_: int) -> httpx.Response:
        return newcomer.post(EXECUTE, json={"input": example_input}, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(send, range(8))]

    assert [answer.status_code for answer in answers] == [200] * 8, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    assert len(newcomer.get("/api/v1/executions").json()["items"]) == 1

    other = newcomer.post(EXECUTE, json={"input": {**example_input, "note": "x"}}, headers={"Idempotency-Key": key})
    assert other.status_code == 422


def test_every_answer_tells_how_many_calls_are_left_and_the_account_what_was_spent(
    newcomer: httpx.Client, example_input: dict[str, object]
) -> None:
    before = newcomer.get("/api/v1/me/budget").json()
    answer = newcomer.post(EXECUTE, json={"input": example_input})
    after = newcomer.get("/api/v1/me/budget").json()

    assert "ratelimit" in answer.headers
    assert "ratelimit-policy" in answer.headers
    assert before["spent_usd"] == 0
    assert after["spent_usd"] == pytest.approx(answer.json()["cost_usd"])
    assert after["reserved_usd"] == 0
    assert after["available_usd"] == pytest.approx(after["ceiling_usd"] - after["spent_usd"])


def test_whoever_has_spent_their_ceiling_is_told_so_before_anything_is_spent(
    newcomer: httpx.Client, platform: PlatformProcess, example_input: dict[str, object]
) -> None:
    me = newcomer.get("/api/v1/me").json()["id"]
    with platform.client() as admin:
        sign_in(admin, platform.account("admin"))
        admin.put(f"/api/v1/budgets/users/{me}", json={"ceiling_usd": 0.0001}).raise_for_status()

    refused = newcomer.post(EXECUTE, json={"input": example_input})

    assert (refused.status_code, refused.json()["code"]) == (402, "budget_exceeded")
    assert newcomer.get("/api/v1/executions").json()["items"] == []


def test_an_execution_can_be_accepted_now_and_read_later(
    newcomer: httpx.Client, example_input: dict[str, object]
) -> None:
    accepted = newcomer.post(EXECUTE, json={"input": example_input}, headers={"Prefer": "respond-async"})

    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["preference-applied"] == "respond-async"
    assert accepted.json()["status"] in ("queued", "running")
    done = until_over(newcomer, accepted.headers["location"])
    assert (done["status"], done["id"]) == ("succeeded", accepted.json()["id"])
    assert done["output"]
    late = newcomer.post(f"{accepted.headers['location']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "already_finished")


def test_an_execution_whose_input_is_too_large_for_a_table_is_read_back_whole(newcomer: httpx.Client) -> None:
    path = "/api/v1/agents/legal/processor-agreement-checker"
    example = newcomer.get(path).json()["example"]["input"]
    large = {**example, "agreement_text": example["agreement_text"] + " And so on, clause after clause." * 20_000}

    answer = newcomer.post(f"{path}/execute", json={"input": large})

    assert answer.status_code == 200, answer.text[:1000]
    assert len(answer.request.content) > 600_000
    assert answer.json()["input"] == large
    assert newcomer.get(f"/api/v1/executions/{answer.json()['id']}").json() == answer.json()


def test_a_batch_runs_every_line_and_one_bad_line_costs_that_line_only(
    newcomer: httpx.Client, example_input: dict[str, object]
) -> None:
    lines = [example_input, {"nonsense": True}, example_input]
    made = newcomer.post("/api/v1/batches", json={"agent_id": REFERENCE, "format": "jsonl", "inputs": lines})
    assert made.status_code == 201, made.text
    path = f"/api/v1/batches/{made.json()['id']}"
    newcomer.post(f"{path}/start").raise_for_status()

    done = until_over(newcomer, path)

    assert done["counts"]["total"] == 3
    assert (done["counts"]["succeeded"], done["counts"]["failed"]) == (2, 1)
    results = httpx.get(done["results"]["url"], trust_env=False)
    told = [json.loads(line) for line in results.text.splitlines()]
    assert [each["status"] for each in told] == ["succeeded", "failed", "succeeded"]
    assert told[1]["error"]["code"] == "invalid_input"
    assert told[0]["output"] == told[2]["output"]


def test_a_conversation_remembers_and_is_its_owners_alone(newcomer: httpx.Client, demo: httpx.Client) -> None:
    agent = "it-service-desk/remote-access-failure-isolator"
    example = newcomer.get(f"/api/v1/agents/{agent}").json()["example"]["input"]
    session = newcomer.post("/api/v1/sessions", json={"agent_id": agent}).json()
    body = {"input": example, "session_id": session["id"]}

    for _ in range(2):
        answer = newcomer.post(f"/api/v1/agents/{agent}/execute", json=body)
        assert answer.status_code == 200, answer.text

    turns = newcomer.get(f"/api/v1/sessions/{session['id']}/turns").json()["items"]
    assert [turn["number"] for turn in turns] == [2, 1]
    assert demo.get(f"/api/v1/sessions/{session['id']}").status_code == 404
    assert demo.post(f"/api/v1/agents/{agent}/execute", json=body).json()["code"] == "session_not_found"
    assert newcomer.delete(f"/api/v1/sessions/{session['id']}").status_code == 204
    assert newcomer.get(f"/api/v1/sessions/{session['id']}").status_code == 404


def test_a_team_works_together_and_every_member_leaves_a_record(newcomer: httpx.Client) -> None:
    agent = "marketing/campaign-launch-decider"
    info = newcomer.get(f"/api/v1/agents/{agent}").json()

    answer = newcomer.post(f"/api/v1/agents/{agent}/execute", json={"input": info["example"]["input"]})

    assert answer.status_code == 200, answer.text
    team = answer.json()
    members = [each for each in newcomer.get("/api/v1/executions").json()["items"] if each["parent_id"] == team["id"]]
    assert sorted(each["agent_id"] for each in members) == sorted(info["team"]["members"])
    assert team["delegated_cost_usd"] == pytest.approx(sum(each["cost_usd"] for each in members))


def test_an_agent_that_is_switched_off_is_refused_everywhere_until_it_is_on_again(
    platform: PlatformProcess, newcomer: httpx.Client, example_input: dict[str, object]
) -> None:
    with platform.client() as admin:
        sign_in(admin, platform.account("admin"))
        off = {"on": False, "reason": "It misreads freight."}
        assert newcomer.put(f"/api/v1/agent-switches/{REFERENCE}", json=off).status_code == 403
        assert admin.put(f"/api/v1/agent-switches/{REFERENCE}", json=off).status_code == 200
        try:
            refused = until(
                lambda: execute_reference(newcomer, example_input), lambda answer: answer.status_code == 409
            )
            assert refused.json()["code"] == "agent_switched_off"
            assert "It misreads freight." in refused.json()["detail"]
            assert newcomer.get(f"/api/v1/agents/{REFERENCE}/health").json()["status"] == "switched_off"
            assert newcomer.get(f"/api/v1/agents/{REFERENCE}").json()["switched_off"]["reason"] == off["reason"]
        finally:
            assert admin.put(f"/api/v1/agent-switches/{REFERENCE}", json={"on": True}).json() == {"items": []}
        until(lambda: execute_reference(newcomer, example_input), lambda answer: answer.status_code == 200)


def execute_reference(client: httpx.Client, value: dict[str, object]) -> httpx.Response:
    return client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": value})


def until(ask: Callable[[], httpx.Response], holds: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Ask once a second until the answer is the wanted one: functions look at the switches every fifteen seconds."""
    for _ in range(25):
        answer = ask()
        if holds(answer):
            return answer
        time.sleep(1)
    raise AssertionError(f"{answer.status_code}: {answer.text}")


def test_an_agent_of_ones_own_is_checked_published_executed_and_rolled_back(
    platform: PlatformProcess, newcomer: httpx.Client
) -> None:
    name = f"parcel-weigher-{uuid.uuid4().hex[:8]}"
    draft = a_definition(
        "parcel",
        not_when=[{"ask": "An invoice is to be checked against order and receipt.", "instead": REFERENCE}],
        near_misses=[
            {
                "ask": "Does this invoice agree with the purchase order and what the warehouse booked?",
                "belongs_to": REFERENCE,
            },
            {"ask": "Supplier charged us for 500 but only 480 showed up, what should we pay?", "belongs_to": REFERENCE},
        ],
        tags=["warehousing", "inventory", "controls"],
    )
    execute, body = f"/api/v1/agents/custom/{name}/execute", {"input": draft["example"]["input"]}
    assert newcomer.post("/api/v1/agents", json={"name": name, "definition": draft}).status_code == 403
    with platform.client() as admin:
        sign_in(admin, platform.account("admin"))
        assert admin.post("/api/v1/agents", json={"name": name, "definition": draft}).status_code == 201
        assert newcomer.post(execute, json=body).status_code == 404
        report = admin.post(f"/api/v1/custom-agents/{name}/check").json()
        assert report["passes"], report
        assert admin.post(f"/api/v1/custom-agents/{name}/publish").json()["live_version"] == "1.0.0"

        done = newcomer.post(execute, json=body).json()
        assert (done["status"], done["agent_id"], done["agent_version"]) == ("succeeded", f"custom/{name}", "1.0.0")
        assert set(done["output"]) == {"tariff_class", "reason"}

        newer = {**draft, "version": "1.1.0", "use_when": "You hold a parcel of any size."}
        admin.put(f"/api/v1/custom-agents/{name}", json={"definition": newer}).raise_for_status()
        assert admin.post(f"/api/v1/custom-agents/{name}/publish").json()["live_version"] == "1.1.0"
        assert newcomer.post(execute, json=body).json()["agent_version"] == "1.1.0"
        assert newcomer.post(f"{execute}?version=1.0.0", json=body).json()["agent_version"] == "1.0.0"
        admin.post(f"/api/v1/custom-agents/{name}/roll-back", json={"version": "1.0.0"}).raise_for_status()
        assert newcomer.post(execute, json=body).json()["agent_version"] == "1.0.0"

        assert admin.post(f"/api/v1/custom-agents/{name}/withdraw").json()["live_version"] is None
        assert newcomer.post(execute, json=body).status_code == 404
        assert admin.delete(f"/api/v1/custom-agents/{name}").status_code == 204
