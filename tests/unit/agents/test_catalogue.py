"""Looking agents up in a compiled catalogue: by id, by group, by tag."""

from contextlib import closing
from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.compile import compile_catalogue
from agent_platform.errors import AgentNotFound
from tests.fakes.definitions import write_definition, write_vocabulary


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory):
    """Eleven agents of two groups."""
    folder = tmp_path_factory.mktemp("post")
    root = folder / "agent_defs"
    write_vocabulary(root, "post", "sea")
    for number, agent_id in enumerate(ALL):
        tags = ["logistics", "pricing", "review"] if number % 2 else ["logistics", "review", "safety"]
        write_definition(root, agent_id, agent_id.partition("/")[2].partition("-")[0], tags=tags)
    (root / "tags.yaml").write_text("logistics: a\npricing: b\nreview: c\nsafety: d\n")
    compile_catalogue(root, folder / "agents.sqlite")
    with closing(Catalogue(folder / "agents.sqlite")) as catalogue:
        yield catalogue


TOPICS = ("letter", "parcel", "card", "crate", "barrel", "bundle", "basket", "bottle", "carton", "casket", "coffer")
ALL = sorted(f"{'sea' if topic[0] == 'b' else 'post'}/{topic}-weigher" for topic in TOPICS)


def test_agents_are_listed_by_id_all_or_of_a_group(post: Catalogue):
    assert post.ids() == ALL == [card.id for card in post.cards()]
    assert post.ids("sea") == [each for each in ALL if each.startswith("sea/")]


def test_the_cards_of_rows_come_in_the_order_that_was_asked_for(post: Catalogue):
    assert [card.id for card in post.cards_at([3, 1, 11])] == [ALL[2], ALL[0], ALL[10]]
    assert post.cards_at([]) == []


def test_groups_and_tags_count_their_agents(post: Catalogue):
    assert [(group.id, group.name, group.agents) for group in post.groups()] == [("post", "Post", 7), ("sea", "Sea", 4)]
    assert [(tag.id, tag.agents) for tag in post.tags()] == [
        ("logistics", 11),
        ("review", 11),
        ("safety", 6),
        ("pricing", 5),
    ]


@pytest.mark.parametrize(
    "agent_id", ["post/nobody", "", "post", "post/%", "POST/parcel-weigher", "post/parcel-weigher ", "\0", "x" * 10_000]
)
def test_an_id_that_does_not_exist_is_not_found(post: Catalogue, agent_id: str):
    with pytest.raises(AgentNotFound, match="GET /api/v1/agents lists"):
        post.get(agent_id)


def test_every_group_has_a_starter_agent(catalogue: Catalogue):
    agents = [group.agents for group in catalogue.groups()]
    assert (len(agents), sum(agents)) == (30, len(catalogue.ids()))
    assert min(agents) == 1


def test_a_catalogue_tells_where_it_lies(catalogue: Catalogue, catalogue_file: Path):
    assert catalogue.path == catalogue_file
