"""Every agent of the catalogue runs once through the whole pipeline, from its own example, on the offline model."""

from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.check import check_catalogue
from agent_platform.agents.consult import CONSULT_AGENT, tool_name
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline, build_pipeline
from agent_platform.agents.loader import AgentLoader
from agent_platform.agents.schemas import instance_faults
from agent_platform.agents.tools import registry
from agent_platform.identity.principal import Principal
from agent_platform.llm.models import model_of
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.offline_claude import OfflineServer

DEFINITIONS = Path(__file__).parents[2] / "agent_defs"
IDS = sorted(path.relative_to(DEFINITIONS).with_suffix("").as_posix() for path in AgentLoader(DEFINITIONS).paths())
TRACE = "67a1b2c30123456789abcdef01234567"

GROUPS = sorted({agent_id.partition("/")[0] for agent_id in IDS})

every_group = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture
def executions() -> InMemoryExecutions:
    return InMemoryExecutions()


@pytest.fixture
def pipeline(executions: InMemoryExecutions, claude: ClaudeClient, catalogue: Catalogue) -> ExecutionPipeline:
    return build_pipeline(executions, lambda: claude, "anthropic", definitions=catalogue.get)


@pytest.fixture
def agents(catalogue: Catalogue, group: str) -> list[AgentDefinition]:
    """The agents of one group."""
    return [catalogue.get(agent_id) for agent_id in catalogue.ids(group)]


def test_the_whole_catalogue_passes_the_static_gate():
    checked = check_catalogue(DEFINITIONS)
    assert [definition.id for definition in checked.definitions] == IDS
    assert len(checked.groups) == 30


@every_group
def test_every_agent_answers_its_example_through_the_whole_pipeline(
    agents: list[AgentDefinition],
    pipeline: ExecutionPipeline,
    executions: InMemoryExecutions,
    claude_server: OfflineServer,
    principal: Principal,
):
    """Gate 4 of the catalogue."""
    faulty = {}
    for definition in agents:
        claude_server.reset()
        execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
        asked = [request["agent"] for request in claude_server.requests()]
        expected = {
            "status": (execution.status, "succeeded"),
            "output": (execution.output, definition.example.output),
            "faults": (instance_faults(definition.output, execution.output, root="output"), []),
            "record": (executions.get(execution.id), execution),
            "model": (execution.model, model_of(definition.model).id),
            "cost": (execution.cost_usd > 0, True),
            "asked": ((asked[0], asked[-1]), (definition.id, definition.id)),
            "team": (set(asked), {definition.id, *_always_asked(definition, asked)}),
        }
        if differing := {name: pair for name, pair in expected.items() if pair[0] != pair[1]}:
            faulty[definition.id] = differing
    assert faulty == {}


def _always_asked(definition: AgentDefinition, asked: list[str]) -> set[str]:
    """Whom an agent puts to work: nobody, or its team; a supervisor chooses."""
    if definition.team is None:
        return set()
    return set(asked) if definition.team.mode == "supervisor" else {*definition.team.members}


@every_group
def test_a_second_call_of_an_agent_reads_the_cached_prompt_if_it_is_long_enough_to_be_cached(
    agents: list[AgentDefinition], pipeline: ExecutionPipeline, principal: Principal
):
    for definition in agents[::10]:
        first, second = (pipeline.execute(definition, definition.example.input, principal, TRACE) for _ in range(2))
        if first.usage.input_tokens >= model_of(definition.model).minimum_cacheable_tokens:
            assert first.usage.cache_write_tokens > 0
        assert second.usage.cache_read_tokens == first.usage.cache_write_tokens + first.usage.cache_read_tokens
        assert (second.cost_usd < first.cost_usd) == bool(second.usage.cache_read_tokens)


@every_group
def test_each_tool_of_a_group_can_be_called_and_its_answer_goes_back(
    agents: list[AgentDefinition], pipeline: ExecutionPipeline, claude_server: OfflineServer, principal: Principal
):
    """By the first agent of the group that has the tool."""
    first_with = {
        name: definition for definition in reversed(agents) for name in definition.tools if name != CONSULT_AGENT
    }
    for name, definition in first_with.items():
        claude_server.reset()
        claude_server.plan("tool_call", name=name, agent=definition.id)
        execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
        assert (execution.status, execution.tool_calls) == ("succeeded", 1), (definition.id, name)
    assert set(first_with) <= set(registry)


@every_group
def test_each_agent_that_another_consults_can_be_asked_and_its_answer_goes_back(
    agents: list[AgentDefinition],
    catalogue: Catalogue,
    pipeline: ExecutionPipeline,
    claude_server: OfflineServer,
    principal: Principal,
):
    for definition in agents:
        for consulted in map(catalogue.get, definition.consults):
            claude_server.reset()
            value = consulted.example.input
            claude_server.plan("tool_call", name=tool_name(consulted.id), input=value, agent=definition.id)
            execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
            assert (execution.status, execution.tool_calls) == ("succeeded", 1)
            assert execution.delegated_cost_usd > 0
            (told,) = claude_server.requests()[-1]["body"]["messages"][-1]["content"]
            assert (told["type"], told["is_error"]) == ("tool_result", False)


@every_group
def test_an_empty_input_is_refused_because_an_agent_without_any_cannot_know_its_task(agents: list[AgentDefinition]):
    for definition in agents:
        assert instance_faults(definition.input, {}, root="input"), definition.id
