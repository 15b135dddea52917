"""Admission in the pipeline: what an execution reserves, what it settles with its record, what it gives back."""

import json
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from agent_platform.agents.conversation import reserved_tokens
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.admission import admission
from agent_platform.agents.execution.call import Proceed, RateLimitState, Stage
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.request import reservation_usd
from agent_platform.errors import (
    BudgetExceeded,
    CostLimitReached,
    ModelOverloaded,
    RateLimited,
    SessionBusy,
    StorageUnavailable,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.resilience.account import Account, KeyBudget
from agent_platform.resilience.account_table import AccountTable
from agent_platform.resilience.accounts import Accounts
from agent_platform.resilience.money import nano_usd_up
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from tests.fakes.aws import ACCOUNTS_TABLE, AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.log import log
from tests.fakes.offline_claude import OfflineServer

__all__ = ["dynamodb_faults", "log"]

TRACE = "67a1b2c30123456789abcdef01234567"
INPUT = {"parcel_grams": 1500}
ANSWER = {"tariff_class": "M", "reason": "r"}
NANO = 10**9

pytestmark = pytest.mark.usefixtures("governance_tables")


def definition(agent_id: str = "post/parcel-weigher", **limits: Any) -> AgentDefinition:
    return AgentDefinition.model_validate_json(json.dumps({**a_definition("parcel", limits=limits), "id": agent_id}))


def costing(usd: str, uncertain: str = "0", delegated: str = "0", fails: Exception | None = None) -> Stage:
    """A stage in the place of the run, which costs what it is told."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        call.meter.cost_usd += Decimal(usd)
        call.meter.add_uncertain(Decimal(uncertain))
        call.meter.add_delegated(Decimal(delegated))
        if fails:
            raise fails
        return ANSWER

    return stage


def refusing(error: Exception) -> Stage:
    """A stage between admission and record that lets nothing pass."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        raise error

    return stage


def pipeline(*inner: Stage, monthly: float = 10, per_minute: int = 5) -> ExecutionPipeline:
    admitted = admission(Accounts(ACCOUNTS_TABLE), monthly, per_minute)
    return ExecutionPipeline([validate_input, admitted, *inner], "offline")


def recorded() -> Stage:
    counters = AgentCounters(AGENT_METRICS_TABLE)
    return record(OutboxRecorder(ExecutionRepository(EXECUTIONS_TABLE), OUTBOX_TABLE, counters))


def account(name: str = "user#user-1") -> Account:
    return AccountTable(ACCOUNTS_TABLE).read(name)


def settled(spent: str, ceiling: int = 10) -> tuple[int, int, dict[str, int]]:
    """What an account shows when everything is settled: spent, available, holds."""
    nano = nano_usd_up(Decimal(spent))
    return nano, ceiling * NANO - nano, {}


def shown(name: str = "user#user-1") -> tuple[int, int, dict[str, int]]:
    found = account(name)
    return found.spent, found.available, dict(found.holds)


def test_an_execution_books_what_the_model_cost(
    principal: Principal, claude: ClaudeClient, claude_server: OfflineServer
):
    agent = definition()
    during: list[Account] = []

    def look(call: Call, proceed: Proceed) -> JsonObject:
        during.append(account())
        assert call.meter.allowance_usd == reservation_usd(agent, INPUT)
        return proceed(call)

    through = pipeline(recorded(), look, run(lambda: claude, "anthropic"))
    call = through.call(agent, INPUT, principal, TRACE)
    execution = through.carry_out(call)
    assert execution.cost_usd > 0
    assert during[0].holds == {call.id: nano_usd_up(reservation_usd(agent, INPUT))}
    assert during[0].reserved > nano_usd_up(execution.cost_usd)
    assert shown() == settled(str(execution.cost_usd))
    assert call.rate
    assert (call.rate.limit, call.rate.remaining) == (5, 4)
    assert 1 <= call.rate.reset_seconds <= 60


def test_two_round_trips_beyond_the_model(principal: Principal, dynamodb_faults: DynamoDBFaults):
    through = pipeline(recorded(), costing("0.01"))
    through.execute(definition(), INPUT, principal, TRACE)
    before = dynamodb_faults.calls
    through.execute(definition(), INPUT, principal, TRACE)
    assert dynamodb_faults.calls - before == 2
    with_agent = definition(monthly_cost_usd=100)
    through.execute(with_agent, INPUT, principal, TRACE)
    before = dynamodb_faults.calls
    through.execute(with_agent, INPUT, principal, TRACE)
    assert dynamodb_faults.calls - before == 3


@pytest.mark.parametrize(
    ("stage", "spent"),
    [
        (costing("0.25"), "0.25"),
        (costing("0"), "0"),
        (costing("0.0000000001"), "0.000000001"),
        (costing("0.25", uncertain="0.5"), "0.75"),
        (costing("0.25", delegated="3"), "0.25"),
        (costing("0.25", fails=ModelOverloaded("Busy.")), "0.25"),
        (costing("0.25", fails=ZeroDivisionError()), "0.25"),
    ],
    ids=["cost", "cached", "less than a unit", "a try that timed out", "members of a team", "failed", "our defect"],
)
def test_what_is_settled(principal: Principal, stage: Stage, spent: str):
    try:
        pipeline(recorded(), stage).execute(definition(), INPUT, principal, TRACE)
    except (ModelOverloaded, ZeroDivisionError):
        assert len(dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"]) == 1
    assert shown() == settled(spent)


@pytest.mark.parametrize("error", [SessionBusy("Busy."), ZeroDivisionError()])
def test_what_is_refused_before_it_is_recorded_gives_its_reservation_back(principal: Principal, error: Exception):
    with pytest.raises(type(error)):
        pipeline(refusing(error), recorded()).execute(definition(monthly_cost_usd=5), INPUT, principal, TRACE)
    assert shown() == settled("0")
    assert shown("agent#post/parcel-weigher") == settled("0", 5)
    assert list(account().calls.values()) == [1]


def test_where_the_record_failed_the_money_stays_reserved(principal: Principal, dynamodb_faults: DynamoDBFaults):
    def break_down(call: Call, proceed: Proceed) -> JsonObject:
        dynamodb_faults.operation = "TransactWriteItems"
        dynamodb_faults.go_down()
        return proceed(call)

    through = pipeline(recorded(), break_down, costing("0.01"))
    with pytest.raises(StorageUnavailable):
        through.execute(definition(), INPUT, principal, TRACE)
    assert account().reserved == nano_usd_up(reservation_usd(definition(), INPUT))


def test_a_reservation_that_cannot_be_given_back_does_not_hide_the_first_failure(
    principal: Principal, dynamodb_faults: DynamoDBFaults, log: StringIO
):
    def break_down(call: Call, proceed: Proceed) -> JsonObject:
        dynamodb_faults.go_down()
        raise SessionBusy("Busy.")

    with pytest.raises(SessionBusy):
        pipeline(break_down).execute(definition(), INPUT, principal, TRACE)
    assert "reservation_not_released" in log.getvalue()


def test_a_refused_call_costs_nothing_and_writes_nothing(principal: Principal):
    ran: list[Call] = []

    def count(call: Call, proceed: Proceed) -> JsonObject:
        ran.append(call)
        return ANSWER

    through = pipeline(recorded(), count, per_minute=2)
    for _ in range(2):
        through.execute(definition(), INPUT, principal, TRACE)
    with pytest.raises(RateLimited):
        through.execute(definition(), INPUT, principal, TRACE)
    with pytest.raises(BudgetExceeded):
        pipeline(recorded(), count, monthly=0.001).execute(definition("post/other"), INPUT, principal, TRACE)
    assert len(ran) == 2
    assert len(dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"]) == 2
    assert shown() == settled("0")


@pytest.mark.parametrize(("limits", "expected"), [({"rate_per_minute": 1}, 1), ({"rate_per_minute": 7}, 7), ({}, 5)])
def test_the_rate_is_the_definitions_or_else_the_platforms(principal: Principal, limits: dict[str, int], expected: int):
    through = pipeline(recorded(), costing("0"))
    call = through.call(definition(**limits), INPUT, principal, TRACE)
    through.carry_out(call)
    assert call.rate == RateLimitState(expected, expected - 1, call.rate.reset_seconds if call.rate else 0)


def test_a_rate_is_of_one_principal_and_one_agent(principal: Principal):
    through = pipeline(recorded(), costing("0"), per_minute=1)
    eve = Principal("user-2", "eve@example.com", frozenset(), token_id="")
    by_key = Principal("user-1", "ada@example.com", frozenset(), token_id="", key_id="key-1")
    for who, agent in ((principal, "post/a"), (principal, "post/b"), (eve, "post/a"), (by_key, "post/a")):
        through.execute(definition(agent), INPUT, who, TRACE)
        with pytest.raises(RateLimited):
            through.execute(definition(agent), INPUT, who, TRACE)


def test_what_a_key_spends_is_booked_for_the_key_and_its_user():
    by_key = Principal("user-1", "ada@example.com", frozenset(), token_id="", key_id="key-1")
    pipeline(recorded(), costing("0.25")).execute(definition(), INPUT, by_key, TRACE)
    assert shown() == settled("0.25")
    assert account().keys == {"key-1": KeyBudget(-NANO // 4, NANO // 4, None)}


def test_an_agents_own_ceiling_holds_over_all_its_users(principal: Principal):
    agent, other = definition(monthly_cost_usd=0.5), "agent#post/parcel-weigher"
    pipeline(recorded(), costing("0.45")).execute(agent, INPUT, principal, TRACE)
    assert account(other).spent == 45 * NANO // 100
    eve = Principal("user-2", "eve@example.com", frozenset(), token_id="")
    with pytest.raises(BudgetExceeded, match=r"the agent `post/parcel-weigher`, over all its users, has \$0.0500 left"):
        pipeline(recorded(), costing("0")).execute(agent, INPUT, eve, TRACE)
    assert shown("user#user-2") == settled("0")
    assert list(account("user#user-2").calls.values()) == [0]
    assert account(other).holds == {}


def test_the_history_of_a_conversation_is_reserved_for(principal: Principal):
    seen: list[Decimal | None] = []

    def look(call: Call, proceed: Proceed) -> JsonObject:
        seen.append(call.meter.allowance_usd)
        return ANSWER

    through = pipeline(recorded(), look)
    through.execute(definition(), INPUT, principal, TRACE, session_id="session-1")
    assert seen == [reservation_usd(definition(), INPUT, reserved_tokens(definition()))]
    assert seen[0]
    assert seen[0] > reservation_usd(definition(), INPUT)


def test_an_input_that_costs_too_much_by_itself_is_refused_before_anything_is_counted(principal: Principal):
    with pytest.raises(CostLimitReached):
        pipeline(recorded(), costing("0")).execute(definition(max_cost_usd=0.0001), INPUT, principal, TRACE)
    assert account() == Account()


def test_members_of_a_team_reserve_and_settle_for_themselves(principal: Principal):
    def work(call: Call, proceed: Proceed) -> JsonObject:
        call.meter.cost_usd += Decimal("0.10")
        delegate: Callable[[str, JsonObject], JsonObject] | None = call.context.delegate
        if call.parent is None and delegate:
            assert len(account().holds) == 1
            delegate("post/member", INPUT)
        else:
            assert len(account().holds) == 2
        return ANSWER

    admitted = admission(Accounts(ACCOUNTS_TABLE), 10, 5)
    through = ExecutionPipeline([validate_input, admitted, recorded(), work], "offline", definition)
    execution = through.execute(definition(), INPUT, principal, TRACE)
    assert (execution.cost_usd, execution.delegated_cost_usd) == (Decimal("0.10"), Decimal("0.10"))
    assert shown() == settled("0.20")
    assert sorted(account().calls.values()) == [1, 1]
