"""Check and compile the shipped workflows: `python -m agent_platform.workflows.compile`.

What is written where stands in `shipped_files`. The compiled definitions are rewritten with `--write` alone; without it
one that is not what its spec compiles to is a fault.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_platform.agents.check import check_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.progress import progress_line
from agent_platform.errors import AgentNotFound, DefinitionError, DefinitionFault, InvalidWorkflow
from agent_platform.workflows.check import check_spec, signatures
from agent_platform.workflows.compiler import CompiledWorkflow, Names, NestedWorkflow, compile_spec
from agent_platform.workflows.json_layout import laid_out
from agent_platform.workflows.reading import read_spec
from agent_platform.workflows.shipped_files import (
    AGENT_FUNCTION_PREFIX,
    AGENT_FUNCTION_QUALIFIER,
    BUILT,
    WORKFLOW_MACHINE_ARN_PREFIX,
    WORKFLOW_STEP_FUNCTION_NAME,
    definition_file,
    spec_files,
    workflow_id,
)
from agent_platform.workflows.spec import WorkflowSpec

PLATFORM = "platform/"
"""How a shipped workflow is referred to: `platform/<name>`."""
LIVE = 0
"""The version of a nested workflow, whichever is live when its run begins."""


@dataclass(frozen=True, slots=True)
class ShippedSpec:
    """A spec file, read and compiled. `definition` is the text of its state machine, with placeholders."""

    spec: WorkflowSpec
    source: str
    definition: str

    @property
    def digest(self) -> str:
        """Changes whenever the source or what it compiles to does; hex."""
        return hashlib.sha256(f"{self.source}\0{self.definition}".encode()).hexdigest()

    def entry(self) -> dict[str, Any]:
        """What the API is told of it."""
        return {
            "id": workflow_id(self.spec.name),
            "name": self.spec.name,
            "title": self.spec.title,
            "spec": self.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "source": self.source,
            "source_format": "yaml",
            "digest": self.digest,
        }


class _Shelf:
    """The shipped specs by name, and what others see of them."""

    def __init__(self, specs: Mapping[str, WorkflowSpec], agents: Mapping[str, AgentDefinition]) -> None:
        self.specs = specs
        self._agents = agents
        self.signature = signatures(self._found, self.agent)
        """What a nested workflow takes and gives; None where none is shipped under this reference."""

    def agent(self, agent_id: str) -> AgentDefinition:
        """Raises `AgentNotFound`."""
        if agent_id not in self._agents:
            raise AgentNotFound(f"There is no agent `{agent_id}`.")
        return self._agents[agent_id]

    def nested(self, reference: str) -> NestedWorkflow:
        """Raises LookupError."""
        spec = self._found(reference)
        if spec is None:
            raise LookupError(f"there is no shipped workflow {reference}")
        return NestedWorkflow(
            workflow_id=workflow_id(spec.name),
            name=spec.name,
            title=spec.title,
            version=LIVE,
            machine_arn=f"${{{WORKFLOW_MACHINE_ARN_PREFIX}}}{spec.name}",
            input=spec.input,
            input_keep=self.compiled(spec).input_keep,
        )

    def compiled(self, spec: WorkflowSpec) -> CompiledWorkflow:
        """The state machine of a checked spec, with placeholders."""
        agents = f"${{{AGENT_FUNCTION_PREFIX}}}{{group}}${{{AGENT_FUNCTION_QUALIFIER}}}"
        return compile_spec(spec, Names(agents, f"${{{WORKFLOW_STEP_FUNCTION_NAME}}}", self.nested))

    def _found(self, reference: str) -> WorkflowSpec | None:
        return self.specs.get(reference.removeprefix(PLATFORM)) if reference.startswith(PLATFORM) else None


def shipped_specs(root: Path, agents: Mapping[str, AgentDefinition]) -> list[ShippedSpec]:
    """Every shipped workflow, checked and compiled, sorted by name.

    Args:
        root: the repository's root.
        agents: the agents of the catalogue by id.

    Raises:
        DefinitionError: names the faults of all specs by file and field.
    """
    sources = {path: path.read_text(encoding="utf-8") for path in spec_files(root)}
    specs, faults = _read(root, sources)
    shelf = _Shelf(specs, agents)
    if not faults:
        for path in sources:
            found = check_spec(specs[path.stem], shelf.agent, shelf.signature, shipped=True)
            faults += [DefinitionFault(_shown(root, path), 0, each.field, each.message) for each in found]
    if faults:
        raise DefinitionError(faults)
    return [
        ShippedSpec(specs[path.stem], source, laid_out(shelf.compiled(specs[path.stem]).definition))
        for path, source in sources.items()
    ]


def _read(root: Path, sources: Mapping[Path, str]) -> tuple[dict[str, WorkflowSpec], list[DefinitionFault]]:
    """The specs by name, and what keeps the others from being read."""
    specs: dict[str, WorkflowSpec] = {}
    faults: list[DefinitionFault] = []
    for path, source in sources.items():
        shown = _shown(root, path)
        try:
            spec = read_spec(source)
        except InvalidWorkflow as error:
            faults += [DefinitionFault(shown, 0, each.field, each.message) for each in error.errors]
            continue
        specs[path.stem] = spec
        if spec.name != path.stem or "-" not in spec.name:
            message = f"must be the file's name, `{path.stem}`: a verb and a noun with a hyphen"
            faults.append(DefinitionFault(shown, 0, "name", message))
        if spec.example is None:
            faults.append(DefinitionFault(shown, 0, "example", "is required of a shipped workflow"))
    return specs, faults


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def drifted(root: Path, shipped: list[ShippedSpec]) -> list[Path]:
    """Compiled definitions that are not what their specs compile to."""
    wanted = {definition_file(root, each.spec.name): each.definition for each in shipped}
    return [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def write_definitions(root: Path, shipped: list[ShippedSpec]) -> int:
    """Write the compiled definitions that have drifted; returns how many."""
    stale = drifted(root, shipped)
    for each in shipped:
        if (path := definition_file(root, each.spec.name)) in stale:
            path.write_text(each.definition, encoding="utf-8")
    return len(stale)


def write_built(shipped: list[ShippedSpec], target: Path) -> None:
    """Write what the API reads, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    draft.write_text(json.dumps([each.entry() for each in shipped], ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(target)


def main() -> int:
    """Command line; exit code 1 when a spec is faulty or a compiled definition has drifted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="rewrite compiled definitions that have drifted")
    parser.add_argument("--check", action="store_true", help="write nothing at all")
    parser.add_argument("--root", type=Path, default=Path(), help="the repository")
    options = parser.parse_args()
    root: Path = options.root
    try:
        with progress_line("Compiling the workflows") as progress:
            checked = check_catalogue(root / "agent_defs", progress)
            shipped = shipped_specs(root, {each.id: each for each in checked.definitions})
    except DefinitionError as error:
        sys.stderr.write(f"{error.detail}\nThe workflows were not compiled: mend these files first.\n")
        return 1
    if options.write:
        sys.stdout.write(f"{write_definitions(root, shipped)} definitions rewritten.\n")
    if stale := drifted(root, shipped):
        names = ", ".join(path.name for path in stale)
        sys.stderr.write(f"Not what their specs compile to: {names}. Run `make workflows`.\n")
        return 1
    if options.check:
        sys.stdout.write(f"{len(shipped)} workflows: no fault.\n")
        return 0
    write_built(shipped, root / BUILT)
    sys.stdout.write(f"{len(shipped)} workflows in {BUILT} ({(root / BUILT).stat().st_size / 1024:.0f} KiB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
