"""Hold every agent to the gates: `python -m tests.gates [--document]`; exit code 1 if one is missed."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("LOG_LEVEL", "ERROR")  # 1,500 runs would each log a line
sys.path[:0] = [str(ROOT / "layers" / "platform" / "python"), str(ROOT)]

from agent_platform.agents.compile import compile_catalogue  # noqa: E402 - its package is on the path only now
from agent_platform.agents.progress import progress_line  # noqa: E402
from agent_platform.errors import DefinitionError  # noqa: E402
from agent_platform.finding.compile import compile_finding  # noqa: E402
from agent_platform.finding.gates import (  # noqa: E402
    FOUND_FIRST,
    FOUND_IN_FIVE,
    NEAR_MISS_RIGHT,
    ROUTED_FIRST,
    ROUTED_IN_FIVE,
)
from tests.gates.measure import Figures, Gates, measure  # noqa: E402

DOCUMENT = ROOT / "docs" / "catalogue.md"
NEAREST = 25
MARKS = ("<!-- figures: written by `make agents-check ARGS=--document` -->\n", "<!-- end of the figures -->\n")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.gates", description=__doc__)
    parser.add_argument("--document", action="store_true", help="put the figures into docs/catalogue.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalogue, finding = Path(folder) / "agents.sqlite", Path(folder) / "finding"
        try:
            with progress_line("Gate 1, every definition") as progress:
                compile_catalogue(ROOT / "agent_defs", catalogue, progress)
        except DefinitionError as error:
            sys.stderr.write(f"{error.detail}\n{len(error.faults)} faults.\n")
            return 1
        with progress_line("Reading what agents are asked") as progress:
            compile_finding(catalogue, finding, progress, earlier=ROOT / "build/finding")
        gates = measure(catalogue, finding)
    report = "\n".join(_report(gates)) + "\n"
    sys.stdout.write(report)
    if options.document:
        before, rest = DOCUMENT.read_text(encoding="utf-8").split(MARKS[0])
        DOCUMENT.write_text(f"{before}{MARKS[0]}\n{report}\n{MARKS[1]}{rest.split(MARKS[1])[1]}", encoding="utf-8")
    return 0 if not list(_missed(gates)) else 1


def _missed(gates: Gates) -> Iterator[str]:
    figures = gates.of()
    for what, value, asked in _targets(figures):
        if value < asked:
            yield f"{what}: {value:.1%}, asked {asked:.1%}"
    for agent_id, fault in gates.failed_runs.items():
        yield f"gate 4, {agent_id}: {fault}"


def _targets(figures: Figures) -> list[tuple[str, float, float]]:
    return [
        ("gate 2, found first by its instructions", figures.found.first, FOUND_FIRST),
        ("gate 2, among the first five", figures.found.five, FOUND_IN_FIVE),
        ("gate 3, an ask reaches its agent first", figures.asks.first, ROUTED_FIRST),
        ("gate 3, among the first five", figures.asks.five, ROUTED_IN_FIVE),
        ("gate 3, a near miss reaches the agent it names first", figures.near_misses_right, NEAR_MISS_RIGHT),
        ("gate 4, schema-valid run from the example", figures.ran / max(1, figures.agents), 1.0),
    ]


def _report(gates: Gates) -> Iterator[str]:
    figures = gates.of()
    yield f"## The whole catalogue: {figures.agents:,} agents\n"
    yield "| gate | measured | asked | |"
    yield "|---|---|---|---|"
    yield f"| gate 1, static | {figures.agents:,} of {figures.agents:,} without fault | all | holds |"
    for what, value, asked in _targets(figures):
        yield f"| {what} | {value:.1%} | {asked:.1%} | {'holds' if value >= asked else '**missed**'} |"
    yield (
        f"\n{figures.asks.total:,} asks and {figures.near_misses:,} near misses were asked, each left out of the index "
        f"while it was. Of {figures.said_none:.1%} of the asks routing says that none fits. By the words of its card "
        f"alone (without its instructions), an agent is found first in {figures.found_by_card.first:.1%} and among the "
        f"first five in {figures.found_by_card.five:.1%}."
    )
    yield "\n## By group\n"
    yield "| group | agents | found first / in five | asks first / in five | near misses right | ran |"
    yield "|---|---|---|---|---|---|"
    for group, each in gates.groups():
        yield (
            f"| {group} | {each.agents} | {each.found.first:.0%} / {each.found.five:.0%} | {each.asks.first:.0%} / "
            f"{each.asks.five:.0%} | {each.near_misses_right:.0%} of {each.near_misses} | {each.ran} |"
        )
    yield f"\n## The {NEAREST} nearest pairs\n"
    yield "Nearness: what the other agent scores for an agent's instructions, as a share of its own score.\n"
    yield "| agent | nearest other | nearness |"
    yield "|---|---|---|"
    for found in sorted(gates.found, key=lambda each: -each.nearness)[:NEAREST]:
        yield f"| {found.id} | {found.next_id} | {found.nearness:.2f} |"
    if missed := list(_missed(gates)):
        yield "\n## Missed\n"
        yield from (f"- {re.sub(r'\s+', ' ', each)}" for each in missed)


if __name__ == "__main__":
    sys.exit(main())
