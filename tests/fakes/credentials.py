"""Credentials that open nothing, of every kind that is looked for.

Each is put together when it is asked for, so that no file of the repository holds what a scanner would find.
"""

import base64
import secrets
import string
import uuid
from collections.abc import Callable

from agent_platform.identity.key_text import new_key

_WORD = string.ascii_letters + string.digits


def _some(characters: str, count: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(count))


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _private_key() -> str:
    body = "\n".join(_some(_WORD, 64) for _ in range(12))
    return f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{body}\n-----END RSA PRIVATE {'KEY'}-----"


CREDENTIALS: dict[str, Callable[[], str]] = {
    "a key of this platform": lambda: new_key(str(uuid.uuid4()))[0],
    "a webhook's secret": lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "a key for Claude": lambda: "sk-ant-api03-" + _some(_WORD, 93) + "AA",
    "an AWS access key": lambda: "AKIA" + _some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "a token of GitHub": lambda: "ghp_" + _some(_WORD, 36),
    "a token of Slack": lambda: f"xoxb-{_some(string.digits, 12)}-{_some(string.digits, 12)}-{_some(_WORD, 24)}",
    "a token (JWT)": lambda: (
        f"{_base64url('{"alg":"HS256","typ":"JWT"}')}.{_base64url('{"sub":"nobody","exp":1}')}.{_some(_WORD, 43)}"
    ),
    "a private key": _private_key,
    "a password in an address": lambda: f"postgresql://reader:{_some(_WORD, 20)}@database.example.com:5432/platform",
}


def credential(kind: str) -> str:
    """A new credential of a kind."""
    return CREDENTIALS[kind]()
