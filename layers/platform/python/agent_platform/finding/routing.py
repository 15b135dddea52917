"""Routing: which agents do what somebody asks for, how surely, and why; or that none does."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from agent_platform.agents.catalogue import AgentCard, Catalogue
from agent_platform.finding.features import NAMES, candidates
from agent_platform.finding.passage_index import PassageIndex
from agent_platform.finding.sentences import SentenceModel, Vectors
from agent_platform.finding.text_index import TextIndex


class Weights(BaseModel):
    """What was learned from the authored asks (`python -m agent_platform.finding.fit`), by name of the feature.

    `ranking` orders the candidates of one ask. `certainty` turns what is known of the first into a probability that it
    is the right one; below `floor` none fits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranking: dict[str, float]
    certainty: dict[str, float]
    floor: float

    @classmethod
    def shipped(cls) -> "Weights":
        """Those of the repository."""
        return cls.model_validate_json(files("agent_platform.finding").joinpath("weights.json").read_text())


@dataclass(frozen=True, slots=True)
class Match:
    """One agent for an ask: how sure it is that this agent is meant (0 to 1), and what speaks for it."""

    card: AgentCard
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """The agents for an ask, best first. `fits` says whether the first is sure enough to send anybody there."""

    fits: bool
    matches: list[Match]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows of agents, best first, with their scores, the certainty of each, and the passages nearest to the ask."""

    rows: list[int]
    scores: list[float]
    certainties: list[float]
    nearest: list[int]


class Router:
    """Routing over a compiled catalogue and what the build put beside it.

    Raises:
        ConfigurationError: a part of it is missing.
    """

    def __init__(self, catalogue: Catalogue, folder: Path, weights: Weights | None = None) -> None:
        self._catalogue = catalogue
        self._text = TextIndex(folder / "text")
        self._passages = PassageIndex(folder / "passages")
        self._model = SentenceModel(folder / "model")
        self._weights = weights or Weights.shipped()
        self._ranking = np.array([self._weights.ranking[name] for name in NAMES], np.float32)

    @property
    def floor(self) -> float:
        """The certainty that the first agent needs to fit: 0 to 1."""
        return self._weights.floor

    def route(self, ask: str, limit: int = 5) -> Route:
        """The agents that do what `ask` wants.

        Without one that is sure enough, `fits` is false; the matches then are only the nearest there are.
        """
        (vector,) = self._model.encode([ask])
        ranking = self.rank(ask, vector, limit=limit)
        cards = self._catalogue.cards_at(ranking.rows)
        matches = [
            Match(card, round(certainty, 4), self._reason(ask, card, passage))
            for card, certainty, passage in zip(cards, ranking.certainties, ranking.nearest, strict=True)
        ]
        return Route(bool(matches) and matches[0].score >= self._weights.floor, matches)

    def rank(self, ask: str, vector: Vectors, leave_out: Collection[int] = (), limit: int = 10) -> Ranking:
        """The agents for an ask whose vector is known; `leave_out` as in `candidates`."""
        found = candidates(ask, vector, self._text, self._passages, leave_out)
        if not len(found.rows):
            return Ranking([], [], [], [])
        scores = found.features @ self._ranking
        order = np.argsort(-scores, kind="stable")[: max(limit, 2)]
        certainties = certainty(scores[order], found.features[order], self._weights)
        kept = order[:limit]
        return Ranking(
            found.rows[kept].tolist(), scores[kept].tolist(), certainties[:limit], found.nearest[kept].tolist()
        )

    def _reason(self, ask: str, card: AgentCard, passage: int) -> str:
        nearest = self._passages.texts[passage] if passage >= 0 else card.summary
        shared = [stem for stem in self._text.stems(ask) if stem in set(self._text.stems(f"{nearest} {card.summary}"))]
        named = [word for word in self._text.words(ask) if set(self._text.stems(word)) & set(shared)]
        telling = [word for word in named if len(word) > 3][:5]
        words = f" It shares the words {_listed(telling)}." if telling else ""
        return f"Its nearest known task: “{nearest.rstrip()}”.{words}"


def certainty(scores: Vectors, features: Vectors, weights: Weights) -> list[float]:
    """How sure it is of each candidate, given in the order of their scores, that it is meant: 0 to 1.

    Of the first this is a logistic function of its lead and of how near it is in words and meaning; of the others that
    of the first, as far as their scores come near.
    """
    known = certainty_inputs(scores, features)
    first = 1 / (1 + np.exp(-sum(weights.certainty[name] * value for name, value in known.items())))
    lag = np.exp(np.minimum(scores - scores[0], 0))
    return [float(each) for each in first * lag]


def certainty_inputs(scores: Vectors, features: Vectors) -> dict[str, float]:
    """What the certainty of the first candidate is computed from."""
    lead = float(scores[0] - scores[1]) if len(scores) > 1 else 1.0
    meaning = features[0, [NAMES.index("card_meaning"), NAMES.index("ask_meaning")]]
    return {
        "constant": 1.0,
        "score": float(scores[0]),
        "lead": lead,
        "best_meaning": float(meaning.max()),
        "mean_meaning": float(meaning.mean()),
        "coverage": float(features[0, NAMES.index("coverage")]),
    }


def _listed(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def write_weights(weights: Weights, path: Path) -> None:
    """Write the weights where `shipped` finds them, with four digits."""
    rounded = json.loads(weights.model_dump_json(), parse_float=lambda text: round(float(text), 4))
    path.write_text(json.dumps(rounded, indent=2) + "\n")
