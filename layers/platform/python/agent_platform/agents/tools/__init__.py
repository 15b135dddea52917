"""The tools an agent may name in its definition: typed Python functions, registered by decorator.

Importing this package registers every tool; what a tool itself needs is imported when it first runs.
"""

from agent_platform.agents.tools import calculator, date_arithmetic, regular_expression, url_parts
from agent_platform.agents.tools.registry import Tool, ToolOutcome, registry

__all__ = ["Tool", "ToolOutcome", "calculator", "date_arithmetic", "registry", "regular_expression", "url_parts"]
