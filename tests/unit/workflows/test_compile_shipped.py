"""The shipped workflows as files: what their specs become, and what keeps them from being built."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from agent_platform.agents.check import check_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import DefinitionError
from agent_platform.workflows import compile as compiler
from agent_platform.workflows.compile import ShippedSpec, shipped_specs
from agent_platform.workflows.json_layout import laid_out
from agent_platform.workflows.publisher import MachineNames
from agent_platform.workflows.shipped import read_shipped
from agent_platform.workflows.shipped_files import (
    BUILT,
    PLACEHOLDERS,
    definition_file,
    filled_in,
    spec_files,
    workflow_id,
)
from tests.fakes.workflows import a_spec, a_spec_that_runs

ROOT = Path(__file__).parents[3]
SPECS = spec_files(ROOT)
VALUES = dict(zip(PLACEHOLDERS, ("p-run_agent-", ":live", "p-workflow_step", "arn:machines:p-wf-"), strict=True))

Agents = dict[str, AgentDefinition]


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {each.id: each for each in check_catalogue(ROOT / "agent_defs").definitions}


@pytest.fixture(scope="module")
def shipped(agents: Agents) -> list[ShippedSpec]:
    return shipped_specs(ROOT, agents)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one workflow and all agents."""
    (tmp_path / "statemachines/specs").mkdir(parents=True)
    (tmp_path / "agent_defs").symlink_to(ROOT / "agent_defs")
    write(tmp_path, a_spec("tidy-numbers", example={"total": 1}))
    return tmp_path


def write(root: Path, spec: dict[str, Any]) -> None:
    text = yaml.safe_dump(spec, sort_keys=False)
    (root / f"statemachines/specs/{spec['name']}.yaml").write_text(text, encoding="utf-8")


def run(monkeypatch: pytest.MonkeyPatch, root: Path, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["compile", "--root", str(root), *options])
    return compiler.main()


def test_the_definitions_in_the_repository_are_the_compiled_ones(shipped: list[ShippedSpec]) -> None:
    for each in shipped:
        kept = definition_file(ROOT, each.spec.name).read_text(encoding="utf-8")
        assert kept == each.definition, f"{each.spec.name}: run `make workflows`"


def test_each_compiled_definition_has_a_spec() -> None:
    of_specs = {definition_file(ROOT, path.stem) for path in SPECS}
    by_hand = {ROOT / f"statemachines/{name}.asl.json" for name in ("evaluate_agent", "run_agent", "run_batch")}

    assert set((ROOT / "statemachines").glob("*.asl.json")) == of_specs | by_hand


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_editor_finds_no_fault_in_a_spec_and_knows_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    schema = json.loads((ROOT / "statemachines/schema.json").read_text(encoding="utf-8"))

    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert [*jsonschema_rs.validator_for(schema).iter_errors(yaml.safe_load(text))] == []


def test_a_definition_that_is_filled_in_has_no_placeholder_left_and_all_its_templates(
    shipped: list[ShippedSpec],
) -> None:
    by_name = {each.spec.name: filled_in(each.definition, VALUES) for each in shipped}

    assert not any(f"${{{name}}}" in text for text in by_name.values() for name in PLACEHOLDERS)
    assert '"FunctionName": "p-run_agent-finance-accounting:live"' in by_name["pay-invoice"]
    assert '"FunctionName": "p-workflow_step"' in by_name["pay-invoice"]
    assert '"machine_arn": "arn:machines:p-wf-write-release-notes"' in by_name["decide-release"]
    assert '"invoice": "${input.invoice}"' in by_name["pay-invoice"]


def test_a_placeholder_without_a_value_is_noticed(shipped: list[ShippedSpec]) -> None:
    with pytest.raises(KeyError):
        filled_in(shipped[0].definition, {})


def test_a_nested_workflow_is_named_by_the_id_that_its_row_has(shipped: list[ShippedSpec]) -> None:
    (release,) = [each.definition for each in shipped if each.spec.name == "decide-release"]

    assert f'"workflow_id": "{workflow_id("write-release-notes")}"' in release


def test_what_the_build_writes_is_what_a_deployment_reads(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, checkout, "--write") == 0
    read = read_shipped(checkout / "build/catalogue/agents.sqlite", MachineNames("arn:", "p-wf-"))

    assert read is not None
    (found,) = read
    assert (found.draft.name, found.machine_arn) == ("tidy-numbers", "arn:p-wf-tidy-numbers")
    assert str(found.id) == workflow_id("tidy-numbers")
    assert found.draft.source == (checkout / "statemachines/specs/tidy-numbers.yaml").read_text(encoding="utf-8")
    assert "1 workflows in build/catalogue/workflows.json" in capsys.readouterr().out


def test_a_definition_that_has_drifted_is_not_built(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, checkout, "--write") == 0
    (checkout / BUILT).unlink()
    write(checkout, a_spec("tidy-numbers", title="Something else", example={"total": 1}))

    assert run(monkeypatch, checkout) == 1
    assert "tidy_numbers.asl.json. Run `make workflows`." in capsys.readouterr().err
    assert not (checkout / BUILT).exists()


def test_a_check_writes_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, checkout, "--write") == 0
    shutil.rmtree(checkout / "build")

    assert run(monkeypatch, checkout, "--check") == 0
    assert not (checkout / "build").exists()


def test_the_digest_changes_with_the_source_and_with_what_it_compiles_to(shipped: list[ShippedSpec]) -> None:
    one = shipped[0]

    assert ShippedSpec(one.spec, f"{one.source}\n", one.definition).digest != one.digest
    assert ShippedSpec(one.spec, one.source, f"{one.definition}\n").digest != one.digest


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (a_spec("tidy-up"), "specs/tidy-up.yaml: example: is required of a shipped workflow"),
        (a_spec("tidy", example={"total": 1}), "specs/tidy.yaml: name: must be the file's name"),
        (a_spec("tidy-up", steps=[]), "specs/tidy-up.yaml: steps"),
        (a_spec_that_runs("platform/nowhere-else", "tidy-up") | {"example": {"total": 1}}, "steps.inner.workflow"),
    ],
    ids=["no example", "no verb and noun", "no steps", "unknown workflow"],
)
def test_faults_are_told_by_file_and_field(checkout: Path, agents: Agents, spec: dict[str, Any], fault: str) -> None:
    write(checkout, spec)

    with pytest.raises(DefinitionError) as refused:
        shipped_specs(checkout, agents)
    assert fault in refused.value.detail


def test_faults_of_all_files_are_told_at_once(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tidy-up", "tidy-down"):
        write(checkout, a_spec(name))

    assert run(monkeypatch, checkout) == 1
    told = capsys.readouterr().err
    assert "tidy-up.yaml" in told
    assert "tidy-down.yaml" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}\n"),
        ({"a": {"b": 1}}, '{"a": {"b": 1}}\n'),
        ({"a": {"b": {"c": "é"}}}, '{\n  "a": {"b": {"c": "é"}}\n}\n'),
        (["x" * 70, "y" * 70], f'[\n  "{"x" * 70}",\n  "{"y" * 70}"\n]\n'),
    ],
    ids=["empty", "short", "deep", "long"],
)
def test_json_is_laid_out_for_people(value: Any, text: str) -> None:
    assert laid_out(value) == text
    assert json.loads(laid_out(value)) == value
