"""Executions in processes of their own, on the emulated AWS and the offline Claude: what moto cannot show in one.

`running_nursery` starts a process that has everything imported; each `begin` forks a child of it, which carries out
calls through the governed stages, all at once in threads, and may be killed at any moment.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.execution.cache import cache
from agent_platform.agents.execution.call import Stage
from agent_platform.agents.execution.circuit import circuit
from agent_platform.agents.execution.idempotency import idempotency
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import Patience
from agent_platform.errors import PlatformError
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.resilience.circuit import CircuitBreaker
from agent_platform.resilience.idempotency import IdempotencyLocks
from agent_platform.resilience.response_cache import ResponseCache
from agent_platform.settings import ClaudeSettings, load
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from tests.fakes import aws
from tests.fakes.definitions import a_definition

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Child:
    """A process at work. Each result tells what was recorded, or which error came of it."""

    pid: int
    answers: IO[str]

    def results(self) -> list[dict[str, Any]]:
        """What came of its calls; nothing of a process that was killed before it could tell."""
        with self.answers:
            line = self.answers.readline()
        told = json.loads(line) if line else []
        assert isinstance(told, list), f"A call ended in an error of its own:\n{told}"
        return told

    def kill(self) -> None:
        """End it without a chance to clean up; one that is over already stays over."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def forget(self) -> None:
        """Do not wait for its answer."""
        self.answers.close()


@dataclass(frozen=True)
class Nursery:
    """Where children are forked."""

    process: "subprocess.Popen[str]"
    folder: Path

    def begin(self, calls: Sequence[Mapping[str, Any]], **options: Any) -> Child:
        """Start calls in a new process. A call has `input` and may have `key`, `user`, `seconds`, `topic` and `changes`
        (of the definition); `options` are those of the circuit breaker."""
        assert self.process.stdin
        assert self.process.stdout
        pipe = self.folder / f"answers-{len([*self.folder.iterdir()])}"
        os.mkfifo(pipe)
        self.process.stdin.write(json.dumps({"calls": [*calls], "options": options, "answers": str(pipe)}) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        return Child(pid, pipe.open(encoding="utf-8"))


@contextmanager
def running_nursery(claude_url: str, folder: Path) -> Iterator[Nursery]:
    """A nursery that lives as long as the block, or this process; its children inherit this environment."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'layers/platform/python'}:{ROOT}",
        "CLAUDE_BASE_URL": claude_url,
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield Nursery(process, folder)
        finally:
            process.kill()  # it keeps nothing, and a busy machine takes its time over an orderly end


def governed_stages(client: Any, **options: Any) -> list[Stage]:
    """The stages from the lock to the run, on the tables of `tests.fakes.aws`."""
    executions = ExecutionRepository(aws.EXECUTIONS_TABLE)
    recorder = OutboxRecorder(executions, aws.OUTBOX_TABLE, AgentCounters(aws.AGENT_METRICS_TABLE))
    return [
        validate_input,
        idempotency(IdempotencyLocks(aws.IDEMPOTENCY_TABLE), executions),
        record(recorder),
        cache(ResponseCache(aws.RESPONSE_CACHE_TABLE)),
        circuit(CircuitBreaker(aws.CIRCUITS_TABLE, **options)),
        run(lambda: client, "anthropic"),
    ]


def carry_out(pipeline: ExecutionPipeline, asked: Mapping[str, Any]) -> dict[str, Any]:
    """One call as `Nursery.begin` takes it; what came of it."""
    topic = asked.get("topic", "parcel")
    fields = {**a_definition(topic, **asked.get("changes", {})), "id": f"post/{topic}-weigher"}
    call = pipeline.call(
        AgentDefinition.model_validate_json(json.dumps(fields)),
        asked["input"],
        Principal(asked.get("user", "user-1"), "ada@example.com", frozenset({"user"}), token_id="jti"),
        "67a1b2c30123456789abcdef01234567",
        Patience(asked.get("seconds", 60)),
        idempotency_key=asked.get("key"),
    )
    try:
        execution = pipeline.carry_out(call)
    except PlatformError as error:
        return {"error": error.code, "retry_after": error.retry_after}
    return {"execution": execution.model_dump(mode="json"), "replayed": call.replayed, "cached": call.cached}


def _serve() -> None:
    """Fork a child for each line. Nothing before the fork may start a thread or open a connection."""
    import agent_platform.resilience.idempotency_store  # noqa: F401 - once, for all children

    dynamodb()
    client = claude_client(load(ClaudeSettings), max_retries=0, timeout_seconds=60)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            task = json.loads(line)
            with Path(task["answers"]).open("w", encoding="utf-8") as answers:
                pipeline = ExecutionPipeline(governed_stages(client, **task["options"]), "anthropic")
                try:
                    with ThreadPoolExecutor(max(1, len(task["calls"]))) as threads:
                        results: object = [*threads.map(partial(carry_out, pipeline), task["calls"])]
                except Exception:  # noqa: BLE001 - told to the test, which would else see a process that fell silent
                    results = traceback.format_exc()
                answers.write(json.dumps(results) + "\n")
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
