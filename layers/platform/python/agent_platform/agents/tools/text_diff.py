"""What changed between two texts."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from difflib import SequenceMatcher

MATCHES = 1_000_000
"""Pairs of equal parts that may be looked at. difflib looks at all of them each time it finds a common stretch, so its
time grows with this number (the parts that stand in both texts, times how often), not with the length alone."""

CHANGES = 200

Unit = Literal["line", "word"]


@tool(effect="reads")
def text_diff(
    before: Annotated[str, Field(max_length=50_000, description="The older text")],
    after: Annotated[str, Field(max_length=50_000, description="The newer text")],
    unit: Annotated[Unit, Field(description="line: a unified diff; word: a list of changes, for prose")] = "line",
    context: Annotated[int, Field(ge=0, le=20, description="Unchanged lines around a change")] = 3,
) -> dict[str, object]:
    """Compare two texts by lines or by words; count what was added, removed and kept, and show every change.

    `similarity` is 2 * kept / (parts of both), 1 for equal texts. White space counts by line and not by word.
    """
    from difflib import SequenceMatcher

    old, new = (_parts(text, unit) for text in (before, after))
    _bound(old, new)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    kept = sum(block.size for block in matcher.get_matching_blocks())
    answer: dict[str, object] = {
        "unit": unit,
        "before": len(old),
        "after": len(new),
        "kept": kept,
        "removed": len(old) - kept,
        "added": len(new) - kept,
        "similarity": round(2 * kept / (len(old) + len(new)), 4) if old or new else 1.0,
    }
    if unit == "line":
        return answer | {"diff": "\n".join(_unified(matcher, old, new, context))}
    shown = [
        {"at_word": start + 1, "removed": " ".join(old[start:end]), "added": " ".join(new[begin:stop])}
        for _, start, end, begin, stop in changes[:CHANGES]
    ]
    return answer | {"changes": shown, "more_changes": max(0, len(changes) - CHANGES)}


def _parts(text: str, unit: Unit) -> list[str]:
    return text.splitlines() if unit == "line" else text.split()


def _bound(old: list[str], new: list[str]) -> None:
    from collections import Counter

    counted = Counter(new)
    if sum(counted[part] for part in old) > MATCHES:
        raise ToolFailed("The texts repeat the same parts too often to be compared whole; compare them in sections.")


def _unified(matcher: "SequenceMatcher[str]", old: list[str], new: list[str], context: int) -> list[str]:
    """The format of `diff -u`, from a comparison that is made already."""
    lines = ["--- before", "+++ after"]
    for group in matcher.get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for kind, start, end, begin, stop in group:
            if kind == "equal":
                lines += [f" {line}" for line in old[start:end]]
            else:
                lines += [f"-{line}" for line in old[start:end]]
                lines += [f"+{line}" for line in new[begin:stop]]
    return lines if len(lines) > 2 else []


def _range(start: int, stop: int) -> str:
    """Lines count from one; an empty range names the line before it (POSIX diff)."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
