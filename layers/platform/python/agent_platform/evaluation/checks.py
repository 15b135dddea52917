"""The deterministic checks of an answer: schema, expected values, required facts, forbidden claims."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from agent_platform.agents.cases import Bounds, Case
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.schemas import instance_faults
from agent_platform.storage.evaluations import Check

SHOWN = 200
"""Characters of a found value that a result quotes."""

_SPACES = re.compile(r"\s+")


def checks(definition: AgentDefinition, case: Case, answer: JsonObject) -> list[Check]:
    """Hold an answer to its case; every check that was made, passed or not."""
    return [
        _schema(definition, answer),
        *(_expected(expression, wanted, answer) for expression, wanted in case.expect.items()),
        *_facts(case, answer),
    ]


def _schema(definition: AgentDefinition, answer: JsonObject) -> Check:
    faults = instance_faults(definition.output, answer, root="output")
    told = "; ".join(f"{fault.field} {fault.message}" for fault in faults)
    return Check(kind="schema", wanted="matches the output schema", passed=not faults, found=_short(told) or None)


def _expected(expression: str, wanted: Any, answer: JsonObject) -> Check:
    try:
        found = jmespath.search(expression, answer)
    except JMESPathError as error:  # such as the length of a number
        return Check(kind="expected", wanted=f"{expression} = {_told(wanted)}", passed=False, found=_short(str(error)))
    passed = wanted.holds(found) if isinstance(wanted, Bounds) else _same(wanted, found)
    return Check(kind="expected", wanted=f"{expression} = {_told(wanted)}", passed=passed, found=_told(found))


def _same(wanted: Any, found: Any) -> bool:
    """Equality of JSON: 1 is 1.0, and neither is true."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    return bool(wanted == found)


def _facts(case: Case, answer: JsonObject) -> Iterator[Check]:
    text = _plain(" \n ".join(_texts(answer)))
    for alternatives in case.facts:
        found = next((each for each in alternatives if _stands_in(each, text)), None)
        yield Check(kind="fact", wanted=" or ".join(alternatives), passed=found is not None, found=found)
    for claim in case.never:
        said = _stands_in(claim, text)
        yield Check(kind="forbidden", wanted=claim, passed=not said, found=claim if said else None)


def _stands_in(words: str, text: str) -> bool:
    """Whether the words stand in the text, whole: `480` is not in `1480`, nor in `480.50`."""
    return re.search(rf"(?<![\w.,]){re.escape(_plain(words))}(?!\w|[.,]\d)", text) is not None


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text).strip().casefold()


def _texts(value: Any) -> Iterator[str]:
    """Every scalar of an answer, as a reader would see it."""
    match value:
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case float() if value.is_integer():
            yield str(int(value))
        case None | bool():
            return
        case _:
            yield str(value)


def _told(value: Any) -> str:
    return str(value) if isinstance(value, Bounds) else _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
