"""One account that several real processes call at once."""

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context

from agent_platform.errors import RateLimited
from agent_platform.ids import new_id
from agent_platform.resilience.account_table import AccountTable
from agent_platform.resilience.accounts import Accounts, Rate

TABLE = "accounts"
ADA = "user#ada"
NOON = 1_795_262_400.0
PROCESSES, CALLS, LIMIT = 8, 1_000, 100


def ask_often(minute: int, begun: float) -> tuple[int, Counter[int]]:
    """Call CALLS times in one minute as fast as it goes; how many were accepted, and the Retry-After of the others."""
    accounts = Accounts(TABLE, lambda: NOON + 60 * minute + time.time() - begun)
    accepted, refused = 0, Counter[int]()
    for _ in range(CALLS):
        try:
            accounts.admit(ADA, new_id(), Decimal("0.0001"), Decimal(9), whose="x", rate=Rate("post/weigher", LIMIT))
            accepted += 1
        except RateLimited as error:
            refused[error.retry_after or 0] += 1
    return accepted, refused


def test_eight_processes_together_get_exactly_as_many_calls_as_the_limit_in_each_minute(emulated_tables: str):
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as processes:
        for minute in range(2):
            begun = time.time()
            asked = [processes.submit(ask_often, minute, begun) for _ in range(PROCESSES)]
            answers = [each.result() for each in asked]
            assert time.time() - begun < 60, "The minute was over before everybody had asked."
            assert sum(accepted for accepted, _ in answers) == LIMIT
            waits = sum((refused for _, refused in answers), Counter[int]())
            assert waits.total() == PROCESSES * CALLS - LIMIT
            assert set(waits) <= set(range(1, 61))
    assert list(AccountTable(TABLE).read(ADA).calls.values()) == [LIMIT, LIMIT]
