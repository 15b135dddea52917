"""Search of the catalogue by words, group, tag and model tier, page by page, with counts for each further choice."""

from dataclasses import dataclass
from pathlib import Path

from agent_platform.agents.catalogue import AgentCard, Catalogue
from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import InvalidCursor
from agent_platform.finding.text_index import TextIndex

MAX_OFFSET = 10_000
"""A page begins no deeper: nobody reads so far, and every agent before it is ranked once more."""


@dataclass(frozen=True, slots=True)
class CardPage:
    """One page of a list; `total` counts all agents that match, `facets` how many have which group, tag and tier."""

    items: list[AgentCard]
    next_cursor: str | None
    total: int
    facets: dict[str, dict[str, int]]


class AgentSearch:
    """Search over a compiled catalogue and the index beside it.

    Raises:
        ConfigurationError: there is no index at `folder`.
    """

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self._catalogue = catalogue
        self._index = TextIndex(folder / "text")

    def search(
        self,
        q: str = "",
        group: str | None = None,
        tag: str | None = None,
        model: str | None = None,
        *,
        limit: int = 24,
        cursor: str | None = None,
    ) -> CardPage:
        """Agents that match every word of `q` (or, if none does, any word), best first; all by id when `q` is empty.

        Raises:
            InvalidCursor: `cursor` belongs to another query.
        """
        words = self._index.words(q)
        filters = {"group": group, "tag": tag, "model": model}
        offset = self._offset(cursor, words, filters)
        if q.strip() and not words:  # signs alone ask for nothing that an agent could have
            return CardPage([], None, 0, {name: {} for name in filters})
        hits = self._index.search(words, filters, limit=limit, offset=offset)
        following = offset + len(hits.rows)
        more = following < min(hits.total, MAX_OFFSET)
        return CardPage(
            self._catalogue.cards_at(hits.rows),
            encode_cursor([following], q=words, **filters) if more else None,
            hits.total,
            self._index.facets(words, filters),
        )

    @staticmethod
    def _offset(cursor: str | None, words: list[str], filters: dict[str, str | None]) -> int:
        if not cursor:
            return 0
        (offset,) = decode_cursor(cursor, (int,), q=words, **filters)
        if not 0 < offset <= MAX_OFFSET:
            raise InvalidCursor("This cursor lies outside of the list. Begin without `cursor`.")
        return int(offset)
