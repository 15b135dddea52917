"""Whom a spec puts to work: agents, teams, connectors and other workflows."""

from collections.abc import Iterator

from agent_platform.agents.check_colleagues import colleague_faults
from agent_platform.agents.definition import Team
from agent_platform.errors import FieldError
from agent_platform.workflows.checking.knowledge import Knowledge
from agent_platform.workflows.checking.outline import Spot
from agent_platform.workflows.spec import (
    AgentStep,
    ConnectorStep,
    Fallback,
    TeamStep,
    WorkflowStep,
)


def party_faults(knowledge: Knowledge, spots: list[Spot]) -> Iterator[FieldError]:
    """Every fault in whom the steps name."""
    for spot in spots:
        step, field = spot.step, f"steps.{spot.step.id}"
        if isinstance(on_error := getattr(step, "on_error", None), Fallback):
            yield from _fallback_faults(knowledge, step, on_error, f"{field}.on_error.fallback_agent")
        match step:
            case AgentStep():
                if knowledge.agents.get(step.agent) is None:
                    yield FieldError(f"{field}.agent", knowledge.agents.unknown(step.agent))
                if step.framework not in (None, "custom"):
                    message = f"the runner `{step.framework}` is not installed; write `custom`, or leave the field out"
                    yield FieldError(f"{field}.framework", message)
            case TeamStep():
                yield from _team_faults(knowledge, step, field)
            case ConnectorStep():
                message = f"there is no connector `{step.connector}`: the platform has no connectors yet"
                yield FieldError(f"{field}.connector", f"{message}, so take the step out")


def _fallback_faults(knowledge: Knowledge, step: object, on_error: Fallback, field: str) -> Iterator[FieldError]:
    fallback = on_error.fallback_agent
    if not isinstance(step, AgentStep | TeamStep):
        yield FieldError(field, "only the work of an agent or a team can fall to another agent; `go_to` a later step")
    elif isinstance(step, AgentStep) and fallback == step.agent:
        yield FieldError(field, f"`{fallback}` is the agent that has failed by then; name another one, or use `retry`")
    elif knowledge.agents.get(fallback) is None:
        yield FieldError(field, knowledge.agents.unknown(fallback))


def _team_faults(knowledge: Knowledge, step: TeamStep, field: str) -> Iterator[FieldError]:
    unknown = [each for each in (step.lead, *step.members) if knowledge.agents.get(each) is None]
    for each in dict.fromkeys(unknown):
        place = "lead" if each == step.lead else f"members.{step.members.index(each)}"
        yield FieldError(f"{field}.{place}", knowledge.agents.unknown(each))
    lead = knowledge.agents.get(step.lead)
    if unknown or lead is None:
        return
    # The rules are those of an agent that is a team by its definition.
    team = Team(mode=step.mode, members=step.members, rounds=step.rounds)
    leading = lead.model_copy(update={"team": team})
    for agent_id, place, message in colleague_faults(knowledge.agents.closure(leading)):
        if agent_id == leading.id:
            yield FieldError(f"{field}.{_team_field(place)}", message)


def _team_field(place: str) -> str:
    """The field of the step that a field of a definition stands for."""
    if place.startswith("team.members"):
        return place.removeprefix("team.")
    return "mode" if place == "team" else "lead"


def nested_faults(knowledge: Knowledge, spots: list[Spot], own: str) -> Iterator[FieldError]:
    """Every fault in which workflows the steps run: unknown ones, and circles."""
    for spot in spots:
        if not isinstance(spot.step, WorkflowStep):
            continue
        name, field = spot.step.workflow, f"steps.{spot.step.id}.workflow"
        if name == own:
            yield FieldError(field, f"`{name}` is this workflow itself; repeat steps with a `loop`")
        elif knowledge.signature(name) is None:
            yield FieldError(field, f"there is no published workflow `{name}`; publish it first, or mend its name")
        elif circle := _circle(knowledge, name, own, set()):
            yield FieldError(field, f"workflows run each other in a circle: {' → '.join((own, *circle))}")


def _circle(knowledge: Knowledge, name: str, own: str, seen: set[str]) -> tuple[str, ...]:
    """The way from a workflow back to `own`, through what each of them runs; empty where there is none."""
    if name == own:
        return (name,)
    signature = None if name in seen else knowledge.signature(name)
    seen.add(name)
    for each in signature.runs if signature else ():
        if found := _circle(knowledge, each, own, seen):
            return (name, *found)
    return ()
