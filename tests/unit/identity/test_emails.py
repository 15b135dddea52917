"""One mailbox has one spelling."""

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.identity.emails import normalise_email


@pytest.mark.parametrize(
    "written", ["ada@example.com", " Ada@Example.COM\n", "\uff41da@example.com", "ADA@EXAMPLE.com"]
)
def test_every_spelling_of_a_mailbox_is_the_same_account(written: str) -> None:
    assert normalise_email(written) == "ada@example.com"


@pytest.mark.parametrize("address", ["a+b@sub.example.co", "o'neil@example.com", "a@xn--mnchen-3ya.de"])
def test_unusual_but_valid_addresses_are_accepted(address: str) -> None:
    assert normalise_email(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com\x00",
        "a\x00da@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        '"a b"@example.com',
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 250}.com",
        "\ufdfa" * 100 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise_email(text)
    assert [fault.field for fault in refused.value.errors] == ["email"]
