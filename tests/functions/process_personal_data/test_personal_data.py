"""Export and erasure of a person, against real tables, a bucket and a Postgres that hold two people's data."""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.client import BaseClient
from sqlalchemy import Engine, text

from agent_platform.errors import PersonNotFound, StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.identity import erasure
from agent_platform.identity.api_keys import ApiKeys, KeyOrder
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.identity.people import People
from agent_platform.identity.refresh_tokens import RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.users import Users
from agent_platform.ids import new_id
from agent_platform.settings import ProcessPersonalDataSettings
from agent_platform.storage import data_requests
from agent_platform.storage.approvals import Approval, ApprovalRepository
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.batches import Batch, BatchRepository
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.custom_agents import CustomAgents
from agent_platform.storage.data_requests import DataRequest, DataRequests
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterRepository
from agent_platform.storage.definitions import DefinitionRepository, VersionedDefinition
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.erased_account import ErasedAccount
from agent_platform.storage.erased_records import ErasedRecords
from agent_platform.storage.executions import ExecutionRepository, Failure
from agent_platform.storage.models import Base
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.sessions import SessionRepository
from agent_platform.storage.tool_approvals import ToolApproval, ToolApprovalRepository
from agent_platform.storage.triggers import Trigger, TriggerRepository
from agent_platform.storage.webhooks import SecretVersion, Subscription, WebhookRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_machines import MachineExecutions, execution_arn
from agent_platform.storage.workflow_records import Draft
from functions.process_personal_data.handler import Work, work_of
from tests.fakes.aws import (
    ACCOUNTS_TABLE,
    AGENT_METRICS_TABLE,
    APPROVALS_TABLE,
    BATCHES_TABLE,
    DEAD_LETTERS_TABLE,
    DEFINITIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    RESPONSE_CACHE_TABLE,
    RUNS_TABLE,
    SESSIONS_TABLE,
    WEBHOOKS_TABLE,
    store_secret,
    tokens_table,
)
from tests.fakes.executions import an_execution
from tests.fakes.platform_events import kept
from tests.fakes.postgres import Server, database, engine
from tests.fakes.runs import a_run

__all__ = ["database", "engine", "tokens_table"]

PASSWORD = "four words make one"
NOW = datetime.now(UTC)
PLENTY: Callable[[], float] = lambda: 600.0  # noqa: E731


def an_approval(**about: Any) -> Approval:
    """One that somebody's run waits for."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "run_id": f"run-{new_id()}",
        "step_id": "ask",
        "workflow_title": "t",
        "step_title": "s",
        "message": "m",
        "status": "pending",
        "owner": "somebody",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "trace_id": "67a1b2c30123456789abcdef01234567",
    }
    return Approval(**(usual | about))


def a_tool_approval(**about: Any) -> ToolApproval:
    """What an agent wants to do for somebody."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "status": "pending",
        "agent_id": "a/b",
        "entry_agent_id": "a/b",
        "execution_id": new_id(),
        "tool": "send",
        "effect": "writes",
        "digest": "0" * 64,
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
    }
    return ToolApproval(**(usual | about))


@dataclass(frozen=True)
class World:
    """Everything that a person can leave behind."""

    env: ProcessPersonalDataSettings
    engine: Engine
    work: Work

    def plant(self, who: str) -> str:
        """An account, and something of it in every store, all of it with `who` in its words; returns its id."""
        users = Users(self.engine)
        user = users.ensure(f"{who}@example.com", PASSWORD, f"Name {who}", ["user"])
        payloads = PayloadStore(PAYLOADS_BUCKET)
        executions = ExecutionRepository(self.env.executions_table, payloads)
        small = an_execution(owner=user.id, input={"of": who}, output={"to": who})
        large = an_execution(owner=user.id, input={"of": who * 60_000}, output={"to": who * 60_000})
        failed = an_execution(
            owner=user.id, status="failed", input={"of": who}, output=None, error=Failure(code="x", message=who)
        )
        for each in (small, large, failed):
            told = each.model_copy(update={"error": None})
            counters = AgentCounters(AGENT_METRICS_TABLE)
            executions.record(each, agent_executed(told, OUTBOX_TABLE), counters)
        events = [CloudEvent.model_validate_json(agent_executed(each, OUTBOX_TABLE).event) for each in (small, large)]
        AuditLog(self.engine).append([kept(each) for each in events])
        document = PrincipalDocument(user_id=user.id, email=user.email, roles=("user",), source_ip="192.0.2.7")
        written = {"summary": f"Of {who}"}
        agent = CustomAgents(self.engine).create(f"agent-of-{who}", written, owner=user.id)
        published = VersionedDefinition(agent.id, "1.0.0", json.dumps(written))
        definitions = DefinitionRepository(self.env.definitions_table)
        definitions.keep([published], replace=False)
        definitions.set_live(published)
        run = a_run(
            owner=user.id,
            status="succeeded",
            finished_at=NOW,
            name=who,
            input={"of": who},
            output={"to": who * 60_000},
            principal=document,
        )
        plain = workflow_started(run.model_copy(update={"name": None}), OUTBOX_TABLE)
        RunRepository(RUNS_TABLE, payloads).create(run, plain)
        batch = Batch(id=new_id(), agent_id="a/b", status="finished", format="jsonl", owner=user.id, created_at=NOW)
        BatchRepository(BATCHES_TABLE, payloads).create(batch)
        payloads.put(batch.upload_key, {"line": who})
        SessionRepository(SESSIONS_TABLE).create(user.id, "a/b", title=who)
        self._plant_approvals(who, user.id, run.id)
        WebhookRepository(WEBHOOKS_TABLE).add(
            Subscription(
                id=new_id(),
                owner=user.id,
                url=f"https://{who}.example/",
                events=("agent.executed",),
                description=who,
                created_at=NOW,
                updated_at=NOW,
                secret=SecretVersion(number=1, key="k1"),
            )
        )
        tokens = self.env.tokens_table
        RefreshTokens(tokens, lifetime=900, revocations=Revocations(tokens, longest_life=900)).start(user.id)
        OneTimeTokens(tokens).issue("verify-email", f"{user.id} {user.email}", 900)
        ApiKeys(tokens).create(user.id, lambda: (user.email, user.roles), KeyOrder(who, ["executions:read"]), new_id())
        letter = DeadLetter(
            id=new_id(), source="tracking", state="open", code="x", message="m", tries=1, failed_at=NOW, arrived_at=NOW
        )
        letters = DeadLetterRepository(DEAD_LETTERS_TABLE, payloads)
        letters.keep(letter, {"principal": {"user_id": user.id}, "input": who})
        letters.keep(letter.model_copy(update={"id": new_id()}), {"by": user.id, "input": who * 60_000})
        for table, item in (
            (RESPONSE_CACHE_TABLE, {"id": {"S": f"key-{user.id}"}, "answer": {"S": who}, "owner": {"S": user.id}}),
            (ACCOUNTS_TABLE, {"id": {"S": f"user#{user.id}"}, "spent": {"N": "12"}, "note": {"S": who}}),
        ):
            dynamodb().put_item(TableName=table, Item=item)
        draft = Draft("flow", who, who, [], 1, {"title": who, "input": {}}, f"title: {who}", "yaml")
        workflow = WorkflowDefinitions(self.engine).create(draft, owner=user.id)
        trigger = Trigger(new_id(), workflow.id, "", user.id, "event", who, {"type": "x"}, {"of": who}, False, NOW)
        with TriggerRepository(self.engine).adding(trigger):
            pass
        return user.id

    def _plant_approvals(self, who: str, user_id: str, run_id: str) -> None:
        approvals = ApprovalRepository(APPROVALS_TABLE)
        theirs = {"run_id": run_id, "message": who, "owner": user_id, "candidates": ("role#x",)}
        approvals.create(an_approval(**theirs), "token")
        of_tools = ToolApprovalRepository(APPROVALS_TABLE)
        of_tools.create(a_tool_approval(owner=user_id, arguments={"to": who}), [f"user#{user_id}", "role#admin"])
        own = a_tool_approval(owner=user_id, arguments={"to": who})
        of_tools.create(own, [f"user#{user_id}", "role#admin"])
        of_tools.decide(own, [f"user#{user_id}", "role#admin"], "approved", f"{who}@example.com", who)
        others = a_tool_approval(owner="somebody", arguments={"to": "m"})
        of_tools.create(others, ["user#somebody", "role#admin"])
        of_tools.decide(others, ["user#somebody", "role#admin"], "declined", f"{who}@example.com", f"{who} says no")
        # Decided in somebody else's run: that fact stays, without the address.
        decided = an_approval(
            id=f"others-{user_id[7:]}",
            run_id=f"run-of-others-{user_id}",
            status="approved",
            candidates=(f"user#{who}@example.com",),
            decided_at=NOW,
            decided_by=f"{who}@example.com",
            decider=user_id,
            comment=f"{who} says yes",
        )
        approvals.create(decided, "token")

    def ask(self, kind: data_requests.RequestKind, user_id: str) -> DataRequest:
        """What the control plane does."""
        if kind == "erasure":
            with People(self.engine).beginning_erasure(user_id) as (session, _):
                return data_requests.ask(session, kind, user_id, by=user_id)
        return DataRequests(self.engine).ask(kind, user_id, by=user_id)

    def everything(self) -> dict[str, str]:
        """Every item, object and row there is, as text, by where it lies."""
        found: dict[str, str] = {}
        for table in dynamodb().list_tables()["TableNames"]:
            items = [
                each for page in dynamodb().get_paginator("scan").paginate(TableName=table) for each in page["Items"]
            ]
            found |= {f"{table} {number}": json.dumps(item) for number, item in enumerate(items)}
        s3 = boto3.client("s3")
        for each in s3.list_objects_v2(Bucket=PAYLOADS_BUCKET).get("Contents", []):
            body = s3.get_object(Bucket=PAYLOADS_BUCKET, Key=each["Key"])["Body"].read()
            found[f"s3 {each['Key']}"] = f"{each['Key']} {body.decode(errors='replace')}"
        with self.engine.connect() as connection:
            for name in Base.metadata.tables:
                for number, row in enumerate(connection.scalars(text(f"SELECT CAST({name} AS text) FROM {name}"))):
                    found[f"postgres {name} {number}"] = row
        return found

    def a_minute_passes(self) -> None:
        """What Lambda waits before it tries again what it killed."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE data_requests SET held_until = held_until - INTERVAL '1 minute'"))

    def held_until(self, request_id: str) -> datetime:
        """How long a request is its worker's."""
        with self.engine.connect() as connection:
            query = text("SELECT held_until FROM data_requests WHERE id = :id")
            found: datetime = connection.scalars(query, {"id": UUID(request_id)}).one()
        return found

    def approvals_with(self, word: str) -> list[str]:
        """The items of approvals in which it stands."""
        return sorted(self.everything()[where] for where in self.with_word(word) if where.startswith(APPROVALS_TABLE))

    def with_word(self, word: str) -> list[str]:
        """Where it is found."""
        return sorted(where for where, what in self.everything().items() if word in what)


@pytest.fixture
def world(tokens_table: str, governance_tables: None, postgres: Server, database: str, engine: Engine) -> World:
    env = ProcessPersonalDataSettings(
        database_secret_arn=store_secret("database", postgres.secret(database)),
        tokens_table=tokens_table,
        accounts_table=ACCOUNTS_TABLE,
        executions_table="executions",
        sessions_table=SESSIONS_TABLE,
        batches_table=BATCHES_TABLE,
        runs_table=RUNS_TABLE,
        approvals_table=APPROVALS_TABLE,
        webhooks_table=WEBHOOKS_TABLE,
        dead_letters_table=DEAD_LETTERS_TABLE,
        response_cache_table=RESPONSE_CACHE_TABLE,
        definitions_table=DEFINITIONS_TABLE,
        payloads_bucket=PAYLOADS_BUCKET,
        run_batch_state_machine_arn="arn:aws:states:eu-central-1:123456789012:stateMachine:run_batch",
        schedule_group="triggers",
        event_bus_name="default",
        trigger_rule_prefix="platform-trigger-",
    )
    return World(env, engine, work_of(env, engine))


def test_an_erased_person_is_found_nowhere_and_everybody_else_is_untouched(world: World) -> None:
    canary, other = world.plant("canary"), world.plant("sparrow")
    before = world.with_word("sparrow")
    assert len(world.with_word("canary")) > 15
    request = world.ask("erasure", canary)
    assert world.work(request.id, PLENTY)

    assert world.with_word("canary") == []
    assert len(world.with_word("sparrow")) == len(before)
    assert "192.0.2.7" not in json.dumps([what for what in world.everything().values() if canary in what])
    with pytest.raises(PersonNotFound):
        People(world.engine).get(canary)
    assert People(world.engine).get(other).email == "sparrow@example.com"
    done = DataRequests(world.engine).get(request.id)
    assert done.state == "done"
    assert done.counts["executions"] == 3
    assert min(done.counts.values()) > 0


def test_facts_stay_under_the_id_and_the_audit_log_is_intact(world: World) -> None:
    canary = world.plant("canary")
    hashes = AuditLog(world.engine).head()
    world.work(world.ask("erasure", canary).id, PLENTY)

    kept_records = ExecutionRepository("executions", PayloadStore(PAYLOADS_BUCKET)).list_by_owner(canary).items
    assert sorted(each.status for each in kept_records) == ["failed", "succeeded", "succeeded"]
    whole = ExecutionRepository("executions", PayloadStore(PAYLOADS_BUCKET)).get(kept_records[0].id, owner=canary)
    assert (whole.input, whole.output, whole.usage.input_tokens) == ({}, None, 10)
    (run,) = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET)).list_by_owner(canary).items
    assert (run.status, run.name) == ("succeeded", None)
    assert RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET)).get(run.id, owner=canary).principal.email == ""
    assert AuditLog(world.engine).verify().intact
    assert AuditLog(world.engine).head() == hashes


WRITES = {
    *("PutItem", "DeleteItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"),
    *("DeleteObject", "DeleteObjects", "DeleteRule", "RemoveTargets", "DeleteStateMachine", "DeleteSchedule"),
}


class Killed(BaseException):
    """What no handler of errors sees, as with a process that is killed."""


def test_killed_before_each_single_write_it_is_completed_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = world.plant("canary")
    request = world.ask("erasure", canary)
    real, met = BaseClient._make_api_call, set[str]()

    def call(client: Any, operation: str, arguments: Any) -> Any:
        # A write is known by what it is done to: the first time that it comes, the process ends before it.
        target = [operation, *(arguments.get(name) for name in ("TableName", "Key", "Delete"))]
        target += [arguments.get("Item", {}).get("id"), [*arguments.get("TransactItems", ())]]
        write = json.dumps(target, default=str, sort_keys=True)
        if operation in WRITES and write not in met:
            met.add(write)
            raise Killed
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    while True:
        try:
            assert world.work(request.id, PLENTY)
            break
        except Killed:
            assert DataRequests(world.engine).get(request.id).state == "running"
            assert People(world.engine).get(canary).status == "erasing"
            world.a_minute_passes()
    monkeypatch.undo()
    assert len(met) > 20
    assert world.with_word("canary") == []
    assert DataRequests(world.engine).get(request.id).state == "done"


def test_what_is_still_at_work_is_waited_for_and_then_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = world.plant("canary")
    running = an_execution(
        owner=canary, status="running", finished_at=None, output=None, input={"of": "canary"}, started_at=NOW
    )
    executions = ExecutionRepository("executions", PayloadStore(PAYLOADS_BUCKET))
    executions.queue(running)
    request = world.ask("erasure", canary)
    with pytest.raises(StorageUnavailable):
        world.work(request.id, lambda: 1.0)
    assert People(world.engine).get(canary).status == "erasing"
    ended = running.model_copy(update={"status": "succeeded", "output": {"to": "canary"}, "finished_at": NOW})
    told = agent_executed(ended, OUTBOX_TABLE)
    executions.record(ended, told, AgentCounters(AGENT_METRICS_TABLE))
    assert world.work(request.id, PLENTY)
    assert world.with_word("canary") == []


def test_a_run_under_way_is_stopped_and_erased_once_it_has_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = world.plant("canary")
    machines, states = MachineExecutions(), boto3.client("stepfunctions")
    machine = states.create_state_machine(
        name="platform-wf-waits",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}}',
        roleArn="arn:aws:iam::123456789012:role/any",
    )["stateMachineArn"]
    run = a_run(owner=canary, input={"of": "canary"}, started_at=NOW, machine_arn=machine)
    run = run.model_copy(update={"execution_arn": execution_arn(machine, run.id)})
    machines.start(machine, run.id, {}, trace_id=run.trace_id)
    runs = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET))
    runs.create(run, workflow_started(run, OUTBOX_TABLE))
    request = world.ask("erasure", canary)
    with pytest.raises(StorageUnavailable):
        world.work(request.id, lambda: 1.0)
    stood = machines.describe(run.execution_arn)
    assert stood is not None
    assert stood.status == "ABORTED"
    ended = run.model_copy(update={"status": "stopped", "finished_at": NOW, "duration_ms": 1, "cost_usd": Decimal(0)})
    runs.end(ended, workflow_ended(ended, OUTBOX_TABLE))
    assert world.work(request.id, PLENTY)
    assert world.with_word("canary") == []


def test_an_export_holds_everything_of_the_person_and_nothing_of_others(world: World) -> None:
    canary = world.plant("canary")
    world.plant("sparrow")
    request = world.ask("export", canary)
    assert world.work(request.id, PLENTY)
    done = DataRequests(world.engine).get(request.id)
    assert done.object_key is not None
    archive = zipfile.ZipFile(io.BytesIO(PayloadStore(PAYLOADS_BUCKET).read(done.object_key)))
    assert archive.testzip() is None
    parts = {name.removesuffix(".jsonl"): archive.read(name).decode() for name in archive.namelist()}
    lines = {
        name: [json.loads(line) for line in what.splitlines()] for name, what in parts.items() if name != "README.txt"
    }
    assert {name: len(what) for name, what in lines.items()} == dict(done.counts)
    assert [name for name, what in lines.items() if not what] == []
    silent = {name for name, what in parts.items() if "canary" not in what}
    assert silent == {"README.txt", "sign_ins", "batches"}
    assert "sparrow" not in "".join(parts.values())
    assert lines["account"][0]["email"] == "canary@example.com"
    assert len(lines["executions"]) == 3
    assert any(each["input"] == {"of": "canary" * 60_000} for each in lines["executions"])
    documents = json.dumps(lines)
    assert [word for word in ("digest", "password", '"secret"', "subject") if word in documents] == []


def test_one_request_is_carried_out_by_one_process(world: World) -> None:
    canary = world.plant("canary")
    request = world.ask("export", canary)
    assert world.ask("export", canary).id == request.id
    requests = DataRequests(world.engine)
    hold = requests.take(request.id)
    assert hold is not None
    # Raised, so that Lambda asks again: the other may have been killed.
    with pytest.raises(StorageUnavailable, match="Another process"):
        world.work(request.id, PLENTY)
    hold.release()
    assert world.work(request.id, PLENTY)
    assert not world.work(request.id, PLENTY)
    assert UUID(world.ask("export", canary).id) > UUID(request.id)


class Gate:
    """Stops whoever makes a call for the first time, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operation: str, **arguments: str) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        real = BaseClient._make_api_call

        def call(client: Any, called: str, given: Any) -> Any:
            meant = called == operation and all(given.get(name, "").startswith(arguments[name]) for name in arguments)
            if meant and not self.reached.is_set():
                self.reached.set()
                assert self.opened.wait(60)
            return real(client, called, given)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_a_worker_that_was_overtaken_does_no_harm_and_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    canary, _ = world.plant("canary"), world.plant("sparrow")
    others = world.approvals_with("sparrow")
    request = world.ask("erasure", canary)
    gate = Gate(monkeypatch, "Scan", TableName=SESSIONS_TABLE)
    slow = pool.submit(world.work, request.id, PLENTY)
    assert gate.reached.wait(30)
    world.a_minute_passes()
    assert world.work(request.id, PLENTY)
    gate.opened.set()
    with pytest.raises(StorageUnavailable, match="lost its hold"):
        slow.result(60)
    assert others
    assert world.approvals_with("sparrow") == others
    assert not world.work(request.id, PLENTY)


def test_a_worker_that_lost_its_hold_cannot_end_the_erasure_of_the_next(world: World) -> None:
    canary = world.plant("canary")
    requests, request = DataRequests(world.engine), world.ask("erasure", canary)
    first = requests.take(request.id)
    world.a_minute_passes()
    second = requests.take(request.id)
    assert first is not None
    assert second is not None
    for act in (
        lambda: ErasedAccount(world.engine).account(first, {}),
        lambda: first.tell("tokens", {}),
        lambda: first.finish({}),
    ):
        with pytest.raises(StorageUnavailable, match="lost its hold"):
            act()
    first.release()
    with pytest.raises(StorageUnavailable, match="Another process"):
        requests.take(request.id)
    assert People(world.engine).get(canary).status == "erasing"
    second.tell("tokens", {})


def test_an_address_within_a_longer_one_is_not_mistaken_for_it(world: World) -> None:
    ann = world.plant("ann")
    approvals = ApprovalRepository(APPROVALS_TABLE)
    for candidates, by in (
        (("user#joann@example.com", "user#ann@example.com"), None),
        (("user#joann@example.com",), "joann@example.com"),
    ):
        status = "approved" if by else "pending"
        approvals.create(an_approval(candidates=candidates, decided_by=by, status=status, decider="another"), "token")
    assert world.work(world.ask("erasure", ann).id, PLENTY)
    inbox = approvals.inbox(["user#joann@example.com"], status="pending").items
    (both,) = (approvals.get(each.id).approval for each in inbox)
    assert both.candidates == ("user#joann@example.com", f"user#{ann}")
    (decided,) = approvals.inbox(["user#joann@example.com"], status="decided").items
    assert decided.decided_by == "joann@example.com"
    assert approvals.inbox(["user#ann@example.com"], status="pending").items == []


def test_approvals_of_tools_go_with_whom_they_are_for_and_forget_who_decided_others(world: World) -> None:
    canary, sparrow = world.plant("canary"), world.plant("sparrow")
    of_tools = ToolApprovalRepository(APPROVALS_TABLE)
    sparrows = of_tools.inbox([f"user#{sparrow}"], status="decided").items
    assert world.work(world.ask("erasure", canary).id, PLENTY)
    for status in ("pending", "decided"):
        assert of_tools.inbox([f"user#{canary}"], status=status).items == []
    assert of_tools.inbox([f"user#{sparrow}"], status="decided").items == sparrows
    decided = of_tools.inbox(["user#somebody"], status="decided").items
    assert {(each.status, each.decided_by, each.comment) for each in decided} == {
        ("declined", canary, None),
        ("declined", "sparrow@example.com", "sparrow says no"),
    }
    assert [each.owner for each in of_tools.inbox(["role#admin"], status="pending").items] == [sparrow]


def test_a_decision_that_is_made_meanwhile_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = world.plant("canary")
    monkeypatch.setattr(erasure, "LOOK_AGAIN_AFTER", 0.0)
    approvals = ApprovalRepository(APPROVALS_TABLE)
    asked = an_approval(candidates=("user#canary@example.com", "role#x"))
    stored = approvals.create(asked, "token")
    real, decided = BaseClient._make_api_call, list[bool]()

    def call(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "TransactWriteItems" and asked.id in json.dumps(arguments) and not decided:
            decided.append(True)
            by = {"status": "approved", "decided_by": "x@example.com", "decider": "x", "comment": "yes"}
            assert approvals.change(stored, asked.model_copy(update=by), delivered=False)
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    assert world.work(world.ask("erasure", canary).id, PLENTY)
    assert decided
    after = approvals.get(asked.id).approval
    assert (after.status, after.decided_by, after.comment) == ("approved", "x@example.com", "yes")
    assert after.candidates == (f"user#{canary}", "role#x")
    assert approvals.undelivered() == [asked.id]
    assert world.with_word("canary") == []


@pytest.mark.parametrize("is_late", [False, True])
def test_an_export_that_is_being_written_leaves_nothing_behind_its_erasure(
    world: World, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor, is_late: bool
) -> None:
    canary = world.plant("canary")
    monkeypatch.setattr(erasure, "LOOK_AGAIN_AFTER", 0.1)
    export = world.ask("export", canary)
    gate = Gate(monkeypatch, "PutObject", Key="exports/")
    writing = pool.submit(world.work, export.id, PLENTY)
    assert gate.reached.wait(30)
    if is_late:
        world.a_minute_passes()
    else:
        threading.Timer(4, gate.opened.set).start()
    assert world.work(world.ask("erasure", canary).id, PLENTY)
    gate.opened.set()
    with pytest.raises(StorageUnavailable, match="lost its hold"):
        writing.result(60)
    assert world.with_word("canary") == []
    assert list(PayloadStore(PAYLOADS_BUCKET).keys("exports/")) == []
    ended = DataRequests(world.engine).get(export.id)
    assert (ended.state, ended.object_key) == ("done", None)


def test_no_export_begins_once_the_account_is_being_erased(world: World) -> None:
    canary = world.plant("canary")
    world.ask("erasure", canary)
    export = world.ask("export", canary)
    assert not world.work(export.id, PLENTY)
    assert DataRequests(world.engine).get(export.id).state == "done"
    assert list(PayloadStore(PAYLOADS_BUCKET).keys("exports/")) == []


def test_reading_for_long_without_finding_anything_keeps_the_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = Users(world.engine).ensure("canary@example.com", PASSWORD, "Name", ["user"]).id
    monkeypatch.setattr(erasure, "TELL_EVERY", 0.0)
    requests, request = DataRequests(world.engine), world.ask("erasure", canary)
    hold = requests.take(request.id)
    assert hold is not None

    def reads(_: str) -> Iterator[int]:
        for _page in range(3):
            yield 0
            until = world.held_until(request.id)
            assert until - datetime.now(UTC) > timedelta(seconds=45)
            told.append(until)

    told: list[datetime] = []
    erasure.Erasure(ErasedAccount(world.engine), [erasure.Step("tokens", reads)]).carry_out(hold, PLENTY)
    assert len(set(told)) == 3


def test_only_what_is_still_at_work_is_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = world.plant("canary")
    running = an_execution(owner=canary, status="running", finished_at=None, output=None, started_at=NOW)
    payloads = PayloadStore(PAYLOADS_BUCKET)
    executions = ExecutionRepository("executions", payloads)
    executions.queue(running)
    real, calls = BaseClient._make_api_call, list[str]()

    def call(client: Any, operation: str, arguments: Any) -> Any:
        if operation in ("GetItem", "Query"):
            calls.append(operation)
        return real(client, operation, arguments)

    counted, waits = 0, 0
    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    for gone in ErasedRecords("executions", RUNS_TABLE, BATCHES_TABLE, payloads).executions(canary):
        counted, waits = counted + (gone or 0), waits + (gone is None)
        if gone is None and waits == 5:
            ended = running.model_copy(update={"status": "succeeded", "output": {}, "finished_at": NOW})
            monkeypatch.setattr(BaseClient, "_make_api_call", real)
            executions.record(ended, agent_executed(ended, OUTBOX_TABLE), AgentCounters(AGENT_METRICS_TABLE))
            monkeypatch.setattr(BaseClient, "_make_api_call", call)
    assert (counted, waits) == (4, 5)
    # The list twice with its four; in between five times the one.
    assert (calls.count("Query"), calls.count("GetItem")) == (2, 4 + 5 + 4)
