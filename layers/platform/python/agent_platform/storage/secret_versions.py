"""The versions of one secret while it is rotated. Each has an id, and stages such as `AWSCURRENT` move between them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.storage.secrets import secrets_manager

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"


class SecretVersions:
    """One secret. Every method raises `StorageUnavailable` when Secrets Manager does not answer, and
    `ConfigurationError` when it refuses.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def stages(self) -> tuple[dict[str, list[str]], datetime]:
        """The stages of each version by its id, and when the secret was last changed in any way."""
        with _secret_errors(self._arn):
            told = secrets_manager().describe_secret(SecretId=self._arn)
        return told.get("VersionIdsToStages", {}), told["LastChangedDate"]

    def current(self) -> dict[str, Any]:
        """What everybody reads."""
        with _secret_errors(self._arn):
            return _object(secrets_manager().get_secret_value(SecretId=self._arn, VersionStage=CURRENT))

    def version(self, version_id: str) -> dict[str, Any] | None:
        """What one version holds; None where there is none, or nothing in it."""
        client = secrets_manager()
        with _secret_errors(self._arn):
            try:
                told = client.get_secret_value(SecretId=self._arn, VersionId=version_id)
            except client.exceptions.ResourceNotFoundException:
                return None
        return _object(told) if told.get("SecretString") else None

    def put(self, version_id: str, value: dict[str, Any], stage: str) -> None:
        """Keep a value under this id and move the stage to it. The same again does nothing."""
        with _secret_errors(self._arn):
            secrets_manager().put_secret_value(
                SecretId=self._arn,
                ClientRequestToken=version_id,
                SecretString=json.dumps(value),
                VersionStages=[stage],
            )

    def make_current(self, version_id: str, before: str) -> None:
        """Move `AWSCURRENT` from the version `before` to this one; everybody reads it from then on."""
        with _secret_errors(self._arn):
            secrets_manager().update_secret_version_stage(
                SecretId=self._arn, VersionStage=CURRENT, MoveToVersionId=version_id, RemoveFromVersionId=before
            )


def _object(told: Any) -> dict[str, Any]:
    value = json.loads(told["SecretString"])
    if not isinstance(value, dict):
        raise ConfigurationError("The secret that is to be rotated is not a JSON object.")
    return value


@contextmanager
def _secret_errors(arn: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise ConfigurationError(f"Rotating {arn} failed: Secrets Manager answered {code}.") from error
    except BotoCoreError as error:
        raise StorageUnavailable("Secrets Manager does not answer: try again in a moment.") from error
    except ValueError as error:
        raise ConfigurationError(f"The secret {arn} is not a JSON object.") from error
