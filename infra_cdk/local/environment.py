"""The environment of the children: the user's, without what would change their behaviour or leak a secret into it."""

import os
from collections.abc import Mapping

from infra_cdk.local.state import ROOT

REGION = "us-east-1"
ACCOUNT = "000000000000"
# A real AWS profile must never be used by mistake, a key belongs only where it is asked for, and with
# PYTHONDONTWRITEBYTECODE every start of a Lambda worker would compile what it imports (three times as slow).
_WITHHELD = ("AWS_", "ANTHROPIC_", "CLAUDE_", "CDK_", "PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS", "PORT")
# These reach a function by its own environment, if at all; what the emulator has would reach every one.
_FOR_FUNCTIONS = ("KAFKA_", "EGRESS_", "OTEL_")
WITHHELD = _WITHHELD + _FOR_FUNCTIONS


def child_environment(**added: str) -> dict[str, str]:
    """What a child process inherits, with `added` on top. Loopback traffic never takes a proxy."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}
    direct = "127.0.0.1,localhost"
    for name in ("NO_PROXY", "no_proxy"):
        inherited[name] = f"{inherited[name]},{direct}" if inherited.get(name) else direct
    return inherited | {"PYTHONUNBUFFERED": "1"} | added


def platform_environment(**added: str) -> dict[str, str]:
    """As `child_environment`, for a Python program of this working copy."""
    return child_environment(PYTHONPATH=f"{ROOT / 'layers/platform/python'}:{ROOT}", **added)


def cloud_environment(endpoint: str) -> Mapping[str, str]:
    """What points the AWS tools at the emulated cloud. Its credentials are the ones every emulator takes."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
