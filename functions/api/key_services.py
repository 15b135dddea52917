"""API keys as the routes work with them: the keys themselves, and what they may spend."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import ApiKeyNotFound, FieldError, InvalidInput
from agent_platform.identity.api_keys import MAX_KEYS, ApiKeys, KeyOrder
from agent_platform.identity.policy import Policies
from agent_platform.identity.principal import Principal
from agent_platform.identity.scopes import scope_faults, scopes_beyond
from agent_platform.ids import new_id
from agent_platform.resilience.account import user_account
from agent_platform.resilience.budgets import Budgets, KeyUse
from agent_platform.storage.api_keys import StoredKey

RolesNow = Callable[[], tuple[str, Sequence[str]]]
"""Reads the owner's e-mail address and roles."""

Spending = tuple[StoredKey, KeyUse]


class KeyDesk:
    """Makes keys and ends them. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, keys: ApiKeys, budgets: Budgets, catalogue: Catalogue, policies: Policies) -> None:
        self._keys = keys
        self._budgets = budgets
        self._catalogue = catalogue
        self._policies = policies

    def create(self, owner: str, roles_now: RolesNow, order: KeyOrder, ceiling: Decimal | None) -> tuple[Spending, str]:
        """A new key with its text.

        Raises:
            InvalidInput: a scope or an agent does not exist, or a scope is beyond the owner's roles; names each.
            PolicyUndecided: nobody can say what the roles allow.
            Conflict: the owner has 25 keys already.
        """
        if faults := [*scope_faults(order.scopes), *self._agent_faults(order.agents or ())]:
            raise InvalidInput("The key would be for what does not exist.", errors=faults)
        email, roles = roles_now()
        if faults := scopes_beyond(order.scopes, Principal(owner, email, frozenset(roles), ""), self._policies):
            raise InvalidInput(" ".join(each.message for each in faults), errors=faults)
        key_id = new_id()
        if ceiling is not None:
            # Before the key: there is no moment in which it may spend without limit.
            self._budgets.set_key_ceiling(user_account(owner), key_id, ceiling)
        try:
            stored, text = self._keys.create(owner, roles_now, order, key_id)
        except Exception:
            if ceiling is not None:
                self._budgets.set_key_ceiling(user_account(owner), key_id, None)
            raise
        return self._spending(stored), text

    def mine(self, owner: str, *, limit: int, cursor: str | None) -> tuple[list[Spending], str | None]:
        """A page of keys, the newest first, and the cursor of the next."""
        page = self._keys.mine(owner, limit=limit, cursor=cursor)
        uses = self._budgets.keys(user_account(owner))
        return [(each, uses.of(each.key.id)) for each in page.items], page.next_cursor

    def get(self, owner: str, key_id: str) -> Spending:
        """One key.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        return self._spending(self._keys.get(owner, key_id))

    def rename(self, owner: str, key_id: str, name: str) -> None:
        """Give a key another name.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        self._keys.rename(owner, key_id, name)

    def limit(self, owner: str, key_id: str, ceiling: Decimal | None) -> None:
        """Give a key a ceiling in USD a month from now on, this month included; None leaves its owner's alone.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        self._keys.get(owner, key_id)
        self._budgets.set_key_ceiling(user_account(owner), key_id, ceiling)

    def rotate(self, owner: str, key_id: str, *, grace: timedelta, days: int | None) -> tuple[Spending, str]:
        """A new secret for a key.

        Raises:
            ApiKeyNotFound: there is none of theirs.
            Conflict: it has expired, and no new expiry is given.
        """
        stored, text = self._keys.rotate(owner, key_id, grace=grace, days=days)
        return self._spending(stored), text

    def revoke(self, owner: str, key_id: str) -> None:
        """End a key.

        Raises:
            ApiKeyNotFound: there is none of theirs.
        """
        had_ceiling = self.get(owner, key_id)[1].ceiling_usd is not None
        self._keys.revoke(owner, key_id)
        if had_ceiling:
            # Work that it began still counts for its owner; a ceiling of a key that is gone would stay for ever.
            self._budgets.set_key_ceiling(user_account(owner), key_id, None)

    def revoke_all(self, owner: str) -> None:
        """End every key of somebody. Idempotent."""
        for stored in self._keys.mine(owner, limit=MAX_KEYS).items:
            with suppress(ApiKeyNotFound):  # ended meanwhile
                self.revoke(owner, stored.key.id)

    def _spending(self, stored: StoredKey) -> Spending:
        return stored, self._budgets.keys(user_account(stored.key.owner)).of(stored.key.id)

    def _agent_faults(self, agents: Sequence[str]) -> list[FieldError]:
        if not agents:
            return []
        known = set(self._catalogue.ids())
        known |= {f"{each.partition('/')[0]}/*" for each in known}
        return [
            FieldError(f"agents.{index}", "is neither an agent of the catalogue nor all of a group (`group/*`)")
            for index, each in enumerate(agents)
            if each not in known
        ]
