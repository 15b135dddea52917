"""The threat model promises no test that there is not, and leaves out none of the three lists of risks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| asset", "| entry", "| risk"))
]
RISKS = {
    *(f"API{number}" for number in range(1, 11)),
    *(f"{name}{number:02}" for name in ("LLM", "ASI") for number in range(1, 11)),
}


def named_in(path: Path) -> set[str]:
    """The names of the tests in a file."""
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {each.name for each in found if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}


@pytest.mark.parametrize(("file", "name"), sorted({each.groups() for each in NAMED.finditer(PAGE)}, key=str))
def test_a_named_test_is_there(file: str, name: str | None) -> None:
    path = ROOT / file
    assert path.is_file(), f"docs/threat-model.md names {file}, which is gone"
    tests = named_in(path)
    assert tests, f"{file} has no test"
    assert name is None or name in tests, f"{file} has no test {name}"


def test_every_line_of_an_attack_or_a_risk_names_a_test() -> None:
    of_attacks = [row for row in ROWS if row.count("|") == 5 and "---" not in row]
    of_risks = [row for row in ROWS if row.split()[1] in RISKS]
    assert len(of_attacks) >= 25
    for row in (*of_attacks, *of_risks):
        assert NAMED.search(row), row


def test_every_risk_of_the_three_lists_has_its_line() -> None:
    told = [row.split()[1] for row in ROWS if row.split()[1] in RISKS]
    assert sorted(told) == sorted(RISKS)


def test_the_way_to_say_what_is_not_stopped_is_not_left_out() -> None:
    _, _, last = PAGE.partition("\n## What is not stopped\n")
    assert last.count("\n- **") >= 8
