"""Stage: an execution is a span of the trace that its call belongs to. The outermost one: nothing is missing."""

from agent_platform import tracing
from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed
from agent_platform.llm.chat import usage_attributes


def trace(call: Call, proceed: Proceed) -> JsonObject:
    """`invoke_agent {agent}`: who was asked, as a part of what, and what it used; never with what input or output."""
    if not tracing.is_on():
        return proceed(call)
    definition = call.definition
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": definition.id,
        "gen_ai.agent.name": definition.id,
        "gen_ai.agent.version": definition.version,
        "gen_ai.request.model": call.model_id,
        "agent_platform.execution.id": call.id,
        "agent_platform.batch.id": call.batch_id,
        "agent_platform.run.id": call.run_id,
        "agent_platform.step.id": call.step_id,
    }
    with (
        tracing.continue_trace(call.trace_id),
        tracing.span(f"invoke_agent {definition.id}", attributes=about) as span,
    ):
        try:
            return proceed(call)
        finally:
            meter = call.meter
            span.set(usage_attributes(meter.usage))
            if call.context.conversation is not None:  # so the caller's text is the id of one
                span.set({"gen_ai.conversation.id": call.session_id})
            span.set(
                {
                    "gen_ai.provider.name": "aws.bedrock" if meter.provider == "bedrock" else meter.provider,
                    "agent_platform.cost_usd": float(meter.cost_usd),
                    "agent_platform.tool_calls": meter.tool_calls,
                    "agent_platform.cached": call.cached,
                    "agent_platform.replayed": call.replayed,
                }
            )
