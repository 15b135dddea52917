"""What is known of the data of a spec before it runs: the schema of everything that can be referred to."""

from collections.abc import Collection, Mapping
from typing import Any

from agent_platform.agents.definition import JsonObject
from agent_platform.workflows.checking.fixed_schemas import FIXED, TEXT, decision_schema, map_schema
from agent_platform.workflows.checking.known_agents import KnownAgents
from agent_platform.workflows.checking.outline import WITHOUT_OUTPUT, WITHOUT_STATUS, Spot, Surroundings, outcomes_of
from agent_platform.workflows.checking.schema_paths import Lead, Schemas, entries_of
from agent_platform.workflows.checking.schema_shapes import ANYTHING, NOTHING, UNKNOWN, View, is_unknown
from agent_platform.workflows.checking.signature import Signature, WorkflowSource
from agent_platform.workflows.checking.template_schemas import (
    array_schema,
    literal_schema,
    may_be_left_out,
    object_schema,
)
from agent_platform.workflows.reading import near
from agent_platform.workflows.references import (
    ABSENT,
    OMIT,
    Reference,
    ReferenceFault,
    parse_path,
    parts,
)
from agent_platform.workflows.spec import (
    MAX_ITEMS,
    AgentStep,
    ApprovalStep,
    ConnectorStep,
    Fallback,
    LoopStep,
    MapStep,
    Step,
    TeamStep,
    TransformStep,
    WorkflowSpec,
    WorkflowStep,
)


class Knowledge:
    """The schemas of a spec's data. Statuses, which say whether there is data at all, are the flow's.

    Args:
        unusable: `input`, and `steps.<id>` for steps, whose own schemas have faults: they count as anything.
    """

    def __init__(
        self,
        spec: WorkflowSpec,
        spots: Mapping[str, Spot],
        agents: KnownAgents,
        workflows: WorkflowSource,
        unusable: Collection[str] = (),
    ) -> None:
        self.schemas = Schemas()
        self.agents = agents
        self._workflows = workflows
        self._signatures: dict[str, Signature | None] = {}
        self._spots = spots
        self._unusable = unusable
        self._input = UNKNOWN if "input" in unusable else self.schemas.add("input", spec.input)
        self._fixed = {name: self.schemas.add(f"fixed.{name}", schema) for name, schema in FIXED.items()}
        self._outputs: dict[str, View] = {}

    def signature(self, name: str) -> Signature | None:
        """The signature of a workflow, looked up once."""
        if name not in self._signatures:
            self._signatures[name] = self._workflows(name)
        return self._signatures[name]

    def agent_input(self, agent_id: str) -> View:
        """What an agent takes; anything where there is no such agent."""
        definition = self.agents.get(agent_id)
        return self.schemas.add(f"agent.{agent_id}.input", definition.input) if definition else UNKNOWN

    def workflow_input(self, name: str) -> View:
        """What another workflow takes; anything where there is no such workflow."""
        signature = self.signature(name)
        return self.schemas.add(f"workflow.{name}.input", signature.input) if signature else UNKNOWN

    def lead(self, reference: Reference, around: Surroundings, approved: Collection[str] = ()) -> Lead:
        """Where a reference at a place leads, if every step that it names has run.

        Args:
            approved: ids of the approvals that are known to have been given.
        """
        root, rest = reference.root, reference.segments[1:]
        if root == "steps":
            return self._step_lead(reference, around, approved)
        if root == "run" and not rest:
            return _nowhere("`run` is more than one value; say which: `run.id`, `run.started_at` or `run.workflow`")
        if (view := self._variable(root, around)) is not None:
            return self.schemas.follow(view, rest, root)
        return _nowhere(_unknown_root(root, around))

    def _variable(self, root: str, around: Surroundings) -> View | None:
        match root:
            case "input":
                return self._input
            case "run":
                return self._fixed["run"]
            case "index" if around.maps:
                return self._fixed["number"]
            case "iteration" if around.loops:
                return self._fixed["number"]
        for at in range(len(around.maps) - 1, -1, -1):
            if around.maps[at].variable == root:
                return self._item(around.maps[at])
        return None

    def _item(self, step: MapStep) -> View:
        try:
            listed = self.lead(parse_path(step.items), self._spots[step.id].around)
        except ReferenceFault:
            return UNKNOWN
        return UNKNOWN if listed.fault else entries_of(self.schemas, listed.view) or ANYTHING

    def _step_lead(self, reference: Reference, around: Surroundings, approved: Collection[str]) -> Lead:
        step_id, rest = reference.step, reference.segments[2:]
        if step_id is None:
            return _nowhere("`steps` is more than one value; name a step: `steps.<id>.output`")
        spot = self._spots.get(step_id)
        if spot is None:
            return _nowhere(f"there is no step `{step_id}`{near(step_id, self._spots)}")
        if not around.sees(spot.around):
            holder = next(each for each in reversed(spot.around.maps) if each not in around.maps)
            return _nowhere(
                f"`{step_id}` runs once for each item of the map `{holder.id}`; outside of it the results are "
                f"`steps.{holder.id}.output.items`"
            )
        if isinstance(spot.step, WITHOUT_STATUS):
            return _nowhere(f"`{step_id}` is a {spot.step.kind} step, which leaves nothing to refer to")
        part = rest[0] if rest else None
        if part == "output" and isinstance(spot.step, WITHOUT_OUTPUT):
            return _nowhere(f"`{step_id}` is a {spot.step.kind} step, which has no output; refer to the steps in it")
        if part == "output":
            view = self.output(spot.step, approved=step_id in approved)
            return self.schemas.follow(view, rest[1:], f"steps.{step_id}.output")
        if part == "error" and "failed" not in outcomes_of(spot.step):
            return _nowhere(f"the run ends when `{step_id}` fails, so nobody can see its error; see its `on_error`")
        if part in ("status", "error"):
            return self.schemas.follow(self._fixed[str(part)], rest[1:], f"steps.{step_id}.{part}")
        wrong = f"a step has no `{part}`" if part is not None else f"`{step_id}` is more than one value"
        return _nowhere(f"{wrong}; refer to `steps.{step_id}.output`, `.status` or `.error`")

    def output(self, step: Step, *, approved: bool = False) -> View:
        """What a step gives when it has succeeded."""
        if isinstance(step, ApprovalStep):
            return self._decision(step, approved=approved and step.on_timeout != "approve")
        if step.id not in self._outputs:
            self._outputs[step.id] = ANYTHING  # where templates refer to each other in a loop, as the inner one sees it
            self._outputs[step.id] = self._given(step)
        return self._outputs[step.id]

    def settle(self, step: Step, schema: Any) -> None:
        """Keep what the walk through the flow found out about a step's output, more exactly than without it."""
        if step.id not in self._outputs:
            self._outputs[step.id] = self.schemas.add_derived(f"steps.{step.id}", schema)

    def _given(self, step: Step) -> View:
        match step:
            case AgentStep() | TeamStep():
                asked = [step.agent if isinstance(step, AgentStep) else step.lead]
                if isinstance(step.on_error, Fallback):
                    asked.append(step.on_error.fallback_agent)
                return tuple(each for agent_id in dict.fromkeys(asked) for each in self._agent_output(agent_id))
            case ConnectorStep():
                return UNKNOWN
            case TransformStep():
                return self._transformed(step)
            case WorkflowStep():
                signature = self.signature(step.workflow)
                if signature is None:
                    return UNKNOWN
                if signature.output is None:
                    return ANYTHING
                return self.schemas.add(f"workflow.{step.workflow}.output", signature.output)
            case LoopStep():
                return self._fixed["rounds"]
            case MapStep():
                return self.schemas.add_derived(f"steps.{step.id}", self.mapped(step, self.result_of(step)))
        return ANYTHING

    def _agent_output(self, agent_id: str) -> View:
        definition = self.agents.get(agent_id)
        return self.schemas.add(f"agent.{agent_id}.output", definition.output) if definition else UNKNOWN

    def _transformed(self, step: TransformStep) -> View:
        if f"steps.{step.id}" in self._unusable:
            return UNKNOWN
        if step.output is not None:
            return self.schemas.add(f"steps.{step.id}", step.output)
        made = self.made_of(step.template, self._spots[step.id].around)
        return self.schemas.add_derived(f"steps.{step.id}", made)

    def result_of(self, step: MapStep, approved: Collection[str] = (), *, certain: bool = False) -> Any:
        """The schema of what is kept of an item; `certain` if the last step has run whenever the body is at its end."""
        around = Surroundings((*self._spots[step.id].around.maps, step), self._spots[step.id].around.loops)
        if step.result is not None:
            return self.made_of(step.result, around, approved)
        return self.last_output(step.steps, approved, certain=certain)

    def last_output(self, steps: tuple[Step, ...], approved: Collection[str], *, certain: bool) -> Any:
        """The schema of the last step's output, or of null where it may have none."""
        last = steps[-1]
        if isinstance(last, WITHOUT_OUTPUT):
            return {"const": None}
        known = self.schemas.schema_of(self.output(last, approved=last.id in approved))
        return known if certain else {"anyOf": [known, {"const": None}]}

    def mapped(self, step: MapStep, result: Any) -> JsonObject:
        """The schema of a map's output."""
        return map_schema(step, result, self.longest(step))

    def longest(self, step: MapStep) -> int | None:
        """How many items the list of a map has at most, where its schema says so."""
        try:
            lead = self.lead(parse_path(step.items), self._spots[step.id].around)
        except ReferenceFault:
            return None
        bounds = [
            min((shape.schema["maxItems"] for shape in each if "maxItems" in shape.schema), default=None)
            for each in self.schemas.alternatives(lead.view)
        ]
        known = [int(bound) for bound in bounds if bound is not None]
        return max(known) if known and len(known) == len(bounds) else None

    def most_items(self, step: MapStep) -> int:
        """How many items a map works on at most; 1 where a fault elsewhere keeps its list from being known."""
        try:
            lead = self.lead(parse_path(step.items), self._spots[step.id].around)
        except ReferenceFault:
            return 1
        if lead.fault or any(is_unknown(each) for each in self.schemas.alternatives(lead.view)):
            return 1
        most = self.longest(step)
        return MAX_ITEMS if most is None else min(most, MAX_ITEMS)

    def _decision(self, step: ApprovalStep, *, approved: bool) -> View:
        name = f"steps.{step.id}.{'approved' if approved else 'decided'}"
        form: Any = {"const": None}
        if f"steps.{step.id}" in self._unusable:
            form = self.schemas.schema_of(UNKNOWN)
        elif step.form is not None:
            asked = self.schemas.schema_of(self.schemas.add(f"steps.{step.id}.form", step.form))
            form = asked if approved else {"anyOf": [asked, {"const": None}]}
        schema = decision_schema(step, form)
        return self.schemas.add_derived(name, schema)

    def made_of(self, template: Any, around: Surroundings, approved: Collection[str] = ()) -> Any:
        """The schema of what a template becomes; references that lead nowhere become anything."""
        match template:
            case str():
                return self._text(template, around, approved)
            case dict():
                fields = {name: self.made_of(value, around, approved) for name, value in template.items()}
                return object_schema(fields, [name for name, value in template.items() if not may_be_left_out(value)])
            case list() | tuple():
                entries = [self.made_of(value, around, approved) for value in template]
                if any(may_be_left_out(value) for value in template):
                    return {"type": "array", "items": {"anyOf": entries}, "maxItems": len(entries)}
                return array_schema(entries)
        return {"const": template}

    def _text(self, text: str, around: Surroundings, approved: Collection[str]) -> Any:
        try:
            pieces = parts(text)
        except ReferenceFault:
            return self.schemas.schema_of(UNKNOWN)
        if not any(isinstance(piece, Reference) for piece in pieces):
            return {"const": "".join(map(str, pieces))}
        if len(pieces) > 1 or not isinstance(pieces[0], Reference):
            return TEXT
        lead = self.lead(pieces[0], around, approved)
        known = self.schemas.schema_of(lead.view if lead.view != NOTHING else UNKNOWN)
        fallback = pieces[0].fallback
        if fallback is ABSENT:
            return known
        return {"anyOf": [known, literal_schema(None if fallback is OMIT else fallback)]}


def _nowhere(fault: str) -> Lead:
    return Lead(NOTHING, always=False, fault=fault)


def _unknown_root(root: str, around: Surroundings) -> str:
    if root == "index":
        return "`index` is known only inside a map"
    if root == "iteration":
        return "`iteration` is known only inside a loop"
    names = ["input", "steps", "run", *(each.variable for each in around.maps)]
    if around.maps:
        names.append("index")
    if around.loops:
        names.append("iteration")
    known = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
    return f"there is no `{root}`{near(root, names)}; a reference begins with one of {known}"
