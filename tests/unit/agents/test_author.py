"""What authors type: begin an agent, see what a change means."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_platform.agents.author import NotDone, diff, new
from tests.fakes.definitions import write_definition, write_vocabulary


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of definitions with one agent, in a repository of its own."""
    root = tmp_path / "agent_defs"
    write_vocabulary(root, "post")
    write_definition(root, "post/parcel-weigher")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first")
    return root


def _git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, env=environment)


def test_a_new_agent_begins_with_every_field_and_stands_in_its_groups_plan(root: Path):
    path = new("post/letter-sorter", root)
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert "name: Letter Sorter" in text
    assert "- `letter-sorter`:" in (root / "post/README.md").read_text()


def test_what_a_new_agent_still_lacks_is_said_by_its_check(root: Path):
    new("post/letter-sorter", root)
    command = [
        sys.executable,
        "-m",
        "agent_platform.finding.check_agent",
        "post/letter-sorter",
        "--definitions",
        str(root),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "instructions: has 35 words; write 120 to 300" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("agent_id", "told"),
    [
        ("post/parcel-weigher", "exists already"),
        ("sea/parcel-weigher", "no group `sea`"),
        ("post/Parcel", "is no agent id"),
        ("post", "is no agent id"),
        ("../post/x", "is no agent id"),
    ],
)
def test_an_agent_that_cannot_be_begun_is_refused_and_nothing_is_written(root: Path, agent_id: str, told: str):
    before = sorted(root.rglob("*"))
    with pytest.raises(NotDone, match=told):
        new(agent_id, root)
    assert sorted(root.rglob("*")) == before


def test_a_change_without_a_new_version_is_told_with_the_version_it_needs(root: Path):
    write_definition(root, "post/parcel-weigher", summary="Weighs one parcel and names its class of the tariff.")
    told, enough = diff("post/parcel-weigher", root, "HEAD")
    assert not enough
    assert "summary is another" in told
    assert "write 1.0.1 or higher" in told


def test_a_change_with_a_version_that_says_enough_passes(root: Path):
    write_definition(root, "post/parcel-weigher", version="1.1.0", model="deep")
    told, enough = diff("post/parcel-weigher", root, "HEAD")
    assert enough
    assert "minor  model is another" in told


def test_an_agent_that_did_not_exist_then_has_no_difference(root: Path):
    write_definition(root, "post/letter-weigher", "letter")
    with pytest.raises(NotDone, match=r"git knows no post/letter-weigher\.yaml at HEAD"):
        diff("post/letter-weigher", root, "HEAD")
