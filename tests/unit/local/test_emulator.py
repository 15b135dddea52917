"""Which state the emulated cloud starts with, after every way a run can end."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from infra_cdk.local.emulator import COMPLETE, DEPLOYING, forget, restore, working
from infra_cdk.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.create()
    return state


def end_run(state: State, content: str, *marks: str) -> None:
    """Leave behind what an emulator leaves that has written `content`."""
    (working(state) / "tables.json").write_text(content)
    for mark in marks:
        (working(state) / mark).touch()


def found(state: State) -> str:
    return (working(state) / "tables.json").read_text()


def test_the_first_start_is_empty(state: State) -> None:
    assert not restore(state)
    assert list(working(state).iterdir()) == []


def test_a_start_finds_what_the_last_run_saved(state: State) -> None:
    restore(state)
    end_run(state, "one execution", COMPLETE)

    assert restore(state)
    assert found(state) == "one execution"


def test_a_run_that_saved_only_half_leaves_the_state_of_the_run_before(state: State) -> None:
    restore(state)
    end_run(state, "one execution", COMPLETE)
    restore(state)
    end_run(state, "one exec")

    assert restore(state)
    assert found(state) == "one execution"
    assert not (working(state) / COMPLETE).exists()


def test_a_run_that_ended_within_a_deployment_leaves_the_state_of_the_run_before(state: State) -> None:
    restore(state)
    end_run(state, "deployed", COMPLETE)
    restore(state)
    end_run(state, "UPDATE_IN_PROGRESS", DEPLOYING, COMPLETE)

    assert restore(state)
    assert found(state) == "deployed"
    assert not (working(state) / DEPLOYING).exists()


def test_a_first_deployment_that_was_interrupted_leaves_nothing(state: State) -> None:
    restore(state)
    end_run(state, "CREATE_IN_PROGRESS", DEPLOYING, COMPLETE)

    assert not restore(state)
    assert list(working(state).iterdir()) == []


def test_a_start_that_is_interrupted_while_it_restores_loses_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore(state)
    (working(state) / "secrets.json").write_text("keys")
    end_run(state, "one execution", COMPLETE)
    copied: list[str] = []

    def copy_one(source: str, target: str) -> None:
        if copied:
            raise KeyboardInterrupt
        copied.append(source)
        shutil.copyfile(source, target)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(shutil, "copytree", partial(shutil.copytree, copy_function=copy_one))
        with pytest.raises(KeyboardInterrupt):
            restore(state)

    assert restore(state)
    assert found(state) == "one execution"
    assert (working(state) / "secrets.json").read_text() == "keys"


def test_what_is_forgotten_is_not_found(state: State) -> None:
    restore(state)
    end_run(state, "one execution", COMPLETE)
    restore(state)

    forget(state)

    assert not restore(state)
