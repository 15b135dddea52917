"""Carries an evaluation from its cases to its results. What is run in between, a state machine runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, Protocol

from agent_platform.agents.cases import Case, example_case
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.errors import ExecutionNotFound
from agent_platform.evaluation.checks import checks
from agent_platform.evaluation.judging import JUDGE, question, verdict_of
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.evaluations import CaseResult, Evaluation, ended
from agent_platform.storage.executions import Execution, Failure

Stage = Literal["begin", "cases", "verdicts"]
"""What was run last: nothing, the agent in each case, or the judge."""


class Evaluations(Protocol):
    """Where evaluations are kept."""

    def put(self, evaluation: Evaluation) -> None:
        """Keep an evaluation, in place of what was there."""

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation."""


class Definitions(Protocol):
    """Where agents are found in the version that is evaluated."""

    def get(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The definition of an agent, in today's version unless another is named."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one run: the execution's id, or the error that a state machine caught."""

    case: str
    execution_id: str | None = None
    error: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One agent to be run for one case."""

    case: str
    agent_id: str
    version: str | None
    input: JsonObject


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run next; with no orders, the evaluation is over."""

    stage: Stage
    orders: Sequence[Order] = ()


class Evaluator:
    """Evaluates agents. Every step may be taken again with the same answers."""

    def __init__(
        self,
        evaluations: Evaluations,
        definitions: Definitions,
        cases: Callable[[str], Sequence[Case]],
        executions: Callable[[str], Execution],
    ) -> None:
        """Evaluate with these.

        Args:
            cases: the further cases of an agent, by its id.
            executions: an execution by its id; raises `ExecutionNotFound`.
        """
        self._evaluations = evaluations
        self._definitions = definitions
        self._cases = cases
        self._executions = executions

    def next(self, evaluation_id: str, stage: Stage, answers: Sequence[Answer] = ()) -> Plan:
        """Take in what was run, and say what is to be run now.

        Raises:
            EvaluationNotFound: there is no such evaluation.
            AgentNotFound, AgentVersionNotFound: the agent is not there any more.
            StorageUnavailable: a table does not answer.
        """
        evaluation = self._evaluations.get(evaluation_id)
        definition = self._definitions.get(evaluation.agent_id, evaluation.agent_version)
        cases = [example_case(definition), *self._cases(evaluation.agent_id)]
        if stage == "begin":
            asked = (evaluation.agent_id, evaluation.agent_version)
            return Plan("cases", [Order(each.name, *asked, each.input) for each in cases])
        by_case = {each.case: each for each in answers}
        if evaluation.status != "running":  # the answer of an earlier try was lost
            return Plan("verdicts")
        if stage == "cases":
            return self._checked(evaluation, definition, cases, by_case)
        return self._judged(evaluation, by_case)

    def fail(self, evaluation_id: str, failure: Failure) -> None:
        """Write that an evaluation could not be carried out, unless it is over."""
        evaluation = self._evaluations.get(evaluation_id)
        if evaluation.status == "running":
            over = {"status": "failed", "error": failure, "finished_at": datetime.now(UTC)}
            self._evaluations.put(evaluation.model_copy(update=over))

    def _checked(
        self,
        evaluation: Evaluation,
        definition: AgentDefinition,
        cases: Sequence[Case],
        answers: Mapping[str, Answer],
    ) -> Plan:
        results, orders, providers = list[CaseResult](), list[Order](), set[str]()
        for case in cases:
            answer = answers.get(case.name, Answer(case.name, error="PlatformError", cause="The case was not run."))
            execution, failure = self._execution(answer)
            if execution is None or execution.output is None:
                results.append(_unanswered(case, execution, failure))
                continue
            providers.add(execution.provider)
            results.append(_answered(definition, case, execution))
            orders.append(Order(case.name, JUDGE, None, question(definition, case, execution.output)))
        provider = "offline" if "offline" in providers else min(providers, default=None)
        known = evaluation.model_copy(update={"provider": provider})
        if evaluation.judge and orders and "offline" not in providers:
            self._evaluations.put(known.model_copy(update={"results": results, "cases": len(results)}))
            return Plan("verdicts", orders)
        if evaluation.judge:
            results = [each.model_copy(update={"unjudged": _UNREAD}) for each in results]
        self._evaluations.put(ended(known, results, datetime.now(UTC), Decimal(0)))
        return Plan("verdicts")

    def _judged(self, evaluation: Evaluation, answers: Mapping[str, Answer]) -> Plan:
        results, cost = list[CaseResult](), Decimal(0)
        for each in evaluation.results:
            execution, failure = self._execution(answers.get(each.case, Answer(each.case)))
            cost += execution.cost_usd if execution else Decimal(0)
            results.append(_with_verdict(each, execution, failure))
        self._evaluations.put(ended(evaluation, results, datetime.now(UTC), cost))
        return Plan("verdicts")

    def _execution(self, answer: Answer) -> tuple[Execution | None, Failure | None]:
        if answer.execution_id is None:
            return None, failure_of(answer.error, answer.cause)
        try:
            return self._executions(answer.execution_id), None
        except ExecutionNotFound as error:
            return None, Failure(code=error.code, message=error.detail)


_UNREAD = "The offline model answered or nobody did: there is nothing for a judge to read."


def _answered(definition: AgentDefinition, case: Case, execution: Execution) -> CaseResult:
    made = checks(definition, case, execution.output or {})
    return CaseResult(
        case=case.name,
        why=case.why,
        passed=all(each.passed for each in made),
        execution_id=execution.id,
        cached=execution.cached,
        checks=made,
        cost_usd=execution.cost_usd + execution.delegated_cost_usd,
        duration_ms=execution.duration_ms,
    )


def _unanswered(case: Case, execution: Execution | None, failure: Failure | None) -> CaseResult:
    return CaseResult(
        case=case.name,
        why=case.why,
        passed=False,
        execution_id=execution.id if execution else None,
        error=failure or (execution.error if execution else None),
        cost_usd=execution.cost_usd if execution else Decimal(0),
        duration_ms=execution.duration_ms if execution else 0,
    )


def _with_verdict(result: CaseResult, execution: Execution | None, failure: Failure | None) -> CaseResult:
    if result.error is not None:
        return result
    verdict = verdict_of(execution) if execution else None
    if verdict is None:
        why = failure or (execution.error if execution else None)
        return result.model_copy(update={"unjudged": why.message if why else "The judge gave no verdict."})
    return result.model_copy(update={"verdict": verdict, "passed": result.passed and verdict.verdict != "wrong"})
