"""What is left of an invocation bounds an execution, down to nothing."""

import pytest

from agent_platform.agents.meter import PATIENT, Patience
from functions.run_agent.deadline import RECORD_SECONDS, within


class Left:
    """A Lambda context that has so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda tells it."""
        return round(self.seconds * 1000)


@pytest.mark.parametrize(
    ("patience", "left", "seconds"),
    [
        (Patience(27, 2), 150, 27),
        (Patience(27, 2), 20, 20 - RECORD_SECONDS),
        (PATIENT, 150, 150 - RECORD_SECONDS),
        (Patience(0.0), 150, 0),
        (PATIENT, 1, 0),
        (Patience(27, 2), RECORD_SECONDS, 0),
    ],
)
def test_the_shorter_of_the_two_holds_less_what_recording_takes(patience: Patience, left: float, seconds: float):
    bounded = within(patience, Left(left))
    assert bounded.seconds == pytest.approx(seconds)
    assert bounded.retries == patience.retries


def test_where_there_is_no_lambda_nothing_is_cut():
    assert within(PATIENT, None) is PATIENT


def test_no_time_left_is_not_the_agents_own_limit():
    assert Patience(0.0).within(120) == 0
    assert Patience(-1.0).within(120) == 0
    assert Patience(None).within(120) == 120
