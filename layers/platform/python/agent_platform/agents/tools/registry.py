"""Turn a typed function into a tool: schema from its signature, arguments checked, failures told to the model."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_json

from agent_platform.agents.tools.time_limit import Stopped, TimeOver, within
from agent_platform.observability import get_logger

TIMEOUT_SECONDS = 5.0
"""How long a tool may take unless it says otherwise."""

RESULT_CHARACTERS = 20_000
"""A longer result is cut: it would crowd out the task in the model's context."""

ARGUMENT_CHARACTERS = 1_000_000
"""As JSON. The schemas bound every part; this bounds the whole, before anything is built from it."""

FAULTS_SHOWN = 10
"""Faults of one set of arguments that are told; a list may have hundreds of the same kind."""


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
        timeout_seconds: after this the model hears that it took too long.
        result_characters: where a result is cut.
    """

    name: str
    description: str
    function: Callable[..., Any]
    timeout_seconds: float = TIMEOUT_SECONDS
    result_characters: int = RESULT_CHARACTERS

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The function's parameters. Built when first needed: a cold start pays only for the tools of its agents."""
        parameters = inspect.signature(self.function, eval_str=True).parameters
        fields: dict[str, Any] = {
            name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in parameters.items()
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.arguments.model_json_schema()

    def call(self, arguments: object, seconds_left: float | None = None) -> ToolOutcome:
        """Run the tool for `timeout_seconds` at most, or as long as its execution has, whichever is less.

        Never raises: arguments outside the schema, a failure the tool foresees, a defect of the tool and time that is
        over each become an error outcome that tells the model what to do. A defect is logged; its words stay there.
        """
        limit = self.timeout_seconds if seconds_left is None else min(self.timeout_seconds, seconds_left)
        if limit <= 0:
            return self._refusal("There is no time left for tools in this execution; answer with what you have.")
        try:
            return within(limit, lambda: self._answer(arguments))
        except TimeOver:
            get_logger().warning("tool_timed_out", extra={"tool": self.name, "seconds": limit})
            return self._refusal(f"`{self.name}` did not finish within {limit:.3g} s. Give it less to do at once.")

    def _answer(self, arguments: object) -> ToolOutcome:
        try:
            try:
                given = json.dumps(arguments, ensure_ascii=False)
                if len(given) > ARGUMENT_CHARACTERS:
                    return self._refusal(f"Arguments refused: more than {ARGUMENT_CHARACTERS:,} characters as JSON.")
                # As JSON, since strictly read JSON has dates and lists while neither "5" nor true is a number.
                checked = self.arguments.model_validate_json(given, strict=True)
            except ValidationError as error:
                return self._refusal(f"Arguments refused: {_faults(error)}")
            except (TypeError, ValueError, RecursionError):
                return self._refusal("Arguments refused: they are not JSON.")
            result = self.function(**dict(checked))
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


def _faults(error: ValidationError) -> str:
    """Field and reason of each fault, in the words of the schema; values are left out."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, each['loc']))[:100] or 'arguments'}: {each['msg']}" for each in found[:FAULTS_SHOWN]]
    if len(found) > FAULTS_SHOWN:
        told.append(f"and {len(found) - FAULTS_SHOWN} more")
    return "; ".join(told)


registry: dict[str, Tool] = {}


@overload
def tool[**P, R](function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool[**P, R](
    *, timeout_seconds: float = ..., result_characters: int = ...
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    result_characters: int = RESULT_CHARACTERS,
) -> Any:
    """Register a function under its own name; its docstring is what the model reads.

    Every parameter is `Annotated[..., Field(description=...)]`; texts and lists name their greatest length there. What
    the function raises as `ToolFailed` is told to the model. Its result is anything that has a JSON form, and small.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        description = inspect.cleandoc(function.__doc__ or "")
        registry[name] = Tool(name, description, function, timeout_seconds, result_characters)
        return function

    return register if function is None else register(function)
