"""The static gate: what no single file can tell."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent_platform.agents import check
from agent_platform.agents.check import check_catalogue
from agent_platform.agents.tools import registry
from agent_platform.errors import DefinitionError
from tests.fakes.definitions import a_definition, write_definition, write_vocabulary


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalogue without a fault: two agents, and one that is planned."""
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/letter-weigher", "letter")
    write_definition(root, "post/parcel-weigher", "parcel")
    return root


def faults(root: Path) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        check_catalogue(root)
    return [str(fault) for fault in raised.value.faults]


def fault(root: Path) -> str:
    (found,) = faults(root)
    return found


def test_a_catalogue_without_a_fault_passes(root: Path):
    checked = check_catalogue(root)
    assert [definition.id for definition in checked.definitions] == ["post/letter-weigher", "post/parcel-weigher"]
    assert checked.groups == {"post": {"name": "Post", "summary": "All about post."}}


def test_an_unknown_tool_is_told_with_those_there_are(root: Path):
    path = write_definition(root, "post/parcel-weigher", "parcel", tools=["calculator", "hammer"])
    line = path.read_text().splitlines().index("tools:") + 1
    assert fault(root) == (
        f"agent_defs/post/parcel-weigher.yaml:{line}: tools: there is no tool `hammer`; "
        f"there are {', '.join(sorted({*registry, 'consult_agent'}))}"
    )


def test_an_unknown_tag_is_told_at_its_own_line(root: Path):
    path = write_definition(root, "post/parcel-weigher", "parcel", tags=["logistics", "magic", "review"])
    line = path.read_text().splitlines().index("- magic") + 1
    assert fault(root).startswith(f"agent_defs/post/parcel-weigher.yaml:{line}: tags.1: `magic` is not in tags.yaml")


def test_an_unknown_group_is_told(root: Path):
    write_definition(root, "magic/wand-weigher", "wand")
    assert fault(root).startswith("agent_defs/magic/wand-weigher.yaml:1: its group `magic` is not in groups.yaml")


def test_an_unknown_connector_is_told(root: Path):
    write_definition(root, "post/parcel-weigher", "parcel", connectors=["jira"])
    assert "there is no connector `jira`" in fault(root)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"not_when": [{"ask": "Anything else.", "instead": "post/nobody"}]}, "not_when.0.instead"),
        (
            {"near_misses": [*a_definition()["near_misses"], {"ask": "More.", "belongs_to": "post/nobody"}]},
            "near_misses.2.belongs_to",
        ),
    ],
)
def test_a_target_that_is_neither_there_nor_planned_is_told(root: Path, changes: dict, field: str):
    write_definition(root, "post/parcel-weigher", "parcel", **changes)
    assert f"{field}: `post/nobody` is neither a definition nor listed in its group's README.md" in fault(root)


def test_a_target_may_be_an_agent_that_is_there(root: Path):
    write_definition(
        root, "post/parcel-weigher", "parcel", not_when=[{"ask": "A letter.", "instead": "post/letter-weigher"}]
    )
    check_catalogue(root)


def test_an_agent_cannot_send_its_users_to_itself(root: Path):
    write_definition(root, "post/parcel-weigher", "parcel", not_when=[{"ask": "Me.", "instead": "post/parcel-weigher"}])
    assert "not_when.0.instead: names the agent itself" in fault(root)


def test_a_name_made_of_the_words_of_another_is_told(root: Path):
    write_definition(root, "post/weigher-letter", "card")
    assert "its name has the same words as `post/letter-weigher`" in fault(root)


def test_the_same_name_in_another_group_is_told(root: Path):
    write_vocabulary(root, "post", "air")
    write_definition(root, "air/parcel-weigher", "crate")
    assert "post/parcel-weigher.yaml:1: its name has the same words as `air/parcel-weigher`" in fault(root)


def test_two_agents_that_ask_for_the_same_fields_are_told(root: Path):
    write_definition(
        root,
        "post/card-weigher",
        "card",
        input=a_definition("parcel")["input"],
        example=a_definition("parcel")["example"],
    )
    found = fault(root)
    assert found.startswith("agent_defs/post/parcel-weigher.yaml:")
    assert "input: asks for the same fields as `post/card-weigher`; two such tasks are one agent" in found


def test_instructions_shared_by_three_agents_are_told_and_by_two_are_not(root: Path):
    shared = a_definition("parcel")["instructions"]
    write_definition(root, "post/card-weigher", "card", instructions=shared)
    check_catalogue(root)
    write_definition(root, "post/crate-weigher", "crate", instructions=shared.upper().replace("\n", "  \n"))
    told = faults(root)
    assert len(told) == 3
    assert all("10 of 10 lines stand in three or more agents" in each for each in told)


def test_a_tenth_of_the_lines_may_be_shared(root: Path):
    # Two of the ten steps name no topic, so all agents share them; eleven more lines of its own make it a tenth.
    own = [f"Line {n} that only the {topic} has.\n" for topic in ("letter", "parcel", "card") for n in range(10)]
    for number, topic in enumerate(("letter", "parcel", "card")):
        instructions = a_definition(topic)["instructions"] + "".join(own[10 * number : 10 * number + 10])
        write_definition(root, f"post/{topic}-weigher", topic, instructions=instructions)
    check_catalogue(root)


@pytest.mark.parametrize("name", ["groups.yaml", "tags.yaml"])
def test_a_missing_vocabulary_is_told(root: Path, name: str):
    (root / name).unlink()
    assert fault(root) == f"agent_defs/{name}: is missing; definitions refer to it"


@pytest.mark.parametrize(
    "path",
    ["card-weigher.yaml", "post/stamps/card-weigher.yaml", "post/card-weigher.YAML", "tags.json", "post/x/y/z.yml"],
)
def test_a_file_where_no_agent_is_looked_for_is_told_and_not_passed_over(root: Path, path: str):
    stray = root / path
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("name: Card Weigher")
    assert fault(root) == f"agent_defs/{path}: no agent is looked for here; move it to <group>/<name>.yaml"


def test_faults_of_files_come_before_faults_between_them(root: Path):
    write_definition(root, "post/card-weigher", "card", version="1", tags=["logistics", "magic", "review"])
    assert "version" in fault(root)


def test_all_faults_between_files_are_told_at_once(root: Path):
    write_definition(root, "post/card-weigher", "card", tools=["hammer"], tags=["logistics", "magic", "review"])
    write_definition(root, "magic/wand-weigher", "wand", connectors=["jira"])
    assert len(faults(root)) == 4


def test_the_command_says_what_is_wrong_and_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["check", "--definitions", str(root)])
    assert check.main() == 0
    assert capsys.readouterr().out == "2 agents in 1 groups: no fault.\n"
    write_definition(root, "post/card-weigher", "card", version="1")
    assert check.main() == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "agent_defs/post/card-weigher.yaml:2: version:" in told.err
    assert told.err.endswith("1 faults.\n")


def test_the_command_runs_as_a_module(root: Path):
    platform = Path(__file__).parents[3] / "layers/platform/python"
    command = [sys.executable, "-m", "agent_platform.agents.check", "--definitions", str(root)]
    done = subprocess.run(command, env={"PYTHONPATH": str(platform)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2 agents in 1 groups: no fault.\n"), done.stderr
