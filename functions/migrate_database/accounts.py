"""Accounts that operators make or change, and what such a change reaches at once."""

from contextlib import suppress

from agent_platform.errors import ApiKeyNotFound
from agent_platform.identity.api_keys import MAX_KEYS, ApiKeys
from agent_platform.identity.attempts import Attempts
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sign_in_limits import let_in
from agent_platform.identity.users import Ensured, User, Users
from functions.migrate_database.requests import EnsureUser


class Accounts:
    """The accounts of one deployment."""

    def __init__(self, users: Users, tokens_table: str, *, longest_life: int) -> None:
        """`longest_life` is how long the longest-lived token of a session can be valid, in seconds."""
        self._users = users
        self._revocations = Revocations(tokens_table, longest_life=longest_life)
        self._keys = ApiKeys(tokens_table)
        self._attempts = Attempts(tokens_table)

    def ensure(self, wanted: EnsureUser) -> User:
        """Make the account, or give an existing one this name, password and exactly these roles. Idempotent.

        Sessions with another password or other roles end, API keys follow the roles, and nobody waits for what was
        guessed before. Was the address not confirmed, then somebody else may have registered it: its keys end.

        Raises:
            InvalidInput: address, password or name is not accepted, or a role does not exist.
            Conflict: the account is being erased.
            StorageUnavailable: Postgres or the tokens table does not answer; it can be tried again.
        """
        password = wanted.password.get_secret_value()
        with self._users.ensuring(wanted.email, password, wanted.name, wanted.roles) as ensured:
            # Before it counts: if sessions and keys cannot be ended, nothing has changed.
            self._end(ensured)
        # Once more, for what began while the change was under way.
        self._end(ensured)
        user = ensured.user
        # In any case: the try before may have got no further.
        self._keys.owner_changed(user.id, lambda: self._users.get(user.id).roles, email=user.verified_email)
        let_in(self._attempts, user.email, user.id)
        return user

    def _end(self, ensured: Ensured) -> None:
        user_id = ensured.user.id
        if ensured.differs or ensured.changes_hands:
            self._revocations.revoke_user(user_id)
        if ensured.changes_hands:
            for stored in self._keys.mine(user_id, limit=MAX_KEYS).items:
                with suppress(ApiKeyNotFound):  # ended meanwhile
                    self._keys.revoke(user_id, stored.key.id)
