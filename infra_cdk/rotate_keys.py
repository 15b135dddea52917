"""Sign access tokens with a new key from now on: `python -m infra_cdk.rotate_keys local`.

In the cloud Secrets Manager does it, now or when it is due; here this command takes the four steps in its place, since
the emulated one knows no rotation. Either way the steps are the function's (`agent_platform.identity.key_rotation`).
"""

import argparse
import json
import sys
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra_cdk.local.environment import REGION
from infra_cdk.local.state import State
from infra_cdk.stages import STAGES

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
STEP_SECONDS = 190


class RotationFailed(Exception):
    """The keys could not be rotated; the old one goes on signing. The message says why and what to do."""


def main() -> int:
    """Command line; 0 when the keys are rotated, or will be soon, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=list(STAGES))
    wanted = parser.parse_args()
    try:
        if wanted.stage == "local":
            _rotate_here()
            sys.stdout.write("✓ New tokens are signed with the new key; those of the old one stay good.\n")
        else:
            _rotate_deployed(wanted.stage)
            sys.stdout.write("✓ Secrets Manager rotates the keys now: it takes two minutes.\n")
    except RotationFailed as error:
        sys.stderr.write(f"✗ {error}\n")
        return 1
    return 0


def take_steps(client: Any, function: str, secret: str) -> None:
    """Have the function do the four steps, as Secrets Manager would.

    Raises:
        RotationFailed: a step failed.
    """
    token = str(uuid4())
    for step in STEPS:
        sys.stdout.write(f"  {step}{' (waits a minute for everybody to know the key)' * (step == 'testSecret')}\n")
        sys.stdout.flush()
        order = {"Step": step, "SecretId": secret, "ClientRequestToken": token}
        try:
            answer = client.invoke(FunctionName=function, Payload=json.dumps(order).encode())
        except (BotoCoreError, ClientError) as error:
            raise RotationFailed(f"The function {function} cannot be invoked: {error}.") from error
        told = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            why = f"{told.get('errorType')}: {told.get('errorMessage')}" if isinstance(told, dict) else str(told)
            raise RotationFailed(f"{step} failed: {why} The old key goes on signing; run it again.")


def _rotate_here() -> None:
    state = State.from_environment()
    try:
        endpoint = json.loads(state.running.read_text())["emulator"]
        outputs = json.loads((state.emulator / "working/outputs.json").read_text())["AgentPlatform-local-Data"]
    except OSError:
        raise RotationFailed(f"No platform runs from {state.directory}: start it by `make run`.") from None
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    patience = Config(read_timeout=STEP_SECONDS, retries={"total_max_attempts": 1})
    client = session.client("lambda", endpoint_url=endpoint, config=patience)
    take_steps(client, outputs["RotateSigningKeysFunctionName"], outputs["JwtSecretArn"])


def _rotate_deployed(stage: str) -> None:
    stack = f"{STAGES[stage].prefix}-Data"
    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
        boto3.client("secretsmanager").rotate_secret(SecretId=outputs["JwtSecretArn"], RotateImmediately=True)
    except (BotoCoreError, ClientError) as error:
        raise RotationFailed(f"The keys of {stack} cannot be rotated: {error}. Sign in, and name a region.") from error
    except KeyError:
        raise RotationFailed(f"The stack {stack} has no output JwtSecretArn: deploy this version first.") from None


if __name__ == "__main__":
    sys.exit(main())
