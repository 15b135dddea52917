"""Agents of users: found where they were published, beside the shipped ones."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent_platform.agents.custom import EveryAgent, LiveAgents, read_custom
from agent_platform.agents.versions import Versions
from agent_platform.errors import AgentNotFound, AgentVersionNotFound, DefinitionError
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition
from tests.fakes.aws import DEFINITIONS_TABLE
from tests.fakes.catalogue import write_small_catalogue
from tests.fakes.definitions import a_definition

WEIGHER = "custom/parcel-weigher"


@pytest.fixture
def kept(governance_tables: None) -> DefinitionRepository:
    return DefinitionRepository(DEFINITIONS_TABLE)


@pytest.fixture
def agents(kept: DefinitionRepository, tmp_path: Path) -> Iterator[EveryAgent]:
    with closing(EveryAgent(write_small_catalogue(tmp_path), LiveAgents(kept))) as found:
        yield found


def publish(kept: DefinitionRepository, version: str) -> None:
    definition = read_custom("parcel-weigher", a_definition("parcel", version=version))
    each = VersionedDefinition(definition.id, version, definition.model_dump_json(exclude_defaults=True))
    kept.keep([each], replace=False)
    kept.set_live(each)


def test_a_published_agent_is_found_at_once_and_so_are_shipped_ones(kept: DefinitionRepository, agents: EveryAgent):
    with pytest.raises(AgentNotFound):
        agents.get(WEIGHER)

    publish(kept, "1.0.0")
    assert (agents.get(WEIGHER).id, agents.get(WEIGHER).version) == (WEIGHER, "1.0.0")
    assert agents.get("legal/nda-reviewer").name == "NDA Reviewer"
    assert WEIGHER not in agents.ids()

    kept.end_live(WEIGHER)
    with pytest.raises(AgentNotFound):
        agents.get(WEIGHER)


def test_earlier_versions_stay_executable_while_the_agent_is_live(kept: DefinitionRepository):
    versions = Versions(LiveAgents(kept), kept)
    publish(kept, "1.0.0")
    publish(kept, "1.1.0")

    assert versions.get(WEIGHER).version == "1.1.0"
    assert versions.get(WEIGHER, "1.0.0").version == "1.0.0"
    assert [each.version for each in kept.versions(WEIGHER)] == ["1.1.0", "1.0.0"]
    with pytest.raises(AgentVersionNotFound):
        versions.get(WEIGHER, "2.0.0")
    kept.end_live(WEIGHER)
    with pytest.raises(AgentNotFound):
        versions.get(WEIGHER, "1.0.0")


def test_of_a_removed_agent_nothing_is_left(kept: DefinitionRepository):
    publish(kept, "1.0.0")
    publish(kept, "1.1.0")

    kept.remove(WEIGHER)

    assert kept.versions(WEIGHER) == []
    assert kept.live(WEIGHER) is None
    assert kept.document(WEIGHER, "1.0.0") is None


def test_a_damaged_live_version_is_told_as_such(kept: DefinitionRepository):
    kept.set_live(VersionedDefinition(WEIGHER, "1.0.0", json.dumps({"id": WEIGHER})))

    with pytest.raises(DefinitionError, match="its live version is damaged"):
        LiveAgents(kept).get(WEIGHER)
