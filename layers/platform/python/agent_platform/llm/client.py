"""How the platform reaches Claude: one factory for the SDK's client, and the SDK's errors in the platform's words."""

import json
from typing import TYPE_CHECKING

from agent_platform.errors import (
    ConfigurationError,
    ModelError,
    ModelOverloaded,
    ModelRejectedRequest,
    ModelTimedOut,
    ModelUnreachable,
)
from agent_platform.settings import ClaudeSettings

if TYPE_CHECKING:
    import anthropic

CLAUDE_API_URL = "https://api.anthropic.com"
LONGEST_WAIT_SECONDS = 3600
"""What upstream asks to wait beyond an hour is passed on as an hour."""

# What a server that needs no key is sent, since the SDK refuses to send none.
NO_KEY = "no-key-needed"

# Upstream error types (platform.claude.com/docs/en/api/errors), for when the status does not tell: an error in the
# middle of a stream arrives under status 200.
_BY_TYPE: dict[str, type[ModelError]] = {
    "overloaded_error": ModelOverloaded,
    "rate_limit_error": ModelOverloaded,
    "timeout_error": ModelTimedOut,
    "api_error": ModelError,
}
_BY_STATUS: dict[int, type[ModelError]] = {
    408: ModelTimedOut,
    429: ModelOverloaded,
    503: ModelOverloaded,
    504: ModelTimedOut,
    529: ModelOverloaded,
}
_REMEDY: dict[type[ModelError], str] = {
    ModelOverloaded: "Try again in a while.",
    ModelTimedOut: "Try again, or give the agent a higher limit.",
    ModelRejectedRequest: "Trying again does not help: correct the agent, the key or the account.",
    ModelError: "Try again; if it stays, ask the provider with the request id.",
}


def claude_client(
    settings: ClaudeSettings, *, max_retries: int, timeout_seconds: float
) -> "anthropic.Anthropic | anthropic.AnthropicBedrockMantle":
    """Build the SDK's client: the Claude API, Amazon Bedrock, or any Messages-compatible server by its base URL.

    A client owns a connection pool: build one per process and vary limits with its `with_options`.
    `timeout_seconds` bounds each try, so a call may take `(max_retries + 1)` times as long, plus the pauses between.

    Raises:
        ConfigurationError: no key can be found, or the AWS region is unknown; the message says what to set.
    """
    # About a second of a cold start: only a function that really asks the model pays it.
    import anthropic

    if settings.claude_provider == "bedrock":
        try:
            return anthropic.AnthropicBedrockMantle(
                base_url=settings.claude_base_url, max_retries=max_retries, timeout=timeout_seconds
            )
        except anthropic.AnthropicError as error:
            raise ConfigurationError(
                f"Claude on Amazon Bedrock cannot be reached: {error} Set AWS_REGION or CLAUDE_BASE_URL."
            ) from error
    return anthropic.Anthropic(
        api_key=_api_key(settings),
        # Always explicit: the SDK would otherwise take variables that are not in the settings.
        base_url=settings.claude_base_url or CLAUDE_API_URL,
        max_retries=max_retries,
        timeout=timeout_seconds,
    )


def _api_key(settings: ClaudeSettings) -> str:
    if settings.claude_secret_arn:
        key = _key_in_secrets_manager(settings.claude_secret_arn)
    else:
        key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else ""
    if key:
        return key
    if settings.claude_base_url:
        return NO_KEY
    if settings.claude_secret_arn:
        raise ConfigurationError(
            f"The secret {settings.claude_secret_arn} holds no key for Claude: store "
            '{"api_key": "<key>"} in it with `aws secretsmanager put-secret-value`.'
        )
    raise ConfigurationError(
        "There is no key for Claude: set CLAUDE_SECRET_ARN (in the cloud) or ANTHROPIC_API_KEY (on a laptop), "
        "choose CLAUDE_PROVIDER=bedrock, or point CLAUDE_BASE_URL at a server that needs no key."
    )


def _key_in_secrets_manager(arn: str) -> str:
    """The key in the secret, or an empty string. Not remembered: whoever keeps the client keeps the key, and a process
    that found the secret empty must see it filled."""
    # A quarter of a second of a cold start that a laptop with a key in the environment need not pay.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        patience = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
        secret = boto3.client("secretsmanager", config=patience).get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"The secret {arn} with the key for Claude cannot be read ({error}): "
            "check that it exists and that the function's role may call secretsmanager:GetSecretValue on it."
        ) from error
    try:
        key = json.loads(secret)["api_key"]
    except (ValueError, KeyError, TypeError):
        # `from None`: the cause would carry the secret's text.
        raise ConfigurationError(f'The secret {arn} must be JSON of the form {{"api_key": "<key>"}}.') from None
    return str(key).strip()


class translated_errors:  # noqa: N801 - reads like `contextlib.suppress`; no generator, since every call passes it
    """Turn whatever the SDK raises inside the block into the platform's `ModelError`; wrap the SDK's call alone."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        translated = translate(error) if isinstance(error, Exception) else None
        if translated:
            raise translated from error


def translate(error: Exception) -> ModelError | None:
    """The platform's error for one that came out of an SDK call; None if it cannot have come from there.

    The message keeps what upstream said and its request id, never the request or the key.
    """
    import anthropic  # loaded already, if the error is the SDK's
    import httpx2

    if isinstance(error, anthropic.APIStatusError):
        kind = _BY_STATUS.get(error.status_code) or _BY_TYPE.get(error.type or "")
        if kind is None:
            kind = ModelError if error.status_code >= 500 else ModelRejectedRequest
        said = error.api_message or "no explanation"
        translated = kind(
            f"Claude's API answered {error.status_code} {error.type or 'error'}: {said} "
            f"(upstream request {error.request_id or 'without id'}). {_REMEDY[kind]}"
        )
        wait = error.response.headers.get("retry-after", "")
        if wait.isascii() and wait.isdigit() and len(wait) < 10:
            translated.retry_after = min(int(wait), LONGEST_WAIT_SECONDS)
        return translated
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        return ModelTimedOut(f"Claude's API did not answer in time. {_REMEDY[ModelTimedOut]}")
    if isinstance(error, anthropic.APIConnectionError | httpx2.TransportError):
        unreachable = ModelUnreachable(
            f"No connection to Claude's API ({_innermost(error)}): check CLAUDE_BASE_URL and the network."
        )
        # A line that broke after it was up may have carried the request.
        unreachable.uncertain = not isinstance(error.__cause__ or error, httpx2.ConnectError)
        return unreachable
    if isinstance(error, anthropic.CredentialsError):
        return ModelRejectedRequest(f"The credentials for Claude cannot be loaded: {error}")
    if isinstance(error, anthropic.AnthropicError | httpx2.HTTPError | json.JSONDecodeError):
        unreadable = ModelError(
            f"Claude's API gave an answer that cannot be read ({type(error).__name__}: {error}). {_REMEDY[ModelError]}"
        )
        unreadable.transient, unreadable.uncertain = False, True
        return unreadable
    return None


def _innermost(error: BaseException) -> str:
    """The first cause, such as `[Errno 111] Connection refused`; the SDK's own text says only "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
