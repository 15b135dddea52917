"""The gate on agents that put others to work: each fault is told by file and line, and every chain ends."""

from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.check import check_catalogue
from agent_platform.agents.consult import MAX_DEPTH, tool_schema_faults
from agent_platform.errors import DefinitionError
from tests.fakes.definitions import a_definition, write_definition, write_vocabulary

CLERK, LETTER, PARCEL = "post/counter-clerk", "post/letter-weigher", "post/parcel-weigher"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, LETTER, "letter")
    write_definition(root, PARCEL, "parcel")
    return root


def faults(root: Path) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        check_catalogue(root)
    return [str(fault) for fault in raised.value.faults]


def fault_of(root: Path, **changes: Any) -> tuple[str, str]:
    """The one fault of the clerk, and the line of its file that it points to."""
    path = write_definition(root, CLERK, "counter", **changes)
    (fault,) = faults(root)
    file, line, message = fault.split(":", 2)
    assert file == f"agent_defs/{CLERK}.yaml"
    return message.strip(), path.read_text().splitlines()[int(line) - 1].strip()


def team(*members: str, mode: str = "parallel", **more: Any) -> dict[str, Any]:
    return {"mode": mode, "members": list(members), **more}


def consulting(*consults: str) -> dict[str, Any]:
    return {"tools": ["consult_agent"], "consults": list(consults)}


@pytest.mark.parametrize("mode", ["sequential", "parallel", "supervisor", "debate"])
def test_a_team_of_agents_that_are_there_passes(root: Path, mode: str):
    write_definition(root, CLERK, "counter", team=team(LETTER, PARCEL, mode=mode))
    assert len(check_catalogue(root).definitions) == 3


def test_an_agent_that_consults_others_passes(root: Path):
    write_definition(root, CLERK, "counter", **consulting(LETTER, PARCEL))
    check_catalogue(root)


def test_a_team_may_consult_somebody_beside_its_members(root: Path):
    write_definition(root, "post/card-weigher", "card")
    write_definition(root, CLERK, "counter", team=team(LETTER, PARCEL), **consulting("post/card-weigher"))
    check_catalogue(root)


def test_the_tool_without_anybody_to_consult_is_told(root: Path):
    message, line = fault_of(root, tools=["calculator", "consult_agent"])
    assert message == "tools: lists `consult_agent`, but `consults` names nobody; name the agents there"
    assert line == "tools:"


def test_somebody_to_consult_without_the_tool_is_told(root: Path):
    message, line = fault_of(root, consults=[LETTER])
    assert message == "consults: names agents, but `tools` does not list `consult_agent`; add it there"
    assert line == "consults:"


@pytest.mark.parametrize(
    ("changes", "field"),
    [(consulting(LETTER, "post/nobody"), "consults.1"), ({"team": team("post/nobody", LETTER)}, "team.members.0")],
    ids=["consults", "team"],
)
def test_a_colleague_that_is_not_there_is_told_at_its_line(root: Path, changes: dict[str, Any], field: str):
    message, line = fault_of(root, **changes)
    assert message == f"{field}: there is no agent `post/nobody`; it must be defined, not only planned"
    assert line == "- post/nobody"


def test_a_planned_agent_can_be_pointed_to_but_not_put_to_work(root: Path):
    message, _ = fault_of(root, **consulting("post/loss-tracer"))
    assert "there is no agent `post/loss-tracer`" in message


@pytest.mark.parametrize("changes", [consulting(CLERK), {"team": team(LETTER, CLERK)}], ids=["consults", "team"])
def test_an_agent_cannot_put_itself_to_work(root: Path, changes: dict[str, Any]):
    message, line = fault_of(root, **changes)
    assert "names the agent itself" in message
    assert line == f"- {CLERK}"


def test_a_member_that_is_listed_twice_or_consulted_as_well_is_told(root: Path):
    assert "team.members: lists the same agent twice" in fault_of(root, team=team(LETTER, LETTER))[0]
    message, _ = fault_of(root, team=team(LETTER, PARCEL), **consulting(PARCEL))
    assert message == f"consults: names `{PARCEL}` of the team; a member is put to work as such"


@pytest.mark.parametrize("memory", ["conversation", "long_term"])
def test_a_team_with_a_memory_is_told(root: Path, memory: str):
    message, line = fault_of(root, team=team(LETTER, PARCEL), memory=memory)
    assert message.startswith("memory: a team keeps no conversation; write `none`")
    assert line == f"memory: {memory}"


@pytest.mark.parametrize(
    ("wanted", "rounds"),
    [(team(LETTER, PARCEL, mode="sequential"), 2), (team(LETTER, PARCEL, mode="debate", rounds=4), 4)],
)
def test_a_procedure_that_the_limits_cut_off_is_told(root: Path, wanted: dict[str, Any], rounds: int):
    message, line = fault_of(root, team=wanted, limits={"max_tool_rounds": 1})
    assert message == f"team: its procedure takes {rounds} rounds of calls, and limits.max_tool_rounds is 1; raise that"
    assert line == "team:"


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"anyOf": [{"required": ["a"]}]}, ["has `anyOf` at its root"]),
        ({"properties": {"a b": {"type": "string"}}}, ["has a property named `a b`"]),
        ({"properties": {"a": {"items": {"properties": {"ü": {}}}}}}, ["has a property named `ü`"]),
        ({"$defs": {"b": {"properties": {"c/d": {}}}}}, ["has a property named `c/d`"]),
        ({"properties": {"x" * 65: {}}}, [f"has a property named `{'x' * 65}`"]),
        ({"properties": {"a": {"anyOf": [{"type": "null"}]}, "b.c-d_1": {}, "enum": {"enum": ["a b"]}}}, []),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_models_api_takes_for_a_tool_is_known(schema: dict[str, Any], told: list[str]):
    assert tool_schema_faults({"type": "object", **schema}) == told


def test_a_colleague_whose_input_cannot_be_a_tools_is_told(root: Path):
    schema = {**a_definition("card")["input"], "anyOf": [{"required": ["card_grams"]}, {"required": ["sent_on"]}]}
    write_definition(root, "post/card-weigher", "card", input=schema)
    message, line = fault_of(root, **consulting("post/card-weigher"))
    assert message == (
        "consults.0: `post/card-weigher` cannot be a tool of another agent: its input schema has `anyOf` at its root"
    )
    assert line == "- post/card-weigher"


def test_a_circle_is_told_once_at_its_first_agent_with_all_who_are_in_it(root: Path):
    write_definition(root, "post/air-clerk", "air", **consulting("post/sea-clerk"))
    write_definition(root, "post/sea-clerk", "sea", team=team("post/rail-clerk", LETTER))
    write_definition(root, "post/rail-clerk", "rail", **consulting("post/air-clerk"))
    write_definition(root, CLERK, "counter", **consulting("post/sea-clerk"))
    (fault,) = faults(root)
    assert fault.startswith("agent_defs/post/air-clerk.yaml:")
    assert fault.endswith(
        "consults.0: puts agents to work in a circle: "
        "post/air-clerk → post/sea-clerk → post/rail-clerk → post/air-clerk"
    )


def test_two_circles_are_told_apart(root: Path):
    for first, second in (("air", "sea"), ("rail", "road")):
        write_definition(root, f"post/{first}-clerk", first, **consulting(f"post/{second}-clerk"))
        write_definition(root, f"post/{second}-clerk", second, **consulting(f"post/{first}-clerk"))
    assert [fault.rpartition(": ")[2] for fault in faults(root)] == [
        "post/air-clerk → post/sea-clerk → post/air-clerk",
        "post/rail-clerk → post/road-clerk → post/rail-clerk",
    ]


def test_a_chain_may_be_as_long_as_agents_may_work_under_each_other_and_no_longer(root: Path):
    def write_chain(length: int) -> None:
        for n in range(1, length):
            below = f"post/desk{n + 1}-clerk" if n + 1 < length else LETTER
            write_definition(root, f"post/desk{n}-clerk", f"desk{n}", **consulting(below))

    write_chain(MAX_DEPTH)
    check_catalogue(root)
    write_chain(MAX_DEPTH + 1)
    (fault,) = faults(root)
    assert fault.startswith("agent_defs/post/desk1-clerk.yaml:")
    assert "no more than 4 agents may work under each other: post/desk1-clerk → post/desk2-clerk → " in fault
