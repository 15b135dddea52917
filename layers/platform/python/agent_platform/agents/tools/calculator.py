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
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)
from typing import Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool


def _floor_divide(left: Decimal, right: Decimal) -> Decimal:
    """Rounds down, as Python's integers do; Decimal's own // rounds towards zero."""
    quotient = left // right
    return quotient - 1 if left % right and (left < 0) != (right < 0) else quotient


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    """What `_floor_divide` leaves over: it has the sign of `right`."""
    rest = left % right
    return rest + right if rest and (rest < 0) != (right < 0) else rest


def _round(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    if places != int(places):
        raise ValueError("places is a whole number")
    if value == value.to_integral_value() and places >= 0:
        return value
    # In a context of its own: rounding that was asked for is no loss of precision.
    return value.quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP, _LIMITS.copy())


_BINARY: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: _floor_divide,
    ast.Mod: _modulo,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[..., Decimal]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "sum": lambda *values: sum(values, Decimal(0)),
    "round": _round,
    "sqrt": Decimal.sqrt,
    "ln": Decimal.ln,
    "exp": Decimal.exp,
}
_LIMITS = Context(prec=34, Emax=999, Emin=-999, traps=[Overflow, InvalidOperation, DivisionByZero])
"""34 digits (IEEE 754 decimal128) and an exponent that keeps powers from running away."""


@tool(effect="reads")
def calculator(
    expression: Annotated[str, Field(max_length=1000, description="e.g. (480 * 1.10 + 45) / 3")],
) -> dict[str, str]:
    """Evaluate one arithmetic expression in exact decimal arithmetic.

    Operators: + - * / ** and parentheses; // and % round down. Functions: abs, min, max, sum, round(x, places) half
    up, sqrt, ln, exp. Write numbers without thousands separators, currency or percent signs. The answer says `rounded`
    where digits were lost.
    """
    source = expression.strip()
    try:
        with localcontext(_LIMITS) as context:
            value = _value(ast.parse(source, mode="eval").body, source).normalize() + 0
            inexact = context.flags[Inexact]
    except (SyntaxError, RecursionError, MemoryError):
        raise ToolFailed(f"`{expression[:80]}` is not an arithmetic expression.") from None
    except (DecimalException, TypeError, ValueError, OverflowError) as error:
        raise ToolFailed(f"`{expression[:80]}` has no usable result: {type(error).__name__}.") from None
    if not value.is_finite():
        raise ToolFailed(f"`{expression[:80]}` has no finite result.")
    result = {"expression": expression, "result": format(value, "f")}
    return {**result, "rounded": f"to {_LIMITS.prec} significant digits"} if inexact else result


def _value(node: ast.expr, source: str) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            # From the text as it stands: a float would already have lost digits.
            written = str(number) if isinstance(number, int) else ast.get_source_segment(source, node)
            return getcontext().create_decimal(written or "")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, source)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, source)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, source), _value(right, source))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, source) for argument in arguments))
    raise ToolFailed("Only numbers, + - * / // % **, parentheses and the listed functions are understood.")
