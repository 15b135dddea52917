"""The compiled catalogue: one read-only SQLite file with every definition."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent_platform.agents.definition import AgentDefinition, ModelTier
from agent_platform.errors import AgentNotFound, ConfigurationError, DefinitionError, DefinitionFault

FORMAT = 3
"""Stored as SQLite's `user_version`; a reader refuses a file of another format."""


class AgentCard(BaseModel):
    """What a list shows of an agent."""

    model_config = ConfigDict(frozen=True)

    id: str
    group: str
    name: str
    version: str
    summary: str
    tags: list[str]
    model: ModelTier


class Group(BaseModel):
    """A domain whose agents share one Lambda function; `agents` is their number."""

    id: str
    name: str
    summary: str
    agents: int


class Tag(BaseModel):
    """A tag and how many agents carry it."""

    id: str
    agents: int


class Catalogue:
    """Read access to a compiled catalogue file.

    Raises:
        ConfigurationError: the file is missing or of another format.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigurationError(f"There is no compiled catalogue at {path}. Build it with `make catalogue`.")
        self.path = path
        self._lock = Lock()
        # `immutable`: the layer is read-only, so SQLite needs no lock and no journal.
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        try:
            found = self._rows("PRAGMA user_version")[0][0]
        except sqlite3.DatabaseError:
            found = None
        if found != FORMAT:
            self.close()
            raise ConfigurationError(
                f"{path} has catalogue format {found}, not {FORMAT}. Rebuild it: `make catalogue`."
            )

    def close(self) -> None:
        """Give the file back; a function keeps it open as long as it lives."""
        self._db.close()

    def get(self, agent_id: str) -> AgentDefinition:
        """The definition of one agent.

        Raises:
            AgentNotFound: the catalogue has no such id.
            DefinitionError: this entry of the file is damaged; the other agents still work.
        """
        rows = self._rows("SELECT definition FROM agents WHERE id = ?", (agent_id,))
        if not rows:
            raise AgentNotFound(f"There is no agent `{agent_id}`. GET /api/v1/agents lists those there are.")
        try:
            return AgentDefinition.trusted(rows[0][0])
        except ValidationError as error:
            fault = DefinitionFault(agent_id, 0, "", f"its compiled entry is damaged ({error.error_count()} faults)")
            raise DefinitionError([fault]) from None

    def cases(self, agent_id: str) -> str | None:
        """The further cases of an agent as JSON (`cases.CaseFile`); None where it has none."""
        rows = self._rows("SELECT document FROM cases WHERE agent_id = ?", (agent_id,))
        return rows[0][0] if rows else None

    def groups(self) -> list[Group]:
        """Every group by name, with the number of its agents."""
        rows = self._rows(
            "SELECT g.id, g.name, g.summary, count(a.id) FROM groups g LEFT JOIN agents a ON a.group_id = g.id "
            "GROUP BY g.id ORDER BY g.name"
        )
        return [Group(id=i, name=name, summary=summary, agents=agents) for i, name, summary, agents in rows]

    def tags(self) -> list[Tag]:
        """Every tag in use, the most used first."""
        rows = self._rows("SELECT tag, count(*) FROM agent_tags GROUP BY tag ORDER BY count(*) DESC, tag")
        return [Tag(id=tag, agents=agents) for tag, agents in rows]

    def ids(self, group: str | None = None) -> list[str]:
        """Every agent id, or those of one group, sorted."""
        rows = self._rows("SELECT id FROM agents WHERE ?1 IS NULL OR group_id = ?1 ORDER BY id", (group,))
        return [row[0] for row in rows]

    def cards(self) -> list[AgentCard]:
        """Every agent's card by id."""
        return [_card(row) for row in self._rows(f"SELECT {_CARD} FROM agents a ORDER BY a.id")]

    def cards_at(self, rows: Sequence[int]) -> list[AgentCard]:
        """The cards of the agents with these row numbers (the first agent by id has 1), in their order."""
        marks = ", ".join("?" for _ in rows)
        found = self._rows(f"SELECT rowid, {_CARD} FROM agents a WHERE rowid IN ({marks})", rows)
        cards = {row: _card(rest) for row, *rest in found}
        return [cards[row] for row in rows]

    def definitions(self) -> Iterator[AgentDefinition]:
        """Every agent by id, one after another."""
        return map(self.get, self.ids())

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query, one query at a time: threads on one connection would take each other's rows."""
        with self._lock:
            return self._db.execute(query, values).fetchall()


_CARD = "a.id, a.group_id, a.name, a.version, a.summary, a.tags, a.model"


def _card(row: Sequence[Any]) -> AgentCard:
    agent_id, group, name, version, summary, tags, model, *_ = row
    return AgentCard(
        id=agent_id, group=group, name=name, version=version, summary=summary, tags=json.loads(tags), model=model
    )
