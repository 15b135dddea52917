"""Where the app takes its agents from."""

from pathlib import Path

import pytest

from agent_platform.agents.compile import write_catalogue
from agent_platform.errors import ConfigurationError
from infra_cdk.agent_functions import agent_functions
from infra_cdk.app import deployed_agents
from tests.infra.conftest import one_agent_per_group


def test_functions_are_made_for_the_agents_that_are_shipped(tmp_path: Path) -> None:
    shipped = one_agent_per_group()[:2]
    groups = {agent.group: {"name": agent.group, "summary": ""} for agent in shipped}
    write_catalogue(shipped, groups, tmp_path / "agents.sqlite")

    found = deployed_agents(tmp_path / "agents.sqlite")

    assert [agent.id for agent in found] == [agent.id for agent in shipped]
    assert agent_functions(found) == agent_functions(shipped)


def test_without_a_catalogue_the_message_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make catalogue"):
        deployed_agents(tmp_path / "agents.sqlite")
