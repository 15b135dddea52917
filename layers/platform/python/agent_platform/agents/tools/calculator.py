"""Exact decimal arithmetic, so that the model need not add in its head."""

import ast
import operator
from collections.abc import Callable
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

_BINARY: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[..., Decimal]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "sum": lambda *values: sum(values, Decimal(0)),
    "round": lambda value, places=Decimal(0): value.quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP),
    "sqrt": Decimal.sqrt,
    "ln": Decimal.ln,
    "exp": Decimal.exp,
}
_LIMITS = Context(prec=34, Emax=999, Emin=-999, traps=[Overflow, InvalidOperation, DivisionByZero])
"""34 digits (IEEE 754 decimal128) and an exponent that keeps powers from running away."""


@tool
def calculator(
    expression: Annotated[str, Field(max_length=1000, description="e.g. (480 * 1.10 + 45) / 3")],
) -> dict[str, str]:
    """Evaluate one arithmetic expression in exact decimal arithmetic.

    Operators: + - * / // % ** and parentheses. Functions: abs, min, max, sum, round(x, places) half up, sqrt, ln, exp.
    Write numbers without thousands separators, currency or percent signs.
    """
    try:
        with localcontext(_LIMITS):
            value = _value(ast.parse(expression.strip(), mode="eval").body)
            return {"expression": expression, "result": format(value.normalize() + 0, "f")}
    except (SyntaxError, RecursionError, MemoryError):
        raise ToolFailed(f"`{expression[:80]}` is not an arithmetic expression.") from None
    except (DecimalException, TypeError, ValueError, OverflowError) as error:
        raise ToolFailed(f"`{expression[:80]}` has no usable result: {type(error).__name__}.") from None


def _value(node: ast.expr) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Decimal(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument) for argument in arguments))
    raise ToolFailed("Only numbers, + - * / // % **, parentheses and the listed functions are understood.")
