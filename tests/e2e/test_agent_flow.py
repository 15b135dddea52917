"""A user's way through the platform: account, catalogue, execution, record, sign-out."""

import uuid

import httpx
import pytest

from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.platform_process import PlatformProcess


def test_a_new_user_finds_executes_and_reads_back_an_agent_then_signs_out(
    client: httpx.Client, example_input: dict[str, object]
) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "a long pass phrase"}
    registered = client.post("/api/v1/auth/register", json={**account, "name": "Kim"})
    assert registered.status_code == 201, registered.text
    assert registered.json()["user"]["roles"] == ["user"]
    sign_in(client, account)

    found = client.get("/api/v1/agents", params={"q": "invoice purchase order goods receipt"}).json()
    assert found["items"][0]["id"] == REFERENCE

    executed = client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input})
    assert executed.status_code == 200, executed.text
    execution = executed.json()
    assert execution["status"] == "succeeded"
    assert execution["provider"] == "offline"
    assert execution["input"] == example_input
    assert execution["output"]
    assert execution["usage"]["output_tokens"] > 0
    assert execution["cost_usd"] > 0
    assert execution["owner"] == registered.json()["user"]["id"]

    assert client.get(f"/api/v1/executions/{execution['id']}").json() == execution
    listed = client.get("/api/v1/executions", params={"agent_id": REFERENCE}).json()["items"]
    assert [(each["id"], each["cost_usd"]) for each in listed] == [(execution["id"], execution["cost_usd"])]

    assert client.post("/api/v1/auth/logout", json={}).status_code == 204
    after = client.get("/api/v1/me")
    assert (after.status_code, after.json()["code"]) == (401, "unauthenticated")


def test_an_agent_tells_what_it_is_and_how_it_is(demo: httpx.Client, example_input: dict[str, object]) -> None:
    demo.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input})

    info = demo.get(f"/api/v1/agents/{REFERENCE}").json()
    assert info["id"] == REFERENCE
    assert info["example"]["input"] == example_input
    assert demo.get(f"/api/v1/agents/{REFERENCE}/health").json() == {"status": "healthy"}
    metrics = demo.get(f"/api/v1/agents/{REFERENCE}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    counted = [line for line in metrics.text.splitlines() if "requests_total" in line and not line.startswith("#")]
    assert sum(float(line.split()[-1]) for line in counted) >= 1


def test_groups_from_all_over_the_catalogue_have_functions_that_answer(demo: httpx.Client) -> None:
    cards = demo.get("/api/v1/agents", params={"limit": 100}).json()["items"]
    one_of_each = {card["group"]: card["id"] for card in cards}
    assert one_of_each.keys() <= {group["id"] for group in demo.get("/api/v1/groups").json()["items"]}
    some = sorted(one_of_each.values())[::7]  # each is a cold start of about a second

    answers = {agent: demo.get(f"/api/v1/agents/{agent}/health").json() for agent in some}

    assert answers == {agent: {"status": "healthy"} for agent in some}


def test_an_execution_is_its_owners_alone(
    demo: httpx.Client, platform: PlatformProcess, example_input: dict[str, object]
) -> None:
    execution = demo.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}).json()
    with platform.client() as other:
        account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "a long pass phrase"}
        other.post("/api/v1/auth/register", json={**account, "name": "Lee"})
        sign_in(other, account)

        answer = other.get(f"/api/v1/executions/{execution['id']}")

    assert (answer.status_code, answer.json()["code"]) == (404, "execution_not_found")


@pytest.mark.parametrize(("person", "roles"), [("demo", ["user"]), ("admin", ["admin"])])
def test_the_printed_sign_ins_work(platform: PlatformProcess, person: str, roles: list[str]) -> None:
    account = platform.account(person)
    assert account["password"] in platform.said

    with platform.client() as client:
        sign_in(client, account)
        assert client.get("/api/v1/me").json()["roles"] == roles


def test_site_and_api_share_one_origin(client: httpx.Client) -> None:
    page = client.get(f"/agents/{REFERENCE}")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/api/v1/health").json() == {"status": "healthy"}


def test_the_page_says_that_the_offline_model_answers(platform: PlatformProcess) -> None:
    assert "the offline Claude: example answers, nothing is charged" in platform.said
