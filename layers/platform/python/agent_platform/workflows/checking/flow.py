"""The way through a spec: what may have happened at each step, and whether all that the step reads is there by then."""

from collections.abc import Iterable
from typing import Any

from agent_platform.workflows.checking.conditions import check_condition
from agent_platform.workflows.checking.expressions import check_expression
from agent_platform.workflows.checking.narrowing import narrowed
from agent_platform.workflows.checking.outline import (
    WITHOUT_STATUS,
    Surroundings,
    below,
    inside,
    outcomes_of,
)
from agent_platform.workflows.checking.schema_shapes import types_of
from agent_platform.workflows.checking.schema_types import named_types
from agent_platform.workflows.checking.state import PENDING, SUCCEEDED, State, ended, forgotten, joined, joined_if
from agent_platform.workflows.checking.templates import Here, Templates
from agent_platform.workflows.references import Reference, ReferenceFault, parts
from agent_platform.workflows.spec import (
    AgentStep,
    ApprovalStep,
    Case,
    ChoiceStep,
    ConnectorStep,
    FailStep,
    Fallback,
    GoTo,
    LoopStep,
    MapStep,
    Otherwise,
    ParallelStep,
    Step,
    TeamStep,
    TransformStep,
    WaitStep,
    WorkflowStep,
)

Jump = tuple[str, State]
"""The step that is jumped to, and what may have happened by then."""


class Flow:
    """Walks through a spec once, in the order in which it runs, and notes faults in `templates`."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._knowledge = templates.knowledge

    def walk(self, steps: tuple[Step, ...], state: State, around: Surroundings) -> State | None:
        """What may have happened at the end of a list of steps; None where its end cannot be reached.

        A list that cannot be reached itself is walked through as well, for the faults in it.
        """
        jumps: dict[str, State] = {}
        current: State | None = state
        last = state
        for at, step in enumerate(steps):
            arriving = joined_if(current, jumps.pop(step.id, None))
            if arriving is None:
                self._templates.fault(
                    f"steps.{step.id}",
                    "can never be reached: every step before it fails or goes elsewhere; take it out, or `go_to` it",
                )
            else:
                last = arriving
            later = {each.id for each in steps[at + 1 :]} | {"end"}
            current, leaving = self._step(step, Here(last, around))
            if arriving is None:
                current, leaving = None, []
            for target, jumping in leaving:
                # A jump that leads nowhere is a fault of its own; here it counts as going on.
                name = target if target in later else None
                if name is None:
                    current = joined_if(current, jumping)
                else:
                    jumps[name] = joined(jumps[name], jumping) if name in jumps else jumping
        return joined_if(current, jumps.get("end"))

    def _step(self, step: Step, here: Here) -> tuple[State | None, list[Jump]]:
        """What may have happened when the step is done and the next one follows, and the jumps from it."""
        match step:
            case ApprovalStep():
                return self._approval(step, here)
            case ParallelStep():
                return self._parallel(step, here)
            case MapStep():
                return self._map(step, here)
            case ChoiceStep():
                return self._choice(step, here)
            case LoopStep():
                return self._loop(step, here)
            case WaitStep():
                self._wait(step, here)
                return here.state, []
            case FailStep():
                return None, []
            case _:
                self._task(step, here)
                return _after(step, here.state, ended(here.state, step.id, "succeeded"))

    def _task(self, step: AgentStep | TeamStep | TransformStep | ConnectorStep | WorkflowStep, here: Here) -> None:
        field = f"steps.{step.id}"
        match step:
            case AgentStep() | TeamStep():
                self._templates.check(step.input, f"{field}.input", here)
                asked = step.agent if isinstance(step, AgentStep) else step.lead
                self._fits_agent(step.input, asked, f"{field}.input", here)
                if isinstance(step.on_error, Fallback) and step.on_error.fallback_agent != asked:
                    self._fits_agent(step.input, step.on_error.fallback_agent, f"{field}.input", here)
            case TransformStep():
                self._transform(step, here)
            case WorkflowStep():
                self._templates.check(step.input, f"{field}.input", here)
                target = self._knowledge.workflow_input(step.workflow)
                whose = f"the input of `{step.workflow}`"
                self._templates.check_fit(step.input, target, f"{field}.input", here, whose)
            case ConnectorStep():
                self._templates.check(step.input, f"{field}.input", here)

    def _fits_agent(self, template: Any, agent: str, field: str, here: Here) -> None:
        target = self._knowledge.agent_input(agent)
        self._templates.check_fit(template, target, field, here, f"the input of `{agent}`")

    def _transform(self, step: TransformStep, here: Here) -> None:
        field = f"steps.{step.id}"
        if step.jmespath is not None:
            check_expression(self._templates, step.jmespath, f"{field}.jmespath", here)
            return
        self._templates.check(step.template, f"{field}.template", here)
        if step.output is not None:
            target = self._knowledge.output(step)
            self._templates.check_fit(step.template, target, f"{field}.template", here, "the step's `output`")
        else:
            self._knowledge.settle(step, self._knowledge.made_of(step.template, here.around, here.approved))

    def _approval(self, step: ApprovalStep, here: Here) -> tuple[State | None, list[Jump]]:
        field = f"steps.{step.id}"
        self._templates.check(step.message, f"{field}.message", here)
        self._templates.check(step.show, f"{field}.show", here)
        for at, user in enumerate(step.approvers.users):
            place = f"{field}.approvers.users.{at}"
            self._templates.check(user, place, here)
            self._check_address(user, place, here)
        rejected = ended(here.state, step.id, "rejected")
        approved: State | None = ended(here.state, step.id, "approved")
        if step.on_reject == "continue":
            approved = joined_if(approved, rejected)
        return approved, [(step.on_reject.go_to, rejected)] if isinstance(step.on_reject, GoTo) else []

    def _check_address(self, text: str, field: str, here: Here) -> None:
        text_view = self._knowledge.schemas.add("fixed.text", {"type": "string"})
        self._templates.check_fit(text, text_view, field, here, "the approvers")
        try:
            refers = any(isinstance(piece, Reference) for piece in parts(text))
        except ReferenceFault:
            return
        if not refers and "@" not in text.strip("@"):
            self._templates.fault(field, f"`{text}` is no e-mail address")

    def _wait(self, step: WaitStep, here: Here) -> None:
        if step.until is None:
            return
        field = f"steps.{step.id}.until"
        view = self._templates.path(step.until, field, here)
        known = self._knowledge.schemas.alternatives(view)
        if self._knowledge.schemas.is_unknown(view):
            return
        if not all(any(shape.schema.get("format") == "date-time" for shape in each) for each in known) or any(
            types_of(each) != {"string"} for each in known
        ):
            self._templates.fault(
                field, f"`{step.until}` need not be a moment; its schema must say `type: string, format: date-time`"
            )

    def _parallel(self, step: ParallelStep, here: Here) -> tuple[State | None, list[Jump]]:
        done: State | None = here.state
        for branch in step.branches:
            end = self.walk(branch.steps, here.state, here.around)
            own = {inner.id for each in branch.steps for inner in (each, *below(each))}
            if end is None:
                done = None
            elif done is not None:
                done = {**done, **{name: outcomes for name, outcomes in end.items() if name in own}}
        success = None if done is None else ended(forgotten(done, *_inner(step)), step.id, "succeeded")
        return _after(step, here.state, success)

    def _map(self, step: MapStep, here: Here) -> tuple[State | None, list[Jump]]:
        field = f"steps.{step.id}"
        self._check_list(step, f"{field}.items", here)
        around = inside(step, here.around)
        entry = {**forgotten(here.state, step.variable), **unrun(step.steps)}
        end = self.walk(step.steps, entry, around)
        state = entry if end is None else end
        there = Here(state, around)
        if step.result is not None and end is not None:
            self._templates.check(step.result, f"{field}.result", there)
        certain = state.get(step.steps[-1].id, PENDING) <= SUCCEEDED
        result = self._knowledge.result_of(step, there.approved, certain=certain)
        self._knowledge.settle(step, self._knowledge.mapped(step, result))
        can_succeed = end is not None or step.on_item_error == "continue"
        return _after(step, here.state, ended(here.state, step.id, "succeeded") if can_succeed else None)

    def _check_list(self, step: MapStep, field: str, here: Here) -> None:
        view = self._templates.path(step.items, field, here)
        types = frozenset[str]().union(*(types_of(each) for each in self._knowledge.schemas.alternatives(view)))
        if types and types != {"array"} and not self._knowledge.schemas.is_unknown(view):
            found = f"may be {named_types(types)}" if "array" in types else f"is {named_types(types)}"
            self._templates.fault(field, f"`{step.items}` {found}; a map needs what its schema calls a list")

    def _choice(self, step: ChoiceStep, here: Here) -> tuple[State | None, list[Jump]]:
        field = f"steps.{step.id}"
        ends: list[State | None] = []
        jumps: list[Jump] = []
        state = here.state
        for at, case in enumerate(step.cases):
            check_condition(self._templates, case.when, f"{field}.cases.{at}.when", Here(state, here.around))
            holds = narrowed(state, case.when, answer=True)
            self._branch(case, holds, here.around, ends, jumps)
            state = narrowed(state, case.when, answer=False)
        if step.otherwise is None:
            ends.append(state)
        else:
            self._branch(step.otherwise, state, here.around, ends, jumps)
        end: State | None = None
        for each in ends:
            end = joined_if(end, each)
        return end, jumps

    def _branch(
        self, case: Case | Otherwise, state: State, around: Surroundings, ends: list[State | None], jumps: list[Jump]
    ) -> None:
        if case.steps:
            ends.append(self.walk(case.steps, state, around))
        elif case.go_to:
            jumps.append((case.go_to, state))

    def _loop(self, step: LoopStep, here: Here) -> tuple[State | None, list[Jump]]:
        around = inside(step, here.around)
        # From the second round on, each step of the loop may have left something behind in the round before.
        before = {each.id: here.state[each.id] | outcomes_of(each) for each in below(step) if each.id in here.state}
        entry = {**forgotten(here.state, *_inner(step)), **before}
        end = self.walk(step.steps, entry, around)
        check_condition(self._templates, step.until, f"steps.{step.id}.until", Here(end or entry, around))
        if end is None:
            return None, []
        if step.on_exhausted == "fail":
            end = forgotten(narrowed(end, step.until, answer=True), "iteration")
        return ended(end, step.id, "succeeded"), []


def _inner(step: Step) -> list[str]:
    """What the paths of the steps inside of a step begin with."""
    return [f"steps.{each.id}" for each in below(step)]


def unrun(steps: Iterable[Step]) -> State:
    """The state before a list of steps: none of those that can be referred to has run."""
    return {
        inner.id: PENDING for step in steps for inner in (step, *below(step)) if not isinstance(inner, WITHOUT_STATUS)
    }


def _after(step: Any, before: State, success: State | None) -> tuple[State | None, list[Jump]]:
    """What follows a step by its `on_error`."""
    failed = ended(before, step.id, "failed")
    if step.on_error == "continue":
        return joined_if(success, failed), []
    return success, [(step.on_error.go_to, failed)] if isinstance(step.on_error, GoTo) else []
