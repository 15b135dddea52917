"""Switching agents off and on through the gateway."""

from typing import Any

import pytest

from tests.fakes.gateway import Answer
from tests.fakes.switches import SwitchesInMemory
from tests.functions.api.conftest import PASSWORD, Person, Platform

SWITCHES = "/api/v1/agent-switches"
NDA = "legal/nda-reviewer"
OFF = {"on": False, "reason": "It misreads German clauses; mended by Friday."}


@pytest.fixture
def board(platform: Platform) -> SwitchesInMemory:
    board = platform.services.switch_board
    assert isinstance(board, SwitchesInMemory)
    return board


@pytest.fixture
def operator(platform: Platform) -> str:
    """The access token of an operator."""
    platform.services.users.ensure("ops@example.com", PASSWORD, "Ops", ["operator"])
    return str(platform.login("ops@example.com").json["access_token"])


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


def put(platform: Platform, token: str, agent: str, body: Any) -> Answer:
    return platform.gateway.put(f"{SWITCHES}/{agent}", body, token=token)


def test_an_operator_switches_an_agent_off_and_on_and_everybody_sees_it(
    platform: Platform, board: SwitchesInMemory, operator: str, ada: Person
) -> None:
    done = put(platform, operator, NDA, OFF)

    assert (done.status, [each["agent"] for each in done.json["items"]]) == (200, [NDA])
    (seen,) = platform.gateway.get(SWITCHES, token=ada.access_token).json["items"]
    assert (seen["agent"], seen["reason"]) == (NDA, OFF["reason"])
    assert board.document.of(NDA) is not None

    assert put(platform, operator, NDA, {"on": True}).json == {"items": []}
    assert board.document.of(NDA) is None


def test_a_whole_group_is_switched_by_a_star(platform: Platform, board: SwitchesInMemory, operator: str) -> None:
    assert put(platform, operator, "legal/*", OFF).status == 200

    assert board.document.of(NDA) is not None
    assert board.document.of("sales/quote-checker") is None


def test_all_agents_that_people_wrote_are_switched_together(
    platform: Platform, board: SwitchesInMemory, operator: str
) -> None:
    assert put(platform, operator, "custom/*", OFF).status == 200
    assert board.document.of("custom/anything") is not None


def test_users_switch_nothing(platform: Platform, board: SwitchesInMemory, ada: Person) -> None:
    assert put(platform, ada.access_token, NDA, OFF).status == 403
    assert board.document.off == {}


@pytest.mark.parametrize(
    ("agent", "body", "status", "code"),
    [
        ("legal/nobody", OFF, 404, "agent_not_found"),
        ("tax/*", OFF, 404, "agent_not_found"),
        (NDA, {"on": False}, 422, "invalid_input"),
        (NDA, {"on": "no", "reason": "because"}, 422, "invalid_input"),
        (NDA, {"on": False, "reason": "  "}, 422, "invalid_input"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    platform: Platform, board: SwitchesInMemory, operator: str, agent: str, body: Any, status: int, code: str
) -> None:
    answer = put(platform, operator, agent, body)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert board.document.off == {}
