"""Finds e-mail addresses."""

import re
from collections.abc import Iterator

from agent_platform.agents.guardrails.finding import Span

LOCAL_LENGTH = 64
"""Characters before the `@` at most (RFC 5321, 4.5.3.1.1)."""

_LOCAL = re.compile(r"[\w.+%'-]+")
_DOMAIN = re.compile(r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w@])")
_IMAGE_SCALE = re.compile(r"@[0-9]x\.")
_URL_LOOKBACK = 200
_END_OF_USER = re.compile(r"[\s/@]")


def emails(text: str) -> Iterator[Span]:
    """Addresses around each `@`, but no user in front of a URL's host, no `icon@2x.png`, no `git@host:path`."""
    done, at = 0, text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        name = _local(text[max(done, at - LOCAL_LENGTH) : at]) if domain else ""
        if domain and name and not _IMAGE_SCALE.match(text, at):
            start, end = at - len(name), domain.end()
            repository = name == "git" and text[end : end + 1] == ":"
            if not repository and not _is_user_of_url(text, start):
                yield start, end
                done = end
        at = text.find("@", max(done, at + 1))


def _local(before: str) -> str:
    """What stands before an `@` of an address, "" if nothing does."""
    parts = _LOCAL.findall(before)
    return parts[-1].lstrip(".'-") if parts and before.endswith(parts[-1]) else ""


def _is_user_of_url(text: str, start: int) -> bool:
    scheme = text.rfind("://", max(0, start - _URL_LOOKBACK), start)
    return scheme > 0 and text[scheme - 1].isalpha() and not _END_OF_USER.search(text, scheme + 3, start)
