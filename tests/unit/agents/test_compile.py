"""Compiling: the catalogue file is written whole or not at all."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent_platform.agents import compile as compiler
from agent_platform.agents.catalogue import FORMAT, Catalogue
from agent_platform.agents.compile import compile_catalogue, write_catalogue
from agent_platform.agents.loader import AgentLoader
from agent_platform.errors import ConfigurationError, DefinitionError
from tests.fakes.definitions import write_definition, write_vocabulary


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/letter-weigher", "letter")
    write_definition(root, "post/parcel-weigher", "parcel")
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "build/catalogue/agents.sqlite"


def ids(path: Path) -> list[str]:
    with closing(Catalogue(path)) as catalogue:
        return catalogue.ids()


def test_every_definition_can_be_read_back_as_it_was_written(root: Path, target: Path):
    assert compile_catalogue(root, target) == 2
    with closing(Catalogue(target)) as catalogue:
        for definition in AgentLoader(root).load_all():
            assert catalogue.get(definition.id) == definition


def test_the_same_definitions_make_the_same_file_byte_for_byte(root: Path, target: Path, tmp_path: Path):
    compile_catalogue(root, target)
    compile_catalogue(root, tmp_path / "again.sqlite")
    assert target.read_bytes() == (tmp_path / "again.sqlite").read_bytes()


def test_a_faulty_definition_leaves_the_file_as_it_was(root: Path, target: Path):
    compile_catalogue(root, target)
    before = target.read_bytes()
    write_definition(root, "post/card-weigher", "card", version="1")
    with pytest.raises(DefinitionError, match=r"card-weigher\.yaml:2: version"):
        compile_catalogue(root, target)
    assert target.read_bytes() == before


def test_a_compiler_that_fails_half_way_leaves_the_file_as_it_was_and_no_draft(root: Path, target: Path):
    compile_catalogue(root, target)
    before = target.read_bytes()
    definitions = AgentLoader(root).load_all()
    with pytest.raises(sqlite3.IntegrityError):
        write_catalogue([*definitions, definitions[0]], {"post": {"name": "Post", "summary": ""}}, target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["agents.sqlite"]


def test_a_draft_that_a_killed_compiler_left_is_no_obstacle(root: Path, target: Path):
    target.parent.mkdir(parents=True)
    (target.parent / f"agents.sqlite.{os.getpid()}.draft").write_bytes(b"half a file")
    compile_catalogue(root, target)
    assert len(ids(target)) == 2


def test_who_reads_the_old_file_goes_on_reading_it(root: Path, target: Path):
    compile_catalogue(root, target)
    with closing(Catalogue(target)) as reader:
        write_definition(root, "post/card-weigher", "card")
        compile_catalogue(root, target)
        assert len(reader.ids()) == 2
        assert reader.get("post/parcel-weigher").name == "Parcel Weigher"
    assert len(ids(target)) == 3


def test_groups_without_an_agent_are_listed_too(root: Path, target: Path):
    write_vocabulary(root, "post", "air")
    compile_catalogue(root, target)
    with closing(Catalogue(target)) as catalogue:
        assert [(group.id, group.agents) for group in catalogue.groups()] == [("air", 0), ("post", 2)]


def test_an_empty_catalogue_can_be_compiled(tmp_path: Path, target: Path):
    write_vocabulary(tmp_path / "agent_defs")
    assert compile_catalogue(tmp_path / "agent_defs", target) == 0
    with closing(Catalogue(target)) as catalogue:
        assert catalogue.cards() == []


def test_a_damaged_entry_costs_that_agent_only(root: Path, target: Path):
    compile_catalogue(root, target)
    with closing(sqlite3.connect(target)) as db, db:
        db.execute("UPDATE agents SET definition = substr(definition, 1, 500) WHERE id = 'post/letter-weigher'")
    with closing(Catalogue(target)) as catalogue:
        with pytest.raises(DefinitionError, match=r"post/letter-weigher: its compiled entry is damaged"):
            catalogue.get("post/letter-weigher")
        assert catalogue.get("post/parcel-weigher").name == "Parcel Weigher"
        assert [card.id for card in catalogue.cards()] == ["post/letter-weigher", "post/parcel-weigher"]


class TestFilesThatAreNoCatalogue:
    """A function refuses to start on them, and says what to do."""

    @pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look at" * 100])
    def test_a_file_of_another_kind(self, tmp_path: Path, content: bytes):
        path = tmp_path / "agents.sqlite"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="make catalogue"):
            Catalogue(path)

    def test_a_file_of_another_format(self, root: Path, target: Path):
        compile_catalogue(root, target)
        with closing(sqlite3.connect(target)) as db:
            db.execute(f"PRAGMA user_version = {FORMAT + 1}")
        with pytest.raises(ConfigurationError, match=f"has catalogue format {FORMAT + 1}, not {FORMAT}"):
            Catalogue(target)

    @pytest.mark.parametrize("path", ["none.sqlite", "."])
    def test_no_file(self, tmp_path: Path, path: str):
        with pytest.raises(ConfigurationError, match="There is no compiled catalogue"):
            Catalogue(tmp_path / path)


def test_the_catalogue_may_lie_where_nothing_can_be_written(root: Path, target: Path):
    compile_catalogue(root, target)
    target.chmod(0o444)
    target.parent.chmod(0o555)
    try:
        assert len(ids(target)) == 2
        assert [path.name for path in target.parent.iterdir()] == ["agents.sqlite"]
    finally:
        target.parent.chmod(0o755)


def test_a_path_with_signs_of_a_url_is_opened_as_a_path(root: Path, tmp_path: Path):
    target = tmp_path / "with space?mode=rw#x%20" / "agents.sqlite"
    compile_catalogue(root, target)
    assert len(ids(target)) == 2


def test_the_command_tells_what_it_built(
    root: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["compile", "--definitions", str(root), "--output", str(target)])
    assert compiler.main() == 0
    assert capsys.readouterr().out.startswith(f"2 agents in {target} (")
    write_definition(root, "post/card-weigher", "card", version="1")
    assert compiler.main() == 1
    assert "The catalogue was not built: mend these definitions first." in capsys.readouterr().err


def test_the_command_runs_as_a_module(root: Path, target: Path):
    platform = Path(__file__).parents[3] / "layers/platform/python"
    command = [sys.executable, "-m", "agent_platform.agents.compile", "--definitions", root, "--output", target]
    done = subprocess.run(command, env={"PYTHONPATH": str(platform)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(ids(target)) == 2
