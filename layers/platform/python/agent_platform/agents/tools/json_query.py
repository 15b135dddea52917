"""Questions to a JSON document, in JMESPath."""

import json
from functools import cache
from typing import Annotated, Any

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

STEPS = 1_000_000
"""What one query may do, in steps of about a microsecond. A step is a visit of a part of the expression, or a value
written into a result: `[@,@]|[@,@]|…` doubles at every step, and would fill the memory in thirty."""

DEPTH = 100
"""How deep a result may be nested."""


@tool(effect="reads")
def json_query(
    document: Annotated[str, Field(max_length=200_000, description="The JSON document, as text")],
    expression: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1000,
            description="JMESPath: items[?price > `10`].name, sum(items[].price), length(@), sort_by(items, &name)[0]",
        ),
    ],
) -> dict[str, object]:
    """Select, filter, sort and add up parts of a JSON document with a JMESPath expression.

    Literals stand in backticks (`10`, `true`), raw strings in single quotes ('open'). A field that is not there gives
    null. sum and avg add exactly, in decimals.
    """
    try:
        value = json.loads(document, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ToolFailed(f"`document` is not JSON: {_short(error)}.") from None
    return {"result": queried(value, expression)}


def queried(value: Any, expression: str) -> Any:
    """The result of a JMESPath expression on a JSON value.

    Raises:
        ToolFailed: the expression does not work on it, or asks for too much.
    """
    from jmespath.exceptions import JMESPathError
    from jmespath.parser import Parser

    try:
        interpreter = _interpreter()()
        result = interpreter.visit(Parser().parse(expression).parsed, value)
        interpreter.spend_on(result)
    except JMESPathError as error:
        raise ToolFailed(f"The expression does not work: {_short(error)}.") from None
    except RecursionError:
        raise ToolFailed("The expression or the document is nested too deeply.") from None
    except (ArithmeticError, TypeError, ValueError, AttributeError) as error:
        # The library lets these out for arguments that its own type checks pass, as in ceil of an endless number.
        raise ToolFailed(f"The expression does not work on this document: {_short(error)}.") from None
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


@cache
def _interpreter() -> type[Any]:
    """The library's, with sums in decimals and its work counted."""
    from fractions import Fraction

    from jmespath import Options
    from jmespath.functions import Functions, signature
    from jmespath.visitor import TreeInterpreter

    class ExactFunctions(Functions):
        @signature({"types": ["array-number"]})
        def _func_sum(self, numbers: list[int | float]) -> int | float:
            total = sum(Fraction(repr(number)) for number in numbers)
            return int(total) if all(isinstance(number, int) for number in numbers) else float(total)

        @signature({"types": ["array-number"]})
        def _func_avg(self, numbers: list[int | float]) -> float | None:
            return float(sum(Fraction(repr(number)) for number in numbers) / len(numbers)) if numbers else None

    class CountingInterpreter(TreeInterpreter):
        def __init__(self) -> None:
            super().__init__(Options(custom_functions=ExactFunctions()))
            self._steps_left = STEPS

        def visit(self, node: Any, *arguments: Any, **named: Any) -> Any:
            self._spend(1)
            result = super().visit(node, *arguments, **named)
            if node["type"] in _BUILDERS:
                self.spend_on(result)
            return result

        def spend_on(self, value: object) -> None:
            """A step for every value in it, as often as it stands there: shared parts would be written out as well."""
            waiting = [(value, 0)]
            while waiting:
                each, depth = waiting.pop()
                self._spend(1)
                if depth > DEPTH:
                    raise ToolFailed(f"The result is nested more than {DEPTH} deep; select a part further inside.")
                if isinstance(each, dict | list):
                    self._spend(len(each))
                    waiting += [(child, depth + 1) for child in (each.values() if isinstance(each, dict) else each)]
                elif isinstance(each, str):
                    self._spend(len(each) // 64)
                elif each is not None and not isinstance(each, int | float):
                    raise ToolFailed("`&` stands before an argument of a function such as sort_by and nowhere else.")

        def _spend(self, steps: int) -> None:
            self._steps_left -= steps
            if self._steps_left < 0:
                raise ToolFailed("The expression asks for too much; filter first, or take fewer parts at once.")

    return CountingInterpreter


_BUILDERS = {
    "flatten",
    "filter_projection",
    "function_expression",
    "multi_select_dict",
    "multi_select_list",
    "projection",
    "slice",
    "value_projection",
}
"""Parts of an expression that make new values; the others choose among those that are there."""
