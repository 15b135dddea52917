"""Having Claude choose among the agents that routing found, through the gateway."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_platform.errors import FunctionFailed
from agent_platform.finding.choosing import CANDIDATES, CHOOSER
from functions.api.choosing import Chooser
from tests.functions.api.conftest import Person, Platform

ROUTE = "/api/v1/agents/route"
ASK = "Is the confidentiality agreement fair, clause by clause?"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def orders(platform: Platform) -> list[tuple[str, dict[str, Any]]]:
    return []


Answers = Callable[[Any], None]


@pytest.fixture
def answers(platform: Platform, orders: list[tuple[str, dict[str, Any]]]) -> Answers:
    """Says what the function of the chooser's group answers: a number that it chose, or an error that it raised."""

    def answer(told: Any) -> None:
        def invoke(function: str, order: dict[str, Any], **_: Any) -> Any:
            orders.append((function, order))
            if isinstance(told, Exception):
                raise told
            output = {"number": told, "reason": "It reads clauses."}
            return {"id": "019a", "status": "succeeded", "output": output, "provider": "offline"}

        platform.services.chooser = Chooser(platform.services.catalogue, "agents-{group}:live", invoke)

    return answer


def route(platform: Platform, person: Person, **more: Any) -> Any:
    return platform.gateway.post(ROUTE, {"ask": ASK, "choose": True, **more}, token=person.access_token)


def test_the_chooser_is_executed_in_the_callers_name_with_what_the_candidates_do(
    platform: Platform, ada: Person, answers: Answers, orders: list[tuple[str, dict[str, Any]]]
) -> None:
    answers(1)
    route(platform, ada)
    ((function, order),) = orders
    assert (function, order["agent_id"]) == ("agents-it-service-desk:live", CHOOSER)
    assert order["principal"]["user_id"] == ada.id
    chooser_input = order["input"]
    assert chooser_input["request_to_place"] == ASK
    candidates = chooser_input["available_specialists"]
    assert [each["number"] for each in candidates] == list(range(1, len(candidates) + 1))
    assert "NDA Reviewer: Reads a confidentiality agreement clause by clause." in candidates[0]["remit"]
    assert all(each["exclusions"] for each in candidates)
    assert 1 < len(candidates) <= CANDIDATES


def test_what_was_chosen_comes_first_and_the_others_keep_their_order(
    platform: Platform, ada: Person, answers: Answers
) -> None:
    plain = platform.gateway.post(ROUTE, {"ask": ASK, "limit": 20}, token=ada.access_token).json
    assert plain["choice"] is None
    before = [each["agent"]["id"] for each in plain["agents"]]
    answers(3)
    chosen = route(platform, ada, limit=20).json
    choice = {"agent_id": before[2], "reason": "It reads clauses.", "execution_id": "019a", "provider": "offline"}
    assert chosen["choice"] == choice
    assert [each["agent"]["id"] for each in chosen["agents"]] == [before[2], *before[:2], *before[3:]]
    assert chosen["fits"]
    assert [each["agent"]["id"] for each in route(platform, ada, limit=1).json["agents"]] == [before[2]]


def test_none_of_them_is_an_answer(platform: Platform, ada: Person, answers: Answers) -> None:
    answers(0)
    none = route(platform, ada).json
    assert (none["fits"], none["choice"]["agent_id"]) == (False, None)
    assert none["agents"]


@pytest.mark.parametrize("number", [11, -1])
def test_a_number_that_was_not_offered_is_no_choice(
    platform: Platform, ada: Person, answers: Answers, number: int
) -> None:
    answers(number)
    refused = route(platform, ada)
    assert (refused.status, refused.code) == (502, "model_output_invalid")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("BudgetExceeded", 402, "budget_exceeded"), ("Forbidden", 403, "forbidden"), ("ModelOverloaded", 503, None)],
)
def test_what_stopped_the_chooser_is_told_as_it_was(
    platform: Platform, ada: Person, answers: Answers, kind: str, status: int, code: str | None
) -> None:
    answers(FunctionFailed("agents-it-service-desk failed: Said so.", kind=kind, said="Said so."))
    refused = route(platform, ada)
    assert (refused.status, refused.json["detail"]) == (status, "Said so.")
    assert code in (None, refused.code)


def test_without_choose_nothing_is_executed(
    platform: Platform, ada: Person, answers: Answers, orders: list[tuple[str, dict[str, Any]]]
) -> None:
    answers(1)
    assert platform.gateway.post(ROUTE, {"ask": ASK}, token=ada.access_token).json["choice"] is None
    assert orders == []
