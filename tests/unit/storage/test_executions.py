"""Executions in DynamoDB: recorded with event and counts or not at all, and seen by their owner alone."""

import json
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from agent_platform.cursors import encode_cursor
from agent_platform.errors import (
    ConfigurationError,
    ExecutionNotFound,
    InvalidCursor,
    PlatformError,
    StorageUnavailable,
)
from agent_platform.events.executions import agent_executed
from agent_platform.ids import new_id
from agent_platform.storage import transactions
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import (
    RETENTION_DAYS,
    Execution,
    ExecutionRepository,
    ExecutionStatus,
    Failure,
)
from agent_platform.storage.outbox import RETENTION_SECONDS, OutboxEvent
from agent_platform.storage.payloads import INLINE_BYTES
from agent_platform.storage.transactions import LAST_TRIES, TRIES, Rider
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.executions import an_execution

__all__ = ["dynamodb_faults"]


@pytest.fixture
def repository(executions_table: str) -> ExecutionRepository:
    return ExecutionRepository(executions_table)


COUNTERS = AgentCounters(AGENT_METRICS_TABLE)

RODE_ALONG: Any = {"Put": {"TableName": EXECUTIONS_TABLE, "Item": {"id": {"S": "rode along"}}}}


def items(table: str) -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=table)["Items"]


def record(repository: ExecutionRepository, execution: Execution, event: OutboxEvent | None = None) -> Execution:
    repository.record(execution, event or agent_executed(execution, OUTBOX_TABLE), COUNTERS)
    return execution


def nothing_is_stored() -> bool:
    return not any(items(table) for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE))


class TestRuns:
    """Executions that are parts of a run of a workflow."""

    def test_a_run_has_its_executions_oldest_first_and_no_others(self, repository: ExecutionRepository):
        mine = [record(repository, an_execution(run_id="run-1", step_id="judge")) for _ in range(3)]
        record(repository, an_execution(run_id="run-2", step_id="judge"))
        record(repository, an_execution())
        found = repository.list_by_run("run-1")
        assert [each.id for each in found] == [each.id for each in mine]
        assert {(each.run_id, each.step_id) for each in found} == {("run-1", "judge")}

    def test_its_cost_is_that_of_all_failed_ones_and_members_of_teams_included(self, repository: ExecutionRepository):
        lead = an_execution(run_id="run-1", cost_usd=Decimal("0.5"), delegated_cost_usd=Decimal("0.25"))
        member = an_execution(run_id="run-1", cost_usd=Decimal("0.25"), parent_id=lead.id)
        failure = Failure(code="model_overloaded", message="m")
        failed = an_execution(run_id="run-1", cost_usd=Decimal("0.125"), status="failed", output=None, error=failure)
        for execution in (lead, member, failed):
            record(repository, execution)
        assert repository.cost_of_run("run-1") == Decimal("0.875")
        assert repository.cost_of_run("run-2") == Decimal(0)

    def test_what_was_queued_before_there_were_runs_can_still_begin(self, repository: ExecutionRepository):
        queued = an_execution(status="queued", finished_at=None, output=None)
        repository.queue(queued)
        (item,) = items(EXECUTIONS_TABLE)
        document = json.loads(item["document"]["S"])
        del document["run_id"], document["step_id"]
        item["document"] = {"S": json.dumps(document)}
        dynamodb().put_item(TableName=EXECUTIONS_TABLE, Item=item)
        assert repository.begin(queued.id, owner=queued.owner, agent_id=queued.agent_id).status == "running"


class TestRecording:
    """One transaction of three items."""

    def test_execution_event_and_counts_are_written_together(self, repository: ExecutionRepository):
        execution = record(repository, an_execution())
        assert [item["id"]["S"] for item in items(EXECUTIONS_TABLE)] == [execution.id]
        assert [json.loads(item["event"]["S"])["data"]["id"] for item in items(OUTBOX_TABLE)] == [execution.id]
        assert COUNTERS.totals(execution.agent_id).requests == {"succeeded": 1, "failed": 0, "cancelled": 0}

    def test_what_was_recorded_is_read_back_exactly(self, repository: ExecutionRepository):
        for execution in (
            an_execution(),
            an_execution(status="failed", output=None, error=Failure(code="model_refused", message="No.")),
            an_execution(
                input={"n": 10**30, "f": 0.1, "tiny": 5e-324, "none": None, "deep": [[{"": []}]], "\0": "\0é📦"}
            ),
        ):
            record(repository, execution)
            assert repository.get(execution.id, owner="user-1") == execution

    @pytest.mark.parametrize("cost", ["0", "0.000123", "1E-10", "0.1", "12345678901234567890.123456789012345678901"])
    def test_the_cost_keeps_every_digit(self, repository: ExecutionRepository, cost: str):
        execution = record(repository, an_execution(cost_usd=Decimal(cost)))
        assert repository.get(execution.id, owner=None).cost_usd == Decimal(cost)

    def test_each_item_expires_in_its_time(self, repository: ExecutionRepository):
        execution = record(repository, an_execution())
        started = int(execution.started_at.timestamp())
        assert [item["expires_at"]["N"] for item in items(EXECUTIONS_TABLE)] == [str(started + RETENTION_DAYS * 86_400)]
        (event,) = items(OUTBOX_TABLE)
        assert int(event["expires_at"]["N"]) == int(event["written_at"]["N"]) // 1000 + RETENTION_SECONDS
        assert "expires_at" not in items(AGENT_METRICS_TABLE)[0]

    @pytest.mark.parametrize("character", ["x", "é", "\\", "\0", "📦"])
    def test_the_largest_input_and_output_that_lie_inside_the_item_fit(
        self, repository: ExecutionRepository, character: str
    ):
        fits = (INLINE_BYTES - 100) // (len(json.dumps(character)) - 2)
        execution = record(repository, an_execution(input={"t": character * fits}, output={"t": character * fits}))
        (item,) = items(EXECUTIONS_TABLE)
        assert sum(len(name) + len(str(*value.values()).encode()) for name, value in item.items()) < 400 * 1024
        assert repository.get(execution.id, owner=None) == execution

    def test_the_same_execution_again_changes_nothing(self, repository: ExecutionRepository):
        execution = record(repository, an_execution())
        before = [items(table) for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE)]
        record(repository, execution)
        record(repository, execution.model_copy(update={"output": {"tariff_class": "S", "reason": "other"}}))
        assert [items(table) for table in (EXECUTIONS_TABLE, OUTBOX_TABLE, AGENT_METRICS_TABLE)] == before

    def test_an_event_that_is_refused_takes_the_execution_and_the_counts_with_it(self, repository: ExecutionRepository):
        first = an_execution()
        event = agent_executed(first, OUTBOX_TABLE)
        record(repository, first, event)
        second = an_execution()
        with pytest.raises(StorageUnavailable, match="TransactionCanceledException"):
            record(repository, second, event)
        assert [item["id"]["S"] for item in items(EXECUTIONS_TABLE)] == [first.id]
        assert COUNTERS.totals(first.agent_id).requests["succeeded"] == 1

    @pytest.mark.parametrize("table", [OUTBOX_TABLE, AGENT_METRICS_TABLE, EXECUTIONS_TABLE])
    def test_a_table_that_is_gone_leaves_nothing_in_the_others(self, repository: ExecutionRepository, table: str):
        dynamodb().delete_table(TableName=table)
        with pytest.raises(StorageUnavailable, match="ResourceNotFoundException"):
            record(repository, an_execution())
        for other in {OUTBOX_TABLE, AGENT_METRICS_TABLE, EXECUTIONS_TABLE} - {table}:
            assert items(other) == []


class TestBadMoments:
    """What DynamoDB answers when it is busy, slow or away."""

    @pytest.fixture(autouse=True)
    def quick(
        self,
        dynamodb_faults: DynamoDBFaults,  # noqa: ARG002 - its own patch of the pause comes first
        monkeypatch: pytest.MonkeyPatch,
    ) -> list[float]:
        """Pauses are noted, not made."""
        pauses: list[float] = []
        monkeypatch.setattr(transactions.time, "sleep", pauses.append)
        return pauses

    @pytest.mark.parametrize(
        "reasons",
        [
            ("None", "None", "TransactionConflict"),
            ("None", "None", "ThrottlingError"),
            ("ProvisionedThroughputExceeded", "None", "None"),
            ("TransactionConflict", "None", "ThrottlingError"),
        ],
    )
    def test_what_passes_by_itself_is_tried_again(
        self,
        repository: ExecutionRepository,
        dynamodb_faults: DynamoDBFaults,
        quick: list[float],
        reasons: tuple[str, ...],
    ):
        for _ in range(TRIES - 1):
            dynamodb_faults.cancel(*reasons)
        execution = record(repository, an_execution())
        assert dynamodb_faults.calls == TRIES
        assert len(quick) == TRIES - 1
        assert sum(quick) < 3
        assert repository.get(execution.id, owner=None) == execution
        assert len(items(OUTBOX_TABLE)) == 1

    def test_a_retry_counts_on_a_shard_drawn_anew(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults, monkeypatch: pytest.MonkeyPatch
    ):
        shards = iter([3, 5])
        monkeypatch.setattr("agent_platform.storage.counters.secrets.randbelow", lambda _: next(shards))
        dynamodb_faults.cancel("None", "None", "TransactionConflict")
        record(repository, an_execution())
        assert [item["shard"]["S"] for item in items(AGENT_METRICS_TABLE)] == ["05"]

    def test_a_dispensable_rider_that_others_keep_in_the_way_of_stays_behind_so_that_the_record_is_written(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        stubborn = Rider(RODE_ALONG, dispensable=True)
        for _ in range(TRIES - LAST_TRIES):
            dynamodb_faults.cancel("None", "None", "None", "TransactionConflict")
        execution = an_execution()
        repository.record(execution, agent_executed(execution, OUTBOX_TABLE), COUNTERS, [stubborn])
        assert dynamodb_faults.calls == TRIES - LAST_TRIES + 1
        assert [item["id"]["S"] for item in items(EXECUTIONS_TABLE)] == [execution.id]

    def test_any_other_rider_is_tried_as_long_as_the_record_and_never_lost(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        for _ in range(TRIES - 1):
            dynamodb_faults.cancel("None", "None", "None", "TransactionConflict")
        execution = an_execution()
        repository.record(execution, agent_executed(execution, OUTBOX_TABLE), COUNTERS, [Rider(RODE_ALONG)])
        assert dynamodb_faults.calls == TRIES
        assert {item["id"]["S"] for item in items(EXECUTIONS_TABLE)} == {execution.id, "rode along"}

    def test_a_conflict_that_stays_ends_as_an_error_and_nothing_is_stored(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        for _ in range(TRIES):
            dynamodb_faults.cancel("None", "None", "TransactionConflict")
        with pytest.raises(StorageUnavailable, match="Try again shortly"):
            record(repository, an_execution())
        assert dynamodb_faults.calls == TRIES
        assert nothing_is_stored()

    def test_an_answer_that_was_lost_is_no_failure(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        execution = record(repository, an_execution())
        dynamodb_faults.calls = 0
        record(repository, execution)
        assert dynamodb_faults.calls == 1
        dynamodb_faults.cancel("ConditionalCheckFailed", "None", "None")  # an answer that does not say what is there
        assert repository.record(execution, agent_executed(execution, OUTBOX_TABLE), COUNTERS) == execution

    def test_a_cancellation_for_good_is_not_tried_again(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        dynamodb_faults.cancel("None", "ValidationError", "None")
        with pytest.raises(StorageUnavailable):
            record(repository, an_execution())
        assert dynamodb_faults.calls == 1

    def test_throttling_that_passes_is_not_seen_by_anybody(
        self, repository: ExecutionRepository, dynamodb_faults: DynamoDBFaults
    ):
        for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"):
            dynamodb_faults.refuse(code, 500 if code.startswith("Internal") else 400)
        execution = record(repository, an_execution())
        assert repository.get(execution.id, owner=None) == execution

    @pytest.mark.parametrize("doing", ["record", "get", "list"])
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ("ItemCollectionSizeLimitExceededException", StorageUnavailable),
            (NoCredentialsError(), StorageUnavailable),
            ("AccessDeniedException", ConfigurationError),
            ("ValidationException", ConfigurationError),
        ],
        ids=str,
    )
    def test_every_failure_says_what_was_attempted_and_whether_another_try_may_help(
        self,
        repository: ExecutionRepository,
        dynamodb_faults: DynamoDBFaults,
        doing: str,
        fault: str | Exception,
        expected: type[PlatformError],
    ):
        if isinstance(fault, str):
            dynamodb_faults.refuse(fault)
        else:
            dynamodb_faults.fail(fault)
        action = {
            "record": lambda: record(repository, an_execution()),
            "get": lambda: repository.get("x", owner=None),
            "list": lambda: repository.list_by_owner("user-1"),
        }[doing]
        beginning = {"record": "Recording", "get": "Reading", "list": "Listing"}[doing]
        with pytest.raises(expected, match=f"^{beginning} .* failed: DynamoDB") as raised:
            action()
        assert type(raised.value) is expected
        assert raised.value.__cause__ is not None


class TestReading:
    """One execution, for the one whose it is."""

    def test_the_execution_of_somebody_else_looks_as_if_there_were_none(self, repository: ExecutionRepository):
        execution = record(repository, an_execution(owner="user-1"))
        with pytest.raises(ExecutionNotFound) as theirs:
            repository.get(execution.id, owner="user-2")
        with pytest.raises(ExecutionNotFound) as absent:
            repository.get(new_id(), owner="user-2")
        assert theirs.value.detail.replace(execution.id, "") == absent.value.detail.replace(
            absent.value.detail.split("`")[1], ""
        )

    def test_who_may_see_everything_names_no_owner(self, repository: ExecutionRepository):
        execution = record(repository, an_execution(owner="user-1"))
        assert repository.get(execution.id, owner=None) == execution

    @pytest.mark.parametrize("owner", ["", "user-1 ", "USER-1", "user"])
    def test_an_owner_is_matched_exactly(self, repository: ExecutionRepository, owner: str):
        execution = record(repository, an_execution(owner="user-1"))
        with pytest.raises(ExecutionNotFound):
            repository.get(execution.id, owner=owner)


class TestListing:
    """One's executions, page by page."""

    def walked(self, repository: ExecutionRepository, owner: str, limit: int, agent_id: str | None = None) -> list[str]:
        seen, cursor = [], None
        while True:
            page = repository.list_by_owner(owner, agent_id=agent_id, limit=limit, cursor=cursor)
            seen += [item.id for item in page.items]
            if page.next_cursor is None:
                return seen
            cursor = page.next_cursor

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
    def test_pages_show_each_execution_once_newest_first(self, repository: ExecutionRepository, limit: int):
        mine = [record(repository, an_execution()).id for _ in range(6)]
        record(repository, an_execution(owner="user-2"))
        assert self.walked(repository, "user-1", limit) == sorted(mine, reverse=True)

    @pytest.mark.parametrize("status", [None, "succeeded"])
    @pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 6), (3, [3, 3]), (4, [4, 2]), (6, [6])])
    def test_the_last_page_says_that_it_is_the_last(
        self, repository: ExecutionRepository, status: ExecutionStatus | None, limit: int, sizes: list[int]
    ):
        for _ in range(6):
            record(repository, an_execution())
        found, cursor = list[int](), None
        while not found or cursor:
            page = repository.list_by_owner("user-1", status=status, limit=limit, cursor=cursor)
            found.append(len(page.items))
            cursor = page.next_cursor
        assert found == sizes

    def test_a_list_shows_the_summary_alone(self, repository: ExecutionRepository):
        execution = record(repository, an_execution(cost_usd=Decimal("0.000123")))
        (shown,) = repository.list_by_owner("user-1").items
        assert shown.model_dump() == {
            **execution.model_dump(include=set(type(shown).model_fields)),
            "cost_usd": Decimal("0.000123"),
        }
        assert not {"input", "output"} & set(type(shown).model_fields)

    def test_a_list_may_be_narrowed_to_one_agent(self, repository: ExecutionRepository):
        ids = {
            agent: [record(repository, an_execution(agent_id=agent)).id for _ in range(3)] for agent in ("a/b", "a/c")
        }
        assert self.walked(repository, "user-1", 2, "a/b") == sorted(ids["a/b"], reverse=True)
        assert self.walked(repository, "user-1", 2, "a/nobody") == []

    @pytest.mark.parametrize("owner", ["user-2", "user", "", "user-1#a/b"])
    def test_nobody_sees_what_is_not_theirs(self, repository: ExecutionRepository, owner: str):
        record(repository, an_execution(agent_id="a/b"))
        if owner:
            assert repository.list_by_owner(owner).items == []
            assert repository.list_by_owner(owner, agent_id="a/b").items == []

    def test_the_cursor_of_another_list_is_refused(self, repository: ExecutionRepository):
        for _ in range(3):
            record(repository, an_execution(agent_id="a/b"))
        cursor = repository.list_by_owner("user-1", limit=1).next_cursor
        for owner, agent_id in (("user-2", None), ("user-1", "a/b"), ("user-2", "a/b")):
            with pytest.raises(InvalidCursor):
                repository.list_by_owner(owner, agent_id=agent_id, limit=1, cursor=cursor)

    def test_a_forged_cursor_shows_nothing_of_others(self, repository: ExecutionRepository):
        theirs = record(repository, an_execution(owner="user-2"))
        mine = record(repository, an_execution(owner="user-1"))
        forged = encode_cursor([theirs.id], owner="user-1", agent_id=None)
        assert {item.id for item in repository.list_by_owner("user-1", cursor=forged).items} <= {mine.id}

    def test_a_new_execution_does_not_disturb_who_is_turning_pages(self, repository: ExecutionRepository):
        ids = [record(repository, an_execution()).id for _ in range(4)]
        first = repository.list_by_owner("user-1", limit=2)
        record(repository, an_execution())
        rest = repository.list_by_owner("user-1", limit=2, cursor=first.next_cursor)
        assert [item.id for item in (*first.items, *rest.items)] == sorted(ids, reverse=True)
