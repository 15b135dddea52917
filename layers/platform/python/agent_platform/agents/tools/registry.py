"""Turn a typed function into a tool: schema from its signature, arguments checked, failures told to the model."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_json

RESULT_CHARACTERS = 20_000
"""A longer result is cut: it would crowd out the task in the model's context."""


class ToolFailed(Exception):
    """A tool cannot do what it was asked; the message goes to the model, so it says what to ask instead."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What goes back to the model."""

    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """One registered tool."""

    name: str
    description: str
    arguments: type[BaseModel]
    function: Callable[..., Any]

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.arguments.model_json_schema()

    def call(self, arguments: object) -> ToolOutcome:
        """Run the tool. Arguments outside the schema and failures become an error outcome, never an exception."""
        try:
            checked = self.arguments.model_validate(arguments)
            result = self.function(**dict(checked))
            text = to_json(result, inf_nan_mode="constants", fallback=str).decode()
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            return ToolOutcome(f"Arguments refused: {faults}", is_error=True)
        except ToolFailed as error:
            return ToolOutcome(str(error), is_error=True)
        except PydanticSerializationError:
            return ToolOutcome("The result holds half of a surrogate pair, which is no text.", is_error=True)
        if len(text) > RESULT_CHARACTERS:
            return ToolOutcome(f"{text[:RESULT_CHARACTERS]} … (cut after {RESULT_CHARACTERS} characters)")
        return ToolOutcome(text)


registry: dict[str, Tool] = {}


def tool[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Register a function under its own name; its docstring is what the model reads.

    Parameters need annotations; `Annotated[..., Field(description=...)]` describes one to the model.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters.items()
    }
    arguments = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    registry[function.__name__] = Tool(
        name=function.__name__,
        description=inspect.cleandoc(function.__doc__ or ""),
        arguments=arguments,
        function=function,
    )
    return function
