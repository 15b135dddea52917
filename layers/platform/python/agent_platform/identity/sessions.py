"""Sessions: signing up, in, on and out. The one place where accounts, access tokens and refresh tokens meet.

`source` is the address that a request came from, as the gateway saw it: what may be tried from there is limited.
"""

from dataclasses import dataclass

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.access_tokens import AccessTokens, bearer_token
from agent_platform.identity.refresh_tokens import NewRefreshToken, RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sign_in_limits import SignInLimits
from agent_platform.identity.users import User, Users


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a client gets: who it is, a short-lived access token and a refresh token that works once."""

    user: User
    access_token: str
    refresh_token: str


class Sessions:
    """Every method raises `StorageUnavailable` when Postgres or the tokens table does not answer."""

    def __init__(
        self,
        users: Users,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        revocations: Revocations,
        limits: SignInLimits,
    ) -> None:
        self._users = users
        self._limits = limits
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._revocations = revocations

    def register(self, email: str, password: str, name: str, source: str = "") -> SignedIn:
        """Make an account and sign it in. When any part fails there is no account.

        Raises:
            InvalidInput: address, password or name is not accepted.
            EmailTaken: the address has an account.
            TooManyAttempts: too many registered from this address.
        """
        self._limits.asking("register", source)
        with self._users.registering(email, password, name) as user:
            return self._signed_in(user, self._refresh_tokens.start(user.id))

    def login(self, email: str, password: str, source: str = "") -> SignedIn:
        """Sign in by password.

        Raises:
            Unauthenticated: address or password is wrong, or the account was changed meanwhile.
            TooManyAttempts: too many failed before; this one was not tried.
        """
        counted = self._limits.signing_in(email, source)
        try:
            user = self._users.authenticate(email, password)
        except StorageUnavailable:
            self._limits.not_tried(email, source, counted=counted)
            raise
        self._limits.signed_in(email, source)
        return self._start(user)

    def begin(self, user_id: str) -> SignedIn:
        """Sign in whoever has just proved by other means whose account it is.

        Raises:
            Unauthenticated: the account does not exist any more, or is disabled.
        """
        return self._start(self._users.get(user_id))

    def refresh(self, refresh_token: str) -> SignedIn:
        """Exchange a refresh token for the next pair, with the roles that the user has now.

        Raises:
            Unauthenticated: the token is unknown, expired or revoked, was used before (its session ends), or the
                password was changed since the session began.
        """
        grant = self._refresh_tokens.read(refresh_token)
        user = self._users.get(grant.user_id)
        if user.password_changed_at.timestamp() * 1000 > grant.started_ms:
            self._revocations.revoke_session(grant.session_id)
            raise Unauthenticated("The password was changed: sign in again.")
        return self._signed_in(user, self._refresh_tokens.rotate(grant))

    def logout(self, authorization: str | None, refresh_token: str | None = None) -> None:
        """End the session of the access token in an `Authorization` header, and that of the refresh token if theirs.

        Raises:
            Unauthenticated: the header holds no valid token.
        """
        token = self._access_tokens.verify(bearer_token(authorization))
        other = self._refresh_tokens.owner_and_session(refresh_token) if refresh_token else None
        if other and other[0] == token.principal.user_id and other[1] != token.session_id:
            self._revocations.revoke_session(other[1])
        # The caller's own token comes last: as long as anything before it fails, logging out can be tried again.
        self._revocations.revoke_session(token.session_id)
        self._revocations.revoke_token(token.principal.token_id, expires_at=token.expires_at)

    def revoke_all(self, user_id: str, *, start_anew: bool) -> SignedIn | None:
        """End every session of a user at once, everywhere; with `start_anew` a new one begins, else None.

        API keys are no sessions: they stay.

        Raises:
            Unauthenticated: the account does not exist any more, or is disabled.
        """
        user = self._users.get(user_id) if start_anew else None
        self._revocations.revoke_user(user_id)
        return self._start(user) if user else None

    def _start(self, user: User) -> SignedIn:
        """A session of an account as it still is.

        A change of the account ends the sessions that there are once it is committed. One that began later, from what
        was read before, would outlive it: so either the change meets this session, or this meets the change.
        """
        refresh = self._refresh_tokens.start(user.id)
        signed_in = self._signed_in(user, refresh)
        try:
            unchanged = self._users.get(user.id) == user
        except Unauthenticated:
            unchanged = False
        if not unchanged:
            self._revocations.revoke_session(refresh.session_id)
            raise Unauthenticated("The account was changed a moment ago: sign in again.")
        return signed_in

    def _signed_in(self, user: User, refresh: NewRefreshToken) -> SignedIn:
        access_token = self._access_tokens.issue(
            user_id=user.id, email=user.verified_email, roles=list(user.roles), session_id=refresh.session_id
        )
        return SignedIn(user, access_token, refresh.token)
