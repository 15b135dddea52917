"""The instruments themselves: a benchmark that cannot fail, or measures nonsense, is worth nothing."""

import json
from pathlib import Path
from typing import get_args

import pytest

from agent_platform.agents.compile import compile_catalogue
from tests.benchmarks import report as reporting
from tests.benchmarks.generated import generate, write_generated_files
from tests.benchmarks.layer_sizes import layers
from tests.benchmarks.measure import in_turns, ratio
from tests.benchmarks.report import Report, write_document


def nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reporting, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(reporting, "DOCUMENT", tmp_path / "benchmarks.md")
    return tmp_path


def test_generated_definitions_pass_every_check_of_the_catalogue(tmp_path: Path) -> None:
    write_generated_files(90, tmp_path / "agent_defs", nothing)

    assert compile_catalogue(tmp_path / "agent_defs", tmp_path / "agents.sqlite") == 90


def test_generated_definitions_are_the_same_every_time_and_in_the_order_of_their_ids() -> None:
    first, second = list(generate(60)), list(generate(60))

    assert first == second
    assert [each.id for each in first] == sorted({each.id for each in first})


def test_a_ratio_compares_round_by_round_whatever_the_load() -> None:
    load = [1.0 + round_ % 7 for round_ in range(200)]

    found = ratio([2 * each for each in load], load)

    assert (found.low, found.value, found.high) == (2, 2, 2)


def test_every_side_is_called_once_a_round_and_timed() -> None:
    calls: list[str] = []
    sides = {"one": lambda: calls.append("one"), "other": lambda: calls.append("other")}

    times = in_turns(sides, rounds=5, warm_up=1, progress=nothing)

    assert calls.count("one") == calls.count("other") == 6
    assert len(times["one"].wall) == len(times["other"].cpu) == 5


@pytest.mark.parametrize(("measured", "holds"), [(1.05, True), (1.051, False)])
def test_a_report_holds_only_if_every_target_does(measured: float, holds: bool) -> None:
    report = Report("name", "Title", "asked", "method")
    report.add("informs only", 99.0)
    report.add("judged", measured, target=1.05)

    assert report.holds is holds


def test_the_document_shows_what_was_measured_with_misses_in_bold_and_keeps_the_rest(results: Path) -> None:
    document = results / "benchmarks.md"
    sections = "### Other: of 2\n\nkept\n\n### Title: of 3\n\nold\n"
    document.write_text(f"before\n<!-- figures -->\n\n{sections}\n<!-- end of figures -->\nafter\n")
    report = Report("name", "Title", "asked", "method")
    report.add("slow thing", 3.0, "ms", 2)

    stored = json.loads(report.write().read_text())
    write_document(["name", "never measured"])

    assert stored["holds"] is False
    text = document.read_text()
    assert "| slow thing | 3 ms |  | ≤ 2 ms | **MISSED** |  |" in text
    assert "old" not in text
    assert text.index("### Other: of 2\n\nkept\n") < text.index("### Title\n")
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_every_layer_but_the_catalogues_is_weighed() -> None:
    from infra_cdk.constructs.layers import LayerName  # starts a Node process

    assert layers().keys() == {*get_args(LayerName)} - {"catalogue"}
