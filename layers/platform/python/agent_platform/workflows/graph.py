"""A spec as a graph of nodes and edges, to be drawn.

The graph is flat: a step that holds others (parallel, map, loop, choice) is the node where they begin, and the last of
them lead on to what follows it. `parent` and `group` tell which nodes belong together.
"""

from pydantic import BaseModel, ConfigDict

from agent_platform.workflows.spec import (
    AgentStep,
    ApprovalStep,
    ChoiceStep,
    Condition,
    FailStep,
    GoTo,
    LoopStep,
    MapStep,
    ParallelStep,
    Step,
    TeamStep,
    WorkflowSpec,
    title_of,
)

START, END = "start", "end"
ON_ERROR, REJECTED, AGAIN = "on error", "rejected", "again"


class Node(BaseModel):
    """A step, or where the run begins and ends. `parent` is the id of the step that holds it, `group` the branch or
    case of that step."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    title: str
    agent: str | None = None
    parent: str | None = None
    group: str | None = None


class Edge(BaseModel):
    """What may follow what; `label` says when."""

    model_config = ConfigDict(frozen=True)

    source: str
    target: str
    label: str | None = None


class Graph(BaseModel):
    """Nodes in the order of the spec, `start` first and `end` last."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


Loose = tuple[str, str | None]
"""An edge without a target yet: where it comes from, and its label."""


def graph_of(spec: WorkflowSpec) -> Graph:
    """The graph of a spec that has been read; jumps to steps that do not exist are left out."""
    drawing = _Drawing()
    drawing.nodes.append(Node(id=START, kind="start", title="Start"))
    drawing.join(drawing.draw(spec.steps, [(START, None)], None, None), END)
    drawing.nodes.append(Node(id=END, kind="end", title="End"))
    return Graph(nodes=tuple(drawing.nodes), edges=tuple(dict.fromkeys(drawing.edges)))


class _Drawing:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def join(self, loose: list[Loose], target: str) -> None:
        self.edges.extend(Edge(source=source, target=target, label=label) for source, label in loose)

    def draw(self, steps: tuple[Step, ...], entry: list[Loose], parent: str | None, group: str | None) -> list[Loose]:
        """Draw a list of steps and what leads into it; returns what leads out of it."""
        waiting: dict[str, list[Loose]] = {}
        loose = entry
        for step in steps:
            agent = step.agent if isinstance(step, AgentStep) else step.lead if isinstance(step, TeamStep) else None
            self.nodes.append(
                Node(id=step.id, kind=step.kind, title=title_of(step), agent=agent, parent=parent, group=group)
            )
            self.join([*loose, *waiting.pop(step.id, [])], step.id)
            loose, jumps = self._leaving(step)
            for target, jump in jumps:
                waiting.setdefault(target, []).append(jump)
        return [*loose, *waiting.get(END, [])]

    def _leaving(self, step: Step) -> tuple[list[Loose], list[tuple[str, Loose]]]:
        """What leads from a step to the next one, and what jumps elsewhere."""
        loose: list[Loose] = [(step.id, None)]
        jumps = _jumps(step)
        match step:
            case ParallelStep():
                loose = []
                for at, branch in enumerate(step.branches, start=1):
                    label = branch.title or f"Branch {at}"
                    loose += self.draw(branch.steps, [(step.id, branch.title)], step.id, label)
            case MapStep():
                loose = self.draw(step.steps, [(step.id, f"each {step.variable}")], step.id, None)
            case LoopStep():
                last = self.draw(step.steps, [(step.id, None)], step.id, None)
                self.join([(source, AGAIN) for source, _ in last], step.id)
                loose = [(source, condition_text(step.until)) for source, _ in last]
            case ChoiceStep():
                loose = self._choice(step)
            case FailStep():
                loose = []
        if isinstance(step, ParallelStep | MapStep) and step.on_error == "continue":
            loose = [*loose, (step.id, ON_ERROR)]
        return loose, jumps

    def _choice(self, step: ChoiceStep) -> list[Loose]:
        loose: list[Loose] = []
        for case in step.cases:
            if case.steps:
                label = condition_text(case.when)
                loose += self.draw(case.steps, [(step.id, label)], step.id, label)
        if step.otherwise is None:
            loose.append((step.id, "otherwise"))
        elif step.otherwise.steps:
            loose += self.draw(step.otherwise.steps, [(step.id, "otherwise")], step.id, "otherwise")
        return loose


def _jumps(step: Step) -> list[tuple[str, Loose]]:
    found: list[tuple[str, Loose]] = []
    if isinstance(on_error := getattr(step, "on_error", None), GoTo):
        found.append((on_error.go_to, (step.id, ON_ERROR)))
    if isinstance(step, ApprovalStep) and isinstance(step.on_reject, GoTo):
        found.append((step.on_reject.go_to, (step.id, REJECTED)))
    if isinstance(step, ChoiceStep):
        found += [(case.go_to, (step.id, condition_text(case.when))) for case in step.cases if case.go_to]
        if step.otherwise and step.otherwise.go_to:
            found.append((step.otherwise.go_to, (step.id, "otherwise")))
    return found


_WORDS = {
    "equals": "=",
    "one_of": "in",
    "at_least": "≥",
    "at_most": "≤",
    "above": ">",
    "below": "<",
    "matches": "like",
}


def condition_text(condition: Condition) -> str:
    """A condition in a few words, such as `score ≥ 8`, at most 60 characters long."""
    text = _text(condition)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _text(condition: Condition) -> str:
    if condition.path is not None:
        name = _name(condition.path)
        if condition.is_null is not None:
            return f"{name} is {'missing' if condition.is_null else 'given'}"
        (operator,) = condition.operators
        value = getattr(condition, operator)
        return f"{name} {_WORDS[operator]} {', '.join(map(_shown, value)) if operator == 'one_of' else _shown(value)}"
    if condition.not_ is not None:
        return f"not ({_text(condition.not_)})"
    word, inner = ("and", condition.all) if condition.all is not None else ("or", condition.any or ())
    return f" {word} ".join(_text(each) for each in inner)


def _name(path: str) -> str:
    """The telling end of a path: the field, or the step whose status or decision is asked for."""
    segments = path.strip().split(".")
    if len(segments) == 3 and segments[0] == "steps":
        return " ".join(segments[1:])
    return segments[-1] if not segments[-1].isdigit() else ".".join(segments[-2:])


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
