"""An evaluation from its cases to its results, on emulated tables."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.cases import Case
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import AgentLoader
from agent_platform.errors import ExecutionNotFound
from agent_platform.evaluation.evaluator import Answer, Evaluator
from agent_platform.evaluation.judging import JUDGE
from agent_platform.ids import new_id
from agent_platform.storage.evaluations import Evaluation, EvaluationRepository
from agent_platform.storage.executions import Execution, Failure
from tests.fakes.aws import EVALUATIONS_TABLE
from tests.fakes.definitions import write_definition
from tests.fakes.executions import an_execution

HEAVY = Case.model_validate(
    {"name": "heavy", "why": "At a loss.", "input": {"parcel_grams": 9000}, "expect": {"tariff_class": "L"}}
)


class World:
    """An agent with one further case, and the executions that were run for it."""

    def __init__(self, folder: Path) -> None:
        self.definition = AgentLoader(folder).load(write_definition(folder, "post/parcel-weigher", "parcel"))
        self.executions: dict[str, Execution] = {}
        self.evaluations = EvaluationRepository(EVALUATIONS_TABLE)
        self.evaluator = Evaluator(self.evaluations, self, lambda _: [HEAVY], self.execution)

    def get(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        assert (agent_id, version) == ("post/parcel-weigher", "1.0.0")
        return self.definition

    def execution(self, execution_id: str) -> Execution:
        if execution_id not in self.executions:
            raise ExecutionNotFound("gone")
        return self.executions[execution_id]

    def begin(self, *, judge: bool = False) -> str:
        evaluation = Evaluation(
            id=new_id(),
            agent_id="post/parcel-weigher",
            agent_version="1.0.0",
            status="running",
            judge=judge,
            started_at=datetime.now(UTC),
        )
        self.evaluations.put(evaluation)
        return evaluation.id

    def answered(self, case: str, **fields: Any) -> Answer:
        execution = an_execution(**{"provider": "anthropic", "cost_usd": Decimal("0.01"), **fields})
        self.executions[execution.id] = execution
        return Answer(case, execution.id)


@pytest.fixture
def world(governance_tables: None, tmp_path: Path) -> World:
    return World(tmp_path)


def reason(tariff_class: str) -> dict[str, str]:
    return {"tariff_class": tariff_class, "reason": "r"}


def test_the_example_and_each_further_case_are_run(world: World):
    plan = world.evaluator.next(world.begin(), "begin")

    assert [(each.case, each.agent_id, each.version, each.input) for each in plan.orders] == [
        ("example", "post/parcel-weigher", "1.0.0", {"parcel_grams": 1500, "sent_on": "2026-03-31"}),
        ("heavy", "post/parcel-weigher", "1.0.0", {"parcel_grams": 9000}),
    ]


def test_answers_are_held_to_their_cases_and_counted(world: World):
    evaluation_id = world.begin()
    answers = [world.answered("example", output=reason("M")), world.answered("heavy", output=reason("S"))]

    plan = world.evaluator.next(evaluation_id, "cases", answers)

    kept = world.evaluations.get(evaluation_id)
    assert not plan.orders
    assert (kept.status, kept.passed, kept.cases, kept.provider) == ("finished", 1, 2, "anthropic")
    assert kept.cost_usd == Decimal("0.02")
    assert [(each.case, each.passed) for each in kept.results] == [("example", True), ("heavy", False)]
    assert [(each.wanted, each.found) for each in kept.results[1].checks if not each.passed] == [
        ('tariff_class = "L"', '"S"')
    ]


def test_a_case_without_an_answer_fails_with_the_reason_and_leaves_the_others(world: World):
    evaluation_id = world.begin()
    broken = Answer("heavy", error="BudgetExceeded", cause='{"errorMessage": "Your month is spent."}')

    world.evaluator.next(evaluation_id, "cases", [world.answered("example", output=reason("M")), broken])

    example, heavy = world.evaluations.get(evaluation_id).results
    assert example.passed
    assert not heavy.passed
    assert heavy.error == Failure(code="budget_exceeded", message="Your month is spent.")


def test_the_judge_reads_every_answer_and_its_no_fails_a_case(world: World):
    evaluation_id = world.begin(judge=True)
    answers = [world.answered("example", output=reason("M")), world.answered("heavy", output=reason("L"))]

    plan = world.evaluator.next(evaluation_id, "cases", answers)

    assert [(each.case, each.agent_id) for each in plan.orders] == [("example", JUDGE), ("heavy", JUDGE)]
    assert '"tariff_class": "M"' in plan.orders[0].input["expert_answer"]
    assert "expert_answer" not in plan.orders[1].input
    assert world.evaluations.get(evaluation_id).status == "running"

    verdicts = [
        world.answered("example", output={"verdict": "equivalent", "reason": "the same class"}),
        world.answered("heavy", output={"verdict": "wrong", "reason": "the reason is empty"}),
    ]
    world.evaluator.next(evaluation_id, "verdicts", verdicts)

    kept = world.evaluations.get(evaluation_id)
    assert (kept.status, kept.passed, kept.cost_usd) == ("finished", 1, Decimal("0.04"))
    assert [(each.passed, each.verdict and each.verdict.verdict) for each in kept.results] == [
        (True, "equivalent"),
        (False, "wrong"),
    ]


def test_where_the_judge_fails_the_checks_decide_and_the_result_says_so(world: World):
    evaluation_id = world.begin(judge=True)
    answers = [world.answered("example", output=reason("M")), world.answered("heavy", output=reason("L"))]
    world.evaluator.next(evaluation_id, "cases", answers)

    failed = Answer("heavy", error="ModelOverloaded", cause='{"errorMessage": "Claude is busy."}')
    kept_back = world.answered("example", output=None, status="failed", error=Failure(code="x", message="It failed."))
    world.evaluator.next(evaluation_id, "verdicts", [kept_back, failed])

    kept = world.evaluations.get(evaluation_id)
    assert (kept.status, kept.passed) == ("finished", 2)
    assert [each.unjudged for each in kept.results] == ["It failed.", "Claude is busy."]


def test_nobody_judges_what_the_offline_model_says(world: World):
    evaluation_id = world.begin(judge=True)
    answers = [world.answered("example", output=reason("M"), provider="offline")]

    plan = world.evaluator.next(evaluation_id, "cases", answers)

    kept = world.evaluations.get(evaluation_id)
    assert not plan.orders
    assert (kept.status, kept.provider) == ("finished", "offline")
    assert "offline model" in (kept.results[0].unjudged or "")


def test_a_step_that_is_taken_again_changes_nothing(world: World):
    evaluation_id = world.begin()
    answers = [world.answered("example", output=reason("M")), world.answered("heavy", output=reason("L"))]
    world.evaluator.next(evaluation_id, "cases", answers)
    kept = world.evaluations.get(evaluation_id)

    assert not world.evaluator.next(evaluation_id, "cases", answers).orders
    world.evaluator.fail(evaluation_id, Failure(code="interrupted", message="too late"))

    assert world.evaluations.get(evaluation_id) == kept


def test_what_cannot_be_carried_out_says_why(world: World):
    evaluation_id = world.begin()

    world.evaluator.fail(evaluation_id, Failure(code="agent_not_found", message="It left the catalogue."))

    kept = world.evaluations.get(evaluation_id)
    assert (kept.status, kept.error and kept.error.code) == ("failed", "agent_not_found")
    assert kept.finished_at is not None


def test_an_agents_evaluations_are_listed_newest_first(world: World):
    ids = [world.begin() for _ in range(3)]

    page = world.evaluations.list_by_agent("post/parcel-weigher", limit=2)
    rest = world.evaluations.list_by_agent("post/parcel-weigher", limit=2, cursor=page.next_cursor)

    assert [each.id for each in (*page.items, *rest.items)] == ids[::-1]
    assert rest.next_cursor is None
    assert world.evaluations.list_by_agent("post/letter-weigher").items == []
