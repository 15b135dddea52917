"""A small catalogue of agents that are made up, compiled the way the real one is."""

import json
from functools import cache
from pathlib import Path

from agent_platform.agents.compile import write_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.finding.compile import compile_finding

BUILT = Path(__file__).parents[2] / "build/finding"

GROUPS = {
    "legal": {"name": "Legal", "summary": "Contracts and compliance."},
    "sales": {"name": "Sales", "summary": "Quotes and customers."},
    "tax": {"name": "Tax", "summary": "No agent yet."},
}
_OBJECT = {"type": "object", "properties": {"text": {"type": "string"}}}


def definition(
    agent_id: str, name: str, summary: str, *, tags: list[str], version: str = "1.0.0", **limits: float
) -> AgentDefinition:
    """A definition with the least that the catalogue reads."""
    document = {
        "id": agent_id,
        "name": name,
        "version": version,
        "summary": summary,
        "use_when": f"You need: {summary}",
        "not_when": [{"ask": "something else", "instead": "legal/nda-reviewer"}],
        "tags": tags,
        "instructions": summary,
        "input": _OBJECT,
        "output": _OBJECT,
        "guardrails": {},
        "limits": limits,
        "asks": [summary, name, agent_id],
        "near_misses": [{"ask": "something else", "belongs_to": "legal/nda-reviewer"}] * 2,
        "example": {"input": {"text": "in"}, "output": {"text": "out"}},
    }
    return AgentDefinition.trusted(json.dumps(document))


@cache
def finding_beside(catalogue: Path) -> Path:
    """What finding its agents needs, in a folder beside it; texts that `make catalogue` has read are not read again."""
    folder = catalogue.parent / "finding"
    compile_finding(catalogue, folder, earlier=BUILT)
    return folder


def write_small_catalogue(folder: Path) -> Path:
    """Seven agents in two of three groups; returns the file."""
    agents = [
        definition(
            "legal/nda-reviewer",
            "NDA Reviewer",
            "Reads a confidentiality agreement clause by clause.",
            tags=_C,
            monthly_cost_usd=40,
        ),
        definition("sales/quote-checker", "Quote Checker", "Checks a quote against the price list.", tags=_Q),
        *(
            definition(f"sales/renewal-planner-{n}", f"Renewal Planner {n}", f"Plans renewal number {n}.", tags=_Q)
            for n in range(5)
        ),
    ]
    target = folder / "agents.sqlite"
    write_catalogue(agents, GROUPS, target)
    return target


_C = ["contracts", "review", "compliance"]
_Q = ["quotes", "pricing", "review"]
