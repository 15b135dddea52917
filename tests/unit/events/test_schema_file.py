"""`events/schemas`: what is committed is what is generated, and no reader of it is broken."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from agent_platform.events import schema_file
from agent_platform.events.schema_file import breaks_of, event_schemas, read_schemas

AGENT_EXECUTED = "agent.executed.schema.json"
COMMAND = "python -m agent_platform.events.schema_file"
PUBLISHED = {
    AGENT_EXECUTED,
    "workflow.started.schema.json",
    "workflow.completed.schema.json",
    "workflow.failed.schema.json",
}
"""What readers were told. Names are added here, never taken away."""


def edited(text: str, **fields: Any) -> str:
    """A schema with other properties of its data; None takes one away."""
    schema = json.loads(text)
    data = schema["$defs"]["AgentExecuted"]
    for name, field in fields.items():
        if field is None:
            del data["properties"][name]
            data["required"].remove(name)
        else:
            data["properties"][name] = field
    return json.dumps(schema)


def test_a_reader_of_the_published_schemas_can_go_on():
    published = read_schemas(schema_file.PUBLISHED)
    assert published.keys() >= PUBLISHED, "what was published stays: fetch it from an earlier commit"
    broken = breaks_of(published, event_schemas())
    assert broken == {}, "\n".join(f"{name}: {each}" for name, found in broken.items() for each in found)


def test_the_committed_schemas_are_the_generated_ones():
    assert read_schemas() == event_schemas(), f"run `{COMMAND}`"


@pytest.mark.parametrize(("name", "text"), event_schemas().items())
def test_they_are_valid_json_schema_with_an_id_and_a_purpose(name: str, text: str):
    schema = json.loads(text)
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:ai-agents-platform:events:{name.removesuffix('.schema.json')}"
    assert schema["description"]


@pytest.mark.parametrize("text", event_schemas().values(), ids=event_schemas())
def test_readers_may_meet_fields_they_do_not_know(text: str):
    assert not re.search(r'"additionalProperties": false', text)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the schemas."""
    folder = tmp_path / "schemas"
    monkeypatch.setattr(schema_file, "TARGET", folder)
    monkeypatch.setattr(schema_file, "PUBLISHED", folder / "published")
    monkeypatch.setattr("sys.argv", ["schema_file"])
    return folder


def test_the_command_writes_every_schema(target: Path, capsys: pytest.CaptureFixture[str]):
    assert schema_file.main() == 0
    assert read_schemas(target) == event_schemas()
    assert capsys.readouterr().out.splitlines() == [str(target / name) for name in event_schemas()]


def test_what_readers_do_not_notice_is_written_over(target: Path):
    schema_file.main()
    (target / AGENT_EXECUTED).write_text(edited(event_schemas()[AGENT_EXECUTED], tool_calls=None))
    assert schema_file.main() == 0
    assert read_schemas(target) == event_schemas()


def test_nothing_is_written_where_a_reader_would_break_and_each_break_has_a_remedy(
    target: Path, capsys: pytest.CaptureFixture[str]
):
    schema_file.main()
    before = edited(event_schemas()[AGENT_EXECUTED], shelf={"type": "string"}, status={"enum": ["succeeded"]})
    (target / AGENT_EXECUTED).write_text(before)
    (target / "workflow.started.schema.json").unlink()
    capsys.readouterr()
    assert schema_file.main() == 1
    assert (target / AGENT_EXECUTED).read_text() == before
    assert not (target / "workflow.started.schema.json").exists()
    told = capsys.readouterr()
    assert told.out == ""
    *lines, last = told.err.splitlines()
    assert [line.split(". Remedy: ")[0] for line in lines] == [
        f'{AGENT_EXECUTED}: data.status: the value "failed" is new',
        f'{AGENT_EXECUTED}: data.status: the value "cancelled" is new',
        f"{AGENT_EXECUTED}: data.shelf: it is gone",
    ]
    assert all(". Remedy: " in line for line in lines)
    assert last == "Nothing was written: readers of these events would break."


def test_a_schema_that_was_deleted_is_held_to_what_was_published(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with monkeypatch.context() as release:
        release.setattr("sys.argv", ["schema_file", "--publish"])
        assert schema_file.main() == 0
    assert read_schemas(target / "published") == read_schemas(target) == event_schemas()
    for path in target.glob("*.json"):
        path.unlink()
    now = event_schemas()
    now[AGENT_EXECUTED] = edited(now[AGENT_EXECUTED], tool_calls=None)
    monkeypatch.setattr(schema_file, "event_schemas", lambda: now)

    for arguments in (["schema_file"], ["schema_file", "--publish"]):
        monkeypatch.setattr("sys.argv", arguments)
        assert schema_file.main() == 1
        assert f"{AGENT_EXECUTED}: data.tool_calls: it is gone" in capsys.readouterr().err
    assert read_schemas(target) == {}


def test_what_is_written_is_published_by_a_release_alone(target: Path, monkeypatch: pytest.MonkeyPatch):
    schema_file.main()
    assert read_schemas(target / "published") == {}
    now = event_schemas()
    now[AGENT_EXECUTED] = edited(now[AGENT_EXECUTED], shelf={"type": "string"})
    monkeypatch.setattr(schema_file, "event_schemas", lambda: now)
    monkeypatch.setattr("sys.argv", ["schema_file", "--publish"])
    assert schema_file.main() == 0
    assert "shelf" in read_schemas(target / "published")[AGENT_EXECUTED]


def test_a_type_of_event_is_never_given_up(target: Path, capsys: pytest.CaptureFixture[str]):
    schema_file.main()
    (target / "agent.dismissed.schema.json").write_text("{}")
    assert schema_file.main() == 1
    assert "agent.dismissed.schema.json: the event: nobody writes this type" in capsys.readouterr().err
