"""Start the run of a trigger, as its owner and with the rights that they, or the API key it came by, have now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from agent_platform.errors import Conflict, Forbidden, PlatformError, RunNameReused, RunNotFound, TriggerNotFound
from agent_platform.identity.policy import Policies, Question, Resource
from agent_platform.identity.principal import Principal
from agent_platform.identity.users import User
from agent_platform.observability import count, get_logger
from agent_platform.storage.runs import Run, RunRepository, RunSource
from agent_platform.storage.triggers import Trigger, TriggerRepository
from agent_platform.tracing import new_trace_id, trace_id_of_traceparent
from agent_platform.workflows.triggers import filled_input
from functions.trigger_workflow.request import FireRequest

MAX_CHAIN = 3
"""Runs that may lead to one another by events, so that workflows which start each other come to an end."""


class Start(Protocol):
    """Starts a run of a workflow."""

    def __call__(
        self,
        principal: Principal,
        workflow_id: str,
        value: dict[str, Any],
        *,
        name: str,
        source: RunSource,
        trace_id: str,
    ) -> Run: ...


def permitted(start: Start, policies: Policies) -> Start:
    """A start that the policy is asked about before, with the rights that the owner has now.

    Raises:
        Forbidden: they may not run workflows, or not now.
    """

    def asked(principal: Principal, workflow_id: str, value: dict[str, Any], **more: Any) -> Run:
        policies.require(Question.now(principal, "workflows:run", Resource("workflows", workflow_id)))
        return start(principal, workflow_id, value, **more)

    return asked


class Firing:
    """What happens when a trigger fires."""

    def __init__(
        self,
        triggers: TriggerRepository,
        runs: RunRepository,
        user: Callable[[str], User],
        key: Callable[[str], Principal],
        start: Start,
    ) -> None:
        self._triggers = triggers
        self._runs = runs
        self._user = user
        self._key = key
        self._start = start

    def fire(self, request: FireRequest, request_id: str) -> dict[str, Any]:
        """Start the run, once however often this is delivered, and keep what came of it with the trigger.

        What another try cannot mend (an input that does not fit, a disabled account) is kept and counted, not raised.

        Raises:
            PlatformError: the platform failed; Lambda tries again.
        """
        try:
            trigger = self._triggers.get(request.trigger_id, owner=None)
        except TriggerNotFound:
            get_logger().warning("trigger_gone", extra={"trigger_id": request.trigger_id})
            return {"run_id": None, "code": TriggerNotFound.code}
        if trigger.paused:
            return {"run_id": None, "code": "paused"}
        now, trace_id = datetime.now(UTC), _trace_id(request)
        get_logger().append_keys(trace_id=trace_id, trigger_id=trigger.id)
        try:
            run = self._run(trigger, request, request_id, now, trace_id)
        except RunNameReused:
            # The trigger's input was another one when this was delivered first.
            return {"run_id": None, "code": RunNameReused.code}
        except PlatformError as error:
            if error.status >= 500:
                raise
            return self._refused(trigger, error, now)
        self._triggers.fired(trigger, now, run_id=run.id)
        return {"run_id": run.id, "code": None}

    def _run(self, trigger: Trigger, request: FireRequest, request_id: str, now: datetime, trace_id: str) -> Run:
        return self._start(
            self._owner(trigger),
            trigger.workflow_id,
            filled_input(trigger.input, request.facts(now)),
            name=f"{trigger.id}:{request.occasion(request_id)}",
            source=RunSource(kind=trigger.kind, id=trigger.id, depth=self._depth(request)),
            trace_id=trace_id,
        )

    def _owner(self, trigger: Trigger) -> Principal:
        """Who its runs are started as.

        Raises:
            Unauthenticated: the account is disabled, or the API key that made the trigger has come to its end.
            Forbidden: the account has no role any more.
        """
        user = self._user(trigger.owner_id)
        if not user.roles:
            raise Forbidden("The account has no role any more, so nothing runs on its behalf.")
        owner = Principal(user.id, user.verified_email, frozenset(user.roles), token_id=f"trigger:{trigger.id}")
        if trigger.key_id is None:
            return owner
        key = self._key(trigger.key_id)
        return replace(owner, key_id=key.key_id, scopes=key.scopes, agents=key.agents)

    def _depth(self, request: FireRequest) -> int:
        """How many runs led to this one by their events.

        Raises:
            Conflict: too many.
        """
        if request.event is None:
            return 0
        data = request.event.data
        run_id = data.get("run_id") if request.event.type == "agent.executed" else request.event.subject
        if not run_id:
            return 0
        try:
            depth = self._runs.stored(str(run_id)).source.depth + 1
        except RunNotFound:
            return 1
        if depth > MAX_CHAIN:
            raise Conflict(
                f"The event comes from a chain of {depth} runs that started one another; after {MAX_CHAIN} it ends. "
                "Narrow the trigger's `match`."
            )
        return depth

    def _refused(self, trigger: Trigger, error: PlatformError, now: datetime) -> dict[str, Any]:
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in error.errors)
        message = f"{error.public_detail} {faults}".strip()
        self._triggers.failed(trigger, now, code=error.code, message=message)
        about = {"trigger_id": trigger.id, "workflow_id": trigger.workflow_id, "code": error.code}
        # Its words are kept for its owner alone: they may quote the input.
        get_logger().warning("trigger_refused", extra={**about, "fields": [fault.field for fault in error.errors]})
        count({"kind": trigger.kind}, {"TriggerRefusals": ("Count", 1)}, about)
        return {"run_id": None, "code": error.code}


def _trace_id(request: FireRequest) -> str:
    """Of whatever led to the event; a schedule's run begins a trace."""
    traceparent = request.event.traceparent if request.event else None
    return trace_id_of_traceparent(traceparent) or new_trace_id()
