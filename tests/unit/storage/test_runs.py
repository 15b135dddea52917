"""Runs in DynamoDB: written once with their events, ended once, and listed by time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import InvalidCursor, RunNotFound
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run, RunFailure, RunRepository, RunStatus
from tests.fakes.aws import OUTBOX_TABLE, PAYLOADS_BUCKET, RUNS_TABLE
from tests.fakes.runs import STARTED, a_run

LARGE = {"text": "ä" * 20_000}


@pytest.fixture
def runs(governance_tables: None) -> RunRepository:
    return RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))


def create(runs: RunRepository, run: Run, claim: str | None = None) -> Run:
    return runs.create(run, workflow_started(run, OUTBOX_TABLE), claim=claim)


def end(runs: RunRepository, run: Run, **changes: Any) -> Run:
    finished = {"status": "succeeded", "finished_at": STARTED + timedelta(seconds=9), "duration_ms": 9000} | changes
    ended = run.model_copy(update=finished)
    return runs.end(ended, workflow_ended(ended, OUTBOX_TABLE))


def events() -> list[dict[str, Any]]:
    """What lies in the outbox, in the order of ids."""
    items = sorted(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"], key=lambda item: item["id"]["S"])
    return [json.loads(item["event"]["S"]) for item in items]


def test_a_run_is_read_as_it_was_written_and_its_start_is_told(runs: RunRepository):
    run = create(runs, a_run(states={"Extract": "extract"}, keep=(("lines", 0, "total"),), name="n"))
    assert runs.get(run.id, owner="user-1") == runs.stored(run.id) == run
    (event,) = events()
    assert (event["type"], event["subject"], event["data"]["owner"]) == ("workflow.started", run.id, "user-1")
    assert event["data"]["workflow_name"] == "pay-invoice"


def test_an_event_holds_neither_what_went_in_nor_what_came_out(runs: RunRepository):
    run = create(runs, a_run(input={"secret": "in"}))
    end(runs, run, output={"secret": "out"})
    assert "secret" not in json.dumps(events())


def test_a_large_input_and_output_lie_in_the_bucket(runs: RunRepository):
    run = create(runs, a_run(input=LARGE))
    assert run.input is None
    assert run.input_ref is not None
    assert run.input_ref.startswith(f"runs/{run.id}/input-")
    ended = end(runs, run, output={"text": "x" * 200_000})
    assert (ended.output, str(ended.output_ref).startswith(f"runs/{run.id}/output-")) == (None, True)
    whole = runs.get(run.id, owner=None)
    assert (whole.input, whole.output) == (LARGE, {"text": "x" * 200_000})
    item = dynamodb().get_item(TableName=RUNS_TABLE, Key={"id": {"S": run.id}})["Item"]
    assert len(json.dumps(item)) < 5_000


def test_the_same_run_is_written_once(runs: RunRepository):
    run = create(runs, a_run())
    assert create(runs, run.model_copy(update={"trace_id": "0" * 32})) == run
    assert len(events()) == 1


def test_a_claim_belongs_to_one_run_however_many_ask_at_once(emulated_tables: str):
    runs = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))  # moto's transactions are not whole among threads
    wanted = [a_run() for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        stored = list(pool.map(lambda run: create(runs, run, "name#user-1#w#monday"), wanted))
    assert len({run.id for run in stored}) == 1
    assert [event["subject"] for event in events()] == [stored[0].id]
    assert create(runs, a_run(), "name#user-2#w#monday").id != stored[0].id


def test_an_end_is_written_once_with_one_event(runs: RunRepository):
    run = create(runs, a_run())
    first = end(runs, run, output={"paid": True}, cost_usd=Decimal("0.1234567890123456789"))
    second = end(runs, run, status="failed", error=RunFailure(code="internal_error", message="m", step_id="pay"))
    assert second == first == runs.stored(run.id)
    assert second.cost_usd == Decimal("0.1234567890123456789")
    assert [event["type"] for event in events()] == ["workflow.started", "workflow.completed"]
    assert events()[1]["data"]["status"] == "succeeded"


def test_each_attempt_has_a_start_and_an_end_of_its_own_and_ids_sort_in_that_order(runs: RunRepository):
    run = create(runs, a_run())
    failed = end(runs, run, status="failed", error=RunFailure(code="model_error", message="m", step_id="pay"))
    again = failed.model_copy(
        update={"status": "running", "attempt": 2, "attempt_at": STARTED + timedelta(hours=1), "finished_at": None}
    )
    assert runs.restart(again, workflow_started(again, OUTBOX_TABLE)) == again
    assert runs.restart(again, workflow_started(again, OUTBOX_TABLE)) == again
    assert end(runs, run, status="failed") == again, "the end of the first attempt came late"
    assert end(runs, again).status == "succeeded"
    told = [(event["type"], event["data"]["attempt"]) for event in events()]
    assert told == [
        ("workflow.started", 1),
        ("workflow.failed", 1),
        ("workflow.started", 2),
        ("workflow.completed", 2),
    ]


def test_a_run_that_succeeded_does_not_begin_again(runs: RunRepository):
    done = end(runs, create(runs, a_run()))
    again = done.model_copy(update={"status": "running", "attempt": 2})
    assert runs.restart(again, workflow_started(again, OUTBOX_TABLE)) == done


def test_what_does_not_exist_or_is_somebody_elses_is_not_found(runs: RunRepository):
    run = create(runs, a_run(), "claimed")
    claim = next(i for i in dynamodb().scan(TableName=RUNS_TABLE)["Items"] if "run_id" in i)["id"]["S"]
    for run_id, owner in ((run.id, "user-2"), ("absent", "user-1"), (claim, None)):
        with pytest.raises(RunNotFound):
            runs.get(run_id, owner=owner)
    with pytest.raises(RunNotFound):
        end(runs, a_run())


def test_runs_are_listed_newest_first_by_owner_by_workflow_and_by_status(runs: RunRepository):
    mine = [create(runs, a_run(), f"claim {n}").id for n in range(5)]
    other = create(runs, a_run(workflow_id="w-2")).id
    create(runs, a_run(owner="user-2"))
    end(runs, runs.stored(mine[1]), status="failed")
    listed, cursor = list[str](), None
    while True:
        page = runs.list_by_owner("user-1", limit=4, cursor=cursor)
        listed += [run.id for run in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert listed == [other, *reversed(mine)]
    assert [run.id for run in runs.list_by_owner("user-1", workflow_id="w-2").items] == [other]
    assert [run.id for run in runs.list_by_owner("user-1", status="failed").items] == [mine[1]]
    first = runs.list_by_owner("user-1", status="running", limit=2)
    assert [run.id for run in first.items] == [other, mine[4]]
    rest = runs.list_by_owner("user-1", status="running", cursor=first.next_cursor)
    assert [run.id for run in rest.items] == [mine[3], mine[2], mine[0]]
    with pytest.raises(InvalidCursor):
        runs.list_by_owner("user-2", status="running", cursor=first.next_cursor)


@pytest.mark.parametrize("status", [None, "running"])
@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 4), (2, [2, 2]), (3, [3, 1]), (4, [4])])
def test_the_last_page_says_that_it_is_the_last(
    runs: RunRepository, status: RunStatus | None, limit: int, sizes: list[int]
):
    for number in range(4):
        create(runs, a_run(), f"claim {number}")
    found, cursor = list[int](), None
    while not found or cursor:
        page = runs.list_by_owner("user-1", status=status, limit=limit, cursor=cursor)
        found.append(len(page.items))
        cursor = page.next_cursor
    assert found == sizes


def test_open_runs_are_those_without_an_end_oldest_first(runs: RunRepository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent_platform.storage.runs.PAGE", 2)
    created = [create(runs, a_run(owner=f"user-{n}")) for n in range(5)]
    end(runs, created[2])
    assert [run.id for run in runs.open_runs()] == [created[n].id for n in (0, 1, 3, 4)]
    assert runs.count_open() == 4
