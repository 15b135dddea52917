"""Run the benchmarks: `python -m tests.benchmarks [--quick] [--document] [NAME …]`; exit code 1 if one misses."""

import argparse
import importlib
import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "layers" / "platform" / "python"), str(ROOT)]

from tests.benchmarks.report import Report, write_document  # noqa: E402 - its own package is on the path only now

ROUNDS = {
    "runner": 1_500,
    "cold_start": 15,
    "catalogue": 21,
    "definitions": 300,
    "layer_sizes": 1,
    "load": 10_000,
    "policies": 2_000,
}
"""Every benchmark and how often it repeats: enough that its ratios stay put on two busy cores."""

QUICK = 10
"""`--quick` divides the rounds by this: to see whether everything runs, not to measure."""


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"one of {', '.join(ROUNDS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds: does it run?")
    parser.add_argument("--document", action="store_true", help="put the newest results into docs/benchmarks.md")
    options = parser.parse_args()
    if unknown := set(options.names) - ROUNDS.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ROUNDS)}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    reports = []
    for name in options.names or ROUNDS:
        rounds = max(2, ROUNDS[name] // QUICK) if options.quick else ROUNDS[name]
        # Imported one by one: what one benchmark needs must not stand in another one's memory.
        report: Report = importlib.import_module(f"tests.benchmarks.{name}").run(rounds)
        report.show(console)
        console.print(f"Written to {report.write().relative_to(ROOT)}\n")
        reports.append(report)
    if options.document:
        write_document(ROUNDS)
    missed = [(report.name, figure.what) for report in reports for figure in report.figures if figure.holds is False]
    for name, what in missed:
        console.print(f"[bold red]MISSED[/] {name}: {what}")
    if not missed:
        console.print("Every target holds.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
