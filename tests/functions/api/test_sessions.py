"""Accounts and sessions through the gateway, from registering to being thrown out."""

import pytest

from tests.fakes.aws import SIGNING_SECRET, store_secret
from tests.functions.api.conftest import EMAIL, PASSWORD, Platform

ME = "/api/v1/me"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"


def test_a_whole_life_of_a_session(platform: Platform) -> None:
    registered = platform.register(" Ada@Example.COM ")
    assert registered.status == 201
    assert registered.json["user"].keys() == {*("id", "email", "name", "roles", "created_at", "email_verified")}
    assert registered.json["user"]["email"] == EMAIL
    assert registered.json["user"]["roles"] == ["user"]
    assert (registered.json["token_type"], registered.json["expires_in"]) == ("Bearer", 900)

    session = platform.login().json
    assert session["user"] == registered.json["user"]
    me = platform.gateway.get(ME, token=session["access_token"])
    assert me.status == 200
    assert me.json == session["user"]

    refreshed = platform.gateway.post(REFRESH, {"refresh_token": session["refresh_token"]})
    assert refreshed.status == 200
    assert refreshed.json["refresh_token"] != session["refresh_token"]
    assert platform.gateway.get(ME, token=refreshed.json["access_token"]).status == 200

    reused = platform.gateway.post(REFRESH, {"refresh_token": session["refresh_token"]})
    assert (reused.status, reused.code) == (401, "unauthenticated")
    for ended in (session, refreshed.json):
        assert platform.gateway.get(ME, token=ended["access_token"]).status == 401
    assert platform.gateway.post(REFRESH, {"refresh_token": refreshed.json["refresh_token"]}).status == 401

    again = platform.login().json
    gone = platform.gateway.post(LOGOUT, {"refresh_token": again["refresh_token"]}, token=again["access_token"])
    assert (gone.status, gone.text) == (204, "")
    assert platform.gateway.get(ME, token=again["access_token"]).status == 401
    assert platform.gateway.post(REFRESH, {"refresh_token": again["refresh_token"]}).status == 401
    assert platform.gateway.post(LOGOUT, token=again["access_token"]).status == 401


def test_logging_out_needs_no_body(platform: Platform) -> None:
    ada = platform.person()
    assert platform.gateway.post(LOGOUT, token=ada.access_token).status == 204
    assert platform.gateway.get(ME, token=ada.access_token).status == 401


def test_answers_with_tokens_are_stored_nowhere(platform: Platform) -> None:
    registered = platform.register()
    refreshed = platform.gateway.post(REFRESH, {"refresh_token": registered.json["refresh_token"]})
    for answer in (registered, platform.login(), refreshed):
        assert answer.headers["cache-control"] == "no-store"


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(platform: Platform) -> None:
    platform.register()
    wrong, unknown = platform.login(password="not the password"), platform.login("eve@example.com")
    assert wrong.status == unknown.status == 401
    assert wrong.code == unknown.code == "unauthenticated"
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert {**wrong.json, "trace_id": ""} == {**unknown.json, "trace_id": ""}


def test_an_address_registers_once(platform: Platform) -> None:
    platform.register()
    taken = platform.register("ADA@example.com")
    assert (taken.status, taken.code) == (409, "email_taken")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "a" * 129}, "password"),
        ({"password": "passwordpassword"}, "password"),
        ({"password": EMAIL}, "password"),
        ({"password": "four words\x00 make one"}, "password"),
        ({"password": 123456789012345}, "password"),
        ({"password": None}, "password"),
        ({"email": "ada"}, "email"),
        ({"email": "ada@example.com\x00"}, "email"),
        ({"email": "a" * 300 + "@example.com"}, "email"),
        ({"email": ["ada@example.com"]}, "email"),
        ({"name": ""}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"name": "Ada\x00"}, "name"),
        ({"name": {"first": "Ada"}}, "name"),
        ({"roles": ["admin"]}, "roles"),
        ({"is_admin": True}, "is_admin"),
    ],
)
def test_a_refused_registration_names_the_field(platform: Platform, change: dict[str, object], field: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "name": "Ada"} | change
    refused = platform.gateway.post("/api/v1/auth/register", body)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [fault["field"] for fault in refused.json["errors"]] == [field]
    assert platform.login().status == 401


@pytest.mark.parametrize("missing", ["email", "password", "name"])
def test_nothing_of_a_registration_may_be_left_out(platform: Platform, missing: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "name": "Ada"}
    del body[missing]
    refused = platform.gateway.post("/api/v1/auth/register", body)
    assert [fault["field"] for fault in refused.json["errors"]] == [missing]


def test_a_problem_never_repeats_a_password(platform: Platform) -> None:
    secret = "a secret of the caller" * 10
    assert secret not in platform.login(password=secret).text
    assert secret not in platform.register(password=secret).text


@pytest.mark.parametrize("token", ["", "unknown", "x" * 43, "x" * 128, "\x00", "é" * 40])
def test_an_invented_refresh_token_is_worth_nothing(platform: Platform, token: str) -> None:
    refused = platform.gateway.post(REFRESH, {"refresh_token": token})
    assert refused.status in {401, 422}
    assert refused.code in {"unauthenticated", "invalid_input"}


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(platform: Platform) -> None:
    ada = platform.person()
    assert platform.gateway.post(REFRESH, {"refresh_token": ada.access_token[:128]}).status == 401
    assert platform.gateway.get(ME, token=ada.refresh_token).status == 401


def test_the_roles_of_an_account_arrive_with_its_next_token(platform: Platform) -> None:
    ada = platform.person()
    platform.services.users.ensure(EMAIL, PASSWORD, "Ada", ["admin", "user"])
    refreshed = platform.gateway.post(REFRESH, {"refresh_token": ada.refresh_token}).json
    assert refreshed["user"]["roles"] == ["admin", "user"]


def test_a_key_is_rotated_without_one_failed_request(platform: Platform) -> None:
    ada = platform.person()
    both = SIGNING_SECRET | {"k2": "second-signing-key-of-thirty-two-bytes-or-more"}
    for secret in (both, both | {"active": "k2"}):
        store_secret("jwt", secret)
        assert platform.gateway.get(ME, token=ada.access_token).status == 200
        assert platform.gateway.get(ME, token=platform.login().json["access_token"]).status == 200
