"""API keys: how machines sign in. People make them; scopes, agents, time and their owner's roles bound them."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import ApiKeyNotFound, Conflict, PlatformError, StorageUnavailable, Unauthenticated
from agent_platform.identity.key_text import is_key_id, new_key, read_key
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.api_keys import ApiKey, ApiKeyRepository, StoredKey

MAX_KEYS: Final = 25
"""Of one user. All are written in one transaction when the user's roles change, and DynamoDB takes 100 items."""

MAX_DAYS: Final = 366
DEFAULT_DAYS: Final = 90
MAX_GRACE: Final = timedelta(hours=24)

USE_KEPT_EVERY: Final = timedelta(minutes=1)
"""When a key was used last is written at most so often: a busy key costs one write a minute."""

_TRIES = 5
_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What a new key is to be. Its scopes and agents are known to exist."""

    name: str
    scopes: Sequence[str]
    agents: Sequence[str] | None = None
    days: int = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class KeyList:
    """One page of keys, the newest first."""

    items: list[StoredKey]
    next_cursor: str | None


class ApiKeys:
    """The keys of one table. Every method raises `StorageUnavailable` when it does not answer: then no key is valid."""

    def __init__(self, table: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys = ApiKeyRepository(table)
        self._clock = clock

    def verify(self, text: str) -> Principal:
        """Who comes with this key. Nothing is remembered from one call to the next: a revocation counts at once.

        Raises:
            Unauthenticated: it is no key of ours, has expired, was revoked or replaced, or its owner is disabled.
        """
        sent = read_key(text)
        if sent is None:
            raise Unauthenticated("The API key is not valid: it is damaged, or not one of ours.")
        stored, now = self._keys.find(sent.id), self._clock()
        if not _matches(stored, sent.digest, now) or stored is None:
            raise Unauthenticated(f"The API key is not valid: `{sent.id}` was revoked, rotated, or never made.")
        principal = _principal(stored, now)
        self._keep_use(stored, now)
        return principal

    def principal_of(self, key_id: str) -> Principal:
        """As whom work goes on that a key has set up: with what the key and its owner may do now.

        Raises:
            Unauthenticated: the key has expired or was revoked, or its owner is disabled.
        """
        stored = self._keys.find(key_id)
        if stored is None:
            raise Unauthenticated(f"The API key `{key_id}` was revoked.")
        return _principal(stored, self._clock())

    def create(
        self, owner: str, roles_now: Callable[[], tuple[str, Sequence[str]]], order: KeyOrder, key_id: str
    ) -> tuple[StoredKey, str]:
        """A new key, and its text, which nobody can be told again.

        Args:
            owner: id of the user.
            roles_now: reads the owner's verified e-mail address, or empty, and roles as they are now.
            key_id: a new UUID.

        Raises:
            Conflict: they have 25 keys already.
        """
        for _ in range(_TRIES):
            # First who has changed what, then the roles: whoever changes them from here on makes this try fail.
            known = self._keys.owner(owner)
            email, roles = roles_now()
            if len(known.ids) >= MAX_KEYS:
                there = {each.key.id for each in self._keys.several(known.ids)}
                if len(there) >= MAX_KEYS:
                    raise Conflict(f"You have {MAX_KEYS} API keys already. Revoke one that is not needed any more.")
                self._keys.forget(owner, [each for each in known.ids if each not in there])
                continue
            text, kept = new_key(key_id)
            now = self._now()
            key = ApiKey(
                id=key_id,
                owner=owner,
                name=order.name,
                scopes=tuple(sorted(set(order.scopes))),
                agents=None if order.agents is None else tuple(sorted(set(order.agents))),
                created_at=now,
                updated_at=now,
                expires_at=now + timedelta(days=order.days),
                digest=kept.digest,
            )
            if self._keys.add(key, email, roles, known):
                _log("api_key_created", key)
                return StoredKey(key, tuple(roles), email, None, 1), text
        raise StorageUnavailable("Your keys or roles are being changed by somebody else. Try again shortly.")

    def mine(self, owner: str, *, limit: int = 24, cursor: str | None = None) -> KeyList:
        """A user's keys, the newest first; expired ones for 30 days more.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        ids = list(self._keys.owner(owner).ids)
        if cursor:
            (after,) = decode_cursor(cursor, (str,), keys_of=owner)
            ids = [each for each in ids if each < after]
        items = self._keys.several(ids[:limit])
        return KeyList(items, encode_cursor([ids[limit - 1]], keys_of=owner) if len(ids) > limit else None)

    def get(self, owner: str, key_id: str) -> StoredKey:
        """One key of a user.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        stored = self._keys.find(key_id) if is_key_id(key_id) else None
        if stored is None or stored.key.owner != owner:
            raise ApiKeyNotFound(f"There is no API key `{key_id[:50]}` of yours. GET /api/v1/keys lists them.")
        return stored

    def rename(self, owner: str, key_id: str, name: str) -> StoredKey:
        """Give a key another name.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        return self._change(owner, key_id, lambda was, now: was.model_copy(update={"name": name, "updated_at": now}))

    def rotate(self, owner: str, key_id: str, *, grace: timedelta, days: int | None = None) -> tuple[StoredKey, str]:
        """Give a key a new secret under the same id; scopes, agents, budget and use stay.

        Args:
            grace: how long the secret that it replaces is accepted too, until the old expiry at most. One that was
                replaced before is refused at once.
            days: until it expires, from now; None leaves the moment as it is.

        Raises:
            ApiKeyNotFound: there is none of theirs.
            Conflict: it has expired, and no new expiry is given.
        """
        text, kept = new_key(self.get(owner, key_id).key.id)

        def rotated(was: ApiKey, now: datetime) -> ApiKey:
            if days is None and was.expires_at <= now:
                raise Conflict("The key has expired: rotate it with `expires_in_days`, or make a new one.")
            until = min(now + grace, was.expires_at)
            return was.model_copy(
                update={
                    "digest": kept.digest,
                    "previous_digest": was.digest if until > now else None,
                    "previous_until": until if until > now else None,
                    "expires_at": was.expires_at if days is None else now + timedelta(days=days),
                    "updated_at": now,
                }
            )

        stored = self._change(owner, key_id, rotated)
        _log("api_key_rotated", stored.key)
        return stored, text

    def revoke(self, owner: str, key_id: str) -> None:
        """End a key, for every process at its next request.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        key = self.get(owner, key_id).key
        self._keys.remove(key)
        _log("api_key_revoked", key)

    def owner_changed(
        self, user_id: str, roles_now: Callable[[], Sequence[str] | None], *, email: str | None = None
    ) -> None:
        """Let every key of a user know what they may do from now on; with None, disabled or deleted, none works.

        To be called after the change was committed, and again until it returns: it is idempotent. A key that is being
        made meanwhile has the new roles, or is made anew with them.

        Args:
            roles_now: asked at each try: of two changes at once, the one that reaches the keys last tells both.
            email: the verified address, where it changed.
        """
        for _ in range(_TRIES):
            owner = self._keys.owner(user_id)
            if self._keys.set_roles(user_id, email, roles_now(), owner):
                return
        raise StorageUnavailable("The user's API keys are being changed by somebody else. Try again shortly.")

    def _change(self, owner: str, key_id: str, changed: Callable[[ApiKey, datetime], ApiKey]) -> StoredKey:
        for _ in range(_TRIES):
            stored = self.get(owner, key_id)
            key = changed(stored.key, self._now())
            if self._keys.change(stored, key):
                return replace(stored, key=key, revision=stored.revision + 1)
        raise StorageUnavailable("The API key is being changed by somebody else. Try again shortly.")

    def _keep_use(self, stored: StoredKey, now: datetime) -> None:
        not_since = now - USE_KEPT_EVERY
        if stored.last_used_at is not None and stored.last_used_at > not_since:
            return
        try:
            self._keys.used(stored.key.id, now, not_since=not_since)
        except PlatformError as error:
            # Whether it is valid is known by now: nobody is refused because a time could not be kept.
            get_logger().warning("key_use_not_kept", extra={"key_id": stored.key.id, "detail": error.detail})

    def _now(self) -> datetime:
        """Milliseconds: that is what a list shows."""
        now = self._clock()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _matches(stored: StoredKey | None, digest: str, now: datetime) -> bool:
    """Compared in constant time, with all that it could be, and with something where there is no such key."""
    key = stored.key if stored else None
    is_latest = hmac.compare_digest(digest, key.digest if key else _NO_DIGEST)
    is_previous = hmac.compare_digest(digest, (key and key.previous_digest) or _NO_DIGEST)
    in_grace = key is not None and key.previous_until is not None and now < key.previous_until
    return is_latest or (is_previous and in_grace)


def _principal(stored: StoredKey, now: datetime) -> Principal:
    key = stored.key
    if key.expires_at <= now:
        raise Unauthenticated(f"The API key `{key.id}` has expired: rotate it with a new expiry, or make another.")
    if stored.roles is None:
        raise Unauthenticated(f"The account that the API key `{key.id}` belongs to is disabled.")
    return Principal(
        user_id=key.owner,
        email=stored.email,
        roles=frozenset(stored.roles),
        token_id=f"key:{key.id}",
        key_id=key.id,
        scopes=frozenset(key.scopes),
        agents=None if key.agents is None else frozenset(key.agents),
    )


def _log(what: str, key: ApiKey) -> None:
    get_logger().info(what, extra={"key_id": key.id, "principal": key.owner, "expires_at": key.expires_at.isoformat()})
