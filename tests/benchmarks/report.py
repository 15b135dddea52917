"""What a benchmark found: a table for the eye, JSON for machines, Markdown for docs/benchmarks.md."""

import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import Ratio

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "benchmarks"
DOCUMENT = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `target` is the most it may be; without one it only informs."""

    what: str
    value: float
    unit: str
    target: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the figure meets its target; None if it has none."""
        return None if self.target is None else self.value <= self.target

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """What it is, the value, its spread, the target and the verdict, as text."""
        spread = "" if self.low is None or self.high is None else f"{_short(self.low)} to {_short(self.high)}"
        target = "" if self.target is None else f"≤ {_short(self.target)} {self.unit}".strip()
        verdict = {None: "", True: "holds", False: "MISSED"}[self.holds]
        return (self.what, f"{_short(self.value)} {self.unit}".strip(), spread, target, verdict)


@dataclass(slots=True)
class Report:
    """The figures of one benchmark. `asks` quotes what is demanded, `method` says how it was measured."""

    name: str
    title: str
    asks: str
    method: str
    figures: list[Figure] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every figure with a target meets it."""
        return all(figure.holds is not False for figure in self.figures)

    def add(
        self, what: str, value: float | Ratio, unit: str = "×", target: float | None = None, note: str = ""
    ) -> None:
        """Add a figure; a ratio brings its spread."""
        if isinstance(value, Ratio):
            self.figures.append(Figure(what, value.value, unit, target, value.low, value.high, note))
        else:
            self.figures.append(Figure(what, value, unit, target, note=note))

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title=self.title, caption=self.method, title_justify="left", caption_justify="left")
        for heading in ("", "measured", "95% of resamples", "target", "", "note"):
            table.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
        for figure in self.figures:
            style = {None: "", True: "green", False: "bold red"}[figure.holds]
            table.add_row(*figure.cells, figure.note, style=style)
        console.print(table)

    def write(self) -> Path:
        """Write build/benchmarks/<name>.json."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps({"machine": machine(), **asdict(self), "holds": self.holds}, indent=2) + "\n")
        return path


def machine() -> dict[str, Any]:
    """What was measured on, and how busy it was."""
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", cpu.read_text(), re.MULTILINE) if cpu.is_file() else []
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load_1_minute": round(os.getloadavg()[0], 2),
    }


def read_reports(names: Iterable[str]) -> list[tuple[dict[str, Any], Report]]:
    """The newest result of each benchmark that has one, with the machine it was measured on."""
    found = []
    for name in names:
        path = RESULTS / f"{name}.json"
        if path.is_file():
            stored = json.loads(path.read_text())
            figures = [Figure(**each) for each in stored["figures"]]
            report = Report(name, stored["title"], stored["asks"], stored["method"], figures)
            found.append((stored["machine"], report))
    return found


def write_document(names: Iterable[str]) -> None:
    """Put the newest results between the two marks of docs/benchmarks.md.

    A section is known by its title up to the colon; one of a benchmark without a result here stays as it is.
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    start, end = "<!-- figures -->", "<!-- end of figures -->"
    before, _, rest = text.partition(start)
    figures, _, after = rest.partition(end)
    sections = {_subject(each): each.strip() for each in re.split(r"^(?=### )", figures, flags=re.MULTILINE)[1:]}
    sections |= {_subject(each): each for each in (_section(on, report) for on, report in read_reports(names))}
    together = "\n\n".join(sections.values())
    DOCUMENT.write_text(f"{before}{start}\n\n{together}\n\n{end}{after}", encoding="utf-8")


def _section(on: dict[str, Any], report: Report) -> str:
    rows = [
        "| | measured | 95% of resamples | target | | note |",
        "|---|--:|---|--:|---|---|",
        *(f"| {' | '.join(_bold_miss((*figure.cells, figure.note)))} |" for figure in report.figures),
    ]
    where = (
        f"{on['measured_at'][:10]}, {on['processor']}, {on['cores']} cores, {on['system']}, "
        f"Python {on['python']}, load {on['load_1_minute']}"
    )
    return "\n\n".join([f"### {report.title}", f"Asked: {report.asks}", report.method, "\n".join(rows), f"*{where}*"])


def _subject(section: str) -> str:
    return section.partition("\n")[0].partition(":")[0]


def _bold_miss(cells: tuple[str, ...]) -> list[str]:
    return [f"**{cell}**" if cell == "MISSED" else cell.replace("|", "\\|") for cell in cells]


def _short(number: float) -> str:
    """Three significant digits, whole numbers from a hundred up."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3f}" if 0.9 < abs(number) < 1.3 else f"{number:.3g}"
