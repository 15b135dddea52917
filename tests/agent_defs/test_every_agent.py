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

every_agent = pytest.mark.parametrize("agent_id", IDS)


@pytest.fixture
def executions() -> InMemoryExecutions:
    return InMemoryExecutions()


@pytest.fixture
def pipeline(executions: InMemoryExecutions, claude: ClaudeClient, catalogue: Catalogue) -> ExecutionPipeline:
    return build_pipeline(executions, lambda: claude, "anthropic", definitions=catalogue.get)


@pytest.fixture
def definition(catalogue: Catalogue, agent_id: str) -> AgentDefinition:
    return catalogue.get(agent_id)


def test_the_whole_catalogue_passes_the_static_gate():
    checked = check_catalogue(DEFINITIONS)
    assert [definition.id for definition in checked.definitions] == IDS
    assert len(checked.groups) == 30


@every_agent
def test_an_agent_answers_its_example_through_the_whole_pipeline(
    definition: AgentDefinition,
    pipeline: ExecutionPipeline,
    executions: InMemoryExecutions,
    claude_server: OfflineServer,
    principal: Principal,
):
    execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
    assert execution.status == "succeeded"
    assert execution.output == definition.example.output
    assert instance_faults(definition.output, execution.output, root="output") == []
    assert executions.get(execution.id) == execution
    assert execution.model == model_of(definition.model).id
    assert execution.cost_usd > 0
    asked = [request["agent"] for request in claude_server.requests()]
    assert asked[0] == asked[-1] == definition.id
    if definition.team is None:
        assert len(asked) == 1
    elif definition.team.mode != "supervisor":
        assert set(asked) == {definition.id, *definition.team.members}


@every_agent
def test_a_second_call_of_an_agent_reads_the_cached_prompt_if_it_is_long_enough_to_be_cached(
    definition: AgentDefinition, pipeline: ExecutionPipeline, principal: Principal
):
    first, second = (pipeline.execute(definition, definition.example.input, principal, TRACE) for _ in range(2))
    if first.usage.input_tokens >= model_of(definition.model).minimum_cacheable_tokens:
        assert first.usage.cache_write_tokens > 0
    assert second.usage.cache_read_tokens == first.usage.cache_write_tokens + first.usage.cache_read_tokens
    assert (second.cost_usd < first.cost_usd) == bool(second.usage.cache_read_tokens)


@every_agent
def test_each_tool_of_an_agent_can_be_called_and_its_answer_goes_back(
    definition: AgentDefinition, pipeline: ExecutionPipeline, claude_server: OfflineServer, principal: Principal
):
    for name in [each for each in definition.tools if each != CONSULT_AGENT]:
        claude_server.reset()
        claude_server.plan("tool_call", name=name, agent=definition.id)
        execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
        assert (execution.status, execution.tool_calls) == ("succeeded", 1)
    assert set(definition.tools) <= {*registry, CONSULT_AGENT}


@every_agent
def test_each_agent_that_another_consults_can_be_asked_and_its_answer_goes_back(
    definition: AgentDefinition,
    catalogue: Catalogue,
    pipeline: ExecutionPipeline,
    claude_server: OfflineServer,
    principal: Principal,
):
    for consulted in map(catalogue.get, definition.consults):
        claude_server.reset()
        value = consulted.example.input
        claude_server.plan("tool_call", name=tool_name(consulted.id), input=value, agent=definition.id)
        execution = pipeline.execute(definition, definition.example.input, principal, TRACE)
        assert (execution.status, execution.tool_calls) == ("succeeded", 1)
        assert execution.delegated_cost_usd > 0
        (told,) = claude_server.requests()[-1]["body"]["messages"][-1]["content"]
        assert (told["type"], told["is_error"]) == ("tool_result", False)


@every_agent
def test_an_empty_input_is_refused_unless_nothing_is_required(definition: AgentDefinition):
    assert bool(instance_faults(definition.input, {}, root="input")) == bool(definition.input.get("required"))
    assert definition.input.get("required"), "an agent without any required field cannot know its task"
