"""Lambda entry of the steps of an evaluation, called by its state machine."""

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from agent_platform.agents.cases import Case, CaseFile
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.custom import EveryAgent, LiveAgents
from agent_platform.agents.versions import Versions
from agent_platform.errors import InvalidInput
from agent_platform.evaluation.evaluator import Answer, Evaluator, Order, Plan, Stage
from agent_platform.observability import get_logger
from agent_platform.settings import EvaluateAgentSettings, load
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.definitions import DefinitionRepository
from agent_platform.storage.evaluations import EvaluationRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.tracing import flushed

log = get_logger()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Ran(_Strict):
    """What came of one run."""

    case: str
    execution_id: str | None = None
    error: str = ""
    cause: str = ""


class Step(_Strict):
    """The event: what was run last, and for whom. `failure` is that of an evaluation that is given up."""

    evaluation_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    principal: PrincipalDocument
    trace_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
    stage: Stage = "begin"
    answers: list[Ran] = []
    failure: dict[str, Any] | None = None


@cache
def _settings() -> EvaluateAgentSettings:
    return load(EvaluateAgentSettings)


@cache
def _definitions() -> DefinitionRepository:
    return DefinitionRepository(_settings().definitions_table)


@cache
def _catalogue() -> Catalogue:
    return EveryAgent(_settings().catalogue_path, LiveAgents(_definitions()))


@cache
def _evaluator() -> Evaluator:
    env = _settings()
    executions = ExecutionRepository(env.executions_table, PayloadStore(env.payloads_bucket))
    return Evaluator(
        EvaluationRepository(env.evaluations_table),
        Versions(_catalogue(), _definitions()),
        _cases,
        executions.unmasked,
    )


def _cases(agent_id: str) -> tuple[Case, ...]:
    document = _catalogue().cases(agent_id)
    return CaseFile.model_validate_json(document).cases if document else ()


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Take one step; errors are raised under their own names, so that the state machine can catch them."""
    try:
        step = Step.model_validate(event)
    except ValidationError as error:
        raise InvalidInput(
            f"The event is no step of an evaluation: {error.errors(include_url=False, include_input=False)}"
        ) from None
    log.append_keys(evaluation_id=step.evaluation_id, trace_id=step.trace_id)
    if step.failure is not None:
        failure = failure_of(str(step.failure.get("Error", "")), str(step.failure.get("Cause", "")))
        _evaluator().fail(step.evaluation_id, failure)
        return _told(step, Plan("verdicts"))
    answers = [Answer(each.case, each.execution_id, each.error, each.cause) for each in step.answers]
    return _told(step, _evaluator().next(step.evaluation_id, step.stage, answers))


def _told(step: Step, plan: Plan) -> dict[str, Any]:
    orders = [_order(step, plan.stage, each) for each in plan.orders]
    return {"stage": plan.stage, "left": bool(orders), "orders": orders}


def _order(step: Step, stage: Stage, order: Order) -> dict[str, Any]:
    """An agent's run as the state machine hands it to the function of the agent's group. Its key is that of this case
    alone, so a run that is tried again is answered from its record."""
    return {
        "case": order.case,
        "group": order.agent_id.partition("/")[0],
        "request": {
            "agent_id": order.agent_id,
            "version": order.version,
            "input": order.input,
            "principal": step.principal.model_dump(mode="json"),
            "trace_id": step.trace_id,
            "idempotency_key": f"evaluation:{step.evaluation_id}:{stage}:{order.case}",
        },
    }
