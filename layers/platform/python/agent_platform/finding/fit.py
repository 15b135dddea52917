"""Learn the weights of routing from the authored asks: `python -m agent_platform.finding.fit`.

Each ask is asked with itself left out of what the agents are known by. The ranking is a softmax over the candidates of
an ask (Cao and others 2007, "Learning to rank", listwise with one right answer); the certainty is a logistic
regression on whether the first candidate is right, with asks among them that no agent does.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.loader import Progress
from agent_platform.agents.progress import progress_line
from agent_platform.finding.asked import Asked, asked_of, unanswered
from agent_platform.finding.features import NAMES, Candidates, candidates
from agent_platform.finding.passage_index import PassageIndex
from agent_platform.finding.routing import Weights, certainty_inputs, write_weights
from agent_platform.finding.sentences import SentenceModel
from agent_platform.finding.text_index import TextIndex

_ROUNDS = 400
_RATE = 0.5
_RIDGE = 1e-3
"""Pull towards 0, so that features which say the same share the weight."""

_HIGHEST = np.where([name.startswith("against_") for name in NAMES], -1.0, np.inf)
"""What an author says that an agent is not for counts against it, however few asks there are to learn that from."""

_CANDIDATES = 60
"""Of each ask, the candidates that a first guess puts first; those behind decide nothing."""

MISSED_AT_MOST = 0.03
"""The floor lets at most this share of the asks go that an agent does, and whose agent comes first."""


@dataclass(frozen=True, slots=True)
class Case:
    """One ask with its candidates; `right` is the place of its agent among them, -1 if it is not there."""

    found: Candidates
    right: int


def fit(cases: Sequence[Case], foreign: Sequence[Candidates]) -> Weights:
    """Weights for asks with one right agent each (`cases`), and asks that no agent does (`foreign`)."""
    ranking = _fit_ranking([case for case in cases if case.right >= 0])
    names, inputs, right = None, [], []
    for found, place in [*((case.found, case.right) for case in cases), *((each, -1) for each in foreign)]:
        scores = (found.features @ ranking).astype(np.float32)
        order = np.argsort(-scores, kind="stable")[:2]
        known = certainty_inputs(scores[order], found.features[order])
        names = list(known)
        inputs.append(list(known.values()))
        right.append(place == order[0])
    assert names  # noqa: S101 - there are cases
    weight = np.where(np.arange(len(right)) < len(cases), 1.0, len(cases) / max(1, len(foreign)) / 2)
    certain = _fit_logistic(np.array(inputs), np.array(right, float), weight)
    chance = 1 / (1 + np.exp(-np.array(inputs) @ certain))
    floor = float(np.quantile(chance[np.array(right, bool)], MISSED_AT_MOST))
    return Weights(
        ranking=dict(zip(NAMES, map(float, ranking), strict=True)),
        certainty=dict(zip(names, map(float, certain), strict=True)),
        floor=floor,
    )


def _fit_ranking(cases: Sequence[Case]) -> npt.NDArray[np.float64]:
    width = len(NAMES)
    features = np.zeros((len(cases), _CANDIDATES + 1, width))
    present = np.zeros((len(cases), _CANDIDATES + 1), bool)
    first_guess = np.ones(width) * ([1] * (width - 2) + [-1, -1])
    for row, case in enumerate(cases):
        order = np.argsort(-(case.found.features @ first_guess))[:_CANDIDATES]
        chosen = [case.right, *(int(each) for each in order if each != case.right)][: _CANDIDATES + 1]
        features[row, : len(chosen)] = case.found.features[chosen]
        present[row, : len(chosen)] = True
    weights, momentum = first_guess.astype(float), np.zeros(width)
    for _ in range(_ROUNDS):
        scores = np.where(present, features @ weights, -np.inf)
        chance = np.exp(scores - scores.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        gradient = features[:, 0].mean(0) - np.einsum("ac,acf->f", chance, features) / len(cases) - _RIDGE * weights
        momentum = 0.9 * momentum + gradient
        weights = np.minimum(weights + _RATE * momentum, _HIGHEST)
    return np.asarray(weights, np.float64)


def _fit_logistic(
    inputs: npt.NDArray[np.float64], right: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Newton's method; the ridge keeps it stable where all are right."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (weight * (right - chance)) - _RIDGE * weights
        bend = (inputs * (weight * chance * (1 - chance))[:, None]).T @ inputs + _RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(bend, gradient)
    return np.asarray(weights, np.float64)


def learn(catalogue: Path, folder: Path, definitions: Path, progress: Progress) -> Weights:
    """Weights from every authored ask and near miss of a catalogue, and every second one of those that no agent does.

    Raises:
        ConfigurationError: the catalogue or what lies beside it has not been built.
        DefinitionError: the asks that no agent does cannot be read.
    """
    with closing(Catalogue(catalogue)) as opened:
        asked = asked_of(list(opened.definitions()))
    text, known = TextIndex(folder / "text"), PassageIndex(folder / "passages")
    cases = []
    for number, each in enumerate(asked, start=1):
        cases.append(case_of(each, text, known))
        progress(number, len(asked))
    foreign = unanswered(definitions)[::2]
    vectors = SentenceModel(folder / "model").encode(foreign)
    return fit(cases, [candidates(ask, vector, text, known) for ask, vector in zip(foreign, vectors, strict=True)])


def case_of(asked: Asked, text: TextIndex, known: PassageIndex) -> Case:
    """The candidates of an authored ask that is left out of the index."""
    found = candidates(asked.text, known.vector(asked.same[0]), text, known, asked.same)
    places = np.nonzero(found.rows == asked.row)[0]
    return Case(found, int(places[0]) if len(places) else -1)


def main() -> int:
    """Command line: writes `weights.json` beside this module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, default=Path("build/catalogue/agents.sqlite"))
    parser.add_argument("--finding", type=Path, default=Path("build/finding"))
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    options = parser.parse_args()
    with progress_line("Asking every ask") as progress:
        weights = learn(options.catalogue, options.finding, options.definitions, progress)
    write_weights(weights, Path(__file__).with_name("weights.json"))
    sys.stdout.write(weights.model_dump_json(indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
