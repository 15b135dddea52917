"""Functions of the platform that are invoked by name."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, DeadlineExceeded, FunctionFailed, StorageUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_lambda import LambdaClient

_DEPLOYMENT_FAULTS = frozenset({"AccessDeniedException", "ResourceNotFoundException", "ValidationException"})
_MESSAGE_CHARACTERS = 1000


@lru_cache(maxsize=32)
def lambda_client(answer_seconds: int) -> "LambdaClient":
    """A client that waits so long for an answer, and asks once: a second try could do the work twice."""
    import boto3  # at first use: few requests invoke a function
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=answer_seconds, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)


def invoke_later(name: str, payload: dict[str, Any]) -> None:
    """Hand an event over for a function to work on, its answer waited for by nobody; Lambda tries it again.

    Raises:
        StorageUnavailable: Lambda does not answer, or throttles; nothing was begun.
        ConfigurationError: there is no such function, or the right to invoke it is missing.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        lambda_client(3).invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode())
    except ClientError as error:
        raise _refused(name, error) from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"Invoking {name} failed: Lambda does not answer ({type(error).__name__}).") from error


def invoke(name: str, payload: dict[str, Any], *, answer_seconds: int = 25) -> Any:
    """Invoke a function and wait for its answer.

    Raises:
        FunctionFailed: it raised; `kind` is the class of the error, `said` the function's own words.
        DeadlineExceeded: it did not answer in time, and may still be at work.
        StorageUnavailable: Lambda does not answer, or throttles; nothing was begun.
        ConfigurationError: there is no such function, or the right to invoke it is missing.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionClosedError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    try:
        answer = lambda_client(answer_seconds).invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        told = json.loads(answer["Payload"].read() or b"null")
    except ClientError as error:
        raise _refused(name, error) from error
    except (ReadTimeoutError, ConnectionClosedError, ResponseStreamingError) as error:
        raise DeadlineExceeded(
            f"{name} did not answer within {answer_seconds} s, or the line broke: it may still be at work. "
            "Look again in a while."
        ) from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"Invoking {name} failed: Lambda does not answer ({type(error).__name__}).") from error
    if "FunctionError" in answer:
        said: dict[str, Any] = told if isinstance(told, dict) else {}
        message = str(said.get("errorMessage") or "it gave no reason")[:_MESSAGE_CHARACTERS]
        kind = str(said.get("errorType") or answer["FunctionError"])
        raise FunctionFailed(f"{name} failed: {message}", kind=kind, said=message)
    return told


def _refused(name: str, error: "ClientError") -> ConfigurationError | StorageUnavailable:
    code = error.response.get("Error", {}).get("Code", "unknown")
    if code in _DEPLOYMENT_FAULTS:
        return ConfigurationError(f"Invoking {name} failed: Lambda answered {code}: {error}")
    return StorageUnavailable(f"Invoking {name} failed: Lambda answered {code}. Try again shortly.")
