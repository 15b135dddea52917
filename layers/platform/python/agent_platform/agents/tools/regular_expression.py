"""Regular-expression search with limits on time and memory."""

import re
from typing import Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import RESULT_CHARACTERS, ToolFailed, tool

SECONDS = 1.0
"""A pattern that backtracks longer than this is refused (catastrophic backtracking, CWE-1333)."""

MAX_PARTS = 200_000
"""The engine writes repeats out while it compiles, which no time limit stops: `((a{100}){100}){100}` takes seconds
and hundreds of megabytes. A pattern that would become more parts than this is refused."""

SHOWN = 100
"""Matches that are returned; all are counted."""


@tool(effect="reads")
def regular_expression(
    pattern: Annotated[str, Field(min_length=1, max_length=1000, description="Python syntax, e.g. (?P<year>[0-9]{4})")],
    text: Annotated[str, Field(max_length=100_000, description="Where to look")],
    ignore_case: Annotated[bool, Field(description="Upper and lower case count as the same")] = False,
    multiline: Annotated[bool, Field(description="^ and $ match at every line, not only at the ends")] = False,
) -> dict[str, object]:
    """Find every match of a regular expression (Python syntax) in a text.

    Returns the number of matches and, for the first 100, the matched text, its start and end, and its groups.
    """
    import regex  # 60 ms at a cold start, and few executions need it

    if _CALL.search(pattern):
        raise ToolFailed("A pattern cannot call itself or its groups, as in (?R) or (?1): Python's syntax does not.")
    if _parts(pattern) > MAX_PARTS:
        raise ToolFailed("The repeat counts of the pattern multiply to too many parts; use smaller ones.")
    flags = (regex.IGNORECASE if ignore_case else 0) | (regex.MULTILINE if multiline else 0)
    count, shown, matches = 0, 0, list[dict[str, object]]()
    try:
        for each in regex.finditer(pattern, text, flags=flags, timeout=SECONDS):
            count += 1
            if count > SHOWN or shown > RESULT_CHARACTERS:
                continue
            groups = each.groups()
            shown += len(each.group()) + sum(len(group or "") for group in groups)
            matches.append(
                {
                    "match": each.group(),
                    "start": each.start(),
                    "end": each.end(),
                    "groups": [*groups],
                    "named": each.groupdict(),
                }
            )
    except regex.error as error:
        raise ToolFailed(f"The pattern is not valid: {error}.") from None
    except TimeoutError:
        raise ToolFailed(
            f"The pattern took longer than {SECONDS:g} s; avoid nested repetition such as (a+)+."
        ) from None
    except (RecursionError, MemoryError):
        raise ToolFailed("The pattern is nested too deeply.") from None
    return {"count": count, "matches": matches}


_CALL = re.compile(r"\(\?(?:R|\d|&|P>)")
"""Recursion, which the engine knows beyond Python's syntax: it takes memory faster than the time limit is looked at."""

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\()|(?P<close>\))"
    r"|\{(?:\d*,)?(?P<most>\d+)\}|\{(?P<least>\d+),\}|(?P<plus>\+)|.",
    re.DOTALL,
)


def _parts(pattern: str) -> int:
    """About how many parts the compiled pattern has: `{n}` writes what it repeats out n times, `+` twice."""
    sums, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if repeats := token["most"] or token["least"] or token["plus"]:
            times = 2 if repeats == "+" else max(1, int(repeats))
            sums[-1] += last * (times - 1)
            last *= times
        elif token["open"]:
            sums.append(1)
        elif token["close"] and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            last = 1
            sums[-1] += 1
    return sum(sums)
