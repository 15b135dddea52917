"""Letters that were handed over: sent with a good link, or raised so that Lambda tries again."""

from collections.abc import Iterator

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses import ses_backends

from agent_platform.errors import ConfigurationError, MailUnavailable
from agent_platform.identity.mail import ses
from agent_platform.identity.one_time_tokens import OneTimeTokens
from functions.send_mail import handler as module
from tests.fakes.aws import REGION, tokens_table
from tests.fakes.gateway import LambdaContext

__all__ = ["tokens_table"]

ORDER = {"letter": "reset-password", "to": "ada@example.com", "subject": "u-1 what"}


@pytest.fixture(autouse=True)
def _environment(tokens_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TOKENS_TABLE", tokens_table)
    monkeypatch.setenv("MAIL_FROM", "Agents <agents@example.com>")
    monkeypatch.setenv("SITE_URL", "https://agents.example.com")
    for cached in (module.post_office, ses):
        cached.cache_clear()
    boto3.client("ses").verify_email_identity(EmailAddress="agents@example.com")
    yield
    for cached in (module.post_office, ses):
        cached.cache_clear()


def test_a_letter_is_sent_with_a_link_that_works(tokens_table: str) -> None:
    assert module.handler(ORDER, LambdaContext()) == {"sent": True}
    (message,) = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert message.destinations["ToAddresses"] == ["ada@example.com"]
    token = message.body.partition("https://agents.example.com/reset-password#token=")[2].split()[0]
    assert OneTimeTokens(tokens_table).redeem("reset-password", token) == "u-1 what"


def test_a_letter_for_nobody_goes_nowhere() -> None:
    assert module.handler({**ORDER, "to": None, "subject": None}, LambdaContext()) == {"sent": False}
    assert ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages == []


def test_what_could_not_be_sent_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_FROM", "nobody@elsewhere.example")
    with pytest.raises(MailUnavailable):
        module.handler(ORDER, LambdaContext())


@pytest.mark.parametrize("event", [{}, {**ORDER, "letter": "advertisement"}, {**ORDER, "token": "x"}])
def test_what_is_no_order_is_refused_and_not_repeated(event: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="no order"):
        module.handler(event, LambdaContext())


def test_no_line_of_the_log_has_the_link_or_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    module.handler(ORDER, LambdaContext())
    logged = capsys.readouterr()
    assert "#token=" not in logged.out + logged.err
    assert "ada@example.com" not in logged.out + logged.err
