"""Time things against each other in fresh interpreters: one process per sample, in random order."""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.lambda_tree import LambdaTree
from tests.benchmarks.measure import Progress, Ratio, ratio

TIMEOUT_SECONDS = 300
"""A probe takes seconds even on a busy machine; one that hangs must not hang the whole run."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A module of `probes` to start, its arguments, and what it needs in its environment."""

    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Samples:
    """What each probe reported, round by round."""

    def __init__(self, reports: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._reports = reports

    def median(self, probe: str, key: str) -> float:
        """The median of one number that a probe reports."""
        return statistics.median(self._column(probe, key))

    def ratio(self, of: str, to: str, key: str) -> Ratio:
        """What one probe reports by what another one does, round by round."""
        return ratio(self._column(of, key), self._column(to, key))

    def _column(self, probe: str, key: str) -> list[float]:
        return [float(report[key]) for report in self._reports[probe]]


def in_fresh_processes(tree: LambdaTree, probes: Mapping[str, Probe], *, rounds: int, progress: Progress) -> Samples:
    """Start every probe once a round; one round before, which nobody counts, fills the caches of the disk."""
    order = list(probes)
    dice = random.Random(3)  # noqa: S311 - an order, not a secret
    reports: dict[str, list[dict[str, Any]]] = {name: [] for name in probes}
    for done in range(rounds + 1):
        dice.shuffle(order)
        for name in order:
            report = run_probe(tree, probes[name])
            if done:
                reports[name].append(report)
        progress(done, rounds)
    return Samples(reports)


def run_probe(tree: LambdaTree, probe: Probe) -> dict[str, Any]:
    """Start a probe and return what it reports: the last line it prints, as JSON.

    Raises:
        RuntimeError: it failed; the message holds its standard error.
        subprocess.TimeoutExpired: it hangs.
    """
    # The interpreter without the virtual environment, and without `site`: only the tree is on the path.
    interpreter: str = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [interpreter, "-S", "-m", f"probes.{probe.module}", *probe.arguments],
        env={**tree.environment, **probe.environment},
        cwd=tree.task,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"The probe {probe.module} failed:\n{done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report
