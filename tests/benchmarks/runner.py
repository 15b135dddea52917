"""The default runner against the bare SDK: the same requests to the same offline model, in turns."""

import json
import os
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline, build_pipeline
from agent_platform.agents.meter import Meter
from agent_platform.agents.progress import progress_line
from agent_platform.agents.tools.calculator import calculator
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.policy import Policies
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.observability import get_logger
from agent_platform.settings import ClaudeSettings, GovernanceSettings
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.memory import InMemoryExecutions
from functions.run_agent.governance import governance
from tests.benchmarks.dynamodb_stand_in import calls_of, credentials_for, running_dynamodb_stand_in
from tests.benchmarks.generated import compiled_policies, compiled_starters
from tests.benchmarks.measure import Progress, Times, in_turns, ratio
from tests.benchmarks.report import Report
from tests.fakes.offline_claude import OfflineServer, running_offline_claude

AGENT = "finance-accounting/three-way-match-checker"
"""The starter agent in the middle by size of its file that may use the calculator."""

CALCULATION = {"expression": "(480 * 1.10 + 45) / 3"}

PEERS = {
    "agent-squad": (1.1, 1.1),
    "agno": (1.4, 1.6),
    "AutoGen": (1.7, 1.8),
    "agent-framework": (2.1, 2.3),
    "LangGraph": (2.2, 3.4),
    "Strands": (2.3, 1.9),
    "create_agent": (2.5, 3.8),
    "pydantic-ai": (5.9, 6.2),
    "CrewAI": (22.0, 12.0),
}
"""Times the bare SDK, plain and with a tool round: measured the same way, but earlier and not in this run."""

CALLER = Principal("benchmark", "benchmark@localhost", frozenset({"user"}), token_id="")

Sides = Mapping[str, Callable[[], object]]


def run(rounds: int) -> Report:
    """Measure both scenes."""
    report = Report(
        "runner",
        "Runner: times the bare SDK's `messages.create`",
        "BaseAgent costs at most 1.05 times the raw SDK call on the same fake, plain and with a tool round. Of the "
        "whole pipeline: at most 2 DynamoDB calls and 5 ms of processor time beyond the model call.",
        f"{rounds} rounds; in each, every side answers once, in random order, over one client and one connection, by "
        "the offline Claude in another process. Ratios of wall time, round by round. The bare SDK sends the very "
        "bodies that the platform sent and ignores the answer; in the tool round it calls the tool's bare function.",
    )
    with ExitStack() as stack:
        catalogue = compiled_starters()
        server = stack.enter_context(running_offline_claude("--catalogue", str(catalogue)))
        dynamodb = stack.enter_context(running_dynamodb_stand_in())
        os.environ |= credentials_for(dynamodb)
        # The log line is composed and written as in Lambda, but not into the table.
        sink = stack.enter_context(Path(os.devnull).open("w"))
        for handler in get_logger().handlers:
            handler.setStream(sink)  # type: ignore[attr-defined]
        scene = _Scene(server, Catalogue(catalogue).get(AGENT))
        with progress_line("Runner, plain          ") as progress:
            plain = scene.measure(rounds, progress)
        server.plan("tool_call", name="calculator", input=CALCULATION, times=None)
        with progress_line("Runner, one tool round ") as progress:
            tool_round = scene.measure(rounds, progress)
        calls = calls_of(dynamodb)
        reads = calls.pop("GetItem", 0)
        trips = sum(calls.values()) / scene.recorded
    for name, times in (("plain", plain), ("tool round", tool_round)):
        _compare(report, name, times)
    note = f"and {reads} reads of the circuit in all: one in ten seconds, however many executions"
    report.add("DynamoDB calls per execution", trips, "", 2, note)
    for peer, (alone, with_tool) in PEERS.items():
        note = "not in this run: measured the same way on another day"
        report.add(f"{peer}, plain / tool round", alone, f"/ {with_tool} ×", note=note)
    return report


class _Scene:
    """One agent, and everything that may execute it."""

    def __init__(self, server: OfflineServer, definition: AgentDefinition) -> None:
        self._server = server
        self._definition = definition
        self._value = definition.example.input
        settings = ClaudeSettings(claude_base_url=server.url)
        self._client: ClaudeClient = claude_client(settings, max_retries=2, timeout_seconds=120)
        self._agent = BaseAgent(definition, self._client, "anthropic")
        self._in_memory = build_pipeline(InMemoryExecutions(), lambda: self._client, "anthropic")
        executions = ExecutionRepository("executions")
        recorder = OutboxRecorder(executions, "outbox", AgentCounters("agent_metrics"))
        tables = {name: name for name in GovernanceSettings.model_fields if name.endswith(("_table", "_bucket"))}
        policies = Policies(compiled_policies())
        governed = governance(GovernanceSettings(**tables, calls_per_minute=1_000_000), executions, policies)
        self._recorded = build_pipeline(recorder, lambda: self._client, "anthropic", governance=governed)
        self.recorded = 0

    def measure(self, rounds: int, progress: Progress) -> dict[str, Times]:
        """Every side in turns. Raises AssertionError if the sides did not ask the model the same."""
        self._server.call("POST", "/_control", [])
        asked = self._bodies_of(self._execute_agent)
        bare = partial(self._bare, asked)
        if self._bodies_of(bare) != asked:
            raise AssertionError("The bare SDK did not send what the platform sent.")
        sides: Sides = {
            "bare SDK": bare,
            "bare SDK again": partial(self._bare, asked),
            "BaseAgent": self._execute_agent,
            "pipeline": partial(self._execute, self._in_memory),
            "pipeline, DynamoDB": self._execute_recorded,
        }
        return in_turns(sides, rounds=rounds, warm_up=max(5, rounds // 20), progress=progress)

    def _bodies_of(self, call: Callable[[], object]) -> list[dict[str, Any]]:
        """What the model is asked during one call; ids of tool calls, which the server numbers, are left out."""
        before = self._server.call("GET", "/_control/requests")["received"]
        call()
        after = self._server.call("GET", "/_control/requests")
        bodies = [each["body"] for each in after["requests"]][before - after["received"] :]
        for body in bodies:
            for message in body["messages"]:
                for block in message["content"] if isinstance(message["content"], list) else ():
                    block.pop("tool_use_id", None)
                    if block["type"] == "tool_use":
                        del block["id"]
        return bodies

    def _execute_agent(self) -> object:
        return self._agent.execute(self._value, Meter("anthropic"))

    def _execute(self, pipeline: ExecutionPipeline) -> object:
        execution = pipeline.execute(self._definition, self._value, CALLER, "0" * 32)
        assert execution.status == "succeeded"
        return execution

    def _execute_recorded(self) -> object:
        self.recorded += 1
        return self._execute(self._recorded)

    def _bare(self, asked: list[dict[str, Any]]) -> object:
        """The calls by hand, the tool's function included; the answer is not even read."""
        timeout = float(self._definition.limits.timeout_seconds)
        answer = self._client.messages.create(**asked[0], timeout=timeout)
        for body in asked[1:]:
            use = answer.content[-1]
            assert use.type == "tool_use"
            content = json.dumps(calculator(**use.input), separators=(",", ":"))
            result = {"type": "tool_result", "tool_use_id": use.id, "content": content, "is_error": False}
            messages = [
                body["messages"][0],
                {"role": "assistant", "content": answer.content},
                {"role": "user", "content": [result]},
            ]
            answer = self._client.messages.create(**{**body, "messages": messages}, timeout=timeout)
        assert answer.stop_reason == "end_turn"
        return answer


def _compare(report: Report, scene: str, times: dict[str, Times]) -> None:
    bare = times["bare SDK"]
    median = statistics.median
    report.add(
        f"bare SDK, {scene}", median(bare.wall) * 1e3, "ms", note=f"of it {median(bare.cpu) * 1e3:.2f} ms processor"
    )
    for side, target in (
        ("bare SDK again", None),
        ("BaseAgent", 1.05),
        ("pipeline", None),
        ("pipeline, DynamoDB", None),
    ):
        extra = (median(times[side].cpu) - median(bare.cpu)) * 1e3
        note = f"processor time {ratio(times[side].cpu, bare.cpu).value:.3f} ×, {extra:+.2f} ms"
        control = "the machine's noise; " if side == "bare SDK again" else ""
        report.add(f"{side} ÷ bare SDK, {scene}", ratio(times[side].wall, bare.wall), "×", target, control + note)
    extra = (median(times["pipeline, DynamoDB"].cpu) - median(bare.cpu)) * 1e3
    report.add(f"processor time of the pipeline beyond the model call, {scene}", extra, "ms", 5)
