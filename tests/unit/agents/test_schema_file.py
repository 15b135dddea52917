"""`agent_defs/schema.json`: what editors complete by is what the platform accepts."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from agent_platform.agents import schema_file
from agent_platform.agents.case_files import case_paths
from agent_platform.agents.schema_file import cases_schema, definition_schema
from agent_platform.agents.tools import registry
from tests.fakes.definitions import a_definition

ROOT = Path(__file__).parents[3]


def test_the_file_in_the_repository_is_the_generated_one():
    written = (ROOT / "agent_defs/schema.json").read_text(encoding="utf-8")
    assert written == definition_schema(), "run python -m agent_platform.agents.schema_file"


def test_it_is_valid_json_schema():
    jsonschema_rs.meta.validate(json.loads(definition_schema()))


@pytest.mark.parametrize("path", sorted((ROOT / "agent_defs").glob("*/*.yaml")), ids=lambda path: path.stem)
def test_an_editor_finds_no_fault_in_a_definition_and_knows_the_schema(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert [*jsonschema_rs.validator_for(json.loads(definition_schema())).iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "changes", [{"tools": ["hammer"]}, {"model": "huge"}, {"colour": "red"}, {"version": None}], ids=str
)
def test_an_editor_shows_what_the_check_would_refuse(changes: dict):
    assert not jsonschema_rs.is_valid(json.loads(definition_schema()), a_definition(**changes))


def test_it_completes_the_tools_there_are():
    tools = json.loads(definition_schema())["properties"]["tools"]
    assert tools["items"]["enum"] == sorted({*registry, "consult_agent"})


def test_the_command_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent_defs").mkdir()
    assert schema_file.main() == 0
    assert (tmp_path / "agent_defs/schema.json").read_text(encoding="utf-8") == definition_schema()
    assert (tmp_path / "agent_defs/cases.schema.json").read_text(encoding="utf-8") == cases_schema()
    assert capsys.readouterr().out == "agent_defs/schema.json\nagent_defs/cases.schema.json\n"


def test_the_schema_of_cases_in_the_repository_is_the_generated_one_and_every_file_of_cases_fits_it():
    written = (ROOT / "agent_defs/cases.schema.json").read_text(encoding="utf-8")
    assert written == cases_schema(), "run python -m agent_platform.agents.schema_file"
    files = case_paths(ROOT / "agent_defs")
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# yaml-language-server: $schema=../../cases.schema.json\n")
        assert [*jsonschema_rs.validator_for(json.loads(written)).iter_errors(yaml.safe_load(text))] == []
