"""Stage: a model that keeps failing is not asked for a while."""

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.errors import (
    ModelError,
    ModelOverloaded,
    ModelRejectedRequest,
    ModelTimedOut,
    ModelUnreachable,
    PlatformError,
)
from agent_platform.resilience.circuit import CircuitBreaker, Permit


def circuit(breaker: CircuitBreaker) -> Stage:
    """The stage that asks `breaker` for leave and tells it how the model did: one circuit per provider and tier.

    The call of an agent that another put to work passes this stage itself, so what it failed at is not counted again
    against whoever put it to work.
    """
    permits: dict[str, Permit] = {}

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        name = f"claude:{call.meter.provider}:{call.definition.model}"
        permit = _of_ancestor(call, name, permits) or breaker.admit(name)
        permits[call.id] = permit
        try:
            output = proceed(call)
        except BaseException as error:
            _report(breaker, permit, call, error)
            raise
        else:
            _report(breaker, permit, call, None)
            return output
        finally:
            del permits[call.id]

    return stage


def _of_ancestor(call: Call, name: str, permits: dict[str, Permit]) -> Permit | None:
    """The probe of an agent further up on the same circuit: it could never end if those it waits for were refused."""
    while parent := call.parent:
        permit = permits.get(parent.id)
        if permit and permit.name == name and permit.probe:
            return permit
        call = parent
    return None


def _report(breaker: CircuitBreaker, permit: Permit, call: Call, error: BaseException | None) -> None:
    evidence = _evidence(call, error)
    if evidence:
        breaker.failed(permit, evidence)
    elif call.meter.usage.output_tokens or isinstance(error, ModelRejectedRequest):
        breaker.succeeded(permit)
    else:
        breaker.abandoned(permit)


def _evidence(call: Call, error: BaseException | None) -> str | None:
    """By what the upstream is known to have failed; None if it did not, or if it is somebody else's to tell.

    A time-out may also mean that one agent asks for more than can be answered in its time. So those of one agent count
    once in a row: it takes several agents that wait in vain, or failures of other kinds, to open a circuit for all.
    """
    if isinstance(error, PlatformError) and error.execution_id is not None:
        return None  # of an agent put to work, recorded and counted there
    if isinstance(error, ModelOverloaded | ModelUnreachable) or type(error) is ModelError:
        return call.id
    if isinstance(error, ModelTimedOut) and error.__cause__ is not None:  # no cause: the agent's rounds took its time
        return call.definition.id
    return None
