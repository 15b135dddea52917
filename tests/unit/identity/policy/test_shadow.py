"""The next policy in the shadow of the one that is enforced: what it would do otherwise is told, and never done."""

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import Forbidden
from agent_platform.identity.policy import Policies, Question, Resource
from agent_platform.identity.policy.compile import compile_policies
from agent_platform.identity.principal import Principal
from tests.fakes.log import log
from tests.fakes.policies import write_sources

__all__ = ["log"]

USER = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="")
VIEWER = Principal("user-2", "bob@example.com", frozenset({"viewer"}), token_id="")
EXECUTE = Resource("agent", "healthcare/admission-medication-reconciler", ["medication"], 0.1)
DENIAL = {"id": "no-medication", "reason": "Medication is for admins.", "when": {"tags": ["medication"]}}


def with_next(tmp_path: Path, **files: Any) -> tuple[Path, Policies]:
    sources = write_sources(tmp_path / "sources")
    (sources / "next").mkdir()
    for name, value in files.items():
        suffix = ".rego" if isinstance(value, str) else ".json"
        text = value if isinstance(value, str) else json.dumps(value)
        (sources / "next" / f"{name}{suffix}").write_text(text)
    compile_policies(sources, tmp_path / "compiled")
    return sources, Policies(tmp_path / "compiled")


def told(log: StringIO) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line.get("message") == "policy_differs"]


def metrics(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in found if "PolicyDifferences" in line]


def test_what_the_next_version_would_deny_passes_and_is_told(
    tmp_path: Path, log: StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
    _, policies = with_next(tmp_path, denials={"denials": [DENIAL]})
    decision = policies.decide(Question.now(USER, "agents:execute", EXECUTE))
    assert decision.allowed
    (difference,) = told(log)
    assert difference["level"] == "WARNING"
    assert (difference["allowed"], difference["next_would_allow"]) == (True, False)
    assert difference["next_by"] == ["denial:no-medication"]
    assert difference["version"] == decision.version != difference["next_version"]
    assert (difference["principal"], difference["resource_id"]) == ("user-1", EXECUTE.id)
    (metric,) = metrics(capsys.readouterr().out)
    assert metric["PolicyDifferences"] == [1.0]


def test_what_the_next_version_would_allow_is_refused_and_told(tmp_path: Path, log: StringIO):
    roles = {"roles": {"viewer": {"summary": "s", "actions": ["agents:*"]}}}
    _, policies = with_next(tmp_path, roles=roles, denials={})
    with pytest.raises(Forbidden):
        policies.require(Question.now(VIEWER, "agents:execute", EXECUTE))
    (difference,) = told(log)
    assert (difference["allowed"], difference["next_would_allow"]) == (False, True)


def test_where_both_agree_nothing_is_told(tmp_path: Path, log: StringIO):
    _, policies = with_next(tmp_path, denials={"denials": [DENIAL]})
    assert policies.decide(Question.now(USER, "workflows:read", Resource("workflows"))).allowed
    assert not told(log)
    shadow = policies.in_the_shadow(Question.now(USER, "agents:execute", EXECUTE))
    assert shadow is not None
    assert not shadow.allowed


def test_a_next_version_that_is_damaged_disturbs_nobody(tmp_path: Path, log: StringIO):
    _, policies = with_next(tmp_path, denials={"denials": [DENIAL]})
    (tmp_path / "compiled" / "next.rbb").write_bytes(b"no bundle at all")
    for _ in range(3):
        assert policies.decide(Question.now(USER, "agents:execute", EXECUTE)).allowed
    (fault,) = told(log)
    assert "next.rbb is not what next.json tells of" in fault["next_fault"]


def test_enforcing_the_next_version_is_moving_its_files(tmp_path: Path, log: StringIO):
    sources, before = with_next(tmp_path, denials={"denials": [DENIAL]})
    question = Question.now(USER, "agents:execute", EXECUTE)
    next_version = before.known()[1]
    for path in (sources / "next").iterdir():
        shutil.move(path, sources / path.name)
    (sources / "next").rmdir()
    compile_policies(sources, tmp_path / "compiled")
    now = Policies(tmp_path / "compiled")
    with pytest.raises(Forbidden, match=r"Medication is for admins\."):
        now.require(question)
    assert (now.known()[0].version, now.known()[1]) == (next_version, None)
    assert not [*(tmp_path / "compiled").glob("next*")]
