"""Every stage synthesized once per session, without building any asset."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import AgentLoader
from infra_cdk.app import compose
from infra_cdk.nag import check_everything
from infra_cdk.repository import AGENT_DEFS, ROOT
from infra_cdk.stages import STAGES
from tests.infra.templates import Synthesized

CONTEXT = {
    **json.loads((ROOT / "cdk.json").read_text())["context"],
    "aws:cdk:bundling-stacks": [],
    "python": "/usr/bin/python3.13",
    "claude_base_url": "http://127.0.0.1:8100",
    "kafka_bootstrap": "127.0.0.1:9092",
    "mail_from": "Agents <agents@example.com>",
    "site_url": "https://agents.example.com",
    "database": json.dumps({"host": "127.0.0.1", "port": 5432, "username": "u", "password": "p", "dbname": "platform"}),
}

Synthesize = Callable[..., Synthesized]


@cache
def one_agent_per_group() -> tuple[AgentDefinition, ...]:
    """The first agent of each group: the stacks have a function per group, however many agents it has."""
    loader = AgentLoader(AGENT_DEFS)
    first = {path.parent.name: path for path in reversed(loader.paths())}
    return tuple(loader.load(first[group]) for group in sorted(first))


def synthesize(stage: str, out: Path, definitions: Sequence[AgentDefinition]) -> Synthesized:
    """The templates of one stage for these agents, and what the rules of cdk-nag and CloudFormation find in them."""
    app = App(outdir=str(out), context=CONTEXT, analytics_reporting=False, tree_metadata=False)
    compose(app, STAGES[stage], definitions)
    check_everything(app)
    findings = ""
    try:
        app.synth()
    except RuntimeError as error:
        if "Validation failed" not in str(error) and "ValidationFailed" not in str(error):
            raise
        findings = str(error)
    return Synthesized.read(STAGES[stage], out, findings)


@pytest.fixture(scope="session")
def stage_named(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Synthesized]:
    """A stage by its name, synthesized when it is first asked for."""

    @cache
    def named(name: str) -> Synthesized:
        return synthesize(name, tmp_path_factory.mktemp(name), one_agent_per_group())

    return named


@pytest.fixture(scope="session")
def dev(stage_named: Callable[[str], Synthesized]) -> Synthesized:
    return stage_named("dev")


@pytest.fixture(scope="session")
def prod(stage_named: Callable[[str], Synthesized]) -> Synthesized:
    return stage_named("prod")


@pytest.fixture(scope="session")
def local(stage_named: Callable[[str], Synthesized]) -> Synthesized:
    return stage_named("local")


@pytest.fixture(scope="session", params=sorted(STAGES))
def stage(request: pytest.FixtureRequest, stage_named: Callable[[str], Synthesized]) -> Synthesized:
    """Each stage in turn."""
    return stage_named(request.param)


@pytest.fixture(scope="session", params=["dev", "prod"])
def cloud_stage(request: pytest.FixtureRequest, stage_named: Callable[[str], Synthesized]) -> Synthesized:
    """Each stage that is deployed to AWS."""
    return stage_named(request.param)


@pytest.fixture(scope="session")
def special(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Stage prod with one agent that remembers and one that asks for a function of its own."""
    first, _, third, *_ = one_agent_per_group()
    second = AgentLoader(AGENT_DEFS).load_id("cloud-operations/pod-crash-diagnoser")
    changed: list[dict[str, Any]] = [
        {**first.model_dump(mode="json"), "memory": "long_term"},
        {**second.model_dump(mode="json"), "dedicated": True, "limits": {"timeout_seconds": 40}},
        {**third.model_dump(mode="json"), "limits": {"timeout_seconds": 600}},
    ]
    definitions = [AgentDefinition.trusted(json.dumps(each)) for each in changed]
    return synthesize("prod", tmp_path_factory.mktemp("special"), definitions)
