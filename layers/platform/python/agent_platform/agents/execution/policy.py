"""Stage: whether this principal may execute this agent at all. Asked the same way however the call came in."""

from collections.abc import Callable

from agent_platform.agents.conversation import reserved_tokens
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.request import reservation_usd
from agent_platform.agents.resource import as_resource
from agent_platform.errors import CostLimitReached
from agent_platform.identity.policy import Decision, Question, Resource
from agent_platform.identity.policy.policies import enforce

Decide = Callable[[Question], Decision]
"""Answers whether somebody may do something. Anything but a plain yes denies, and so does an error."""


def policy(decide: Decide) -> Stage:
    """The stage that asks `decide`; members of a team are asked about one by one, for the same principal.

    Raises:
        Forbidden: with the reasons that may be told.
        PolicyUndecided: there is no decision.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        question = Question.now(call.principal, "agents:execute", executed(call))
        enforce(decide(question), question)
        return proceed(call)

    return stage


def executed(call: Call) -> Resource:
    """The agent as a policy sees it, with the most that this execution may cost."""
    history = reserved_tokens(call.definition) if call.session_id else 0
    return as_resource(call.definition, most_usd_of(call.definition, call.input, history))


def most_usd_of(definition: AgentDefinition, value: JsonObject, history_tokens: int = 0) -> float:
    """What an execution may cost at most, in USD."""
    try:
        return float(reservation_usd(definition, value, history_tokens))
    except CostLimitReached:
        # Admission refuses it with that; until then it may cost all that its definition lets it.
        return definition.limits.max_cost_usd or 0.0
