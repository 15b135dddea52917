"""Build the figures of a stage anew from its audit log: `python -m infra_cdk.rebuild_projections local`.

The API goes on answering meanwhile, with `"complete": false`. Interrupted, it says how to go on: events that arrive may
finish a rebuild too, and one that is not told which it goes on with would then begin another.
"""

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra_cdk.local.environment import REGION
from infra_cdk.local.state import State
from infra_cdk.stages import STAGES

FUNCTION = "ProjectEventsFunctionName"
ANSWER_SECONDS = 910
"""No function takes longer than 15 minutes."""


class RebuildFailed(Exception):
    """The figures could not be built anew. The message says why and what to do."""


def main() -> int:
    """Command line; 0 when every projection is at the end of the log, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("--to", type=int, help="go on with the rebuild that was interrupted and named this number")
    wanted = parser.parse_args()
    to: int | None = wanted.to
    try:
        client, function = _local() if wanted.stage == "local" else _deployed(wanted.stage)
        while not (told := rebuild_once(client, function, to))["complete"]:
            to = told["rebuild_to"]
    except RebuildFailed as error:
        sys.stderr.write(f"✗ {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"\nStopped. {_go_on(to)}\n")
        return 1
    sys.stdout.write("✓ Every projection holds what the audit log tells.\n")
    return 0


def rebuild_once(client: Any, function: str, to: int | None = None) -> dict[str, Any]:
    """Have the function build for as long as it may, and show how far it is.

    Args:
        to: the `rebuild_to` that the call before answered.

    Raises:
        RebuildFailed: it could not be invoked, or failed.
    """
    try:
        order = {"rebuild": True} if to is None else {"rebuild": True, "rebuild_to": to}
        answer = client.invoke(FunctionName=function, Payload=json.dumps(order).encode())
    except (BotoCoreError, ClientError) as error:
        raise RebuildFailed(f"The function {function} cannot be invoked: {error}. {_go_on(to)}") from error
    told: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
    if "FunctionError" in answer:
        why = f"{told.get('errorType')}: {told.get('errorMessage')}"
        raise RebuildFailed(f"Stopped: {why} {_go_on(to)}")
    for each in told["projections"]:
        share = each["applied_seq"] / each["head"] if each["head"] else 1.0
        sys.stdout.write(f"  {each['name']:<20} {each['applied_seq']:>10,} of {each['head']:,} events  {share:.0%}\n")
    sys.stdout.flush()
    return told


def _go_on(to: int | None) -> str:
    return f"What is built is kept: run it again{'' if to is None else f' with ARGS="--to {to}"'} to go on."


def _local() -> tuple[Any, str]:
    """The function of the platform that runs on this machine."""
    state = State.from_environment()
    try:
        endpoint = json.loads(state.running.read_text())["emulator"]
        outputs = json.loads((state.emulator / "working/outputs.json").read_text())
    except OSError:
        raise RebuildFailed(f"No platform runs from {state.directory}: start it by `make run`.") from None
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    client = session.client("lambda", endpoint_url=endpoint, config=_patience())
    return client, outputs["AgentPlatform-local-Events"][FUNCTION]


def _deployed(stage: str) -> tuple[Any, str]:
    """The function of a stage in the AWS account one is signed in to."""
    stack = f"{STAGES[stage].prefix}-Events"
    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
        return boto3.client("lambda", config=_patience()), outputs[FUNCTION]
    except (BotoCoreError, ClientError) as error:
        raise RebuildFailed(f"The stack {stack} cannot be read: {error}. Sign in, and name a region.") from error
    except KeyError:
        raise RebuildFailed(f"The stack {stack} has no output {FUNCTION}: deploy this version first.") from None


def _patience() -> Config:
    return Config(read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1})


if __name__ == "__main__":
    sys.exit(main())
