"""The error tree: its docstring is the table that clients and operators read, so it must be the truth."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from agent_platform import errors
from agent_platform.errors import DefinitionError, DefinitionFault, FieldError, PlatformError


def tree(root: type[PlatformError]) -> Iterator[type[PlatformError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


EVERY = list(tree(PlatformError))
by_name = pytest.mark.parametrize("error", EVERY, ids=lambda each: each.__name__)


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Each class of the drawing with its parent and the status written beside it."""
    found: dict[str, tuple[str | None, int | None]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        shape = re.match(r"^((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+)(?: +(\d{3})\b)?", line)
        if not shape or (line[0] not in "│├└ " and shape[2] != "PlatformError"):
            continue
        depth = len(shape[1]) // 4
        del above[depth:]
        found[shape[2]] = (above[-1] if above else None, int(shape[3]) if shape[3] else None)
        above.append(shape[2])
    return found


def test_the_drawing_shows_every_class_below_its_parent():
    actual = {each.__name__: each.__bases__[0].__name__ if each is not PlatformError else None for each in EVERY}
    assert {name: parent for name, (parent, _) in drawn().items()} == actual


def test_the_drawing_names_the_status_each_class_has():
    for name, (_, status) in drawn().items():
        if status is not None:
            assert getattr(errors, name).status == status, name


@by_name
def test_every_class_tells_in_one_line_what_happened(error: type[PlatformError]):
    assert error.__doc__
    assert error.__doc__ is not PlatformError.__doc__ or error is PlatformError
    assert len(error.__doc__.strip().splitlines()) == 1


@by_name
def test_every_class_has_a_status_and_a_title_of_its_own(error: type[PlatformError]):
    assert HTTPStatus(error.status)
    assert error is PlatformError or "title" in vars(error)


def test_every_class_has_a_code_of_its_own():
    codes = [each.code for each in EVERY]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_no_error_can_be_raised_without_saying_something():
    with pytest.raises(TypeError):
        PlatformError()  # type: ignore[call-arg]
    raised = PlatformError("The disk is full.", errors=[FieldError("input.a", "is required")])
    assert str(raised) == raised.detail == "The disk is full."
    assert raised.errors == (FieldError("input.a", "is required"),)
    assert raised.execution_id is None


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (DefinitionFault("a.yaml", 3, "name", "is short"), "a.yaml:3: name: is short"),
        (DefinitionFault("a.yaml", 0, "name", "is short"), "a.yaml: name: is short"),
        (DefinitionFault("a.yaml", 3, "", "is empty"), "a.yaml:3: is empty"),
        (DefinitionFault("a.yaml", 0, "", "is empty"), "a.yaml: is empty"),
    ],
)
def test_a_fault_of_a_definition_reads_as_editors_link_it(fault: DefinitionFault, text: str):
    assert str(fault) == text
    assert DefinitionError([fault, fault]).detail == f"{text}\n{text}"
