"""One process of several that share the tokens table and the secret of signing keys, for what moto cannot show in one.

Started as `python -m tests.fakes.token_process`, it reads orders as lines of JSON and answers each with one.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from agent_platform.errors import OneTimeTokenInvalid, PlatformError, TooManyAttempts
from agent_platform.identity import signing_keys
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.attempts import Attempts, Limit
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.settings import TokenSettings

WHO = {"user_id": "u-1", "email": "ada@example.com", "roles": ["user"], "session_id": "s-1"}


class Process:
    """A child at work."""

    def __init__(self, reads: IO[str], writes: IO[str]) -> None:
        self._reads, self._writes = reads, writes

    def tell(self, **order: Any) -> None:
        """Give an order, and do not wait."""
        self._writes.write(json.dumps(order) + "\n")
        self._writes.flush()

    def answer(self) -> Any:
        """What came of the last order."""
        line = self._reads.readline()
        assert line, "The process has ended."
        return json.loads(line)

    def ask(self, **order: Any) -> Any:
        """Give an order and wait for what comes of it."""
        self.tell(**order)
        return self.answer()


@contextmanager
def processes(count: int) -> Iterator[list[Process]]:
    """So many children, with everything imported; they end with the block."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.fakes.token_process"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert child.stdin
            assert child.stdout
            stack.callback(child.stdin.close)
            made.append(Process(child.stdout, child.stdin))
        for each in made:
            assert each.answer() == "ready"
        yield made


def at_once[T](threads: int, do: Callable[[int], T]) -> list[T]:
    """The same in several threads, begun together."""
    gate = threading.Barrier(threads)

    def one(number: int) -> T:
        gate.wait()
        return do(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def _try_often(*, table: str, limit: dict[str, Any], subject: Sequence[str], threads: int) -> list[int]:
    """How many were counted with each try; 0 for one that was refused."""

    def one(_: int) -> int:
        try:
            return Attempts(table).count(Limit(**limit), *subject)
        except TooManyAttempts:
            return 0

    return at_once(threads, one)


def _redeem(*, table: str, purpose: str, token: str, threads: int) -> int:
    """How many of so many had the token's subject."""

    def one(_: int) -> int:
        try:
            return int(OneTimeTokens(table).redeem(purpose, token) == "u-1")
        except OneTimeTokenInvalid:
            return 0

    return sum(at_once(threads, one))


def _requests(
    *, secret: str, table: str, remembered: float, until: str, threads: int, exchange: Sequence[str]
) -> dict[str, Any]:
    """Sign and verify until a file is there, as requests do; tokens go from process to process by files."""
    signing_keys.MAX_AGE_SECONDS = remembered
    settings = TokenSettings(jwt_secret_arn=secret, tokens_table=table)
    keys = signing_keys.SigningKeys(secret)
    tokens = AccessTokens(settings, keys)
    mine, *others = exchange
    end = time.monotonic() + 120
    failures: list[str] = []
    done = [0] * threads
    names: set[str] = set()

    def one(number: int) -> None:
        while time.monotonic() < end and not Path(until).exists():
            try:
                fresh = tokens.issue(**WHO)
                names.add(keys.active()[0])
                tokens.verify(fresh)
                if number == 0:
                    with open(mine, "a") as file:  # noqa: PTH123 - appended to by one thread alone
                        file.write(fresh + "\n")
                for other in others:
                    tokens.verify(_last_line(other) or fresh)
                done[number] += 1
            except PlatformError as error:
                failures.append(error.detail)
            time.sleep(0.005)

    at_once(threads, one)
    return {"requests": sum(done), "failures": failures, "names": sorted(names)}


def _last_line(path: str) -> str | None:
    try:
        with open(path) as file:  # noqa: PTH123
            lines = file.read().split("\n")
    except OSError:
        return None
    return lines[-2] if len(lines) > 1 else None


def _watch(*, secret: str, table: str, token: str, threads: int) -> float:
    """Ask for the token again and again until it is refused; the time of the first refusal, in Unix seconds."""
    del threads
    tokens = AccessTokens(TokenSettings(jwt_secret_arn=secret, tokens_table=table), signing_keys.SigningKeys(secret))
    verified = tokens.verify(token)
    revocations = Revocations(table, longest_life=3600)
    revocations.check(verified)
    print(json.dumps("watching"), flush=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            revocations.check(verified)
        except PlatformError:
            return time.time()
        time.sleep(0.005)
    return -1.0


ORDERS: dict[str, Callable[..., Any]] = {
    "try_often": _try_often,
    "redeem": _redeem,
    "requests": _requests,
    "watch": _watch,
}


def main() -> None:
    """Carry out orders until the other side is gone."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(ORDERS[order.pop("do")](**order)), flush=True)


if __name__ == "__main__":
    main()
