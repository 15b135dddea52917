"""The references of a spec: whether each leads to data that is there, and templates become what is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agent_platform.errors import FieldError
from agent_platform.workflows.checking.knowledge import Knowledge
from agent_platform.workflows.checking.outline import Surroundings
from agent_platform.workflows.checking.schema_fit import Fit
from agent_platform.workflows.checking.schema_paths import Lead
from agent_platform.workflows.checking.schema_shapes import (
    NOTHING,
    Conjunction,
    View,
    field_names,
    required_names,
    types_of,
)
from agent_platform.workflows.checking.schema_types import named_types
from agent_platform.workflows.checking.state import SUCCEEDED, State, fact
from agent_platform.workflows.checking.template_schemas import may_be_left_out
from agent_platform.workflows.reading import near
from agent_platform.workflows.references import ABSENT, OMIT, Reference, ReferenceFault, parse_path, parts, references


@dataclass(frozen=True)
class Here:
    """One point of the flow: what may have happened, and the maps and loops around."""

    state: State
    around: Surroundings
    leads: dict[Reference, Lead] = field(default_factory=dict, compare=False, repr=False)
    """Where the references that were looked at lead."""

    @cached_property
    def has_facts(self) -> bool:
        """Whether any condition has told that a value is there."""
        return any(name[0] == "?" for name in self.state)

    @cached_property
    def approved(self) -> frozenset[str]:
        """Approvals that have certainly been given."""
        return frozenset(step for step, outcomes in self.state.items() if outcomes == {"approved"})


class Templates:
    """Checks references and templates; faults are collected in `faults`."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.fit = Fit(knowledge.schemas)
        self.faults: list[FieldError] = []

    def fault(self, field: str, message: str) -> None:
        """Note a fault."""
        self.faults.append(FieldError(field, message))

    def lead(self, reference: Reference, here: Here) -> Lead:
        """Where a reference leads at a point of the flow; `always` only if the step has run for certain."""
        bare = Reference(reference.segments)
        if bare not in here.leads:
            here.leads[bare] = self._looked_up(bare, here)
        return here.leads[bare]

    def _looked_up(self, reference: Reference, here: Here) -> Lead:
        lead = self._known(reference, here)
        step = reference.step
        if lead.fault or step is None or reference.segments[2:3] == ("status",):
            return lead
        outcomes = here.state[step]
        wanted = frozenset({"failed"}) if reference.segments[2] == "error" else SUCCEEDED
        if not outcomes & wanted:
            return Lead(NOTHING, always=False, fault=_never(step, outcomes))
        return Lead(lead.view, lead.always and outcomes <= wanted)

    def _known(self, reference: Reference, here: Here) -> Lead:
        """Where a reference leads if a condition has told that a value on its way is there, and is not null."""
        lengths = range(len(reference.segments), 0, -1) if here.has_facts else ()
        for length in lengths:
            start = reference.segments[:length]
            if fact(start) in here.state:
                found = self.knowledge.lead(Reference(start), here.around, here.approved)
                if found.fault:
                    return found
                name = ".".join(map(str, start))
                view = self.knowledge.schemas.without_null(found.view)
                return self.knowledge.schemas.follow(view, reference.segments[length:], name)
        return self.knowledge.lead(reference, here.around, here.approved)

    def check(self, template: Any, field: str, here: Here) -> None:
        """Check all references of a template."""
        for place, found in references(template, field):
            if isinstance(found, ReferenceFault):
                self.fault(place, str(found))
                continue
            lead = self.lead(found, here)
            if lead.fault:
                self.fault(place, f"`${{{found}}}` leads nowhere: {lead.fault}")
            elif not lead.always and found.fallback is ABSENT:
                self.fault(place, f"`${{{found}}}` {self._may_be_absent(found, here)}")

    def path(self, text: str, field: str, here: Here) -> View:
        """Check a path whose value must be there, and return what it leads to."""
        try:
            reference = parse_path(text)
        except ReferenceFault as fault:
            self.fault(field, str(fault))
            return NOTHING
        lead = self.lead(reference, here)
        if lead.fault:
            self.fault(field, f"`{reference}` leads nowhere: {lead.fault}")
        elif not lead.always:
            why = self._may_be_absent(reference, here).partition(";")[0]
            self.fault(field, f"`{reference}` {why}; make a value that always is there with a `transform` step before")
        return lead.view

    def _may_be_absent(self, reference: Reference, here: Here) -> str:
        advice = f"give it a fallback: `${{{reference} ?? null}}`, or another value, or `omit`"
        step = reference.step
        if step is not None and reference.segments[2] == "error" and here.state[step] != {"failed"}:
            return f"may be absent: `{step}` need not have failed; {advice}"
        if step is not None and reference.segments[2] == "output" and not here.state[step] <= SUCCEEDED:
            why = "may have failed" if "failed" in here.state[step] else "may not have run"
            return f"may be absent: `{step}` {why} by then; {advice}"
        return f"may be absent: its schema does not require it; {advice}"

    def check_fit(self, template: Any, target: View, field: str, here: Here, whose: str) -> None:
        """Check that a template, once filled, can be what a schema asks for; `whose` names the schema."""
        faults = [*self._misfits(template, target, field, here, whose)]
        if not faults and not any(True for _ in references(template)):
            faults = self.fit.value_faults(target, template, field)
        self.faults += faults

    def _misfits(self, template: Any, target: View, field: str, here: Here, whose: str) -> Iterator[FieldError]:
        if () in target:
            return
        match template:
            case str():
                yield from self._text_misfits(template, target, field, here)
            case dict():
                yield from self._nearest(template, target, "object", field, here, whose)
            case list() | tuple():
                yield from self._nearest(template, target, "array", field, here, whose)
            case _:
                yield from self.fit.value_faults(target, template, field)

    def _nearest(self, template: Any, target: View, kind: str, field: str, here: Here, whose: str) -> list[FieldError]:
        """The faults against the alternative of a schema that has the fewest."""
        alternatives = self.knowledge.schemas.alternatives(target)
        possible = [each for each in alternatives if kind in types_of(each)]
        if not possible:
            types = frozenset[str]().union(*(types_of(each) for each in alternatives))
            return [FieldError(field, f"is {named_types([kind])}, where {named_types(types)} is asked for")]
        against = self._object_misfits if kind == "object" else self._list_misfits
        return min(([*against(template, each, field, here, whose)] for each in possible), key=len)

    def _object_misfits(
        self, template: dict[str, Any], asked: Conjunction, field: str, here: Here, whose: str
    ) -> Iterator[FieldError]:
        if asked == ():
            return
        for name, value in template.items():
            lead = self.knowledge.schemas.inside((asked,), name)
            if lead.fault:
                names = field_names([asked])
                known = f"; there are {', '.join(f'`{each}`' for each in names[:12])}" if names else ""
                yield FieldError(f"{field}.{name}", f"is not a field of {whose}{near(name, names) or known}")
            else:
                yield from self._misfits(value, lead.view, f"{field}.{name}", here, whose)
        for name in required_names(asked):
            if name not in template:
                yield FieldError(f"{field}.{name}", f"is required by {whose}")
            elif may_be_left_out(template[name]):
                yield FieldError(f"{field}.{name}", f"is required by {whose}, so it cannot be left out with `omit`")

    def _list_misfits(
        self, template: list[Any], asked: Conjunction, field: str, here: Here, whose: str
    ) -> Iterator[FieldError]:
        shortest = max((shape.schema.get("minItems", 0) for shape in asked), default=0)
        certain = sum(not may_be_left_out(value) for value in template)
        if certain < shortest:
            yield FieldError(field, f"has {certain} entries for certain, where {whose} needs {shortest}")
        for index, value in enumerate(template):
            lead = self.knowledge.schemas.inside((asked,), index)
            if lead.fault:
                yield FieldError(f"{field}.{index}", f"is one entry more than {whose} takes")
            else:
                yield from self._misfits(value, lead.view, f"{field}.{index}", here, whose)

    def _text_misfits(self, text: str, target: View, field: str, here: Here) -> Iterator[FieldError]:
        try:
            pieces = parts(text)
        except ReferenceFault:
            return
        if not any(isinstance(piece, Reference) for piece in pieces):
            yield from self.fit.value_faults(target, "".join(map(str, pieces)), field)
        elif len(pieces) == 1 and isinstance(pieces[0], Reference):
            yield from self._reference_misfits(pieces[0], target, field, here)
        else:
            reason = self.fit.misfit(self._plain_text, target)
            if reason:
                yield FieldError(field, f"the text {reason}")

    def _reference_misfits(self, reference: Reference, target: View, field: str, here: Here) -> Iterator[FieldError]:
        lead = self.lead(reference, here)
        if not lead.fault and (reason := self.fit.misfit(lead.view, target)):
            yield FieldError(field, f"`${{{reference}}}` {reason}")
        if not lead.always and reference.fallback not in (ABSENT, OMIT):
            for each in self.fit.value_faults(target, reference.fallback, field):
                yield FieldError(each.field, f"the fallback of `${{{reference}}}` is wrong: {each.message}")

    @property
    def _plain_text(self) -> View:
        return self.knowledge.schemas.add("fixed.text", {"type": "string"})


def _never(step: str, outcomes: frozenset[str]) -> str:
    if "failed" in outcomes:
        return f"`{step}` has failed when this is read" if outcomes == {"failed"} else f"`{step}` never succeeds before"
    if outcomes & SUCCEEDED:
        return f"`{step}` has not failed when this is read"
    return f"`{step}` has not run when this is read; refer to a step before this one"
