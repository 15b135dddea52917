"""What rego-cpp takes in silence and OPA 1 does not: Rego of version 0, and what this platform has no use for.

Source: openpolicyagent.org, "Upgrading to v1.0": `if` before a rule's body, `contains` before a partial set's value.
"""

import re
from collections.abc import Iterator

_IMPORT = re.compile(r"^import rego\.v1$", re.MULTILINE)
_HEAD = re.compile(r"^(?:default\s+)?[a-z_]\w*")
_STATEMENT = ("package ", "import ", "default ", "#")
_FORBIDDEN = ("http.send", "net.", "opa.runtime", "rand.", "time.now_ns", "print(", "trace(")
"""Not there, or not the same each time: a decision depends on its question alone."""


def lint(name: str, source: str) -> Iterator[str]:
    """Every fault of a Rego file, as `file:line: what to do`."""
    if not _IMPORT.search(source):
        yield f"{name}:1: write `import rego.v1` below the package"
    for number, line in enumerate(source.splitlines(), start=1):
        code = _code(line)
        for call in _FORBIDDEN:
            if call in code:
                yield f"{name}:{number}: `{call.rstrip('(')}` is not for policies"
        if line.startswith(_STATEMENT) or not _HEAD.match(line):
            continue
        if _is_old(code):
            yield f"{name}:{number}: version 0 of Rego: write `if` before a body, `contains` before the value of a set"


def _is_old(head: str) -> bool:
    """Whether the first line of a rule has a body without `if`, or a value in brackets without `contains`."""
    opens_body = head.rstrip().endswith("{") or re.search(r"\{.*\}\s*$", head)
    body = bool(opens_body) and not re.search(r"\bif\b|:=\s*[\[{]|:=.*\{\s*\w+(\s*,\s*\w+)?\s*\|", head)
    partial = re.match(r"^[a-z_]\w*\[[^\]]+\]\s*(\{|$)", head)
    return body or bool(partial)


def _code(line: str) -> str:
    """A line without its comment; a `#` within a string stays."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|#.*', lambda found: found.group(1) or "", line)
