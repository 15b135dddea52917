"""Workflows that nobody wrote: random specs of every kind of step, valid by construction, with agents that behave the
same each time they are asked the same."""

import hashlib
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from agent_platform.errors import ModelOutputInvalid, ModelRefused
from agent_platform.workflows.spec import WorkflowSpec, every_step

AGENTS = ("test/scorer", "test/doubter", "test/refuser")
"""One always answers, one fails on about every third input, one always fails; `test/helper` stands in for them."""

AGENT_INPUT = {"type": "object", "properties": {"value": {}}, "required": ["value"], "additionalProperties": False}
AGENT_OUTPUT = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "score": {"type": "integer"},
        "good": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "note": {"type": ["string", "null"]},
    },
    "required": ["text", "score", "good", "list", "note"],
    "additionalProperties": False,
}
INPUT = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "integer"},
        "few": {"type": "array", "items": {"type": "integer"}, "maxItems": 5},
        "many": {"type": "array", "items": {"type": "integer"}},
        "due_at": {"type": "string", "format": "date-time"},
        "perhaps": {"type": "string"},
    },
    "required": ["text", "number", "few", "many", "due_at"],
}
MOST_STEPS = 14


def answer(agent: str, task: Any) -> Any:
    """What an agent of `AGENTS` answers.

    Raises:
        ModelRefused, ModelOutputInvalid: it fails.
    """
    digest = hashlib.sha256(json.dumps([agent, task], sort_keys=True).encode()).digest()
    if agent == "test/refuser":
        raise ModelRefused("I would rather not.")
    if agent == "test/doubter" and digest[0] % 3 == 0:
        raise ModelOutputInvalid("I am not sure.")
    return {
        "text": digest.hex()[:8],
        "score": digest[1] % 10,
        "good": digest[2] % 2 == 0,
        "list": list(digest[3 : 3 + digest[4] % 4]),
        "note": "once" if digest[5] % 2 else None,
    }


def an_input(random: Random) -> dict[str, Any]:
    """An input of the generated workflows; in some, the long list is too long for an inline Map."""
    many = random.choice((0, 1, 3, 3, 44))
    task = {
        "text": random.choice(("alpha", "beta", "")),
        "number": random.randrange(10),
        "few": [random.randrange(10) for _ in range(random.randrange(4))],
        "many": [random.randrange(10) for _ in range(many)],
        "due_at": "2020-01-02T03:04:05Z",
    }
    return task | ({"perhaps": "here"} if random.random() < 0.5 else {})


@dataclass(frozen=True, slots=True)
class _Known:
    """A value that steps can refer to; `sure` if it is always there."""

    path: str
    kind: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a step is made: its id, what it can refer to, how deep it lies, and where it may jump."""

    step: str
    known: list[_Known]
    depth: int
    targets: list[str]


@dataclass(slots=True)
class _Generator:
    random: Random
    number: int = 0
    decisions: dict[str, str] = field(default_factory=dict)

    def spec(self) -> WorkflowSpec:
        known = [
            _Known("input.text", "text"),
            _Known("input.number", "number"),
            _Known("input.few", "list"),
            _Known("input.many", "list"),
            _Known("input.perhaps", "text", sure=False),
            _Known("run.id", "text"),
        ]
        steps, after = self.steps(known, 0, self.random.randint(2, 5))
        made = {
            "name": "made-up",
            "title": "Made up by chance",
            "input": INPUT,
            "steps": steps,
            **({"output": self.template(after)} if self.random.random() < 0.7 else {}),
        }
        return WorkflowSpec.model_validate(made)

    def steps(self, known: list[_Known], depth: int, count: int) -> tuple[list[dict[str, Any]], list[_Known]]:
        """Steps that follow one another, and what is known after them."""
        ids = [self.id() for _ in range(count)]
        made: list[dict[str, Any]] = []
        jumps: list[tuple[int, int]] = []
        for at, step in enumerate(ids):
            targets = [*ids[at + 1 :], "end"]
            unsure = {inner["id"] for start, stop in jumps for inner in made[start + 1 : stop] if at >= stop}
            hidden = {each for step_id in unsure for each in _inside(step_id, made)}
            visible = [_doubted(each) if _step_of(each) in hidden else each for each in known]
            document, known = self.step(step, visible, depth, targets)
            made.append(document)
            jumps += [(at, len(ids) if way == "end" else ids.index(way)) for way in _targets(document)]
        late = {inner["id"] for start, stop in jumps for inner in made[start + 1 : stop]}
        hidden = {each for step_id in late for each in _inside(step_id, made)}
        return made, [_doubted(each) if _step_of(each) in hidden else each for each in known]

    def id(self) -> str:
        self.number += 1
        return f"step_{self.number}"

    def step(
        self, step: str, known: list[_Known], depth: int, targets: list[str]
    ) -> tuple[dict[str, Any], list[_Known]]:
        kinds = ["agent"] * 4 + ["team", "transform", "transform", "approval", "wait"]
        if depth < 2 and self.number < MOST_STEPS:
            kinds += ["parallel", "parallel", "map", "map", "choice", "choice", "loop", "loop"]
        kind = self.random.choice(kinds)
        made, after = getattr(self, f"_{kind}")(_Place(step, known, depth, targets))
        return {"id": step, "kind": kind, **made}, after

    def _agent(self, at: _Place) -> Any:
        agent = self.random.choice((*AGENTS, "test/scorer", "test/scorer"))
        made: dict[str, Any] = {"agent": agent, "input": {"value": self.template(at.known)}}
        if self.random.random() < 0.3:
            made["retry"] = [{"errors": [self.random.choice(("ModelOutputInvalid", "States.ALL"))], "max_attempts": 1}]
        choices: list[Any] = ["continue", "continue", {"go_to": self.random.choice(at.targets)}]
        choices += [{"fallback_agent": "test/helper"}, *(["fail"] * (8 if agent == "test/scorer" else 1))]
        made["on_error"] = on_error = self.random.choice(choices)
        return made, [*at.known, *_outputs(at.step, sure=on_error == "fail" or "fallback_agent" in on_error)]

    def _team(self, at: _Place) -> Any:
        members = {"lead": "test/scorer", "mode": "sequential", "members": ["test/doubter", "test/refuser"]}
        return {**members, "input": {"value": self.template(at.known)}}, [*at.known, *_outputs(at.step, sure=True)]

    def _transform(self, at: _Place) -> Any:
        if self.random.random() < 0.2:
            shape = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
            made = {"jmespath": "{score: length(input.few)}", "output": shape}
        else:
            numbers = [each for each in at.known if each.kind == "number"]
            made = {"template": {"score": self.reference(numbers), "text": f"<{self.reference(at.known)}>"}}
        return made, [*at.known, _Known(f"steps.{at.step}.output.score", "number")]

    def _approval(self, at: _Place) -> Any:
        choices: list[Any] = ["continue", "continue", {"go_to": self.random.choice(at.targets)}, "fail", "fail"]
        self.decisions[at.step] = self.random.choice(("approved", "rejected"))
        made = {
            "message": f"Is it right? {self.reference(at.known)}",
            "show": self.template(at.known),
            "approvers": {"owner": True},
            "on_reject": self.random.choice(choices),
        }
        return made, [*at.known, _Known(f"steps.{at.step}.output.decision", "decision")]

    def _wait(self, at: _Place) -> Any:
        return self.random.choice(({"seconds": 3}, {"until": "input.due_at"})), at.known

    def _parallel(self, at: _Place) -> Any:
        on_error = self.random.choice(("fail", "fail", "continue", {"go_to": self.random.choice(at.targets)}))
        branches, after = [], list(at.known)
        for _ in range(2):
            steps, ends = self.steps(at.known, at.depth + 1, self.random.randint(1, 2))
            branches.append({"steps": steps})
            after += ends[len(at.known) :]
        if on_error != "fail":
            after = [*at.known, *(_doubted(each) for each in after[len(at.known) :])]
        return {"branches": branches, "on_error": on_error}, after

    def _map(self, at: _Place) -> Any:
        lists = [each for each in at.known if each.kind == "list" and each.sure]
        items = self.random.choice([each for each in lists if at.depth == 0 or each.path != "input.many"])
        variable = f"item_{self.number}"
        inner = [*at.known, _Known(variable, "number"), _Known("index", "number")]
        steps, ends = self.steps(inner, at.depth + 1, self.random.randint(1, 2))
        forgiving = items.path == "input.many" or self.random.random() < 0.6
        made = {"items": items.path, "as": variable, "steps": steps}
        made |= {"on_item_error": "continue" if forgiving else "fail", "concurrency": self.random.randint(1, 8)}
        on_error = self.random.choice(("fail", "continue", {"go_to": self.random.choice(at.targets)}))
        made["on_error"] = on_error
        if self.random.random() < 0.5:
            made["result"] = {"of": self.template(ends), "at": "${index}"}
        sure = on_error == "fail"
        output = f"steps.{at.step}.output"
        return made, [*at.known, _Known(f"{output}.items", "any", sure), _Known(f"{output}.failed", "number", sure)]

    def _choice(self, at: _Place) -> Any:
        cases: list[dict[str, Any]] = []
        after = list(at.known)
        for _ in range(self.random.randint(1, 2)):
            case: dict[str, Any] = {"when": self.condition(at.known)}
            if self.random.random() < 0.25:
                case["go_to"] = self.random.choice(at.targets)
            else:
                case["steps"], ends = self.steps(at.known, at.depth + 1, self.random.randint(1, 2))
                after += [_doubted(each) for each in ends[len(at.known) :]]
            cases.append(case)
        made: dict[str, Any] = {"cases": cases}
        if self.random.random() < 0.5:
            steps, ends = self.steps(at.known, at.depth + 1, 1)
            made["otherwise"] = {"steps": steps}
            after += [_doubted(each) for each in ends[len(at.known) :]]
        return made, after

    def _loop(self, at: _Place) -> Any:
        inner = [*at.known, _Known("iteration", "number")]
        steps, ends = self.steps(inner, at.depth + 1, self.random.randint(1, 2))
        # Of the round before: what a step of the loop sees of the last one.
        first = steps[0]
        if first["kind"] in ("agent", "team") and steps[-1]["kind"] not in ("choice", "wait", "parallel"):
            first["input"] = {"value": [first["input"]["value"], f"${{steps.{steps[-1]['id']}.output ?? null}}"]}
        ends = [each for each in ends if each.path != "iteration"]
        until = self.condition([*ends, _Known("iteration", "number")])
        made = {"steps": steps, "until": until, "max_iterations": self.random.randint(1, 3)}
        made["on_exhausted"] = self.random.choice(("continue", "continue", "fail"))
        output = f"steps.{at.step}.output"
        return made, [*ends, _Known(f"{output}.iterations", "number"), _Known(f"{output}.satisfied", "flag")]

    def condition(self, known: list[_Known], depth: int = 0) -> dict[str, Any]:
        if depth < 2 and self.random.random() < 0.25:
            inner = [self.condition(known, depth + 1) for _ in range(2)]
            return self.random.choice(({"all": inner}, {"any": inner}, {"not": inner[0]}))
        about = self.random.choice([each for each in known if each.kind != "any"])
        path = {"path": about.path}
        if self.random.random() < 0.2 or about.kind == "list":
            return {**path, "is_null": self.random.random() < 0.5}
        match about.kind:
            case "flag":
                return {**path, "equals": self.random.random() < 0.5}
            case "decision":
                return {**path, "equals": "approved"}
            case "text":
                return {
                    **path,
                    **self.random.choice(({"equals": "alpha"}, {"one_of": ["approved", "beta"]}, {"matches": "a*"})),
                }
            case _:
                operator = self.random.choice(("at_least", "at_most", "above", "below", "equals"))
                return {**path, operator: self.random.randrange(8)}

    def template(self, known: list[_Known]) -> Any:
        """An object of references to what is known."""
        return {f"field_{at}": self.reference(known) for at in range(self.random.randint(1, 3))}

    def reference(self, known: list[_Known]) -> str:
        about = self.random.choice([*known, *known[-4:]])
        fallback = {
            "number": "0",
            "list": "[]",
            "flag": "false",
            "text": '"none"',
            "any": "null",
            "decision": '"none"',
        }[about.kind]
        return f"${{{about.path}}}" if about.sure else f"${{{about.path} ?? {fallback}}}"


def _outputs(step: str, *, sure: bool) -> list[_Known]:
    output = f"steps.{step}.output"
    fields = (("text", "text"), ("score", "number"), ("good", "flag"), ("list", "list"), ("note", "text"))
    return [_Known(f"{output}.{name}", kind, sure) for name, kind in fields]


def _doubted(known: _Known) -> _Known:
    return _Known(known.path, known.kind, sure=False)


def _step_of(known: _Known) -> str | None:
    return known.path.split(".")[1] if known.path.startswith("steps.") else None


def _targets(step: dict[str, Any]) -> list[str]:
    """The steps to which a step may jump."""
    ways = [step.get("on_error"), step.get("on_reject"), *step.get("cases", ()), step.get("otherwise")]
    return [way["go_to"] for way in ways if isinstance(way, dict) and "go_to" in way]


def _inside(step: str, made: list[dict[str, Any]]) -> list[str]:
    """The ids of a step and of those inside it."""
    (document,) = [each for each in made if each["id"] == step]
    return [step, *_ids(document)]


def _ids(part: Any) -> list[str]:
    if isinstance(part, list):
        return [each for inner in part for each in _ids(inner)]
    if not isinstance(part, dict):
        return []
    own = [part["id"]] if "kind" in part and "id" in part else []
    return own + [each for name, inner in part.items() if name in NESTING for each in _ids(inner)]


NESTING = ("steps", "branches", "cases", "otherwise")


@dataclass(frozen=True, slots=True)
class Generated:
    """A spec, an input for it, and what people decide."""

    spec: WorkflowSpec
    task: dict[str, Any]
    decisions: dict[str, str]

    @property
    def kinds(self) -> set[str]:
        """The kinds of its steps."""
        return {step.kind for step in every_step(self.spec.steps)}


def a_workflow(seed: int) -> Generated:
    """The workflow of a number: the same each time."""
    random = Random(seed)  # noqa: S311 - nothing here is a secret
    generator = _Generator(random)
    spec = generator.spec()
    return Generated(spec, an_input(random), generator.decisions)
