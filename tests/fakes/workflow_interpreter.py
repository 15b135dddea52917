"""A workflow carried out in plain Python, straight from its spec: what every compiled machine must agree with.

It knows nothing of state machines. Of the platform it takes only the language of templates.
"""

import fnmatch
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import jmespath

from agent_platform.errors import ApprovalRejected, InvalidInput, PlatformError
from agent_platform.storage.caught_failures import failure_of
from agent_platform.workflows.references import ABSENT, Scope, filled, parse_path
from agent_platform.workflows.spec import (
    INLINE_ITEMS,
    MAX_ITEMS,
    AgentStep,
    ApprovalStep,
    ChoiceStep,
    Condition,
    FailStep,
    Fallback,
    GoTo,
    LoopStep,
    MapStep,
    ParallelStep,
    Step,
    TeamStep,
    TransformStep,
    WaitStep,
    WorkflowSpec,
    WorkflowStep,
    every_step,
)

Agent = Callable[[str, Any], Any]
DECIDED = {"decided_by": "bo@example.com", "decided_at": "2026-01-02T03:04:05Z"}
"""Who decides every approval, and when."""


class Failed(Exception):
    """A step, and what holds it, has failed for good."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass(slots=True)
class Result:
    """What came of a run. `calls` are the agents' steps in order: agent, step, input."""

    status: str
    output: Any = None
    error: str | None = None
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    concurrent_failure: bool = False
    """Whether something failed beside other work, so that how much of that was done is left to chance."""


@dataclass(slots=True)
class _State:
    """What steps see: the entries so far, and the variables of maps and loops."""

    task: Any
    steps: dict[str, dict[str, Any]]
    variables: dict[str, Any] = field(default_factory=dict)

    def scope(self) -> Scope:
        run = {"id": "run-1", "started_at": "2026-01-02T03:04:05Z"}
        document = {"input": self.task, "steps": self.steps, "run": run, "vars": self.variables}
        return Scope(document, lambda key: key)


class Interpreter:
    """Carries out one spec.

    Args:
        agents: gives the output for an agent's id and input, or raises a `PlatformError`.
        decisions: what people decide, by step: `approved`, `rejected` or `timeout`.
        workflows: the specs behind references of nested steps.
    """

    def __init__(
        self,
        spec: WorkflowSpec,
        agents: Agent,
        decisions: Mapping[str, str] | None = None,
        workflows: Mapping[str, WorkflowSpec] | None = None,
    ) -> None:
        self._spec = spec
        self._agents = agents
        self._decisions = decisions or {}
        self._workflows = workflows or {}
        self._result = Result("RUNNING")

    def run(self, task: Any) -> Result:
        """The result for an input."""
        state = _State(task, {step.id: {"status": "pending"} for step in every_step(self._spec.steps)})
        try:
            self._list(self._spec.steps, state)
            self._result.output = self._output(state)
            self._result.status = "SUCCEEDED"
        except Failed as failure:
            self._result.status, self._result.error = "FAILED", failure.error
        return self._result

    def _output(self, state: _State) -> Any:
        if self._spec.output is not None:
            return self._filled(self._spec.output, state)
        return _output_of(state, self._spec.steps[-1].id)

    def _filled(self, template: Any, state: _State) -> Any:
        try:
            return filled(template, state.scope())
        except InvalidInput as fault:
            raise Failed("InvalidInput", str(fault)) from None

    def _list(self, steps: tuple[Step, ...], state: _State) -> None:
        at = 0
        while at < len(steps):
            target = self._step(steps[at], state)
            if target == "end":
                return
            at = at + 1 if target is None else next(i for i, step in enumerate(steps) if step.id == target)

    def _step(self, step: Step, state: _State) -> str | None:
        """Carry out a step; returns where to go on if that is not the next step."""
        match step:
            case ChoiceStep():
                return self._choice(step, state)
            case FailStep():
                raise Failed("WorkflowRunFailed", step.message)
            case WaitStep():
                return None
            case LoopStep():
                return self._loop(step, state)
            case ApprovalStep():
                return self._approval(step, state)
        try:
            output = self._output_of_step(step, state)
        except Failed as failure:
            return self._failed(step, failure, state)
        state.steps[step.id] = {"status": "succeeded", "output": output}
        return None

    def _failed(self, step: Any, failure: Failed, state: _State) -> str | None:
        match step.on_error:
            case Fallback(fallback_agent=other):
                output = self._call(other, step.id, self._filled(step.input, state), step.retry)
                state.steps[step.id] = {"status": "succeeded", "output": output}
                return None
            case "continue" | GoTo():
                told = failure_of(failure.error, failure.cause)
                error = {"name": failure.error, "code": told.code, "message": told.message}
                state.steps[step.id] = {"status": "failed", "error": error}
                return step.on_error.go_to if isinstance(step.on_error, GoTo) else None
        raise failure

    def _output_of_step(self, step: Step, state: _State) -> Any:
        match step:
            case AgentStep():
                return self._call(step.agent, step.id, self._filled(step.input, state), step.retry)
            case TeamStep():
                return self._call(step.lead, step.id, self._filled(step.input, state), step.retry)
            case TransformStep():
                return self._transform(step, state)
            case WorkflowStep():
                return self._nested(step, state)
            case ParallelStep():
                return self._parallel(step, state)
            case MapStep():
                return self._map(step, state)
        raise AssertionError(f"no rule for {step.kind}")

    def _call(self, agent: str, step: str, task: Any, retries: Any) -> Any:
        left = [rule.max_attempts for rule in retries]
        while True:
            self._result.calls.append((agent, step, task))
            try:
                return self._agents(agent, task)
            except PlatformError as error:
                name = type(error).__name__
                at = next((i for i, rule in enumerate(retries) if {name, "States.ALL"} & {*rule.errors}), None)
                if at is None or left[at] == 0:
                    raise Failed(name, str(error)) from None
                left[at] -= 1

    def _transform(self, step: TransformStep, state: _State) -> Any:
        if step.jmespath is None:
            return self._filled(step.template, state)
        return jmespath.search(step.jmespath, state.scope().whole())

    def _nested(self, step: WorkflowStep, state: _State) -> Any:
        inner = Interpreter(self._workflows[step.workflow], self._agents, self._decisions, self._workflows)
        result = inner.run(self._filled(step.input, state))
        self._result.calls += result.calls
        self._result.concurrent_failure |= result.concurrent_failure
        if result.status != "SUCCEEDED":
            raise Failed("WorkflowRunFailed")
        return result.output

    def _parallel(self, step: ParallelStep, state: _State) -> Any:
        ends = []
        failures = []
        for branch in step.branches:
            own = deepcopy(state)
            try:
                self._list(branch.steps, own)
                ends.append({each.id: own.steps[each.id] for each in every_step(branch.steps)})
            except Failed as failure:
                failures.append(failure)
        if failures:
            self._result.concurrent_failure = True
            raise failures[0]
        for entries in ends:
            state.steps.update(entries)
        return None

    def _map(self, step: MapStep, state: _State) -> Any:
        items = _at(state, step.items)
        if not isinstance(items, list) or len(items) > MAX_ITEMS:
            raise Failed("InvalidInput")
        deep = any(isinstance(each, MapStep) for each in every_step(step.steps))
        results = []
        for index, item in enumerate(items):
            own = deepcopy(state)
            own.variables |= {step.variable: item, "index": index}
            try:
                self._list(step.steps, own)
                last = _output_of(own, step.steps[-1].id)
                results.append((True, last if step.result is None else self._filled(step.result, own)))
            except Failed as failure:
                if step.on_item_error == "fail":
                    self._result.concurrent_failure = True
                    many = deep or len(items) > INLINE_ITEMS
                    raise Failed("States.ExceedToleratedFailureThreshold") if many else failure from None
                results.append((False, None))
        return {"items": [value for _, value in results], "failed": sum(not went_well for went_well, _ in results)}

    def _choice(self, step: ChoiceStep, state: _State) -> str | None:
        taken = next((case for case in step.cases if holds(case.when, state)), step.otherwise)
        if taken is None:
            return None
        if taken.go_to is not None:
            return taken.go_to
        self._list(taken.steps or (), state)
        return None

    def _loop(self, step: LoopStep, state: _State) -> str | None:
        outer = state.variables.get("iteration")
        for number in range(1, step.max_iterations + 1):
            state.variables["iteration"] = number
            self._list(step.steps, state)
            if satisfied := holds(step.until, state):
                break
        state.variables["iteration"] = outer
        if not satisfied and step.on_exhausted == "fail":
            raise Failed("WorkflowRunFailed")
        state.steps[step.id] = {"status": "succeeded", "output": {"iterations": number, "satisfied": satisfied}}
        return None

    def _approval(self, step: ApprovalStep, state: _State) -> str | None:
        self._filled([step.message, step.show, list(step.approvers.users)], state)
        decision = self._decisions[step.id]
        if timed_out := decision == "timeout":
            if step.on_timeout == "fail":
                raise Failed("ApprovalExpired")
            decision = {"approve": "approved", "reject": "rejected"}[step.on_timeout]
        by = {"decided_by": None, "decided_at": None} if timed_out else DECIDED
        output = {"decision": decision, "comment": None, "form": None, **by}
        state.steps[step.id] = {"status": "succeeded", "output": output}
        if decision == "rejected":
            if step.on_reject == "fail":
                raise Failed(ApprovalRejected.__name__)
            if isinstance(step.on_reject, GoTo):
                return step.on_reject.go_to
        return None


def _output_of(state: _State, step: str) -> Any:
    return state.steps[step].get("output")


def _at(state: _State, path: str) -> Any:
    return state.scope().lookup(parse_path(path))


def holds(condition: Condition, state: _State) -> bool:
    """Whether the data answer a condition with yes."""
    if condition.all is not None:
        return all(holds(each, state) for each in condition.all)
    if condition.any is not None:
        return any(holds(each, state) for each in condition.any)
    if condition.not_ is not None:
        return not holds(condition.not_, state)
    assert condition.path is not None
    value = _at(state, condition.path)
    if condition.is_null is not None:
        return (value is ABSENT or value is None) is condition.is_null
    if condition.equals is not None:
        return _same(value, condition.equals)
    if condition.one_of is not None:
        return any(_same(value, each) for each in condition.one_of)
    if condition.matches is not None:
        return isinstance(value, str) and fnmatch.fnmatchcase(value, condition.matches)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (
        (condition.at_least is not None and value >= condition.at_least)
        or (condition.at_most is not None and value <= condition.at_most)
        or (condition.above is not None and value > condition.above)
        or (condition.below is not None and value < condition.below)
    )


def _same(value: Any, wanted: str | float | bool) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, str) or isinstance(value, str):
        return isinstance(value, str) and value == wanted
    return isinstance(value, int | float) and value == wanted
