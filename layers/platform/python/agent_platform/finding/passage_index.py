"""The passages of all agents, by their words and by their vectors, in a folder that the build writes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
from tantivy import Document, Index, Occur, Query, Schema, SchemaBuilder, TextAnalyzer

from agent_platform.errors import ConfigurationError
from agent_platform.finding.analysis import open_index, stemming
from agent_platform.finding.coverage import Coverage
from agent_platform.finding.passages import Kind, Passage
from agent_platform.finding.sentences import WIDTH, SentenceModel, Vectors

KINDS: tuple[Kind, ...] = get_args(Kind)
STEPS = 127
"""Vectors are kept as whole numbers of this many steps: a quarter of the size, and no agent changes its place."""

_WRITER_BYTES = 64_000_000

Rows = npt.NDArray[np.int32]


class PassageIndex:
    """Read access to the passages in a folder.

    Raises:
        ConfigurationError: there are none.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "passages.npz").is_file():
            raise ConfigurationError(f"There are no passages of agents in {folder}. Build them with `make catalogue`.")
        with np.load(folder / "passages.npz") as stored:
            self.rows: Rows = stored["rows"]
            self.kinds: npt.NDArray[np.int8] = stored["kinds"]
            self._vectors: Vectors = stored["vectors"].astype(np.float32) / STEPS
        self.texts: list[str] = json.loads((folder / "passages.json").read_text())
        self.coverage = Coverage(folder)
        index = open_index(folder / "words")
        self._analyzer: TextAnalyzer = stemming()
        self._schema: Schema = index.schema
        self._searcher = index.searcher()

    def likeness(self, vector: Vectors) -> Vectors:
        """The scalar product of each passage with a vector: from -1 to 1, the more the likelier they mean the same."""
        return np.asarray(self._vectors @ vector, np.float32)

    def vector(self, passage: int) -> Vectors:
        """The vector of one passage."""
        return np.asarray(self._vectors[passage], np.float32)

    def stems(self, text: str) -> list[str]:
        """The stems of a text's words, each once."""
        return list(dict.fromkeys(self._analyzer.analyze(text.encode(errors="ignore").decode())))

    def lexical(self, text: str, limit: int) -> tuple[npt.NDArray[np.int64], Vectors]:
        """The passages with most words of `text` by BM25, and their scores."""
        clauses = [(Occur.Should, Query.term_query(self._schema, "text", stem, "freq")) for stem in self.stems(text)]
        hits = self._searcher.search(Query.boolean_query(clauses), limit=limit, count=False).hits if clauses else []
        numbers = self._searcher.fast_field_values("number", [address for _, address in hits]) if hits else []
        return np.array(numbers, np.int64), np.array([score for score, _ in hits], np.float32)


def write_passages(
    found: Sequence[Passage],
    model: SentenceModel,
    folder: Path,
    known: Mapping[str, Vectors],
    progress: Callable[[int, int], None],
) -> dict[str, Vectors]:
    """Write the passages; returns the vector of each text, among them those `known` from an earlier build."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = _vectors([each.text for each in found], model, known, progress)
    stacked = np.stack([vectors[each.text] for each in found]) if found else np.empty((0, WIDTH), np.float32)
    np.savez(
        folder / "passages.npz",
        rows=np.array([each.row for each in found], np.int32),
        kinds=np.array([KINDS.index(each.kind) for each in found], np.int8),
        vectors=np.rint(stacked * STEPS).astype(np.int8),
    )
    (folder / "passages.json").write_text(json.dumps([each.text for each in found], ensure_ascii=False))
    _write_words(found, folder / "words")
    return vectors


def _vectors(
    texts: Sequence[str], model: SentenceModel, known: Mapping[str, Vectors], progress: Callable[[int, int], None]
) -> dict[str, Vectors]:
    vectors = {text: known[text] for text in texts if text in known}
    new = sorted({text for text in texts if text not in known}, key=len)
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        vectors |= dict(zip(some, model.encode(some), strict=True))
        progress(len(vectors), len(vectors) + len(new) - start - len(some))
    return vectors


_AT_ONCE = 128


def _write_words(found: Sequence[Passage], folder: Path) -> None:
    folder.mkdir()
    schema = (
        SchemaBuilder()
        .add_text_field("text", tokenizer_name="stemmed", index_option="freq")
        .add_unsigned_field("number", fast=True, stored=True)
        .build()
    )
    index = Index(schema, str(folder))
    index.register_tokenizer("stemmed", stemming())
    writer = index.writer(_WRITER_BYTES, 1)
    for number, passage in enumerate(found):
        document = Document()
        document.add_text("text", passage.text)
        document.add_unsigned("number", number)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
