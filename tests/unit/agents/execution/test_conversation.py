"""Turns of a session through the pipeline: stored with the record, once or not at all, one at a time."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from time import sleep
from typing import Any

import pytest

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.conversation import HISTORY_TOKENS, MARKS_TOKENS, reserved_tokens
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.call import Proceed
from agent_platform.agents.execution.conversation import TITLE_BYTES, conversation, gist
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import Meter, Patience
from agent_platform.agents.request import most_tokens, reservation_usd
from agent_platform.errors import (
    InvalidInput,
    ModelOverloaded,
    ModelRefused,
    ModelTimedOut,
    SessionBusy,
    SessionNotFound,
    StorageUnavailable,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage import session_turns
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import Execution, ExecutionRepository
from agent_platform.storage.session_turns import SessionTurns
from agent_platform.storage.sessions import AgentSession, SessionRepository
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, SESSIONS_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.log import log
from tests.fakes.offline_claude import OfflineServer

__all__ = ["dynamodb_faults", "log"]

TRACE = "67a1b2c30123456789abcdef01234567"
ID = "post/parcel-helper"
FAST = "claude-haiku-5-5"
EVE = Principal("user-2", "eve@example.com", frozenset({"user"}), token_id="jti-2")


def helper(**changes: Any) -> AgentDefinition:
    schema = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}
    example = {"input": {"question": "Which class?"}, "output": a_definition()["example"]["output"]}
    changes = {"memory": "conversation", "input": schema, "example": example, "guardrails": {}, **changes}
    fields = a_definition("parcel", **changes)
    return AgentDefinition.model_validate_json(json.dumps({**fields, "id": ID}))


def answer(reason: str) -> dict[str, str]:
    return {"tariff_class": "L", "reason": reason}


@pytest.fixture
def recorder(governance_tables: None) -> OutboxRecorder:
    return OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))


@pytest.fixture
def sessions(governance_tables: None) -> SessionRepository:
    return SessionRepository(SESSIONS_TABLE)


@pytest.fixture
def session(sessions: SessionRepository) -> AgentSession:
    return sessions.create("user-1", ID)


@pytest.fixture
def pipeline(recorder: OutboxRecorder, claude: ClaudeClient) -> ExecutionPipeline:
    return piped(recorder, claude)


def piped(recorder: OutboxRecorder, claude: ClaudeClient, *inner: Callable[[Call, Proceed], JsonObject]) -> Any:
    stages = [validate_input, conversation(SessionTurns(SESSIONS_TABLE)), record(recorder), *inner]
    return ExecutionPipeline([*stages, run(lambda: claude, "anthropic")], "anthropic")


Say = Callable[..., Execution]


@pytest.fixture
def say(pipeline: ExecutionPipeline, session: AgentSession, principal: Principal) -> Say:
    """Send the next input of the session."""

    def say(question: str, who: Principal = principal, session_id: str | None = session.id, **more: Any) -> Execution:
        definition = more.pop("definition", None) or helper()
        return pipeline.execute(definition, {"question": question}, who, TRACE, session_id=session_id, **more)

    return say


def said(sessions: SessionRepository, session: AgentSession) -> list[str]:
    """What was asked so far, oldest first."""
    return [turn.input["question"] for turn in reversed(sessions.turns(session.id, owner="user-1", limit=100).items)]


def last_messages(server: OfflineServer) -> str:
    return json.dumps(server.requests()[-1]["body"]["messages"])


class TestTurns:
    """One after another."""

    def test_the_second_turn_sees_the_first(self, say: Say, claude_server: OfflineServer):
        claude_server.plan("answer", output=answer("It weighs 9 kg."))
        say("Which class is parcel 7?")
        say("And why?")
        asked = claude_server.requests()[-1]["body"]["messages"]
        assert [message["role"] for message in asked] == ["user", "assistant", "user"]
        assert "Which class is parcel 7?" in asked[0]["content"]
        assert "It weighs 9 kg." in asked[1]["content"][0]["text"]
        assert "And why?" in asked[2]["content"]

    def test_a_turn_is_stored_as_the_execution_was_recorded(
        self, say: Say, sessions: SessionRepository, session: AgentSession
    ):
        execution = say("Which class is parcel 7?")
        (turn,) = sessions.turns(session.id, owner="user-1").items
        assert (turn.execution_id, turn.input, turn.output) == (execution.id, execution.input, execution.output)
        shown = sessions.get(session.id, owner="user-1")
        assert (shown.turns, shown.title, shown.updated_at) == (1, "Which class is parcel 7?", execution.finished_at)
        assert execution.session_id == session.id
        assert ExecutionRepository(EXECUTIONS_TABLE).get(execution.id, owner="user-1").session_id == session.id

    def test_a_conversation_costs_two_round_trips_more_and_its_first_turn_one(
        self, say: Say, dynamodb_faults: DynamoDBFaults
    ):
        costs = []
        for session_id in ({}, {}, {}, {"session_id": None}):
            before = dynamodb_faults.calls
            say("q", **session_id)
            costs.append(dynamodb_faults.calls - before)
        assert costs == [2, 3, 3, 1]

    def test_without_a_session_nothing_is_remembered(self, say: Say, claude_server: OfflineServer):
        for _ in range(2):
            say("q", session_id=None)
        assert len(claude_server.requests()[-1]["body"]["messages"]) == 1

    def test_long_term_memory_keeps_conversations_too(self, say: Say, claude_server: OfflineServer):
        for _ in range(2):
            say("q", definition=helper(memory="long_term"))
        assert len(claude_server.requests()[-1]["body"]["messages"]) == 3

    def test_personal_data_that_was_taken_out_of_the_record_is_not_in_the_conversation(
        self, say: Say, claude_server: OfflineServer
    ):
        assert say("Is ada@example.com the sender?").redactions
        say("And?")
        assert "Is [email] the sender?" in last_messages(claude_server)
        assert "ada@" not in last_messages(claude_server)
        assert "ada@" not in json.dumps(dynamodb().scan(TableName=SESSIONS_TABLE)["Items"])

    def test_the_api_takes_the_marks_and_reads_earlier_turns_from_its_cache(
        self, say: Say, claude_server: OfflineServer
    ):
        used = [say(f"question {n} " + "long " * 600).usage for n in range(4)]
        assert [request["status"] for request in claude_server.requests()] == [200] * 4
        assert used[1].cache_read_tokens < used[2].cache_read_tokens < used[3].cache_read_tokens
        assert used[3].input_tokens < used[3].cache_read_tokens


class TestRefusals:
    """Before anything is spent or written."""

    def test_the_session_of_somebody_else_is_not_found(
        self, say: Say, claude_server: OfflineServer, sessions: SessionRepository, session: AgentSession
    ):
        say("mine")
        with pytest.raises(SessionNotFound) as theirs:
            say("q", EVE)
        with pytest.raises(SessionNotFound) as absent:
            say("q", EVE, new_id())
        assert theirs.value.status == absent.value.status == 404
        assert len(claude_server.requests()) == 1
        assert said(sessions, session) == ["mine"]
        say("still mine")

    def test_the_session_of_another_agent_is_not_found(self, say: Say):
        other = helper().model_copy(update={"id": "post/letter-helper"})
        with pytest.raises(SessionNotFound):
            say("q", definition=other)

    @pytest.mark.parametrize("session_id", ["", "x", "../head", "x" * 4_000])
    def test_what_is_no_session_id_is_not_found(self, say: Say, session_id: str):
        with pytest.raises(SessionNotFound):
            say("q", session_id=session_id)

    def test_an_agent_without_memory_takes_no_session(
        self, say: Say, claude_server: OfflineServer, dynamodb_faults: DynamoDBFaults
    ):
        with pytest.raises(InvalidInput, match=r"keeps no conversations\. Send the input without") as raised:
            say("q", definition=helper(memory="none"))
        assert [error.field for error in raised.value.errors] == ["session_id"]
        assert claude_server.requests() == []
        assert dynamodb_faults.calls == 0

    def test_a_busy_session_is_told_to_wait(self, say: Say, session: AgentSession, claude_server: OfflineServer):
        begin_and_vanish(session, seconds=60)
        with pytest.raises(SessionBusy) as raised:
            say("q")
        assert (raised.value.status, raised.value.execution_id) == (409, None)
        assert raised.value.retry_after
        assert claude_server.requests() == []
        assert dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"] == []


def begin_and_vanish(session: AgentSession, seconds: float) -> None:
    """A turn whose process is killed in the middle."""
    SessionTurns(SESSIONS_TABLE).begin(session.id, owner="user-1", agent_id=ID, holder=new_id(), seconds=seconds)


class TestFailures:
    """What does not come to an answer."""

    def test_a_failed_turn_leaves_the_history_unchanged_and_the_session_free(
        self, say: Say, claude_server: OfflineServer, sessions: SessionRepository, session: AgentSession
    ):
        say("good")
        claude_server.plan("refusal")
        with pytest.raises(ModelRefused) as raised:
            say("evil")
        assert ExecutionRepository(EXECUTIONS_TABLE).get(raised.value.execution_id or "", owner="user-1").session_id
        assert said(sessions, session) == ["good"]
        say("better")
        assert "evil" not in last_messages(claude_server)
        assert said(sessions, session) == ["good", "better"]

    def test_a_defect_of_the_platform_leaves_the_session_free(
        self, say: Say, monkeypatch: pytest.MonkeyPatch, sessions: SessionRepository, session: AgentSession
    ):
        with monkeypatch.context() as patch:
            patch.setattr(BaseAgent, "execute", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                say("q")
        say("again")
        assert said(sessions, session) == ["again"]

    def test_a_turn_that_could_not_be_recorded_is_not_in_the_history_and_the_session_free(
        self, say: Say, dynamodb_faults: DynamoDBFaults, sessions: SessionRepository, session: AgentSession
    ):
        dynamodb_faults.operation = "TransactWriteItems"
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            say("lost")
        dynamodb_faults.answers.clear()
        say("kept")
        assert said(sessions, session) == ["kept"]

    def test_a_table_that_is_down_is_told_before_the_model_is_asked(
        self, say: Say, dynamodb_faults: DynamoDBFaults, claude_server: OfflineServer
    ):
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable, match="Opening the session"):
            say("q")
        assert claude_server.requests() == []

    def test_the_lock_of_a_killed_turn_ends_at_its_deadline(
        self, say: Say, session: AgentSession, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
    ):
        say("first")
        begin_and_vanish(session, seconds=27)
        with pytest.raises(SessionBusy):
            say("too early")
        now = session_turns.time.time()
        monkeypatch.setattr(session_turns.time, "time", lambda: now + 27.1)
        say("second")
        assert said(sessions, session) == ["first", "second"]

    def test_a_turn_holds_the_session_no_longer_than_it_may_last(
        self, pipeline: ExecutionPipeline, session: AgentSession, principal: Principal, claude_server: OfflineServer
    ):
        claude_server.plan("stall", seconds=30)
        with pytest.raises(ModelTimedOut):
            pipeline.execute(
                helper(), {"question": "q"}, principal, TRACE, Patience(seconds=0.3), session_id=session.id
            )
        pipeline.execute(helper(), {"question": "q"}, principal, TRACE, session_id=session.id)

    def test_a_session_deleted_while_a_turn_runs_stays_deleted(
        self,
        recorder: OutboxRecorder,
        claude: ClaudeClient,
        sessions: SessionRepository,
        session: AgentSession,
        principal: Principal,
    ):
        def deletes(call: Call, proceed: Proceed) -> JsonObject:
            output = proceed(call)
            sessions.delete(session.id, owner="user-1")
            return output

        execution = piped(recorder, claude, deletes).execute(
            helper(), {"question": "q"}, principal, TRACE, session_id=session.id
        )
        assert execution.status == "succeeded"
        assert ExecutionRepository(EXECUTIONS_TABLE).get(execution.id, owner="user-1") == execution
        assert dynamodb().scan(TableName=SESSIONS_TABLE)["Items"] == []

    def test_agents_put_to_work_by_a_turn_are_no_turns(
        self, session: AgentSession, principal: Principal, recorder: OutboxRecorder, claude: ClaudeClient
    ):
        member = helper().model_copy(update={"id": "post/letter-helper"})

        def delegates(call: Call, proceed: Proceed) -> JsonObject:
            if call.parent is None:
                assert call.context.delegate
                call.context.delegate(member.id, {"question": "for a colleague"})
            return proceed(call)

        stages = [validate_input, conversation(SessionTurns(SESSIONS_TABLE)), record(recorder), delegates]
        pipeline = ExecutionPipeline([*stages, run(lambda: claude, "anthropic")], "anthropic", lambda _: member)
        execution = pipeline.execute(helper(), {"question": "q"}, principal, TRACE, session_id=session.id)
        records = ExecutionRepository(EXECUTIONS_TABLE).list_by_owner("user-1").items
        assert {(each.session_id, each.parent_id) for each in records} == {
            (session.id, None),
            (None, execution.id),
        }


class TestLongConversations:
    """Trimming, with what it costs and leaves behind."""

    @staticmethod
    def fill(say: Say) -> None:
        for n in range(6):
            say(f"question {n} " + "q" * (HISTORY_TOKENS // 6))

    def test_the_summary_is_stored_and_the_next_turn_begins_with_it(
        self, say: Say, claude_server: OfflineServer, sessions: SessionRepository, session: AgentSession
    ):
        self.fill(say)
        claude_server.plan("answer", text="Parcels were weighed.")
        execution = say("folding")
        assert [request["body"]["model"] for request in claude_server.requests()[-2:]] == [FAST, execution.model]
        say("after")
        calls = claude_server.requests()
        assert len(calls) == 9, "the summary is paid once"
        first = calls[-1]["body"]["messages"][0]["content"]
        assert "Parcels were weighed." in first[0]["text"]
        assert "question 3" not in json.dumps(calls[-1]["body"])
        assert len(said(sessions, session)) == 8, "what was said stays to be read"

    def test_the_summary_is_paid_by_the_execution_that_needed_it(self, say: Say, claude_server: OfflineServer):
        self.fill(say)
        claude_server.plan("answer", text="x" * 4_000)
        folding = say("folding")
        assert folding.usage.output_tokens > 1_000
        assert say("after").usage.output_tokens < 100

    def test_a_summary_is_kept_although_its_turn_failed(
        self, say: Say, claude_server: OfflineServer, sessions: SessionRepository, session: AgentSession
    ):
        self.fill(say)
        claude_server.plan("answer", text="Parcels were weighed.")
        claude_server.plan("status", status=529)
        with pytest.raises(ModelOverloaded):
            say("unlucky")
        say("again")
        assert "Parcels were weighed." in last_messages(claude_server)
        assert [request["body"]["model"] for request in claude_server.requests()].count(FAST) == 1
        assert said(sessions, session)[-1] == "again"

    def test_a_summary_that_fails_costs_the_turn_nothing_and_is_tried_again(
        self, say: Say, claude_server: OfflineServer, log: StringIO
    ):
        self.fill(say)
        claude_server.plan("status", status=529)
        assert say("folding").status == "succeeded"
        assert "question 2" not in last_messages(claude_server)
        assert "conversation_not_summarised" in log.getvalue()
        claude_server.plan("answer", text="Parcels were weighed.")
        say("after")
        assert "Parcels were weighed." in last_messages(claude_server)
        assert "question 2" in json.dumps(claude_server.requests()[-2]["body"]), "nothing was forgotten meanwhile"

    def test_a_hundred_turns_stay_within_the_budget_and_within_what_is_reserved(
        self, claude_server: OfflineServer, pipeline: ExecutionPipeline, session: AgentSession, principal: Principal
    ):
        definition = helper()
        for n in range(100):
            value = {"question": f"question {n} " + "words " * (n % 13) * 60}
            call = pipeline.call(definition, value, principal, TRACE, session_id=session.id)
            reserved = reservation_usd(definition, value, reserved_tokens(definition))
            call.meter = Meter("anthropic", allowance_usd=reserved)
            pipeline.carry_out(call)
            assert call.meter.cost_usd <= reserved
        calls = [request["body"] for request in claude_server.requests()]
        asked = [body for body in calls if body["model"] != FAST]
        assert len(asked) == 100
        assert max(most_tokens(body["messages"]) for body in asked) <= HISTORY_TOKENS + MARKS_TOKENS + 5_000
        assert 3 < len(calls) - len(asked) < 25
        assert SessionRepository(SESSIONS_TABLE).get(session.id, owner="user-1").turns == 100


def test_turns_that_come_at_once_follow_each_other_and_each_knows_all_before_it(
    emulated_tables: str, claude: ClaudeClient, claude_server: OfflineServer, principal: Principal
):
    sessions = SessionRepository(SESSIONS_TABLE)
    session = sessions.create("user-1", ID)
    recorder = OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    pipeline, busy = piped(recorder, claude), []

    def ask(question: str) -> None:
        while True:
            try:
                pipeline.execute(helper(), {"question": question}, principal, TRACE, session_id=session.id)
                return
            except SessionBusy as error:
                busy.append(error)
                sleep(0.05)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [f"question {n}" for n in range(8)]))
    assert busy, "they did not come at once"
    lengths = [len(request["body"]["messages"]) for request in claude_server.requests()]
    assert lengths == [1 + 2 * n for n in range(8)]
    order = said(sessions, session)
    assert sorted(order) == [f"question {n}" for n in range(8)]
    last = claude_server.requests()[-1]["body"]["messages"]
    assert [json.loads(each["content"].split("\n")[1])["question"] for each in last[::2]] == order


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ({"id": "INC-7", "question": "Why is it\n  slow?"}, "Why is it slow?"),
        ({"id": "INC-7", "count": 3}, "INC-7"),
        ({"count": 3}, '{"count":3}'),
        ({"deep": [{"text": ""}, {"text": "a b"}]}, "a b"),
        ({}, "{}"),
    ],
    ids=str,
)
def test_a_session_without_a_title_is_called_by_what_was_asked_first(value: JsonObject, title: str):
    assert gist(value) == title


def test_a_long_title_is_cut_between_letters():
    title = gist({"question": "süß und " * 50})
    assert len(title.encode()) <= TITLE_BYTES
    assert title.endswith("…")
