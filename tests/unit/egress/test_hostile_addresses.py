"""What users may name that must not be reached: each spelling is judged by what it resolves to."""

import socket
from collections.abc import Sequence
from ipaddress import IPv6Address

import pytest

from agent_platform.egress import Egress
from agent_platform.egress.addresses import is_public
from agent_platform.errors import ConfigurationError, EgressFailed, EgressRefused

ZONE = {
    "hooks.example.com": ["93.184.216.34"],
    "xn--bcher-kva.example": ["93.184.216.34"],
    "hooks6.example.com": ["2606:2800:220:1:248:1893:25c8:1946"],
    "localhost": ["::1", "127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "localtest.me": ["127.0.0.1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data": ["169.254.169.254"],
    "intranet.example.com": ["10.1.2.3"],
    "both.example.com": ["93.184.216.34", "192.168.0.7"],
    "both6.example.com": ["93.184.216.34", "fd00:ec2::254"],
    "mapped.example.com": ["::ffff:169.254.169.254"],
    "scoped.example.com": ["fe80::1%eth0"],
    "empty.example.com": [],
}
"""The only names there are, and what they stand for."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Names by the table, digits in all spellings that the system's resolver reads."""
    if host in ZONE:
        return ZONE[host]
    try:
        return [str(IPv6Address(host.partition("%")[0]))]
    except ValueError:
        pass
    try:
        return [socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))]
    except OSError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


HOSTILE = [
    # loopback, in every spelling
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.255.255.254/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://2130706433/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://localtest.me/",
    "https://127.0.0.1.nip.io/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://ⓛocalhost/",
    # private networks
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://0300.0250.1.1/",
    "https://3232235777/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    "https://[fec0::1]/",
    "https://intranet.example.com/",
    "https://both.example.com/",
    "https://both6.example.com/",
    # link-local and metadata
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://2852039166/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:169.254.169.254]/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://instance-data/",
    "https://mapped.example.com/",
    "https://scoped.example.com/",
    "https://168.63.129.16/",
    # shared, special and reserved
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    "https://[100::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    # IPv6 addresses that carry an IPv4 address
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2606:2800:220:1:0:5efe:a9fe:a9fe]/",
    # other ports and protocols
    "http://hooks.example.com/",
    "https://hooks.example.com:80/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:6379/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/",
    "https://hooks.example.com:443443/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https:///path",
    "",
    # what only pretends to name a public host
    "https://hooks.example.com@127.0.0.1/",
    "https://user:password@hooks.example.com/",
    "https://@hooks.example.com/",
    "https://127.0.0.1#@hooks.example.com/",
    "https://127.0.0.1?@hooks.example.com/",
    "https://127.0.0.1\\@hooks.example.com/",
    "https://hooks.example.com\\.127.0.0.1/",
    "https://hooks.example.com /",
    "https://hooks.example.com/\r\nHost: 127.0.0.1",
    "https://hooks.example.com/\x00",
    "https://[::1",
    "https://[hooks.example.com]/",
    "https://hooks.example.com%2f@127.0.0.1/",
    "https://hooks.example.com%00.127.0.0.1/",
    "https://" + "a" * 254 + "/",
    "https://hooks.example.com/" + "a" * 2048,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_what_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused) as raised:
        Egress(resolve=resolve).check(url)
    assert raised.value.status == 422
    assert raised.value.public_detail.endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://HOOKS.example.com:8443/a/b?c=d#e",
        "https://hooks6.example.com/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]:443/",
        "https://[64:ff9b::8.8.8.8]/",
        "https://[::ffff:8.8.8.8]/",
    ],
)
def test_what_is_on_the_public_internet_is_not(url: str) -> None:
    Egress(resolve=resolve).check(url)


@pytest.mark.parametrize("url", ["https://nobody.example.com/", "https://empty.example.com/"])
def test_a_name_that_nobody_knows_may_be_known_later(url: str) -> None:
    with pytest.raises(EgressFailed) as raised:
        Egress(resolve=resolve).check(url)
    assert raised.value.reason == "name"


def test_the_refusal_does_not_tell_what_a_name_stands_for() -> None:
    with pytest.raises(EgressRefused) as raised:
        Egress(resolve=resolve).check("https://intranet.example.com/")
    assert "10.1.2.3" not in raised.value.public_detail


def test_the_deployment_allows_one_address_and_port_and_no_other() -> None:
    egress = Egress("127.0.0.1:9000, [::1]:9001", resolve=resolve)
    egress.check("http://127.0.0.1:9000/")
    egress.check("https://127.0.0.1:9000/")
    egress.check("http://[::1]:9001/")
    for url in (
        "http://127.0.0.1:9001/",
        "http://127.0.0.2:9000/",
        "http://[::1]:9000/",
        "http://localhost:9000/",
        "http://hooks.example.com:9000/",
        "https://hooks.example.com:9000/",
    ):
        with pytest.raises(EgressRefused):
            egress.check(url)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
        ("http://localhost:9000/", "127.0.0.1:9000"),
        ("https://127.0.0.1/", "127.0.0.1:443"),
        ("http://[::1]:9000/", "[::1]:9000"),
    ],
)
def test_a_laptop_tells_how_a_server_on_it_is_reached_and_a_real_deployment_does_not(url: str, allow: str) -> None:
    with pytest.raises(EgressRefused) as on_a_laptop:
        Egress("", resolve=resolve).check(url)
    assert f"`EGRESS_ALLOW={allow}`" in on_a_laptop.value.public_detail
    Egress(allow, resolve=lambda *_: ["127.0.0.1"]).check(url)
    with pytest.raises(EgressRefused) as elsewhere:
        Egress(resolve=resolve).check(url)
    assert "EGRESS_ALLOW" not in elsewhere.value.public_detail


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://intranet.example.com/", "http://8.8.8.8/"])
def test_there_is_no_such_hint_about_somebody_elses_server(url: str) -> None:
    with pytest.raises(EgressRefused) as raised:
        Egress("", resolve=resolve).check(url)
    assert "EGRESS_ALLOW" not in raised.value.public_detail


@pytest.mark.parametrize("allow", ["localhost:9000", "127.0.0.1", "9000", "127.0.0.1:http", "http://127.0.0.1:9000"])
def test_what_the_deployment_allows_must_be_addresses_and_ports(allow: str) -> None:
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:9000"):
        Egress(allow)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "1.2.3", "::1%lo", "2606::1%eth0", "8.8.8.8 "])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)
