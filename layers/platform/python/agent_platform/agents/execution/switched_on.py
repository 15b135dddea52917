"""Stage: whether the agent is switched on. Asked of every call, so also of members of teams and steps of workflows."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.errors import AgentSwitchedOff


class Off(Protocol):
    """Why an agent is switched off."""

    @property
    def reason(self) -> str:
        """What whoever wants to execute it is told."""

    @property
    def since(self) -> datetime:
        """When it was switched off."""


def switched_on(off: Callable[[str], Off | None]) -> Stage:
    """The stage that asks `off` by the agent's id.

    Raises:
        AgentSwitchedOff: with the reason that the administrator gave.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if found := off(call.definition.id):
            raise AgentSwitchedOff(
                f"`{call.definition.id}` is switched off since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}"
            )
        return proceed(call)

    return stage
