"""Mail to one person: plain text, by Amazon SES. What is written stands where it is sent; here is only the way out."""

from functools import cache
from typing import TYPE_CHECKING, Protocol

from agent_platform.errors import MailUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


class Mailer(Protocol):
    """What sends mail."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one mail over. `to` is a normalised address, `subject` one line, `text` plain text with `\\n`.

        Raises:
            MailUnavailable: it could not be handed over; nothing was sent.
        """


class SesMailer:
    """Sends by Amazon SES, API version 2."""

    def __init__(self, sender: str) -> None:
        """`sender` is an address or `Name <address>` of an identity that SES has verified; empty sends nothing."""
        self._sender = sender

    def send(self, to: str, subject: str, text: str) -> None:
        """See `Mailer`."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._sender:
            raise MailUnavailable("This platform sends no mail yet: an operator names a sender (`mail_from`).")
        try:
            ses().send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    }
                },
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise MailUnavailable(f"The mail was not sent: Amazon SES answered {code}.") from error
        except BotoCoreError as error:
            raise MailUnavailable("The mail was not sent: Amazon SES does not answer. Try again shortly.") from error


@cache
def ses() -> "SESV2Client":
    """The process's client: connects within 2 s, answers within 5 s, tries twice."""
    import boto3  # 300 ms at a cold start, which routes without mail need not pay
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("sesv2", config=patience)
