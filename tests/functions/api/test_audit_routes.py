"""The audit log through the gateway: listed, exported and checked, by administrators only."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from agent_platform.ids import new_id
from agent_platform.storage.audit import AuditLog
from functions.api.routes import audit
from tests.fakes.gateway import Answer
from tests.fakes.platform_events import an_event, kept
from tests.fakes.postgres import Server
from tests.functions.api.conftest import PASSWORD, Platform

LOG, EXPORT, VERIFY = "/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/verify"
FIRST = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return str(platform.login("root@example.com").json["access_token"])


def append(platform: Platform, count: int, filler: str = "") -> None:
    """Events, one a day, of two users by turns."""
    AuditLog(platform.services.engine).append(
        [
            kept(
                an_event(owner=f"user-{number % 2}", filler=filler).model_copy(
                    update={"id": new_id(), "time": FIRST + timedelta(days=number)}
                )
            )
            for number in range(count)
        ]
    )


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer
    return [item["seq"] for item in answer.json["items"]]


class TestList:
    def test_the_newest_comes_first_page_by_page(self, platform: Platform, admin: str) -> None:
        append(platform, 5)
        page = platform.gateway.get(LOG, token=admin, query="limit=3")
        assert numbers(page) == [5, 4, 3]
        assert page.json["items"][0]["event"]["type"] == "agent.executed"
        rest = platform.gateway.get(LOG, token=admin, query=f"limit=3&cursor={page.json['next_cursor']}")
        assert (numbers(rest), rest.json["next_cursor"]) == ([2, 1], None)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("owner=user-1", [4, 2]),
            ("type=agent.executed&subject=post/parcel-weigher", [5, 4, 3, 2, 1]),
            ("type=workflow.started", []),
            ("from=2026-11-22", [5, 4, 3]),
            ("from=2026-11-21&to=2026-11-22", [3, 2]),
            ("to=2026-11-22T12:00:00Z", [2, 1]),
            ("from=2026-11-22T12:00:00Z", [5, 4, 3]),
        ],
    )
    def test_filters(self, platform: Platform, admin: str, query: str, expected: list[int]) -> None:
        append(platform, 5)
        assert numbers(platform.gateway.get(LOG, token=admin, query=query)) == expected

    def test_a_page_stays_below_what_lambda_answers(
        self, platform: Platform, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(platform, 6, filler='"' * 1_000)
        monkeypatch.setattr(audit, "ANSWER_BYTES", 30_000)
        first = platform.gateway.get(LOG, token=admin)
        assert 0 < len(numbers(first)) < 6
        assert len(json.dumps(first.text)) < 31_000
        second = platform.gateway.get(LOG, token=admin, query=f"cursor={first.json['next_cursor']}")
        assert [*numbers(first), *numbers(second)][:4] == [6, 5, 4, 3]

    @pytest.mark.parametrize("query", ["from=yesterday", "to=0001-01-01", "owner=%00", "type=a%00", "limit=101"])
    def test_a_question_that_makes_no_sense(self, platform: Platform, admin: str, query: str) -> None:
        answer = platform.gateway.get(LOG, token=admin, query=query)
        assert (answer.status, answer.code) == (422, "invalid_input")

    def test_a_cursor_of_another_list_is_refused(self, platform: Platform, admin: str) -> None:
        append(platform, 3)
        cursor = platform.gateway.get(LOG, token=admin, query="limit=1").json["next_cursor"]
        answer = platform.gateway.get(LOG, token=admin, query=f"owner=user-1&cursor={cursor}")
        assert (answer.status, answer.code) == (400, "invalid_cursor")


class TestExport:
    def test_whoever_has_the_export_can_check_the_chain(self, platform: Platform, admin: str) -> None:
        append(platform, 5)
        before = bytes(32)
        lines, query = list[str](), "limit=2"
        while query:
            answer = platform.gateway.get(EXPORT, token=admin, query=query)
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines += answer.text.splitlines()
            following = answer.headers.get("x-next-after-seq")
            query = f"limit=2&after_seq={following}" if following else ""
        for number, entry in enumerate(map(json.loads, lines), start=1):
            before = hashlib.sha256(before + entry["canonical"].encode()).digest()
            assert (entry["seq"], entry["hash"]) == (number, before.hex())
            assert json.loads(entry["canonical"])["event"] == entry["event"]
        assert len(lines) == 5

    def test_it_is_a_file_with_a_name(self, platform: Platform, admin: str) -> None:
        append(platform, 5)
        answer = platform.gateway.get(EXPORT, token=admin, query="after_seq=1&limit=3")
        assert answer.headers["content-disposition"] == 'attachment; filename="audit-log-2-to-4.ndjson"'
        assert answer.headers["x-next-after-seq"] == "4"

    def test_behind_the_end_there_is_nothing(self, platform: Platform, admin: str) -> None:
        append(platform, 2)
        for after in (2, 2**63 - 1):
            answer = platform.gateway.get(EXPORT, token=admin, query=f"after_seq={after}")
            assert (answer.status, answer.text, "x-next-after-seq" in answer.headers) == (200, "", False)

    def test_it_stays_below_what_lambda_answers_and_goes_on_behind(
        self, platform: Platform, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(platform, 9, filler='"' * 1_000)
        monkeypatch.setattr(audit, "ANSWER_BYTES", 30_000)
        monkeypatch.setattr(audit, "READ_AT_ONCE", 2)
        found, after = list[int](), "0"
        while after:
            answer = platform.gateway.get(EXPORT, token=admin, query=f"after_seq={after}")
            assert len(json.dumps(answer.text)) < 31_000
            found += [json.loads(line)["seq"] for line in answer.text.splitlines()]
            after = answer.headers.get("x-next-after-seq", "")
        assert found == [*range(1, 10)]

    def test_an_entry_that_is_too_large_by_itself_still_comes(
        self, platform: Platform, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(platform, 2, filler="x" * 1_000)
        monkeypatch.setattr(audit, "ANSWER_BYTES", 100)
        assert len(platform.gateway.get(EXPORT, token=admin).text.splitlines()) == 1
        assert numbers(platform.gateway.get(LOG, token=admin)) == [2]


class TestVerify:
    def test_an_intact_log(self, platform: Platform, admin: str) -> None:
        append(platform, 5)
        found = platform.gateway.get(VERIFY, token=admin).json
        assert found == {
            "verified_from": 1,
            "verified_to": 5,
            "intact": True,
            "broken_at": None,
            "head_seq": 5,
            "head_hash": AuditLog(platform.services.engine).head().hash,
        }
        part = platform.gateway.get(VERIFY, token=admin, query="from_seq=2&to_seq=3").json
        assert (part["verified_from"], part["verified_to"], part["intact"]) == (2, 3, True)

    def test_an_entry_that_was_changed_is_named(
        self, platform: Platform, admin: str, postgres: Server, database: str
    ) -> None:
        append(platform, 5)
        postgres.administer(
            "SET session_replication_role = replica; UPDATE audit_log SET owner = 'user-9' WHERE seq = 3", database
        )
        found = platform.gateway.get(VERIFY, token=admin).json
        assert (found["intact"], found["broken_at"]) == (False, 3)

    def test_an_empty_log_is_intact(self, platform: Platform, admin: str) -> None:
        found = platform.gateway.get(VERIFY, token=admin).json
        assert (found["verified_to"], found["intact"], found["head_seq"]) == (0, True, 0)

    def test_behind_the_end_nothing_is_called_intact(self, platform: Platform, admin: str) -> None:
        append(platform, 3)
        refused = platform.gateway.get(VERIFY, token=admin, query="from_seq=4")
        assert (refused.status, refused.code) == (422, "invalid_input")
        assert "the log ends at entry 3" in refused.json["detail"]
        assert refused.json["errors"] == [{"field": "query.from_seq", "message": "lies behind the end of the log, 3"}]


def test_nobody_but_an_administrator_sees_it(platform: Platform) -> None:
    append(platform, 1)
    person = platform.person()
    for path in (LOG, EXPORT, VERIFY):
        answer = platform.gateway.get(path, token=person.access_token)
        assert (answer.status, answer.code) == (403, "forbidden")
        assert platform.gateway.get(path).status == 401
