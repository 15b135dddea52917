"""Take a URL apart without opening it."""

from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def _public_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # parses the list (50 ms), and few executions need it

    return PublicSuffixList()


@tool
def url_parts(
    url: Annotated[str, Field(max_length=4000, description="Defanged forms such as hxxps and [.] are understood")],
) -> dict[str, object]:
    """Split a URL into its parts and name the registered domain by the Public Suffix List. Nothing is fetched.

    Tells what a reader may miss: the registered domain behind misleading labels, user information before an @,
    an internationalised name in Unicode, an IP address as host, an unusual port.
    """
    refanged = url.strip().replace("[.]", ".").replace("(.)", ".")
    if refanged.lower().startswith("hxxp"):
        refanged = "http" + refanged[4:]
    try:
        parts = urlsplit(refanged if "//" in refanged else f"//{refanged}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise ToolFailed(f"This is not a URL: {error}.") from None
    if not host:
        raise ToolFailed("This URL has no host.")
    address = _is_address(host)
    domain = None if address else _public_suffixes().privatesuffix(host)
    return {
        "scheme": parts.scheme or None,
        "host": host,
        "host_in_unicode": _unicode(host),
        "registered_domain": domain,
        "subdomain": host[: -len(domain) - 1] or None if domain and host != domain else None,
        "is_ip_address": address,
        "is_internationalised": any(label.startswith("xn--") for label in host.split(".")) or not host.isascii(),
        "user_information": parts.username,
        "port": port,
        "path": parts.path or "/",
        "query": [list(pair) for pair in parse_qsl(parts.query, keep_blank_values=True)[:50]],
        "fragment": parts.fragment or None,
    }


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unicode(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host
