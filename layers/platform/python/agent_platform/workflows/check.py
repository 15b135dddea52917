"""Whether a spec makes sense: all its faults at once, each with its step and field, before anything is compiled.

A spec that passes never fails at run time because data that it refers to is absent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.schemas import (
    SchemaError,
    check_input_schema,
    check_schema,
    instance_faults,
)
from agent_platform.agents.secrets import secret_faults
from agent_platform.errors import FieldError
from agent_platform.workflows.checking.flow import Flow, unrun
from agent_platform.workflows.checking.knowledge import Knowledge
from agent_platform.workflows.checking.known_agents import AgentIds, AgentSource, KnownAgents
from agent_platform.workflows.checking.limits import (
    payload_faults,
    repeat_faults,
    schema_size_faults,
    time_faults,
)
from agent_platform.workflows.checking.naming import naming_faults, size_faults
from agent_platform.workflows.checking.outline import Spot, Surroundings, spots_of
from agent_platform.workflows.checking.parties import nested_faults, party_faults
from agent_platform.workflows.checking.signature import Signature, WorkflowSource
from agent_platform.workflows.checking.state import PENDING, SUCCEEDED
from agent_platform.workflows.checking.templates import Here, Templates
from agent_platform.workflows.spec import INLINE_ITEMS, ApprovalStep, MapStep, TransformStep, WorkflowSpec, WorkflowStep

__all__ = ["Checked", "Signature", "WorkflowSource", "check_spec", "examined", "signature_of", "signatures"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a spec without running it.

    Attributes:
        signature: what it takes and gives; not to be trusted while there are faults.
        short_lists: ids of maps whose lists have at most `INLINE_ITEMS` items by their schemas, for the compiler.
    """

    faults: list[FieldError]
    signature: Signature
    short_lists: frozenset[str]


def check_spec(
    spec: WorkflowSpec,
    agents: AgentSource,
    workflows: WorkflowSource,
    *,
    agent_ids: AgentIds | None = None,
    shipped: bool = False,
) -> list[FieldError]:
    """Every fault of a spec; see `examined` for the arguments."""
    return examined(spec, agents, workflows, agent_ids=agent_ids, shipped=shipped).faults


def signature_of(spec: WorkflowSpec, agents: AgentSource, workflows: WorkflowSource) -> Signature:
    """What a spec without faults takes and gives; the output is None where its schema is not known."""
    return examined(spec, agents, workflows).signature


def signatures(specs: Callable[[str], WorkflowSpec | None], agents: AgentSource) -> WorkflowSource:
    """The signatures of workflows by name, each worked out once, from their live specs. Where they run each other in a
    circle, which the check refuses, the one that was asked for first counts as giving anything."""
    known: dict[str, Signature | None] = {}

    def signature(name: str) -> Signature | None:
        if name not in known:
            spec = specs(name)
            known[name] = None
            if spec is not None:
                known[name] = Signature(spec.name, spec.input, None, _runs(spots_of(spec)))
                known[name] = signature_of(spec, agents, signature)
        return known[name]

    return signature


def examined(
    spec: WorkflowSpec,
    agents: AgentSource,
    workflows: WorkflowSource,
    *,
    agent_ids: AgentIds | None = None,
    shipped: bool = False,
) -> Checked:
    """Check a spec and tell what it takes and gives.

    Args:
        agents: the definition of an agent; raises AgentNotFound.
        workflows: the signature of a workflow by the name that a spec would write; None where none is published.
        agent_ids: all agents' ids, to tell which one an unknown one may mean.
        shipped: whether this is a workflow of the platform's own, which others call `platform/<name>`.
    """
    spots = spots_of(spec)
    schema_faults, unusable = _schema_faults(spec, spots)
    by_id = {spot.step.id: spot for spot in spots}
    knowledge = Knowledge(spec, by_id, KnownAgents(agents, agent_ids), workflows, unusable)
    own = f"platform/{spec.name}" if shipped else spec.name
    faults = [
        *naming_faults(spec, spots),
        *_secret_faults(spec, spots),
        *schema_faults,
        *party_faults(knowledge, spots),
        *nested_faults(knowledge, spots, own),
        *payload_faults(spots),
        *time_faults(spec, spots),
    ]
    output = None
    too_much = [*size_faults(spec, spots), *schema_size_faults(spec, spots)]
    faults += too_much
    if not too_much and len(by_id) == len(spots):  # of two steps of one id, nobody can tell which a reference means
        templates = Templates(knowledge)
        output = _walk(spec, templates)
        faults += templates.faults
        faults += repeat_faults(knowledge, spots)
    lengths = {spot.step.id: knowledge.longest(spot.step) for spot in spots if isinstance(spot.step, MapStep)}
    return Checked(
        list(dict.fromkeys(faults)),
        Signature(spec.name, spec.input, output, _runs(spots)),
        frozenset(name for name, most in lengths.items() if most is not None and most <= INLINE_ITEMS),
    )


def _walk(spec: WorkflowSpec, templates: Templates) -> JsonObject | None:
    """Note the faults of the flow, and return the schema of the run's output where it is known."""
    nowhere = Surroundings()
    end = Flow(templates).walk(spec.steps, unrun(spec.steps), nowhere)
    if end is None:
        templates.fault("steps", "every way through the steps ends in a `fail` step; let one reach the end")
        return None
    here = Here(end, nowhere)
    knowledge = templates.knowledge
    if spec.output is not None:
        templates.check(spec.output, "output", here)
        schema = knowledge.made_of(spec.output, nowhere, here.approved)
    else:
        certain = end.get(spec.steps[-1].id, PENDING) <= SUCCEEDED
        schema = knowledge.last_output(spec.steps, here.approved, certain=certain)
    return knowledge.schemas.standalone(schema) if schema else None


def _secret_faults(spec: WorkflowSpec, spots: list[Spot]) -> Iterator[FieldError]:
    """Credentials that the author left in the spec, which everybody who may read the workflow would see."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"steps"})
    yield from (FieldError(field, message) for field, message in secret_faults(written))
    for spot in spots:
        own = _without_inner_steps(spot.step.model_dump(mode="json", by_alias=True, exclude_unset=True))
        yield from (FieldError(field, message) for field, message in secret_faults(own, f"steps.{spot.step.id}"))


def _without_inner_steps(value: Any) -> Any:
    """A step as it is written, without the steps inside of it, which have spots of their own."""
    if isinstance(value, dict):
        return {
            name: [] if name == "steps" and _are_steps(each) else _without_inner_steps(each)
            for name, each in value.items()
        }
    return [_without_inner_steps(each) for each in value] if isinstance(value, list) else value


def _are_steps(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "kind" in each for each in value)


def _schema_faults(spec: WorkflowSpec, spots: list[Spot]) -> tuple[list[FieldError], frozenset[str]]:
    """Faults of the schemas that the author wrote, and the fields of those that nothing can be learnt from."""
    faults = _faults_of("input", spec.input, check_schema)
    if not faults and spec.input.get("type") != "object":
        faults.append(FieldError("input.type", "must be `object`: a run's input has named fields"))
    if not faults and spec.example is not None:
        faults += instance_faults(spec.input, spec.example, root="example")
    unusable = {"input"} if any(fault.field.startswith("input") for fault in faults) else set[str]()
    for spot in spots:
        step, found = spot.step, list[FieldError]()
        if isinstance(step, ApprovalStep) and step.form is not None:
            found = _faults_of(f"steps.{step.id}.form", step.form, check_input_schema)
        elif isinstance(step, TransformStep) and step.output is not None:
            found = _faults_of(f"steps.{step.id}.output", step.output, check_schema)
        if found:
            unusable.add(f"steps.{step.id}")
            faults += found
    return faults, frozenset(unusable)


def _faults_of(field: str, schema: JsonObject, check: Callable[[JsonObject], None]) -> list[FieldError]:
    try:
        check(schema)
    except SchemaError as error:
        return [FieldError(f"{field}.{each.field}".rstrip("."), each.message) for each in error.faults]
    return []


def _runs(spots: list[Spot]) -> tuple[str, ...]:
    """The workflows that the steps run."""
    return tuple(dict.fromkeys(spot.step.workflow for spot in spots if isinstance(spot.step, WorkflowStep)))
