"""Stage: whether this principal may execute this agent at all. Asked the same way however the call came in."""

from collections.abc import Callable

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.errors import Forbidden
from agent_platform.identity.principal import Principal

Decision = Callable[[Principal, AgentDefinition], bool]
"""Whether a principal may execute an agent. Anything but True denies, and so does an error."""


def anybody_signed_in(principal: Principal, definition: AgentDefinition) -> bool:  # noqa: ARG001 - the same for all
    """The decision until policies are written: whoever the authorizer has verified may execute every agent."""
    return bool(principal.user_id)


def policy(decide: Decision) -> Stage:
    """The stage that asks `decide`; members of a team are asked about one by one, for the same principal."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if decide(call.principal, call.definition) is not True:
            raise Forbidden(
                f"You may not execute `{call.definition.id}`. Ask an administrator for a role that allows it."
            )
        return proceed(call)

    return stage
