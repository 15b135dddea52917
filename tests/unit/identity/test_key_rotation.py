"""The four steps of a rotation: each may come twice, or break off, and the old key verifies for long enough."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.identity.key_rotation import KeyRotation
from agent_platform.identity.signing_keys import KeyRing
from agent_platform.storage.secret_versions import SecretVersions
from tests.fakes.aws import store_secret

Rotate = Callable[..., KeyRotation]


@pytest.fixture
def waits() -> list[float]:
    """How long rotations waited, in seconds; none really does."""
    return []


@pytest.fixture
def rotation(jwt_secret: str, waits: list[float]) -> Rotate:
    def make(*, token: str = "", later: timedelta = timedelta(0)) -> KeyRotation:
        return KeyRotation(
            SecretVersions(jwt_secret),
            token or str(uuid4()),
            longest_token=900,
            clock=lambda: datetime.now(UTC) + later,
            sleep=waits.append,
        )

    return make


def ring(secret: str) -> KeyRing:
    # By its stage: moto answers a plain read with the version that was put last, wherever the stage has moved.
    return KeyRing.parse(SecretVersions(secret).current())


def take_steps(rotation: KeyRotation) -> None:
    for step in (rotation.create, rotation.publish, rotation.test, rotation.finish):
        step()


def test_a_new_key_signs_and_the_old_one_verifies(rotation: Rotate, jwt_secret: str) -> None:
    before = ring(jwt_secret)
    take_steps(rotation(later=timedelta(days=30)))
    after = ring(jwt_secret)
    assert set(after.keys) == {after.active, "k1"}
    assert after.active.startswith("k-")
    assert after.keys["k1"] == before.keys["k1"]
    assert len(after.keys[after.active]) >= 64


def test_the_new_key_is_known_for_more_than_a_minute_before_it_signs(
    rotation: Rotate, jwt_secret: str, waits: list[float]
) -> None:
    one = rotation()
    one.create()
    assert ring(jwt_secret).keys.keys() == {"k1"}
    one.publish()
    published = ring(jwt_secret)
    assert (published.active, len(published.keys)) == ("k1", 2)
    one.test()
    assert ring(jwt_secret).active == "k1"
    assert 60 < sum(waits) <= 71
    one.finish()
    assert ring(jwt_secret).active != "k1"


def test_two_keys_are_left_after_each_rotation_and_names_never_come_again(rotation: Rotate, jwt_secret: str) -> None:
    seen = {"k1"}
    for month in range(1, 5):
        former = ring(jwt_secret).active
        take_steps(rotation(later=timedelta(days=30 * month)))
        now = ring(jwt_secret)
        assert set(now.keys) == {now.active, former}
        assert now.active not in seen
        seen.add(now.active)


def test_a_key_whose_tokens_may_still_be_good_is_not_dropped(rotation: Rotate, jwt_secret: str) -> None:
    take_steps(rotation())
    second = ring(jwt_secret).active
    take_steps(rotation())
    assert {"k1", second} < set(ring(jwt_secret).keys)
    take_steps(rotation(later=timedelta(minutes=20)))
    assert "k1" not in ring(jwt_secret).keys


def test_each_step_may_come_again(rotation: Rotate, jwt_secret: str) -> None:
    token = str(uuid4())
    for step in ("create", "publish", "test", "finish"):
        for _ in range(3):
            getattr(rotation(token=token, later=timedelta(days=30)), step)()
    assert len(ring(jwt_secret).keys) == 2


def test_all_steps_again_after_the_end_change_nothing(rotation: Rotate, jwt_secret: str) -> None:
    token = str(uuid4())
    take_steps(rotation(token=token))
    done = ring(jwt_secret)
    take_steps(rotation(token=token))
    assert ring(jwt_secret) == done


@pytest.mark.parametrize("broken_off_after", [1, 2, 3])
def test_a_rotation_that_broke_off_leaves_the_old_key_signing_and_the_next_succeeds(
    rotation: Rotate, jwt_secret: str, broken_off_after: int
) -> None:
    one = rotation()
    for step in (one.create, one.publish, one.test)[:broken_off_after]:
        step()
    assert ring(jwt_secret).active == "k1"
    take_steps(rotation())
    after = ring(jwt_secret)
    assert after.active != "k1"
    assert "k1" in after.keys


@pytest.mark.parametrize("step", ["publish", "finish"])
def test_a_step_without_the_one_before_is_refused(rotation: Rotate, jwt_secret: str, step: str) -> None:
    with pytest.raises(ConfigurationError, match="begin anew"):
        getattr(rotation(), step)()
    assert ring(jwt_secret).keys.keys() == {"k1"}


def test_a_key_that_was_not_made_known_never_signs(rotation: Rotate, jwt_secret: str) -> None:
    one = rotation()
    one.create()
    with pytest.raises(ConfigurationError, match="not made known"):
        one.test()
    assert ring(jwt_secret).active == "k1"


def test_setting_a_schedule_up_asks_for_the_test_alone(rotation: Rotate, jwt_secret: str, waits: list[float]) -> None:
    rotation().test()
    assert sum(waits) == 0


@pytest.mark.parametrize("value", [{"active": "k1", "k1": "short"}, {"active": "k9", "k1": "x" * 64}])
def test_a_ring_that_cannot_be_used_is_not_rotated(aws: None, value: dict[str, str]) -> None:
    secret = store_secret("broken", value)
    with pytest.raises(ConfigurationError):
        KeyRotation(SecretVersions(secret), str(uuid4()), longest_token=900).create()


def test_no_error_shows_a_key(rotation: Rotate, jwt_secret: str) -> None:
    one = rotation()
    one.create()
    with pytest.raises(ConfigurationError) as refused:
        one.test()
    for key in ring(jwt_secret).keys.values():
        assert key.decode() not in str(refused.value)
