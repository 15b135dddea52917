"""What executions are held to, from the environment."""

from agent_platform.agents.execution import Governance
from agent_platform.agents.execution.admission import admission
from agent_platform.agents.execution.cache import cache
from agent_platform.agents.execution.circuit import circuit
from agent_platform.agents.execution.conversation import conversation
from agent_platform.agents.execution.idempotency import idempotency
from agent_platform.agents.execution.policy import policy
from agent_platform.agents.execution.switched_on import switched_on
from agent_platform.agents.execution.tool_approvals import tool_approvals
from agent_platform.egress import Egress
from agent_platform.identity.policy import Policies
from agent_platform.resilience.accounts import Accounts
from agent_platform.resilience.circuit import CircuitBreaker
from agent_platform.resilience.idempotency import IdempotencyLocks
from agent_platform.resilience.response_cache import ResponseCache
from agent_platform.settings import GovernanceSettings
from agent_platform.storage.agent_switches import AgentSwitches
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.session_turns import SessionTurns
from agent_platform.storage.tool_approvals import ToolApprovalRepository


def governance(
    env: GovernanceSettings, executions: ExecutionRepository, policies: Policies, switches: AgentSwitches
) -> Governance:
    """Every stage with shared state, each on its own table."""
    return Governance(
        switched_on=switched_on(switches.of),
        policy=policy(policies.decide),
        idempotency=idempotency(IdempotencyLocks(env.idempotency_table), executions),
        admission=admission(Accounts(env.accounts_table), env.user_monthly_usd, env.calls_per_minute),
        conversation=conversation(SessionTurns(env.sessions_table)),
        cache=cache(ResponseCache(env.response_cache_table)),
        circuit=circuit(CircuitBreaker(env.circuits_table)),
        tool_approvals=tool_approvals(ToolApprovalRepository(env.approvals_table), Egress(env.egress_allow)),
    )
