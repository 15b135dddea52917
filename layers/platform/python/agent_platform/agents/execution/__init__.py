"""The one governed pipeline through which every execution of an agent goes, whichever way it came in."""

from agent_platform.agents.execution.call import Call
from agent_platform.agents.execution.pipeline import ExecutionPipeline, Governance, build_pipeline

__all__ = ["Call", "ExecutionPipeline", "Governance", "build_pipeline"]
