"""Deploy a stage to AWS: `python -m infra_cdk.deploy dev`. Everything is built before anything is changed."""

import argparse
import subprocess
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra_cdk.repository import ROOT
from infra_cdk.stages import STAGES

CDK = ROOT / "infra_cdk" / "node_modules" / ".bin" / "cdk"


def account() -> str:
    """The AWS account that the present credentials belong to.

    Raises:
        SystemExit: there are none, or AWS refuses them; the message says what to do.
    """
    try:
        return str(boto3.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        sys.exit(
            f"✗ AWS cannot be asked who you are: {error}\n"
            "  Sign in first (`aws sso login`, or set AWS_PROFILE) and name a region (AWS_REGION).\n"
            "  Nothing was deployed."
        )


def main() -> int:
    """Command line; the exit code is that of the CDK."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=[name for name in STAGES if name != "local"])
    stage = parser.parse_args().stage
    sys.stdout.write(f"Deploying stage {stage} to AWS account {account()}\n")
    sys.stdout.flush()
    for command in (["bootstrap"], ["deploy", "--all", "--require-approval", "broadening"]):
        done = subprocess.run([CDK, *command, "-c", f"stage={stage}"], cwd=ROOT, check=False)  # noqa: S603 - fixed words
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
