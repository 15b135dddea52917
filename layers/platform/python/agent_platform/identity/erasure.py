"""Erasure of a person: everything that is theirs goes, step by step; facts that must be kept stay under a pseudonym.

The pseudonym is the account's id: a random number that only the account's row ties to a person, and that row goes
last. Each step finds by itself what is left to do, so whoever goes on after a crash begins with the first step again
and is through at once with what was done (`docs/decisions/erasure.md`).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent_platform.errors import StorageUnavailable
from agent_platform.observability import get_logger
from agent_platform.storage.data_requests import Hold
from agent_platform.storage.erased_account import ErasedAccount

TELL_EVERY: Final = 10.0
"""Seconds after which it is told how far it is, which holds the request on: well below `data_requests.HELD`."""

LEAVE_BEFORE: Final = 20.0
"""Seconds that a process has left when it lets go, so that the next need not wait until its hold has passed."""

LOOK_AGAIN_AFTER: Final = 5.0
"""Seconds until what was still at work is looked at again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part.

    `erase` yields how many items are gone since the last (0: it only looked), and None where the rest is still at work:
    it is gone on with after a while.
    """

    name: str
    erase: Callable[[str], Iterable[int | None]]


class Erasure:
    """Carries requests out. Every method raises `StorageUnavailable` when what it works on does not answer."""

    def __init__(
        self,
        account: ErasedAccount,
        steps: Sequence[Step],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._steps = steps
        self._wait = wait

    def carry_out(self, hold: Hold, time_left: Callable[[], float]) -> None:
        """Erase all, however far somebody else had got.

        Args:
            time_left: seconds until this process ends.

        Raises:
            StorageUnavailable: something of theirs is still at work, the time is over, another has taken the request,
                or storage does not answer; to be tried again.
        """
        counts: dict[str, int] = {}
        for step in self._steps:
            self._through(hold, step, counts, time_left)
        self._account.account(hold, counts)
        about = {"request_id": hold.request.id, "principal": hold.request.user_id}
        get_logger().info("account_erased", extra={**about, **counts})

    def _through(self, hold: Hold, step: Step, counts: dict[str, int], time_left: Callable[[], float]) -> None:
        counts[step.name] = 0
        hold.tell(step.name, counts)
        told = time.monotonic()
        for gone in step.erase(hold.request.user_id):
            counts[step.name] += gone or 0
            is_long_ago = time.monotonic() - told >= TELL_EVERY
            if (gone is None or is_long_ago) and time_left() < LEAVE_BEFORE:
                raise StorageUnavailable(f"Of `{step.name}` something is left: it is tried again.")
            if gone is None:
                self._wait(LOOK_AGAIN_AFTER)
            if is_long_ago:
                hold.tell(step.name, counts)
                told = time.monotonic()
