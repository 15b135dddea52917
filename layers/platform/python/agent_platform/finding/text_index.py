"""The words of all agents in a tantivy index: a folder that the build writes and readers only map into memory."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tantivy import DocAddress, Document, Index, Occur, Order, Query, Schema, SchemaBuilder, TextAnalyzer

from agent_platform.agents.definition import AgentDefinition
from agent_platform.finding.analysis import open_index, plain, stemming

WEIGHTS = {"name": 8.0, "summary": 4.0, "asks": 4.0, "use_when": 3.0, "tags": 3.0, "instructions": 1.0, "material": 0.5}
"""BM25 weight of each field: what an agent is called and asked for says more than how it works. `material` is what it
takes and gives: the names and descriptions of its fields, and its example."""

CARD = ("name", "summary", "use_when", "tags")
"""The fields that describe an agent to whoever looks for one; its asks stand in them as well, and are passages."""

DETAIL = ("instructions", "material")
"""The fields that are about its work."""

FILTERS = ("group", "tag", "model")
"""Fields that narrow a list and are counted as facets."""

_BEGINNING = 2.0
"""Weight of a word that only begins with what was typed: below every exact match but one in the instructions."""

_MISTYPED = 1.0
"""Weight of a word that differs from what was typed by a letter or two."""

_TELLING = 0.5
"""Words in more than this share of the agents find nothing: BM25 gives them next to no weight."""

_LONGEST_FACET = 200

_WRITER_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Hits:
    """Row numbers of agents, best first, with their scores; `total` counts all that match."""

    rows: list[int]
    scores: list[float]
    total: int


class TextIndex:
    """Read access to the index in a folder.

    Raises:
        ConfigurationError: there is none.
    """

    def __init__(self, folder: Path) -> None:
        index = open_index(folder)
        self._schema: Schema = index.schema
        self._searcher = index.searcher()
        # A page and its counts ask the same, and to compose it may take a search of its own.
        self._composed = lru_cache(maxsize=64)(self._compose)

    def words(self, text: str, most: int = 16) -> list[str]:
        """The words of a query: in lower case, without accents, each once, at most `most`."""
        readable = text.encode(errors="ignore").decode()
        return list(dict.fromkeys(self._plain.analyze(readable)))[:most]

    def search(self, words: Sequence[str], filters: Mapping[str, str | None], *, limit: int, offset: int = 0) -> Hits:
        """Agents with every word that tells something or, if no agent has them all, with any of them.

        Without words, all agents by row. What was typed may be the beginning of a word; what stands nowhere may be
        mistyped.
        """
        found = self._searcher.search(
            self._query(words, filters), limit=limit, offset=offset, order_by_field=None if words else "row",
            order=Order.Asc if not words else Order.Desc,
        )  # fmt: skip
        rows = self._rows([address for _, address in found.hits])
        scores = [float(score) if words else 0.0 for score, _ in found.hits]
        return Hits(rows, scores, getattr(found, "count", 0) or 0)  # the package's type stub leaves it out

    def facets(self, words: Sequence[str], filters: Mapping[str, str | None]) -> dict[str, dict[str, int]]:
        """Of each filter, how many of the matching agents have which value, the most frequent first.

        A filter's own counts leave that filter out: they say what another choice would give.
        """
        counted: dict[str, dict[str, int]] = {}
        open_ones = [name for name in FILTERS if not filters.get(name)]
        counted |= self._count(words, filters, open_ones)
        for name in FILTERS:
            if filters.get(name):
                counted |= self._count(words, {**filters, name: None}, [name])
        return {name: counted[name] for name in FILTERS}

    def ranked(self, text: str, limit: int, fields: Collection[str] = tuple(WEIGHTS)) -> Hits:
        """Agents by BM25 for the stemmed words of a text, any of them: how routing begins, and what gates measure."""
        clauses = [(Occur.Should, self._in_fields(stem, fields)) for stem in self.stems(text)]
        if not clauses:
            return Hits([], [], 0)
        found = self._searcher.search(Query.boolean_query(clauses), limit=limit, count=False)
        return Hits(self._rows([address for _, address in found.hits]), [float(score) for score, _ in found.hits], 0)

    def stems(self, text: str) -> list[str]:
        """The stems of a text's words, each once."""
        return list(dict.fromkeys(self._stemmed.analyze(text.encode(errors="ignore").decode())))

    def _count(
        self, words: Sequence[str], filters: Mapping[str, str | None], names: Sequence[str]
    ) -> dict[str, dict[str, int]]:
        if not names:
            return {}
        asked = {name: {"terms": {"field": name, "size": _LONGEST_FACET}} for name in names}
        answer = self._searcher.aggregate(self._query(words, filters), asked)
        return {
            name: {each["key"]: each["doc_count"] for each in sorted(answer[name]["buckets"], key=_by_count)}
            for name in names
        }

    def _query(self, words: Sequence[str], filters: Mapping[str, str | None]) -> Query:
        return self._composed(tuple(words), tuple((name, value) for name, value in filters.items() if value))

    def _compose(self, words: tuple[str, ...], filters: tuple[tuple[str, str], ...]) -> Query:
        narrowed = [(Occur.Must, self._filtered(name, value)) for name, value in filters]
        if not words:
            return Query.boolean_query(narrowed) if narrowed else Query.all_query()
        clauses = [self._matching(word) for word in self._telling(words)]
        every = Query.boolean_query([(Occur.Must, clause) for clause in clauses] + narrowed)
        if len(clauses) == 1 or self._searcher.search(every, limit=1, count=False).hits:
            return every
        some = Query.boolean_query([(Occur.Should, clause) for clause in clauses])
        return Query.boolean_query([(Occur.Must, some), *narrowed])

    def _filtered(self, name: str, value: str) -> Query:
        # As a constant: a filter says which agents count, not which are better.
        return Query.const_score_query(Query.term_query(self._schema, name, value, "basic"), 0.0)

    def _telling(self, words: Sequence[str]) -> list[str]:
        """The words that stand in half of the agents or fewer; all if none does."""
        most = _TELLING * self._searcher.num_docs
        rare = [word for word in words if self._searcher.doc_freq("words", word) <= most]
        return rare or list(words)

    def _matching(self, word: str) -> Query:
        """Agents with a word, or one that begins with it; if there is none, with one that is spelt almost so."""
        stems = self._stemmed.analyze(word)
        parts = [self._in_fields(stem) for stem in stems]
        if self._searcher.terms_with_prefix("words", word, limit=1):
            parts.append(self._constant(Query.fuzzy_term_query(self._schema, "words", word, 0, True, True), _BEGINNING))
        elif not any(self._searcher.doc_freq(name, stem) for name in WEIGHTS for stem in stems):
            parts.append(self._mistyped(word))
        return Query.boolean_query([(Occur.Should, part) for part in parts])

    def _mistyped(self, word: str) -> Query:
        """One letter wrong, missing, too many or exchanged from four letters on, two from eight on."""
        distance = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
        similar = Query.fuzzy_term_query(self._schema, "words", word, min(distance, 1), True, True)
        if distance < 2 or self._searcher.search(similar, limit=1, count=False).hits:
            return self._constant(similar, _MISTYPED)
        return self._constant(Query.fuzzy_term_query(self._schema, "words", word, 2, True, True), _MISTYPED)

    def _constant(self, query: Query, weight: float) -> Query:
        return Query.const_score_query(query, weight)

    def _in_fields(self, stem: str, fields: Collection[str] = tuple(WEIGHTS)) -> Query:
        return Query.boolean_query(
            [
                (Occur.Should, Query.boost_query(Query.term_query(self._schema, name, stem, "freq"), weight))
                for name, weight in WEIGHTS.items()
                if name in fields
            ]
        )

    def _rows(self, addresses: list[DocAddress]) -> list[int]:
        return [int(row or 0) for row in self._searcher.fast_field_values("row", addresses)] if addresses else []

    @cached_property
    def _plain(self) -> TextAnalyzer:
        return plain()

    @cached_property
    def _stemmed(self) -> TextAnalyzer:
        return stemming()


def write_text_index(definitions: Iterable[AgentDefinition], folder: Path) -> None:
    """Write the index of `definitions`, which come in the order of their ids: the row of the first is 1."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = Index(_schema(), str(folder))
    for name, analyzer in _analyzers().items():
        index.register_tokenizer(name, analyzer)
    # One thread: the agents stay in the order of their ids, and equal scores with them.
    writer = index.writer(_WRITER_BYTES, 1)
    for row, definition in enumerate(definitions, start=1):
        writer.add_document(_document(row, definition))
    writer.commit()
    writer.wait_merging_threads()
    for lock in folder.glob(".*.lock"):
        lock.unlink()


def field_texts(definition: AgentDefinition) -> dict[str, str]:
    """What stands in each weighted field of the index."""
    return {
        "name": f"{definition.name} {definition.id}",
        "summary": definition.summary,
        "asks": " ".join(definition.asks),
        "use_when": definition.use_when,
        "tags": " ".join(definition.tags),
        "instructions": definition.instructions,
        "material": " ".join(_material(definition)),
    }


def _material(definition: AgentDefinition) -> Iterator[str]:
    for schema in (definition.input, definition.output):
        yield from _words_of(schema)
    yield from _texts_of(definition.example.input)


def _words_of(schema: Any) -> Iterator[str]:
    """Names, descriptions and values of a schema, in the words of their authors."""
    if isinstance(schema, dict):
        for name, child in schema.items():
            if name == "properties":
                yield " ".join(child).replace("_", " ")
                yield from _words_of(list(child.values()))
            elif name == "description":
                yield str(child)
            elif name == "enum":
                yield " ".join(map(str, child)).replace("_", " ")
            elif isinstance(child, dict | list):
                yield from _words_of(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from _words_of(child)


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts_of(child)


def _document(row: int, definition: AgentDefinition) -> Document:
    document = Document()
    texts = field_texts(definition)
    for name, text in texts.items():
        document.add_text(name, text)
    document.add_text("words", " ".join(text for name, text in texts.items() if name not in DETAIL))
    document.add_text("group", definition.group)
    document.add_text("model", definition.model)
    for tag in definition.tags:
        document.add_text("tag", tag)
    document.add_unsigned("row", row)
    return document


def _schema() -> Schema:
    builder = SchemaBuilder()
    for name in WEIGHTS:
        builder = builder.add_text_field(name, tokenizer_name="stemmed", index_option="freq")
    builder = builder.add_text_field("words", tokenizer_name="plain", index_option="freq")
    for name in FILTERS:
        builder = builder.add_text_field(name, tokenizer_name="raw", fast=True, index_option="basic")
    return builder.add_unsigned_field("row", fast=True, stored=True).build()


def _analyzers() -> dict[str, TextAnalyzer]:
    return {"plain": plain(), "stemmed": stemming()}


def _by_count(bucket: Mapping[str, int | str]) -> tuple[int, str]:
    return -int(bucket["doc_count"]), str(bucket["key"])
