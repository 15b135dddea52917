"""What accounts have left, and the ceilings that administrators give them."""

import time
from collections.abc import Callable
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.errors import StorageUnavailable
from agent_platform.resilience.account import Account, KeyBudget
from agent_platform.resilience.account_table import TRIES, AccountTable, Differs
from agent_platform.resilience.moments import Moment, end_of
from agent_platform.resilience.money import nano_usd_down, usd_of
from agent_platform.storage.dynamodb import storage_errors
from agent_platform.storage.executions import Timestamp, Usd


class Budget(BaseModel):
    """One month of an account: what is available, reserved and spent makes the ceiling, unless that was lowered."""

    model_config = ConfigDict(frozen=True)

    period: str = Field(description="Calendar month, UTC", examples=["2026-11"])
    ceiling_usd: Usd
    spent_usd: Usd
    reserved_usd: Usd = Field(description="What executions under way may still cost")
    available_usd: Usd
    ends_at: Timestamp


class KeyUse(BaseModel):
    """One month of an API key. Its owner's budget limits it as well."""

    model_config = ConfigDict(frozen=True)

    period: str = Field(description="Calendar month, UTC", examples=["2026-11"])
    ceiling_usd: Usd | None = Field(description="null where only the owner's budget limits it")
    spent_usd: Usd


class Budgets:
    """Reads budgets and sets ceilings. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str, now: Callable[[], float] = time.time) -> None:
        self._table = AccountTable(table)
        self._now = now

    def read(self, account: str, default: Decimal) -> Budget:
        """The present month; `default` is the ceiling in USD where no administrator gave another."""
        with storage_errors("Reading the budget"):
            return self._budget(self._table.read(account), default)

    def nearest(self, limit: int) -> list[tuple[str, Budget]]:
        """The accounts of which the largest part of this month's ceiling is spent or reserved, by id, the first first.

        The ceilings are those of the latest reservation: a default that changed since is not seen yet.
        """
        used = [
            (account, now)
            for account, now in self._table.used_in(Moment(self._now()).period)
            if now.spent or now.reserved
        ]
        used.sort(key=lambda each: (each[1].available / max(each[1].ceiling, 1), each[0]))
        return [(account, _shown(now)) for account, now in used[:limit]]

    def set_ceiling(self, account: str, ceiling: Decimal | None, default: Decimal) -> Budget:
        """Give the account a ceiling in USD a month, from now on; None gives it back to the default.

        What is spent and reserved stays; where that is more, nothing further is admitted until the month is over.
        """
        override, usual = None if ceiling is None else nano_usd_down(ceiling), nano_usd_down(default)
        return self._budget(self._change(account, lambda found: found.with_override(override, usual)), default)

    def set_key_ceiling(self, account: str, key_id: str, ceiling: Decimal | None) -> None:
        """Give one API key of the account a ceiling of its own in USD a month; None leaves it the account's alone."""
        most = None if ceiling is None else nano_usd_down(ceiling)

        def change(found: Account) -> Account:
            return found.with_key(key_id, found.keys.get(key_id, KeyBudget()).with_ceiling(most))

        self._change(account, change)

    def keys(self, account: str) -> "KeyUses":
        """What the API keys of an account have spent this month, and their ceilings."""
        with storage_errors("Reading the budget"):
            now = self._table.read(account).at(Moment(self._now()).period, 0)
        return KeyUses(now)

    def _change(self, account: str, change: Callable[[Account], Account]) -> Account:
        with storage_errors("Setting the ceiling"):
            found = self._table.read(account)
            for _ in range(TRIES):
                try:
                    return self._table.replace(account, found, change(found))
                except Differs as differs:
                    found = differs.found
        raise StorageUnavailable("Too many executions change this account at once. Try again shortly.")

    def _budget(self, account: Account, default: Decimal) -> Budget:
        return _shown(account.at(Moment(self._now()).period, nano_usd_down(default)))


class KeyUses:
    """The use of API keys by id. One that nobody has used yet has spent nothing."""

    def __init__(self, now: Account) -> None:
        self._now = now

    def of(self, key_id: str) -> KeyUse:
        """One key."""
        key = self._now.keys.get(key_id, KeyBudget())
        return KeyUse(
            period=self._now.period,
            ceiling_usd=None if key.ceiling is None else usd_of(key.ceiling),
            spent_usd=usd_of(key.spent),
        )


def _shown(now: Account) -> Budget:
    return Budget(
        period=now.period,
        ceiling_usd=usd_of(now.ceiling),
        spent_usd=usd_of(now.spent),
        reserved_usd=usd_of(now.reserved),
        available_usd=usd_of(max(0, now.available)),
        ends_at=end_of(now.period),
    )
