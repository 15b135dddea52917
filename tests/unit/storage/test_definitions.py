"""The versions of agents in DynamoDB: kept once, never changed, listed by their numbers."""

import pytest

from agent_platform.storage.definitions import READ_AT_ONCE, DefinitionRepository, VersionedDefinition
from tests.fakes.aws import DEFINITIONS_TABLE

AGENT = "post/parcel-weigher"


@pytest.fixture
def repository(governance_tables: None) -> DefinitionRepository:
    return DefinitionRepository(DEFINITIONS_TABLE)


def definition(version: str = "1.0.0", words: str = "first", agent_id: str = AGENT) -> VersionedDefinition:
    return VersionedDefinition(agent_id, version, f'{{"words": "{words}"}}')


def test_a_kept_version_is_read_back_whole(repository: DefinitionRepository):
    assert repository.keep([definition()], replace=False) == (1, [])
    assert repository.document(AGENT, "1.0.0") == definition().document
    assert repository.document(AGENT, "1.0.1") is None
    assert repository.document("post/nobody", "1.0.0") is None


def test_the_same_version_again_writes_nothing(repository: DefinitionRepository):
    repository.keep([definition()], replace=False)
    before = repository.versions(AGENT)
    assert repository.keep([definition()], replace=False) == (0, [])
    assert repository.versions(AGENT) == before


def test_a_version_with_other_words_is_named_and_nothing_at_all_is_written(repository: DefinitionRepository):
    repository.keep([definition()], replace=False)
    both = [definition(words="second"), definition(agent_id="post/letter-weigher")]
    assert repository.keep(both, replace=False) == (0, [f"{AGENT} 1.0.0"])
    assert repository.document(AGENT, "1.0.0") == definition().document
    assert repository.document("post/letter-weigher", "1.0.0") is None


def test_where_versions_may_change_the_newer_words_take_their_place(repository: DefinitionRepository):
    repository.keep([definition()], replace=True)
    assert repository.keep([definition(words="second")], replace=True) == (1, [f"{AGENT} 1.0.0"])
    assert repository.document(AGENT, "1.0.0") == definition(words="second").document


def test_versions_are_listed_by_number_and_not_by_letter(repository: DefinitionRepository):
    for version in ("1.9.0", "1.10.0", "0.1.0", "2.0.0"):
        repository.keep([definition(version)], replace=False)
    assert [each.version for each in repository.versions(AGENT)] == ["2.0.0", "1.10.0", "1.9.0", "0.1.0"]
    assert repository.versions("post/nobody") == []


def test_more_agents_than_one_request_takes_are_kept_and_compared(repository: DefinitionRepository):
    many = [definition(agent_id=f"post/agent-{number}") for number in range(2 * READ_AT_ONCE + 1)]
    assert repository.keep(many, replace=False) == (len(many), [])
    assert repository.keep(many, replace=False) == (0, [])
    assert repository.document("post/agent-200", "1.0.0")
