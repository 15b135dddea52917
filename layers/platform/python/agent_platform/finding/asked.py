"""What routing is measured and fitted by: the asks that authors wrote, each with what must be left out to be fair."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import read_document
from agent_platform.finding.passages import passages

UNANSWERED = "unanswered.yaml"
"""In the folder of the definitions: asks that no agent does, in lists by what they are about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An ask that belongs to the agent at `row`; for a near miss, `instead_of` is the row of the agent that wrote it.

    `same` are the passages with this very text, which would give the answer away.
    """

    text: str
    row: int
    same: tuple[int, ...]
    instead_of: int = 0


def asked_of(definitions: Sequence[AgentDefinition]) -> list[Asked]:
    """The asks of agents that come in the order of their ids, and their near misses where those name agents here."""
    rows = {definition.id: row for row, definition in enumerate(definitions, start=1)}
    places = defaultdict[str, list[int]](list)
    for number, passage in enumerate(passages(definitions)):
        places[passage.text].append(number)
    found = [
        Asked(ask, rows[definition.id], tuple(places[ask])) for definition in definitions for ask in definition.asks
    ]
    found += [
        Asked(each.ask, rows[each.belongs_to], tuple(places[each.ask]), instead_of=rows[definition.id])
        for definition in definitions
        for each in definition.near_misses
        if each.belongs_to in rows
    ]
    return found


def unanswered(definitions: Path) -> list[str]:
    """The asks that no agent does.

    Raises:
        DefinitionError: the file is missing or is no mapping of lists.
    """
    by_topic = read_document(definitions / UNANSWERED, f"{definitions.name}/{UNANSWERED}")
    return [str(ask) for asks in by_topic.values() for ask in asks]
