"""What stands between the marks that tell data from instructions, as a model reads it."""

import re

MARK = re.compile(r"<([a-z_]+)(?: [a-z]+=\"[^\"]*\")*>\n(.*)\n</\1>", re.DOTALL)


def unmarked(text: str) -> str:
    """The data of one mark that is the whole text."""
    found = MARK.fullmatch(text)
    assert found, f"not marked as data: {text!r}"
    assert "<" not in found[2], "data that could be a mark"
    return found[2]
