"""Who gets in, with what, and for how long, on the running platform."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.mails import confirm_address, token_mailed
from tests.e2e.platform_process import PlatformProcess

PASSWORD = "a long pass phrase"


@pytest.fixture
def admin(platform: PlatformProcess) -> Iterator[httpx.Client]:
    """A caller signed in with the administrator's account."""
    with platform.client() as client:
        sign_in(client, platform.account("admin"))
        yield client


def new_address() -> str:
    return f"{uuid.uuid4().hex}@example.org"


def registered(client: httpx.Client, address: str) -> str:
    """Register, be signed in, and get the refresh token."""
    answer = client.post("/api/v1/auth/register", json={"email": address, "password": PASSWORD, "name": "Noor"})
    answer.raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return str(answer.json()["refresh_token"])


def test_a_new_address_is_confirmed_and_a_forgotten_password_set_anew_by_mail(
    platform: PlatformProcess, client: httpx.Client
) -> None:
    address = new_address()
    registered(client, address)
    assert client.get("/api/v1/me").json()["email_verified"] is False
    confirm_address(platform, client, address)
    assert client.get("/api/v1/me").json()["email_verified"] is True

    assert client.post("/api/v1/auth/forgot-password", json={"email": address}).status_code == 202
    reset = {"token": token_mailed(platform, address, "reset-password"), "password": "quite another phrase"}
    assert client.post("/api/v1/auth/reset-password", json=reset).status_code == 204

    assert client.get("/api/v1/me").status_code == 401
    assert client.post("/api/v1/auth/reset-password", json=reset).status_code == 400
    sign_in(client, {"email": address, "password": "quite another phrase"})
    assert client.get("/api/v1/me").status_code == 200


def test_a_key_does_what_it_is_for_until_it_is_revoked(client: httpx.Client, example_input: dict[str, object]) -> None:
    registered(client, new_address())
    wish = {"name": "nightly", "scopes": ["agents:execute"], "agents": [REFERENCE], "expires_in_days": 1}
    made = client.post("/api/v1/keys", json=wish).json()
    key = {"Authorization": f"Bearer {made['key']}"}

    done = client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}, headers=key)
    assert (done.status_code, done.json()["key_id"]) == (200, made["id"])
    assert client.get("/api/v1/executions", headers=key).status_code == 403
    assert client.get("/api/v1/agents/banking-lending/loan-covenant-tester", headers=key).status_code == 403

    assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert client.get(f"/api/v1/agents/{REFERENCE}", headers=key).status_code == 401


def test_an_invited_colleague_joins_with_their_role_and_loses_it_at_once(
    platform: PlatformProcess, admin: httpx.Client, client: httpx.Client
) -> None:
    address = new_address()
    invited = admin.post("/api/v1/users/invitations", json={"email": address, "name": "Ola", "roles": ["operator"]})
    assert invited.status_code == 201, invited.text
    token = token_mailed(platform, address, "accept-invitation")
    joined = client.post(
        "/api/v1/auth/accept-invitation", json={"token": token, "password": PASSWORD, "name": "Ola"}
    ).json()
    client.headers["Authorization"] = f"Bearer {joined['access_token']}"
    assert client.get("/api/v1/metrics").status_code == 200

    demoted = admin.put(f"/api/v1/users/{joined['user']['id']}/roles", json={"roles": ["viewer"]})
    assert demoted.status_code == 200, demoted.text
    assert client.get("/api/v1/me").status_code == 401
    sign_in(client, {"email": address, "password": PASSWORD})
    assert client.get("/api/v1/metrics").status_code == 403


def test_who_leaves_takes_their_data_along_and_nothing_lets_them_in_again(
    client: httpx.Client, example_input: dict[str, object]
) -> None:
    address = new_address()
    refresh_token = registered(client, address)
    execution = client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}).json()
    assert execution["owner"]

    assert client.post("/api/v1/me/erasure", json={"password": "a wrong pass phrase"}).status_code == 422
    assert client.post("/api/v1/me/erasure", json={"password": PASSWORD}).status_code == 202

    assert client.get("/api/v1/me").status_code == 401
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token}).status_code == 401
    assert client.post("/api/v1/auth/login", json={"email": address, "password": PASSWORD}).status_code == 401
