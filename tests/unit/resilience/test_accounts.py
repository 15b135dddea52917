"""Admission, settlement and ceilings of one account, on emulated tables."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from agent_platform.errors import BudgetExceeded, RateLimited, StorageUnavailable
from agent_platform.ids import new_id
from agent_platform.resilience.account import Account, KeyBudget
from agent_platform.resilience.account_table import TRIES, AccountTable
from agent_platform.resilience.accounts import Accounts, Rate, Reservation
from agent_platform.resilience.budgets import Budgets
from agent_platform.resilience.moments import Moment, end_of
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import ACCOUNTS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]

ADA = "user#ada"
AGENT = "post/parcel-weigher"
NOON = 1_795_262_400.0
"""2026-11-21 12:00 UTC."""
NANO = 10**9


@dataclass
class Clock:
    """A clock that a test sets."""

    seconds: float = NOON

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bank:
    """Accounts, their budgets, and the clock of both."""

    clock: Clock
    accounts: Accounts
    budgets: Budgets

    def admit(self, usd: str = "1", *, ceiling: str = "10", limit: int | None = None, **more: Any) -> Reservation:
        """Admit one call; without `limit` it is not counted."""
        return self.accounts.admit(
            ADA,
            more.pop("call_id", new_id()),
            Decimal(usd),
            Decimal(ceiling),
            whose="your account",
            rate=Rate(AGENT, limit) if limit else None,
            **more,
        )

    def settle(self, reservation: Reservation, cost: str = "0") -> None:
        """Write the settlement as a record's transaction does."""
        dynamodb().transact_write_items(TransactItems=[self.accounts.settlement(reservation, Decimal(cost))])

    def left(self, ceiling: str = "10") -> tuple[Decimal, Decimal, Decimal]:
        """What is available, reserved and spent, in USD."""
        budget = self.budgets.read(ADA, Decimal(ceiling))
        return budget.available_usd, budget.reserved_usd, budget.spent_usd


@pytest.fixture
def bank(governance_tables: None) -> Bank:
    return another_bank(Clock())


def another_bank(clock: Clock) -> Bank:
    """As another process has it."""
    return Bank(clock, Accounts(ACCOUNTS_TABLE, clock), Budgets(ACCOUNTS_TABLE, clock))


def stored(account: str = ADA) -> Account:
    return AccountTable(ACCOUNTS_TABLE).read(account)


def test_a_reservation_is_held_until_it_is_settled_with_what_was_spent(bank: Bank):
    reservation = bank.admit("2.5")
    assert bank.left() == (Decimal("7.5"), Decimal("2.5"), 0)
    bank.settle(reservation, "0.000000123")
    assert bank.left() == (Decimal("9.999999877"), 0, Decimal("0.000000123"))
    assert stored().holds == {}


def test_a_call_may_cost_more_than_was_reserved_and_is_booked_whole(bank: Bank):
    bank.settle(bank.admit("1"), "4")
    assert bank.left() == (6, 0, 4)


def test_a_settlement_counts_once_however_often_it_is_written(bank: Bank):
    reservation = bank.admit("2")
    bank.settle(reservation, "1")
    with pytest.raises(dynamodb().exceptions.TransactionCanceledException, match="ConditionalCheckFailed"):
        bank.settle(reservation, "1")
    bank.accounts.release(reservation)
    assert bank.left() == (9, 0, 1)


def test_a_release_gives_everything_back_once(bank: Bank):
    kept, released = bank.admit("2"), bank.admit("3")
    for _ in range(3):
        bank.accounts.release(released)
    assert bank.left() == (8, 2, 0)
    bank.accounts.release(kept)
    assert bank.left() == (10, 0, 0)


def test_a_released_call_still_counts_and_a_cancelled_one_does_not(bank: Bank):
    bank.accounts.release(bank.admit(limit=3))
    assert bank.admit(limit=3).calls_left == 1
    bank.accounts.cancel(bank.admit(limit=3))
    assert bank.admit(limit=3).calls_left == 0


def test_what_is_reserved_never_passes_the_ceiling_and_the_last_cent_can_be_used(bank: Bank):
    bank.admit("9.99")
    before = stored()
    with pytest.raises(BudgetExceeded) as refused:
        bank.admit("0.010000001")
    assert stored() == before
    detail = refused.value.detail
    assert "the budget of your account has $0.0100 left of $10.00 until 2026-12-01 00:00 UTC" in detail
    assert "administrator" in detail
    bank.admit("0.01")
    assert bank.left()[0] == 0


def test_even_the_first_call_of_an_account_keeps_the_ceiling(bank: Bank):
    with pytest.raises(BudgetExceeded):
        bank.admit("10.01")
    assert stored() == Account()
    assert bank.left() == (10, 0, 0)


@pytest.mark.parametrize("estimate", ["0", "-1", "NaN", "-Infinity", "Infinity", "-0.0000000001"])
def test_an_estimate_is_a_positive_amount(bank: Bank, estimate: str):
    with pytest.raises(ValueError, match=r"USD|nothing to reserve"):
        bank.admit(estimate)
    assert stored() == Account()


def test_an_estimate_below_the_smallest_unit_reserves_one_unit(bank: Bank):
    bank.admit("0.00000000001")
    assert list(stored().holds.values()) == [1]


def test_calls_are_refused_from_the_limit_on_until_the_minute_is_over(bank: Bank):
    bank.clock.seconds = NOON + 17
    assert [bank.admit("1", limit=3).calls_left for _ in range(3)] == [2, 1, 0]
    before = stored()
    for asked in (bank, another_bank(bank.clock)):
        with pytest.raises(RateLimited) as refused:
            asked.admit("1", limit=3)
        assert (refused.value.limit, refused.value.retry_after) == (3, 43)
        assert f"`{AGENT}` 3 times a minute" in refused.value.detail
    assert stored() == before
    bank.clock.seconds = NOON + 60
    assert bank.admit("1", limit=3).calls_left == 2
    assert bank.left()[1] == 4


@pytest.mark.parametrize(("second", "left"), [(0, 60), (0.4, 60), (59, 1), (59.999, 1)])
def test_the_window_ends_in_one_to_sixty_seconds(second: float, left: int):
    assert Moment(NOON + second).seconds_left == left


def test_every_agent_and_every_key_has_a_rate_of_its_own(bank: Bank):
    bank.admit(limit=1)
    assert bank.accounts.admit(ADA, "x", Decimal(1), Decimal(10), whose="", rate=Rate("post/other", 1)).calls_left == 0
    assert bank.admit(limit=1, key_id="key-1").calls_left == 0
    for key in (None, "key-1"):
        with pytest.raises(RateLimited):
            bank.admit(limit=1, key_id=key)
    assert bank.admit(limit=1, key_id="key-2").calls_left == 0


def test_a_process_that_has_seen_the_minute_full_asks_nobody(bank: Bank, dynamodb_faults: DynamoDBFaults):
    bank.admit(limit=1)
    refused = 0
    for _ in range(20):
        with pytest.raises(RateLimited):
            bank.admit(limit=1)
        refused += 1
    # Two for the first call of an account, one for the first refusal.
    assert (refused, dynamodb_faults.calls) == (20, 3)
    bank.clock.seconds += 60
    bank.admit(limit=1)
    assert dynamodb_faults.calls == 4


def test_counts_of_past_minutes_are_dropped_with_the_next_settlement(bank: Bank):
    bank.admit(limit=5)
    bank.clock.seconds += 60
    bank.settle(bank.admit(limit=5))
    assert len(stored().calls) == 2  # another process's clock may still be in the minute before
    bank.clock.seconds += 60
    bank.settle(bank.admit(limit=5))
    minutes = [int(name.split()[0]) for name in stored().calls]
    assert minutes == [NOON // 60 + 1, NOON // 60 + 2]


def test_many_stale_counts_are_dropped_in_parts(bank: Bank):
    bank.admit()
    old = stored()
    calls = {f"{NOON // 60 - 5 - index:.0f} {AGENT}": 1 for index in range(60)}
    AccountTable(ACCOUNTS_TABLE).replace(ADA, old, Account.of({**old.fields(), "calls": calls}))
    remaining = []
    for _ in range(2):
        bank.settle(bank.admit(limit=9))
        remaining.append(len(stored().calls))
    assert remaining == [11, 1]


def test_a_new_month_starts_with_nothing_spent_and_drops_what_was_open(bank: Bank):
    bank.settle(bank.admit("4"), "4")
    late = bank.admit("5")
    bank.clock.seconds = Moment(end_of("2026-11").timestamp()).seconds
    assert bank.left() == (10, 0, 0)
    bank.admit("8")
    with pytest.raises(dynamodb().exceptions.TransactionCanceledException, match="ConditionalCheckFailed"):
        bank.settle(late, "5")
    bank.accounts.release(late)
    assert bank.left() == (2, 8, 0)
    assert stored().period == "2026-12"


def test_whoever_has_a_slow_clock_books_into_the_month_that_others_are_in(bank: Bank):
    bank.clock.seconds = end_of("2026-11").timestamp() + 1
    bank.admit("9")
    slow = another_bank(Clock(bank.clock.seconds - 3))
    with pytest.raises(BudgetExceeded, match="2027-01-01"):
        slow.admit("2")
    slow.admit("1")
    assert bank.left() == (0, 10, 0)


def test_counts_survive_the_turn_of_the_month_for_whoever_is_still_in_the_last_minute(bank: Bank):
    bank.clock.seconds = end_of("2026-11").timestamp() - 1
    bank.admit(limit=1)
    fast = another_bank(Clock(bank.clock.seconds + 2))
    fast.admit(limit=1)
    with pytest.raises(RateLimited):
        bank.admit(limit=1)


@pytest.mark.parametrize("month", ["2026-01", "2026-11", "2026-12", "2028-02"])
def test_a_month_ends_where_the_next_one_begins(month: str):
    end = end_of(month).timestamp()
    assert Moment(end - 0.001).period == month
    assert Moment(end).period > month


def test_another_default_ceiling_applies_with_the_next_call(bank: Bank):
    bank.settle(bank.admit("4", ceiling="5"), "3")
    held = bank.admit("1", ceiling="5")
    with pytest.raises(BudgetExceeded):
        bank.admit("2", ceiling="5")
    bank.admit("6", ceiling="10.5")
    assert bank.left("10.5") == (Decimal("0.5"), 7, 3)
    with pytest.raises(BudgetExceeded, match=r"\$0.0000 left of \$8.00"):
        bank.admit("0.1", ceiling="8")
    bank.settle(held, "0")
    assert bank.left("10.5") == (Decimal("1.5"), 6, 3)


def test_the_ceiling_of_an_administrator_applies_at_once_and_outlives_the_month(bank: Bank):
    bank.settle(bank.admit("4"), "4")
    bank.admit("1")
    set_to = bank.budgets.set_ceiling(ADA, Decimal(20), Decimal(10))
    assert (set_to.ceiling_usd, set_to.available_usd, set_to.reserved_usd, set_to.spent_usd) == (20, 15, 1, 4)
    bank.admit("15")
    bank.clock.seconds = end_of("2026-11").timestamp()
    bank.admit("20")
    back = bank.budgets.set_ceiling(ADA, None, Decimal(10))
    assert (back.ceiling_usd, back.available_usd, back.reserved_usd) == (10, 0, 20)
    with pytest.raises(BudgetExceeded):
        bank.admit("0.01")


def test_a_ceiling_can_be_set_before_the_account_is_ever_used(bank: Bank):
    bank.budgets.set_ceiling(ADA, Decimal(3), Decimal(10))
    assert bank.left() == (3, 0, 0)
    with pytest.raises(BudgetExceeded):
        bank.admit("3.01")
    bank.admit("3")
    assert bank.left() == (0, 3, 0)


def test_a_ceiling_of_nothing_stops_everything(bank: Bank):
    bank.budgets.set_ceiling(ADA, Decimal(0), Decimal(10))
    with pytest.raises(BudgetExceeded):
        bank.admit("0.000000001")


def test_a_key_with_a_ceiling_is_held_to_it_and_the_account_to_its_own(bank: Bank):
    bank.budgets.set_key_ceiling(ADA, "key-1", Decimal(3))
    reservation = bank.admit("2", key_id="key-1")
    with pytest.raises(BudgetExceeded, match=r"the API key `key-1` has \$1.0000 left of \$3.00"):
        bank.admit("1.5", key_id="key-1")
    bank.admit("1.5", key_id="key-2")
    bank.settle(reservation, "0.5")
    assert stored().keys["key-1"] == KeyBudget(5 * NANO // 2, NANO // 2, 3 * NANO)
    assert stored().keys["key-2"] == KeyBudget(-3 * NANO // 2, 0, None)
    bank.admit("2.5", key_id="key-1")
    with pytest.raises(BudgetExceeded, match="your account"):
        bank.admit("6", key_id="key-2")


def test_the_ceiling_of_a_key_can_be_raised_and_taken_away_while_it_is_in_use(bank: Bank):
    bank.settle(bank.admit("2", key_id="key-1"), "2")
    bank.budgets.set_key_ceiling(ADA, "key-1", Decimal(1))
    with pytest.raises(BudgetExceeded, match="API key"):
        bank.admit("0.1", key_id="key-1")
    bank.budgets.set_key_ceiling(ADA, "key-1", None)
    bank.admit("8", key_id="key-1")


def test_a_new_month_renews_the_ceilings_of_keys_and_forgets_keys_without(bank: Bank):
    bank.budgets.set_key_ceiling(ADA, "key-0", Decimal(0))
    bank.budgets.set_key_ceiling(ADA, "key-1", Decimal(3))
    bank.admit("3", key_id="key-1")
    bank.admit("1", key_id="key-2")
    bank.clock.seconds = end_of("2026-11").timestamp()
    bank.admit("1")
    assert stored().keys == {"key-0": KeyBudget(0, 0, 0), "key-1": KeyBudget(3 * NANO, 0, 3 * NANO)}
    bank.admit("1", key_id="key-2")
    with pytest.raises(BudgetExceeded):
        bank.admit("0.1", key_id="key-0")


def test_an_admission_whose_answer_was_lost_counts_once(bank: Bank):
    for usd in ("1", "2"):  # the first makes the account, the second finds it
        first = bank.admit(usd, limit=9, call_id=f"call of {usd}")
        again = bank.admit(usd, limit=9, call_id=f"call of {usd}")
        assert again == first
    assert bank.left() == (7, 3, 0)
    assert list(stored().calls.values()) == [2]


def test_round_trips_of_an_admission(bank: Bank, dynamodb_faults: DynamoDBFaults):
    def trips(act: Callable[[], Any]) -> int:
        before = dynamodb_faults.calls
        act()
        return dynamodb_faults.calls - before

    assert trips(bank.admit) == 2  # the first call ever
    assert trips(lambda: bank.admit(limit=9)) == 1
    assert trips(lambda: another_bank(bank.clock).admit(limit=9)) == 1
    bank.clock.seconds += 60
    assert trips(lambda: bank.admit(limit=9)) == 1  # a new minute
    assert trips(lambda: another_bank(Clock(bank.clock() + 3600)).admit(limit=9)) == 1
    assert trips(lambda: bank.admit(key_id="k")) == 2  # the first call of a key
    assert trips(lambda: bank.admit(key_id="k")) == 1
    bank.budgets.set_ceiling(ADA, Decimal(1000), Decimal(10))
    assert trips(bank.admit) == 1
    bank.clock.seconds = end_of("2026-11").timestamp()
    assert trips(bank.admit) == 2  # the first call of a month
    assert trips(bank.admit) == 1
    assert trips(lambda: bank.accounts.release(bank.admit())) == 2


def test_writes_wait_for_a_transaction_of_the_same_account(bank: Bank, dynamodb_faults: DynamoDBFaults):
    bank.admit()
    for act in (bank.admit, lambda: bank.accounts.release(bank.admit()), lambda: bank.admit(key_id="new")):
        for _ in range(TRIES - 1):
            dynamodb_faults.refuse("TransactionConflictException")
        act()
        assert not dynamodb_faults.answers
    assert bank.left() == (7, 3, 0)


def test_throttling_is_waited_for(bank: Bank, dynamodb_faults: DynamoDBFaults):
    for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"):
        dynamodb_faults.refuse(code, 500 if code == "InternalServerError" else 400)
        bank.admit()
    assert bank.left() == (7, 3, 0)


@pytest.mark.parametrize("code", ["TransactionConflictException", "ThrottlingException"])
def test_a_table_that_stays_busy_is_storage_unavailable_and_nothing_is_reserved(
    bank: Bank, dynamodb_faults: DynamoDBFaults, code: str
):
    bank.admit()
    for _ in range(100):
        dynamodb_faults.refuse(code)
    with pytest.raises(StorageUnavailable, match="Reserving the budget"):
        bank.admit()
    assert dynamodb_faults.calls < 2 + TRIES * 2
    dynamodb_faults.answers.clear()
    assert bank.left() == (9, 1, 0)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_available_reserved_and_spent_makes_the_ceiling(seed: int):
    chance = random.Random(seed)  # noqa: S311 - dice that fall the same way each time
    ceiling = chance.choice([0, 1, NANO, 10**15])
    account = Account().at("2026-11", ceiling).with_key("k", KeyBudget().with_ceiling(ceiling))
    for index in range(30):
        override = chance.choice([None, 0, chance.randrange(10**12)])
        account = account.reserve(str(index), chance.randrange(10**12), None, chance.choice(["k", "l", None]))
        account = account.with_override(override, ceiling).at("2026-11", ceiling)
        assert account.ceiling == (ceiling if override is None else override)
        assert account.reserved == sum(account.holds.values())
        assert account.available + account.reserved + account.spent == account.ceiling
        assert Account.of(account.fields()) == account
    assert account.at("2026-12", 7).available == (7 if account.override is None else account.override)
