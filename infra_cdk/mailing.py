"""Mail: who a stage sends as, where links of mails lead, and `send_mail`, which sends the letters of accounts."""

import re
from dataclasses import dataclass
from email.utils import parseaddr

from aws_cdk import ArnFormat, Duration, Stack
from constructs import Construct, IConstruct

from infra_cdk.constructs.dead_letters import dead_letter_queue
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.events import function_named
from infra_cdk.stages import Stage
from infra_cdk.workflows.steps import called_by_name

_SITE = re.compile(r"https://[a-z0-9.-]+(?::\d+)?|http://(?:localhost|127\.0\.0\.1):\d+")
_ADDRESS = re.compile(r"[^\s@<>]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class MailSetup:
    """Both from the context: `-c mail_from="Agents <agents@example.com>" -c site_url=https://agents.example.com`.

    Attributes:
        sender: an address or `Name <address>` of an identity that Amazon SES has verified in the stage's region.
        site_url: where people find the site.
    """

    sender: str
    site_url: str

    @property
    def address(self) -> str:
        """The sender's address alone."""
        return parseaddr(self.sender)[1]

    @classmethod
    def from_context(cls, construct: IConstruct) -> "MailSetup | None":
        """None where neither is named: the stage sends no mail.

        Raises:
            ValueError: one is missing or malformed.
        """
        sender, site_url = (
            str(construct.node.try_get_context(name) or "").strip() for name in ("mail_from", "site_url")
        )
        if not sender and not site_url:
            return None
        if not _SITE.fullmatch(site_url):
            raise ValueError(f"-c site_url: mails need the address of the site, such as https://…, not `{site_url}`.")
        if not _ADDRESS.fullmatch(parseaddr(sender)[1]):
            raise ValueError(f"-c mail_from: name the sender as `agents@example.com`, not `{sender}`.")
        return cls(sender, site_url)


def mail_environment(construct: IConstruct, stage: Stage) -> dict[str, str]:
    """What tells the control plane who sends mail; without a sender it says that none is sent."""
    setup = MailSetup.from_context(construct)
    sent = {"MAIL_FROM": setup.sender, "SITE_URL": setup.site_url} if setup else {}
    return sent | {"SEND_MAIL_FUNCTION_NAME": called_by_name(stage, function_named(stage, "send_mail"))}


def _let_it_mail(function: PlatformFunction) -> None:
    """Let a function send mail as the stage's sender, and as nobody else."""
    setup = MailSetup.from_context(function)
    if setup is None:
        return
    domain = setup.address.rpartition("@")[2]
    stack = Stack.of(function)
    # SES asks for the identity that it verified, which is the address or its domain.
    identities = [
        stack.format_arn(
            service="ses", resource="identity", resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        for name in (setup.address, domain)
    ]
    function.allow(["ses:SendEmail"], identities, conditions={"StringEquals": {"ses:FromAddress": setup.address}})


class Mailing(Construct):
    """`send_mail`, and the queue of the letters that it could not send."""

    def __init__(self, scope: Construct, construct_id: str, *, around: Surroundings, data: DataStack) -> None:
        super().__init__(scope, construct_id)
        setup = MailSetup.from_context(self)
        tokens = data.tables.tokens
        self.dead_letters = dead_letter_queue(self, "DeadLetters", around.stage)
        self.function = PlatformFunction(
            self,
            "SendMail",
            around=around,
            folder="send_mail",
            description="letters of accounts: new passwords, addresses to confirm",
            layers=["platform", "base"],
            timeout=Duration.seconds(30),
            memory_mb=512,
            function_name=function_named(around.stage, "send_mail"),
            # Nobody waits for it.
            snap_start=False,
            gives_up_to=self.dead_letters,
            environment={
                "TOKENS_TABLE": tokens.table_name,
                **({"MAIL_FROM": setup.sender, "SITE_URL": setup.site_url} if setup else {}),
            },
        )
        self.function.allow(
            ["dynamodb:PutItem"],
            [tokens.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["once#*"]}},
        )
        _let_it_mail(self.function)
