"""Dead letters through the gateway: administrators list, look, do again and discard; nobody else may."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.errors import DeadlineExceeded, StorageUnavailable
from agent_platform.events.redrive import Redrive
from agent_platform.ids import fixed_id
from agent_platform.storage.dead_letters import DeadLetter
from tests.fakes.aws import REDRIVE_FUNCTIONS
from tests.functions.api.conftest import PASSWORD, Platform

PATH = "/api/v1/dead-letters"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DONE = {"done": 1, "failed": []}
REFUSED = {"done": 0, "failed": [{"event_id": "e", "code": "receiver_refused", "message": "410 Gone"}]}

Answers = Callable[..., list[tuple[str, Any]]]


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin"])
    return str(platform.login("root@example.com").json["access_token"])


@pytest.fixture
def answers(platform: Platform) -> Answers:
    """Makes the functions answer so, one after the other; what they are asked is in the list."""

    def become(*wanted: Any) -> list[tuple[str, Any]]:
        left, asked = list(wanted), list[tuple[str, Any]]()

        def call(name: str, payload: dict[str, Any], **_: Any) -> Any:
            asked.append((name, payload))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        vars(platform.services)["redrive"] = Redrive(platform.services.dead_letters, REDRIVE_FUNCTIONS, call)
        return asked

    return become


def keep(platform: Platform, number: int, source: str = "webhooks", payload: Any = None) -> str:
    arrived = NOW + timedelta(seconds=number)
    letter = DeadLetter(
        id=fixed_id(arrived, f"m{number}"),
        source=source,
        state="open",
        event_id=f"e{number}",
        code="gone",
        message="410",
        tries=1,
        failed_at=arrived,
        arrived_at=arrived,
    )
    platform.services.dead_letters.keep(letter, payload or {"redrive": {"n": number}})
    return letter.id


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("GET", f"{PATH}/x", None),
        ("POST", f"{PATH}/x/redrive", None),
        ("POST", f"{PATH}/x/discard", {"reason": "r"}),
        ("POST", f"{PATH}/redrive", {"source": "webhooks"}),
    ],
)
def test_nobody_but_administrators_sees_or_changes_one(
    platform: Platform, admin: str, method: str, path: str, body: Any
) -> None:
    refused = platform.gateway.request(method, path, body, token=platform.person().access_token)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert platform.gateway.request(method, path, body).status == 401
    assert platform.gateway.request(method, path, body, token=admin).status in {200, 404}


def test_lists_are_by_state_and_source_and_go_on_with_a_cursor(platform: Platform, admin: str) -> None:
    ids = [keep(platform, number, ("webhooks", "tracking")[number % 2]) for number in range(5)]

    def page(query: str) -> Any:
        return platform.gateway.get(PATH, token=admin, query=query).json

    first = page("limit=3")
    assert [each["id"] for each in first["items"]] == ids[:1:-1]
    assert all("payload" not in each for each in first["items"])
    second = page(f"limit=3&cursor={first['next_cursor']}")
    assert ([each["id"] for each in second["items"]], second["next_cursor"]) == (ids[1::-1], None)
    assert [each["id"] for each in page("source=tracking")["items"]] == [ids[3], ids[1]]
    assert page("state=redriven")["items"] == []
    other_list = platform.gateway.get(PATH, token=admin, query=f"source=tracking&cursor={first['next_cursor']}")
    assert (other_list.status, other_list.code) == (400, "invalid_cursor")
    for wrong in ("state=closed", "source=post", "limit=101"):
        assert platform.gateway.get(PATH, token=admin, query=wrong).code == "invalid_input"


def test_one_is_shown_with_its_work_but_no_secret(platform: Platform, admin: str) -> None:
    secrets = {
        "taskToken": "AAAAKgAAAAIA-token",
        "headers": {"Authorization": "Bearer abcdefghijklmnop", "X-Api-Key": "key-1"},
        "body": '{"task_token": "AAAAKgAAAAIA-inner", "note": "stays"}',
        "text": "sent with Bearer qwertyuiopasdf",
    }
    letter_id = keep(platform, 1, "tracking", secrets)
    shown = platform.gateway.get(f"{PATH}/{letter_id}", token=admin)
    assert (shown.status, shown.json["id"], shown.json["event_id"]) == (200, letter_id, "e1")
    assert "stays" in shown.text
    for secret in ("AAAAKgAAAAIA", "abcdefghijklmnop", "key-1", "qwertyuiopasdf"):
        assert secret not in shown.text
    assert platform.services.dead_letters.payload(letter_id) == secrets


def test_a_redrive_answers_with_what_became_of_the_letter(platform: Platform, admin: str, answers: Answers) -> None:
    letter_id = keep(platform, 1)
    asked = answers(REFUSED, DONE)
    failed = platform.gateway.post(f"{PATH}/{letter_id}/redrive", token=admin)
    assert failed.status == 200
    told = [failed.json[name] for name in ("state", "code", "message", "tries")]
    assert told == ["open", "receiver_refused", "410 Gone", 2]
    done = platform.gateway.post(f"{PATH}/{letter_id}/redrive", token=admin)
    assert (done.status, done.json["state"]) == (200, "redriven")
    assert done.json["changed_by"] == platform.services.users.authenticate("root@example.com", PASSWORD).id
    assert asked == [("redrive-webhooks", {"redrive": {"n": 1}})] * 2
    closed = platform.gateway.post(f"{PATH}/{letter_id}/redrive", token=admin)
    assert (closed.status, closed.code) == (409, "dead_letter_closed")


def test_one_whose_function_does_not_answer_is_busy(platform: Platform, admin: str, answers: Answers) -> None:
    letter_id = keep(platform, 1)
    answers(DeadlineExceeded("No answer within 24 s."))
    late = platform.gateway.post(f"{PATH}/{letter_id}/redrive", token=admin)
    assert (late.status, late.code) == (504, "deadline_exceeded")
    for change, body in (("redrive", None), ("discard", {"reason": "r"})):
        busy = platform.gateway.post(f"{PATH}/{letter_id}/{change}", body, token=admin)
        assert (busy.status, busy.code) == (409, "dead_letter_busy")
        assert int(busy.headers["retry-after"]) > 60


def test_one_is_discarded_with_a_reason(platform: Platform, admin: str) -> None:
    letter_id = keep(platform, 1)
    for body in ({}, {"reason": ""}, {"reason": "r", "more": 1}):
        assert platform.gateway.post(f"{PATH}/{letter_id}/discard", body, token=admin).code == "invalid_input"
    discarded = platform.gateway.post(f"{PATH}/{letter_id}/discard", {"reason": "Receiver is gone"}, token=admin)
    assert (discarded.json["state"], discarded.json["note"]) == ("discarded", "Receiver is gone")
    again = platform.gateway.post(f"{PATH}/{letter_id}/discard", {"reason": "r"}, token=admin)
    assert (again.status, again.code) == (409, "dead_letter_closed")
    listed = platform.gateway.get(PATH, token=admin, query="state=discarded")
    assert [each["id"] for each in listed.json["items"]] == [letter_id]


def test_what_is_not_there_is_said(platform: Platform, admin: str, answers: Answers) -> None:
    answers()
    for method, path, body in (
        ("GET", "none", None),
        ("POST", "none/redrive", None),
        ("POST", "none/discard", {"reason": "r"}),
    ):
        missing = platform.gateway.request(method, f"{PATH}/{path}", body, token=admin)
        assert (missing.status, missing.code) == (404, "dead_letter_not_found")


def test_a_bulk_tells_what_was_done_and_what_not(platform: Platform, admin: str, answers: Answers) -> None:
    ids = [keep(platform, number) for number in range(4)]
    other = keep(platform, 9, "tracking")
    answers(DONE, REFUSED, StorageUnavailable("Lambda throttles. Try again shortly."), DONE, DONE)
    body = {"source": "webhooks", "ids": [ids[0], other, *ids[1:]]}
    stopped = platform.gateway.post(f"{PATH}/redrive", body, token=admin).json
    assert (stopped["state"], stopped["redriven"], stopped["skipped"]) == ("stopped", ids[:1], [other])
    assert ([each["id"] for each in stopped["failed"]], stopped["left"]) == (ids[1:2], ids[2:])
    assert stopped["problem"] == {"code": "storage_unavailable", "message": "Lambda throttles. Try again shortly."}
    answers(DONE, DONE, DONE)
    rest = platform.gateway.post(f"{PATH}/redrive", {"source": "webhooks"}, token=admin).json
    assert (rest["state"], set(rest["redriven"]), rest["problem"]) == ("done", set(ids[1:]), None)
    for wrong in ({"source": "post"}, {"source": "webhooks", "ids": []}, {"source": "webhooks", "ids": ["x"] * 101}):
        assert platform.gateway.post(f"{PATH}/redrive", wrong, token=admin).code == "invalid_input"


def test_a_bulk_says_that_there_are_more_and_goes_on_behind_them(
    platform: Platform, admin: str, answers: Answers
) -> None:
    ids = [keep(platform, number) for number in range(102)]
    keep(platform, 200, "tracking")
    answers(*[REFUSED] * 3, *[DONE] * 97)
    first = platform.gateway.post(f"{PATH}/redrive", {"source": "webhooks"}, token=admin).json
    assert (first["state"], len(first["redriven"]), first["left"]) == ("more", 97, [])
    assert [each["id"] for each in first["failed"]] == ids[:-4:-1]
    answers(DONE, DONE)
    body = {"source": "webhooks", "cursor": first["next_cursor"]}
    rest = platform.gateway.post(f"{PATH}/redrive", body, token=admin).json
    # Those that failed again do not stand in the way of the older ones.
    assert (rest["state"], rest["redriven"], rest["next_cursor"]) == ("done", [ids[1], ids[0]], None)
    other = platform.gateway.post(f"{PATH}/redrive", body | {"source": "tracking"}, token=admin)
    assert (other.status, other.code) == (400, "invalid_cursor")
    both = platform.gateway.post(f"{PATH}/redrive", body | {"ids": ids[:1]}, token=admin)
    assert (both.status, both.code) == (422, "invalid_input")


def test_a_bulk_that_is_stopped_still_says_that_there_are_more(
    platform: Platform, admin: str, answers: Answers
) -> None:
    for number in range(101):
        keep(platform, number)
    answers(DONE, StorageUnavailable("Lambda throttles. Try again shortly."))
    stopped = platform.gateway.post(f"{PATH}/redrive", {"source": "webhooks"}, token=admin).json
    assert (stopped["state"], len(stopped["left"]), bool(stopped["next_cursor"])) == ("stopped", 99, True)
