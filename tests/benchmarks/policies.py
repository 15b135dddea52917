"""A decision of the policy: the compiled bundle against a plain query of the same Rego, and what a cold start pays."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent_platform.agents.progress import progress_line
from agent_platform.identity.policy import Policies, Question, Resource
from agent_platform.identity.policy.bundle import CompiledPolicy
from agent_platform.identity.policy.compile import compile_policy, read_source
from agent_platform.identity.policy.source import DenialsFile
from agent_platform.identity.principal import Principal
from tests.benchmarks.generated import POLICIES
from tests.benchmarks.report import Report

WHO = Principal("benchmark", "", frozenset({"user"}), token_id="", source_ip="10.1.2.3")
QUESTION = Question.now(
    WHO, "agents:execute", Resource("agent", "finance-accounting/three-way-match-checker", ["invoicing"], 0.02)
)
P99_MS = 2.0
STARTS = 5

COLD = """
import time
from pathlib import Path
from agent_platform.identity.policy import Environment, Policies, Question, Resource
from agent_platform.identity.principal import Principal
who = Principal("benchmark", "", frozenset({"user"}), token_id="")
question = Question.now(who, "agents:execute", Resource("agent", "a/b", [], 0.1))
began = time.perf_counter()
import regopy
imported = time.perf_counter()
assert Policies(Path(%r)).decide(question).allowed
print((imported - began) * 1e3, (time.perf_counter() - imported) * 1e3)
"""


def run(rounds: int) -> Report:
    """Measure decisions in turns."""
    report = Report(
        "policies",
        "A decision of the policy",
        f"p99 ≤ {P99_MS:g} ms per decision; a cold start pays for the engine only where it asks.",
        "One process asks in turns; a decision is question to reasons, with the shadow where there is one. The plain "
        "query interprets the same Rego and tables without a bundle. Time of the CPU, which a busy machine stretches "
        "less than the clock's. Cold: fresh processes by the clock, the median.",
    )
    with tempfile.TemporaryDirectory() as folder, progress_line("Deciding") as progress:
        shipped, many, shadowed = (Path(folder) / name for name in ("shipped", "many", "shadowed"))
        source = read_source(POLICIES)
        for target in (shipped, shadowed):
            compile_policy(source, target)
        compile_policy(source, shadowed, "next")
        compile_policy(type(source)(source.modules, source.roles, _denials(200)), many)
        sides: dict[str, Callable[[], object]] = {
            name: partial(Policies(path).decide, QUESTION)
            for name, path in {"shipped policy": shipped, "200 denials": many, "with a shadow": shadowed}.items()
        }
        sides["plain query"] = _plain(shipped)
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(rounds):
            progress(number, rounds)
            for name, ask in sides.items():
                began = time.thread_time()
                ask()
                times[name].append((time.thread_time() - began) * 1e3)
        progress(rounds, rounds)
        imports, firsts = zip(*(_cold(shipped) for _ in range(STARTS)), strict=True)
    for name, taken in times.items():
        taken.sort()
        report.add(f"{name}, median", statistics.median(taken), "ms")
        target = P99_MS if name in ("shipped policy", "200 denials") else None
        report.add(f"{name}, p99", taken[min(len(taken) - 1, round(len(taken) * 0.99))], "ms", target)
    ratio = statistics.median(times["plain query"]) / statistics.median(times["shipped policy"])
    report.add("a plain query takes, times the bundle", ratio)
    report.add("cold: import of the engine", statistics.median(imports), "ms")
    report.add("cold: bundle and first decision", statistics.median(firsts), "ms")
    return report


def _denials(number: int) -> DenialsFile:
    """Denials of tags that this agent has not, and one of a network that the caller is in."""
    rows = [
        {"id": f"tag-{each}", "reason": "For the benchmark.", "when": {"tags": [f"tag-{each}"], "cost_above_usd": 1}}
        for each in range(number)
    ]
    rows.append({"id": "away", "reason": "For the benchmark.", "when": {"outside_networks": ["office"]}})
    return DenialsFile.model_validate_json(json.dumps({"networks": {"office": ["10.0.0.0/8"]}, "denials": rows}))


def _plain(compiled: Path) -> Callable[[], object]:
    from regopy import Interpreter

    source, rego = read_source(POLICIES), Interpreter()
    for name, text in source.modules.items():
        rego.add_module(name, text)
    rego.add_data({"policy": source.data})
    document = CompiledPolicy(compiled, "enforced").document(QUESTION)

    def ask() -> object:
        rego.set_input(document)
        return rego.query("data.authz.decision")

    return ask


def _cold(folder: Path) -> tuple[float, float]:
    """Milliseconds of the import, and from there to the first decision."""
    done = subprocess.run([sys.executable, "-c", COLD % str(folder)], capture_output=True, text=True, check=True)
    imported, decided = map(float, done.stdout.split())
    return imported, decided
