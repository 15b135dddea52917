"""Conversations through the gateway: one's own, and nobody else's."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from agent_platform.agents.compile import write_catalogue
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.session_turns import SessionTurns
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, SESSIONS_TABLE
from tests.fakes.catalogue import GROUPS, definition
from tests.fakes.executions import an_execution
from tests.functions.api.conftest import PASSWORD, Person, Platform

SESSIONS = "/api/v1/sessions"
HELPER, OTHER, FORGETFUL = "sales/quote-helper", "sales/renewal-helper", "sales/quote-checker"


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two agents that remember, and one that does not."""
    target = tmp_path_factory.mktemp("remembering") / "agents.sqlite"
    tags = ["quotes", "pricing", "review"]
    agents = [definition(each, "A Helper", f"Helps as {each} does.", tags=tags) for each in (HELPER, OTHER, FORGETFUL)]
    remembering = [each.model_copy(update={"memory": "conversation"}) for each in agents[:2]]
    write_catalogue([*remembering, agents[2]], GROUPS, target)
    return target


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def eve(platform: Platform) -> Person:
    return platform.person("eve@example.com")


def create(platform: Platform, who: Person, agent_id: str = HELPER, **more: Any) -> dict[str, Any]:
    made = platform.gateway.post(SESSIONS, {"agent_id": agent_id, **more}, token=who.access_token)
    assert made.status == 201, made
    found: dict[str, Any] = made.json
    return found


def say(who: Person, session: dict[str, Any], number: int = 1) -> None:
    """Answer that many inputs the way a group's function does."""
    turns = SessionTurns(SESSIONS_TABLE)
    recorder = OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    for _ in range(number):
        holder, now = new_id(), datetime.now(UTC)
        opened = turns.begin(session["id"], owner=who.id, agent_id=session["agent_id"], holder=holder, seconds=60)
        value = {"text": f"question {opened.session.turns + 1}"}
        execution = an_execution(id=holder, owner=who.id, input=value, started_at=now, finished_at=now)
        recorder.record(execution, [turns.ended(opened, execution, title="A gist", earlier="secret", folded=0)])


class TestMaking:
    """POST /sessions."""

    def test_a_session_has_an_address_where_it_is_shown(self, platform: Platform, ada: Person) -> None:
        body = {"agent_id": HELPER, "title": "Übersicht 📦"}
        made = platform.gateway.post(SESSIONS, body, token=ada.access_token)
        assert made.status == 201
        assert made.headers["location"] == f"{SESSIONS}/{made.json['id']}"
        shown = platform.gateway.get(made.headers["location"], token=ada.access_token)
        assert (shown.status, shown.json) == (200, made.json)
        assert (shown.json["agent_id"], shown.json["title"], shown.json["turns"]) == (HELPER, "Übersicht 📦", 0)
        assert all(shown.json[name].endswith("Z") for name in ("created_at", "updated_at", "expires_at"))

    @pytest.mark.parametrize(
        ("agent_id", "reason"), [(FORGETFUL, "keeps no conversations"), ("sales/nobody", "no such agent")]
    )
    def test_an_agent_that_is_none_or_keeps_no_conversations_is_refused(
        self, platform: Platform, ada: Person, agent_id: str, reason: str
    ) -> None:
        refused = platform.gateway.post(SESSIONS, {"agent_id": agent_id}, token=ada.access_token)
        assert (refused.status, refused.code) == (422, "invalid_input")
        (fault,) = refused.json["errors"]
        assert fault["field"] == "agent_id"
        assert reason in fault["message"]
        assert dynamodb().scan(TableName=SESSIONS_TABLE)["Items"] == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"agent_id": 5},
            {"agent_id": "no-group"},
            {"agent_id": f"sales/{'x' * 200}"},
            {"agent_id": HELPER, "title": ""},
            {"agent_id": HELPER, "title": "x" * 121},
            {"agent_id": HELPER, "title": "half \ud83d"},
            {"agent_id": HELPER, "title": "nul \0"},
            {"agent_id": HELPER, "owner": "user-2"},
            {"agent_id": HELPER, "turns": 7},
        ],
        ids=lambda body: str(body)[:50],
    )
    def test_a_body_that_is_not_as_described_is_refused(
        self, platform: Platform, ada: Person, body: dict[str, Any]
    ) -> None:
        refused = platform.gateway.post(SESSIONS, json.dumps(body), token=ada.access_token)
        assert (refused.status, refused.code) == (422, "invalid_input")


class TestReading:
    """GET /sessions, /sessions/{id} and its turns."""

    def test_my_sessions_are_listed_newest_first_page_by_page(
        self, platform: Platform, ada: Person, eve: Person
    ) -> None:
        ids = [create(platform, ada)["id"] for _ in range(5)]
        create(platform, eve)
        seen: list[str] = []
        query = "limit=2"
        while True:
            page = platform.gateway.get(SESSIONS, token=ada.access_token, query=query).json
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query = f"limit=2&cursor={page['next_cursor']}"
        assert seen == ids[::-1]

    def test_a_list_may_be_narrowed_to_one_agent(self, platform: Platform, ada: Person) -> None:
        mine = {agent: create(platform, ada, agent)["id"] for agent in (HELPER, OTHER)}
        for agent, session_id in mine.items():
            page = platform.gateway.get(SESSIONS, token=ada.access_token, query=f"agent_id={quote(agent, safe='')}")
            assert [item["id"] for item in page.json["items"]] == [session_id]

    def test_what_was_said_is_shown_newest_first_page_by_page(self, platform: Platform, ada: Person) -> None:
        session = create(platform, ada)
        say(ada, session, 3)
        path = f"{SESSIONS}/{session['id']}"
        shown = platform.gateway.get(path, token=ada.access_token).json
        assert (shown["turns"], shown["title"]) == (3, "A gist")
        first = platform.gateway.get(f"{path}/turns", token=ada.access_token, query="limit=2").json
        assert [(turn["number"], turn["input"]["text"]) for turn in first["items"]] == [
            (3, "question 3"),
            (2, "question 2"),
        ]
        more = f"limit=2&cursor={first['next_cursor']}"
        rest = platform.gateway.get(f"{path}/turns", token=ada.access_token, query=more).json
        assert ([turn["number"] for turn in rest["items"]], rest["next_cursor"]) == ([1], None)
        execution = platform.gateway.get(
            f"/api/v1/executions/{rest['items'][0]['execution_id']}", token=ada.access_token
        ).json
        assert execution["output"] == rest["items"][0]["output"]

    def test_what_the_model_alone_needs_is_not_shown(self, platform: Platform, ada: Person) -> None:
        session = create(platform, ada)
        say(ada, session)
        for path in (SESSIONS, f"{SESSIONS}/{session['id']}", f"{SESSIONS}/{session['id']}/turns"):
            assert "secret" not in platform.gateway.get(path, token=ada.access_token).text

    @pytest.mark.parametrize("path", ["", "/{id}", "/{id}/turns"])
    def test_what_is_unchanged_is_not_sent_again(self, platform: Platform, ada: Person, path: str) -> None:
        session = create(platform, ada)
        path = SESSIONS + path.format(id=session["id"])
        tag = {"If-None-Match": platform.gateway.get(path, token=ada.access_token).headers["etag"]}
        assert platform.gateway.get(path, token=ada.access_token, headers=tag).status == 304
        say(ada, session)
        assert platform.gateway.get(path, token=ada.access_token, headers=tag).status == 200

    def test_a_cursor_is_good_for_its_list_alone(self, platform: Platform, ada: Person, eve: Person) -> None:
        one, other = create(platform, ada), create(platform, ada)
        say(ada, one, 2)
        of_list = platform.gateway.get(SESSIONS, token=ada.access_token, query="limit=1").json["next_cursor"]
        turns = f"{SESSIONS}/{{}}/turns"
        of_turns = platform.gateway.get(turns.format(one["id"]), token=ada.access_token, query="limit=1").json[
            "next_cursor"
        ]
        for path, cursor, who in (
            (SESSIONS, of_turns, ada),
            (SESSIONS, of_list, eve),
            (SESSIONS, "x", ada),
            (turns.format(one["id"]), of_list, ada),
            (turns.format(other["id"]), of_turns, ada),
        ):
            refused = platform.gateway.get(path, token=who.access_token, query=f"cursor={cursor}")
            assert (refused.status, refused.code) == (400, "invalid_cursor")


class TestDeleting:
    """DELETE /sessions/{id}."""

    def test_a_deleted_session_is_gone_and_its_executions_stay(self, platform: Platform, ada: Person) -> None:
        session = create(platform, ada)
        say(ada, session, 2)
        path = f"{SESSIONS}/{session['id']}"
        deleted = platform.gateway.request("DELETE", path, token=ada.access_token)
        assert (deleted.status, deleted.text) == (204, "")
        for method, gone in (("GET", path), ("GET", f"{path}/turns"), ("DELETE", path)):
            answer = platform.gateway.request(method, gone, token=ada.access_token)
            assert (answer.status, answer.code) == (404, "session_not_found")
        assert platform.gateway.get(SESSIONS, token=ada.access_token).json["items"] == []
        assert len(platform.gateway.get("/api/v1/executions", token=ada.access_token).json["items"]) == 2


class TestOwnership:
    """A conversation is private."""

    def test_the_session_of_somebody_else_does_not_exist_for_administrators_either(
        self, platform: Platform, ada: Person, eve: Person
    ) -> None:
        platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin"])
        admin = platform.login("root@example.com").json["access_token"]
        path = f"{SESSIONS}/{create(platform, ada)['id']}"
        for token in (eve.access_token, admin):
            for method, theirs in (("GET", path), ("GET", f"{path}/turns"), ("DELETE", path)):
                answer = platform.gateway.request(method, theirs, token=token)
                assert (answer.status, answer.code) == (404, "session_not_found")
        assert platform.gateway.get(path, token=ada.access_token).status == 200

    @pytest.mark.parametrize("session_id", ["x", "%00", "..%2F..%2Fme", "a" * 101, "head", "%F0%9F%A6%80"])
    def test_an_id_that_is_none_is_not_found(self, platform: Platform, ada: Person, session_id: str) -> None:
        for method in ("GET", "DELETE"):
            refused = platform.gateway.request(method, f"{SESSIONS}/{session_id}", token=ada.access_token)
            assert refused.status in {404, 405, 422}
            assert refused.code in {"session_not_found", "route_not_found", "invalid_input"}

    def test_without_a_token_nobody_passes(self, platform: Platform) -> None:
        for method, path in (("GET", SESSIONS), ("POST", SESSIONS), ("DELETE", f"{SESSIONS}/{new_id()}")):
            assert platform.gateway.request(method, path).status == 401


def test_a_table_that_is_down_is_storage_unavailable(platform: Platform, ada: Person) -> None:
    path = f"{SESSIONS}/{create(platform, ada)['id']}"
    dynamodb().delete_table(TableName=SESSIONS_TABLE)
    for method, asked in (("GET", SESSIONS), ("GET", path), ("GET", f"{path}/turns"), ("DELETE", path)):
        refused = platform.gateway.request(method, asked, token=ada.access_token)
        assert (refused.status, refused.code) == (503, "storage_unavailable")
        assert refused.headers["retry-after"]
