"""What a state machine caught, and the error that a recorded failure stands for."""

import pytest

from agent_platform import errors
from agent_platform.errors import PlatformError
from agent_platform.storage.caught_failures import error_of, failure_of
from agent_platform.storage.executions import Failure

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, PlatformError) and each is not errors.DefinitionError
]
"""All but the one that the build raises, of faults instead of a sentence."""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_failure_stands_for_the_error_that_it_was_made_of(kind: type[PlatformError]):
    failure = failure_of(kind.__name__, '{"errorMessage": "It did not work."}')
    error = error_of(failure)
    assert (error.code, error.detail) == (kind.code, failure.message)
    assert issubclass(kind, type(error))


def test_a_code_of_no_class_stands_for_an_error_without_a_name():
    assert type(error_of(Failure(code="interrupted", message="m"))) is PlatformError


def test_what_took_too_long_is_a_deadline():
    assert failure_of("States.Timeout", "").code == "deadline_exceeded"


def test_items_of_a_map_that_failed_are_no_mistake_of_the_platform() -> None:
    failure = failure_of(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
    )

    assert failure.code == "workflow_run_failed"
    assert "on_item_error" in failure.message
