"""Read definition files: YAML or JSON to `AgentDefinition`, every fault with file, line and field."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent_platform.agents.definition import (
    AGENT_ID_LENGTH,
    GROUP_LENGTH,
    AgentDefinition,
    DefinitionFile,
    is_agent_id,
)
from agent_platform.agents.documents import DocumentFault, Lines, read_text
from agent_platform.agents.schemas import SchemaError
from agent_platform.errors import AgentNotFound, DefinitionError, DefinitionFault

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 64 * 1024
"""A finished definition has 3 to 10 KB; a file past this size is a mistake or an attack."""

Progress = Callable[[int, int], None]


class AgentLoader:
    """Loads the agents below one folder; an agent's id is its path: `<group>/<name>.yaml`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources: dict[str, tuple[str, Lines]] = {}

    def paths(self) -> list[Path]:
        """Every definition file, sorted by id. Files at the top level (`groups.yaml`, `tags.yaml`) are not agents."""
        return sorted(p for p in self.root.glob("*/*") if p.suffix in SUFFIXES)

    def load(self, path: Path) -> AgentDefinition:
        """Load one file.

        Raises:
            DefinitionError: names every fault of the file with line and field.
        """
        file = self._shown(path)
        document, lines = _read(path, file)
        agent_id = path.relative_to(self.root).with_suffix("").as_posix()
        if not is_agent_id(agent_id):
            refused = (
                f"the path `{agent_id}` is no agent id: lower-case words and hyphens, "
                f"the group at most {GROUP_LENGTH} characters, all at most {AGENT_ID_LENGTH}"
            )
            raise DefinitionError([DefinitionFault(file, 0, "", refused)])
        try:
            written = DefinitionFile.model_validate(document)
        except ValidationError as error:
            raise DefinitionError(list(_faults(error, file, lines))) from None
        self._sources[agent_id] = (file, lines)
        return AgentDefinition.model_construct(**dict(written), id=agent_id)

    def fault(self, agent_id: str, field: str, message: str) -> DefinitionFault:
        """A fault found in a loaded definition, at the line of `field` (dotted path) in its file."""
        file, lines = self._sources[agent_id]
        return _fault(
            file, lines, tuple(int(step) if step.isdigit() else step for step in field.split(".") if step), message
        )

    def load_id(self, agent_id: str) -> AgentDefinition:
        """Load the agent with this id.

        Raises:
            AgentNotFound: no file has this id.
            DefinitionError: the file is faulty.
        """
        for suffix in SUFFIXES:
            path = self.root / f"{agent_id}{suffix}"
            if is_agent_id(agent_id) and path.is_file():
                return self.load(path)
        raise AgentNotFound(f"There is no file {agent_id}.yaml below {self.root}. `ls {self.root}` lists the groups.")

    def load_with_colleagues(self, agent_id: str) -> list[AgentDefinition]:
        """Load the agent with this id, and after it all that it, and those in turn, may put to work.

        Raises:
            AgentNotFound: one of them has no file.
            DefinitionError: a file is faulty.
        """
        loaded: dict[str, AgentDefinition] = {}
        waiting = [agent_id]
        while waiting:
            if (each := waiting.pop(0)) not in loaded:
                loaded[each] = self.load_id(each)
                waiting += loaded[each].colleagues
        return list(loaded.values())

    def load_all(self, progress: Progress | None = None) -> list[AgentDefinition]:
        """Load every file, telling `progress(done, total)` after each.

        Raises:
            DefinitionError: names the faults of all files at once.
        """
        definitions: dict[str, AgentDefinition] = {}
        faults: list[DefinitionFault] = []
        paths = self.paths()
        for done, path in enumerate(paths, start=1):
            try:
                definition = self.load(path)
                if definition.id in definitions:
                    faults.append(
                        DefinitionFault(
                            self._shown(path), 0, "", f"a second file for `{definition.id}`; keep one of them"
                        )
                    )
                definitions[definition.id] = definition
            except DefinitionError as error:
                faults.extend(error.faults)
            if progress:
                progress(done, len(paths))
        if faults:
            raise DefinitionError(faults)
        return list(definitions.values())

    def _shown(self, path: Path) -> str:
        """The path as an author would type it, from the folder that holds the definitions."""
        return path.relative_to(self.root.parent).as_posix()


def read_document(path: Path, file: str) -> dict[str, Any]:
    """The mapping in a YAML or JSON file, with the same limits and errors as a definition."""
    return _read(path, file)[0]


def _read(path: Path, file: str) -> tuple[dict[str, Any], Lines]:
    def fault(line: int, message: str) -> DefinitionError:
        return DefinitionError([DefinitionFault(file, line, "", message)])

    size = path.stat().st_size
    if size > MAX_BYTES:
        raise fault(0, f"has {size} bytes; a definition has at most {MAX_BYTES}")
    try:
        return read_text(path.read_text(encoding="utf-8-sig"), is_json=path.suffix == ".json")
    except UnicodeDecodeError as error:
        raise fault(0, f"is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except DocumentFault as error:
        raise fault(error.line, error.message) from None


def _faults(error: ValidationError, file: str, lines: Lines) -> Iterator[DefinitionFault]:
    for each in error.errors(include_url=False, include_input=False):
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, SchemaError):
            for inner in cause.faults:
                steps = [int(step) if step.isdigit() else step for step in inner.field.split(".") if step]
                yield _fault(file, lines, (*each["loc"], *steps), inner.message)
        else:
            yield _fault(file, lines, each["loc"], each["msg"].removeprefix("Value error, "))


def _fault(file: str, lines: Lines, location: tuple[str | int, ...], message: str) -> DefinitionFault:
    """A fault at the line of the deepest part of `location` that stands in the file."""
    known = location
    while known and known not in lines:
        known = known[:-1]
    return DefinitionFault(file, lines.get(known, 1), ".".join(str(step) for step in location), message)
