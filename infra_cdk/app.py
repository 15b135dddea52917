"""The CDK app: `python -m infra_cdk.app`, as cdk.json calls it. `-c stage=<name>` chooses the stage."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import App, Stack, Tags

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import ConfigurationError
from infra_cdk.agent_functions import agent_functions
from infra_cdk.checkout import Checkout
from infra_cdk.nag import check_everything
from infra_cdk.repository import CATALOGUE, ROOT
from infra_cdk.stacks.agents import AgentsStack
from infra_cdk.stacks.api import ApiStack
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.dead_letters import DeadLettersStack
from infra_cdk.stacks.events import EventsStack
from infra_cdk.stacks.observability import ObservabilityStack
from infra_cdk.stacks.web import WebStack
from infra_cdk.stacks.workflows import WorkflowsStack
from infra_cdk.stages import Stage, stage_named

APPLICATION = "ai-agents-platform"
DENIALS = ROOT / "layers" / "policies" / "denials.json"


def compose(app: App, stage: Stage, definitions: Sequence[AgentDefinition]) -> list[Stack]:
    """Add every stack of `stage` to `app`, for these agents."""
    check_networks(stage, DENIALS)
    checkout = Checkout.from_context(app.node) if stage.runs_on == "checkout" else None
    options = {"termination_protection": stage.protected}

    def stack_id(component: str) -> str:
        return f"{stage.prefix}-{component}"

    data = DataStack(app, stack_id("Data"), stage=stage, checkout=checkout, **options)
    agents = AgentsStack(
        app,
        stack_id("Agents"),
        stage=stage,
        checkout=checkout,
        data=data,
        agents=agent_functions(definitions),
        **options,
    )
    events = EventsStack(app, stack_id("Events"), stage=stage, checkout=checkout, data=data, **options)
    workflows = WorkflowsStack(
        app, stack_id("Workflows"), stage=stage, checkout=checkout, data=data, agents=agents.functions, **options
    )
    api = ApiStack(
        app,
        stack_id("Api"),
        stage=stage,
        checkout=checkout,
        data=data,
        agents=agents.functions,
        events=events,
        workflows=workflows.runs_as,
        **options,
    )
    dead_letters = DeadLettersStack(
        app,
        stack_id("DeadLetters"),
        stage=stage,
        checkout=checkout,
        data=data,
        queues={
            "relay-bus": events.dead_letters,
            **({"relay-kafka": events.kafka_dead_letters} if events.kafka_dead_letters else {}),
            "projections": events.projection_dead_letters,
            "webhooks": events.webhook_dead_letters,
            "tracking": workflows.tracking.dead_letters,
            "triggers": api.triggers.dead_letters,
            "mails": api.mailing.dead_letters,
            "personal-data": api.personal_data.dead_letters,
        },
        **options,
    )
    stacks: list[Stack] = [data, agents, events, workflows, api, dead_letters]
    if stage.web:
        stacks.append(WebStack(app, stack_id("Web"), stage=stage, api=api.gateway.api, **options))
    stacks.append(
        ObservabilityStack(
            app,
            stack_id("Observability"),
            stage=stage,
            data=data,
            api=api,
            events=events,
            workflows=workflows,
            dead_letters=dead_letters,
            agents=agents.functions,
            **options,
        )
    )
    _tag(app, stage, stacks)
    return stacks


def check_networks(stage: Stage, denials: Path) -> None:
    """Refuse denials by network where they would not hold: through CloudFront every request has an edge's address.

    Raises:
        ConfigurationError: the policy names networks, and the stage has a site.
    """
    if stage.web and json.loads(denials.read_text(encoding="utf-8"))["networks"]:
        raise ConfigurationError(
            f"layers/policies/denials.json names networks, and the stage `{stage.name}` has a site: requests through "
            "CloudFront would be in none of them. Take them out, or switch `web` off for this stage in stages.py."
        )


def _tag(app: App, stage: Stage, stacks: Sequence[Stack]) -> None:
    Tags.of(app).add("application", APPLICATION)
    Tags.of(app).add("stage", stage.name)
    for stack in stacks:
        Tags.of(stack).add("component", stack.stack_name.rpartition("-")[2].lower())


def deployed_agents(catalogue: Path) -> list[AgentDefinition]:
    """The agents of the compiled catalogue: rights are derived from the very file that the functions read.

    Raises:
        ConfigurationError: it has not been compiled.
    """
    compiled = Catalogue(catalogue)
    try:
        return [compiled.get(agent_id) for agent_id in compiled.ids()]
    finally:
        compiled.close()


def main() -> None:
    """Synthesize the stage that the context names; those that go to AWS are held to cdk-nag's rules."""
    app = App()
    try:
        stage = stage_named(app.node.try_get_context("stage"))
        compose(app, stage, deployed_agents(CATALOGUE))
    except (ValueError, ConfigurationError) as error:
        sys.exit(f"✗ {error}")
    if stage.runs_on == "lambda":  # the tests hold the other stages to the same rules; a laptop need not wait for them
        check_everything(app)
    app.synth()


if __name__ == "__main__":
    main()
