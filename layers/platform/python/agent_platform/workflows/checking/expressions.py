"""JMESPath expressions: whether each can be read, and whether what it names exists. What is absent is null there."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent_platform.workflows.checking.templates import Here, Templates
from agent_platform.workflows.references import Reference

_ALL_AT_THE_ROOT = frozenset(
    {"comparator", "and_expression", "or_expression", "not_expression", "multi_select_list", "multi_select_dict",
     "key_val_pair", "function_expression"}
)  # fmt: skip
"""Parts of an expression that are all read from where the whole is; of any other part only the first is."""


def check_expression(templates: Templates, expression: str, field: str, here: Here) -> None:
    """Note what is wrong with an expression."""
    from jmespath.exceptions import JMESPathError
    from jmespath.parser import Parser

    try:
        parsed = Parser().parse(expression).parsed
    except JMESPathError as error:
        templates.fault(field, f"is no JMESPath expression: {' '.join(str(error).split())[:200]}")
        return
    except (RecursionError, ValueError):
        templates.fault(field, "is nested too deeply")
        return
    told: set[str] = set()
    for path in _paths(parsed):
        if path in (("steps",), ("run",)):
            continue
        reference = Reference((*path, "status")[:3] if path[0] == "steps" else path[: 2 if path[0] == "run" else 1])
        lead = templates.knowledge.lead(reference, here.around)
        if lead.fault and lead.fault not in told:
            told.add(lead.fault)
            templates.fault(field, f"`{'.'.join(map(str, path))}` leads nowhere: {lead.fault}")


def _paths(node: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The paths of field names that begin at the root."""
    children = node.get("children", [])
    if node["type"] == "field":
        yield (node["value"],)
    elif node["type"] == "subexpression":
        names = _leading(node)
        if names:
            yield names
        else:
            yield from _paths(children[0])
    elif node["type"] in _ALL_AT_THE_ROOT:
        for child in children:
            yield from _paths(child)
    elif children and node["type"] not in ("expref", "literal"):
        yield from _paths(children[0])


def _leading(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The names with which a chain of fields begins."""
    names: list[str] = []
    for child in node["children"]:
        if child["type"] == "subexpression" and not names:
            names += _leading(child)
            continue
        if child["type"] != "field":
            break
        names.append(child["value"])
    return tuple(names)
