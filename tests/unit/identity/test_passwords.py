"""Hashes at rest, and no difference between a wrong password and an unknown account."""

import time
from statistics import median

import pytest
from argon2 import extract_parameters

from agent_platform.errors import ConfigurationError
from agent_platform.identity import passwords
from agent_platform.identity.passwords import hash_password, needs_rehash, verify_password

PASSWORD = "four words make one"


def test_a_hash_is_argon2id_with_19_mib_two_passes_one_lane_and_its_own_salt() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    parameters = extract_parameters(first)
    assert first.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert first != second
    assert PASSWORD not in first


def test_only_the_right_password_verifies() -> None:
    stored = hash_password(PASSWORD)
    assert verify_password(PASSWORD, stored)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD + "\x00", "\ud800", PASSWORD * 1000):
        assert not verify_password(wrong, stored)


def test_no_part_of_a_long_password_is_ignored() -> None:
    stored = hash_password("a" * 127 + "b")
    assert not verify_password("a" * 127 + "c", stored)


def test_accents_verify_however_the_keyboard_composes_them() -> None:
    stored = hash_password("un caf\u00e9 bien serr\u00e9")
    assert verify_password("un cafe\u0301 bien serre\u0301", stored)


def test_nobody_signs_in_to_an_account_that_does_not_exist() -> None:
    assert not verify_password(PASSWORD, None)
    assert not verify_password("", None)


def test_the_hash_for_unknown_accounts_costs_what_a_real_one_costs() -> None:
    assert not needs_rehash(passwords._NOBODY)

    def seconds(stored: str | None) -> float:
        started = time.perf_counter()
        verify_password(PASSWORD + "?", stored)
        return time.perf_counter() - started

    stored = hash_password(PASSWORD)
    known, unknown = [], []
    for _ in range(7):
        known.append(seconds(stored))
        unknown.append(seconds(None))
    assert 0.5 < median(unknown) / median(known) < 2


def test_a_hash_of_other_parameters_is_due_for_renewal() -> None:
    weak = passwords.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    assert verify_password(PASSWORD, weak)
    assert needs_rehash(weak)
    assert not needs_rehash(hash_password(PASSWORD))


def test_a_damaged_hash_is_a_fault_of_the_data_not_a_wrong_password() -> None:
    with pytest.raises(ConfigurationError, match="set a new password"):
        verify_password(PASSWORD, "plain text")
