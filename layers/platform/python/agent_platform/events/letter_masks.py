"""Takes credentials out of what a dead letter shows; what is stored stays whole, since a redrive needs it."""

import json
import re
from typing import Any

MASK = "***"

_NAMES = frozenset(
    {
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "tasktoken",
        "password",
        "secret",
        "clientsecret",
        "apikey",
        "xapikey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "sessiontoken",
    }
)
_CREDENTIAL = re.compile(
    r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|\b(?:sk|whsec|gh[pousr]|xox[a-z])[-_][\w+/=-]{16,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
)
"""What authorizes by itself: bearer tokens, JWTs, and keys that say what they are by how they begin."""
_NAMED = re.compile(
    r"(?i)((?:authorization|cookie|task[_-]?token|password|secret|api[_-]?key|(?:access|refresh|id)[_-]?token)"
    r"\\*[\"']?\s*[:=]\s*\\*[\"']?)(?!\*\*\*)[^\s\"'\\,}]+"
)


def masked(value: Any) -> Any:
    """A JSON value with task tokens, passwords and what authorizes masked, also inside JSON text."""
    if isinstance(value, dict):
        return {key: MASK if _is_secret(key) and each is not None else masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """A text without credentials; JSON is masked by its names."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.dumps(masked(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            pass
    return _NAMED.sub(rf"\1{MASK}", _CREDENTIAL.sub(MASK, text))


def _is_secret(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()) in _NAMES
