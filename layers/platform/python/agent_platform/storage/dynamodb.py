"""One DynamoDB client for the process, and its failures in the platform's own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


THROTTLED_TRIES = 10
"""How often a throttled request is sent at most. Where three of ten are throttled, 6 in a million fail."""

LONGEST_PAUSE_SECONDS = 0.5
"""Between two of them: all pauses together take 3 s at most, where botocore's own would take half a minute."""

_THROTTLED = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "ThrottlingError"}
)
_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step


@cache
def dynamodb() -> "DynamoDBClient":
    """The process's client: 1 s to connect, 3 s to answer, 4 tries with jitter (botocore's `standard` mode).

    What is throttled is tried more often and after shorter pauses: DynamoDB answers at once, and did nothing.
    """
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
    client = boto3.client("dynamodb", config=config)
    # What the first handler returns counts, which the stubs do not know.
    client.meta.events.register_first("needs-retry.dynamodb", _pause_of_a_throttled_request)  # type: ignore[arg-type]
    return client


def _pause_of_a_throttled_request(response: Any, attempts: int, **_: Any) -> float | None:
    """Seconds until it is sent again; None leaves the decision to botocore, which has had its tries by then."""
    code = response[1].get("Error", {}).get("Code") if response else None
    if code not in _THROTTLED or attempts >= THROTTLED_TRIES:
        return None
    return _RANDOM.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.02 * 2**attempts))


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
