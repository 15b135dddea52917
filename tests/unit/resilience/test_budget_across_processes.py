"""One account under the hands of several real processes, whose line to the table is sometimes bad."""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing import get_context
from typing import Any

import httpx
import pytest
from botocore.exceptions import ReadTimeoutError

from agent_platform.errors import BudgetExceeded
from agent_platform.ids import new_id
from agent_platform.resilience.account_table import AccountTable
from agent_platform.resilience.accounts import Accounts, Reservation
from agent_platform.storage.dynamodb import dynamodb

TABLE = "accounts"
ADA = "user#ada"
KEY = "key-1"
NOON = 1_795_262_400.0
SPENDERS, EXECUTIONS = 4, 40
CEILING = Decimal("0.60")


class BadLine:
    """One write in ten meets a transaction of the same item, and the answer of another one is lost on its way back."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.lost, self.lost_writes = dice, False, 0
        self.client = httpx.Client(trust_env=False)

    def __call__(self, request: Any, **_: Any) -> None:
        """Botocore asks this before it sends anything."""
        drawn, repeated, self.lost = self.dice.random(), self.lost, False
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        if drawn < 0.1 and target.endswith(("UpdateItem", "PutItem")):
            raise dynamodb().exceptions.TransactionConflictException({}, "write")
        if drawn > 0.9 and not repeated:
            headers = {"X-Amz-Target": target, "Authorization": "AWS4-HMAC-SHA256"}
            answer = self.client.post(request.url, content=request.body, headers=headers)
            assert answer.is_success or "ConditionalCheckFailed" in answer.text, answer.text
            self.lost = True
            self.lost_writes += answer.is_success and not target.endswith("GetItem")
            raise ReadTimeoutError(endpoint_url=request.url)


@contextmanager
def bad_line(dice: random.Random) -> Iterator[BadLine]:
    """Put it between this process and its tables."""
    line, events = BadLine(dice), dynamodb().meta.events
    events.register_first("before-send.dynamodb", line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        yield line
    events.unregister("before-send.dynamodb", line)
    line.client.close()


@dataclass
class Tally:
    """What one process knows of its own doing, in nano-USD."""

    spent: int = 0
    by_key: int = 0
    settled: int = 0
    given_back: int = 0
    refused: int = 0
    lost_writes: int = 0
    worst: int = 0
    """The most that was ever spent and reserved."""


def spend(seed: int) -> Tally:
    """Execute EXECUTIONS times with varied estimates, costs and ends; each step may be done twice."""
    dice = random.Random(seed)  # noqa: S311 - dice that fall the same way each time
    accounts, table, tally = Accounts(TABLE, lambda: NOON), AccountTable(TABLE), Tally()
    held: list[tuple[Reservation, Decimal]] = []
    with bad_line(dice) as line:
        for _ in range(EXECUTIONS):
            call_id, key_id = new_id(), dice.choice([None, KEY])
            estimate = Decimal(dice.randrange(1, 30_000_000)) / 10**9
            try:
                for _ in range(dice.choice([1, 2])):
                    reservation = accounts.admit(ADA, call_id, estimate, CEILING, whose="x", key_id=key_id)
                held.append((reservation, estimate))
            except BudgetExceeded:
                tally.refused += 1
            seen = table.read(ADA)
            assert seen.available >= 0
            assert seen.available + seen.spent + sum(seen.holds.values()) == seen.ceiling
            tally.worst = max(tally.worst, seen.ceiling - seen.available)
            while held and (dice.random() < 0.6 or len(held) > 4):
                end(accounts, held.pop(dice.randrange(len(held))), dice, tally)
        while held:
            end(accounts, held.pop(), dice, tally)
    tally.lost_writes = line.lost_writes
    return tally


def end(accounts: Accounts, execution: tuple[Reservation, Decimal], dice: random.Random, tally: Tally) -> None:
    """Settle with a cost within the estimate, or give back; sometimes twice."""
    reservation, estimate = execution
    settles, cost = dice.random() < 0.7, (estimate * Decimal(dice.random())).quantize(Decimal("1e-9"))
    for _ in range(dice.choice([1, 2])):
        if settles:
            try:
                dynamodb().transact_write_items(TransactItems=[accounts.settlement(reservation, cost)])
            except dynamodb().exceptions.TransactionCanceledException as error:
                assert "ConditionalCheckFailed" in str(error)  # noqa: PT017 - it may well succeed
        else:
            dice.choice([accounts.release, accounts.cancel])(reservation)
    nano = int(cost * 10**9) if settles else 0
    tally.spent += nano
    tally.by_key += nano if reservation.key_id else 0
    tally.settled += settles
    tally.given_back += not settles


def test_parallel_retried_calls_never_pass_the_ceiling_and_settle_to_the_last_nano_dollar(emulated_tables: str):
    with ProcessPoolExecutor(SPENDERS, get_context("spawn")) as processes:
        tallies = list(processes.map(spend, range(SPENDERS)))
    account, ceiling = AccountTable(TABLE).read(ADA), int(CEILING * 10**9)
    assert account.holds == {}
    assert account.spent == sum(tally.spent for tally in tallies)
    assert account.available + account.spent == account.ceiling == ceiling
    assert account.keys[KEY].spent == -account.keys[KEY].available == sum(tally.by_key for tally in tallies)
    assert max(tally.worst for tally in tallies) <= ceiling
    total = {name: sum(getattr(tally, name) for tally in tallies) for name in ("settled", "given_back", "refused")}
    assert sum(total.values()) == SPENDERS * EXECUTIONS
    assert min(total.values()) > 0, total
    assert sum(tally.lost_writes for tally in tallies) > SPENDERS
