"""Secrets Manager, read as JSON objects. Nothing is logged and nothing kept: callers decide how long to remember."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_DEPLOYMENT_FAULTS = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
    "ValidationException",
}


@cache
def secrets_manager() -> "SecretsManagerClient":
    """The process's client: connects within 2 s, answers within 3 s, tries twice."""
    import boto3  # 300 ms at a cold start, which routes without a secret need not pay
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("secretsmanager", config=patience)


def read_secret(arn: str) -> dict[str, Any]:
    """The present value of a secret, a JSON object.

    Raises:
        ConfigurationError: there is no such secret, this function may not read it, or it is not a JSON object.
        StorageUnavailable: Secrets Manager does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        text = secrets_manager().get_secret_value(SecretId=arn).get("SecretString", "")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(
                f"The secret {arn} cannot be read ({code}): create it, and grant this function read access."
            ) from error
        raise StorageUnavailable("Secrets Manager refused the request: try again in a moment.") from error
    except BotoCoreError as error:
        raise StorageUnavailable("Secrets Manager does not answer: try again in a moment.") from error
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigurationError(f'The secret {arn} is not a JSON object: store one such as {{"key": "value"}}.')
    return value
