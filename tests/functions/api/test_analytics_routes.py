"""Analytics through the gateway, from events that went through the audit log and its projections."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.analytics import manager
from agent_platform.analytics.projections import Projections
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.ids import new_id
from agent_platform.resilience.accounts import Accounts
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Failure
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.runs import RunFailure
from tests.fakes.aws import ACCOUNTS_TABLE
from tests.fakes.executions import an_execution
from tests.fakes.gateway import Answer
from tests.fakes.platform_events import kept
from tests.fakes.runs import a_run
from tests.functions.api.conftest import PASSWORD, Person, Platform

NDA, QUOTE = "legal/nda-reviewer", "sales/quote-checker"
DAY = datetime(2026, 11, 10, tzinfo=UTC)
LATER = DAY + timedelta(days=2)
TEN_DAYS = "from=2026-11-05&to=2026-11-14"

OF_RANGES = ["overview", "timeseries", "agents", "groups", "errors", "latency", "workflows"]
LISTS = ["timeseries", "agents", "groups", "users", "errors", "latency", "workflows", "budgets"]


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


@pytest.fixture
def bob(platform: Platform) -> Person:
    return platform.person("bob@example.com")


@pytest.fixture
def admin(platform: Platform) -> Person:
    user = platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return Person(user.id, platform.login("root@example.com").json["access_token"], "")


@pytest.fixture
def happened(platform: Platform, ada: Person, bob: Person) -> Callable[..., None]:
    """Ada executed three times, of which one failed, and Bob once, three days before; each had a run that failed."""

    def more(*events: str) -> None:
        engine = platform.services.engine
        AuditLog(engine).append([kept(CloudEvent.model_validate_json(event)) for event in events])
        Projections(ProjectionTables(engine)).advance()

    more(
        executed(ada, DAY + timedelta(hours=9), cost="0.5", milliseconds=1_000),
        executed(ada, DAY + timedelta(hours=9, minutes=30), cost="0.25", milliseconds=2_000),
        executed(ada, DAY + timedelta(days=1), agent_id=QUOTE, failed="model_timed_out", milliseconds=40_000),
        executed(bob, DAY - timedelta(days=3), cost="4", milliseconds=100, model="claude-haiku-5-5"),
        *(event for who in (ada, bob) for event in ran(who)),
    )
    return more


def executed(
    who: Person,
    ended: datetime,
    *,
    agent_id: str = NDA,
    cost: str = "0",
    milliseconds: int = 1,
    failed: str | None = None,
    **changes: Any,
) -> str:
    execution = an_execution(
        id=new_id(),
        agent_id=agent_id,
        owner=who.id,
        status="failed" if failed else "succeeded",
        error=Failure(code=failed, message="It went wrong.") if failed else None,
        cost_usd=Decimal(cost),
        duration_ms=milliseconds,
        started_at=ended - timedelta(milliseconds=milliseconds),
        finished_at=ended,
        **changes,
    )
    return agent_executed(execution, "outbox").event


def ran(who: Person) -> list[str]:
    run = a_run(
        id=new_id(),
        owner=who.id,
        principal=PrincipalDocument(user_id=who.id),
        workflow_name="Onboarding",
        started_at=DAY,
    )
    end = {
        "status": "failed",
        "finished_at": DAY + timedelta(seconds=90),
        "duration_ms": 90_000,
        "cost_usd": Decimal("0.75"),
        "error": RunFailure(code="model_timed_out", message="Late."),
    }
    return [workflow_started(run, "outbox").event, workflow_ended(run.model_copy(update=end), "outbox").event]


def ask(platform: Platform, report: str, who: Person, query: str = TEN_DAYS, **more: Any) -> Answer:
    return platform.gateway.get(f"/api/v1/analytics/{report}", token=who.access_token, query=query, **more)


def table(answer: Answer) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return [*csv.DictReader(io.StringIO(answer.text, newline=""), strict=True)]


def counted(report: dict[str, Any]) -> int:
    """The executions or runs that a report covers."""
    rows = report.get("items", report.get("points")) if "now" not in report else [report["now"]]
    names = ("executions", "count", "runs")
    return sum(next(row[name] for name in names if name in row) for row in rows or [])


@pytest.mark.usefixtures("happened")
class TestReports:
    def test_the_overview_sums_up_and_compares(self, platform: Platform, ada: Person) -> None:
        report = ask(platform, "overview", ada, "from=2026-11-10&to=2026-11-11").json
        now, before = report["now"], report["before"]
        assert (now["executions"], now["succeeded"], now["failed"], now["cost_usd"]) == (3, 2, 1, 0.75)
        assert now["success_share"] == pytest.approx(2 / 3)
        assert now["p50_ms"] == pytest.approx(2_000, rel=0.05)
        assert now["p99_ms"] == pytest.approx(40_000, rel=0.05)
        assert (before["executions"], before["success_share"], before["p50_ms"]) == (0, None, None)
        assert (report["start"], report["end"]) == ("2026-11-10T00:00:00Z", "2026-11-12T00:00:00Z")
        assert (report["as_of"], report["complete"]) == ("2026-11-11T00:00:00Z", True)
        later = ask(platform, "overview", ada, "from=2026-11-12&to=2026-11-13").json
        assert (later["now"]["executions"], later["before"]["executions"]) == (0, 3)

    def test_a_series_has_no_gaps(self, platform: Platform, ada: Person) -> None:
        report = ask(platform, "timeseries", ada, "from=2026-11-08&to=2026-11-12").json
        assert report["grain"] == "day"
        assert [(point["period"][:10], point["executions"], point["failed"]) for point in report["points"]] == [
            ("2026-11-08", 0, 0),
            ("2026-11-09", 0, 0),
            ("2026-11-10", 2, 0),
            ("2026-11-11", 1, 1),
            ("2026-11-12", 0, 0),
        ]
        hours = ask(platform, "timeseries", ada, "from=2026-11-10T08:00:00Z&to=2026-11-10T11:00:00Z&grain=hour").json
        assert [(point["period"][11:13], point["executions"]) for point in hours["points"]] == [
            ("08", 0),
            ("09", 2),
            ("10", 0),
        ]
        assert hours["points"][1]["p95_ms"] == pytest.approx(2_000, rel=0.05)
        assert hours["points"][0]["p95_ms"] is None

    @pytest.mark.parametrize(
        ("by", "first"), [("executions", NDA), ("cost_usd", NDA), ("failed", QUOTE), ("duration_ms", QUOTE)]
    )
    def test_top_agents(self, platform: Platform, ada: Person, by: str, first: str) -> None:
        items = ask(platform, "agents", ada, f"{TEN_DAYS}&by={by}").json["items"]
        assert {item["agent_id"] for item in items} == {NDA, QUOTE}
        assert (items[0]["agent_id"], items[0]["group"]) == (first, first.partition("/")[0])
        of_quote = next(item for item in items if item["agent_id"] == QUOTE)
        assert of_quote["p50_ms"] == pytest.approx(40_000, rel=0.05)
        (only,) = ask(platform, "agents", ada, f"{TEN_DAYS}&by={by}&limit=1").json["items"]
        assert only == items[0]

    def test_cost_by_group_and_user(self, platform: Platform, ada: Person, bob: Person, admin: Person) -> None:
        groups = ask(platform, "groups", admin).json["items"]
        assert [(item["group"], item["cost_usd"]) for item in groups] == [("legal", 4.75), ("sales", 0)]
        users = ask(platform, "users", admin).json["items"]
        assert [(item["user_id"], item["email"], item["name"], item["cost_usd"]) for item in users] == [
            (bob.id, "bob@example.com", "Ada", 4),
            (ada.id, "ada@example.com", "Ada", 0.75),
        ]

    def test_a_user_whose_account_is_gone_is_told_by_id(
        self, platform: Platform, happened: Callable[..., None], admin: Person
    ) -> None:
        for unknown in ("0197f0c4-0000-7000-8000-000000000000", "nobody"):
            happened(executed(Person(unknown, "", ""), DAY))
            users = ask(platform, "users", admin).json["items"]
            assert (unknown, None) in [(item["user_id"], item["email"]) for item in users]

    def test_why_executions_failed(self, platform: Platform, happened: Callable[..., None], ada: Person) -> None:
        for code in ("model_timed_out", "model_overloaded"):
            happened(executed(ada, DAY, agent_id=QUOTE, failed=code))
        items = ask(platform, "errors", ada).json["items"]
        assert [(item["code"], item["agent_id"], item["group"], item["count"]) for item in items] == [
            ("model_timed_out", QUOTE, "sales", 2),
            ("model_overloaded", QUOTE, "sales", 1),
        ]
        assert items[0]["share"] == pytest.approx(2 / 3)

    def test_latency_by_agent_and_model(self, platform: Platform, admin: Person) -> None:
        report = ask(platform, "latency", admin).json
        assert [item["name"] for item in report["items"]] == [QUOTE, NDA]
        assert report["items"][1]["executions"] == 3
        assert report["overall"]["p99_ms"] == pytest.approx(40_000, rel=0.05)
        models = ask(platform, "latency", admin, f"{TEN_DAYS}&by=model").json["items"]
        assert ("claude-haiku-5-5", 1) in [(item["name"], item["executions"]) for item in models]

    def test_workflows(self, platform: Platform, ada: Person) -> None:
        report = ask(platform, "workflows", ada).json
        (item,) = report["items"]
        assert (item["workflow_name"], item["runs"], item["failed"]) == ("Onboarding", 1, 1)
        assert (item["success_share"], item["mean_duration_ms"], item["cost_usd"]) == (0, 90_000, 0.75)
        (failure,) = report["failures"]
        assert (failure["status"], failure["error_code"]) == ("failed", "model_timed_out")

    @pytest.mark.parametrize("report", ["overview", "timeseries", "agents", "groups", "latency", "users"])
    def test_filters(self, platform: Platform, admin: Person, report: str) -> None:
        for filter_, executions in {
            f"agent_id={NDA}": 3,
            "group=legal": 3,
            "model=claude-haiku-5-5": 1,
            "group=legal&model=none": 0,
        }.items():
            assert counted(ask(platform, report, admin, f"{TEN_DAYS}&{filter_}").json) == executions, filter_

    def test_without_a_range_the_last_seven_days_are_told(
        self, platform: Platform, happened: Callable[..., None], ada: Person
    ) -> None:
        happened(executed(ada, datetime.now(UTC)), executed(ada, datetime.now(UTC) - timedelta(days=8)))
        report = ask(platform, "timeseries", ada, "").json
        assert len(report["points"]) == 7
        assert counted(report) == report["points"][-1]["executions"] == 1

    def test_figures_that_are_being_computed_anew_are_told_to_be_incomplete(
        self, platform: Platform, ada: Person
    ) -> None:
        ProjectionTables(platform.services.engine).begin_rebuild()
        assert ask(platform, "overview", ada).json["complete"] is False
        Projections(ProjectionTables(platform.services.engine)).advance()
        assert ask(platform, "overview", ada).json["complete"] is True

    @pytest.mark.parametrize("report", ["overview", *LISTS])
    def test_figures_have_no_more_decimals_than_they_mean(self, platform: Platform, admin: Person, report: str) -> None:
        spend(f"user#{admin.id}", "1", ceiling="3")
        figures = decimals(ask(platform, report, admin).json)
        assert {name: most for name, most in figures.items() if name.endswith("_ms") and most > 3} == {}
        assert {name: most for name, most in figures.items() if name.endswith("share") and most > 6} == {}

    def test_each_report_tells_how_far_its_own_figures_are(
        self, platform: Platform, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Usage is at the end of the log; the history of workflows is behind, by what counts as just being applied."""
        monkeypatch.setattr(manager, "CHUNK", 2)
        tables, log = ProjectionTables(platform.services.engine), AuditLog(platform.services.engine)
        behind = {each.name: each.as_of for each in tables.states()}["workflow_history"]
        for events, complete in ((2, True), (1, False)):
            log.append([kept(CloudEvent.model_validate_json(executed(ada, LATER))) for _ in range(events)])
            tables.apply("usage", 100)
            overview, workflows = (ask(platform, report, ada).json for report in ("overview", "workflows"))
            assert (overview["as_of"], overview["complete"]) == (f"{LATER:%FT%TZ}", True)
            assert (workflows["as_of"], workflows["complete"]) == (f"{behind:%FT%TZ}", complete)


def decimals(told: Any, name: str = "") -> dict[str, int]:
    """How many decimals each named figure of an answer has at most."""
    found: dict[str, int] = {}
    inner = (
        told.items() if isinstance(told, dict) else [(name, each) for each in told] if isinstance(told, list) else []
    )
    for key, value in inner:
        for each, most in decimals(value, key).items():
            found[each] = max(most, found.get(each, 0))
    return {name: len(str(told).partition(".")[2])} if isinstance(told, float) else found


@pytest.mark.usefixtures("happened")
class TestWhoSeesWhat:
    """Each report, as Ada, as Bob and as an administrator."""

    @pytest.mark.parametrize("report", OF_RANGES)
    def test_users_see_their_own_and_administrators_everybodys(
        self, platform: Platform, ada: Person, bob: Person, admin: Person, report: str
    ) -> None:
        own = {who.id: ask(platform, report, who) for who in (ada, bob)}
        whole = ask(platform, report, admin)
        assert whole.status == 200
        assert counted(own[ada.id].json) + counted(own[bob.id].json) == counted(whole.json) > 0
        assert counted(ask(platform, report, admin, f"{TEN_DAYS}&scope=mine").json) == 0
        for who in (ada, bob):
            assert ask(platform, report, who, f"{TEN_DAYS}&scope=mine&owner={who.id}").json == own[who.id].json
            assert ask(platform, report, admin, f"{TEN_DAYS}&owner={who.id}").json == own[who.id].json

    @pytest.mark.parametrize("report", OF_RANGES)
    def test_nobody_sees_another_users(self, platform: Platform, ada: Person, bob: Person, report: str) -> None:
        for query in (f"owner={bob.id}", "scope=all", f"scope=all&owner={ada.id}", f"scope=mine&owner={bob.id}"):
            for form in ("json", "csv"):
                answer = ask(platform, report, ada, f"{TEN_DAYS}&{query}&format={form}")
                assert (answer.status, answer.code) == (403, "forbidden")
                assert bob.id not in answer.text

    @pytest.mark.parametrize("query", ["", "format=csv", "scope=mine"])
    def test_what_each_user_costs_is_the_administrators(self, platform: Platform, ada: Person, query: str) -> None:
        answer = ask(platform, "users", ada, query)
        assert (answer.status, answer.code) == (403, "forbidden")

    def test_without_a_token_there_is_no_report(self, platform: Platform) -> None:
        for report in ("overview", *LISTS):
            assert platform.gateway.get(f"/api/v1/analytics/{report}").status == 401

    def test_mine_and_somebody_elses_contradict(self, platform: Platform, admin: Person, ada: Person) -> None:
        answer = ask(platform, "overview", admin, f"scope=mine&owner={ada.id}")
        assert (answer.status, answer.code) == (422, "invalid_input")


class TestBudgets:
    def test_everybody_sees_their_own(self, platform: Platform, ada: Person, bob: Person) -> None:
        spend(f"user#{bob.id}", "90")
        spend(f"user#{ada.id}", "25")
        report = ask(platform, "budgets", ada, "").json
        assert report["items"] == []
        mine = report["mine"]
        assert (mine["kind"], mine["id"], mine["name"]) == ("user", ada.id, "ada@example.com")
        assert (mine["used_share"], mine["budget"]["available_usd"]) == (0.25, 75)
        assert mine["projected_usd"] >= 25

    def test_administrators_see_those_that_are_most_nearly_gone(
        self, platform: Platform, ada: Person, bob: Person, admin: Person
    ) -> None:
        spend(f"user#{ada.id}", "2", ceiling="4")
        spend(f"user#{bob.id}", "40")
        spend(f"agent#{NDA}", "9", ceiling="10")
        spend("user#nobody", "1")
        items = ask(platform, "budgets", admin, "").json["items"]
        assert [(item["kind"], item["id"], item["name"], item["used_share"]) for item in items] == [
            ("agent", NDA, None, 0.9),
            ("user", ada.id, "ada@example.com", 0.5),
            ("user", bob.id, "bob@example.com", 0.4),
            ("user", "nobody", None, 0.01),
        ]
        rows = table(ask(platform, "budgets", admin, "format=csv&limit=2"))
        assert [row["id"] for row in rows] == [admin.id, NDA, ada.id]
        assert rows[1]["budget.spent_usd"] == "9.0"

    def test_what_was_spent_in_another_month_is_not_told(self, platform: Platform, ada: Person, admin: Person) -> None:
        spend(f"user#{ada.id}", "2")
        change = {"UpdateExpression": "SET #p = :p", "ExpressionAttributeNames": {"#p": "period"}}
        dynamodb().update_item(
            TableName=ACCOUNTS_TABLE,
            Key={"id": {"S": f"user#{ada.id}"}},
            ExpressionAttributeValues={":p": {"S": "2020-02"}},
            **change,
        )
        assert ask(platform, "budgets", admin, "").json["items"] == []


def spend(account: str, usd: str, ceiling: str = "100") -> None:
    accounts = Accounts(ACCOUNTS_TABLE)
    reservation = accounts.admit(account, new_id(), Decimal(usd), Decimal(ceiling), whose="x")
    dynamodb().transact_write_items(TransactItems=[accounts.settlement(reservation, Decimal(usd))])


class TestCsv:
    @pytest.mark.usefixtures("happened")
    @pytest.mark.parametrize("report", LISTS)
    def test_every_list_is_a_table_of_the_same_rows(self, platform: Platform, admin: Person, report: str) -> None:
        answer = ask(platform, report, admin, f"{TEN_DAYS}&format=csv")
        rows, report_ = table(answer), ask(platform, report, admin).json
        expected = report_.get("points", report_.get("items")) if report != "budgets" else [report_["mine"]]
        assert len(rows) == len(expected) > 0
        for name, value in expected[0].items():
            if not isinstance(value, dict):
                assert rows[0][name] == ("" if value is None else str(value)), name
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{report}-2026-11-')

    def test_the_accept_header_asks_for_it(self, platform: Platform, ada: Person) -> None:
        for accept, is_csv in {
            "text/csv": True,
            "text/csv, */*;q=0.1": True,
            "text/csv;q=0.9, application/json;q=0.5": True,
            "application/json;q=0.9, TEXT/CSV": True,
            "application/json, text/csv": False,
            "text/csv;q=0": False,
            "text/csv;q=inf": False,
            "*/*": False,
            "": False,
            ";;,,q=": False,
        }.items():
            answer = ask(platform, "groups", ada, headers={"Accept": accept})
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/csv") == is_csv, accept

    def test_the_query_says_it_louder(self, platform: Platform, ada: Person) -> None:
        answer = ask(platform, "groups", ada, "format=json", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"] == "application/json"

    def test_a_name_that_a_spreadsheet_would_execute_is_text(self, platform: Platform, admin: Person) -> None:
        mallory = platform.services.users.ensure("mallory@example.com", PASSWORD, "=1+1", ["user"])
        engine = platform.services.engine
        event = CloudEvent.model_validate_json(executed(Person(mallory.id, "", ""), DAY))
        AuditLog(engine).append([kept(event)])
        Projections(ProjectionTables(engine)).advance()
        (row,) = table(ask(platform, "users", admin, f"{TEN_DAYS}&format=csv"))
        assert row["name"] == "'=1+1"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "query",
        [
            "from=yesterday",
            "from=2026-11-20&to=2026-11-10",
            "from=2025-01-01&to=2026-11-10",
            "from=0001-01-01&to=0001-01-05",
            "to=9999-12-31",
            "agent_id=%00",
            "agent_id=nda-reviewer",
            "group=%00",
            "model=a%00b",
            "owner=%00",
            "scope=everybody",
        ],
    )
    def test_a_question_that_makes_no_sense(self, platform: Platform, ada: Person, query: str) -> None:
        for report in OF_RANGES:
            answer = ask(platform, report, ada, query)
            assert (answer.status, answer.code) == (422, "invalid_input"), report
            assert answer.json["errors"]

    @pytest.mark.parametrize("query", ["limit=0", "limit=2001", "limit=x", "format=xml"])
    def test_a_limit_that_is_none(self, platform: Platform, ada: Person, query: str) -> None:
        assert ask(platform, "agents", ada, query).code == "invalid_input"

    def test_too_many_hours(self, platform: Platform, ada: Person) -> None:
        answer = ask(platform, "timeseries", ada, "from=2026-10-01&to=2026-11-01&grain=hour")
        assert (answer.status, [each["field"] for each in answer.json["errors"]]) == (422, ["query.grain"])
        assert ask(platform, "timeseries", ada, "from=2026-10-01&to=2026-10-31&grain=hour").status == 200

    def test_a_database_that_does_not_answer_is_said(self, platform: Platform, ada: Person) -> None:
        platform.services.engine.dispose()
        platform.services.__dict__["engine"] = unreachable(platform)
        answer = ask(platform, "overview", ada)
        assert (answer.status, answer.code) == (503, "storage_unavailable")


def unreachable(platform: Platform) -> Any:
    from agent_platform.storage.postgres import DatabaseCredentials, open_engine

    nowhere = {"host": "127.0.0.1", "port": 1, "username": "x", "password": "x", "dbname": "x"}
    return open_engine(lambda: DatabaseCredentials.model_validate(nowhere))


def test_an_unchanged_report_is_not_sent_again(platform: Platform, happened: object, ada: Person) -> None:
    first = ask(platform, "groups", ada)
    again = ask(platform, "groups", ada, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
