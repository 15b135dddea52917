"""The compiled catalogue: one read-only SQLite file with every definition and a full-text index (FTS5)."""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent_platform.agents.definition import AgentDefinition, ModelTier
from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import AgentNotFound, ConfigurationError, DefinitionError, DefinitionFault

FORMAT = 1
"""Stored as SQLite's `user_version`; a reader refuses a file of another format."""

# BM25 weight of each indexed column: what an agent is called and asked for says more than how it works.
COLUMN_WEIGHTS = {"name": 8.0, "summary": 4.0, "asks": 4.0, "use_when": 3.0, "tags": 3.0, "instructions": 1.0}


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


@dataclass(frozen=True, slots=True)
class CardPage:
    """One page of a list; `total` counts all agents that match."""

    items: list[AgentCard]
    next_cursor: str | None
    total: int


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

    def search(
        self,
        q: str = "",
        group: str | None = None,
        tag: str | None = None,
        *,
        limit: int = 24,
        cursor: str | None = None,
    ) -> CardPage:
        """Agents that match every word of `q` (or, if none does, any word), best first; all by id when `q` is empty.

        Raises:
            InvalidCursor: `cursor` belongs to another query.
        """
        words = re.findall(r"\w+", q.lower())[:16]
        query = {"q": words, "group": group, "tag": tag}
        if not words:
            return self._page(None, query, limit, cursor)
        page = self._page(" ".join(map(_prefix, words)), query, limit, cursor)
        return page if page.total else self._page(" OR ".join(map(_prefix, self._telling(words))), query, limit, cursor)

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

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query, one query at a time: threads on one connection would take each other's rows."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def _telling(self, words: list[str]) -> list[str]:
        """The words that stand in half of the agents or fewer, all if none does. BM25 gives the others no weight, and
        to rank every agent for a "the" would cost more than the rest of the search."""
        half = self._rows("SELECT count(*) / 2 FROM agents")[0][0]
        found = "SELECT count(*) FROM agents_text WHERE agents_text MATCH ?"
        return [word for word in words if self._rows(found, (_prefix(word),))[0][0] <= half] or words

    def _page(self, match: str | None, query: dict[str, Any], limit: int, cursor: str | None) -> CardPage:
        after = decode_cursor(cursor, (float, str), **query) if cursor else None
        in_group = "SELECT rowid FROM agents WHERE group_id = ?"
        tagged = "SELECT a.rowid FROM agent_tags t JOIN agents a ON a.id = t.agent_id WHERE t.tag = ?"
        if match is None:
            source, rank, order, where, values = "agents", "0.0", "place", ["1"], list[Any]()
            filters = {"group": "group_id = ?", "tag": f"rowid IN ({tagged})"}
        else:
            weights = ", ".join(str(weight) for weight in COLUMN_WEIGHTS.values())
            source, rank, order = "agents_text", f"bm25(agents_text, {weights})", "rank, place"
            where, values = ["agents_text MATCH ?"], [match]
            # With `+`, SQLite judges each match by the filter; without, it asks the text index once per filtered agent.
            filters = {"group": f"+rowid IN ({in_group})", "tag": f"+rowid IN ({tagged})"}
        for name, condition in filters.items():
            if query[name]:
                where.append(condition)
                values.append(query[name])
        matching = f"FROM {source} WHERE {' AND '.join(where)}"
        total = self._rows(f"SELECT count(*) {matching}", values)[0][0]
        # Rows lie in the order of their ids, so a row's number stands for its id; ranking needs no look at the agent.
        ranked = f"SELECT rowid AS place, {rank} AS rank {matching}"
        if after:
            # Its own place, or its predecessor's if a new catalogue lacks it.
            last = "SELECT rowid FROM agents WHERE id <= ? ORDER BY id DESC LIMIT 1"
            ranked = f"SELECT place, rank FROM ({ranked}) WHERE (rank, place) > (?, coalesce(({last}), 0))"
            values.extend(after)
        rows = self._rows(
            f"SELECT {_CARD}, rank FROM ({ranked} ORDER BY {order} LIMIT ?) JOIN agents a ON a.rowid = place "
            f"ORDER BY {order}",
            [*values, limit + 1],
        )
        following = (
            encode_cursor([float(rows[limit - 1][-1]), rows[limit - 1][0]], **query) if len(rows) > limit else None
        )
        return CardPage([_card(row) for row in rows[:limit]], following, total)


def _prefix(word: str) -> str:
    return f'"{word}"*'


_CARD = "a.id, a.group_id, a.name, a.version, a.summary, a.tags, a.model"


def _card(row: Sequence[Any]) -> AgentCard:
    agent_id, group, name, version, summary, tags, model, *_ = row
    return AgentCard(
        id=agent_id, group=group, name=name, version=version, summary=summary, tags=json.loads(tags), model=model
    )
