"""Admission: a call is counted and its most probable cost reserved in one write; what it cost is settled later.

Counts live in fixed minutes (UTC), amounts in calendar months (UTC). Both are exact however many processes share an
account, because each write names the limits it must keep.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING

from agent_platform.errors import BudgetExceeded, RateLimited, StorageUnavailable
from agent_platform.resilience.account import Account
from agent_platform.resilience.account_table import TRIES, AccountTable, Admission, Closing, Differs
from agent_platform.resilience.moments import Moment, end_of
from agent_platform.resilience.money import nano_usd_down, nano_usd_up, usd_of
from agent_platform.storage.dynamodb import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MOST_DROPPED = 50
"""Counts of past minutes that one settlement drops; an expression has at most 4 KB."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often `counted` may be called a minute."""

    counted: str
    limit: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was admitted: the way back for the money.

    Attributes:
        amount: in nano-USD.
        entry: the name under which the call was counted.
        calls_left: in this minute.
        seconds_left: until the minute is over.
        stale: counts of past minutes that the account still held.
    """

    account: str
    call_id: str
    amount: int
    key_id: str | None
    entry: str | None
    calls_left: int
    seconds_left: int
    stale: tuple[str, ...]


class Accounts:
    """What principals and agents may call and spend. Safe for threads and processes."""

    def __init__(self, table: str, now: Callable[[], float] = time.time) -> None:
        self._table = AccountTable(table)
        self._now = now
        self._full: set[tuple[str, str]] = set()
        self._lock = Lock()

    def admit(
        self,
        account: str,
        call_id: str,
        estimate: Decimal,
        ceiling: Decimal,
        *,
        whose: str,
        rate: Rate | None = None,
        key_id: str | None = None,
    ) -> Reservation:
        """Count one call and reserve what it may cost: one write, or two when a month, ceiling or key is new.

        The same call admitted twice, because an answer was lost, counts once.

        Args:
            estimate: the most that the call may cost in USD.
            ceiling: USD a month where no administrator gave another.
            whose: completes "the budget of …" in a refusal.
            key_id: the API key that the call came by.

        Raises:
            RateLimited: no call is left in this minute. Nothing was changed.
            BudgetExceeded: less than the estimate is left in this month. Nothing was changed.
            StorageUnavailable: DynamoDB does not answer.
            ValueError: the estimate is not a positive amount.
        """
        moment = Moment(self._now())
        entry = " ".join(filter(None, (str(moment.minute), key_id, rate.counted))) if rate else None
        wanted = Admission(
            call_id, nano_usd_up(estimate), nano_usd_down(ceiling), entry, rate.limit if rate else 0, key_id
        )
        if wanted.amount == 0:
            raise ValueError("A call that costs nothing has nothing to reserve.")
        if rate and entry and self._is_full(account, entry, moment):
            raise too_often(rate, moment)
        with storage_errors("Reserving the budget"):
            found = self._reserve(account, wanted, moment, whose, rate)
        return Reservation(
            account,
            call_id,
            wanted.amount,
            key_id,
            entry,
            max(0, wanted.most_calls - found.calls.get(entry, 0)) if entry else 0,
            moment.seconds_left,
            _stale(found, moment),
        )

    def settlement(self, reservation: Reservation, cost: Decimal) -> "TransactWriteItemTypeDef":
        """The write that books what the call cost in USD and gives the rest back: once, however often it is written."""
        return {"Update": self._table.closing(reservation.account, _closing(reservation, nano_usd_up(cost)))}

    def release(self, reservation: Reservation) -> None:
        """Give back a reservation of which nothing was spent; the call still counts as one.

        Raises:
            StorageUnavailable: DynamoDB does not answer; what was reserved stays reserved until the month is over.
        """
        with storage_errors("Releasing the budget"):
            self._table.close(reservation.account, _closing(reservation, 0))

    def cancel(self, reservation: Reservation) -> None:
        """Undo an admission: the money is free again and the call does not count.

        Raises:
            StorageUnavailable: as `release`.
        """
        with storage_errors("Releasing the budget"):
            self._table.close(reservation.account, _closing(reservation, 0, uncount=reservation.entry))

    def _reserve(self, account: str, wanted: Admission, moment: Moment, whose: str, rate: Rate | None) -> Account:
        period, renewed = moment.period, None
        for _ in range(TRIES):
            try:
                if renewed:
                    return self._table.replace(account, *renewed)
                return self._table.take(account, period, wanted)
            except Differs as differs:
                found = differs.found
            if wanted.call_id in found.holds:
                return found  # an earlier try got through although its answer was lost
            # Clocks differ a little: once somebody is in the next month, everybody is.
            period = max(found.period, moment.period)
            current = found.at(period, wanted.ceiling)
            if rate and wanted.entry and current.calls.get(wanted.entry, 0) >= rate.limit:
                self._remember_full(account, wanted.entry)
                raise too_often(rate, moment)
            _must_afford(current, wanted, whose)
            is_as_usual = (current.period, current.ceiling) == (found.period, found.ceiling)
            if is_as_usual and (wanted.key_id is None or wanted.key_id in found.keys):
                renewed = None
            else:
                renewed = found, current.reserve(wanted.call_id, wanted.amount, wanted.entry, wanted.key_id)
        raise StorageUnavailable("Too many calls change this account at once. Try again shortly.")

    def _is_full(self, account: str, entry: str, moment: Moment) -> bool:
        """Whether this process has seen the minute full: who keeps asking then costs no write.

        A call that is cancelled in another process makes room that this one sees in the next minute.
        """
        with self._lock:
            current = str(moment.minute)
            self._full = {each for each in self._full if each[1].startswith(current)}
            return (account, entry) in self._full

    def _remember_full(self, account: str, entry: str) -> None:
        with self._lock:
            self._full.add((account, entry))


def _closing(reservation: Reservation, spent: int, uncount: str | None = None) -> Closing:
    return Closing(reservation.call_id, reservation.amount, spent, reservation.key_id, reservation.stale, uncount)


def _stale(account: Account, moment: Moment) -> tuple[str, ...]:
    """Counts that no clock is in any more: the minute before this one is spared, because clocks differ."""
    past = [name for name in account.calls if int(name.partition(" ")[0]) < moment.minute - 1]
    return tuple(sorted(past)[:MOST_DROPPED])


def too_often(rate: Rate, moment: Moment) -> RateLimited:
    """What a caller hears who has no call left in this minute."""
    error = RateLimited(
        f"You may call `{rate.counted}` {rate.limit} times a minute, and have. "
        f"The next minute begins in {moment.seconds_left} s."
    )
    error.limit, error.retry_after = rate.limit, moment.seconds_left
    return error


def _must_afford(account: Account, wanted: Admission, whose: str) -> None:
    key = account.keys.get(wanted.key_id) if wanted.key_id else None
    if account.available < wanted.amount:
        available, ceiling = account.available, account.ceiling
    elif key and key.ceiling is not None and key.available < wanted.amount:
        available, ceiling, whose = key.available, key.ceiling, f"the API key `{wanted.key_id}`"
    else:
        return
    raise BudgetExceeded(
        f"This execution may cost up to ${usd_of(wanted.amount):.4f}; the budget of {whose} has "
        f"${usd_of(max(0, available)):.4f} left of ${usd_of(ceiling):,.2f} until "
        f"{end_of(account.period):%Y-%m-%d %H:%M} UTC. Send a smaller input, wait for executions under way to end, or "
        "ask an administrator for a higher ceiling."
    )
