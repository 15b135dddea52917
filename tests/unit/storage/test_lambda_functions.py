"""Functions that are invoked by name: what they answer, what they raise, and what is not known."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from agent_platform.errors import ConfigurationError, DeadlineExceeded, FunctionFailed, StorageUnavailable
from agent_platform.storage import lambda_functions
from agent_platform.storage.lambda_functions import invoke, lambda_client

URL = "https://lambda.eu-central-1.amazonaws.com"


class Lambda:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, payload: Any = None, *, error: Exception | None = None, **answer: Any) -> None:
        self._answer = {
            "StatusCode": 200,
            "Payload": io.BytesIO(b"" if payload is None else json.dumps(payload).encode()),
        }
        self._answer |= answer
        self._error = error
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> dict[str, Any]:
        """The call of the SDK."""
        self.asked.append(asked)
        if self._error:
            raise self._error
        return self._answer


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said"}}, "Invoke")


def call(monkeypatch: pytest.MonkeyPatch, answers: Lambda) -> Any:
    monkeypatch.setattr(lambda_functions, "lambda_client", lambda _: answers)
    return invoke("relay", {"redrive": {"a": "ä"}}, answer_seconds=7)


def test_the_answer_is_what_the_function_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Lambda({"done": 1, "failed": []})
    assert call(monkeypatch, answers) == {"done": 1, "failed": []}
    (asked,) = answers.asked
    assert (asked["FunctionName"], json.loads(asked["Payload"])) == ("relay", {"redrive": {"a": "ä"}})
    assert call(monkeypatch, Lambda()) is None


def test_what_the_function_raised_is_raised_with_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FunctionFailed, match=r"relay failed: The table is gone\.") as raised:
        call(
            monkeypatch,
            Lambda({"errorType": "KeyError", "errorMessage": "The table is gone."}, FunctionError="Unhandled"),
        )
    assert raised.value.kind == "KeyError"
    with pytest.raises(FunctionFailed, match="no reason") as raised:
        call(monkeypatch, Lambda(FunctionError="Unhandled"))
    assert raised.value.kind == "Unhandled"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReadTimeoutError(endpoint_url=URL), DeadlineExceeded),
        (ConnectionClosedError(endpoint_url=URL), DeadlineExceeded),
        (EndpointConnectionError(endpoint_url=URL), StorageUnavailable),
        (refused("TooManyRequestsException"), StorageUnavailable),
        (refused("ServiceException"), StorageUnavailable),
        (refused("ResourceNotFoundException"), ConfigurationError),
        (refused("AccessDeniedException"), ConfigurationError),
    ],
)
def test_a_failure_tells_whether_the_work_may_have_begun(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        call(monkeypatch, Lambda(error=error))


def test_the_client_asks_once_and_waits_as_long_as_told(aws: None) -> None:
    lambda_client.cache_clear()
    config = lambda_client(7).meta.config
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (7, 1)  # type: ignore[attr-defined]
    lambda_client.cache_clear()
