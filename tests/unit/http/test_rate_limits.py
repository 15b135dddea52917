"""What a caller hears of its rate limit, and of when to come back."""

import pytest
from fastapi import FastAPI

from agent_platform.errors import (
    BudgetExceeded,
    IdempotencyInProgress,
    ModelCircuitOpen,
    PlatformError,
    RateLimited,
    StorageUnavailable,
)
from agent_platform.http import create_app
from agent_platform.http.rate_limits import rate_limit_headers
from tests.fakes.asgi import Response, ask


def answer(error: PlatformError) -> Response:
    """What a route answers that raises this error."""
    app: FastAPI = create_app("Post", "Weighs parcels.", "1")

    @app.get("/fails")
    def fail() -> None:
        raise error

    return ask(app, "GET", "/fails")


def timed(error: PlatformError, seconds: int | None) -> PlatformError:
    error.retry_after = seconds
    return error


def test_the_fields_name_quota_window_rest_and_reset():
    assert rate_limit_headers(120, 119, 37) == {
        "RateLimit-Policy": '"calls-per-minute";q=120;w=60',
        "RateLimit": '"calls-per-minute";r=119;t=37',
    }


def test_a_refused_call_hears_when_the_next_one_may_come():
    error = RateLimited("Too often.")
    error.limit, error.retry_after = 100, 42
    refused = answer(error)
    assert (refused.status, refused.problem["code"]) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "42"
    assert refused.headers["ratelimit-policy"] == '"calls-per-minute";q=100;w=60'
    assert refused.headers["ratelimit"] == '"calls-per-minute";r=0;t=42'


def test_a_limit_of_another_kind_names_no_quota():
    refused = answer(timed(RateLimited("Too often."), 7))
    assert refused.headers["retry-after"] == "7"
    assert not [name for name in refused.headers if name.startswith("ratelimit")]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (timed(ModelCircuitOpen("Suspended."), 30), "30"),
        (timed(IdempotencyInProgress("Running."), 0), "0"),
        (StorageUnavailable("Down."), "5"),
        (BudgetExceeded("Nothing left."), None),
    ],
)
def test_retry_after_is_what_the_error_knows(error: PlatformError, expected: str | None):
    assert answer(error).headers.get("retry-after") == expected
