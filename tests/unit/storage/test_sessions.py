"""Sessions in DynamoDB: made, listed, read page by page and deleted by their owner, and by nobody else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent_platform.cursors import encode_cursor
from agent_platform.errors import InvalidCursor, SessionNotFound, StorageUnavailable
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage import sessions
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.session_turns import SessionTurns
from agent_platform.storage.sessions import RETENTION_SECONDS, AgentSession, SessionRepository
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, SESSIONS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.executions import an_execution

__all__ = ["dynamodb_faults"]

AGENT, OTHER = "post/parcel-helper", "post/letter-helper"


@pytest.fixture
def repository(governance_tables: None) -> SessionRepository:
    return SessionRepository(SESSIONS_TABLE)


def add_turns(session: AgentSession, number: int, **changes: Any) -> None:
    """Answer that many inputs, the way executions do."""
    turns = SessionTurns(SESSIONS_TABLE)
    recorder = OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    for _ in range(number):
        holder = new_id()
        opened = turns.begin(session.id, owner="user-1", agent_id=session.agent_id, holder=holder, seconds=60)
        now = datetime.now(UTC)
        fields = {"input": {"n": opened.session.turns + 1}, "started_at": now, "finished_at": now, **changes}
        execution = an_execution(id=holder, agent_id=session.agent_id, session_id=session.id, **fields)
        recorder.record(execution, [turns.ended(opened, execution, title="a title", earlier="", folded=0)])


def items() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=SESSIONS_TABLE)["Items"]


class TestMaking:
    """A session begins without turns."""

    def test_what_was_made_is_read_back(self, repository: SessionRepository):
        before = datetime.now(UTC)
        made = repository.create("user-1", AGENT, "My parcel 📦")
        assert repository.get(made.id, owner="user-1") == made
        assert (made.agent_id, made.title, made.turns) == (AGENT, "My parcel 📦", 0)
        assert before <= made.created_at == made.updated_at <= datetime.now(UTC)

    def test_it_expires_ninety_days_after_its_last_turn(self, repository: SessionRepository):
        made = repository.create("user-1", AGENT)
        (head,) = items()
        assert int(head["expires_at"]["N"]) == int(made.created_at.timestamp()) + RETENTION_SECONDS
        later = datetime(2030, 1, 1, tzinfo=UTC)
        add_turns(made, 1, finished_at=later)
        assert {int(item["expires_at"]["N"]) for item in items()} == {int(later.timestamp()) + RETENTION_SECONDS}
        shown = repository.get(made.id, owner="user-1")
        assert (shown.updated_at, shown.turns, shown.title) == (later, 1, "a title")
        assert (shown.expires_at - later).days == 90

    def test_one_that_has_expired_is_gone_before_it_is_deleted(
        self, repository: SessionRepository, monkeypatch: pytest.MonkeyPatch
    ):
        made = repository.create("user-1", AGENT)
        monkeypatch.setattr(sessions.time, "time", lambda: made.expires_at.timestamp() + 1)
        with pytest.raises(SessionNotFound):
            repository.get(made.id, owner="user-1")


class TestOwnership:
    """A session is its owner's alone."""

    @pytest.mark.parametrize("owner", ["user-2", "USER-1", "user-1 ", ""])
    def test_that_of_somebody_else_cannot_be_told_from_none(self, repository: SessionRepository, owner: str):
        made = repository.create("user-1", AGENT)
        absent = new_id()
        for act in (repository.get, repository.turns, repository.delete):
            with pytest.raises(SessionNotFound) as theirs:
                act(made.id, owner=owner)
            with pytest.raises(SessionNotFound) as nobodys:
                act(absent, owner=owner)
            assert theirs.value.detail.replace(made.id, "") == nobodys.value.detail.replace(absent, "")
        assert repository.get(made.id, owner="user-1") == made

    @pytest.mark.parametrize("session_id", ["", "x", "head", "x" * 5_000, "\x00", "\ud83d", "0" * 36 + "\n"])
    def test_what_is_no_id_is_not_found_without_asking(
        self, repository: SessionRepository, dynamodb_faults: DynamoDBFaults, session_id: str
    ):
        for act in (repository.get, repository.turns, repository.delete):
            with pytest.raises(SessionNotFound):
                act(session_id, owner="user-1")
        assert dynamodb_faults.calls == 0


class TestListing:
    """One's sessions, page by page."""

    def walked(self, repository: SessionRepository, owner: str, limit: int, agent_id: str | None = None) -> list[str]:
        seen, cursor = [], None
        while True:
            page = repository.list_by_owner(owner, agent_id=agent_id, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            seen += [item.id for item in page.items]
            if page.next_cursor is None:
                return seen
            cursor = page.next_cursor

    @pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 100])
    def test_pages_show_each_session_once_newest_first(self, repository: SessionRepository, limit: int):
        mine = [repository.create("user-1", AGENT).id for _ in range(6)]
        repository.create("user-2", AGENT)
        assert self.walked(repository, "user-1", limit) == sorted(mine, reverse=True)

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_a_list_may_be_narrowed_to_one_agent(
        self, repository: SessionRepository, limit: int, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sessions, "_SCAN", 2)
        ids: dict[str, list[str]] = {AGENT: [], OTHER: []}
        for agent in (AGENT, OTHER, OTHER, OTHER, AGENT, OTHER, OTHER, AGENT):
            ids[agent].append(repository.create("user-1", agent).id)
        assert self.walked(repository, "user-1", limit, AGENT) == sorted(ids[AGENT], reverse=True)
        assert self.walked(repository, "user-1", limit, "post/nobody") == []

    def test_a_list_shows_sessions_as_they_stand_and_no_turns(self, repository: SessionRepository):
        made = repository.create("user-1", AGENT)
        add_turns(made, 2)
        (shown,) = repository.list_by_owner("user-1").items
        assert shown == repository.get(made.id, owner="user-1")
        assert shown.turns == 2

    def test_the_cursor_of_another_list_is_refused(self, repository: SessionRepository):
        for _ in range(3):
            repository.create("user-1", AGENT)
        cursor = repository.list_by_owner("user-1", limit=1).next_cursor
        for owner, agent_id in (("user-2", None), ("user-1", AGENT)):
            with pytest.raises(InvalidCursor):
                repository.list_by_owner(owner, agent_id=agent_id, limit=1, cursor=cursor)

    def test_a_forged_cursor_shows_nothing_of_others(self, repository: SessionRepository):
        theirs = repository.create("user-2", AGENT)
        mine = repository.create("user-1", AGENT)
        forged = encode_cursor([theirs.id], sessions_of="user-1", agent_id=None)
        assert {item.id for item in repository.list_by_owner("user-1", cursor=forged).items} <= {mine.id}


class TestHistory:
    """What was said, the newest first."""

    @pytest.mark.parametrize("limit", [1, 3, 4, 5, 6, 100])
    def test_pages_show_each_turn_once_newest_first(self, repository: SessionRepository, limit: int):
        made = repository.create("user-1", AGENT)
        add_turns(made, 5)
        seen, cursor = [], None
        while True:
            page = repository.turns(made.id, owner="user-1", limit=limit, cursor=cursor)
            seen += page.items
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        assert [turn.number for turn in seen] == [5, 4, 3, 2, 1]
        assert [turn.input for turn in seen] == [{"n": n} for n in (5, 4, 3, 2, 1)]
        executions = ExecutionRepository(EXECUTIONS_TABLE)
        assert all(executions.get(turn.execution_id, owner="user-1").output == turn.output for turn in seen)

    def test_a_session_without_turns_has_an_empty_page(self, repository: SessionRepository):
        made = repository.create("user-1", AGENT)
        page = repository.turns(made.id, owner="user-1")
        assert (page.items, page.next_cursor) == ([], None)

    def test_the_cursor_of_another_session_is_refused(self, repository: SessionRepository):
        one, other = (repository.create("user-1", AGENT) for _ in range(2))
        add_turns(one, 2)
        cursor = repository.turns(one.id, owner="user-1", limit=1).next_cursor
        with pytest.raises(InvalidCursor):
            repository.turns(other.id, owner="user-1", cursor=cursor)

    @pytest.mark.parametrize("number", [0, -1, 10**30])
    def test_a_forged_place_shows_this_sessions_turns_or_none(self, repository: SessionRepository, number: int):
        made = repository.create("user-1", AGENT)
        add_turns(made, 1)
        cursor = encode_cursor([number], turns_of=made.id, owner="user-1")
        assert {turn.number for turn in repository.turns(made.id, owner="user-1", cursor=cursor).items} <= {1}


class TestDeleting:
    """A session and all its turns."""

    @pytest.mark.parametrize("turns", [0, 1, 26])
    def test_nothing_is_left_of_it_and_others_stay(self, repository: SessionRepository, turns: int):
        made, other = (repository.create("user-1", AGENT) for _ in range(2))
        add_turns(made, turns)
        add_turns(other, 1)
        repository.delete(made.id, owner="user-1")
        assert {item["id"]["S"] for item in items()} == {other.id}
        with pytest.raises(SessionNotFound):
            repository.get(made.id, owner="user-1")
        with pytest.raises(SessionNotFound):
            repository.delete(made.id, owner="user-1")

    def test_one_that_broke_off_is_gone_for_its_reader_and_can_be_repeated(
        self, repository: SessionRepository, dynamodb_faults: DynamoDBFaults
    ):
        made = repository.create("user-1", AGENT)
        add_turns(made, 3)
        dynamodb_faults.operation = "BatchWriteItem"
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            repository.delete(made.id, owner="user-1")
        dynamodb_faults.answers.clear()
        assert repository.list_by_owner("user-1").items == []
        for act in (repository.get, repository.turns):
            with pytest.raises(SessionNotFound):
                act(made.id, owner="user-1")
        with pytest.raises(SessionNotFound):
            repository.delete(made.id, owner="user-2")
        assert len(items()) == 4
        repository.delete(made.id, owner="user-1")
        assert items() == []

    def test_what_a_batch_leaves_over_is_sent_again(
        self, repository: SessionRepository, dynamodb_faults: DynamoDBFaults, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sessions.time, "sleep", lambda _: None)
        made = repository.create("user-1", AGENT)
        add_turns(made, 2)
        left = [{"DeleteRequest": {"Key": {"id": {"S": made.id}, "turn": {"S": f"{n:06}"}}}} for n in (1, 2)]
        dynamodb_faults.operation = "BatchWriteItem"
        dynamodb_faults.answers = [(200, {"UnprocessedItems": {SESSIONS_TABLE: left[:n]}}) for n in (2, 2)]
        repository.delete(made.id, owner="user-1")
        assert items() == []


def test_a_table_that_is_down_is_storage_unavailable(repository: SessionRepository):
    made = repository.create("user-1", AGENT)
    dynamodb().delete_table(TableName=SESSIONS_TABLE)
    for act in (
        lambda: repository.create("user-1", AGENT),
        lambda: repository.get(made.id, owner="user-1"),
        lambda: repository.list_by_owner("user-1"),
        lambda: repository.turns(made.id, owner="user-1"),
        lambda: repository.delete(made.id, owner="user-1"),
    ):
        with pytest.raises(StorageUnavailable):
            act()
