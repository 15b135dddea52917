"""Past executions through the gateway: one's own, and nobody else's."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from agent_platform.cursors import encode_cursor
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution, ExecutionRepository, TokenUsage
from tests.fakes.aws import AGENT_METRICS_TABLE, OUTBOX_TABLE
from tests.functions.api.conftest import PASSWORD, Person, Platform

EXECUTIONS = "/api/v1/executions"
NDA, QUOTE = "legal/nda-reviewer", "sales/quote-checker"


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


def record(platform: Platform, owner: str, agent_id: str = NDA) -> str:
    """Record an execution the way a group's function does; returns its id."""
    started = datetime.now(UTC)
    execution = Execution(
        id=new_id(),
        agent_id=agent_id,
        agent_version="1.0.0",
        status="succeeded",
        model="claude-sonnet-5-5",
        provider="offline",
        cost_usd=Decimal("0.000123"),
        duration_ms=1200,
        started_at=started,
        owner=owner,
        input={"text": "in"},
        output={"text": "out"},
        error=None,
        usage=TokenUsage(input_tokens=10, output_tokens=20, cache_read_tokens=0, cache_write_tokens=0),
        tool_calls=0,
        finished_at=started + timedelta(milliseconds=1200),
        trace_id="0" * 32,
    )
    repository = ExecutionRepository(platform.settings.executions_table)
    OutboxRecorder(repository, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE)).record(execution)
    return execution.id


def listed(platform: Platform, who: Person, query: str = "") -> list[str]:
    page = platform.gateway.get(EXECUTIONS, token=who.access_token, query=query)
    assert page.status == 200, page
    return [item["id"] for item in page.json["items"]]


def test_my_executions_are_listed_newest_first_without_their_content(platform: Platform, ada: Person) -> None:
    ids = [record(platform, ada.id) for _ in range(3)]
    page = platform.gateway.get(EXECUTIONS, token=ada.access_token).json
    assert [item["id"] for item in page["items"]] == ids[::-1]
    assert page["next_cursor"] is None
    assert "input" not in page["items"][0]


def test_a_list_may_be_narrowed_to_one_agent(platform: Platform, ada: Person) -> None:
    nda, quote_check = record(platform, ada.id, NDA), record(platform, ada.id, QUOTE)
    assert listed(platform, ada, f"agent_id={quote(NDA, safe='')}") == [nda]
    assert listed(platform, ada, f"agent_id={QUOTE}") == [quote_check]


def test_pages_follow_each_other_without_gap_or_repeat(platform: Platform, ada: Person) -> None:
    ids = [record(platform, ada.id) for _ in range(5)]
    seen: list[str] = []
    query = "limit=2"
    while True:
        page = platform.gateway.get(EXECUTIONS, token=ada.access_token, query=query).json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


def test_one_execution_is_shown_whole(platform: Platform, ada: Person) -> None:
    execution_id = record(platform, ada.id)
    shown = platform.gateway.get(f"{EXECUTIONS}/{execution_id}", token=ada.access_token)
    assert shown.status == 200
    assert (shown.json["input"], shown.json["output"], shown.json["error"]) == ({"text": "in"}, {"text": "out"}, None)
    assert shown.json["cost_usd"] == 0.000123
    assert shown.json["started_at"].endswith("Z")


def test_the_execution_of_somebody_else_does_not_exist(platform: Platform, ada: Person) -> None:
    eve = platform.person("eve@example.com")
    execution_id = record(platform, ada.id)
    theirs = platform.gateway.get(f"{EXECUTIONS}/{execution_id}", token=eve.access_token)
    absent = platform.gateway.get(f"{EXECUTIONS}/{new_id()}", token=eve.access_token)
    assert (theirs.status, theirs.code) == (absent.status, absent.code) == (404, "execution_not_found")
    assert listed(platform, eve) == []


def test_an_administrator_may_read_any_execution(platform: Platform, ada: Person) -> None:
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin"])
    token = platform.login("root@example.com").json["access_token"]
    execution_id = record(platform, ada.id)
    assert platform.gateway.get(f"{EXECUTIONS}/{execution_id}", token=token).json["owner"] == ada.id


def test_the_cursor_of_somebody_else_opens_nothing(platform: Platform, ada: Person) -> None:
    eve = platform.person("eve@example.com")
    for _ in range(3):
        record(platform, ada.id)
    cursor = platform.gateway.get(EXECUTIONS, token=ada.access_token, query="limit=1").json["next_cursor"]
    refused = platform.gateway.get(EXECUTIONS, token=eve.access_token, query=f"limit=1&cursor={cursor}")
    assert (refused.status, refused.code) == (400, "invalid_cursor")


@pytest.mark.parametrize("cursor", ["x", "W10", "e30", "bnVsbA", "a.b.c", "%00"])
def test_a_damaged_cursor_is_refused(platform: Platform, ada: Person, cursor: str) -> None:
    refused = platform.gateway.get(EXECUTIONS, token=ada.access_token, query=f"cursor={cursor}")
    assert (refused.status, refused.code) == (400, "invalid_cursor")


@pytest.mark.parametrize("after", ["", "x" * 300, "not an id", "\x00"])
def test_a_cursor_forged_for_the_right_list_is_refused_or_finds_nothing_new(
    platform: Platform, ada: Person, after: str
) -> None:
    record(platform, ada.id)
    cursor = encode_cursor([after], owner=ada.id, agent_id=None)
    answer = platform.gateway.get(EXECUTIONS, token=ada.access_token, query=f"cursor={cursor}")
    assert answer.status in {200, 400}


@pytest.mark.parametrize("execution_id", ["x", "%00", "..%2F..%2Fme", "a" * 101, "'--", "%F0%9F%A6%80"])
def test_an_id_that_is_none_is_not_found(platform: Platform, ada: Person, execution_id: str) -> None:
    refused = platform.gateway.get(f"{EXECUTIONS}/{execution_id}", token=ada.access_token)
    assert refused.status in {404, 422}
    assert refused.code in {"execution_not_found", "route_not_found", "invalid_input"}


@pytest.mark.parametrize("agent_id", ["nda-reviewer", "Legal/NDA", "a/" + "b" * 200, "%00/%00", "a/b/c"])
def test_an_agent_id_that_is_none_is_refused(platform: Platform, ada: Person, agent_id: str) -> None:
    refused = platform.gateway.get(EXECUTIONS, token=ada.access_token, query=f"agent_id={agent_id}")
    assert (refused.status, refused.code) == (422, "invalid_input")


def test_a_table_that_is_down_is_storage_unavailable(platform: Platform, ada: Person) -> None:
    dynamodb().delete_table(TableName=platform.settings.executions_table)
    for path in (EXECUTIONS, f"{EXECUTIONS}/{new_id()}"):
        refused = platform.gateway.get(path, token=ada.access_token)
        assert (refused.status, refused.code) == (503, "storage_unavailable")
        assert refused.headers["retry-after"]
