"""The key ring: what it refuses, how long it remembers, how often it looks."""

import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.identity import signing_keys
from agent_platform.identity.signing_keys import KeyRing, SigningKeys
from agent_platform.storage.secrets import secrets_manager
from tests.fakes.aws import SIGNING_SECRET, store_secret

KEY = "k" * 32


class Clock:
    """A clock that the test moves; in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every read of the secret, while the real one is still made."""
    seen: list[str] = []
    real = signing_keys.read_secret

    def counted(arn: str) -> dict[str, object]:
        seen.append(arn)
        return real(arn)

    monkeypatch.setattr(signing_keys, "read_secret", counted)
    return seen


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ({}, "no active"),
        ({"active": "k1"}, "no active"),
        ({"active": "active"}, "no active"),
        ({"k1": KEY}, "no active"),
        ({"active": ["k1"], "k1": KEY}, "no active"),
        ({"active": "k1", "k1": "k" * 31}, "shorter than 32 bytes: k1"),
        ({"active": "k1", "k1": ""}, "shorter"),
        ({"active": "k1", "k1": KEY, "k0": "old and short"}, "shorter than 32 bytes: k0"),
        ({"active": "k1", "k1": 12345678901234567890123456789012345}, "not a string"),
    ],
)
def test_an_unusable_secret_refuses_to_start_and_shows_no_key(secret: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault) as refused:
        KeyRing.parse(secret)
    assert KEY not in refused.value.detail
    assert "old and short" not in refused.value.detail


def test_a_key_is_measured_in_bytes_not_characters() -> None:
    assert KeyRing.parse({"active": "k1", "k1": "é" * 16}).keys["k1"] == ("é" * 16).encode()


def test_a_ring_does_not_show_its_keys_when_printed() -> None:
    assert KEY not in repr(KeyRing.parse({"active": "k1", "k1": KEY}))


def test_the_secret_is_read_once_a_minute(jwt_secret: str, clock: Clock, reads: list[str]) -> None:
    keys = SigningKeys(jwt_secret, clock=clock)
    for _ in range(100):
        assert keys.find("k1") == SIGNING_SECRET["k1"].encode()
        assert keys.active()[0] == "k1"
    assert len(reads) == 1
    clock.now += 60
    keys.find("k1")
    assert len(reads) == 2


def test_a_new_key_is_found_at_once_and_a_removed_one_is_gone_within_a_minute(jwt_secret: str, clock: Clock) -> None:
    keys = SigningKeys(jwt_secret, clock=clock)
    keys.find("k1")
    clock.now += 10
    store_secret("jwt", {"active": "k2", "k2": KEY})
    assert keys.find("k2") == KEY.encode()
    assert keys.find("k1") is None


def test_a_removed_key_stops_verifying_after_a_minute_even_if_nobody_asks_for_another(
    jwt_secret: str, clock: Clock
) -> None:
    keys = SigningKeys(jwt_secret, clock=clock)
    keys.find("k1")
    store_secret("jwt", {"active": "k2", "k2": KEY})
    clock.now += 59
    assert keys.find("k1") is not None
    clock.now += 1
    assert keys.find("k1") is None


def test_invented_key_names_cannot_make_a_process_hammer_the_secret(
    jwt_secret: str, clock: Clock, reads: list[str]
) -> None:
    keys = SigningKeys(jwt_secret, clock=clock)
    keys.find("k1")
    clock.now += 5
    for number in range(1000):
        assert keys.find(f"invented-{number}") is None
    assert len(reads) == 2


def test_the_word_active_is_not_a_key(jwt_secret: str) -> None:
    assert SigningKeys(jwt_secret).find("active") is None


def test_a_ring_is_not_used_beyond_its_minute_when_the_secret_is_gone(jwt_secret: str, clock: Clock) -> None:
    keys = SigningKeys(jwt_secret, clock=clock)
    keys.find("k1")
    secrets_manager().delete_secret(SecretId=jwt_secret, ForceDeleteWithoutRecovery=True)
    clock.now += 61
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            keys.find("k1")


@pytest.mark.parametrize("text", ["", "not json", "[]", '"text"', "null"])
def test_a_secret_that_is_no_json_object_refuses_to_start(aws: None, text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a JSON object"):
        SigningKeys(store_secret("jwt", text or " ")).active()
