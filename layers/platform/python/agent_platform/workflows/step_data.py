"""The data of a step: what its templates see, and its output as it travels on in the state."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.errors import InvalidInput
from agent_platform.storage.payloads import RUNS, PayloadStore, checked_reference, compact
from agent_platform.workflows.references import Scope
from agent_platform.workflows.step_requests import StepRequest

Entry = dict[str, Any]
"""What the state holds of a step: status, output, output_ref, detail."""

SMALLEST_REFERENCED = 64
"""Bytes. A value up to this size is no longer than the key that would stand for it, so it is always inline."""

KEPT_TEXT = 1_000
"""Characters that conditions see of a text whose step's output travels by reference."""

MAX_VALUE_BYTES = 16 * 1024 * 1024
"""Of what a step makes, as JSON: what a function can hold in memory several times over."""


Paths = Sequence[Sequence[str | int]]
"""Paths inside of a value; an empty one is the value itself."""


class Held(NamedTuple):
    """A value as a state holds it: the whole, or a part of it and the key of the whole."""

    value: Any
    ref: str | None


class StepData:
    """Reads what steps refer to and stores what they make, in the bucket of payloads.

    Every method raises `StorageUnavailable` when S3 does not answer, and `PayloadMissing` when an object is gone.
    """

    def __init__(self, payloads: PayloadStore) -> None:
        self.payloads = payloads

    def scope(self, request: StepRequest) -> Scope:
        """What the templates of a step see."""
        given = request.scope
        document: dict[str, Any] = {
            "run": {
                "id": request.run.id,
                "workflow": request.run.workflow,
                "version": request.run.version,
                "started_at": request.run.started_at,
            },
            "steps": given.steps,
            "vars": given.vars,
        }
        if given.model_fields_set & {"input", "input_ref"}:
            document |= {"input": given.input, "input_ref": given.input_ref}
        return Scope(document, self.load)

    def load(self, key: str) -> Any:
        """A value by its key.

        Raises:
            InvalidInput: the key names no payload of the platform.
        """
        return self.payloads.get(checked_reference(key))

    def entry(
        self,
        request: StepRequest,
        value: Any,
        detail: Mapping[str, Any] | None = None,
        *,
        stored_at: str | None = None,
    ) -> Entry:
        """The entry of a step that succeeded with `value`: inline, or by reference with what the machine looks at.

        Args:
            stored_at: the key under which the value lies already, if it does.
        """
        run_id, keep, room = request.run.id, request.keep, request.inline_bytes
        held = self.held(run_id, request.step, value, keep, room, stored_at=stored_at)
        return succeeded(held, detail)

    def held(
        self,
        run_id: str,
        name: str,
        value: Any,
        keep: Paths = (),
        inline_bytes: int = 0,
        *,
        stored_at: str | None = None,
    ) -> Held:
        """A value as the state of a run holds it. `name` begins the last part of the key of one that is stored."""
        text = compact(value)
        if len(text) <= max(inline_bytes, SMALLEST_REFERENCED):
            return Held(value, None)
        # Not the whole name: the keys of a thousand results must fit into one state.
        key = stored_at or f"{RUNS}{run_id}/{name[:16]}-{hashlib.sha256(text).hexdigest()[:16]}.json"
        if stored_at is None:
            self.payloads.put(key, value)
        return Held(kept_part(value, keep), key)


def succeeded(held: Held, detail: Mapping[str, Any] | None = None) -> Entry:
    """The entry of a step that has this output."""
    return {"status": "succeeded", "output": held.value, "output_ref": held.ref, "detail": dict(detail or {})}


def kept_part(value: Any, paths: Paths) -> Any:
    """What a condition can ask of a value at these paths. Of an object or list that is only that it is there, of a
    long text its beginning; so the part stays small whatever the value is."""
    if not paths:
        return None
    match value:
        case str():
            return value[:KEPT_TEXT]
        case dict():
            further = {name: _behind(paths, name) for name in value}
            return {name: kept_part(value[name], behind) for name, behind in further.items() if behind}
        case list():
            named = [path[0] for path in paths if path and isinstance(path[0], int)]
            return [kept_part(each, _behind(paths, at)) for at, each in enumerate(value[: max(named, default=-1) + 1])]
    return value


def checked(value: Any, schema: Mapping[str, Any] | None = None) -> Any:
    """The value, if it can be stored as JSON and is what the schema asks for.

    Raises:
        InvalidInput: names each place where it is not.
    """
    faults = json_faults(value, root="output", max_bytes=MAX_VALUE_BYTES)
    if not faults and schema is not None:
        faults = instance_faults(dict(schema), value, root="output", keep=False, quote=False)
    if faults:
        said = "; ".join(f"{fault.field} {fault.message}" for fault in faults[:5])
        raise InvalidInput(f"The step's result is not what the workflow says: {said}.", errors=faults)
    return value


def _behind(paths: Paths, segment: str | int) -> list[Sequence[str | int]]:
    """What comes behind `segment` in those paths that begin with it."""
    return [path[1:] for path in paths if path and str(path[0]) == str(segment)]
