"""Length decides, not character classes; the first guesses are refused."""

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.identity.password_rule import MAX_LENGTH, MIN_LENGTH, check_password

EMAIL = "ada.lovelace@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "four words make one",
        "alllowercaseletters",
        "x" * 13 + "yz",
        "пароль из пяти слов",
        "🦀 crab and 14 more",
        "spaces   are   kept",
        "a1" * 40 + "!" + "b2" * 23 + "c",
    ],
)
def test_any_kind_of_character_will_do_if_there_are_enough(password: str) -> None:
    check_password(password, EMAIL)


def test_the_limits_themselves_are_accepted() -> None:
    check_password("abcdefg1234567z"[:MIN_LENGTH], EMAIL)
    check_password("z" + "ab" * 63 + "y", EMAIL)
    assert len("z" + "ab" * 63 + "y") == MAX_LENGTH


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "shorter"),
        ("x1!Y" * 3 + "ab", "shorter"),
        ("e\u0301" * 7 + "abcdefg", "shorter"),
        ("a" * 129, "longer"),
        ("a" * 10_000_000, "longer"),
        ("correct horse\x00 battery", "control"),
        ("correct horse\nbattery", "control"),
        ("correct horse \ud800 battery", "control"),
        ("aaaaaaaaaaaaaaaaaaaa", "easy"),
        ("passwordpassword", "easy"),
        ("123456789012345", "easy"),
        ("QwertyuiopAsdfgh", "easy"),
        ("zyxwvutsrqponml", "easy"),
        (EMAIL, "easy"),
        (EMAIL.upper(), "easy"),
        (EMAIL.replace("@", ""), "easy"),
    ],
)
def test_a_refused_password_is_told_why(password: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        check_password(password, EMAIL)
    assert [fault.field for fault in refused.value.errors] == ["password"]
    assert not password or password not in refused.value.detail
