"""The command that builds a stage's figures anew: progress, going on, and what it says when it cannot."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from infra_cdk import rebuild_projections
from infra_cdk.rebuild_projections import RebuildFailed, rebuild_once


class Function:
    """Answers as the function does: each time it is a thousand events further, until it fails, if it does."""

    def __init__(self, events: int, error: dict[str, str] | None = None, *, fails_after: int = 0) -> None:
        self.applied = 0
        self.events = events
        self.error = error
        self.fails_after = fails_after
        self.orders: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> dict[str, Any]:
        assert asked["FunctionName"] == "project"
        self.orders.append(json.loads(asked["Payload"]))
        if self.error and len(self.orders) > self.fails_after:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(self.error).encode())}
        self.applied = min(self.events, self.applied + 1000)
        state = {"name": "usage", "applied_seq": self.applied, "head": self.events}
        told = {"projections": [state], "complete": self.applied == self.events, "rebuild_to": self.events}
        return {"Payload": io.BytesIO(json.dumps(told).encode())}


class Gone:
    """Nobody answers."""

    def invoke(self, **_: object) -> dict[str, Any]:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")


def test_it_goes_on_until_every_projection_is_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = Function(2500)
    monkeypatch.setattr(rebuild_projections, "_local", lambda: (function, "project"))
    monkeypatch.setattr("sys.argv", ["rebuild_projections", "local"])

    assert rebuild_projections.main() == 0

    shown = capsys.readouterr().out
    assert [share for share in ("40%", "80%", "100%") if share in shown] == ["40%", "80%", "100%"]
    assert "1,000 of 2,500 events" in shown
    again = {"rebuild": True, "rebuild_to": 2500}  # what was finished between two calls is not begun anew
    assert function.orders == [{"rebuild": True}, again, again]


def test_one_that_was_interrupted_says_how_to_go_on_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = {"errorType": "StorageUnavailable", "errorMessage": "The database does not answer."}
    function = Function(2500, fault, fails_after=1)
    monkeypatch.setattr(rebuild_projections, "_local", lambda: (function, "project"))
    monkeypatch.setattr("sys.argv", ["rebuild_projections", "local"])
    assert rebuild_projections.main() == 1
    assert 'run it again with ARGS="--to 2500" to go on' in capsys.readouterr().err

    function.error = None
    monkeypatch.setattr("sys.argv", ["rebuild_projections", "local", "--to", "2500"])
    assert rebuild_projections.main() == 0
    assert function.orders[2] == {"rebuild": True, "rebuild_to": 2500}


def test_a_fault_of_the_function_is_told_with_what_to_do() -> None:
    fault = {"errorType": "StorageUnavailable", "errorMessage": "The database does not answer."}

    with pytest.raises(RebuildFailed, match=r"StorageUnavailable: The database does not answer\. .*run it again"):
        rebuild_once(Function(1, fault), "project")


def test_a_cloud_that_does_not_answer_is_told() -> None:
    with pytest.raises(RebuildFailed, match="cannot be invoked"):
        rebuild_once(Gone(), "project")


def test_without_a_running_platform_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["rebuild_projections", "local"])

    assert rebuild_projections.main() == 1

    assert "start it by `make run`" in capsys.readouterr().err
