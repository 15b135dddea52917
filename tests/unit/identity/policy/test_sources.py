"""What people write is checked closely: a typing error in a policy is a fault, never a rule that means nothing."""

from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import DefinitionError
from agent_platform.identity.policy.compile import compile_policies, main, read_source
from agent_platform.identity.policy.lint import lint
from tests.fakes.policies import POLICIES, write_sources

ROLE = {"summary": "s", "actions": ["agents:read"]}


def denial(**when: Any) -> dict[str, Any]:
    return {"id": "rule", "reason": "A reason that is told.", "when": when}


@pytest.mark.parametrize(
    ("roles", "denials", "fault"),
    [
        ({"roles": {"user": {**ROLE, "actions": ["agents:raed"]}}}, None, "`agents:raed` is no action"),
        ({"roles": {"user": {**ROLE, "actions": []}}}, None, "roles.user.actions"),
        ({"roles": {"user": {**ROLE, "agents": ["sales"]}}}, None, "none of `group/name`"),
        ({"roles": {"user": {**ROLE, "agents": ["@nobody"]}}}, None, "`nobody` is not defined"),
        ({"roles": {"user": {**ROLE, "agent": ["*"]}}}, None, "roles.user.agent"),
        ({"roles": {"user": ROLE}, "agent_groups": {"a": ["@b"], "b": ["*"]}}, None, "holds no other group"),
        ({"roles": {}}, None, "roles"),
        (None, {"denials": [denial()]}, "without any condition"),
        (None, {"denials": [denial(tag=["medication"])]}, "denials.0.when.tag"),
        (None, {"denials": [denial(tags=[])]}, "denials.0.when.tags"),
        (None, {"denials": [denial(cost_above_usd=-1)]}, "cost_above_usd"),
        (None, {"denials": [denial(networks=["ofice"])], "networks": {"office": ["10.0.0.0/8"]}}, "`ofice` is not"),
        (None, {"denials": [denial(outside_windows=["day"])]}, "`day` is not defined"),
        (None, {"denials": [denial(agents=["@moeny"])]}, "`moeny` is not defined"),
        (None, {"denials": [{**denial(tags=["a"]), "unless_roles": ["adnim"]}]}, "`adnim` is not defined"),
        (None, {"denials": [denial(tags=["a"]), denial(tags=["b"])]}, "more than one denial is called rule"),
        (None, {"networks": {"office": ["10.0.0.1/8"]}}, "networks.office"),
        (None, {"windows": {"day": {"zone": "Europe/Berln", "from": "08:00", "until": "18:00"}}}, "no time zone"),
        (None, {"windows": {"day": {"zone": "UTC", "from": "8:00", "until": "18:00"}}}, "windows.day.from"),
        (None, {"windows": {"day": {"zone": "UTC", "from": "08:00", "until": "08:00"}}}, "never open"),
    ],
)
def test_a_fault_is_named_and_nothing_is_written(tmp_path: Path, roles: Any, denials: Any, fault: str):
    sources = write_sources(tmp_path / "sources", roles, denials)
    with pytest.raises(DefinitionError) as raised:
        compile_policies(sources, tmp_path / "compiled")
    assert fault in str(raised.value)
    assert not (tmp_path / "compiled").exists()


@pytest.mark.parametrize("file", ["roles.json", "denials.json"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, file: str):
    sources = write_sources(tmp_path / "sources")
    (sources / file).unlink()
    with pytest.raises(DefinitionError, match=rf"{file}: is missing"):
        read_source(sources)


OLD = {
    "a body without if": "allow { input.action }",
    "a body without if on lines": "allow {\n\tinput.action\n}",
    "a value and a body without if": "allow = true {\n\tinput.action\n}",
    "a set without contains": "denied[id] {\n\tid := input.action\n}",
    "a set without contains or body": 'denied["x"]',
    "a function without if": "f(x) {\n\tx == 1\n}",
    "the network": 'allow if http.send({"url": "x"}).status == 200',
    "addresses": 'allow if net.cidr_contains("10.0.0.0/8", input.ip)',
    "a clock of its own": "allow if time.now_ns() > 0",
    "chance": 'allow if rand.intn("x", 2) == 1',
}


@pytest.mark.parametrize("name", OLD)
def test_old_rego_and_what_policies_have_no_use_for_is_refused(name: str):
    (fault,) = lint("a.rego", f"package a\n\nimport rego.v1\n\n{OLD[name]}\n")
    assert fault.startswith("a.rego:5: ")


def test_a_file_must_say_that_it_is_of_version_1():
    assert [*lint("a.rego", "package a\n\nallow := true\n")] == ["a.rego:1: write `import rego.v1` below the package"]


NEW = """package a

import rego.v1

import data.b

default allow := false

allow if input.action == "a{b}" # not { this }

allow if {
	some each in input.list
}

names contains each.id if some each in input.list

names contains "x"

decision := {"allow": allow, "why": {each | some each in names}}

decided := {
	"allow": allow,
}

f(x) := y if {
	y := x + 1
}

f(x) := 0 if not x
"""


def test_rego_of_version_1_is_taken():
    assert not [*lint("a.rego", NEW)]


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.rego")), ids=lambda path: path.name)
def test_the_shipped_rego_is_of_version_1(path: Path):
    assert not [*lint(path.name, path.read_text())]


def test_the_version_changes_with_what_decides_and_with_nothing_else(tmp_path: Path):
    def version(name: str, **files: Any) -> str:
        return read_source(write_sources(tmp_path / name, **files)).version

    rows = {"networks": {"office": ["10.0.0.0/8"]}, "denials": [denial(networks=["office"])]}
    wider = {**rows, "networks": {"office": ["10.0.0.0/7"]}}
    names = (POLICIES / "names.rego").read_text()
    versions = {
        version("a"),
        version("b", denials=rows),
        version("c", denials=wider),
        version("d", names=names + "#\n"),
    }
    assert len(versions) == 4
    assert version("e", denials=rows) == version("b2", denials=rows)


def test_the_same_sources_make_the_same_files(tmp_path: Path):
    for name in ("one", "two"):
        compile_policies(POLICIES, tmp_path / name)
    for file in ("enforced.json", "enforced.rbb"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_command_compiles_and_names_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = write_sources(tmp_path / "sources")
    monkeypatch.setattr("sys.argv", ["compile", "--policies", str(folder), "--output", str(tmp_path / "out")])
    assert main() == 0
    assert capsys.readouterr().out.startswith(f"Policies in {tmp_path / 'out'}: enforced ")
    (folder / "names.rego").write_text("package authz.names\n\nimport rego.v1\n\nof_action if {\n")
    assert main() == 1
    assert "The policies were not built" in capsys.readouterr().err
