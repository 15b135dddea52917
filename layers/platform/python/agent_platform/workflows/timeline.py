"""When the states of a run were entered and left, by the step that they belong to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent_platform.storage.step_functions import MapCounts

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

_FAILURES = ("taskFailedEventDetails", "taskTimedOutEventDetails", "lambdaFunctionFailedEventDetails")
_SCHEDULED = ("TaskScheduled", "LambdaFunctionScheduled")
_SUCCEEDED = ("TaskSucceeded", "LambdaFunctionSucceeded")
_ITEMS = {
    "MapIterationStarted": "started",
    "MapIterationSucceeded": "succeeded",
    "MapIterationFailed": "failed",
    "MapIterationAborted": "failed",
}


@dataclass(slots=True)
class StateVisits:
    """The visits of a step's states since the step was begun last, by its state `first`."""

    first: str
    started_at: datetime
    finished_at: datetime | None = None
    begun: int = 0
    scheduled: int = 0
    open: int = 0
    error: str = ""
    cause: str = ""

    @property
    def is_open(self) -> bool:
        """Whether one of its states was entered and not left."""
        return self.open > 0

    @property
    def tries(self) -> int:
        """How often it was begun, further tries of its function included."""
        return max(self.begun, self.scheduled)


class Timeline:
    """The history of one execution, without its data.

    Args:
        events: in their order.
        states: the step of each state, by name; the machine's own states are absent.
    """

    def __init__(self, events: "Iterable[HistoryEventTypeDef]", states: Mapping[str, str]) -> None:
        self._states = states
        self._visits: dict[str, StateVisits] = {}
        self._items: dict[str, dict[str, int]] = {}
        self._state_of: dict[int, str | None] = {}
        self._last: str | None = None
        for event in events:
            self._read(event)

    def of(self, step: str) -> StateVisits | None:
        """The visits of a step; None where it was not begun."""
        return self._visits.get(step)

    def items_of(self, step: str) -> MapCounts | None:
        """How far the items of an inline Map have come; None where the history does not tell."""
        counts = self._items.get(step)
        if counts is None:
            return None
        done = counts["succeeded"] + counts["failed"]
        total = max(counts["total"], counts["started"])
        running = max(0, counts["started"] - done)
        return MapCounts(total, total - running - done, running, counts["succeeded"], counts["failed"])

    def _read(self, event: Any) -> None:
        entered, exited = event.get("stateEnteredEventDetails"), event.get("stateExitedEventDetails")
        if entered:
            state = self._last = entered["name"]
            self._entered(state, event["timestamp"])
        elif exited:
            state = self._last = exited["name"]
            self._exited(state, event["timestamp"])
        else:
            # Events of one branch refer to those before; a server that does not say so has but one line of events.
            before = event.get("previousEventId")
            state = self._state_of.get(before, self._last) if before else self._last
            self._happened(state, event)
        self._state_of[event["id"]] = state

    def _entered(self, state: str, at: datetime) -> None:
        step = self._states.get(state)
        if step is None:
            return
        visits = self._visits.get(step)
        if visits is None or (state == visits.first and not visits.is_open):
            visits = self._visits[step] = StateVisits(state, at)
        visits.begun += state == visits.first
        visits.open += 1
        visits.error = visits.cause = ""

    def _exited(self, state: str, at: datetime) -> None:
        if (step := self._states.get(state)) and (visits := self._visits.get(step)):
            visits.open = max(0, visits.open - 1)
            visits.finished_at = at

    def _happened(self, state: str | None, event: Any) -> None:
        step = self._states.get(state or "")
        visits = self._visits.get(step) if step else None
        if step is None or visits is None:
            return
        kind = event["type"]
        if kind in _SCHEDULED and state == visits.first:
            visits.scheduled += 1
        if kind in _SUCCEEDED:
            visits.error = visits.cause = ""
        for name in _FAILURES:
            if details := event.get(name):
                visits.error, visits.cause = details.get("error") or "", details.get("cause") or ""
        if kind == "MapStateStarted":
            total = (event.get("mapStateStartedEventDetails") or {}).get("length") or 0
            self._items[step] = {"total": total, "started": 0, "succeeded": 0, "failed": 0}
        elif kind in _ITEMS and step in self._items:
            self._items[step][_ITEMS[kind]] += 1
