"""What a sign-in is counted for, and what is taken back when it is not tried."""

import pytest

from agent_platform.errors import TooManyAttempts
from agent_platform.identity.attempts import Attempts
from agent_platform.identity.sign_in_limits import ONE_FROM_ALL, ONE_FROM_ONE, SignInLimits

ADA, HERE = "ada@example.com", "203.0.113.7"


def test_what_is_refused_for_the_account_counts_neither_from_there_nor_for_the_address(tokens_table: str) -> None:
    attempts = Attempts(tokens_table)
    limits = SignInLimits(attempts, per_source=ONE_FROM_ONE.free)
    for number in range(ONE_FROM_ALL.free):
        limits.signing_in(ADA, f"198.51.100.{number}")
    for _ in range(2 * ONE_FROM_ONE.free):
        with pytest.raises(TooManyAttempts):
            limits.signing_in(ADA, HERE)
    attempts.clear(ONE_FROM_ALL, ADA)
    for _ in range(ONE_FROM_ONE.free):
        limits.signing_in(ADA, HERE)
    with pytest.raises(TooManyAttempts):
        limits.signing_in(ADA, HERE)
