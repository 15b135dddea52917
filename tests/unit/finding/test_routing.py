"""Sending an ask to the agents that do it, by words and by meaning, or saying that none does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.finding.asked import asked_of, unanswered
from agent_platform.finding.passage_index import PassageIndex
from agent_platform.finding.routing import Router

DEFINITIONS = Path(__file__).parents[3] / "agent_defs"


@pytest.fixture(scope="module")
def router(catalogue: Catalogue, finding_folder: Path) -> Iterator[Router]:
    """Routing over the repository's agents."""
    return Router(catalogue, finding_folder)


@pytest.mark.parametrize(
    ("ask", "agent_id"),
    [
        ("The bill lists more boxes than the order and the receipt", "finance-accounting/three-way-match-checker"),
        ("pods keep restarting with exit code 137", "cloud-operations/pod-crash-diagnoser"),
        ("a strange mail from payroll wants my bank account on a page", "cybersecurity/phishing-report-triager"),
        ("is grey text on a white button readable enough", "design-ux/colour-contrast-auditor"),
    ],
)  # fmt: skip
def test_an_ask_in_other_words_than_the_definitions_reaches_its_agent(router: Router, ask: str, agent_id: str):
    route = router.route(ask)
    assert route.fits
    assert agent_id in [match.card.id for match in route.matches[:3]]


def test_scores_fall_and_lie_between_nought_and_one(router: Router):
    scores = [match.score for match in router.route("refund for a late parcel", 10).matches]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_reason_names_the_nearest_known_task_and_shared_words(router: Router, catalogue: Catalogue):
    match = router.route("pods keep restarting").matches[0]
    assert match.card.id == "cloud-operations/pod-crash-diagnoser"
    assert "“restarting”" in match.reason
    told = match.reason.partition("“")[2].partition("”")[0]
    definition = catalogue.get(match.card.id)
    assert told in {*definition.asks, definition.use_when, f"{definition.name}: {definition.summary}"} | {
        ask.text for ask in asked_of(list(catalogue.definitions()))
    }


def test_most_asks_that_no_agent_does_are_told_so(router: Router):
    """Those that the weights were not learned from."""
    asks = unanswered(DEFINITIONS)[1::2]
    assert sum(not router.route(ask).fits for ask in asks) >= 0.8 * len(asks)


@pytest.mark.parametrize("ask", ["", " ", "?", "\0", "\ud800", "😀", "日本語", "x" * 2_000, "word " * 400, "\u202e"])
def test_no_ask_breaks_routing(router: Router, ask: str):
    route = router.route(ask)
    assert len(route.matches) <= 5


def test_an_ask_left_out_does_not_help_its_agent(router: Router, catalogue: Catalogue, finding_folder: Path):
    """Else every measure of routing would be perfect."""
    known = PassageIndex(finding_folder / "passages")
    for asked in asked_of(list(catalogue.definitions()))[:20]:
        with_it = router.rank(asked.text, known.vector(asked.same[0]), limit=300)
        without = router.rank(asked.text, known.vector(asked.same[0]), asked.same, limit=300)
        assert with_it.rows[0] == asked.row
        assert with_it.nearest[0] in asked.same
        assert not set(without.nearest) & set(asked.same)


def test_what_is_a_near_miss_of_one_agent_counts_for_the_agent_it_names(router: Router, catalogue: Catalogue):
    for definition in list(catalogue.definitions())[:10]:
        for near in definition.near_misses:
            if near.belongs_to in catalogue.ids():
                assert router.route(near.ask).matches[0].card.id == near.belongs_to
