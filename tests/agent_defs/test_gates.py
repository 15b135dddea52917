"""The catalogue is held to its gates: each agent can be told from all others, and is reached by who needs it."""

from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.finding.gates import (
    FOUND_FIRST,
    FOUND_IN_FIVE,
    NEAR_MISS_RIGHT,
    ROUTED_FIRST,
    ROUTED_IN_FIVE,
    Routed,
    found_again,
    routed,
    shares,
)


@pytest.fixture(scope="module")
def asked(catalogue: Catalogue, finding_folder: Path) -> list[Routed]:
    """Every ask and near miss, each left out of the index while it is asked."""
    return routed(catalogue, finding_folder)


def test_instructions_find_their_own_agent(catalogue: Catalogue, finding_folder: Path):
    found = found_again(catalogue, finding_folder)
    figures = shares(each.place for each in found)
    assert figures.total == len(catalogue.ids())
    lost = [(each.id, each.next_id) for each in found if each.place > 1]
    assert figures.first >= FOUND_FIRST, lost
    assert figures.five >= FOUND_IN_FIVE, lost


def test_asks_reach_the_agent_whose_author_wrote_them(asked: list[Routed]):
    figures = shares(each.place for each in asked if each.before_its_owner is None)
    lost = [(each.id, each.ask, each.first_id) for each in asked if each.before_its_owner is None and each.place > 5]
    assert figures.first >= ROUTED_FIRST
    assert figures.five >= ROUTED_IN_FIVE, lost


def test_near_misses_reach_the_agent_that_they_name(asked: list[Routed]):
    near = [each.before_its_owner for each in asked if each.before_its_owner is not None]
    assert sum(near) >= NEAR_MISS_RIGHT * len(near) > 0


def test_few_asks_are_told_that_none_fits(asked: list[Routed]):
    own = [each for each in asked if each.before_its_owner is None]
    assert sum(not each.fits for each in own) <= 0.1 * len(own)
