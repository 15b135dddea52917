"""Turns of a session: one at a time, and each stored with the record of its execution or not at all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_platform.errors import SessionBusy, SessionNotFound, StorageUnavailable
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage import session_turns
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.session_turns import (
    BUSY_SECONDS,
    EXCERPT_BYTES,
    MAX_STORED_BYTES,
    OpenTurn,
    SessionTurns,
)
from agent_platform.storage.sessions import AgentSession, SessionRepository
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, SESSIONS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.executions import an_execution

__all__ = ["dynamodb_faults"]

AGENT = "post/parcel-helper"
FAILED = {"status": "failed", "output": None, "error": Failure(code="model_refused", message="No.")}


@pytest.fixture
def sessions(governance_tables: None) -> SessionRepository:
    return SessionRepository(SESSIONS_TABLE)


@pytest.fixture
def turns(sessions: SessionRepository) -> SessionTurns:
    return SessionTurns(SESSIONS_TABLE)


@pytest.fixture
def session(sessions: SessionRepository) -> AgentSession:
    return sessions.create("user-1", AGENT)


def begin(turns: SessionTurns, session: AgentSession, holder: str | None = None, **changes: Any) -> OpenTurn:
    asked = {"owner": "user-1", "agent_id": AGENT, "holder": holder or new_id(), "seconds": 60.0, **changes}
    return turns.begin(session.id, **asked)


def end(turns: SessionTurns, opened: OpenTurn, earlier: str = "", folded: int = 0, **changes: Any) -> Execution:
    executions = ExecutionRepository(EXECUTIONS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    recorder = OutboxRecorder(executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    now = datetime.now(UTC)
    fields = {"id": opened.holder, "started_at": now, "finished_at": now, "agent_id": AGENT, **changes}
    execution = an_execution(**fields)
    rider = turns.ended(opened, execution, title="gist", earlier=earlier, folded=folded)
    return recorder.record(execution, [rider])


def head() -> dict[str, Any]:
    (found,) = [item for item in stored() if item["turn"]["S"] == "head"]
    return found


def stored() -> list[dict[str, Any]]:
    return dynamodb().scan(TableName=SESSIONS_TABLE)["Items"]


def is_locked() -> bool:
    return "lock" in head() or "locked_until" in head()


class TestBeginning:
    """The lock, and what was said so far."""

    def test_a_first_turn_costs_one_round_trip_and_later_ones_two(
        self, turns: SessionTurns, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        opened = begin(turns, session)
        assert dynamodb_faults.calls == 1
        assert (opened.turns, opened.earlier, opened.folded) == ([], "", 0)
        end(turns, opened)
        before = dynamodb_faults.calls
        assert len(begin(turns, session).turns) == 1
        assert dynamodb_faults.calls - before == 2

    def test_the_turns_come_oldest_first_as_they_were_recorded(self, turns: SessionTurns, session: AgentSession):
        recorded = [end(turns, begin(turns, session), input={"n": n, "é": [1.5, None, "📦"]}) for n in range(12)]
        opened = begin(turns, session)
        assert [turn.number for turn in opened.turns] == list(range(1, 13))
        assert [(turn.execution_id, turn.input, turn.output) for turn in opened.turns] == [
            (each.id, each.input, each.output) for each in recorded
        ]
        assert opened.session.turns == 12

    def test_what_was_folded_is_not_read_again(self, turns: SessionTurns, session: AgentSession):
        for n in range(5):
            end(turns, begin(turns, session), earlier="The first four." if n == 4 else "", folded=4 if n == 4 else 0)
        opened = begin(turns, session)
        assert (opened.earlier, opened.folded, [turn.number for turn in opened.turns]) == ("The first four.", 4, [5])

    def test_a_second_turn_is_refused_while_one_is_running(
        self, turns: SessionTurns, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        opened = begin(turns, session)
        before = dynamodb_faults.calls
        with pytest.raises(SessionBusy, match="Another turn of this session is running") as raised:
            begin(turns, session)
        assert raised.value.retry_after == BUSY_SECONDS
        assert dynamodb_faults.calls - before == 1
        end(turns, opened)
        begin(turns, session)

    def test_a_session_whose_lock_ends_soon_may_be_tried_then(
        self, turns: SessionTurns, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ):
        now = session_turns.time.time()
        monkeypatch.setattr(session_turns.time, "time", lambda: now)
        begin(turns, session, seconds=1.2)
        with pytest.raises(SessionBusy) as raised:
            begin(turns, session)
        assert raised.value.retry_after == 2

    def test_a_lock_that_was_left_behind_ends_at_its_deadline(
        self, turns: SessionTurns, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ):
        begin(turns, session, seconds=27)
        now = session_turns.time.time()
        for later, free in ((26.0, False), (26.9, False), (27.1, True)):
            monkeypatch.setattr(session_turns.time, "time", lambda later=later: now + later)
            if free:
                begin(turns, session)
            else:
                with pytest.raises(SessionBusy):
                    begin(turns, session)

    def test_the_holder_itself_may_come_again(self, turns: SessionTurns, session: AgentSession):
        opened = begin(turns, session, "execution-1")
        assert begin(turns, session, "execution-1") == opened

    @pytest.mark.parametrize("changes", [{"owner": "user-2"}, {"agent_id": "post/letter-helper"}], ids=str)
    def test_somebody_else_and_another_agent_find_nothing_and_lock_nothing(
        self, turns: SessionTurns, session: AgentSession, changes: dict[str, Any]
    ):
        for _ in range(2):
            with pytest.raises(SessionNotFound):
                begin(turns, session, **changes)
        assert not is_locked()
        begin(turns, session)
        with pytest.raises(SessionNotFound):
            begin(turns, session, **changes)

    @pytest.mark.parametrize("session_id", ["", "x" * 3_000, "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
    def test_a_session_that_does_not_exist_is_not_made(self, turns: SessionTurns, session_id: str):
        with pytest.raises(SessionNotFound):
            turns.begin(session_id, owner="user-1", agent_id=AGENT, holder="h", seconds=1)
        assert stored() == []

    def test_one_that_has_expired_is_gone(
        self, turns: SessionTurns, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(session_turns.time, "time", lambda: session.expires_at.timestamp() + 1)
        with pytest.raises(SessionNotFound):
            begin(turns, session)

    def test_a_turn_that_meets_the_record_of_the_one_before_is_told_to_come_again(
        self, turns: SessionTurns, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        dynamodb_faults.refuse("TransactionConflictException")
        with pytest.raises(SessionBusy) as raised:
            begin(turns, session)
        assert raised.value.retry_after == 1

    def test_where_the_turns_cannot_be_read_the_session_is_unlocked_again(
        self, turns: SessionTurns, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        end(turns, begin(turns, session))
        dynamodb_faults.operation = "Query"
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            begin(turns, session)
        assert not is_locked()


class TestEnding:
    """One transaction with the execution's record."""

    def test_a_turn_that_succeeded_is_added_and_the_session_unlocked(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        execution = end(turns, begin(turns, session))
        assert not is_locked()
        shown = sessions.get(session.id, owner="user-1")
        assert (shown.turns, shown.title, shown.updated_at) == (1, "gist", execution.finished_at)
        assert shown.created_at == session.created_at

    def test_a_title_that_was_given_stays(self, turns: SessionTurns, sessions: SessionRepository):
        session = sessions.create("user-1", AGENT, "Mine")
        end(turns, begin(turns, session))
        assert sessions.get(session.id, owner="user-1").title == "Mine"

    def test_a_turn_that_failed_changes_nothing_but_the_lock(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        end(turns, begin(turns, session))
        before = stored()
        failed = end(turns, begin(turns, session), **FAILED)
        assert sorted(map(json.dumps, stored())) == sorted(map(json.dumps, before_with_summary(before)))
        assert ExecutionRepository(EXECUTIONS_TABLE).get(failed.id, owner="user-1").status == "failed"
        assert sessions.turns(session.id, owner="user-1").items[0].number == 1

    def test_a_summary_is_kept_although_its_turn_failed(self, turns: SessionTurns, session: AgentSession):
        for _ in range(3):
            end(turns, begin(turns, session))
        end(turns, begin(turns, session), earlier="Two turns.", folded=2, **FAILED)
        opened = begin(turns, session)
        assert (opened.earlier, opened.folded, [turn.number for turn in opened.turns]) == ("Two turns.", 2, [3])

    def test_a_session_that_was_deleted_meanwhile_does_not_come_back(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        opened = begin(turns, session)
        sessions.delete(session.id, owner="user-1")
        execution = end(turns, opened)
        assert stored() == []
        assert ExecutionRepository(EXECUTIONS_TABLE).get(execution.id, owner="user-1") == execution

    def test_a_session_whose_deletion_is_under_way_takes_no_turn(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        end(turns, begin(turns, session))
        opened = begin(turns, session)
        dynamodb_faults.operation = "BatchWriteItem"
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            sessions.delete(session.id, owner="user-1")
        dynamodb_faults.answers.clear()
        end(turns, opened)
        assert sorted(item["turn"]["S"] for item in stored()) == ["000001", "head"]
        with pytest.raises(SessionNotFound):
            begin(turns, session)

    def test_a_turn_that_lost_its_lock_is_recorded_but_not_added(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        slow = begin(turns, session, seconds=0)
        quick = begin(turns, session)
        end(turns, slow, input={"who": "slow"})
        assert is_locked()
        end(turns, quick, input={"who": "quick"})
        (only,) = sessions.turns(session.id, owner="user-1").items
        assert only.input == {"who": "quick"}
        assert len(dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"]) == 2

    def test_the_same_record_twice_adds_one_turn(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        opened = begin(turns, session)
        for _ in range(2):
            end(turns, opened)
        assert sessions.get(session.id, owner="user-1").turns == 1

    def test_what_cannot_be_recorded_is_not_added_either(
        self, turns: SessionTurns, session: AgentSession, dynamodb_faults: DynamoDBFaults
    ):
        opened = begin(turns, session)
        dynamodb_faults.operation = "TransactWriteItems"
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            end(turns, opened)
        assert len(stored()) == 1
        assert is_locked()

    @pytest.mark.parametrize("field", ["input", "output"])
    def test_what_is_too_large_for_a_conversation_leaves_an_excerpt(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession, field: str
    ):
        large = {"text": "é" * (MAX_STORED_BYTES // 2)}
        execution = end(turns, begin(turns, session), **{field: large})
        (turn,) = sessions.turns(session.id, owner="user-1").items
        kept = getattr(turn, field)
        assert list(kept) == ["excerpt"]
        assert kept["excerpt"].startswith('{"text":"éé')
        assert EXCERPT_BYTES - 2 < len(kept["excerpt"].encode()) <= EXCERPT_BYTES
        assert turn.shortened
        assert turn.execution_id == execution.id
        other = "output" if field == "input" else "input"
        assert getattr(turn, other) == getattr(execution, other)

    def test_what_just_fits_is_kept_whole_and_both_fit_into_one_item(
        self, turns: SessionTurns, sessions: SessionRepository, session: AgentSession
    ):
        text = "\x01" * ((MAX_STORED_BYTES - 20) // 6)  # six bytes each as JSON
        execution = end(turns, begin(turns, session), input={"text": text}, output={"text": text})
        (turn,) = sessions.turns(session.id, owner="user-1").items
        assert (turn.input, turn.output, turn.shortened) == (execution.input, execution.output, False)


class TestReleasing:
    """A turn that came to nothing before it was recorded."""

    def test_the_lock_is_taken_back_by_its_holder_alone(self, turns: SessionTurns, session: AgentSession):
        begin(turns, session, "execution-1")
        turns.release(session.id, "execution-2")
        assert is_locked()
        turns.release(session.id, "execution-1")
        assert not is_locked()
        turns.release(session.id, "execution-1")

    def test_a_session_that_is_gone_is_not_made_again(self, turns: SessionTurns):
        turns.release(new_id(), "execution-1")
        assert stored() == []


def before_with_summary(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items as they stand after a turn that left no summary behind."""
    return [item | ({"earlier": {"S": ""}} if item["turn"]["S"] == "head" else {}) for item in items]
