"""The letters that accounts get by mail: what each says, and the link in it.

Whoever asks for one hands over an `Order`; `functions/send_mail` makes the token and sends. So nothing that waits
anywhere holds a token, and asking takes as long whether or not there is such an account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from agent_platform.identity.mail import Mailer
from agent_platform.identity.one_time_tokens import OneTimeTokens

LetterName = Literal["reset-password", "verify-email", "invitation"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One kind of letter.

    Attributes:
        path: the page of the site that its link opens.
        seconds: how long the link is good.
        text: with `{link}` and `{site}`.
    """

    path: str
    seconds: int
    subject: str
    text: str


LETTERS: dict[LetterName, Letter] = {
    "reset-password": Letter(
        path="/reset-password",
        seconds=30 * 60,
        subject="Set a new password",
        text="""\
Somebody asked for a new password for your account on {site}.

To set one, open this link within 30 minutes. It works once:

{link}

If that was not you, do nothing: your password stays as it is, and nobody has seen it.
""",
    ),
    "verify-email": Letter(
        path="/verify-email",
        seconds=24 * 3600,
        subject="Confirm your e-mail address",
        text="""\
There is an account with this address on {site}.

To confirm that the address is yours, open this link within 24 hours. It works once:

{link}

If you have no account there, do nothing: without you the address counts for nothing.
""",
    ),
    "invitation": Letter(
        path="/accept-invitation",
        seconds=7 * 24 * 3600,
        subject="You are invited",
        text="""\
An administrator of {site} has invited you.

To choose your name and password, open this link within 7 days. It works once:

{link}

If you do not want an account there, do nothing: none is made without you.
""",
    ),
}
"""Purposes of one-time tokens are the names here."""


class Order(BaseModel):
    """A letter that is to be sent: which, and for whose account. Without an account it is for nobody, and is not."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    letter: LetterName
    to: Annotated[str, StringConstraints(max_length=254)] | None
    subject: Annotated[str, StringConstraints(max_length=500)] | None
    """What the token in the link will stand for."""

    def to_event(self) -> dict[str, Any]:
        """What the function is handed."""
        return self.model_dump(mode="json")


HandOver = Callable[[Order], None]
"""Sends it later. Raises `StorageUnavailable` where it cannot be handed over."""


class PostOffice:
    """Makes the link of a letter and sends it."""

    def __init__(self, tokens: OneTimeTokens, mailer: Mailer, site_url: str) -> None:
        """`site_url` is where the site is, such as `https://agents.example.com`."""
        self._tokens = tokens
        self._mailer = mailer
        self._site_url = site_url.rstrip("/")

    def send(self, order: Order) -> bool:
        """Send the letter, unless it is for nobody; returns whether it was sent.

        Raises:
            MailUnavailable: it could not be handed to the mail service; nobody has the link.
            StorageUnavailable: the token could not be kept.
        """
        if order.to is None or order.subject is None:
            return False
        letter = LETTERS[order.letter]
        token = self._tokens.issue(order.letter, order.subject, letter.seconds)
        # In the fragment, which browsers send to no server: no access log and no referrer has it.
        link = f"{self._site_url}{letter.path}#token={token}"
        self._mailer.send(order.to, letter.subject, letter.text.format(link=link, site=self._site_url))
        return True
