"""Policies of a test's own, compiled as those of the repository are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_platform.identity.policy import Policies
from agent_platform.identity.policy.compile import compile_policies

POLICIES = Path(__file__).parents[2] / "layers" / "policies"


def write_sources(folder: Path, roles: Any = None, denials: Any = None, **rego: str) -> Path:
    """The repository's policy in `folder`, with other roles, denials or Rego files (by their stem)."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in POLICIES.glob("*.*"):
        shutil.copy(path, folder)
    for name, value in {"roles.json": roles, "denials.json": denials}.items():
        if value is not None:
            (folder / name).write_text(json.dumps(value))
    for name, text in rego.items():
        (folder / f"{name}.rego").write_text(text)
    return folder


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Policies]:
    """Compile sources, and be ready to ask them."""

    def compile_(roles: Any = None, denials: Any = None, **rego: str) -> Policies:
        sources = write_sources(tmp_path / "sources", roles, denials, **rego)
        compile_policies(sources, tmp_path / "compiled")
        return Policies(tmp_path / "compiled")

    return compile_
