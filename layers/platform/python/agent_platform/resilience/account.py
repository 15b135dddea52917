"""What one account holds, and what a new month or another ceiling makes of it. Amounts are nano-USD.

At any time `available + reserved + spent == ceiling`, for the account and for each API key with a ceiling of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


def user_account(user_id: str) -> str:
    """Id of the account of a user, API keys included."""
    return f"user#{user_id}"


def agent_account(agent_id: str) -> str:
    """Id of the account of an agent over all its users."""
    return f"agent#{agent_id}"


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """The share of one API key. Without a ceiling `available` counts down from zero and limits nothing."""

    available: int = 0
    spent: int = 0
    ceiling: int | None = None

    def with_ceiling(self, ceiling: int | None) -> "KeyBudget":
        """The same use under another ceiling."""
        return replace(self, ceiling=ceiling, available=self.available + (ceiling or 0) - (self.ceiling or 0))


@dataclass(frozen=True, slots=True)
class Account:
    """One item of the table.

    Attributes:
        version: counts writes; 0 for an account that nobody has used yet.
        period: the month that the amounts belong to; empty before the first reservation.
        ceiling: what applies in this period.
        override: the ceiling that an administrator gave, this period and later.
        available: what may still be reserved; below zero after a ceiling was lowered.
        spent: what executions of this period cost that are over.
        calls: calls by minute and agent, as `Accounts` names them.
        holds: reservations that are not settled, by the id of the call.
        keys: API keys of the user, by id.
    """

    version: int = 0
    period: str = ""
    ceiling: int = 0
    override: int | None = None
    available: int = 0
    spent: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, KeyBudget] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Account":
        """From the attributes of an item, in Python's types."""
        override = fields.get("override")
        return cls(
            version=int(fields["version"]),
            period=fields["period"],
            ceiling=int(fields["ceiling"]),
            override=None if override is None else int(override),
            available=int(fields["available"]),
            spent=int(fields["spent"]),
            calls={name: int(count) for name, count in fields["calls"].items()},
            holds={call: int(amount) for call, amount in fields["holds"].items()},
            keys={
                key: KeyBudget(**{name: int(amount) for name, amount in budget.items()})
                for key, budget in fields["keys"].items()
            },
        )

    def fields(self) -> dict[str, Any]:
        """The attributes of its item, the key left out."""
        keys = {
            key: {
                "available": budget.available,
                "spent": budget.spent,
                **({} if budget.ceiling is None else {"ceiling": budget.ceiling}),
            }
            for key, budget in self.keys.items()
        }
        return {
            "version": self.version,
            "period": self.period,
            "ceiling": self.ceiling,
            **({} if self.override is None else {"override": self.override}),
            "available": self.available,
            "spent": self.spent,
            "calls": dict(self.calls),
            "holds": dict(self.holds),
            "keys": keys,
        }

    @property
    def reserved(self) -> int:
        """What executions under way may still cost."""
        return self.ceiling - self.available - self.spent

    def at(self, period: str, default: int) -> "Account":
        """The account in a month, with `default` for its ceiling where no administrator gave another.

        A new month starts with nothing spent or reserved. An account that somebody with a faster clock has carried
        into the next month stays there.
        """
        ceiling = default if self.override is None else self.override
        if self.period < period:
            keys = {
                key: KeyBudget().with_ceiling(each.ceiling)
                for key, each in self.keys.items()
                if each.ceiling is not None
            }
            return replace(self, period=period, ceiling=ceiling, available=ceiling, spent=0, holds={}, keys=keys)
        return replace(self, ceiling=ceiling, available=self.available + ceiling - self.ceiling)

    def with_override(self, override: int | None, default: int) -> "Account":
        """The same use under the ceiling of an administrator; None gives it back to `default`."""
        return replace(self, override=override).at(self.period, default)

    def reserve(self, call_id: str, amount: int, entry: str | None, key_id: str | None) -> "Account":
        """After the admission of one call."""
        account = replace(self, available=self.available - amount, holds={**self.holds, call_id: amount})
        if entry:
            account = replace(account, calls={**self.calls, entry: self.calls.get(entry, 0) + 1})
        if key_id:
            key = self.keys.get(key_id, KeyBudget())
            account = account.with_key(key_id, replace(key, available=key.available - amount))
        return account

    def with_key(self, key_id: str, key: KeyBudget) -> "Account":
        """With one API key as given."""
        return replace(self, keys={**self.keys, key_id: key})
