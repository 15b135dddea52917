"""Mail by Amazon SES: what is handed over, and what is said when it is not."""

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses import ses_backends

from agent_platform.errors import MailUnavailable
from agent_platform.identity.letters import LETTERS, Order, PostOffice
from agent_platform.identity.mail import SesMailer, ses
from agent_platform.identity.one_time_tokens import OneTimeTokens
from tests.fakes.aws import REGION

SENDER = "Agents <agents@example.com>"


@pytest.fixture(autouse=True)
def _mail_service(aws: None) -> None:
    ses.cache_clear()
    boto3.client("ses").verify_email_identity(EmailAddress="agents@example.com")


class Outbox:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        self.sent.append((to, subject, text))


def test_a_mail_is_handed_over_as_it_was_written() -> None:
    SesMailer(SENDER).send("ada@example.com", "Grüße", "Two lines\nwith an ü\n")
    (message,) = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert message.destinations["ToAddresses"] == ["ada@example.com"]
    assert (message.source, message.subject, message.body) == (SENDER, "Grüße", "Two lines\nwith an ü\n")


def test_a_sender_that_nobody_verified_is_refused_in_words() -> None:
    with pytest.raises(MailUnavailable, match="MessageRejected"):
        SesMailer("Somebody <somebody@elsewhere.example>").send("ada@example.com", "Hello", "there")


def test_without_a_sender_nothing_is_sent() -> None:
    with pytest.raises(MailUnavailable, match="mail_from"):
        SesMailer("").send("ada@example.com", "Hello", "there")


@pytest.mark.parametrize(("name", "path", "hours"), [("reset-password", "reset", 0.5), ("verify-email", "verify", 24)])
def test_a_letter_has_one_link_with_the_token_in_its_fragment(
    tokens_table: str, name: str, path: str, hours: float
) -> None:
    outbox, tokens = Outbox(), OneTimeTokens(tokens_table)
    order = Order.model_validate({"letter": name, "to": "ada@example.com", "subject": "u-1 what"})
    assert PostOffice(tokens, outbox, "https://agents.example.com/").send(order)
    ((to, subject, text),) = outbox.sent
    (link,) = (line for line in text.splitlines() if line.startswith("https://agents.example.com/"))
    page, _, token = link.partition("#token=")
    assert to == "ada@example.com"
    assert subject == LETTERS[order.letter].subject
    assert "?" not in page
    assert page.startswith(f"https://agents.example.com/{path}-")
    assert LETTERS[order.letter].seconds == hours * 3600
    assert tokens.redeem(name, token) == "u-1 what"


def test_a_letter_for_nobody_is_not_sent_and_makes_no_token(tokens_table: str) -> None:
    outbox = Outbox()
    office = PostOffice(OneTimeTokens(tokens_table), outbox, "https://agents.example.com")
    assert not office.send(Order(letter="reset-password", to=None, subject=None))
    assert outbox.sent == []


def test_what_waits_to_be_sent_holds_no_token() -> None:
    order = Order(letter="reset-password", to="ada@example.com", subject="u-1 what")
    assert order.to_event() == {"letter": "reset-password", "to": "ada@example.com", "subject": "u-1 what"}
