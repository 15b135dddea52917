"""What makes an account its owner's: changing and resetting the password, and verifying the address.

Of an address that is asked about, nobody learns whether it has an account: known or not, the same is looked up, counted
and handed over, and a letter for nobody is sent to nobody (`identity/letters.py`).
"""

from contextlib import suppress
from datetime import UTC, datetime

from agent_platform.errors import Conflict, FieldError, InvalidInput, OneTimeTokenInvalid, Unauthenticated
from agent_platform.identity.letters import HandOver, LetterName, Order
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.identity.sessions import Sessions, SignedIn
from agent_platform.identity.sign_in_limits import SignInLimits
from agent_platform.identity.users import EndMade, User, Users

_MICROSECONDS = 1_000_000


class AccountSecurity:
    """Every method raises `StorageUnavailable` when Postgres, the tokens table or what sends mail does not answer."""

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        tokens: OneTimeTokens,
        limits: SignInLimits,
        hand_over: HandOver,
        end_made: EndMade,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._limits = limits
        self._hand_over = hand_over
        self._end_made = end_made

    def change_password(self, user_id: str, current: str, new: str) -> SignedIn:
        """Set another password, end every session, and begin a new one for whoever asked.

        Raises:
            InvalidInput: the current password is wrong, or the new one is not accepted.
            TooManyAttempts: a wrong one was given too often.
            Unauthenticated: the account does not exist any more, or is disabled.
        """
        self._limits.proving(user_id)
        user = self._users.get(user_id)
        if not self._users.proves_itself(user_id, current):
            raise InvalidInput(
                "The current password is wrong.", errors=[FieldError("current_password", "is not your password")]
            )
        self._limits.proved(user_id)
        self._set(user, new, since=user.password_changed_at)
        signed_in = self._sessions.revoke_all(user_id, start_anew=True)
        if signed_in is None:
            raise Unauthenticated("The session has ended: sign in with the new password.")
        return signed_in

    def forgot_password(self, email: str, source: str) -> None:
        """Have a link sent to set a new password, if there is such an account.

        Raises:
            TooManyAttempts: too much was asked for from this address.
        """
        self._limits.asking("forgot-password", source)
        user, wanted = self._users.find(email), self._limits.may_mail(email)
        self._order("reset-password", user if wanted else None, _since(user) if user else "")

    def reset_password(self, token: str, new: str, source: str) -> None:
        """Set a new password by the token of a letter, and end every session. It proves the address as well.

        Was the address not verified before, somebody else may have registered it: what they made ends (`EndMade`).

        Raises:
            OneTimeTokenInvalid: the token was used, has expired, or the password was changed since it was sent.
            InvalidInput: the password is not accepted; the token stays good.
            TooManyAttempts: too many tokens were tried from this address.
        """
        self._limits.asking("reset-password", source)
        user_id, since = _read(self._tokens.read("reset-password", token))
        try:
            user = self._users.get(user_id)
            # Of several requests with one token, one finds the password as it was: the account's row decides.
            self._set(user, new, since=_moment(since), by_mail=self._end_made)
        except (Conflict, Unauthenticated):
            raise OneTimeTokenInvalid("The link is not valid any more: ask for another.") from None
        with suppress(OneTimeTokenInvalid):  # it has expired just now, and was good before
            self._tokens.redeem("reset-password", token)
        self._limits.new_password(user.email, source)
        # Once more, for whoever signed in with the old password while it was being changed.
        self._sessions.revoke_all(user_id, start_anew=False)

    def send_verification(self, user_id: str) -> None:
        """Have a link sent to verify the account's address; nothing is sent where it is verified.

        Raises:
            Unauthenticated: the account does not exist any more, or is disabled.
        """
        user = self._users.get(user_id)
        if user.email_verified_at is None and self._limits.may_mail(user.email):
            self._order("verify-email", user, user.email)

    def verify_email(self, token: str, source: str) -> None:
        """Verify an address by the token of a letter.

        Raises:
            OneTimeTokenInvalid: the token was used, has expired, or the account has another address by now.
            TooManyAttempts: too many tokens were tried from this address.
        """
        self._limits.asking("verify-email", source)
        user_id, email = _read(self._tokens.read("verify-email", token))
        try:
            self._users.verify_email(user_id, email)
        except Unauthenticated:
            raise OneTimeTokenInvalid("The link is not valid any more: ask for another.") from None
        with suppress(OneTimeTokenInvalid):  # sent twice at once
            self._tokens.redeem("verify-email", token)

    def _set(self, user: User, new: str, *, since: datetime, by_mail: EndMade | None = None) -> None:
        with self._users.setting_password(user.id, new, since=since, by_mail=by_mail):
            # Before the password counts: if sessions cannot be ended, nothing has changed, and it can be tried again.
            self._sessions.revoke_all(user.id, start_anew=False)

    def _order(self, letter: LetterName, user: User | None, what: str) -> None:
        order = Order(letter=letter, to=None, subject=None)
        if user:
            order = Order(letter=letter, to=user.email, subject=f"{user.id} {what}")
        self._hand_over(order)


def _since(user: User) -> str:
    """When the password was last changed, in microseconds: a link ends with the password that it was sent for."""
    return str(round(user.password_changed_at.timestamp() * _MICROSECONDS))


def _moment(since: str) -> datetime:
    seconds, microseconds = divmod(int(since), _MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def _read(subject: str) -> tuple[str, str]:
    user_id, _, what = subject.partition(" ")
    return user_id, what
