"""What a state machine caught, in the words of the error table."""

import json

from agent_platform import errors
from agent_platform.errors import PlatformError
from agent_platform.storage.executions import Failure

TIMED_OUT = frozenset({"TimedOut", "Sandbox.Timedout", "States.Timeout"})
"""Names of what took too long: the platform's state machines', Lambda's and Step Functions' own."""

ITEMS_FAILED = "States.ExceedToleratedFailureThreshold"
"""What a distributed Map says when items failed that must not (Step Functions Developer Guide, "Error names")."""


def failure_of(error: str, cause: str) -> Failure:
    """The failure that a state machine caught.

    Args:
        error: the class name of one of the platform's errors, or a name that Lambda or Step Functions gave.
        cause: the JSON that Lambda makes of an exception (`errorMessage`), or text.
    """
    kind = getattr(errors, error, None)
    if isinstance(kind, type) and issubclass(kind, PlatformError):
        return Failure(code=kind.code, message=kind(_message(cause)).public_detail)
    if error in TIMED_OUT:
        late = errors.DeadlineExceeded("The platform's function gave no answer in its time. Ask for less at once.")
        return Failure(code=late.code, message=late.detail)
    if error == ITEMS_FAILED:
        failed = errors.WorkflowRunFailed("Items of the list failed. `on_item_error: continue` keeps the others.")
        return Failure(code=failed.code, message=failed.detail)
    return Failure(code=PlatformError.code, message=PlatformError(cause).public_detail)


def error_of(failure: Failure) -> PlatformError:
    """The error that a recorded failure stands for, to be raised once more; PlatformError for a code of no class."""
    return _classes(PlatformError).get(failure.code, PlatformError)(failure.message)


def _classes(root: type[PlatformError]) -> dict[str, type[PlatformError]]:
    """The error classes by their codes; of two with one code the more general one."""
    found: dict[str, type[PlatformError]] = {}
    for below in root.__subclasses__():
        found |= _classes(below)
    return found | {root.code: root}


def _message(cause: str) -> str:
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
