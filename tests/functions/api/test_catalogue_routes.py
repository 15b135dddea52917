"""Groups, tags and agents through the gateway."""

import pytest

from tests.functions.api.conftest import Person, Platform

AGENTS = "/api/v1/agents"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


def test_groups_come_with_the_number_of_their_agents(platform: Platform, ada: Person) -> None:
    listed = platform.gateway.get("/api/v1/groups", token=ada.access_token).json["items"]
    assert [(group["id"], group["agents"]) for group in listed] == [("legal", 1), ("sales", 6), ("tax", 0)]
    assert listed[0].keys() == {"id", "name", "summary", "agents"}


def test_tags_come_with_the_number_of_their_agents(platform: Platform, ada: Person) -> None:
    listed = platform.gateway.get("/api/v1/tags", token=ada.access_token).json["items"]
    assert listed[0] == {"id": "review", "agents": 7}


def test_agents_are_listed_page_by_page_without_gap_or_repeat(platform: Platform, ada: Person) -> None:
    seen: list[str] = []
    query = "limit=3"
    for _ in range(10):
        page = platform.gateway.get(AGENTS, token=ada.access_token, query=query).json
        assert page["total"] == 7
        seen += [card["id"] for card in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=3&cursor={page['next_cursor']}"
    assert seen == sorted(set(seen))
    assert len(seen) == 7


def test_a_card_shows_what_a_list_needs(platform: Platform, ada: Person) -> None:
    (card,) = platform.gateway.get(AGENTS, token=ada.access_token, query="group=legal").json["items"]
    assert card == {
        "id": "legal/nda-reviewer",
        "group": "legal",
        "name": "NDA Reviewer",
        "version": "1.0.0",
        "summary": "Reads a confidentiality agreement clause by clause.",
        "tags": ["contracts", "review", "compliance"],
        "model": "balanced",
    }


@pytest.mark.parametrize(
    ("query", "first", "total"),
    [
        ("q=confidentiality", "legal/nda-reviewer", 1),
        ("q=price+list", "sales/quote-checker", 1),
        ("tag=compliance", "legal/nda-reviewer", 1),
        ("tag=review&group=sales&q=quote+checker", "sales/quote-checker", 1),
    ],
)
def test_agents_are_found_by_words_group_and_tag(
    platform: Platform, ada: Person, query: str, first: str, total: int
) -> None:
    page = platform.gateway.get(AGENTS, token=ada.access_token, query=query).json
    assert (page["items"][0]["id"], page["total"]) == (first, total)


@pytest.mark.parametrize("query", ["group=nowhere", "tag=nothing", "q=zzzz", "q=%00", "q=%22%27%2A%28NEAR"])
def test_a_search_that_finds_nothing_is_an_empty_page(platform: Platform, ada: Person, query: str) -> None:
    answer = platform.gateway.get(AGENTS, token=ada.access_token, query=query)
    assert answer.status == 200
    assert query == "q=%00" or (answer.json["items"], answer.json["next_cursor"], answer.json["total"]) == ([], None, 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=1e9", "query.limit"),
        ("group=../legal", "query.group"),
        ("group=%00", "query.group"),
        ("tag=" + "a" * 51, "query.tag"),
        ("q=" + "a" * 201, "query.q"),
        ("cursor=" + "a" * 501, "query.cursor"),
    ],
)
def test_a_malformed_query_names_the_field(platform: Platform, ada: Person, query: str, field: str) -> None:
    refused = platform.gateway.get(AGENTS, token=ada.access_token, query=query)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [fault["field"] for fault in refused.json["errors"]] == [field]


def test_a_cursor_belongs_to_the_query_it_was_issued_for(platform: Platform, ada: Person) -> None:
    cursor = platform.gateway.get(AGENTS, token=ada.access_token, query="limit=2").json["next_cursor"]
    refused = platform.gateway.get(AGENTS, token=ada.access_token, query=f"limit=2&group=sales&cursor={cursor}")
    assert (refused.status, refused.code) == (400, "invalid_cursor")


@pytest.mark.parametrize("cursor", ["x", "%00", "W10", "e30", "bnVsbA", "WzEsMl0", "%F0%9F%A6%80", "a.b.c"])
def test_a_tampered_cursor_is_refused(platform: Platform, ada: Person, cursor: str) -> None:
    refused = platform.gateway.get(AGENTS, token=ada.access_token, query=f"cursor={cursor}")
    assert (refused.status, refused.code) == (400, "invalid_cursor")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/nowhere/agent", "/nowhere/agent/execute", "/nowhere/a/b/c/d"])
def test_an_agent_of_an_unknown_group_is_not_found(platform: Platform, ada: Person, method: str, path: str) -> None:
    refused = platform.gateway.request(method, f"{AGENTS}{path}", token=ada.access_token)
    assert (refused.status, refused.code) == (404, "agent_not_found")
    assert "nowhere" in refused.json["detail"]


@pytest.mark.parametrize("path", ["/api/v1/groups", "/api/v1/tags", AGENTS, "/api/v1/me", "/api/v1/executions"])
def test_an_unchanged_answer_is_not_sent_again(platform: Platform, ada: Person, path: str) -> None:
    first = platform.gateway.get(path, token=ada.access_token)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for written in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        second = platform.gateway.get(path, token=ada.access_token, headers={"If-None-Match": written})
        assert (second.status, second.text, second.headers["etag"]) == (304, "", tag)
    assert platform.gateway.get(path, token=ada.access_token, headers={"If-None-Match": '"other"'}).status == 200


def test_another_answer_has_another_tag(platform: Platform, ada: Person) -> None:
    tags = {
        platform.gateway.get(AGENTS, token=ada.access_token, query=query).headers["etag"]
        for query in ("", "limit=1", "group=legal")
    }
    assert len(tags) == 3


def test_a_page_counts_what_each_further_choice_would_leave(platform: Platform, ada: Person) -> None:
    page = platform.gateway.get(AGENTS, token=ada.access_token, query="q=review").json
    assert sum(page["facets"]["group"].values()) == page["total"] == 7
    narrowed = platform.gateway.get(AGENTS, token=ada.access_token, query="q=review&group=legal&model=balanced").json
    assert narrowed["total"] == page["facets"]["group"]["legal"] == 1
    assert narrowed["facets"]["group"] == page["facets"]["group"]
    none = platform.gateway.get(AGENTS, token=ada.access_token, query="model=deep").json
    assert (none["total"], none["facets"]["model"]) == (0, {"balanced": 7})


def test_a_mistyped_word_finds_its_agent(platform: Platform, ada: Person) -> None:
    page = platform.gateway.get(AGENTS, token=ada.access_token, query="q=confidentialty").json
    assert page["items"][0]["id"] == "legal/nda-reviewer"


def test_an_ask_is_routed_with_scores_and_a_reason(platform: Platform, ada: Person) -> None:
    body = {"ask": "please read the secrecy agreement that our partner sent", "limit": 2}
    routed = platform.gateway.post(f"{AGENTS}/route", body, token=ada.access_token).json
    first, second = routed["agents"]
    assert first["agent"]["id"] == "legal/nda-reviewer"
    assert 1 >= first["score"] > second["score"] >= 0
    assert "confidentiality agreement" in first["reason"]
    assert routed["fits"] == (first["score"] >= routed["floor"])


@pytest.mark.parametrize("ask", ["hello", "sing me a song", "asdf qwer zxcv"])
def test_an_ask_that_no_agent_does_is_told_so(platform: Platform, ada: Person, ask: str) -> None:
    routed = platform.gateway.post(f"{AGENTS}/route", {"ask": ask}, token=ada.access_token).json
    assert routed["fits"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ask"),
        ({"ask": ""}, "ask"),
        ({"ask": 7}, "ask"),
        ({"ask": "x" * 2_001}, "ask"),
        ({"ask": "x", "limit": 0}, "limit"),
        ({"ask": "x", "limit": 21}, "limit"),
        ({"ask": "x", "agents": []}, "agents"),
    ],
)
def test_a_faulty_ask_is_refused_by_the_name_of_its_field(
    platform: Platform, ada: Person, body: dict, field: str
) -> None:
    answer = platform.gateway.post(f"{AGENTS}/route", body, token=ada.access_token)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


def test_an_ask_needs_a_token(platform: Platform) -> None:
    assert platform.gateway.post(f"{AGENTS}/route", {"ask": "x"}).status == 401
