"""How long to pause before asking again what another process has come to."""

from collections.abc import Iterator
from random import SystemRandom

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step

SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 0.5


def pauses() -> Iterator[float]:
    """Seconds to wait, without end: doubled from 50 ms to 500 ms, each drawn between half and all of it."""
    most = SHORTEST_SECONDS
    while True:
        yield most * _RANDOM.uniform(0.5, 1)
        most = min(2 * most, LONGEST_SECONDS)
