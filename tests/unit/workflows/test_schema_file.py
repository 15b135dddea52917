"""`statemachines/schema.json`: what editors complete by is what the platform accepts."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from agent_platform.workflows import schema_file
from agent_platform.workflows.schema_file import spec_schema
from tests.fakes.spec_checks import a_workflow, judge, read

ROOT = Path(__file__).parents[3]
SPECS = sorted((ROOT / "statemachines/specs").glob("*.yaml"))


def test_the_file_in_the_repository_is_the_generated_one():
    written = (ROOT / "statemachines/schema.json").read_text(encoding="utf-8")
    assert written == spec_schema(), "run `python -m agent_platform.workflows.schema_file`"


def test_it_is_valid_json_schema():
    jsonschema_rs.meta.validate(json.loads(spec_schema()))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_editor_finds_no_fault_in_a_shipped_workflow_and_knows_the_schema(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert [*jsonschema_rs.validator_for(json.loads(spec_schema())).iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "spec",
    [
        a_workflow(read(agent="x")),
        a_workflow(read(kind="robot")),
        a_workflow(judge(on_error="stop")),
        a_workflow(judge(retry=[{"errors": ["A"]}] * 6)),
        a_workflow(judge(colour="red")),
        a_workflow(),
    ],
    ids=["agent", "kind", "on_error", "retries", "field", "steps"],
)
def test_an_editor_shows_what_would_be_refused(spec: dict[str, Any]):
    assert not jsonschema_rs.is_valid(json.loads(spec_schema()), spec)
    assert jsonschema_rs.is_valid(json.loads(spec_schema()), a_workflow(read(), judge()))


def test_the_command_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statemachines").mkdir()
    assert schema_file.main() == 0
    assert (tmp_path / "statemachines/schema.json").read_text(encoding="utf-8") == spec_schema()
    assert capsys.readouterr().out == "statemachines/schema.json\n"
