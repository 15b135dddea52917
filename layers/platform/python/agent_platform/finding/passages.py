"""The short texts that say for what an agent is there, and for what it is not: what an ask is compared with.

What an author wrote as a near miss of one agent is an ask of the agent that it names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from agent_platform.agents.definition import AgentDefinition

Kind = Literal["card", "ask", "against"]


@dataclass(frozen=True, slots=True)
class Passage:
    """One text for (`card`, `ask`) or against an agent, by the agent's row: its place in the order of ids, from 1."""

    row: int
    kind: Kind
    text: str


def passages(definitions: Iterable[AgentDefinition]) -> list[Passage]:
    """Every passage of agents that come in the order of their ids."""
    known = list(definitions)
    rows = {definition.id: row for row, definition in enumerate(known, start=1)}
    return [passage for definition in known for passage in _of(definition, rows)]


def _of(definition: AgentDefinition, rows: dict[str, int]) -> Iterator[Passage]:
    row = rows[definition.id]
    yield Passage(row, "card", f"{definition.name}: {definition.summary}")
    yield Passage(row, "card", definition.use_when)
    for ask in definition.asks:
        yield Passage(row, "ask", ask)
    elsewhere = [(each.ask, each.belongs_to) for each in definition.near_misses]
    elsewhere += [(each.ask, each.instead) for each in definition.not_when]
    for text, other in elsewhere:
        yield Passage(row, "against", text)
        if other in rows:
            yield Passage(rows[other], "ask", text)
