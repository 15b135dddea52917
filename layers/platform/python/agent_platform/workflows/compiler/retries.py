"""Retries: what the platform suffers in passing, in one place, and what a step says itself before it."""

from typing import Any

from agent_platform.workflows.spec import Retry

Rule = dict[str, Any]


def _rule(errors: tuple[str, ...], interval: int, attempts: int, backoff: float, longest: int) -> Rule:
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": interval,
        "MaxAttempts": attempts,
        "BackoffRate": backoff,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
    }


_SERVICE = (
    "Lambda.ServiceException",
    "Lambda.SnapStartException",
    "Lambda.SnapStartNotReadyException",
    "Lambda.SnapStartTimeoutException",
    "Lambda.TooManyRequestsException",
)
"""The function was not reached."""
_LOST = ("Lambda.ClientExecutionTimeoutException", "Lambda.SdkClientException")
"""The function may have run, and its answer was lost: its key answers the next try with the record."""
_STORAGE = _rule(("StorageUnavailable",), 5, 6, 2, 60)

AGENT_RETRIES = (
    _rule(_SERVICE, 2, 4, 2, 30),
    _rule(_LOST, 5, 3, 2, 60),
    _STORAGE,
    _rule(("ModelCircuitOpen", "ModelError", "ModelOverloaded", "ModelUnreachable"), 5, 5, 2, 120),
    _rule(("RateLimited", "SessionBusy"), 15, 10, 1.5, 60),
    _rule(("IdempotencyInProgress",), 20, 10, 2, 240),
)
"""Of every call of an agent, as in `statemachines/run_agent.asl.json`."""

STEP_RETRIES = (_rule((*_SERVICE, *_LOST), 2, 6, 2, 60), _STORAGE)
"""Of the platform's own steps, which may be repeated at any time."""

START_RETRIES = (
    _rule(
        (
            "StepFunctions.AWSStepFunctionsException",
            "StepFunctions.ExecutionLimitExceededException",
            "StepFunctions.SdkClientException",
        ),
        5,
        6,
        2,
        120,
    ),
)
"""Of starting a run of another workflow."""


def retries(own: tuple[Retry, ...], platform: tuple[Rule, ...]) -> list[Rule]:
    """The step's own rules, then the platform's; the first that fits an error decides. A rule for any error must be the
    last of all (Amazon States Language specification, "Retrying after error")."""
    named = [_own(rule, rule.errors) for rule in own if "States.ALL" not in rule.errors]
    general = [_own(rule, ("States.ALL",)) for rule in own if "States.ALL" in rule.errors]
    return [*named, *(dict(rule) for rule in platform), *general[:1]]


def _own(rule: Retry, errors: tuple[str, ...]) -> Rule:
    made = _rule(errors, rule.interval_seconds, rule.max_attempts, rule.backoff, rule.max_interval_seconds)
    if rule.max_interval_seconds <= rule.interval_seconds:
        del made["MaxDelaySeconds"]
        made |= {"IntervalSeconds": rule.max_interval_seconds, "BackoffRate": 1}
    return made | {"JitterStrategy": "FULL" if rule.jitter else "NONE"}
