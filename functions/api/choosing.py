"""Having Claude choose among the agents that routing found: one execution of the chooser, in the caller's name."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import ConfigurationError, FunctionFailed
from agent_platform.finding.choosing import CHOOSER, picked, question
from agent_platform.finding.routing import Match
from agent_platform.identity.principal import Principal
from agent_platform.storage.caught_failures import error_of, failure_of

Provider = Literal["anthropic", "bedrock", "offline"]

ANSWER_SECONDS = 24
"""So long an answer is waited for: longer than the chooser's own 20 s, and shorter than the gateway's 29."""


class Choice(BaseModel):
    """What Claude chose, and why."""

    agent_id: str | None = Field(description="The agent chosen; null: none of them does this")
    reason: str = Field(description="Claude's own, for whoever asked")
    execution_id: str = Field(description="The execution in which it was chosen, with its cost")
    provider: Provider = Field(description="Who chose; `offline` is no real model, and its choice an example")


class _Ran(BaseModel):
    id: str
    output: dict[str, Any]
    provider: Provider


class Chooser:
    """Chooses among agents that may be meant.

    Args:
        function_name: of the functions that execute agents; `{group}` stands for the group.
        invoke: calls a function and waits for its answer (`storage.lambda_functions.invoke`).
    """

    def __init__(self, catalogue: Catalogue, function_name: str, invoke: Callable[..., Any]) -> None:
        self._catalogue = catalogue
        self._function = function_name.replace("{group}", CHOOSER.partition("/")[0])
        self._invoke = invoke

    def choose(self, ask: str, candidates: list[Match], principal: Principal, trace_id: str) -> Choice:
        """Which of the candidates the ask is for.

        Raises:
            PlatformError: the one that the chooser's execution ended with: refused by policy, over budget, no answer
                from the model.
        """
        definitions = [self._catalogue.get(each.card.id) for each in candidates]
        order = {
            "agent_id": CHOOSER,
            "input": question(ask, definitions),
            "principal": principal.to_document().model_dump(mode="json"),
            "trace_id": trace_id,
        }
        try:
            ran = _Ran.model_validate(self._invoke(self._function, order, answer_seconds=ANSWER_SECONDS))
        except FunctionFailed as error:
            raise error_of(failure_of(error.kind, error.said)) from error
        except ValidationError:
            raise ConfigurationError(f"{self._function} gave no execution of {CHOOSER}.") from None
        place = picked(ran.output, len(candidates))
        chosen = None if place is None else candidates[place].card.id
        return Choice(agent_id=chosen, reason=ran.output["reason"], execution_id=ran.id, provider=ran.provider)
