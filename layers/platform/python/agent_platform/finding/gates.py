"""The gates of the catalogue that words decide: is an agent found again by its instructions, and reached by its asks.

The figures that are asked for stand in the catalogue's specification (docs/catalogue.md).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.loader import Progress
from agent_platform.finding.asked import Asked, asked_of
from agent_platform.finding.passage_index import PassageIndex
from agent_platform.finding.routing import Router
from agent_platform.finding.text_index import DETAIL, WEIGHTS, TextIndex

FOUND_FIRST, FOUND_IN_FIVE = 0.95, 0.995
"""Gate 2: shares of the agents that their instructions, as the query, return first, and among the first five."""

ROUTED_FIRST, ROUTED_IN_FIVE, NEAR_MISS_RIGHT = 0.85, 0.97, 0.80
"""Gate 3: shares of the asks that reach their agent first, and among the first five; of the near misses that reach the
agent that they name before the one they stand in."""

_DEEP = 300
_CARD_FIELDS = tuple(name for name in WEIGHTS if name not in DETAIL)


@dataclass(frozen=True, slots=True)
class Found:
    """Where an agent comes when its instructions are the query: by all fields, and by those of its card alone.

    `next_id` is the best other agent, and `nearness` its score as a share of the agent's own (above 1: before it).
    """

    id: str
    place: int
    place_by_card: int
    next_id: str
    nearness: float


@dataclass(frozen=True, slots=True)
class Routed:
    """Where the agent of an ask comes. For a near miss, `before_its_owner` says whether it comes before the agent in
    whose definition the ask stands as a near miss; None for an agent's own ask.
    """

    id: str
    ask: str
    place: int
    first_id: str
    before_its_owner: bool | None
    fits: bool


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of `total`, and which shares came `first` and among the first `five`."""

    total: int
    first: float
    five: float


def found_again(
    catalogue: Catalogue, folder: Path, progress: Progress | None = None, only: Collection[str] = ()
) -> list[Found]:
    """Gate 2, for each agent by id, or for `only` these."""
    index, ids = TextIndex(folder / "text"), catalogue.ids()
    found = []
    for row, agent_id in enumerate(ids, start=1):
        if only and agent_id not in only:
            continue
        definition = catalogue.get(agent_id)
        hits = index.ranked(definition.instructions, _DEEP)
        by_card = index.ranked(definition.instructions, _DEEP, _CARD_FIELDS)
        scores = dict(zip(hits.rows, hits.scores, strict=True))
        other = next((each for each in hits.rows if each != row), row)
        nearness = scores.get(other, 0.0) / scores[row] if scores.get(row) else float("inf")
        found.append(Found(definition.id, _place(row, hits.rows), _place(row, by_card.rows), ids[other - 1], nearness))
        if progress:
            progress(row, len(ids))
    return found


def routed(
    catalogue: Catalogue, folder: Path, progress: Progress | None = None, only: Collection[str] = ()
) -> list[Routed]:
    """Gate 3, for each ask and near miss (that `only` these agents wrote); the one under test is left out of what the
    agents are known by."""
    router, known, ids = Router(catalogue, folder), PassageIndex(folder / "passages"), catalogue.ids()
    asked = [
        each
        for each in asked_of(list(catalogue.definitions()))
        if not only or ids[(each.instead_of or each.row) - 1] in only
    ]
    results = []
    for done, each in enumerate(asked, start=1):
        results.append(_routed(each, router, known, ids))
        if progress:
            progress(done, len(asked))
    return results


def _routed(asked: Asked, router: Router, known: PassageIndex, ids: Sequence[str]) -> Routed:
    ranking = router.rank(asked.text, known.vector(asked.same[0]), asked.same, _DEEP)
    place = _place(asked.row, ranking.rows)
    before = place < _place(asked.instead_of, ranking.rows) if asked.instead_of else None
    first = ids[ranking.rows[0] - 1] if ranking.rows else ""
    fits = bool(ranking.rows) and ranking.certainties[0] >= router.floor
    return Routed(ids[asked.row - 1], asked.text, place, first, before, fits)


def shares(places: Iterable[int]) -> Shares:
    """Shares of places (1 is first)."""
    known = list(places)
    total = max(1, len(known))
    return Shares(len(known), sum(each == 1 for each in known) / total, sum(each <= 5 for each in known) / total)


def _place(row: int, rows: Sequence[int]) -> int:
    return rows.index(row) + 1 if row in rows else _DEEP + 1
