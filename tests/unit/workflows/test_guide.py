"""The guide for authors: what it shows is what the platform takes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from agent_platform.agents.catalogue import Catalogue
from agent_platform.workflows.check import check_spec
from agent_platform.workflows.reading import read_spec
from agent_platform.workflows.references import Reference, references
from agent_platform.workflows.spec import Steps
from functions.api.trigger_models import NewTrigger

GUIDE = (Path(__file__).parents[3] / "docs/workflows.md").read_text(encoding="utf-8")
YAML = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
JSON = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)


def test_the_example_passes_every_check(catalogue: Catalogue) -> None:
    (whole,) = [text for text in YAML if text.startswith("name:")]
    assert check_spec(read_spec(whole), catalogue.get, lambda _: None) == []


@pytest.mark.parametrize("text", [text for text in YAML if text.startswith("- id:")])
def test_each_step_is_one(text: str, catalogue: Catalogue) -> None:
    (step,) = TypeAdapter(Steps).validate_python(yaml.safe_load(text))
    assert all(isinstance(found, Reference) for _, found in references(yaml.safe_load(text)))
    for agent in re.findall(r"[a-z-]+/[a-z-]+", text):
        if step.kind != "workflow":
            assert catalogue.get(agent).id == agent


@pytest.mark.parametrize("text", JSON)
def test_each_trigger_is_one(text: str) -> None:
    order: Any = NewTrigger.model_validate(json.loads(text)).order
    assert (order.schedule is None) != (order.event is None)


def test_every_kind_of_step_is_explained() -> None:
    from agent_platform.workflows.reading import _KINDS

    assert [kind for kind in _KINDS if f"**{kind}**" not in GUIDE] == []
