"""People: who may administrate them, and what a change of an account reaches at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from sqlalchemy import text

from agent_platform.errors import Conflict, OneTimeTokenInvalid, StorageUnavailable
from agent_platform.identity.invitations import Invitations
from agent_platform.identity.letters import PostOffice
from agent_platform.resilience.account import user_account
from agent_platform.storage.data_requests import DataRequests
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.schedules import Schedules
from functions.api.key_models import NewApiKey
from tests.fakes.aws import WEBHOOK_SECRET, WEBHOOKS_QUEUE_URL, store_secret
from tests.fakes.eventbridge import make_eventbridge, rules_of, schedules_of
from tests.fakes.gateway import Answer
from tests.fakes.postgres import Server
from tests.fakes.published_workflows import a_workflow
from tests.fakes.webhooks import KEY
from tests.functions.api.conftest import PASSWORD, Person, Platform

USERS = "/api/v1/users"
ADMIN = "boss@example.com"


@pytest.fixture
def admin(platform: Platform) -> Person:
    platform.services.users.ensure(ADMIN, PASSWORD, "Boss", ["admin"])
    session = platform.login(ADMIN).json
    return Person(session["user"]["id"], session["access_token"], session["refresh_token"])


@pytest.fixture
def begun(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was handed over to be exported or erased."""
    work: list[dict[str, Any]] = []
    monkeypatch.setattr(platform.services, "begin_personal_data", work.append, raising=False)
    return work


class Mailbox:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def send(self, _to: str, _subject: str, text: str) -> None:
        self.texts.append(text)


def invite(
    platform: Platform, admin: Person, email: str = "new@example.com", roles: tuple[str, ...] = ("author",)
) -> Answer:
    body = {"email": email, "name": "New Person", "roles": list(roles)}
    return platform.gateway.post(f"{USERS}/invitations", body, token=admin.access_token)


def delivered(platform: Platform) -> str:
    """The token of the last letter's link."""
    mailbox = Mailbox()
    PostOffice(platform.services.one_time_tokens, mailbox, "https://site.example").send(platform.letters[-1])
    return mailbox.texts[0].partition("#token=")[2].split("\n")[0]


def accept(platform: Platform, token: str, name: str = "New Name") -> Answer:
    body = {"token": token, "password": PASSWORD, "name": name}
    return platform.gateway.post("/api/v1/auth/accept-invitation", body)


def set_roles(platform: Platform, admin: Person, user_id: str, *roles: str) -> Answer:
    return platform.gateway.put(f"{USERS}/{user_id}/roles", {"roles": list(roles)}, token=admin.access_token)


def time_passes(platform: Platform, *, minutes: int) -> None:
    """Since requests about personal data were taken and finished."""
    columns = ("held_until", "finished_at", "updated_at")
    moved = ", ".join(f"{each} = {each} - INTERVAL '{minutes} minutes'" for each in columns)
    with platform.services.engine.begin() as connection:
        connection.execute(text(f"UPDATE data_requests SET {moved}"))


def status_of_me(platform: Platform, token: str) -> int:
    return platform.gateway.get("/api/v1/me", token=token).status


def test_only_administrators_may_look_at_people_or_change_them(platform: Platform, admin: Person) -> None:
    ada = platform.person()
    gateway = platform.gateway
    answers = [
        gateway.get(USERS, token=ada.access_token),
        gateway.get(f"{USERS}/{admin.id}", token=ada.access_token),
        gateway.get(f"{USERS}/invitations", token=ada.access_token),
        gateway.put(f"{USERS}/{ada.id}/roles", {"roles": ["admin"]}, token=ada.access_token),
        gateway.post(f"{USERS}/{admin.id}/disable", None, token=ada.access_token),
        gateway.delete(f"{USERS}/{admin.id}", token=ada.access_token),
        gateway.post(f"{USERS}/{admin.id}/export", None, token=ada.access_token),
    ]
    assert [each.status for each in answers] == [403] * len(answers)
    assert gateway.get(f"{USERS}/{ada.id}", token=admin.access_token).json["roles"] == ["user"]


def test_people_are_found_by_words_role_and_status_page_by_page(platform: Platform, admin: Person) -> None:
    for name in "abc":
        platform.person(f"{name}@example.com")

    def get(query: str) -> Any:
        return platform.gateway.get(USERS, token=admin.access_token, query=query).json

    assert [each["email"] for each in get("q=B%40exa")["items"]] == ["b@example.com"]
    assert [each["email"] for each in get("role=admin")["items"]] == [ADMIN]
    assert get("status=disabled")["items"] == []
    assert get("q=%25")["items"] == []
    first = get("limit=3")
    second = get(f"limit=3&cursor={first['next_cursor']}")
    assert [each["email"] for each in [*first["items"], *second["items"]]] == [
        "a@example.com",
        "b@example.com",
        ADMIN,
        "c@example.com",
    ]


def test_an_invited_person_chooses_name_and_password_and_has_the_roles(platform: Platform, admin: Person) -> None:
    assert invite(platform, admin).status == 201
    token = delivered(platform)
    session = accept(platform, token)
    assert session.status == 201
    assert session.json["user"] | {"id": 0, "created_at": 0} == {
        "id": 0,
        "created_at": 0,
        "email": "new@example.com",
        "name": "New Name",
        "roles": ["author"],
        "email_verified": True,
    }
    assert status_of_me(platform, session.json["access_token"]) == 200
    assert accept(platform, token).status == 400
    listed = platform.gateway.get(f"{USERS}/invitations", token=admin.access_token).json
    assert listed["items"] == []


def test_a_link_ends_when_the_invitation_is_sent_again_or_withdrawn(
    platform: Platform, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = invite(platform, admin).json
    first = delivered(platform)
    again = f"{USERS}/invitations/{made['id']}/resend"
    assert platform.gateway.post(again, None, token=admin.access_token).status == 409
    monkeypatch.setattr("agent_platform.identity.invitations.SEND_AGAIN_AFTER", timedelta(0))
    assert platform.gateway.post(again, None, token=admin.access_token).status == 200
    second = delivered(platform)
    assert accept(platform, first).status == 400
    gone = platform.gateway.delete(f"{USERS}/invitations/{made['id']}", token=admin.access_token)
    assert gone.status == 204
    assert accept(platform, second).status == 400


def test_an_address_with_an_account_or_an_unknown_role_is_not_invited(platform: Platform, admin: Person) -> None:
    platform.person()
    assert invite(platform, admin, "ADA@example.com").json["code"] == "email_taken"
    assert invite(platform, admin, roles=("emperor",)).status == 422
    assert invite(platform, admin).status == 201
    assert invite(platform, admin).json["code"] == "conflict"
    assert len(platform.letters) == 2  # ada's own verification, and one invitation


def test_a_refused_password_leaves_the_link_good(platform: Platform, admin: Person) -> None:
    invite(platform, admin)
    token = delivered(platform)
    weak = {"token": token, "password": "aaaaaaaaaaaaaaaaaa", "name": "New"}
    assert platform.gateway.post("/api/v1/auth/accept-invitation", weak).status == 422
    assert accept(platform, token).status == 201


def test_other_roles_end_every_session_and_count_at_the_next_sign_in(platform: Platform, admin: Person) -> None:
    ada = platform.person()
    assert set_roles(platform, admin, ada.id, "operator", "viewer").json["roles"] == ["operator", "viewer"]
    assert status_of_me(platform, ada.access_token) == 401
    assert platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": ada.refresh_token}).status == 401
    assert platform.login().json["user"]["roles"] == ["operator", "viewer"]
    assert set_roles(platform, admin, ada.id, "emperor").status == 422


def test_a_disabled_account_is_out_at_the_next_request_and_its_keys_with_it(platform: Platform, admin: Person) -> None:
    ada = platform.person()
    body = {"name": "Nightly", "scopes": ["executions:read"]}
    key = platform.gateway.post("/api/v1/keys", body, token=ada.access_token).json["key"]
    assert platform.gateway.get("/api/v1/executions", token=key).status == 200
    disable = f"{USERS}/{ada.id}/disable"
    assert platform.gateway.post(disable, None, token=admin.access_token).json["status"] == "disabled"
    assert status_of_me(platform, ada.access_token) == 401
    assert platform.gateway.get("/api/v1/executions", token=key).status == 401
    assert platform.login().status == 401
    enable = f"{USERS}/{ada.id}/enable"
    assert platform.gateway.post(enable, None, token=admin.access_token).json["status"] == "active"
    assert status_of_me(platform, ada.access_token) == 401
    assert platform.gateway.get("/api/v1/executions", token=key).status == 200
    assert platform.login().status == 200


def test_the_last_administrator_stays_one(platform: Platform, admin: Person) -> None:
    gateway = platform.gateway
    assert set_roles(platform, admin, admin.id, "user").json["code"] == "last_administrator"
    assert gateway.post(f"{USERS}/{admin.id}/disable", None, token=admin.access_token).status == 409
    assert gateway.delete(f"{USERS}/{admin.id}", token=admin.access_token).status == 409
    mine = gateway.post("/api/v1/me/erasure", {"password": PASSWORD}, token=admin.access_token)
    assert mine.json["code"] == "last_administrator"
    assert status_of_me(platform, admin.access_token) == 200
    ada = platform.person()
    assert set_roles(platform, admin, ada.id, "admin").status == 200
    assert set_roles(platform, admin, admin.id, "user").status == 200


def test_an_account_is_closed_at_once_and_handed_over_to_be_erased(
    platform: Platform, admin: Person, begun: list[dict[str, Any]]
) -> None:
    ada = platform.person()
    asked = platform.gateway.delete(f"{USERS}/{ada.id}", token=admin.access_token)
    assert (asked.status, asked.json["state"]) == (202, "waiting")
    assert begun == [{"request_id": asked.json["id"]}]
    assert status_of_me(platform, ada.access_token) == 401
    assert platform.gateway.get(f"{USERS}/{ada.id}", token=admin.access_token).json["status"] == "erasing"
    enable = platform.gateway.post(f"{USERS}/{ada.id}/enable", None, token=admin.access_token)
    assert enable.status == 409
    again = platform.gateway.delete(f"{USERS}/{ada.id}", token=admin.access_token)
    assert again.json["id"] == asked.json["id"]
    assert len(begun) == 1  # it was handed over just now
    time_passes(platform, minutes=1)
    platform.gateway.delete(f"{USERS}/{ada.id}", token=admin.access_token)
    assert len(begun) == 2


def test_an_export_is_begun_once_however_often_it_is_asked_for(platform: Platform, begun: list[dict[str, Any]]) -> None:
    ada, requests = platform.person(), DataRequests(platform.services.engine)

    def ask() -> Any:
        return platform.gateway.post("/api/v1/me/export", None, token=ada.access_token).json

    first = ask()
    assert {ask()["id"] for _ in range(5)} == {first["id"]}
    assert len(begun) == 1
    hold = requests.take(first["id"])
    assert hold is not None
    assert ask()["state"] == "running"
    assert len(begun) == 1
    # Whoever made it was killed: asked for again, it begins again.
    time_passes(platform, minutes=1)
    assert ask()["id"] == first["id"]
    assert len(begun) == 2


def test_a_finished_export_is_answered_again_for_an_hour_as_long_as_it_is_there(
    platform: Platform, begun: list[dict[str, Any]]
) -> None:
    ada, requests = platform.person(), DataRequests(platform.services.engine)

    def ask() -> Any:
        return platform.gateway.post("/api/v1/me/export", None, token=ada.access_token).json

    def make(request_id: str) -> str:
        hold, key = requests.take(request_id), f"exports/{ada.id}/{request_id}/file.zip"
        assert hold is not None
        platform.services.payloads.put(key, {})
        hold.finish({}, object_key=key)
        return key

    first = ask()
    key = make(first["id"])
    assert (ask()["id"], ask()["state"], len(begun)) == (first["id"], "done", 1)
    platform.services.payloads.delete(key)
    second = ask()
    assert (second["state"], len(begun)) == ("waiting", 2)
    make(second["id"])
    time_passes(platform, minutes=61)
    assert ask()["id"] not in (first["id"], second["id"])
    assert len(begun) == 3


def test_an_export_that_could_not_be_handed_over_begins_when_it_is_asked_for_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = platform.person()

    def fail(_: dict[str, Any]) -> None:
        raise StorageUnavailable("Lambda does not answer.")

    monkeypatch.setattr(platform.services, "begin_personal_data", fail, raising=False)
    assert platform.gateway.post("/api/v1/me/export", None, token=ada.access_token).status == 503
    work: list[dict[str, Any]] = []
    monkeypatch.setattr(platform.services, "begin_personal_data", work.append, raising=False)
    asked = platform.gateway.post("/api/v1/me/export", None, token=ada.access_token)
    assert work == [{"request_id": asked.json["id"]}]


def test_my_account_goes_only_with_my_password(platform: Platform, begun: list[dict[str, Any]]) -> None:
    ada = platform.person()
    wrong = platform.gateway.post("/api/v1/me/erasure", {"password": "not this one"}, token=ada.access_token)
    assert wrong.status == 422
    assert begun == []
    right = platform.gateway.post("/api/v1/me/erasure", {"password": PASSWORD}, token=ada.access_token)
    assert right.status == 202
    assert status_of_me(platform, ada.access_token) == 401


OWNERS = "the owner chose this one"


class Squatter:
    """Somebody who registered an address that is not theirs, and left something behind."""

    def __init__(self, platform: Platform, email: str) -> None:
        make_eventbridge()
        store_secret(WEBHOOK_SECRET, KEY)
        boto3.client("sqs").create_queue(QueueName=WEBHOOKS_QUEUE_URL.rpartition("/")[2])
        self._gateway, self.email = platform.gateway, email
        self.who = platform.person(email, verified=False)
        workflow = a_workflow(platform.services.engine, self.who.id).id
        orders: dict[str, list[dict[str, Any]]] = {
            "keys": [{"name": f"Mine {number}", "scopes": ["executions:read"], "budget_usd": 5} for number in range(2)],
            "webhooks": [{"url": "https://93.184.216.34/hook", "events": ["workflow.failed"]}],
            "triggers": [
                {"workflow_id": workflow, "input": {"day": "${schedule.time}"}, "schedule": {"rate": "1 hours"}},
                {"workflow_id": workflow, "input": {"day": "x"}, "event": {"type": "workflow.completed"}},
            ],
        }
        made = {
            kind: [platform.gateway.post(f"/api/v1/{kind}", each, token=self.who.access_token) for each in several]
            for kind, several in orders.items()
        }
        assert {each.status for several in made.values() for each in several} == {201}, made
        self.key = str(made["keys"][0].json["key"])
        self.key_ids = [str(each.json["id"]) for each in made["keys"]]
        assert self.comes_in()

    def comes_in(self) -> bool:
        answers = {
            self._gateway.get("/api/v1/executions", token=token).status for token in (self.key, self.who.access_token)
        }
        assert len(answers) == 1
        return answers == {200}

    def left(self, token: str) -> dict[str, int]:
        """What the account has, seen by whoever has it now, and what still fires."""
        kinds = ("keys", "webhooks", "triggers")
        mine = {kind: len(self._gateway.get(f"/api/v1/{kind}", token=token).json["items"]) for kind in kinds}
        return mine | {"fires": len(schedules_of()) + len(rules_of())}


NOTHING = {"keys": 0, "webhooks": 0, "triggers": 0, "fires": 0}


@pytest.fixture
def squatter(platform: Platform) -> Squatter:
    return Squatter(platform, "victim@example.com")


def reset(platform: Platform, email: str, password: str = OWNERS) -> Answer:
    assert platform.gateway.post("/api/v1/auth/forgot-password", {"email": email}).status == 202
    body = {"token": delivered(platform), "password": password}
    return platform.gateway.post("/api/v1/auth/reset-password", body)


def test_an_operator_gives_no_roles_to_an_account_whose_triggers_somebody_else_may_have_made(
    platform: Platform, squatter: Squatter
) -> None:
    with (
        pytest.raises(Conflict, match="made triggers"),
        platform.services.users.ensuring(squatter.email, OWNERS, "Root", ["admin"]),
    ):
        pytest.fail("the account has changed hands")
    assert squatter.comes_in()
    assert platform.services.users.get(squatter.who.id).roles == ("user",)


def test_whoever_registered_an_address_keeps_nothing_once_its_owner_has_reset_the_password(
    platform: Platform, squatter: Squatter
) -> None:
    assert reset(platform, squatter.email).status == 204
    assert not squatter.comes_in()
    owner = platform.login(squatter.email, OWNERS).json
    assert owner["user"]["email_verified"] is True
    assert squatter.left(owner["access_token"]) == NOTHING
    uses = platform.services.budgets.keys(user_account(squatter.who.id))
    assert [uses.of(each).ceiling_usd for each in squatter.key_ids] == [None, None]


def test_a_reset_that_could_not_end_everything_confirms_nothing_and_can_be_tried_again(
    platform: Platform, squatter: Squatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert platform.gateway.post("/api/v1/auth/forgot-password", {"email": squatter.email}).status == 202
    body = {"token": delivered(platform), "password": OWNERS}

    def fails(*_: object) -> None:
        raise StorageUnavailable("The scheduler does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(Schedules, "remove_rule", fails)
        assert platform.gateway.post("/api/v1/auth/reset-password", body).status == 503
    assert platform.login(squatter.email, OWNERS).status == 401
    assert platform.services.users.get(squatter.who.id).email_verified_at is None
    assert platform.gateway.post("/api/v1/auth/reset-password", body).status == 204
    assert squatter.left(platform.login(squatter.email, OWNERS).json["access_token"]) == NOTHING


def test_what_is_made_while_the_password_is_reset_ends_with_it(
    platform: Platform, squatter: Squatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of the other one that had passed the authorizer already."""
    ended, late = platform.services.people.end_made, []

    def ends(session: Any, user_id: str) -> None:
        ended(session, user_id)
        if not late:
            order = {"name": "Late", "scopes": ["executions:read"]}
            late.append(made_behind_the_gateway(platform, user_id, order))

    monkeypatch.setattr(platform.services.people, "end_made", ends)
    assert reset(platform, squatter.email).status == 204
    assert status_of_executions(platform, late[0]) == 401


def made_behind_the_gateway(platform: Platform, user_id: str, order: dict[str, Any]) -> str:
    asked = NewApiKey.model_validate(order).order
    return platform.services.keys.create(user_id, lambda: ("", ("user",)), asked, None)[1]


def status_of_executions(platform: Platform, token: str) -> int:
    return platform.gateway.get("/api/v1/executions", token=token).status


def test_a_forgotten_password_of_a_confirmed_address_leaves_its_keys(platform: Platform, squatter: Squatter) -> None:
    platform.services.users.verify_email(squatter.who.id, squatter.email)
    assert reset(platform, squatter.email).status == 204
    assert status_of_executions(platform, squatter.key) == 200
    kept = squatter.left(platform.login(squatter.email, OWNERS).json["access_token"])
    assert kept == {"keys": 2, "webhooks": 1, "triggers": 2, "fires": 2}


def test_an_address_that_nobody_has_confirmed_gets_no_roles(platform: Platform, admin: Person) -> None:
    stranger = platform.person("victim@example.com", verified=False)
    refused = set_roles(platform, admin, stranger.id, "admin", "user")
    assert (refused.status, refused.json["code"]) == (409, "address_unconfirmed")
    assert "victim@example.com" in refused.json["detail"]
    assert set_roles(platform, admin, stranger.id, "viewer").json["code"] == "address_unconfirmed"
    assert status_of_me(platform, stranger.access_token) == 200
    platform.services.users.verify_email(stranger.id, "victim@example.com")
    assert set_roles(platform, admin, stranger.id, "operator", "user").status == 200


def test_roles_may_be_taken_from_an_address_that_nobody_has_confirmed(platform: Platform, admin: Person) -> None:
    stranger = platform.person("victim@example.com", verified=False)
    platform.services.users.ensure("victim@example.com", PASSWORD, "Ada", ["admin", "user"])
    with platform.services.engine.begin() as connection:
        connection.execute(text("UPDATE users SET email_verified_at = NULL WHERE email = 'victim@example.com'"))
    assert set_roles(platform, admin, stranger.id, "user").json["roles"] == ["user"]
    assert status_of_me(platform, stranger.access_token) == 401


@pytest.mark.parametrize("first", ["the stranger", "the invitation"])
def test_an_invitation_takes_the_account_over_from_whoever_registered_its_address(
    platform: Platform, admin: Person, first: str
) -> None:
    if first == "the stranger":
        squatter = Squatter(platform, "new@example.com")
        assert invite(platform, admin, roles=("admin",)).status == 201
        token = delivered(platform)
    else:
        assert invite(platform, admin, roles=("admin",)).status == 201
        token = delivered(platform)
        squatter = Squatter(platform, "new@example.com")
    body = {"token": token, "password": OWNERS, "name": "New Name"}
    session = platform.gateway.post("/api/v1/auth/accept-invitation", body)
    assert session.status == 201, session.text
    user = session.json["user"]
    assert (user["id"], user["name"], user["roles"], user["email_verified"]) == (
        squatter.who.id,
        "New Name",
        ["admin"],
        True,
    )
    assert not squatter.comes_in()
    assert platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": squatter.who.refresh_token}).status == 401
    assert platform.login("new@example.com").status == 401
    assert squatter.left(session.json["access_token"]) == NOTHING
    assert status_of_me(platform, platform.login("new@example.com", OWNERS).json["access_token"]) == 200
    assert accept(platform, token).status == 400


def test_an_invitation_that_could_not_end_everything_makes_nobody_anything(
    platform: Platform, admin: Person, squatter: Squatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invite(platform, admin, squatter.email, roles=("admin",)).status == 201
    token = delivered(platform)

    def fails(*_: object) -> None:
        raise StorageUnavailable("The scheduler does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(Schedules, "remove_rule", fails)
        assert accept(platform, token).status == 503
    stranger = platform.login(squatter.email).json["user"]
    assert (stranger["roles"], stranger["email_verified"]) == (["user"], False)
    assert accept(platform, token).status == 201


def test_a_disabled_account_is_taken_over_by_no_invitation(platform: Platform, admin: Person) -> None:
    stranger = platform.person("new@example.com", verified=False)
    assert invite(platform, admin).status == 201
    token = delivered(platform)
    disable = f"{USERS}/{stranger.id}/disable"
    assert platform.gateway.post(disable, None, token=admin.access_token).status == 200
    assert accept(platform, token).json["code"] == "email_taken"
    assert platform.login("new@example.com").status == 401


def test_of_many_who_accept_one_invitation_at_once_one_takes_the_account_over(
    platform: Platform, admin: Person, postgres: Server, database: str
) -> None:
    platform.person("new@example.com", verified=False)
    assert invite(platform, admin).status == 201
    token, many = delivered(platform), 20
    engines = [open_engine(lambda: postgres.credentials(database)) for _ in range(many)]
    at_once, ended = threading.Barrier(many), []

    def accepts(number: int) -> str | None:
        invitations = Invitations(engines[number], platform.services.one_time_tokens, lambda _: None)
        at_once.wait()
        try:
            return invitations.accept(token, f"{OWNERS} {number}", "New", lambda _, user_id: ended.append(user_id))
        except OneTimeTokenInvalid:
            return None

    with ThreadPoolExecutor(many) as pool:
        made = [each for each in pool.map(accepts, range(many)) if each]
    for each in engines:
        each.dispose()
    assert len(made) == 1
    assert ended == made * 2  # by the one who came first: before it counted, and once more after


def test_the_roles_that_somebody_has_already_sign_nobody_out(platform: Platform, admin: Person) -> None:
    ada = platform.person()
    assert set_roles(platform, admin, ada.id, "user").json["roles"] == ["user"]
    assert status_of_me(platform, ada.access_token) == 200
    assert set_roles(platform, admin, ada.id, "user", "user").status == 200
    assert platform.gateway.post("/api/v1/auth/refresh", {"refresh_token": ada.refresh_token}).status == 200
    assert set_roles(platform, admin, ada.id, "viewer").status == 200
    assert status_of_me(platform, ada.access_token) == 401


def test_roles_that_did_not_reach_the_keys_reach_them_when_they_are_given_again(
    platform: Platform, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = platform.person()
    order = {"name": "Runs", "scopes": ["agents:execute", "workflows:run"]}
    key = platform.gateway.post("/api/v1/keys", order, token=ada.access_token).json["key"]
    keys = platform.services.people._keys

    def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("The table does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(keys, "owner_changed", fails)
        assert set_roles(platform, admin, ada.id, "viewer").status == 503
    assert keys.verify(key).roles == {"user"}
    assert set_roles(platform, admin, ada.id, "viewer").status == 200
    assert keys.verify(key).roles == {"viewer"}
