"""The compiled catalogue as it grows: opening it and finding one agent, and searching it."""

import hashlib
import json
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache
from itertools import cycle
from pathlib import Path

from agent_platform.agents import compile as write_definitions
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.progress import progress_line
from agent_platform.finding import text_index
from agent_platform.finding.search import AgentSearch
from agent_platform.finding.text_index import write_text_index
from tests.benchmarks import generated
from tests.benchmarks.fresh_process import Probe, in_fresh_processes
from tests.benchmarks.generated import compiled_starters, starters, write_generated_catalogue
from tests.benchmarks.lambda_tree import LambdaTree, build_lambda_tree
from tests.benchmarks.measure import Times, in_turns, ratio
from tests.benchmarks.report import RESULTS, Report

SIZES = (1_500, 15_000, 150_000)
DESIGN = 1_500
"""How many agents the platform is made for."""
LARGEST = 150_000


def run(rounds: int) -> Report:
    """Build the catalogues, look up in fresh processes, search in this one."""
    report = Report(
        "catalogue",
        f"Catalogue: {len(starters())} to 150,000 agents",
        "open + look up one agent, cold, at most 10 ms, and with 150,000 agents at most 1.5 × that; search p50 at most "
        "10 ms.",
        f"{len(starters())} are the shipped ones, the others are generated from their words. Look-up: {rounds} fresh "
        "interpreters per line, in random order, processor time after all imports, the file in the system's cache "
        "unless noted. Search: "
        f"{10 * rounds} rounds in one process, each with the next of the queries, by every size in random order.",
    )
    files = {len(starters()): compiled_starters()}
    _write_index(files[len(starters())])
    for size in SIZES:
        files[size] = _build(size, report)
    _look_up(report, build_lambda_tree(), files, rounds)
    _search(report, files, 10 * rounds)
    return report


def _build(size: int, report: Report) -> Path:
    """The catalogue of `size` agents; one that lies there is kept while nothing that shapes it has changed."""
    path = RESULTS / f"agents-{size}.sqlite"
    record = path.with_suffix(".json")
    made = json.loads(record.read_text()) if record.is_file() and path.is_file() else {}
    if made.get("of") != _shape() or not _index_of(path).is_dir():
        started = time.perf_counter()
        with progress_line(f"Building {size:,} agents") as progress:
            write_generated_catalogue(size, path, progress)
        written = time.perf_counter()
        _write_index(path)
        made = {"of": _shape(), "seconds": written - started, "index_seconds": time.perf_counter() - written}
        record.write_text(json.dumps(made))
    note = f"{path.stat().st_size / 1e6:,.0f} MB; generating included; measured once, when it was written"
    report.add(f"writing the catalogue of {size:,}", made["seconds"], "s", note=note)
    megabytes = sum(file.stat().st_size for file in _index_of(path).rglob("*")) / 1e6
    note = f"{megabytes:,.1f} MB; reading the catalogue included; measured once, when it was written"
    report.add(f"writing the index of {size:,}", made["index_seconds"], "s", note=note)
    return path


def _index_of(catalogue: Path) -> Path:
    """The folder with what finding the agents of a catalogue needs."""
    return catalogue.with_name(f"{catalogue.stem}-finding")


def _write_index(catalogue: Path) -> None:
    with closing(Catalogue(catalogue)) as opened:
        write_text_index(opened.definitions(), _index_of(catalogue) / "text")


@cache
def _shape() -> str:
    """A digest of what decides a generated catalogue."""
    modules = (generated, write_definitions, text_index)
    content = b"".join(Path(module.__file__ or "").read_bytes() for module in modules)
    content += "".join(each.model_dump_json() for each in starters()).encode()
    return hashlib.sha256(content).hexdigest()


def _look_up(report: Report, tree: LambdaTree, files: dict[int, Path], rounds: int) -> None:
    probes = {}
    for size, path in files.items():
        ids = Catalogue(path).ids()
        wanted = ids[len(ids) // 2]
        probes[str(size)] = Probe("look_up", [str(path), wanted, "cached"])
        probes[f"{size} from disk"] = Probe("look_up", [str(path), wanted, "evicted"])
    probes["again"] = probes[str(DESIGN)]
    with progress_line("Catalogue, look-up") as progress:
        found = in_fresh_processes(tree, probes, rounds=rounds, progress=progress)
    for size in files:
        note = f"wall {found.median(str(size), 'seconds') * 1e3:.2f} ms, from the disk "
        note += f"{found.median(f'{size} from disk', 'seconds') * 1e3:.2f} ms"
        target = 10 if size in (DESIGN, LARGEST) else None
        report.add(f"open + look up one of {size:,}", found.median(str(size), "cpu") * 1e3, "ms", target, note)
    for what, probe, most, note in (
        ("look up in 1,500 again ÷ in 1,500", "again", None, "the machine's noise; "),
        ("look up in 150,000 ÷ in 1,500", str(LARGEST), 1.5, ""),
    ):
        note += f"wall {found.ratio(probe, str(DESIGN), 'seconds').value:.3f} ×"
        report.add(what, found.ratio(probe, str(DESIGN), "cpu"), "×", most, note)


def _search(report: Report, files: dict[int, Path], rounds: int) -> None:
    catalogues = {str(size): AgentSearch(Catalogue(path), _index_of(path)) for size, path in files.items()}
    catalogues["again"] = AgentSearch(Catalogue(files[DESIGN]), _index_of(files[DESIGN]))
    kinds = {"two words": _two_words, "a question": _question, "the start of a word": _start_of_a_word}
    medians: dict[str, list[float]] = {name: [] for name in catalogues}
    per_kind: dict[str, dict[str, Times]] = {}
    for kind, query in kinds.items():
        queries = _queries(query)
        with progress_line(f"Catalogue, search by {kind}, facets included") as progress:
            sides = {name: _searching(catalogue, queries) for name, catalogue in catalogues.items()}
            per_kind[kind] = in_turns(sides, rounds=rounds, warm_up=2, progress=progress)
        for name, times in per_kind[kind].items():
            medians[name] += times.wall
    for size in files:
        each = ", ".join(
            f"{kind} {statistics.median(times[str(size)].wall) * 1e3:.2f}" for kind, times in per_kind.items()
        )
        p50 = statistics.median(medians[str(size)]) * 1e3
        report.add(f"search p50 in {size:,}", p50, "ms", 10 if size in (DESIGN, LARGEST) else None, f"by {each}")
    report.add(
        "search in 1,500 again ÷ in 1,500", ratio(medians["again"], medians[str(DESIGN)]), note="the machine's noise"
    )
    report.add("search in 150,000 ÷ in 1,500", ratio(medians[str(LARGEST)], medians[str(DESIGN)]))


def _searching(catalogue: AgentSearch, queries: Sequence[str]) -> Callable[[], object]:
    following = cycle(queries)
    return lambda: catalogue.search(next(following))


def _queries(query: Callable[[random.Random, AgentDefinition], str]) -> list[str]:
    """What users type, made from what the starters say of themselves: the same for every size."""
    dice = random.Random(4)  # noqa: S311 - a selection
    return [query(dice, agent) for agent in starters() for _ in range(5)]


def _two_words(dice: random.Random, agent: AgentDefinition) -> str:
    return " ".join(dice.sample(re.findall(r"[a-z]{4,}", agent.summary), 2))


def _question(dice: random.Random, agent: AgentDefinition) -> str:
    return dice.choice(agent.asks)


def _start_of_a_word(dice: random.Random, agent: AgentDefinition) -> str:
    words: list[str] = re.findall(r"[a-z]{6,}", agent.summary)
    return dice.choice(words)[:4]
