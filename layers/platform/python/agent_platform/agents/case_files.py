"""Read files of cases, and find what is wrong with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from agent_platform.agents.cases import EXAMPLE, Bounds, Case, CaseFile
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import SUFFIXES, read_document
from agent_platform.agents.schemas import instance_faults
from agent_platform.errors import DefinitionError, DefinitionFault


def read_cases(root: Path, agent_id: str) -> tuple[Case, ...]:
    """The further cases of an agent; none where there is no file.

    Raises:
        DefinitionError: names every fault by file and field.
    """
    group, _, name = agent_id.partition("/")
    for suffix in SUFFIXES:
        if (path := root / group / "cases" / f"{name}{suffix}").is_file():
            file = path.relative_to(root.parent).as_posix()
            try:
                return CaseFile.model_validate(read_document(path, file)).cases
            except ValidationError as error:
                faults = [
                    DefinitionFault(file, 0, ".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, "))
                    for each in error.errors(include_url=False, include_input=False)
                ]
                raise DefinitionError(faults) from None
    return ()


def case_paths(root: Path) -> list[Path]:
    """Every file of cases."""
    return sorted(path for path in root.glob("*/cases/*") if path.suffix in SUFFIXES)


def case_owner(path: Path) -> str:
    """The id of the agent whose cases a file holds."""
    return f"{path.parents[1].name}/{path.stem}"


def case_faults(
    root: Path, definitions: Mapping[str, AgentDefinition], only: str | None = None
) -> Iterator[DefinitionFault]:
    """What is wrong with the files of cases: one without its agent, a name given twice, an input the agent refuses,
    an expected value that its output cannot have."""
    for path in case_paths(root):
        file, agent_id = path.relative_to(root.parent).as_posix(), case_owner(path)
        if only not in (None, agent_id):
            continue
        definition = definitions.get(agent_id)
        if definition is None:
            yield DefinitionFault(file, 0, "", f"there is no agent `{agent_id}` that these cases could be of")
            continue
        try:
            cases = read_cases(root, agent_id)
        except DefinitionError as error:
            yield from error.faults
            continue
        yield from (DefinitionFault(file, 0, field, message) for field, message in _faults(cases, definition))


def _faults(cases: tuple[Case, ...], definition: AgentDefinition) -> Iterator[tuple[str, str]]:
    names = [EXAMPLE]
    for index, case in enumerate(cases):
        if case.name in names:
            yield f"cases.{index}.name", f"there is another case `{case.name}`"
        names.append(case.name)
        for fault in instance_faults(definition.input, case.input, root=f"cases.{index}.input"):
            yield fault.field, fault.message
        if case.answer is not None:
            for fault in instance_faults(definition.output, case.answer, root=f"cases.{index}.answer"):
                yield fault.field, fault.message
        for expression, expected in case.expect.items():
            schema = definition.output["properties"].get(expression)
            if schema is not None and not isinstance(expected, Bounds):
                within = {**schema, "$defs": definition.output.get("$defs", {})}
                for fault in instance_faults(within, expected, root=f"cases.{index}.expect.{expression}"):
                    yield fault.field, fault.message
