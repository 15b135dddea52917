"""The compiled catalogue: one read-only SQLite file with every definition and a full-text index (FTS5)."""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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
        # `immutable`: the layer is read-only, so SQLite needs no lock and no journal.
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            raise ConfigurationError(
                f"{path} has catalogue format {found}, not {FORMAT}. Rebuild it: `make catalogue`."
            )

    def get(self, agent_id: str) -> AgentDefinition:
        """The definition of one agent.

        Raises:
            AgentNotFound: the catalogue has no such id.
            DefinitionError: this entry of the file is damaged; the other agents still work.
        """
        row = self._db.execute("SELECT definition FROM agents WHERE id = ?", (agent_id,)).fetchone()
        if row is None:
            raise AgentNotFound(f"There is no agent `{agent_id}`. GET /api/v1/agents lists those there are.")
        try:
            return AgentDefinition.trusted(row[0])
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
        if words:
            for joiner in (" ", " OR "):
                page = self._page(joiner.join(f'"{word}"*' for word in words), query, limit, cursor)
                if page.total:
                    break
            return page
        return self._page(None, query, limit, cursor)

    def groups(self) -> list[Group]:
        """Every group by name, with the number of its agents."""
        rows = self._db.execute(
            "SELECT g.id, g.name, g.summary, count(a.id) FROM groups g LEFT JOIN agents a ON a.group_id = g.id "
            "GROUP BY g.id ORDER BY g.name"
        )
        return [Group(id=i, name=name, summary=summary, agents=agents) for i, name, summary, agents in rows]

    def tags(self) -> list[Tag]:
        """Every tag in use, the most used first."""
        rows = self._db.execute("SELECT tag, count(*) FROM agent_tags GROUP BY tag ORDER BY count(*) DESC, tag")
        return [Tag(id=tag, agents=agents) for tag, agents in rows]

    def ids(self, group: str | None = None) -> list[str]:
        """Every agent id, or those of one group, sorted."""
        rows = self._db.execute("SELECT id FROM agents WHERE ?1 IS NULL OR group_id = ?1 ORDER BY id", (group,))
        return [row[0] for row in rows]

    def cards(self) -> list[AgentCard]:
        """Every agent's card by id."""
        return [_card(row) for row in self._db.execute(f"SELECT {_CARD} FROM agents a ORDER BY a.id")]

    def _page(self, match: str | None, query: dict[str, Any], limit: int, cursor: str | None) -> CardPage:
        after = decode_cursor(cursor, (float, str), **query) if cursor else None
        source, where, values = "agents a", ["1"], list[Any]()
        rank = "0.0"
        if match is not None:
            weights = ", ".join(str(weight) for weight in COLUMN_WEIGHTS.values())
            matches = f"SELECT rowid, bm25(agents_text, {weights}) AS rank FROM agents_text WHERE agents_text MATCH ?"
            source += f" JOIN ({matches}) m ON m.rowid = a.rowid"
            values.append(match)
            rank = "m.rank"
        if query["group"]:
            where.append("a.group_id = ?")
            values.append(query["group"])
        if query["tag"]:
            where.append("EXISTS (SELECT 1 FROM agent_tags t WHERE t.agent_id = a.id AND t.tag = ?)")
            values.append(query["tag"])
        matching = f"FROM {source} WHERE {' AND '.join(where)}"
        total = self._db.execute(f"SELECT count(*) {matching}", values).fetchone()[0]
        if after:
            matching += f" AND ({rank}, a.id) > (?, ?)"
            values.extend(after)
        rows: Sequence[tuple[Any, ...]] = self._db.execute(
            f"SELECT {_CARD}, {rank} {matching} ORDER BY {rank}, a.id LIMIT ?", [*values, limit + 1]
        ).fetchall()
        following = (
            encode_cursor([float(rows[limit - 1][-1]), rows[limit - 1][0]], **query) if len(rows) > limit else None
        )
        return CardPage([_card(row) for row in rows[:limit]], following, total)


_CARD = "a.id, a.group_id, a.name, a.version, a.summary, a.tags, a.model"


def _card(row: Sequence[Any]) -> AgentCard:
    agent_id, group, name, version, summary, tags, model, *_ = row
    return AgentCard(
        id=agent_id, group=group, name=name, version=version, summary=summary, tags=json.loads(tags), model=model
    )
