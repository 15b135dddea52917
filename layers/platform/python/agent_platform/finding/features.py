"""What is known of each agent about an ask, as numbers: the input of the learned second stage of routing."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent_platform.finding.passage_index import KINDS, PassageIndex
from agent_platform.finding.sentences import Vectors
from agent_platform.finding.text_index import CARD, DETAIL, Hits, TextIndex

NAMES = (
    "card_words",
    "detail_words",
    "passage_words",
    "second_passage_words",
    "card_meaning",
    "ask_meaning",
    "second_ask_meaning",
    "coverage",
    "passage_coverage",
    "against_meaning",
    "against_words",
)
"""Each column. Words: BM25 as a share of the best agent's; meaning: scalar product of sentence vectors; coverage: the
share of the ask that the agent, or one of its passages, has the words of."""

_LEXICAL_DEPTH = 200
_SEMANTIC_DEPTH = 100
_CARD, _ASK, _AGAINST = (KINDS.index(kind) for kind in ("card", "ask", "against"))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Agents that an ask may mean, by row, with a line of features and the passage that speaks most for each."""

    rows: npt.NDArray[np.int32]
    features: Vectors
    nearest: npt.NDArray[np.int64]


def candidates(
    ask: str, vector: Vectors, text: TextIndex, passages: PassageIndex, leave_out: Collection[int] = ()
) -> Candidates:
    """First stage: agents by words and by meaning, with their features.

    Args:
        leave_out: passages that must not help: when routing is measured, those that are the ask itself.
    """
    kept = np.ones(len(passages.rows), bool)
    kept[list(leave_out)] = False
    agents = int(passages.rows.max(initial=0)) + 1

    card_words, detail_words = (
        _scattered(text.ranked(ask, _LEXICAL_DEPTH, fields), agents) for fields in (CARD, DETAIL)
    )

    numbers, scores = passages.lexical(ask, _LEXICAL_DEPTH)
    usable = kept[numbers]
    numbers, scores = numbers[usable], scores[usable]
    speaks_for = passages.kinds[numbers] != _AGAINST
    first_words, second_words = _best_two(passages.rows[numbers[speaks_for]], scores[speaks_for], agents)
    against_words, _ = _best_two(passages.rows[numbers[~speaks_for]], scores[~speaks_for], agents)

    likeness = np.where(kept, passages.likeness(vector), np.float32(-1))
    card, _ = _best_two(passages.rows, np.where(passages.kinds == _CARD, likeness, 0), agents)
    asked, second_ask = _best_two(passages.rows, np.where(passages.kinds == _ASK, likeness, 0), agents)
    against, _ = _best_two(passages.rows, np.where(passages.kinds == _AGAINST, likeness, 0), agents)

    meaning = np.maximum(card, asked)
    likely = np.argsort(-meaning)[:_SEMANTIC_DEPTH]
    found = np.union1d(np.nonzero((card_words > 0) | (detail_words > 0) | (first_words > 0))[0], likely)
    found = found[found > 0]
    best_words = max(float(first_words.max(initial=0)), 1e-6)
    columns = (
        card_words / max(float(card_words.max(initial=0)), 1e-6),
        detail_words / max(float(detail_words.max(initial=0)), 1e-6),
        first_words / best_words,
        second_words / best_words,
        card,
        asked,
        second_ask,
        *passages.coverage.of(passages.stems(ask), passages.rows, kept & (passages.kinds != _AGAINST), agents),
        np.maximum(against - meaning, 0),
        np.maximum(against_words - first_words, 0) / best_words,
    )
    features = np.stack([column[found] for column in columns], axis=1).astype(np.float32)
    return Candidates(found.astype(np.int32), features, _nearest(found, passages, likeness))


def _scattered(hits: Hits, agents: int) -> Vectors:
    spread = np.zeros(agents, np.float32)
    spread[hits.rows] = hits.scores
    return spread


def _best_two(rows: npt.NDArray[np.integer], scores: Vectors, agents: int) -> tuple[Vectors, Vectors]:
    """The best and the second-best score of each agent, 0 where there is none."""
    first, second = np.zeros(agents, np.float32), np.zeros(agents, np.float32)
    order = np.argsort(-scores, kind="stable")
    sorted_rows, sorted_scores = rows[order], scores[order]
    _, places = np.unique(sorted_rows, return_index=True)
    first[sorted_rows[places]] = np.maximum(sorted_scores[places], 0)
    rest = np.ones(len(sorted_rows), bool)
    rest[places] = False
    rest_rows, rest_scores = sorted_rows[rest], sorted_scores[rest]
    _, places = np.unique(rest_rows, return_index=True)
    second[rest_rows[places]] = np.maximum(rest_scores[places], 0)
    return first, second


def _nearest(found: npt.NDArray[np.integer], passages: PassageIndex, likeness: Vectors) -> npt.NDArray[np.int64]:
    """For each agent found, the number of the passage for it that means most nearly what was asked."""
    speaking = np.nonzero(passages.kinds != _AGAINST)[0]
    order = speaking[np.argsort(-likeness[speaking], kind="stable")]
    rows, places = np.unique(passages.rows[order], return_index=True)
    by_row = dict(zip(rows.tolist(), order[places].tolist(), strict=True))
    return np.array([by_row.get(int(row), -1) for row in found], np.int64)
