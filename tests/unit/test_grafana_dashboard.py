"""The dashboard for Grafana asks for metrics that are there, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent_platform.analytics.exposition import PlatformMetrics, Reading
from agent_platform.storage.counters import BUCKET_BOUNDS, AgentTotals
from functions.run_agent.metrics import exposition

DASHBOARD: dict[str, Any] = json.loads(Path("infra_cdk/grafana/platform.json").read_text(encoding="utf-8"))
TOTALS = AgentTotals({"succeeded": 1, "failed": 1, "cancelled": 1}, 1.0, [1] * (len(BUCKET_BOUNDS) + 1))

GRAMMAR = {
    *("sum", "rate", "increase", "histogram_quantile", "vector", "label_values"),
    *("by", "or"),
}
"""The words of PromQL, and of Grafana's variables, that the dashboard uses."""


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every metric that a scrape brings, with the labels that its samples have."""
    reading = Reading({"legal": TOTALS}, {"webhooks": 1}, ["direct/claude"], 1)
    platform, _ = PlatformMetrics(lambda: reading).exposition("")
    found: dict[str, set[str]] = {}
    for text in (platform, exposition("legal/nda-reviewer", TOTALS)):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def questions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def words(expression: str) -> tuple[set[str], set[str]]:
    """The metrics that an expression names, and the labels that it selects or groups by."""
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    for listed in re.findall(r"\bby\s*\(([^)]*)\)", expression):
        labels |= {label.strip() for label in listed.split(",")}
    if variable := re.fullmatch(r"label_values\((\w+), (\w+)\)", expression):
        return {variable[1]}, {variable[2]}
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - GRAMMAR, labels


@pytest.mark.parametrize("expression", [*questions()])
def test_what_is_asked_for_is_exposed(expression: str, exposed: dict[str, set[str]]) -> None:
    names, labels = words(expression)
    assert names
    for name in names:
        assert name in exposed
        assert labels <= exposed[name], name


@pytest.mark.parametrize("expression", [*questions()])
def test_brackets_close(expression: str) -> None:
    open_: list[str] = []
    for character in re.sub(r'"[^"]*"', "", expression):
        if character in "([{":
            open_.append({"(": ")", "[": "]", "{": "}"}[character])
        elif character in ")]}":
            assert open_.pop() == character
    assert not open_


def test_every_metric_of_the_platform_is_shown(exposed: dict[str, set[str]]) -> None:
    asked = {name for expression in questions() for name in words(expression)[0]}
    unseen = {name for name in exposed if re.sub("_(sum|count)$", "_bucket", name) not in asked}
    assert unseen == {"platform_build_info"}


def test_counters_are_only_asked_for_their_growth() -> None:
    for expression in questions():
        for counter in re.findall(r"\w+_(?:total|bucket)\b", expression):
            assert re.search(rf"(rate|increase)\({counter}|label_values\({counter}", expression), expression


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_it_can_be_imported_anywhere() -> None:
    assert DASHBOARD["schemaVersion"] == 42
    assert "id" not in DASHBOARD
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]
