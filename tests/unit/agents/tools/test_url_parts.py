"""URLs: whose they really are, read as browsers read them."""

import json
from typing import Any

import pytest

from agent_platform.agents.tools import registry

TOOL = registry["url_parts"]


def parts(url: str) -> Any:
    outcome = TOOL.call({"url": url})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def refusal(url: str) -> str:
    outcome = TOOL.call({"url": url})
    assert outcome.is_error, outcome.content
    return outcome.content


def test_a_url_is_split_into_all_its_parts():
    assert parts("https://ada:secret@www.shop.example.co.uk:8443/a/b;c?x=1&x=&y=%20#top") == {
        "scheme": "https",
        "host": "www.shop.example.co.uk",
        "host_in_unicode": "www.shop.example.co.uk",
        "registered_domain": "example.co.uk",
        "subdomain": "www.shop",
        "is_ip_address": False,
        "ip_address": None,
        "is_internationalised": False,
        "user_information": "ada",
        "port": 8443,
        "path": "/a/b;c",
        "query": [["x", "1"], ["x", ""], ["y", " "]],
        "fragment": "top",
    }


@pytest.mark.parametrize(
    ("url", "host", "domain"),
    [
        ("https://www.paypal.com.secure-login.example.net/", "www.paypal.com.secure-login.example.net", "example.net"),
        ("https://paypal.com@evil.example/", "evil.example", "evil.example"),
        ("https://paypal.com:443@evil.example/", "evil.example", "evil.example"),
        ("https://paypal.com%2f@evil.example/", "evil.example", "evil.example"),
        ("https://evil.example?@paypal.com/", "evil.example", "evil.example"),
        ("https://evil.example#@paypal.com/", "evil.example", "evil.example"),
        ("https://evil.example\\@paypal.com/", "evil.example", "evil.example"),
        ("https://evil.example\\.paypal.com/", "evil.example", "evil.example"),
        ("https:\\\\evil.example\\a", "evil.example", "evil.example"),
        ("https:///evil.example", "evil.example", "evil.example"),
        ("https:evil.example", "evil.example", "evil.example"),
        ("https://evil%2Eexample/", "evil.example", "evil.example"),
        ("https://evil。example/", "evil.example", "evil.example"),
        ("https://ｅｖｉｌ．example/", "evil.example", "evil.example"),
        ("https://EVIL.Example./", "evil.example", "evil.example"),
        ("https://ev\til.exa\nmple/", "evil.example", "evil.example"),
        ("//evil.example/x", "evil.example", "evil.example"),
        ("evil.example:8080/x", "evil.example", "evil.example"),
        ("evil.example/redirect?to=https://paypal.com", "evil.example", "evil.example"),
        ("ada.github.io", "ada.github.io", "ada.github.io"),
        ("https://a.b.ada.github.io", "a.b.ada.github.io", "ada.github.io"),
        ("https://github.io/", "github.io", None),
        ("https://co.uk/", "co.uk", None),
        ("http://localhost:3000/", "localhost", None),
    ],
)
def test_the_registered_domain_is_the_one_that_a_browser_would_visit(url: str, host: str, domain: str | None):
    answer = parts(url)
    assert (answer["host"], answer["registered_domain"]) == (host, domain)


@pytest.mark.parametrize(
    "url",
    ["hxxps://evil[.]example/a", "hXXps://evil.example/a", "https[:]//evil.example/a", "hxxps[://]evil[.]example/a",
     "https://evil(.)example/a", " https://evil.example/a\n"],
)  # fmt: skip
def test_defanged_forms_are_understood(url: str):
    assert {name: parts(url)[name] for name in ("scheme", "host", "path")} == {
        "scheme": "https",
        "host": "evil.example",
        "path": "/a",
    }


@pytest.mark.parametrize(
    ("url", "shown", "unicode"),
    [
        ("http://xn--80ak6aa92e.com/", "xn--80ak6aa92e.com", "аррӏе.com"),
        ("http://аррӏе.com/", "аррӏе.com", "аррӏе.com"),
        ("http://xn--n3h.net/", "xn--n3h.net", "☃.net"),
        ("http://faß.de/", "faß.de", "faß.de"),
        ("http://xn--zzzzzzzzz-.com/", "xn--zzzzzzzzz-.com", "xn--zzzzzzzzz-.com"),
        ("http://xn--.com/", "xn--.com", "xn--.com"),
    ],
)
def test_an_internationalised_name_is_shown_in_both_forms(url: str, shown: str, unicode: str):
    answer = parts(url)
    assert (answer["host"], answer["host_in_unicode"], answer["is_internationalised"]) == (shown, unicode, True)


def test_a_public_suffix_counts_in_either_form():
    assert parts("http://a.b.公司.cn/")["registered_domain"] == "b.公司.cn"
    assert parts("http://a.b.xn--55qx5d.cn/")["registered_domain"] == "b.xn--55qx5d.cn"
    assert parts("http://xn--55qx5d.cn/")["registered_domain"] is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://192.168.0.1/", "192.168.0.1"),
        ("http://192.168.0.1./", "192.168.0.1"),
        ("http://[::1]:8080/", "::1"),
        ("http://[2001:DB8::1]/", "2001:db8::1"),
        ("http://user@[::ffff:192.0.2.1]/", "::ffff:192.0.2.1"),
        ("http://[fe80::1%25eth0]/", "fe80::1%25eth0"),
        ("http://3232235521/", "192.168.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://0177.0.0.1/", "127.0.0.1"),
        ("http://0x7f000001/", "127.0.0.1"),
        ("http://１２７.0.0.1/", "127.0.0.1"),
    ],
)
def test_an_address_is_recognised_in_whatever_form_it_hides(url: str, address: str):
    answer = parts(url)
    assert (answer["is_ip_address"], answer["ip_address"], answer["registered_domain"]) == (True, address, None)


@pytest.mark.parametrize(
    "url", ["http://1.2.3.4.example/", "http://dead.beef/", "http://facade.ae/", "http://256.1.1.1.com/"]
)
def test_a_name_that_looks_like_an_address_is_none(url: str):
    assert parts(url)["is_ip_address"] is False


@pytest.mark.parametrize(
    "url",
    ["", "   ", "http://", "http:///", "https://..", "http://[::1", "http://example.com:99999/", "http://example.com:80a/",
     "http://exa mple.com/", "http://paypal.com%40evil.example/", "javascript:alert(1)", "data:text/html,hi", "http://a℀b.com/"],
)  # fmt: skip
def test_what_has_no_host_or_is_no_url_is_refused(url: str):
    assert refusal(url).startswith(("This URL has no host", "This is not a URL: "))


def test_a_long_query_is_cut_and_a_longer_url_refused():
    assert len(parts("http://a.example/?" + "&".join("x=1" for _ in range(500)))["query"]) == 50
    assert refusal("http://a.example/" + "x" * 4000).startswith("Arguments refused: url: ")
