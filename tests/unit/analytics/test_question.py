"""Whose executions a report covers."""

from datetime import UTC, datetime

import pytest

from agent_platform.analytics.periods import Range
from agent_platform.analytics.question import Question, Scope, whose
from agent_platform.errors import Forbidden, InvalidInput
from agent_platform.identity.principal import Principal

DAY = Range(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
ADA = Principal("ada", "ada@example.com", frozenset({"user"}), "t1")
ROOT = Principal("root", "root@example.com", frozenset({"admin", "user"}), "t2")


def asked(scope: Scope | None = None, owner: str | None = None) -> Question:
    return Question(DAY, scope=scope, owner=owner)


@pytest.mark.parametrize("question", [asked(), asked("mine"), asked(owner="ada"), asked("mine", "ada")])
def test_a_user_sees_their_own(question: Question) -> None:
    assert whose(question, ADA) == "ada"


@pytest.mark.parametrize(
    "question", [asked("all"), asked("all", "ada"), asked(owner="bob"), asked("mine", "bob"), asked(owner="")]
)
def test_a_user_sees_nothing_else(question: Question) -> None:
    with pytest.raises(Forbidden):
        whose(question, ADA)


@pytest.mark.parametrize("role", ["operator", "author", "viewer", "Admin", "administrator"])
def test_no_other_role_is_an_administrators(role: str) -> None:
    with pytest.raises(Forbidden):
        whose(asked("all"), Principal("ada", "ada@example.com", frozenset({role}), "t1"))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (asked(), None),
        (asked("all"), None),
        (asked("mine"), "root"),
        (asked(owner="ada"), "ada"),
        (asked("all", "ada"), "ada"),
        (asked("mine", "root"), "root"),
    ],
)
def test_an_administrator_chooses(question: Question, expected: str | None) -> None:
    assert whose(question, ROOT) == expected


def test_mine_and_somebody_elses_contradict() -> None:
    with pytest.raises(InvalidInput):
        whose(asked("mine", "ada"), ROOT)
