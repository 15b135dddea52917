"""What a run keeps, and for whom."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.local.errors import AlreadyRunningError
from infra_cdk.local.state import ROOT, State, credentials, write_private


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    state.create()
    return state


def hold_lock(state: State) -> subprocess.Popen[str]:
    """Another process that holds the lock, as a second terminal would."""
    code = f"""
import time
from pathlib import Path
from infra_cdk.local.state import State
with State(Path({str(state.directory)!r})).lock():
    print("held", flush=True)
    time.sleep(600)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_run_is_told_who_holds_the_directory(state: State) -> None:
    with hold_lock(state) as holder:
        try:
            with pytest.raises(AlreadyRunningError, match=rf"process {holder.pid}\).*PLATFORM_STATE_DIR"), state.lock():
                pass
        finally:
            holder.kill()


def test_the_lock_of_a_killed_run_is_free(state: State) -> None:
    with hold_lock(state) as holder:
        holder.kill()

    with state.lock():
        assert (state.directory / "lock").read_text().isdigit()


def test_the_directory_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path / "elsewhere"))
    assert State.from_environment().directory == tmp_path / "elsewhere"

    monkeypatch.setenv("PLATFORM_STATE_DIR", "")
    assert State.from_environment().directory == ROOT / ".local"


def test_logs_and_the_emulated_cloud_are_for_their_owner_alone(state: State) -> None:
    assert [path.stat().st_mode & 0o777 for path in (state.logs, state.emulator)] == [0o700, 0o700]


def test_credentials_are_made_once_at_random_and_readable_by_their_owner_alone(state: State) -> None:
    made = credentials(state.credentials)

    assert credentials(state.credentials) == made
    assert state.credentials.stat().st_mode & 0o777 == 0o600
    passwords = {account["password"] for account in made.values()}
    assert len(passwords) == len(made) == 3
    assert all(len(password) >= 20 for password in passwords)


def test_two_installations_have_different_passwords(tmp_path: Path) -> None:
    first, second = (credentials(tmp_path / name) for name in ("a.json", "b.json"))

    assert first["admin"]["password"] != second["admin"]["password"]


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, {"pid": 1})

    assert json.loads(path.read_text()) == {"pid": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
