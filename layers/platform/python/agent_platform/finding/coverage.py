"""How much of an ask an agent's words cover: of the weight of all words asked, the share that the agent knows at all.

BM25 rewards a word that comes often and agents that say little; it does not tell whether a word of the ask is missing.
Here each word counts once, by how few agents know it (inverse document frequency), wherever the agent has it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent_platform.agents.definition import AgentDefinition
from agent_platform.finding.analysis import stemming
from agent_platform.finding.passages import Passage
from agent_platform.finding.sentences import Vectors
from agent_platform.finding.text_index import field_texts

_LISTS = ("agents", "passages")
"""By stem: the agents that have it in what is no passage of theirs, and the passages for an agent that have it."""


class Coverage:
    """Read access to the words of all agents in a folder."""

    def __init__(self, folder: Path) -> None:
        stems: list[str] = json.loads((folder / "stems.json").read_text())
        self._places = {stem: place for place, stem in enumerate(stems)}
        with np.load(folder / "coverage.npz") as stored:
            self._weights: Vectors = stored["weights"]
            self._lists = {name: (stored[name], stored[f"{name}_ends"]) for name in _LISTS}
            self._unknown = float(stored["unknown"])

    def of(
        self, stems: Sequence[str], rows: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_], agents: int
    ) -> tuple[Vectors, Vectors]:
        """Of each agent by row, the share of the ask that it covers, and that its best single passage covers.

        Args:
            stems: of the ask, each once.
            rows: of each passage, the agent's row.
            kept: of each passage, whether it may help.
            agents: how many rows there are, the empty first one included.
        """
        covered, by_passage, total = np.zeros(agents, np.float32), np.zeros(len(rows), np.float32), 1e-6
        for stem in stems:
            place = self._places.get(stem)
            weight = self._unknown if place is None else float(self._weights[place])
            total += weight
            if place is None:
                continue
            passages = self._listed("passages", place)
            passages = passages[kept[passages]]
            by_passage[passages] += weight
            covered[np.union1d(self._listed("agents", place), rows[passages])] += weight
        best = np.zeros(agents, np.float32)
        np.maximum.at(best, rows, by_passage)
        return covered / np.float32(total), best / np.float32(total)

    def _listed(self, name: str, place: int) -> npt.NDArray[np.int32]:
        numbers, ends = self._lists[name]
        return np.asarray(numbers[ends[place - 1] if place else 0 : ends[place]], np.int32)


def write_coverage(definitions: Iterable[AgentDefinition], found: Sequence[Passage], folder: Path) -> None:
    """Write the words of agents that come in the order of their ids, and of their passages."""
    analyzer = stemming()
    agents, passages, knowing = (defaultdict[str, list[int]](list) for _ in range(3))
    own = 0
    for own, definition in enumerate(definitions, start=1):
        fields = {name: text for name, text in field_texts(definition).items() if name != "asks"}
        for stem in set(analyzer.analyze(" ".join(fields.values()))):
            agents[stem].append(own)
    for number, passage in enumerate(found):
        if passage.kind != "against":
            for stem in set(analyzer.analyze(passage.text)):
                passages[stem].append(number)
                knowing[stem].append(passage.row)
    stems = sorted({*agents, *passages})
    known_by = [len({*agents.get(stem, ()), *knowing.get(stem, ())}) for stem in stems]
    arrays: dict[str, Any] = {
        "weights": np.log((own + 1) / (np.array(known_by, np.float32) + 0.5)),
        "unknown": np.float32(np.log((own + 1) / 0.5)),
        **_flat("agents", stems, agents),
        **_flat("passages", stems, passages),
    }
    np.savez(folder / "coverage.npz", **arrays)
    (folder / "stems.json").write_text(json.dumps(stems, ensure_ascii=False))


def _flat(name: str, stems: Sequence[str], lists: Mapping[str, list[int]]) -> dict[str, npt.NDArray[np.int32]]:
    """Lists one after another, and where each ends."""
    each = [lists.get(stem, []) for stem in stems]
    return {
        name: np.array([number for some in each for number in some], np.int32),
        f"{name}_ends": np.cumsum([len(some) for some in each], dtype=np.int32),
    }
