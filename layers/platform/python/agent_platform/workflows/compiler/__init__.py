"""From a spec to a state machine in the Amazon States Language (JSONPath)."""

from agent_platform.workflows.compiler.compile import CompiledWorkflow, compile_spec
from agent_platform.workflows.compiler.names import Names, NestedWorkflow

__all__ = ["CompiledWorkflow", "Names", "NestedWorkflow", "compile_spec"]
