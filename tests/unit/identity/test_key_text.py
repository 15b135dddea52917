"""The form of an API key: found by scanners, refused when damaged, and nothing of its secret in what is kept."""

import hashlib
import re
from collections.abc import Callable

import pytest

from agent_platform.identity.key_text import KEY_CHARACTERS, SECRET_BYTES, is_key_id, looks_like_key, new_key, read_key
from agent_platform.ids import new_id


def test_a_new_key_is_read_back_with_its_id_and_the_digest_that_is_kept() -> None:
    key_id = new_id()
    text, kept = new_key(key_id)
    assert looks_like_key(text)
    assert read_key(text) == kept
    assert (kept.id, kept.digest) == (key_id, hashlib.sha256(text.encode()).hexdigest())
    assert text not in repr(kept)
    assert kept.digest not in repr(kept)


def test_a_scanner_finds_it_whole_and_a_double_click_selects_it() -> None:
    text, _ = new_key(new_id())
    assert re.fullmatch(r"aap_[0-9a-f]{32}_[0-9A-Za-z]{49}", text)
    assert re.fullmatch(r"\w+", text)
    assert len(text) == KEY_CHARACTERS


def test_secrets_have_256_bits_and_none_comes_twice() -> None:
    assert SECRET_BYTES * 8 == 256
    key_id = new_id()
    secrets = [new_key(key_id)[0][37:80] for _ in range(2000)]
    assert len(set(secrets)) == 2000
    # Each place but the first, which 256 bits do not fill, takes every digit.
    assert all(len({secret[place] for secret in secrets}) == 62 for place in range(1, 43))


def test_any_other_character_in_any_place_is_noticed() -> None:
    text, _ = new_key(new_id())
    for place in range(len(text)):
        other = "1" if text[place] != "1" else "2"
        assert read_key(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: "",
        lambda _: "aap_",
        lambda text: text[:-1],
        lambda text: text[:40],
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text + "\0",
        lambda text: text[:50] + "\0" + text[51:],
        lambda text: text * 1000,
        lambda text: text.upper(),
        lambda text: f" {text}",
        lambda text: text.replace("_", "-"),
        lambda text: text[:-1] + "é",
        lambda text: "٣".join([text[:40], text[41:]]),
    ],
)
def test_what_has_another_form_is_no_key(broken: Callable[[str], str]) -> None:
    assert read_key(broken(new_key(new_id())[0])) is None


@pytest.mark.parametrize(
    "text",
    ["", "owner#u-1", "x" * 36, "019AB2C4-7D10-7C3E-9F52-6F1F0F3A9B11", "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11\n"],
)
def test_only_a_uuid_as_it_is_written_here_can_be_the_id_of_a_key(text: str) -> None:
    assert not is_key_id(text)
    assert is_key_id(new_id())
