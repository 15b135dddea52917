"""How often one may try to sign in, register, and ask for mails, by account and by the address that asks.

Sources: NIST SP 800-63B-4 (2025), section 3.2.2 (no more than 100 consecutive failures; a wait that grows from 30 s up
to an hour; addresses from which somebody signed in before may be treated better), OWASP ASVS 5.0, 6.3.1, and OWASP's
Authentication and Forgot Password cheat sheets. Why so: docs/decisions/sign-in-throttling.md.
"""

from agent_platform.errors import InvalidInput, TooManyAttempts
from agent_platform.identity.attempts import Attempts, Limit
from agent_platform.identity.emails import MAX_EMAIL_LENGTH, normalise_email

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600

ONE_FROM_ONE = Limit("sign-in-from", free=5, first_wait=30, longest_wait=_HOUR, forget=_DAY, most=50)
"""Sign-ins to one account from one address: whoever guesses from there waits, and nobody else does."""

ONE_FROM_ALL = Limit("sign-in", free=20, first_wait=30, longest_wait=_HOUR, forget=30 * _DAY, most=100)
"""Sign-ins to one account from all addresses together; those that its owner signed in from need not wait."""

CURRENT_PASSWORD = Limit("password", free=5, first_wait=30, longest_wait=_HOUR, forget=_DAY)
"""The current password, asked for to set another: by account."""

MAILS_TO_ONE = Limit("mails", free=5, forget=30 * _MINUTE)
"""Mails with a link to one address. It ends no later than the links do, so whoever owns the address has one."""

FAMILIAR = "familiar"
FAMILIAR_SECONDS = 90 * _DAY
"""How long an address is remembered from which somebody signed in."""

WINDOW = 15 * _MINUTE


class SignInLimits:
    """What is counted before it is tried. Every method raises `StorageUnavailable` when it cannot be."""

    def __init__(self, attempts: Attempts, *, per_source: int) -> None:
        """`per_source`: what one address may do of a kind within fifteen minutes, over all accounts."""
        self._attempts = attempts
        self._failures = Limit("sign-in-source", free=per_source, forget=WINDOW)
        self._per_source = per_source

    def signing_in(self, email: str, source: str) -> bool:
        """Count a sign-in that is about to be tried, whether or not there is such an account.

        Returns:
            Whether it counts for the account from everywhere; from where its owner has signed in before it need not.

        Raises:
            TooManyAttempts: there were too many; nothing is tried.
        """
        address = _one_spelling(email)
        # Neighbours share an address: what it may not try counts against no account.
        self._attempts.count(self._failures, source)
        try:
            self._attempts.count(ONE_FROM_ONE, address, source, of=address)
            try:
                return self._count_account(address, source)
            except TooManyAttempts:
                self._attempts.give_back(ONE_FROM_ONE, address, source)
                raise
        except TooManyAttempts:
            self._attempts.give_back(self._failures, source)
            raise

    def signed_in(self, email: str, source: str) -> None:
        """It was the right password: forget what failed before."""
        address = _one_spelling(email)
        self._attempts.give_back(self._failures, source)
        self._attempts.clear(ONE_FROM_ONE, address, source)
        self._attempts.clear(ONE_FROM_ALL, address)
        self._attempts.remember(FAMILIAR, address, source, seconds=FAMILIAR_SECONDS)

    def not_tried(self, email: str, source: str, *, counted: bool) -> None:
        """The password could not be looked at: whoever knows it does not wait because the database was asleep.

        `counted` is what `signing_in` answered.
        """
        address = _one_spelling(email)
        self._attempts.give_back(self._failures, source)
        self._attempts.give_back(ONE_FROM_ONE, address, source)
        if counted:
            self._attempts.give_back(ONE_FROM_ALL, address)

    def new_password(self, email: str, source: str) -> None:
        """Whoever set a new password by mail may sign in with it, however often the old one was guessed at."""
        address = _one_spelling(email)
        self._attempts.clear(ONE_FROM_ONE, address, source)
        self._attempts.clear(ONE_FROM_ALL, address)
        self._attempts.remember(FAMILIAR, address, source, seconds=FAMILIAR_SECONDS)

    def proving(self, user_id: str) -> None:
        """Count a current password that is about to be checked.

        Raises:
            TooManyAttempts: there were too many wrong ones.
        """
        self._attempts.count(CURRENT_PASSWORD, user_id)

    def proved(self, user_id: str) -> None:
        """It was the right one."""
        self._attempts.clear(CURRENT_PASSWORD, user_id)

    def asking(self, what: str, source: str) -> None:
        """Count a request of an address that no sign-in protects; `what` names the kind.

        Raises:
            TooManyAttempts: there were too many within fifteen minutes.
        """
        self._attempts.count(Limit(f"{what}-source", free=self._per_source, forget=WINDOW), source)

    def may_mail(self, email: str) -> bool:
        """Count a mail with a link to this address; False where enough are on their way."""
        try:
            self._attempts.count(MAILS_TO_ONE, _one_spelling(email))
        except TooManyAttempts:
            return False
        return True

    def _count_account(self, address: str, source: str) -> bool:
        try:
            self._attempts.count(ONE_FROM_ALL, address)
        except TooManyAttempts as refused:
            closed = (refused.retry_after or 0) > ONE_FROM_ALL.longest_wait
            if closed or not self._attempts.remembers(FAMILIAR, address, source):
                raise
            return False
        return True


def let_in(attempts: Attempts, email: str, user_id: str) -> None:
    """Whoever got a new password from an operator may try it at once, from every address.

    Raises:
        StorageUnavailable: the tokens table does not answer.
    """
    address = _one_spelling(email)
    attempts.clear(ONE_FROM_ALL, address)
    attempts.open(address)
    attempts.clear(CURRENT_PASSWORD, user_id)


def _one_spelling(email: str) -> str:
    try:
        return normalise_email(email)
    except InvalidInput:
        return email[:MAX_EMAIL_LENGTH].casefold()
