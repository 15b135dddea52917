"""Time things against each other in one process: in turns, in random order, compared round by round."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Progress = Callable[[int, int], None]

BLOCKS = 40
"""The machine's load drifts, so neighbouring rounds resemble each other: the bootstrap draws whole blocks of rounds."""
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of every round of one side: by the wall clock, and of processor time of the calling thread."""

    wall: list[float]
    cpu: list[float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of a ratio over the rounds, and the interval that holds 95% of its bootstrap resamples."""

    value: float
    low: float
    high: float


def in_turns(
    sides: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int, progress: Progress
) -> dict[str, Times]:
    """Call every side once a round, in an order drawn anew each round; the garbage is collected between rounds."""
    order = list(sides)
    dice = random.Random(1)  # noqa: S311 - an order, not a secret
    times = {name: Times([], []) for name in sides}
    for _ in range(warm_up):
        for call in sides.values():
            call()
    with quiet_garbage_collector() as collect:
        for done in range(1, rounds + 1):
            dice.shuffle(order)
            for name in order:
                call, side = sides[name], times[name]
                wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
                call()
                side.cpu.append((time.thread_time_ns() - cpu) / 1e9)
                side.wall.append((time.perf_counter_ns() - wall) / 1e9)
            if done % 50 == 0:
                collect()
            progress(done, rounds)
    return times


@contextmanager
def quiet_garbage_collector() -> Iterator[Callable[[], object]]:
    """No collection inside the block but those asked for, and none of them looks at what lived before."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()
        gc.unfreeze()


def ratio(of: Sequence[float], to: Sequence[float]) -> Ratio:
    """The median of the ratios of each round: what ran side by side met the same load of the machine."""
    each_round = [one / other for one, other in zip(of, to, strict=True)]
    size = max(1, len(each_round) // BLOCKS)
    blocks = [each_round[start : start + size] for start in range(0, len(each_round), size)]
    dice = random.Random(2)  # noqa: S311 - resampling
    seen = sorted(
        statistics.median(value for block in dice.choices(blocks, k=len(blocks)) for value in block)
        for _ in range(RESAMPLES)
    )
    return Ratio(
        statistics.median(each_round), seen[round(0.025 * (RESAMPLES - 1))], seen[round(0.975 * (RESAMPLES - 1))]
    )
