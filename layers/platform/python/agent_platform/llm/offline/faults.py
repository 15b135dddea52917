"""What the offline model is told to do instead of answering well: plans, taken one by one as requests fit them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_NUMBER = (int, float)
# Per mode: its own fields with their types; a name ending in "!" is required.
MODES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "status": {"status!": int, "type": str, "message": str, "retry_after": _NUMBER},
    "stall": {"seconds!": _NUMBER},
    "slow_stream": {"seconds!": _NUMBER},
    "disconnect": {},
    "stream_error": {"type": str, "message": str},
    "broken_body": {},
    "refusal": {"category": str, "explanation": str},
    "max_tokens": {},
    "invalid_json": {},
    "answer": {"output": (dict, list), "text": str},
    "tool_call": {"name": str, "input": dict, "calls": list, "rounds": int},
    "obey_injection": {"reads": str},
}
COMMON: dict[str, type | tuple[type, ...]] = {
    "mode!": str,
    "times": (int, type(None)),
    "agent": str,
    "delay_seconds": _NUMBER,
}


class BadPlan(ValueError):
    """The plan names an unknown mode or field, or a field of the wrong type."""


@dataclass(slots=True)
class Plan:
    """One instruction. `times` counts the requests it still changes; None means until it is taken back."""

    mode: str
    options: dict[str, Any]
    times: int | None
    agent: str | None
    delay_seconds: float

    def describe(self) -> dict[str, Any]:
        """The plan as the control answers it."""
        return {"mode": self.mode, **self.options, "times": self.times, "agent": self.agent}


def read_plan(fields: Any) -> Plan:
    """Read one plan from the control's JSON.

    Raises:
        BadPlan: says what is wrong and what there is.
    """
    if not isinstance(fields, dict) or fields.get("mode") not in MODES:
        raise BadPlan(f"Give a `mode`, one of: {', '.join(MODES)}.")
    mode = fields["mode"]
    allowed = COMMON | MODES[mode]
    for name, kinds in allowed.items():
        field = name.rstrip("!")
        if field in fields and (not isinstance(fields[field], kinds) or isinstance(fields[field], bool)):
            raise BadPlan(f"`{field}` of mode {mode} has the wrong type: {fields[field]!r}.")
        if name.endswith("!") and field not in fields:
            raise BadPlan(f"Mode {mode} needs `{field}`.")
    known = {name.rstrip("!") for name in allowed}
    if unknown := fields.keys() - known:
        raise BadPlan(f"Mode {mode} has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}.")
    own = {name: value for name, value in fields.items() if name not in {key.rstrip("!") for key in COMMON}}
    return Plan(mode, own, fields.get("times", 1), fields.get("agent"), float(fields.get("delay_seconds", 0)))


class Faults:
    """The plans in force, oldest first."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []

    def add(self, plan: Plan) -> None:
        """Put a plan behind those already there."""
        if plan.times is None or plan.times > 0:
            self.plans.append(plan)

    def clear(self) -> None:
        """Take every plan back."""
        self.plans.clear()

    def take(self, agent: str | None, fits: Callable[[Plan], bool]) -> Plan | None:
        """The oldest plan for this request, counted as used once; None if none fits."""
        for plan in self.plans:
            if (plan.agent is None or plan.agent == agent) and fits(plan):
                if plan.times is not None:
                    plan.times -= 1
                    if plan.times == 0:
                        self.plans.remove(plan)
                return plan
        return None
