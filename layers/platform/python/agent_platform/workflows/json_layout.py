"""JSON as people read it: indented, with what is short on one line."""

import json
from typing import Any

WIDTH = 120
"""Characters of a line that holds a whole value."""


def laid_out(value: Any) -> str:
    """The value as text that ends with a newline. Objects and lists that fit into a line stand on one."""
    return _laid_out(value, "", 0) + "\n"


def _laid_out(value: Any, indent: str, taken: int) -> str:
    short = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (len(indent) + taken + len(short) <= WIDTH and _flat(value)):
        return short
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = []
        for name, inner in value.items():
            start = f"{json.dumps(name, ensure_ascii=False)}: "
            lines.append(f"{deeper}{start}{_laid_out(inner, deeper, len(start) + 1)}")
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{deeper}{_laid_out(inner, deeper, 1)}" for inner in value) + f"\n{indent}]"


def _flat(value: Any) -> bool:
    """Whether it has at most two levels: deeper ones are no easier to read on a line."""
    inner = value.values() if isinstance(value, dict) else value
    return all(not isinstance(each, dict | list) or _plain(each) for each in inner)


def _plain(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    return not any(isinstance(each, dict | list) and each for each in inner)
