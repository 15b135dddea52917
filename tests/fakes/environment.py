"""An environment in which no test can spend money or read what belongs to whoever runs it."""

import os

from agent_platform import settings

REGION = "eu-central-1"

AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
FOREIGN = ("AWS_", "ANTHROPIC_", "CLAUDE_", "OTEL_", "POWERTOOLS_")
"""How the variables begin that would lead a test to somebody's account or collector."""


def isolate_environment() -> None:
    """Take away keys, accounts, proxies and every variable of the platform; put dummy AWS credentials in place."""
    for name in [*os.environ]:
        if name.startswith(FOREIGN) or name.upper().endswith("_PROXY") or name in _platform_variables():
            del os.environ[name]
    os.environ.update(AWS)


def _platform_variables() -> set[str]:
    classes = [each for each in vars(settings).values() if isinstance(each, type) and hasattr(each, "model_fields")]
    return {name.upper() for each in classes for name in each.model_fields}
