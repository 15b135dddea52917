"""The emulated AWS cloud: MiniStack in its own virtual environment (it pins botocore), its state kept between runs."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

from infra_cdk.local import mails
from infra_cdk.local.environment import child_environment, cloud_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK
from infra_cdk.local.processes import Child
from infra_cdk.local.state import ROOT, State

INTERPRETER = ROOT / ".venv-emulator/bin/python"
SERVER = Path(__file__).with_name("emulator_server.py")
SAVED = "saved"
WORKING = "working"
COMPLETE = "complete"
DEPLOYING = "deploying"
START_SECONDS = 60.0
# Saving takes about a second; requests in flight get three.
STOP_SECONDS = 20.0


def endpoint(port: int) -> str:
    """Base URL of the emulated AWS API."""
    return f"http://{LOOPBACK}:{port}"


def working(state: State) -> Path:
    """Where the state of the running emulator lies."""
    return state.emulator / WORKING


def emulator(state: State, port: int, functions_from: Path | None = None) -> Child:
    """The process, ready to be started.

    Args:
        functions_from: folder to run the functions from in place of what was deployed.

    Raises:
        LocalRunError: its virtual environment is missing.
    """
    if not INTERPRETER.exists():
        raise LocalRunError(f"{INTERPRETER} is missing: start the platform by `make run`, which installs it.")
    kept = working(state)
    changed = {"FUNCTIONS_FROM": str(functions_from)} if functions_from else {}
    return Child(
        "The emulated AWS cloud",
        [INTERPRETER, "-P", SERVER],
        log=state.log("emulator"),
        environment=child_environment(
            **cloud_environment(endpoint(port)),
            **changed,
            BIND_HOST=LOOPBACK,
            GATEWAY_PORT=str(port),
            PERSIST_STATE="1",
            STATE_DIR=str(kept / "services"),
            S3_PERSIST="1",
            S3_DATA_DIR=str(kept / "s3"),
            TMPDIR=str(_fresh(state.emulator / "tmp")),
            FUNCTION_LOG=str(state.log("functions")),
            **mails.environment(state),
            COMPLETE_MARK=str(kept / COMPLETE),
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            DOCKER_HOST="unix:///nonexistent",  # functions run as processes; a Docker daemon is none of its business
        ),
        stop_seconds=STOP_SECONDS,
    )


def restore(state: State) -> bool:
    """Give the emulator a working copy of its last complete state, so that a crash never leaves half of one behind.

    A state saved in the middle of a deployment does not count: CloudFormation would wait for ever for what never comes.

    Returns:
        Whether there was any; False means that it starts empty.
    """
    saved, used = state.emulator / SAVED, working(state)
    if (used / COMPLETE).exists() and not (used / DEPLOYING).exists():
        shutil.rmtree(saved, ignore_errors=True)
        used.rename(saved)
    shutil.rmtree(used, ignore_errors=True)
    if not saved.exists():
        used.mkdir(mode=0o700)
        return False
    # The mark says of a whole state that it is whole, so it is not copied along.
    shutil.copytree(saved, used, ignore=lambda folder, _: {COMPLETE} if Path(folder) == saved else set())
    return True


def forget(state: State) -> None:
    """Start with an empty cloud next time."""
    for kept in (state.emulator / SAVED, working(state)):
        shutil.rmtree(kept, ignore_errors=True)


def renew_workers(child: Child) -> None:
    """End the functions' idle processes: the next request starts new ones, with the code and catalogue of now."""
    os.kill(child.group, signal.SIGUSR1)


def answers(port: int) -> bool:
    """Whether it takes requests."""
    try:
        with urllib.request.urlopen(f"{endpoint(port)}/_ministack/ready", timeout=1) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory
