"""Finding agents: by id, by words, by group and tag, page by page, whatever somebody types."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.compile import compile_catalogue
from agent_platform.cursors import encode_cursor
from agent_platform.errors import InvalidCursor
from agent_platform.finding.search import AgentSearch
from agent_platform.finding.text_index import write_text_index
from tests.fakes.definitions import write_definition, write_vocabulary

TOPICS = ("letter", "parcel", "card", "crate", "barrel", "bundle", "basket", "bottle", "carton", "casket", "coffer")


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory):
    """Eleven agents of two groups."""
    folder = tmp_path_factory.mktemp("post")
    root = folder / "agent_defs"
    write_vocabulary(root, "post", "sea")
    for number, topic in enumerate(TOPICS):
        tags = ["logistics", "pricing", "review"] if number % 2 else ["logistics", "review", "safety"]
        write_definition(root, f"{'sea' if topic[0] == 'b' else 'post'}/{topic}-weigher", topic, tags=tags)
    (root / "tags.yaml").write_text("logistics: a\npricing: b\nreview: c\nsafety: d\n")
    compile_catalogue(root, folder / "agents.sqlite")
    with closing(Catalogue(folder / "agents.sqlite")) as catalogue:
        write_text_index(catalogue.definitions(), folder / "text")
        yield AgentSearch(catalogue, folder)


ALL = sorted(f"{'sea' if topic[0] == 'b' else 'post'}/{topic}-weigher" for topic in TOPICS)


def found(search: AgentSearch, *args, **kwargs) -> list[str]:
    return [card.id for card in search.search(*args, **{"limit": 100, **kwargs}).items]


def walked(search: AgentSearch, limit: int, *args, **kwargs) -> list[str]:
    """The ids on all pages, one after the other."""
    seen, cursor = [], None
    while True:
        page = search.search(*args, **kwargs, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        seen += [card.id for card in page.items]
        if page.next_cursor is None:
            return seen
        assert len(page.items) == limit
        cursor = page.next_cursor


def test_a_card_shows_what_a_list_needs(post: AgentSearch):
    (card,) = post.search("parcel").items
    assert card.model_dump() == {
        "id": "post/parcel-weigher",
        "group": "post",
        "name": "Parcel Weigher",
        "version": "1.0.0",
        "summary": "Weighs a parcel and names the class of the tariff that it belongs to.",
        "tags": ["logistics", "pricing", "review"],
        "model": "balanced",
    }


def test_without_words_all_agents_are_listed_by_id(post: AgentSearch):
    assert found(post) == ALL


@pytest.mark.parametrize(
    "words",
    ["parcel", "PARCEL", "parcels", "parc", "weigh parcel", "weigher parc", "parcel-weigher", "post/parcel-weigher"],
)
def test_words_and_their_beginnings_find_an_agent_in_any_case(post: AgentSearch, words: str):
    assert found(post, words)[0] == "post/parcel-weigher"


def test_every_word_must_stand_in_an_agent_as_long_as_one_has_them_all(post: AgentSearch):
    assert found(post, "tariff barrel") == ["sea/barrel-weigher"]


def test_where_no_agent_has_all_words_those_with_any_are_found(post: AgentSearch):
    assert set(found(post, "barrel parcel")) == {"sea/barrel-weigher", "post/parcel-weigher"}
    assert found(post, "barrel zeppelin") == ["sea/barrel-weigher"]


def test_words_that_stand_nowhere_find_nothing(post: AgentSearch):
    page = post.search("zeppelin")
    assert (page.items, page.total, page.next_cursor) == ([], 0, None)


def test_a_group_and_a_tag_narrow_the_list_and_the_search(post: AgentSearch):
    sea = [each for each in ALL if each.startswith("sea/")]
    assert found(post, group="sea") == sea
    assert set(found(post, tag="pricing")) | set(found(post, tag="safety")) == set(ALL)
    assert not set(found(post, tag="pricing")) & set(found(post, tag="safety"))
    assert set(found(post, "tariff", "sea", "pricing")) == set(sea) & set(found(post, tag="pricing"))
    assert found(post, "parcel", "sea") == []


@pytest.mark.parametrize("nobody", ["nobody", "Post", "post/", "'; DROP TABLE agents; --", "%", ""])
def test_a_group_or_tag_that_does_not_exist_has_no_agents_and_an_empty_one_is_none(post: AgentSearch, nobody: str):
    expected = [] if nobody else ALL
    assert found(post, group=nobody) == expected
    assert found(post, tag=nobody) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10, 11, 100])
@pytest.mark.parametrize(
    "query",
    [{}, {"q": "tariff"}, {"q": "letter parcel card barrel"}, {"tag": "safety"}, {"q": "weigher", "group": "post"}],
    ids=str,
)
def test_pages_show_each_agent_exactly_once_in_the_order_of_one_long_page(post: AgentSearch, limit: int, query: dict):
    assert walked(post, limit, **query) == found(post, **query)


def test_the_total_is_the_same_on_every_page(post: AgentSearch):
    first = post.search("tariff", limit=4)
    second = post.search("tariff", limit=4, cursor=first.next_cursor)
    assert first.total == second.total == len(ALL)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"q": "parcel"},
        {"q": "tariff", "group": "post"},
        {"q": "tariff", "tag": "pricing"},
        {"q": "tariff", "model": "fast"},
    ],
    ids=str,
)
def test_a_cursor_of_another_query_is_refused(post: AgentSearch, other: dict):
    cursor = post.search("tariff", limit=2).next_cursor
    with pytest.raises(InvalidCursor):
        post.search(**other, limit=2, cursor=cursor)


def test_a_cursor_outlives_another_page_size_and_the_case_of_the_words(post: AgentSearch):
    first = post.search("tariff", limit=2)
    rest = post.search("TARIFF!", limit=100, cursor=first.next_cursor)
    assert [card.id for card in (*first.items, *rest.items)] == found(post, "tariff")


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "bnVsbA", "é", "=" * 10, "A" * 10_000])
def test_a_damaged_cursor_is_refused(post: AgentSearch, cursor: str):
    for q in ("", "tariff", "zeppelin"):
        with pytest.raises(InvalidCursor):
            post.search(q, cursor=cursor)


@pytest.mark.parametrize("after", [[1], [7], [10_000], [9_999]], ids=repr)
def test_a_forged_cursor_of_the_right_list_finds_agents_or_none_but_never_fails(post: AgentSearch, after: list):
    cursor = encode_cursor(after, q=["tariff"], group=None, tag=None, model=None)
    assert set(found(post, "tariff", cursor=cursor)) <= set(ALL)


@pytest.mark.parametrize("after", [[0], [-1], [10_001], [10**30]], ids=repr)
def test_a_forged_cursor_outside_of_the_list_is_refused(post: AgentSearch, after: list):
    with pytest.raises(InvalidCursor):
        post.search("tariff", cursor=encode_cursor(after, q=["tariff"], group=None, tag=None, model=None))


@pytest.mark.parametrize(
    "q",
    [
        *(
            '"',
            '""',
            '"parcel',
            "*",
            "parcel*",
            "^parcel",
            "-parcel",
            "+parcel",
            "(",
            ")",
            "((((",
            "%",
            "_",
            "__",
            "a_b",
        ),
        *("NEAR(parcel letter, 5)", "parcel NOT letter", "parcel AND", "OR", "name:parcel", "{name summary}: parcel"),
        *("agents_text", "'; DROP TABLE agents; --", "\\", "/", "😀", "👩‍👩‍👧 parcel", "\0", "par\0cel", "\ud800"),
        *("é", "e\u0301", "日本語", "ß", "İ", "²", "٣", "क्ष", "\u202eparcel", " ", "\t\n"),
        *("x" * 10_240, "parcel " * 1_500, "é" * 5_000, "a b c d e f g h i j k l m n o p q r"),
    ],
    ids=lambda q: repr(q)[:30],
)
def test_no_question_breaks_the_search(post: AgentSearch, q: str):
    page = post.search(q, limit=100)
    assert len(page.items) == page.total <= len(ALL)
    assert walked(post, 3, q) == [card.id for card in page.items]


@pytest.mark.parametrize(
    "q", ['"parcel"', "parcel*", "^parcel", "name:parcel", "parcel?", "(parcel)", "\u202eparcel", "👩‍👩‍👧 parcel"]
)
def test_signs_around_a_word_do_not_hide_it(post: AgentSearch, q: str):
    assert found(post, q)[0] == "post/parcel-weigher"


def test_a_question_of_common_words_alone_still_finds_agents(post: AgentSearch):
    assert set(found(post, "the tariff when you")) == set(ALL)


def test_many_threads_may_search_one_catalogue(post: AgentSearch):
    def work(number: int) -> bool:
        topic = TOPICS[number % len(TOPICS)]
        agent_id = f"{'sea' if topic[0] == 'b' else 'post'}/{topic}-weigher"
        return found(post, topic)[0] == agent_id and found(post) == ALL

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_every_agent_is_found_first_by_its_name(catalogue: Catalogue, finding_folder: Path):
    search = AgentSearch(catalogue, finding_folder)
    for card in catalogue.cards():
        assert found(search, card.name)[0] == card.id


@pytest.mark.parametrize(
    "typed", ["parcle", "parcl", "parzel", "pparcel", "parel", "parcle-weigher", "weigher parcle", "PÄRCEL"]
)
def test_a_mistyped_word_finds_what_was_meant(post: AgentSearch, typed: str):
    assert found(post, typed)[0] == "post/parcel-weigher"


@pytest.mark.parametrize("typed", ["xyz", "pakeet", "zeppelin", "pa7"])
def test_a_word_that_is_far_from_all_is_not_taken_for_one_of_them(post: AgentSearch, typed: str):
    assert found(post, typed) == []


def test_a_well_typed_word_is_never_taken_for_another(post: AgentSearch):
    """`card` is a letter away from nothing that stands here, but `carton` begins alike."""
    assert found(post, "card")[0] == "post/card-weigher"
    assert "post/parcel-weigher" not in found(post, "card")


def test_each_choice_is_counted_as_the_next_click_would_count_it(post: AgentSearch):
    everything = post.search("weigher")
    assert everything.facets["group"] == {"post": 7, "sea": 4}
    assert everything.facets["model"] == {"balanced": 11}
    for group, number in everything.facets["group"].items():
        narrowed = post.search("weigher", group)
        assert narrowed.total == number
        assert narrowed.facets["group"] == everything.facets["group"], "the other groups stay to be chosen"
        for tag, tagged in narrowed.facets["tag"].items():
            assert post.search("weigher", group, tag).total == tagged


def test_a_model_tier_narrows_the_list(post: AgentSearch):
    assert found(post, model="balanced") == ALL
    assert found(post, "parcel", model="deep") == []


def test_an_index_opens_where_nothing_may_be_written(post: AgentSearch, finding_folder: Path):
    """As a layer in Lambda: another user, no right to write."""
    code = (
        "import os, sys; from pathlib import Path; from agent_platform.finding.text_index import TextIndex\n"
        "folder = Path(sys.argv[1])\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "print(len(TextIndex(folder).search(['invoice'], {}, limit=3).rows))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "text"
        shutil.copytree(finding_folder / "text", copy)
        Path(place).chmod(0o755)
        for path in (*copy.iterdir(), copy):
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = subprocess.run(
            [sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False, env=environment
        )
        copy.chmod(0o755)
    assert (done.stdout.strip(), done.stderr) == ("3", "")
