"""The governed function under load: fifty instances at once, each as Lambda runs one, against the bare SDK."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.progress import progress_line
from tests.benchmarks.generated import compiled_policies, compiled_starters
from tests.benchmarks.report import RESULTS, ROOT, Report
from tests.fakes.aws import RUN_AGENT_ENVIRONMENT
from tests.fakes.emulator import running_emulator
from tests.fakes.offline_claude import running_offline_claude

AGENT = "finance-accounting/three-way-match-checker"
AT_ONCE = 50
MODEL_SECONDS = 1.0
"""How long the model takes: long enough that two cores can serve fifty instances without a queue for the processor."""

OVERHEAD_MS = 50
GROWTH_PERCENT = 5


def run(rounds: int) -> Report:
    """Execute `rounds` times in all, and ask the bare SDK as often in between."""
    report = Report(
        "load",
        f"Load: {AT_ONCE} executions at once",
        "10,000 executions at 50 at once: p99 overhead at most 50 ms, no 5xx, memory growth below 5%.",
        f"{rounds:,} executions in {AT_ONCE} processes, each of which answers one gateway event after another as a "
        "Lambda instance does, with every stage of the pipeline and an emulated DynamoDB in another process; before "
        f"or after each, in random order, the bare SDK asks the same. The offline Claude takes {MODEL_SECONDS} s. "
        "Overhead: a percentile of the handler's times less that of the bare SDK's. Memory: resident, after a tenth of "
        "the executions and at the end.",
    )
    with ExitStack() as stack:
        catalogue = compiled_starters()
        claude = stack.enter_context(running_offline_claude("--catalogue", str(catalogue)))
        endpoint = stack.enter_context(running_emulator())
        definition = Catalogue(catalogue).get(AGENT)
        environment = {**_environment(endpoint), "CLAUDE_BASE_URL": claude.url, "CATALOGUE_PATH": str(catalogue)}
        environment["POLICIES_PATH"] = str(compiled_policies())
        _make_tables(environment)
        claude.plan("stall", seconds=MODEL_SECONDS, times=None)
        task = RESULTS / "load.json"
        task.parent.mkdir(parents=True, exist_ok=True)
        task.write_text(json.dumps({"agent_id": AGENT, "input": definition.example.input}))
        workers = _start(environment, claude.url, str(task), max(2, rounds // AT_ONCE))
        with progress_line(f"Load, {AT_ONCE} at once") as progress:
            results = []
            for done, worker in enumerate(workers, 1):
                results.append(_result(worker))
                progress(done, AT_ONCE)
    _judge(report, results)
    return report


def _judge(report: Report, results: Sequence[Mapping[str, Any]]) -> None:
    bare = [each for result in results for each in result["bare"]]
    governed = [each for result in results for each in result["governed"]]
    statuses = [status for result in results for status in result["statuses"]]
    report.add("executions", len(governed), "")
    report.add("answered with a 5xx", sum(status >= 500 for status in statuses), "", 0)
    report.add("answered with anything but 200", sum(status != 200 for status in statuses), "", 0)
    for percent in (50, 99):
        of_bare, of_governed = (_percentile(times, percent) * 1e3 for times in (bare, governed))
        target = OVERHEAD_MS if percent == 99 else None
        note = f"bare SDK {of_bare:.0f} ms, governed {of_governed:.0f} ms"
        report.add(f"overhead, p{percent}", of_governed - of_bare, "ms", target, note)
    growth = [100 * (result["mib_after"] / result["mib_before"] - 1) for result in results]
    report.add("memory growth, median instance", statistics.median(growth), "%", GROWTH_PERCENT)
    report.add("memory growth, worst instance", max(growth), "%", GROWTH_PERCENT)


def _percentile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def _environment(endpoint: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'layers/platform/python'}:{ROOT}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AGENT_GROUP": AGENT.partition("/")[0],
        **RUN_AGENT_ENVIRONMENT,
        "CALLS_PER_MINUTE": "1000000",
        "USER_MONTHLY_USD": "1000000",
    }


def _make_tables(environment: Mapping[str, str]) -> None:
    made = "from tests.fakes.aws import *; make_execution_tables(); make_governance_tables()"
    subprocess.run([sys.executable, "-c", made], env=environment, cwd=ROOT, check=True)


def _start(environment: Mapping[str, str], url: str, task: str, each: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.probes.execute_in_turns", url, task, str(each), str(number)],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(AT_ONCE)
    ]


def _result(worker: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = worker.communicate()
    if worker.returncode:
        raise RuntimeError(f"An instance ended with exit code {worker.returncode}; its reason is on standard error.")
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found
