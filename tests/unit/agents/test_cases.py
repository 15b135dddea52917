"""Cases of agents: their files, and the example as a case."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent_platform.agents.cases import Bounds, CaseFile, example_case
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.check import check_agent, check_catalogue
from agent_platform.agents.compile import compile_catalogue
from agent_platform.agents.loader import AgentLoader
from agent_platform.errors import DefinitionError
from tests.fakes.definitions import a_definition, write_definition, write_vocabulary

HEAVY = """\
- name: heavy-parcel
  why: A heavy parcel at the small tariff is carried at a loss.
  input: {parcel_grams: 9000}
  expect: {tariff_class: L}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/letter-weigher", "letter")
    write_definition(root, "post/parcel-weigher", "parcel")
    return root


def write_cases(root: Path, *cases: str, agent: str = "parcel-weigher") -> None:
    folder = root / "post" / "cases"
    folder.mkdir(exist_ok=True)
    text = "cases:\n" + "".join(cases)
    (folder / f"{agent}.yaml").write_text(text, encoding="utf-8")


def faults(root: Path) -> Iterator[str]:
    with pytest.raises(DefinitionError) as raised:
        check_catalogue(root)
    yield from map(str, raised.value.faults)


def test_the_compiled_catalogue_has_the_cases_of_an_agent_and_none_of_another(root: Path, tmp_path: Path):
    write_cases(root, HEAVY)
    compile_catalogue(root, tmp_path / "agents.sqlite")

    with closing(Catalogue(tmp_path / "agents.sqlite")) as catalogue:
        document = catalogue.cases("post/parcel-weigher")
        assert catalogue.cases("post/letter-weigher") is None
    assert document is not None
    (case,) = CaseFile.model_validate_json(document).cases
    assert (case.name, case.input, case.expect) == ("heavy-parcel", {"parcel_grams": 9000}, {"tariff_class": "L"})


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (HEAVY.replace("9000", "-1"), "cases.0.input.parcel_grams"),
        (HEAVY.replace("class: L", "class: XL"), "cases.0.expect.tariff_class"),
        (HEAVY.replace("heavy-parcel", "example"), "there is another case `example`"),
        (HEAVY.replace("  expect: {tariff_class: L}\n", ""), "tests nothing"),
        (HEAVY.replace("tariff_class: L", '"a[": L'), "is no JMESPath expression"),
        (HEAVY.replace("tariff_class: L", "tariff_class: {within: 2}"), "names no bound"),
        (HEAVY + "  answer: {tariff_class: L}\n", "cases.0.answer.reason"),
        (HEAVY + HEAVY, "there is another case `heavy-parcel`"),
    ],
)
def test_a_fault_in_a_case_is_told_by_its_file_and_field(root: Path, case: str, told: str):
    write_cases(root, case)

    (fault,) = faults(root)
    assert fault.startswith("agent_defs/post/cases/parcel-weigher.yaml")
    assert told in fault


def test_cases_without_their_agent_are_told(root: Path):
    write_cases(root, HEAVY, agent="parcel-wrapper")

    assert "there is no agent `post/parcel-wrapper`" in next(faults(root))


def test_checking_one_agent_checks_its_cases_and_no_other_agents(root: Path):
    write_cases(root, HEAVY.replace("9000", "-1"))

    check_agent(root, "post/letter-weigher")
    with pytest.raises(DefinitionError, match="parcel_grams"):
        check_agent(root, "post/parcel-weigher")


def test_what_the_example_decides_and_counts_must_come_again_and_not_its_words(root: Path):
    shape = a_definition("crate")
    shape["output"]["properties"] |= {"price": {"type": "number"}, "fragile": {"type": "boolean"}}
    shape["output"]["required"] += ["price", "fragile"]
    shape["example"]["output"] |= {"price": 200.0, "fragile": False}
    path = root / "post" / "crate-weigher.json"
    path.write_text(json.dumps(shape))

    case = example_case(AgentLoader(root).load(path))

    assert case.expect == {"tariff_class": "M", "price": Bounds(about=200.0, within=2.0), "fragile": False}


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        (Bounds(about=480, within=0.5), [480, 479.5, 480.5], [479.4, 480.6, True, "480", None, float("nan")]),
        (Bounds(at_least=2), [2, 3.5], [1.9, False]),
        (Bounds(at_least=1, at_most=3), [1, 3], [0, 4]),
    ],
)
def test_bounds_hold_for_numbers_inside_them_alone(bounds: Bounds, inside: list[float], outside: list[object]):
    assert all(bounds.holds(each) for each in inside)
    assert not any(bounds.holds(each) for each in outside)
