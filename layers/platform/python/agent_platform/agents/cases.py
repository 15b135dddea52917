"""Cases that an agent is evaluated by: its own example, and those of `agent_defs/<group>/cases/<name>.yaml`."""

import math
from typing import Annotated, Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from agent_platform.agents.definition import AgentDefinition, JsonObject, Slug, Text

MAX_CASES = 9
"""Beside the example. A state machine carries their inputs and what a judge is told of them, within 256 KiB."""

EXAMPLE = "example"
"""The name of the case that every agent has."""

NEAR = 0.01
"""How far a number of the example may be missed, as a share of it: sums are rounded in more than one right way."""

_DECIDING = frozenset({"boolean", "integer", "number"})


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bounds(_Strict):
    """A number, or nearly one, or at least or at most one."""

    about: float | None = None
    within: Annotated[float, Field(ge=0, description="How far `about` may be missed")] = 0.0
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.about is None and self.at_least is None and self.at_most is None:
            raise ValueError("names no bound; give `about` (and `within`), `at_least` or `at_most`")
        return self

    def holds(self, value: object) -> bool:
        """Whether `value` is a number inside the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (
            (self.about is None or abs(value - self.about) <= self.within + 1e-9)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        parts = []
        if self.about is not None:
            parts.append(f"{self.about:g} ± {self.within:g}" if self.within else f"{self.about:g}")
        if self.at_least is not None:
            parts.append(f"at least {self.at_least:g}")
        if self.at_most is not None:
            parts.append(f"at most {self.at_most:g}")
        return " and ".join(parts)


def _kind(value: object) -> str:
    return "bounds" if isinstance(value, dict | Bounds) else "value"


Value = str | bool | int | float | list[Any] | None
Expected = Annotated[Annotated[Bounds, Tag("bounds")] | Annotated[Value, Tag("value")], Discriminator(_kind)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]
Alternatives = Annotated[tuple[Words, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class Case(_Strict):
    """One input, and what an answer to it must and must not say."""

    name: Slug
    why: Annotated[Text, Field(description="What goes wrong for somebody if this is answered wrongly")]
    input: JsonObject
    expect: Annotated[
        dict[str, Expected],
        Field(description="What a JMESPath expression must give of the output: a value, or bounds of a number"),
    ] = {}
    mentions: Annotated[
        tuple[Words | Alternatives, ...],
        BeforeValidator(_as_tuple),
        Field(description="Required facts: each, or one of its alternative wordings, stands somewhere in the output"),
    ] = ()
    never: Annotated[
        tuple[Words, ...], BeforeValidator(_as_tuple), Field(description="Forbidden claims: none stands in the output")
    ] = ()
    criteria: Annotated[
        tuple[Text, ...], BeforeValidator(_as_tuple), Field(description="What only a reader can tell: for the judge")
    ] = ()
    answer: Annotated[JsonObject | None, Field(description="An expert's answer: for the judge")] = None

    @property
    def facts(self) -> tuple[tuple[str, ...], ...]:
        """Each required fact with all its wordings."""
        return tuple((each,) if isinstance(each, str) else each for each in self.mentions)

    @model_validator(mode="after")
    def _asks_what_can_be_asked(self) -> Self:
        for expression in self.expect:
            try:
                jmespath.compile(expression)
            except JMESPathError as error:
                raise ValueError(f"`{expression}` is no JMESPath expression: {error}") from None
        if not (self.expect or self.mentions or self.never or self.criteria):
            raise ValueError("tests nothing; give `expect`, `mentions`, `never` or `criteria`")
        return self


class CaseFile(_Strict):
    """The further cases of one agent."""

    cases: Annotated[tuple[Case, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=MAX_CASES)]


def example_case(definition: AgentDefinition) -> Case:
    """The agent's example as a case: whatever it decides, counts or sums up at the root of its output must come again.

    Texts and lists are an expert's words, which a right answer may put otherwise; they are the judge's matter.
    """
    output = definition.example.output
    expect: dict[str, Expected] = {}
    for name, schema in definition.output["properties"].items():
        value = output.get(name)
        decides = "enum" in schema or "const" in schema or schema.get("type") in _DECIDING
        if isinstance(value, int | float) and not isinstance(value, bool):
            expect[name] = Bounds(about=float(value), within=abs(value) * NEAR)
        elif decides and isinstance(value, str | bool):
            expect[name] = value
    return Case.model_construct(
        name=EXAMPLE,
        why="The answer that the agent's author shows to everybody.",
        input=definition.example.input,
        expect=expect,
        answer=output,
    )
