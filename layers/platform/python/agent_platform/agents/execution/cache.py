"""Stage: an input that equals an earlier one gets the earlier answer, where the agent's definition says so."""

import json
from hashlib import sha256

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.tools import registry
from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.observability import get_logger
from agent_platform.resilience.response_cache import CachedAnswer, Flight, ResponseCache
from agent_platform.storage.executions import Execution
from agent_platform.storage.transactions import Rider


def cache(answers: ResponseCache) -> Stage:
    """The stage that keeps answers in `answers`. Where they cannot be reached, the agent runs as if there were none."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if not is_cacheable(call):
            return proceed(call)
        try:
            found = answers.obtain(cache_key(call), call.deadline)
        except (StorageUnavailable, ConfigurationError, ValueError) as error:  # ValueError: a damaged answer
            get_logger().warning("response_cache_unavailable", extra={"reason": str(error)})
            return proceed(call)
        if isinstance(found, CachedAnswer):
            call.cached = True
            call.meter.provider = found.provider
            call.escalation = found.escalation
            call.redactions = {**found.redactions}
            return found.output
        return _answer_for_all(call, proceed, answers, found)

    return stage


def _answer_for_all(call: Call, proceed: Proceed, answers: ResponseCache, flight: Flight) -> JsonObject:
    """Run, and let the record take along either the answer or the end of the claim."""
    answer: CachedAnswer | None = None

    def settle(execution: Execution) -> Rider:
        if answer is None or execution.status != "succeeded" or execution.output is None:
            return answers.release(flight)
        kept = answer.model_copy(update={"output": execution.output})  # as it was recorded
        return answers.fill(flight, kept, call.definition.limits.cache_ttl_seconds, owner=call.principal.user_id)

    call.settlements.append(settle)
    output = proceed(call)
    # Now, while these are what the agent's own run came to: the record adds what it finds in this caller's input.
    answer = CachedAnswer(
        output=output, provider=call.meter.provider, escalation=call.escalation, redactions={**call.redactions}
    )
    return output


def is_cacheable(call: Call) -> bool:
    """Whether the answer depends on nothing but the input: no conversation, no memory, no other agents."""
    definition = call.definition
    alone = call.session_id is None and definition.memory == "none" and not definition.colleagues
    # What tools find outside changes, and what they do there must be done each time.
    alone = alone and not any(registry[each].equipped for each in definition.tools if each in registry)
    return alone and definition.limits.cache_ttl_seconds > 0


def cache_key(call: Call) -> str:
    """A digest of everything the answer depends on, and of who may have it.

    JSON tells 1, 1.0 and true apart; the order of an object's fields does not matter. The definition counts whole, so
    that an edit without a new version, as on a developer's machine, finds no old answers.
    """
    shared = call.definition.limits.cache_scope == "shared"
    parts = [
        None if shared else call.principal.user_id,
        call.definition.model_dump(mode="json"),
        call.model_id,
        call.meter.provider,
        call.input,
    ]
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode()).hexdigest()
