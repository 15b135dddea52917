"""One DynamoDB client for the process, and its failures in the platform's own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from agent_platform.errors import ConfigurationError, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@cache
def dynamodb() -> "DynamoDBClient":
    """The process's client: 1 s to connect, 3 s to answer, 4 tries with jitter (botocore's `standard` mode)."""
    import boto3  # 300 ms at a cold start, which /health and info need not pay
    from botocore.config import Config

    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=50,
        # The requests are typed here and checked by DynamoDB; botocore's own check takes a third of their time.
        parameter_validation=False,
    )
    return boto3.client("dynamodb", config=config)


_DEPLOYMENT_FAULTS = frozenset({"AccessDeniedException", "ValidationException"})


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Translate what botocore raises; `doing` completes the sentence "… could not be done".

    Raises:
        StorageUnavailable: DynamoDB does not answer, or throttles.
        ConfigurationError: the right to use the table is missing, or the item is too large: no further try can mend it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(f"{doing} failed: DynamoDB answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: DynamoDB answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing} failed: DynamoDB does not answer ({type(error).__name__}).") from error
