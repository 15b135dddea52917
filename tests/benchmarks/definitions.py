"""Definitions from file to use: compiling the catalogue, and rebuilding one that the build has checked."""

import gc
import shutil
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import yaml

from agent_platform.agents.compile import compile_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.progress import progress_line
from tests.benchmarks.generated import STARTERS, starters, write_generated_files
from tests.benchmarks.measure import in_turns, ratio
from tests.benchmarks.report import RESULTS, Report

DESIGN = 1_500


def run(rounds: int) -> Report:
    """Compile the starters and 1,500 generated files; rebuild trusted and untrusted."""
    report = Report(
        "definitions",
        "Definitions: compile and load",
        "no target; the compiled catalogue exists because parsing files at a start would take seconds.",
        f"Compiling is checking every file and writing the catalogue, {max(1, rounds // 50)} times in turns with only "
        f"parsing the same YAML; rebuilding one definition {rounds} times in turns.",
    )
    _compile(report, max(1, rounds // 50))
    _rebuild(report, rounds)
    return report


def _compile(report: Report, rounds: int) -> None:
    generated = RESULTS / "generated" / "agent_defs"
    shutil.rmtree(generated, ignore_errors=True)
    with progress_line("Writing 1,500 definition files") as progress:
        write_generated_files(DESIGN, generated, progress)
    target = RESULTS / "compiled.sqlite"
    for name, root in (("the starters", STARTERS), (f"{DESIGN:,} generated files", generated)):
        files = sorted(root.glob("*/*.yaml"))
        compiling, parsing = [], []
        with progress_line(f"Compiling {name}") as progress:
            for done in range(rounds):
                gc.collect()
                compiling.append(_seconds(partial(compile_catalogue, root, target)))
                parsing.append(_seconds(partial(_parse, files)))
                progress(done + 1, rounds)
        seconds = statistics.median(compiling)
        size = statistics.mean(file.stat().st_size for file in files)
        note = f"{seconds / len(files) * 1e3:.1f} ms a file of {size / 1e3:.1f} KB"
        report.add(f"compile {name}", seconds, "s", note=note)
        report.add(f"compile ÷ only parse the YAML, {name}", ratio(compiling, parsing))


def _parse(files: list[Path]) -> None:
    for file in files:
        yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _rebuild(report: Report, rounds: int) -> None:
    documents = [definition.model_dump_json() for definition in starters()]
    trusted, again, checked = cycle(documents), cycle(documents), cycle(documents)
    sides = {
        "trusted": lambda: AgentDefinition.trusted(next(trusted)),
        "again": lambda: AgentDefinition.trusted(next(again)),
        "checked": lambda: AgentDefinition.model_validate_json(next(checked)),
    }
    with progress_line("Rebuilding definitions") as progress:
        times = in_turns(sides, rounds=rounds, warm_up=30, progress=progress)
    report.add("`AgentDefinition.trusted`", statistics.median(times["trusted"].wall) * 1e3, "ms")
    noise = ratio(times["again"].wall, times["trusted"].wall)
    report.add("trusted again ÷ trusted", noise, note="the machine's noise")
    report.add("every check ÷ trusted", ratio(times["checked"].wall, times["trusted"].wall))
