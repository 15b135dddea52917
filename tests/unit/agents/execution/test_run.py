"""The innermost stage: a definition says which kind of agent runs it, and with whom."""

import pytest

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.enhanced import EnhancedAgent
from agent_platform.agents.execution import build_pipeline
from agent_platform.agents.execution.run import agent_class
from agent_platform.agents.meter import Patience
from agent_platform.agents.team import AgentTeam
from agent_platform.errors import AgentNotFound, DeadlineExceeded
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.offline_claude import OfflineServer
from tests.fakes.teams import CARD, LETTER, TRACE, Office, a_team, an_agent


def test_a_definition_says_which_kind_of_agent_runs_it():
    assert agent_class(an_agent(CARD)) is BaseAgent
    assert agent_class(an_agent(CARD, tools=["consult_agent"], consults=[LETTER])) is BaseAgent
    assert agent_class(an_agent(CARD, memory="conversation")) is EnhancedAgent
    assert agent_class(an_agent(CARD, memory="long_term")) is EnhancedAgent
    assert agent_class(a_team("parallel")) is AgentTeam


def test_an_agent_with_a_memory_may_consult_others(
    claude: ClaudeClient, principal: Principal, claude_server: OfflineServer
):
    clerk = an_agent("post/counter-clerk", memory="conversation", tools=["consult_agent"], consults=[CARD])
    office = Office(claude, principal, clerk)
    claude_server.plan("tool_call", name="consult_agent__post__card-weigher", input={"card_grams": 1}, agent=clerk.id)
    assert office.run(clerk.id).delegated_cost_usd > 0


def test_an_entry_that_finds_no_colleagues_says_so_and_spends_nothing(
    claude: ClaudeClient, principal: Principal, claude_server: OfflineServer
):
    team, executions = a_team("parallel"), InMemoryExecutions()
    pipeline = build_pipeline(executions, lambda: claude, "anthropic")
    with pytest.raises(AgentNotFound, match=r"`post/mail-desk` works with `post/card-weigher`"):
        pipeline.execute(team, team.example.input, principal, TRACE)
    assert executions.totals(team.id).requests["failed"] == 1
    assert claude_server.requests() == []


def test_an_execution_whose_time_is_over_does_not_get_the_agents_own_limit_instead(
    claude: ClaudeClient, principal: Principal, claude_server: OfflineServer
):
    agent, executions = an_agent(CARD), InMemoryExecutions()
    pipeline = build_pipeline(executions, lambda: claude, "anthropic")
    with pytest.raises(DeadlineExceeded):
        pipeline.execute(agent, agent.example.input, principal, TRACE, Patience(0.0))
    assert claude_server.requests() == []
    assert executions.totals(agent.id).requests["failed"] == 1
