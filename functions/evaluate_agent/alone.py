"""Evaluate one agent in this process, without a deployment: `python -m functions.evaluate_agent.alone group/name`."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent_platform.agents.case_files import case_faults, read_cases
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import build_pipeline
from agent_platform.agents.loader import AgentLoader
from agent_platform.agents.meter import Patience, Provider
from agent_platform.agents.progress import progress_line
from agent_platform.errors import AgentNotFound, DefinitionError, PlatformError
from agent_platform.evaluation.evaluator import Answer, Evaluator, Order
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings, load
from agent_platform.storage.evaluations import Evaluation
from agent_platform.storage.memory import InMemoryEvaluations, InMemoryExecutions
from agent_platform.tracing import new_trace_id

HERE = Principal("local", "local@localhost", frozenset({"admin"}), token_id="")
"""Who executes an agent that is evaluated alone: there is nobody else, so there is no sign-in."""


class Definitions:
    """The definition files of now; there is no other version."""

    def __init__(self, root: Path) -> None:
        self._loader = AgentLoader(root)

    def get(self, agent_id: str, version: str | None = None) -> AgentDefinition:  # noqa: ARG002
        """The agent as its file has it."""
        return self._loader.load_id(agent_id)


def evaluate(root: Path, agent_id: str, *, judge: bool) -> Evaluation:
    """Run an agent in each of its cases and hold its answers to them.

    Raises:
        AgentNotFound: no file has this id.
        DefinitionError: its definition or its cases are faulty.
    """
    definitions = Definitions(root)
    definition = definitions.get(agent_id)
    if faults := [*case_faults(root, {agent_id: definition}, only=agent_id)]:
        raise DefinitionError(faults)
    env, executions, evaluations = load(ClaudeSettings), InMemoryExecutions(), InMemoryEvaluations()
    provider: Provider = "bedrock" if env.claude_provider == "bedrock" else "anthropic"
    evaluator = Evaluator(evaluations, definitions, lambda each: read_cases(root, each), executions.get)
    evaluation = Evaluation(
        id=new_id(),
        agent_id=agent_id,
        agent_version=definition.version,
        status="running",
        judge=judge,
        started_at=datetime.now(UTC),
    )
    evaluations.put(evaluation)
    with claude_client(env, max_retries=0, timeout_seconds=300) as client:
        pipeline = build_pipeline(executions, lambda: client, provider, definitions.get)

        def run(orders: list[Order]) -> Iterator[Answer]:
            with progress_line("Running the cases") as progress:
                for done, order in enumerate(orders, start=1):
                    try:
                        agent = definitions.get(order.agent_id)
                        execution = pipeline.execute(agent, order.input, HERE, new_trace_id(), Patience(retries=2))
                        yield Answer(order.case, execution.id)
                    except PlatformError as error:
                        yield Answer(order.case, error=type(error).__name__, cause=error.detail)
                    progress(done, len(orders))

        plan = evaluator.next(evaluation.id, "begin")
        while plan.orders:
            plan = evaluator.next(evaluation.id, plan.stage, list(run(list(plan.orders))))
    return evaluations.get(evaluation.id)


def show(evaluation: Evaluation, console: Console) -> None:
    """Print each case, and below it each check that failed."""
    table = Table(title=f"{evaluation.agent_id} {evaluation.agent_version}", title_justify="left")
    for column in ("case", "", "checks", "judge", "USD", "s"):
        table.add_column(column, justify="right" if column in ("USD", "s") else "left")
    for each in evaluation.results:
        failed = [f"{check.kind}: {check.wanted}, found {check.found}" for check in each.checks if not check.passed]
        told = [f"{len(each.checks) - len(failed)} of {len(each.checks)}", *failed]
        if each.error:
            told = [f"{each.error.code}: {each.error.message}"]
        verdict = f"{each.verdict.verdict}: {each.verdict.reason}" if each.verdict else (each.unjudged or "")
        table.add_row(
            each.case,
            "[green]✓[/]" if each.passed else "[red]✗[/]",
            escape("\n".join(told)),
            escape(verdict),
            f"{each.cost_usd:.4f}",
            f"{each.duration_ms / 1000:.1f}",
        )
    console.print(table)
    by = "the offline model, which knows the example alone" if evaluation.provider == "offline" else evaluation.provider
    console.print(f"{evaluation.passed} of {evaluation.cases} cases passed; answered by {by}.")


def main() -> int:
    """Command line; exit code 1 when a case fails, 2 when the agent cannot be evaluated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent_id", metavar="group/name")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    options = parser.parse_args()
    try:
        evaluation = evaluate(options.definitions, options.agent_id, judge=options.judge)
    except (AgentNotFound, DefinitionError) as error:
        sys.stderr.write(f"{error.detail}\n")
        return 2
    show(evaluation, Console())
    return 0 if evaluation.passed == evaluation.cases else 1


if __name__ == "__main__":
    sys.exit(main())
