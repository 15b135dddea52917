"""Read what an author wrote, as YAML, JSON or an object, into a `WorkflowSpec`; every fault with its step and field."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from agent_platform.agents.documents import DocumentFault, read_text
from agent_platform.agents.schemas import json_faults
from agent_platform.errors import FieldError, InvalidWorkflow
from agent_platform.storage.postgres_text import holds_nul
from agent_platform.workflows import spec as model
from agent_platform.workflows.spec import WorkflowSpec

MAX_BYTES: Final = 1_000_000
"""Of a source. A workflow of a hundred steps has about 60 KB."""
MAX_ENTRIES: Final = 1_000
"""Steps up to which faults are looked for one by one; ten times as many as a spec may have."""
MAX_FAULTS: Final = 200

_Detail = Mapping[str, Any]
_KINDS: Final[dict[str, type[BaseModel]]] = {
    get_args(step.model_fields["kind"].annotation)[0]: step for step in get_args(get_args(model.Step)[0])
}
_PLAIN: Final = {
    "missing": "is required",
    "tuple_type": "must be a list",
    "dict_type": "must be an object with fields",
    "string_type": "must be a text",
    "model_type": "must be an object with fields",
    "model_attributes_type": "must be an object with fields",
}
_ON_ERROR: Final = "write `fail`, `continue`, `{go_to: <id of a later step, or end>}`"


def read_spec(source: str | Mapping[str, Any]) -> WorkflowSpec:
    """The spec in a text (YAML or JSON) or an object. Whether it makes sense is what `check_spec` tells.

    Raises:
        InvalidWorkflow: the source is no spec; `errors` names every fault, such as `steps.extract.timeout_seconds`.
    """
    document = _document(source) if isinstance(source, str) else dict(source)
    if faults := json_faults(document, root="", max_bytes=MAX_BYTES):
        raise _refused(faults)
    if holds_nul(document):
        raise _refused([FieldError("", "the source holds a NUL character, which no text has")])
    if (count := _entries(document.get("steps"))) > MAX_ENTRIES:
        raise _refused([FieldError("steps", f"there are {count} steps; a workflow has at most {model.MAX_STEPS}")])
    try:
        return WorkflowSpec.model_validate(document)
    except ValidationError as error:
        raise _refused(_faults(error, document)) from None


def source_format(source: str) -> str:
    """`json` or `yaml`, whichever the text is written in."""
    return "json" if source.lstrip("\ufeff \t\r\n").startswith("{") else "yaml"


def near(word: str, known: Iterable[str]) -> str:
    """A question that ends a message, such as "; did you mean `input`?", or nothing if no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _document(source: str) -> dict[str, Any]:
    if len(source) > MAX_BYTES or len(source.encode(errors="replace")) > MAX_BYTES:
        raise _refused([FieldError("", f"the source has more than {MAX_BYTES:,} bytes")])
    text = source.removeprefix("\ufeff")
    try:
        return read_text(text, is_json=source_format(text) == "json")[0]
    except DocumentFault as fault:
        where = f"line {fault.line}: " if fault.line else ""
        raise _refused([FieldError("", f"{where}the source {fault.message}")]) from None


def _refused(faults: list[FieldError]) -> InvalidWorkflow:
    shown = faults[:MAX_FAULTS]
    if len(faults) > MAX_FAULTS:
        shown.append(FieldError("", f"there are {len(faults) - MAX_FAULTS} further faults"))
    return InvalidWorkflow("The workflow has faults; `errors` names each by step and field.", errors=shown)


def _entries(steps: Any) -> int:
    """How many steps there are, nested ones included, in what may be no spec at all."""
    count, waiting = 0, [steps]
    while waiting:
        match waiting.pop():
            case list() as found:
                count += len(found)
                waiting += [inner for step in found if isinstance(step, dict) for inner in _lists(step)]
    return count


def _lists(step: dict[str, Any]) -> Iterator[Any]:
    yield step.get("steps")
    for name in ("branches", "cases"):
        held = step.get(name)
        yield from (each.get("steps") for each in held if isinstance(each, dict)) if isinstance(held, list) else ()
    if isinstance(otherwise := step.get("otherwise"), dict):
        yield otherwise.get("steps")


def _faults(error: ValidationError, document: dict[str, Any]) -> list[FieldError]:
    """Faults by step and field; what pydantic says of each member of a union is said once."""
    faults: dict[tuple[str, str], FieldError] = {}
    for each in error.errors(include_url=False, include_input=False):
        place = _Place(document)
        place.follow(each["loc"])
        message = place.choice or _message(each, place)
        field = ".".join(place.field)
        faults.setdefault((field, message), FieldError(field, message))
    return list(faults.values())


class _Place:
    """Follows a location of pydantic through the document. Locations name the members of unions that were tried; a
    field path names steps by their ids."""

    def __init__(self, document: Any) -> None:
        self.value = document
        self.field: list[str] = []
        self.holder: Any = document
        self.choice = ""

    def follow(self, location: tuple[str | int, ...]) -> None:
        rest = list(location)
        while rest:
            segment = rest.pop(0)
            if isinstance(segment, int) and isinstance(self.value, list) and segment < len(self.value):
                in_steps = bool(self.field) and self.field[-1] == "steps"
                self.holder, self.value = self.value, self.value[segment]
                if in_steps and isinstance(self.value, dict):
                    step_id = self.value.get("id")
                    named = step_id if isinstance(step_id, str) else ""
                    self.field = ["steps", named] if named else [*self.field, str(segment)]
                    if rest and rest[0] == self.value.get("kind"):
                        rest.pop(0)  # pydantic names the member that the kind chose
                else:
                    self.field.append(str(segment))
            elif isinstance(self.value, dict) and segment in self.value:
                self.holder, self.value = self.value, self.value[segment]
                self.field.append(str(segment))
                self.choice = self._one_of(str(segment), rest)
                if self.choice:
                    return
            elif not rest:
                self.field.append(str(segment))

    def _one_of(self, name: str, members: list[str | int]) -> str:
        """What a field may hold that takes one of several forms; nothing if it takes one form."""
        if not members:
            return ""
        if name in ("on_error", "on_reject"):
            kind = self.holder.get("kind") if isinstance(self.holder, dict) else None
            also = kind in ("agent", "team") and name == "on_error"
            return f"{_ON_ERROR} or `{{fallback_agent: <id>}}`" if also else _ON_ERROR
        if name in ("equals", "at_least", "at_most", "above", "below"):
            return "must be a number" if name != "equals" else "must be a text, a number, true or false"
        if name == "go_to":
            return "must be the id of a later step of the same list, or `end`"
        return ""


def _message(detail: _Detail, place: _Place) -> str:
    kind = detail["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "extra_forbidden":
        name = place.field[-1]
        return f"is not a field here{near(name, _fields(place.holder))}"
    if kind == "union_tag_invalid":
        place.field.append("kind")
        tag = str(detail["ctx"]["tag"])[:60]
        return f"there is no kind `{tag}`{near(tag, _KINDS) or '; there are ' + ', '.join(_KINDS)}"
    if kind == "union_tag_not_found":
        place.field.append("kind")
        return f"is required: one of {', '.join(_KINDS)}"
    return str(detail["msg"]).removeprefix("Value error, ")


def _fields(holder: Any) -> list[str]:
    """The fields of the object that holds an unknown one, as far as it can be told by its kind."""
    if not isinstance(holder, dict):
        return []
    if "when" in holder:
        chosen: type[BaseModel] = model.Case
    elif "kind" in holder:
        chosen = _KINDS.get(str(holder["kind"]), WorkflowSpec)
    elif "path" in holder:
        chosen = model.Condition
    elif "errors" in holder:
        chosen = model.Retry
    else:
        chosen = WorkflowSpec
    return [field.alias or name for name, field in chosen.model_fields.items()]
