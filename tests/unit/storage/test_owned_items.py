"""Items of DynamoDB that are reached by an id alone: the repository asks whose they are, for every method that can."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import BatchNotFound, ExecutionNotFound, NotFound, RunNotFound, SessionNotFound
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.ids import new_id
from agent_platform.storage.batches import Batch, BatchRepository
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.session_turns import SessionTurns
from agent_platform.storage.sessions import SessionRepository
from tests.fakes.aws import BATCHES_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE, SESSIONS_TABLE
from tests.fakes.executions import an_execution
from tests.fakes.runs import STARTED, a_run

ADA, BOB = "user-1", "user-2"
AGENT = "post/parcel-weigher"
ROOT = Path(__file__).parents[3]


@dataclass
class World:
    """The repositories, and an item of Ada's in each."""

    executions: ExecutionRepository
    sessions: SessionRepository
    turns: SessionTurns
    batches: BatchRepository
    runs: RunRepository
    execution: str
    session: str
    batch: Batch
    run: str


@pytest.fixture
def world(governance_tables: None) -> World:
    payloads = PayloadStore(PAYLOADS_BUCKET)
    executions, sessions = ExecutionRepository(EXECUTIONS_TABLE, payloads), SessionRepository(SESSIONS_TABLE)
    batches, runs = BatchRepository(BATCHES_TABLE, payloads), RunRepository(RUNS_TABLE, payloads)
    now = datetime.now(UTC)
    execution = an_execution(status="queued", output=None, finished_at=None, started_at=now)
    executions.queue(execution)
    batch = Batch(id=new_id(), agent_id=AGENT, status="ready", format="jsonl", owner=ADA, created_at=now)
    batches.create(batch)
    run = a_run()
    runs.create(run, workflow_started(run, OUTBOX_TABLE))
    session = sessions.create(ADA, AGENT)
    turns = SessionTurns(SESSIONS_TABLE)
    return World(executions, sessions, turns, batches, runs, execution.id, session.id, batch, run.id)


ATTEMPTS: dict[str, tuple[type[NotFound], Callable[[World, str], Any]]] = {
    "ExecutionRepository.get": (ExecutionNotFound, lambda w, who: w.executions.get(w.execution, owner=who)),
    "ExecutionRepository.begin": (
        ExecutionNotFound,
        lambda w, who: w.executions.begin(w.execution, owner=who, agent_id=AGENT),
    ),
    "SessionRepository.get": (SessionNotFound, lambda w, who: w.sessions.get(w.session, owner=who)),
    "SessionRepository.turns": (SessionNotFound, lambda w, who: w.sessions.turns(w.session, owner=who)),
    "SessionRepository.delete": (SessionNotFound, lambda w, who: w.sessions.delete(w.session, owner=who)),
    "SessionTurns.begin": (
        SessionNotFound,
        lambda w, who: w.turns.begin(w.session, owner=who, agent_id=AGENT, holder=new_id(), seconds=1),
    ),
    "BatchRepository.get": (BatchNotFound, lambda w, who: w.batches.get(w.batch.id, owner=who)),
    "RunRepository.get": (RunNotFound, lambda w, who: w.runs.get(w.run, owner=who)),
    "RunRepository.stored": (RunNotFound, lambda w, who: w.runs.stored(w.run, owner=who)),
}
"""Every method of a repository that takes an id and an owner."""


def everything() -> list[str]:
    tables = (EXECUTIONS_TABLE, SESSIONS_TABLE, BATCHES_TABLE, RUNS_TABLE, OUTBOX_TABLE)
    return sorted(repr(item) for table in tables for item in dynamodb().scan(TableName=table)["Items"])


def test_every_method_that_takes_an_id_and_an_owner_is_tried() -> None:
    found = {
        f"{cls.__name__}.{name}"
        for cls in (ExecutionRepository, SessionRepository, SessionTurns, BatchRepository, RunRepository)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
        and "owner" in (names := inspect.signature(method).parameters)
        and any(each in names for each in ("execution_id", "session_id", "batch_id", "run_id"))
    }
    assert found == set(ATTEMPTS)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_is_somebody_elses_is_not_found_and_stays_as_it_is(world: World, name: str) -> None:
    error, attempt = ATTEMPTS[name]
    before = everything()
    for who in (BOB, "", f"{ADA}#", ADA.upper()):
        with pytest.raises(error):
            attempt(world, who)
    assert everything() == before
    attempt(world, ADA)


def test_no_item_goes_over_to_somebody_else_by_a_write(world: World) -> None:
    before = everything()
    theirs = world.batch.model_copy(update={"owner": BOB})
    assert world.batches.change(theirs, status="cancelled") is None
    ended = world.runs.stored(world.run).model_copy(
        update={"owner": BOB, "status": "succeeded", "finished_at": STARTED, "duration_ms": 1}
    )
    with pytest.raises(RunNotFound):
        world.runs.end(ended, workflow_ended(ended, OUTBOX_TABLE))
    assert everything() == before


def test_every_table_says_in_the_decision_how_its_owner_is_kept() -> None:
    tables = (ROOT / "infra_cdk/constructs/tables.py").read_text(encoding="utf-8")
    decision = (ROOT / "docs/decisions/row-level-security.md").read_text(encoding="utf-8")
    there = set(re.findall(r"self\.(\w+) = self\._table\(", tables))
    assert there
    assert there == set(re.findall(r"^\| `(\w+)` \|", decision.partition("## DynamoDB")[2], re.MULTILINE))
