"""The static gate over all definitions: `python -m agent_platform.agents.check`."""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent_platform.agents.case_files import case_faults, case_owner, case_paths, read_cases
from agent_platform.agents.cases import Case
from agent_platform.agents.check_colleagues import Fault, colleague_faults
from agent_platform.agents.consult import CONSULT_AGENT
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.guardrails.rules import schema_faults
from agent_platform.agents.loader import SUFFIXES, AgentLoader, Progress, read_document
from agent_platform.agents.progress import progress_line
from agent_platform.agents.secrets import secret_faults
from agent_platform.agents.tools import registry
from agent_platform.errors import DefinitionError, DefinitionFault

SHARED_LINES_MAX = 0.10
"""At most this share of an agent's instruction lines may stand in three or more agents (catalogue specification)."""

PLANNED = re.compile(r"^- `([a-z0-9-]+)`:", re.MULTILINE)
"""An agent's line in its group's README.md: written before the file is."""


BESIDE_THE_GROUPS = {"groups.yaml", "tags.yaml", "schema.json", "cases.schema.json", "unanswered.yaml"}
"""The files at the top of the folder that are no agents."""


@dataclass(frozen=True, slots=True)
class CheckedCatalogue:
    """Definitions without a fault, the groups they belong to (id to name and summary), and the cases of agents."""

    definitions: list[AgentDefinition]
    groups: Mapping[str, Mapping[str, str]]
    cases: Mapping[str, Sequence[Case]]


def check_catalogue(root: Path, progress: Progress | None = None) -> CheckedCatalogue:
    """Load every definition and check what only the whole catalogue can tell.

    Raises:
        DefinitionError: names every fault by file, line and field.
    """
    loader = AgentLoader(root)
    definitions = loader.load_all(progress)
    found = [*_misplaced(root, loader), *(loader.fault(*fault) for fault in _faults(root, definitions, definitions))]
    found += case_faults(root, {each.id: each for each in definitions})
    if found:
        raise DefinitionError(found)
    cases = {agent_id: read_cases(root, agent_id) for agent_id in map(case_owner, case_paths(root))}
    return CheckedCatalogue(definitions, _vocabulary(root / "groups.yaml"), cases)


def check_agent(root: Path, agent_id: str) -> list[AgentDefinition]:
    """Check one agent among the others, which may have faults of their own; returns all that could be loaded, by id.

    Raises:
        AgentNotFound: no file has this id.
        DefinitionError: names every fault of this agent.
    """
    loader = AgentLoader(root)
    checked = loader.load_id(agent_id)
    definitions = {checked.id: checked}
    for path in loader.paths():
        with suppress(DefinitionError):
            definition = loader.load(path)
            definitions.setdefault(definition.id, definition)
    among = [definitions[each] for each in sorted(definitions)]
    # The agent last: of two that are alike, the second is at fault.
    others_first = [*(each for each in among if each.id != agent_id), checked]
    faults = [loader.fault(*fault) for fault in _faults(root, others_first, [checked]) if fault[0] == agent_id]
    faults += case_faults(root, {agent_id: checked}, only=agent_id)
    if faults:
        raise DefinitionError(faults)
    return among


def _faults(root: Path, definitions: list[AgentDefinition], checked: list[AgentDefinition]) -> Iterator[Fault]:
    """What is wrong with the `checked` ones in themselves, and with any among all."""
    groups = _vocabulary(root / "groups.yaml")
    tags = _vocabulary(root / "tags.yaml")
    known = {definition.id for definition in definitions} | set(_planned(root))
    for definition in checked:
        yield from in_itself(definition, known, groups, tags)
    yield from among_all(definitions)


def among_all(definitions: list[AgentDefinition]) -> Iterator[Fault]:
    """What is wrong among definitions: of two that are alike, the second is at fault."""
    yield from _permuted_names(definitions)
    yield from _same_inputs(definitions)
    yield from _shared_instructions(definitions)
    yield from colleague_faults(definitions)


def _misplaced(root: Path, loader: AgentLoader) -> Iterator[DefinitionFault]:
    """Files that look like definitions but lie where none is looked for: nobody would miss the agent until too late."""
    known = {*loader.paths(), *case_paths(root), *(root / name for name in BESIDE_THE_GROUPS)}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path not in known:
            shown = path.relative_to(root.parent).as_posix()
            yield DefinitionFault(shown, 0, "", "no agent is looked for here; move it to <group>/<name>.yaml")


def _vocabulary(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        raise DefinitionError(
            [DefinitionFault(f"agent_defs/{path.name}", 0, "", "is missing; definitions refer to it")]
        )
    return {
        key: value if isinstance(value, dict) else {"meaning": str(value)}
        for key, value in read_document(path, f"agent_defs/{path.name}").items()
    }


def _planned(root: Path) -> Iterator[str]:
    for readme in root.glob("*/README.md"):
        for name in PLANNED.findall(readme.read_text(encoding="utf-8")):
            yield f"{readme.parent.name}/{name}"


def in_itself(
    definition: AgentDefinition, known: Collection[str], groups: Collection[str], tags: Collection[str]
) -> Iterator[Fault]:
    """What is wrong with one definition: what it refers to is not there, or it holds what none may hold.

    Args:
        known: ids of agents that exist or are planned.
    """
    if definition.group not in groups:
        yield (
            definition.id,
            "",
            f"its group `{definition.group}` is not in groups.yaml; add it there or move the file",
        )
    for index, tag in enumerate(definition.tags):
        if tag not in tags:
            yield (
                definition.id,
                f"tags.{index}",
                f"`{tag}` is not in tags.yaml; choose one from there, or add it with its meaning",
            )
    tools = {*registry, CONSULT_AGENT}
    for tool in definition.tools:
        if tool not in tools:
            yield (definition.id, "tools", f"there is no tool `{tool}`; there are {', '.join(sorted(tools))}")
    reaches_out = any(registry[tool].equipped for tool in definition.tools if tool in registry)
    if reaches_out and not definition.hosts:
        yield (definition.id, "hosts", "is empty; name the hosts that its tools may reach")
    if definition.hosts and not reaches_out:
        yield (definition.id, "hosts", "names hosts, but none of its tools reaches one; leave it out")
    for field, message in schema_faults(definition):
        yield (definition.id, field, message)
    for field, message in secret_faults(definition.model_dump(mode="json", exclude={"id"})):
        yield (definition.id, field, message)
    for connector in definition.connectors:
        yield (definition.id, "connectors", f"there is no connector `{connector}`; none is registered yet")
    targets = [(f"not_when.{index}.instead", each.instead) for index, each in enumerate(definition.not_when)]
    targets += [
        (f"near_misses.{index}.belongs_to", each.belongs_to) for index, each in enumerate(definition.near_misses)
    ]
    for field, target in targets:
        if target == definition.id:
            yield (definition.id, field, "names the agent itself; name the agent that does this instead")
        elif target not in known:
            yield (definition.id, field, f"`{target}` is neither a definition nor listed in its group's README.md")


def _permuted_names(definitions: list[AgentDefinition]) -> Iterator[Fault]:
    by_words = defaultdict[tuple[str, ...], list[AgentDefinition]](list)
    for definition in definitions:
        by_words[tuple(sorted(definition.id.partition("/")[2].split("-")))].append(definition)
    for same in by_words.values():
        for definition in same[1:]:
            yield (definition.id, "", f"its name has the same words as `{same[0].id}`; name the task apart")


def _same_inputs(definitions: list[AgentDefinition]) -> Iterator[Fault]:
    by_fields = defaultdict[frozenset[str], list[AgentDefinition]](list)
    for definition in definitions:
        by_fields[frozenset(definition.input["properties"])].append(definition)
    for same in by_fields.values():
        for definition in same[1:]:
            yield (definition.id, "input", f"asks for the same fields as `{same[0].id}`; two such tasks are one agent")


def _shared_instructions(definitions: list[AgentDefinition]) -> Iterator[Fault]:
    users = defaultdict[str, set[str]](set)
    lines = {
        each.id: [line.strip().lower() for line in each.instructions.splitlines() if line.strip()]
        for each in definitions
    }
    for agent_id, own in lines.items():
        for line in own:
            users[line].add(agent_id)
    for definition in definitions:
        own = lines[definition.id]
        shared = sum(len(users[line]) >= 3 for line in own)
        if shared > SHARED_LINES_MAX * len(own):
            yield (
                definition.id,
                "instructions",
                f"{shared} of {len(own)} lines stand in three or more agents; write this task's own",
            )


def main() -> int:
    """Command line; exit code 1 when a definition is faulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    options = parser.parse_args()
    try:
        with progress_line("Checking the definitions") as progress:
            checked = check_catalogue(options.definitions, progress)
    except DefinitionError as error:
        sys.stderr.write(f"{error.detail}\n{len(error.faults)} faults.\n")
        return 1
    sys.stdout.write(f"{len(checked.definitions)} agents in {len(checked.groups)} groups: no fault.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
