"""Who sends mail, as whom, and what becomes of a letter that cannot be sent."""

import pytest
from aws_cdk import App, Stack

from infra_cdk.mailing import MailSetup
from tests.infra.templates import Synthesized, text


def setup(**context: str) -> MailSetup | None:
    return MailSetup.from_context(Stack(App(context=context, analytics_reporting=False), "Any"))


def test_who_sends_letters_and_who_has_them_sent_are_told_the_sender_and_the_site(stage: Synthesized) -> None:
    for name in ("MailingSendMail", "Api"):
        told = stage.function(name, "Api").properties["Environment"]["Variables"]
        assert told["MAIL_FROM"] == "Agents <agents@example.com>"
        assert told["SITE_URL"] == "https://agents.example.com"


def test_mail_is_sent_as_the_named_sender_and_as_nobody_else(stage: Synthesized) -> None:
    (statement,) = (
        statement
        for policy in stage.resources("AWS::IAM::Policy", "Api")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if "ses:" in text(statement["Action"])
    )
    assert statement in stage.policies("MailingSendMail", "Api")[0].properties["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "agents@example.com"}}
    assert [text(each).rpartition("identity/")[2] for each in statement["Resource"]] == [
        "agents@example.com",
        "example.com",
    ]


def test_what_sends_letters_reads_no_token_and_writes_none_but_those_of_links(stage: Synthesized) -> None:
    grants = {each.action for each in stage.grants("MailingSendMail", "Api") if each.action.startswith("dynamodb:")}

    assert grants == {"dynamodb:PutItem"}


def test_without_a_sender_a_stage_sends_no_mail() -> None:
    assert setup() is None


@pytest.mark.parametrize(
    "context",
    [
        {"mail_from": "agents@example.com"},
        {"site_url": "https://agents.example.com"},
        {"mail_from": "agents", "site_url": "https://agents.example.com"},
        {"mail_from": "agents@example.com", "site_url": "http://agents.example.com"},
        {"mail_from": "agents@example.com", "site_url": "https://agents.example.com/app"},
    ],
)
def test_half_a_setup_is_refused(context: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="-c "):
        setup(**context)


def test_the_sender_may_have_a_name() -> None:
    found = setup(mail_from="AI Agents <agents@example.com>", site_url="https://agents.example.com")
    assert found is not None
    assert found.address == "agents@example.com"
