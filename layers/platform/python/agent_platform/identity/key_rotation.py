"""A new signing key without one failed request, in the four steps of a rotation by Secrets Manager.

Every process remembers the ring for up to `MAX_AGE_SECONDS`, so a key must be known everywhere before it signs:

1. `create`   makes the ring of after the rotation: a new key signs, the one that signs now goes on verifying.
2. `publish`  gives everybody the ring of now with the new key added. Nothing is signed with it yet.
3. `test`     waits until no process can remember a ring without it, and checks that each ring verifies what the
              other one signs.
4. `finish`   makes the ring of step 1 the current one.

Each step may come again, and a rotation that broke off goes on where it stopped. The key that the last rotation put
aside is dropped by the next, unless tokens that it signed may still be good.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import jwt

from agent_platform.errors import ConfigurationError
from agent_platform.identity.access_tokens import ALGORITHM, LEEWAY_SECONDS
from agent_platform.identity.signing_keys import MAX_AGE_SECONDS, KeyRing
from agent_platform.storage.secret_versions import CURRENT, PENDING, SecretVersions

KEY_BYTES = 48
"""384 random bits, where HS256 asks for 256 (RFC 7518, section 3.2)."""

PUBLISHED = "PUBLISHED"
"""The stage of the ring of step 2."""

MARGIN_SECONDS = 10.0
"""How much longer than a ring is remembered: a process may have asked just before the new one was there."""


class KeyRotation:
    """One rotation: of one secret, under the id that Secrets Manager gave the new version.

    Every step raises `ConfigurationError` where the secret is none that can be rotated, and `StorageUnavailable` when
    Secrets Manager does not answer.
    """

    def __init__(
        self,
        versions: SecretVersions,
        version_id: str,
        *,
        longest_token: int,
        remembered: float = MAX_AGE_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`longest_token`: how long an access token may be good, and `remembered`: a ring, in seconds."""
        self._versions = versions
        self._id = version_id
        self._published_id = str(uuid5(NAMESPACE_URL, f"published:{version_id}"))
        self._longest_token = longest_token
        self._remembered = remembered
        self._clock = clock
        self._sleep = sleep

    def create(self) -> None:
        """Step 1: the ring of after the rotation, which nobody reads yet."""
        if self._versions.version(self._id) is not None:
            return
        _, changed_at = self._versions.stages()
        ring = self._versions.current()
        active = KeyRing.parse(ring).active
        kept = {active: ring[active]}
        # Tokens of a key that was put aside are good for as long as tokens are, and some processes signed with it for
        # as long as they remembered its ring.
        lifetime = self._longest_token + self._remembered + LEEWAY_SECONDS + MARGIN_SECONDS
        if (self._clock() - changed_at).total_seconds() < lifetime:
            kept = {name: key for name, key in ring.items() if name != "active"}
        name = f"k-{self._clock():%Y%m%d}-{secrets.token_hex(4)}"
        new = {"active": name, name: secrets.token_urlsafe(KEY_BYTES), **kept}
        KeyRing.parse(new)
        self._versions.put(self._id, new, PENDING)

    def publish(self) -> None:
        """Step 2: everybody gets to know the new key, and nothing is signed with it."""
        pending = self._pending()
        stages, _ = self._versions.stages()
        if any(CURRENT in stages.get(each, []) for each in (self._id, self._published_id)):
            return
        if self._published_id not in stages:
            name = pending["active"]
            self._versions.put(self._published_id, {**self._versions.current(), name: pending[name]}, PUBLISHED)
        self._versions.make_current(self._published_id, _current(stages))

    def test(self) -> None:
        """Step 3: wait until everybody knows the new key; then each ring must verify what the other one signs.

        Raises:
            ConfigurationError: they do not; the rotation ends here and nothing was signed with the new key.
        """
        current = KeyRing.parse(self._versions.current())
        # A schedule that is set up asks for this step alone, of a version that holds nothing or what is there already.
        pending = KeyRing.parse(self._versions.version(self._id) or self._versions.current())
        if pending.active not in current.keys:
            raise ConfigurationError("The new signing key was not made known: let the rotation begin anew.")
        if pending.active != current.active:
            _, changed_at = self._versions.stages()
            since = (self._clock() - changed_at).total_seconds()
            self._sleep(max(0.0, self._remembered + MARGIN_SECONDS - since))
        _check(signs=current, verifies=pending)
        _check(signs=pending, verifies=current)

    def finish(self) -> None:
        """Step 4: the new key signs."""
        self._pending()
        stages, _ = self._versions.stages()
        if CURRENT in stages.get(self._id, []):
            return
        self._versions.make_current(self._id, _current(stages))

    def _pending(self) -> dict[str, str]:
        ring = self._versions.version(self._id)
        if ring is None:
            raise ConfigurationError("There is no new ring of keys: let the rotation begin anew.")
        KeyRing.parse(ring)
        return ring


def _current(stages: dict[str, list[str]]) -> str:
    (version_id,) = (each for each, names in stages.items() if CURRENT in names)
    return version_id


def _check(*, signs: KeyRing, verifies: KeyRing) -> None:
    token = jwt.encode({}, signs.keys[signs.active], algorithm=ALGORITHM)
    key = verifies.keys.get(signs.active)
    try:
        jwt.decode(token, key or b"", algorithms=[ALGORITHM], options={"enforce_minimum_key_length": True})
    except jwt.InvalidTokenError:
        raise ConfigurationError("The rings before and after the rotation do not know each other's keys.") from None
