"""The keys that sign access tokens: a named ring in Secrets Manager, of which one signs and all verify.

To rotate without one failed request: add the new key under a new name, and more than a minute later make it the active
one; remove the old key once the last token it signed has expired.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_platform.errors import ConfigurationError
from agent_platform.storage.secrets import read_secret

MIN_KEY_BYTES = 32
"""RFC 7518, section 3.2: a key for HS256 is at least as long as the hash, 256 bits."""

MAX_AGE_SECONDS = 60.0
"""A key that was taken out of the secret verifies nothing after this time."""

MIN_SECONDS_BETWEEN_READS = 5.0
"""How often an unknown key name may send this process back to Secrets Manager: anybody can invent names."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """All keys by name, and the name of the one that signs. Has no `repr`, so that a log cannot show a key."""

    active: str
    keys: dict[str, bytes]

    @classmethod
    def parse(cls, secret: dict[str, Any]) -> "KeyRing":
        """Read `{"active": "k1", "k1": "…", "k0": "…"}`.

        Raises:
            ConfigurationError: there is no active key, or one is shorter than 32 bytes.
        """
        remedy = 'Store {"active": "k1", "k1": "<at least 32 random bytes>"} in the secret of signing keys.'
        texts = {name: value for name, value in secret.items() if name != "active"}
        if not all(isinstance(value, str) for value in texts.values()):
            raise ConfigurationError(f"A signing key is not a string. {remedy}")
        keys = {name: value.encode() for name, value in texts.items()}
        active = secret.get("active")
        if not isinstance(active, str) or active not in keys:
            raise ConfigurationError(f"The secret of signing keys names no active key of its own. {remedy}")
        if short := sorted(name for name, key in keys.items() if len(key) < MIN_KEY_BYTES):
            raise ConfigurationError(f"Signing keys shorter than {MIN_KEY_BYTES} bytes: {', '.join(short)}. {remedy}")
        return cls(active, keys)


class SigningKeys:
    """The key ring of the secret, remembered for at most a minute. Each method raises what `read_secret` raises."""

    def __init__(self, secret_arn: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret_arn = secret_arn
        self._clock = clock
        self._ring: KeyRing | None = None
        self._read_at = 0.0

    def active(self) -> tuple[str, bytes]:
        """Name and bytes of the key that signs now."""
        ring = self._current()
        return ring.active, ring.keys[ring.active]

    def find(self, name: str) -> bytes | None:
        """The key of this name, or None. An unknown name looks into the secret again, at most every five seconds."""
        ring = self._current()
        if name not in ring.keys and self._clock() - self._read_at >= MIN_SECONDS_BETWEEN_READS:
            ring = self._read()
        return ring.keys.get(name)

    def _current(self) -> KeyRing:
        if self._ring is None or self._clock() - self._read_at >= MAX_AGE_SECONDS:
            return self._read()
        return self._ring

    def _read(self) -> KeyRing:
        # Forget first: when the secret cannot be read, an old ring must not outlive its minute.
        self._ring = None
        self._ring = KeyRing.parse(read_secret(self._secret_arn))
        self._read_at = self._clock()
        return self._ring
