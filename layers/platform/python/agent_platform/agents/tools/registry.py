"""Turn a typed function into a tool: schema from its signature, arguments checked, failures told to the model.

Every tool declares its effect. What goes beyond reading is not run on a model's word alone: a person approves the very
arguments (`agents/permits.py`), because a model can be talked into any call by a text that it reads.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_json

from agent_platform.agents.tools.time_limit import Stopped, TimeOver, within
from agent_platform.egress import Egress
from agent_platform.observability import get_logger

TIMEOUT_SECONDS = 5.0
"""How long a tool may take unless it says otherwise."""

RESULT_CHARACTERS = 20_000
"""A longer result is cut: it would crowd out the task in the model's context."""

ARGUMENT_CHARACTERS = 1_000_000
"""As JSON. The schemas bound every part; this bounds the whole, before anything is built from it."""

FAULTS_SHOWN = 10
"""Faults of one set of arguments that are told; a list may have hundreds of the same kind."""


Effect = Literal["reads", "writes", "destroys"]
"""What a call does to the world: nothing, a change, or a change that cannot be taken back."""

EffectOf = Effect | Callable[[BaseModel], Effect]
"""The effect of every call, or what tells it by the checked arguments."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a tool that reaches out works with: hosts that the agent's definition names, and the one way out."""

    hosts: tuple[str, ...]
    egress: Egress


class ToolFailed(Exception):
    """A tool cannot do what it was asked; the message goes to the model, so it says what to ask instead."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What goes back to the model."""

    content: str
    is_error: bool = False


@dataclass(frozen=True)
class Tool:
    """One registered tool.

    Attributes:
        description: what the model reads: the function's docstring.
        effect: what a call does to the world, or what tells it by the arguments.
        equipped: whether the function's first parameter is its `Equipment`; such a tool depends on the world outside.
        timeout_seconds: after this the model hears that it took too long.
        result_characters: where a result is cut.
    """

    name: str
    description: str
    function: Callable[..., Any]
    effect: EffectOf
    equipped: bool = False
    timeout_seconds: float = TIMEOUT_SECONDS
    result_characters: int = RESULT_CHARACTERS

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The function's parameters. Built when first needed: a cold start pays only for the tools of its agents."""
        parameters = dict(inspect.signature(self.function, eval_str=True).parameters)
        if self.equipped:
            del parameters[next(iter(parameters))]
        fields: dict[str, Any] = {
            name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in parameters.items()
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.arguments.model_json_schema()

    def effect_of(self, arguments: object) -> Effect | None:
        """What a call with these arguments does to the world; None where they are refused, so that it does nothing."""
        if isinstance(self.effect, str):
            return self.effect
        try:
            return self.effect(self._checked(arguments))
        except (TypeError, ValueError, RecursionError):  # ValidationError is a ValueError
            return None

    def call(
        self, arguments: object, seconds_left: float | None = None, equipment: Equipment | None = None
    ) -> ToolOutcome:
        """Run the tool for `timeout_seconds` at most, or as long as its execution has, whichever is less.

        Never raises: arguments outside the schema, a failure the tool foresees, a defect of the tool and time that is
        over each become an error outcome that tells the model what to do. A defect is logged; its words stay there.
        """
        limit = self.timeout_seconds if seconds_left is None else min(self.timeout_seconds, seconds_left)
        if limit <= 0:
            return self._refusal("There is no time left for tools in this execution; answer with what you have.")
        try:
            return within(limit, lambda: self._answer(arguments, equipment))
        except TimeOver:
            get_logger().warning("tool_timed_out", extra={"tool": self.name, "seconds": limit})
            return self._refusal(f"`{self.name}` did not finish within {limit:.3g} s. Give it less to do at once.")

    def _checked(self, arguments: object) -> BaseModel:
        """The arguments as the schema has them; raises ValidationError, or what JSON raises where they are none."""
        given = json.dumps(arguments, ensure_ascii=False)
        if len(given) > ARGUMENT_CHARACTERS:
            raise _TooLong(f"Arguments refused: more than {ARGUMENT_CHARACTERS:,} characters as JSON.")
        # As JSON, since strictly read JSON has dates and lists while neither "5" nor true is a number.
        return self.arguments.model_validate_json(given, strict=True)

    def _answer(self, arguments: object, equipment: Equipment | None) -> ToolOutcome:
        try:
            try:
                checked = self._checked(arguments)
            except ValidationError as error:
                return self._refusal(f"Arguments refused: {_faults(error)}")
            except _TooLong as error:
                return self._refusal(str(error))
            except (TypeError, ValueError, RecursionError):
                return self._refusal("Arguments refused: they are not JSON.")
            if self.equipped and equipment is None:
                return self._refusal(f"`{self.name}` reaches nothing from here.")
            result = self.function(*([equipment] if self.equipped else []), **dict(checked))
            return self._fitting(to_json(result, inf_nan_mode="constants", fallback=str).decode())
        except ToolFailed as error:
            return self._refusal(str(error))
        except PydanticSerializationError:
            return self._refusal("The result holds half of a surrogate pair, which is no text.")
        except Stopped:
            raise
        except BaseException:  # noqa: BLE001 - a library may call sys.exit, and Rust panics as one
            get_logger().exception("tool_defective", extra={"tool": self.name})
            return self._refusal(
                f"`{self.name}` failed for a reason of its own, which is logged. Try other arguments, or do without it."
            )

    def _fitting(self, text: str) -> ToolOutcome:
        if len(text) <= self.result_characters:
            return ToolOutcome(text)
        return ToolOutcome(f"{text[: self.result_characters]} … (cut after {self.result_characters} characters)")

    def _refusal(self, message: str) -> ToolOutcome:
        return ToolOutcome(self._fitting(message).content, is_error=True)


class _TooLong(ValueError):
    """More than is read."""


def _faults(error: ValidationError) -> str:
    """Field and reason of each fault, in the words of the schema; values are left out."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, each['loc']))[:100] or 'arguments'}: {each['msg']}" for each in found[:FAULTS_SHOWN]]
    if len(found) > FAULTS_SHOWN:
        told.append(f"and {len(found) - FAULTS_SHOWN} more")
    return "; ".join(told)


registry: dict[str, Tool] = {}


def tool[F: Callable[..., Any]](
    *,
    effect: EffectOf,
    equipped: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
    result_characters: int = RESULT_CHARACTERS,
) -> Callable[[F], F]:
    """Register a function under its own name; its docstring is what the model reads.

    Every parameter is `Annotated[..., Field(description=...)]`; texts and lists name their greatest length there. What
    the function raises as `ToolFailed` is told to the model. Its result is anything that has a JSON form, and small.

    Args:
        effect: what a call does to the world, or a function that tells it by the checked arguments.
        equipped: the first parameter is not the model's to fill: it is the tool's `Equipment`.
    """

    def register(function: F) -> F:
        name = function.__name__
        description = inspect.cleandoc(function.__doc__ or "")
        registry[name] = Tool(name, description, function, effect, equipped, timeout_seconds, result_characters)
        return function

    return register
