"""Check the draft of a user's agent by the gates that every shipped agent has passed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.check import among_all, in_itself
from agent_platform.agents.custom import GROUP
from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import FieldError
from agent_platform.finding.check_agent import findings


@dataclass(frozen=True, slots=True)
class Report:
    """What the gates say of a draft.

    Attributes:
        faults: what is wrong with it in itself, or beside the others (gate 1).
        findings: how it is found and reached among all others (gates 2 and 3), as lines to read.
        passes: whether it may be published.
    """

    faults: tuple[FieldError, ...]
    findings: tuple[str, ...]
    passes: bool


def check_draft(draft: AgentDefinition, catalogue: Catalogue, built: Path) -> Report:
    """Hold a draft to gates 1 to 3 among the shipped agents. Gate 4, a run, is its author's first execution.

    Args:
        built: what finding the shipped agents needs, as the deployment has it.
    """
    others = [catalogue.get(agent_id) for agent_id in catalogue.ids()]
    faults = tuple(
        FieldError(f"definition.{field}" if field else "definition", why)
        for field, why in _faults(draft, others, catalogue)
    )
    if faults:
        return Report(faults, (), passes=False)
    groups = {each.id: {"name": each.name, "summary": each.summary} for each in catalogue.groups()}
    told, passes = findings(draft.id, [*others, draft], groups, built, model_of_built=True)
    return Report((), tuple(told), passes)


def _faults(draft: AgentDefinition, others: list[AgentDefinition], catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    ids, groups = {each.id for each in others}, {each.id for each in catalogue.groups()} | {GROUP}
    tags = {each.id for each in catalogue.tags()}
    for agent_id, field, why in chain(in_itself(draft, ids, groups, tags), among_all([*others, draft])):
        if agent_id == draft.id:
            yield field, why
