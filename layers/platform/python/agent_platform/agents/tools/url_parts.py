"""Take a URL apart without opening it."""

import re
import socket
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Annotated
from unicodedata import normalize
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def _public_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # parses the list (50 ms), and few executions need it

    return PublicSuffixList()


@tool(effect="reads")
def url_parts(
    url: Annotated[str, Field(max_length=4000, description="Defanged forms such as hxxps and [.] are understood")],
) -> dict[str, object]:
    """Split a URL into its parts and name the registered domain by the Public Suffix List. Nothing is fetched.

    Tells what a reader may miss: the registered domain behind misleading labels, user information before an @,
    an internationalised name in Unicode, an IP address as host, an unusual port.
    """
    try:
        parts = urlsplit(_as_browsers_read_it(url))
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise ToolFailed(f"This is not a URL: {error}.") from None
    if not host:
        raise ToolFailed("This URL has no host.")
    address = _address(host)
    domain = None if address else _public_suffixes().privatesuffix(host)
    return {
        "scheme": parts.scheme or None,
        "host": host,
        "host_in_unicode": _unicode(host),
        "registered_domain": domain,
        "subdomain": host[: -len(domain) - 1] or None if domain and host != domain else None,
        "is_ip_address": address is not None,
        "ip_address": str(address) if address else None,
        "is_internationalised": any(label.startswith("xn--") for label in host.split(".")) or not host.isascii(),
        "user_information": parts.username,
        "port": port,
        "path": parts.path or "/",
        "query": [list(pair) for pair in parse_qsl(parts.query, keep_blank_values=True)[:50]],
        "fragment": parts.fragment or None,
    }


def _as_browsers_read_it(url: str) -> str:
    """Undo defanging, and read slashes as browsers do (WHATWG URL): a backslash is one, and http needs none."""
    text = re.sub(r"\[(\.|:|://)\]|\((\.)\)", r"\1\2", url.strip())
    text = re.sub(r"^hxxp(s?):", r"http\1:", text, flags=re.IGNORECASE)
    if web := re.match(r"(https?:)[/\\]*", text, re.IGNORECASE):
        rest = text[web.end() :]
        place = re.split(r"[?#]", rest, maxsplit=1)[0]
        return f"{web[1]}//{place.replace('\\', '/')}{rest[len(place) :]}"
    return text if re.match(r"([a-z][a-z0-9+.-]*:)?//", text, re.IGNORECASE) else f"//{text}"


def _host(name: str) -> str:
    """The name that is looked up: percent escapes, full-width letters and other full stops undone."""
    if ":" in name:
        return name
    host = normalize("NFKC", unquote(name)).replace("。", ".").rstrip(".").lower()
    if re.search(r"[\s#%/:<>?@\\^|]", host):
        raise ValueError(f"no host has the name {host!r}")
    return host


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host stands for, also in the forms that hide one: `0x7f.1`, `3232235521`."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # The C library reads numbers as browsers do; it resolves nothing.
        return IPv4Address(socket.inet_aton(host)) if re.fullmatch(r"[0-9a-fx.]+", host) else None
    except OSError:
        return None


def _unicode(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host
