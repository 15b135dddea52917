"""What several processes see of one tokens table and one secret of signing keys."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from agent_platform.identity import key_rotation
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.key_rotation import KeyRotation
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.signing_keys import KeyRing, SigningKeys
from agent_platform.settings import TokenSettings
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.secret_versions import SecretVersions
from agent_platform.storage.secrets import read_secret, secrets_manager
from infra_cdk.local.environment import cloud_environment
from tests.fakes.aws import SIGNING_SECRET, TOKENS_TABLE, _table, store_secret
from tests.fakes.emulator import running_emulator
from tests.fakes.token_process import WHO, Process, processes

REMEMBERED = 2.0
"""Seconds for which the processes of these tests remember the keys, where others do for a minute."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """An emulated cloud with a tokens table and a secret of keys."""
    with running_emulator("dynamodb,secretsmanager") as url:
        yield url


@pytest.fixture(scope="module")
def shared(cloud: str) -> Iterator[TokenSettings]:
    """What all processes go by."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_environment(cloud).items():
            patch.setenv(name, value)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.setenv("PYTHONPATH", "layers/platform/python:.")
        for client in (dynamodb, secrets_manager):
            client.cache_clear()
        _table(TOKENS_TABLE, "pk")
        yield TokenSettings(jwt_secret_arn=store_secret("jwt", SIGNING_SECRET), tokens_table=TOKENS_TABLE)
    for client in (dynamodb, secrets_manager):
        client.cache_clear()


@pytest.fixture(scope="module")
def four(shared: TokenSettings) -> Iterator[list[Process]]:
    """Four processes."""
    with processes(4) as made:
        yield made


def results(four: list[Process]) -> list[int]:
    return sorted(each for process in four for each in process.answer())


def test_twenty_wrong_sign_ins_at_once_from_four_processes_count_twenty(four: list[Process]) -> None:
    limit = {"kind": "sign-in", "free": 100, "first_wait": 30, "forget": 3600}
    for process in four:
        process.tell(do="try_often", table=TOKENS_TABLE, limit=limit, subject=["ada"], threads=5)
    assert results(four) == list(range(1, 21))


def test_of_twenty_at_once_from_four_processes_five_are_tried_and_the_others_wait(four: list[Process]) -> None:
    limit = {"kind": "sign-in", "free": 5, "first_wait": 30, "forget": 3600}
    for process in four:
        process.tell(do="try_often", table=TOKENS_TABLE, limit=limit, subject=["eve"], threads=5)
    assert results(four) == [0] * 15 + [1, 2, 3, 4, 5]


def test_of_twenty_who_redeem_one_link_at_once_one_succeeds(four: list[Process]) -> None:
    token = OneTimeTokens(TOKENS_TABLE).issue("reset-password", "u-1", 60)
    for process in four:
        process.tell(do="redeem", table=TOKENS_TABLE, purpose="reset-password", token=token, threads=5)
    assert sum(process.answer() for process in four) == 1


def test_a_revocation_is_seen_by_every_process_within_a_second(four: list[Process], shared: TokenSettings) -> None:
    token = AccessTokens(shared, SigningKeys(shared.jwt_secret_arn)).issue(**WHO)  # type: ignore[arg-type]
    for process in four:
        process.tell(do="watch", secret=shared.jwt_secret_arn, table=TOKENS_TABLE, token=token, threads=1)
        assert process.answer() == "watching"
    time.sleep(0.05)
    Revocations(TOKENS_TABLE, longest_life=3600).revoke_user("u-1")
    revoked = time.time()
    seen = [process.answer() - revoked for process in four]
    print(f"seen after {max(seen) * 1000:.0f} ms")
    assert min(seen) > -0.1
    assert max(seen) <= 1.0


def test_keys_are_rotated_twice_without_one_failed_request(
    four: list[Process], shared: TokenSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "MARGIN_SECONDS", 2.0)  # the emulator tells times in whole seconds
    secret = shared.jwt_secret_arn
    files = [str(tmp_path / f"tokens-{number}") for number in range(4)]
    first = KeyRing.parse(read_secret(secret)).active
    for number, process in enumerate(four):
        exchange = [files[number], *(each for each in files if each != files[number])]
        process.tell(
            do="requests",
            secret=secret,
            table=TOKENS_TABLE,
            remembered=REMEMBERED,
            until=str(tmp_path / "end"),
            threads=4,
            exchange=exchange,
        )
    time.sleep(1)
    signed_before = AccessTokens(shared, SigningKeys(secret)).issue(**WHO)  # type: ignore[arg-type]
    for _ in range(2):
        # The step that waits does so for the time that these processes remember, and its margin.
        rotation = KeyRotation(SecretVersions(secret), str(uuid4()), longest_token=900, remembered=REMEMBERED)
        for step in (rotation.create, rotation.publish, rotation.test, rotation.finish):
            step()
            step()  # Secrets Manager may ask again
            time.sleep(0.2)
        time.sleep(REMEMBERED + 1)
    (tmp_path / "end").touch()
    told = [process.answer() for process in four]
    ring = KeyRing.parse(read_secret(secret))
    print(json.dumps([each["requests"] for each in told]), "requests,", len(ring.keys), "keys")
    assert [each["failures"] for each in told] == [[]] * 4
    assert sum(each["requests"] for each in told) > 1000
    for each in told:
        assert {first, ring.active} < set(each["names"])
    # Tokens of the first key may still be good: it was put aside less than fifteen minutes ago.
    assert AccessTokens(shared, SigningKeys(secret)).verify(signed_before).principal.user_id == "u-1"
