"""The tools an agent may name in its definition: typed Python functions, registered by decorator.

Importing this package registers every tool; what a tool itself needs is imported when it first runs.
"""

from agent_platform.agents.tools import (
    calculator,
    column_statistics,
    currency_conversion,
    date_arithmetic,
    day_count,
    http_request,
    json_query,
    regular_expression,
    sql_validation,
    table_analysis,
    text_diff,
    text_statistics,
    unit_conversion,
    url_parts,
)
from agent_platform.agents.tools.registry import Effect, Equipment, Tool, ToolOutcome, registry

__all__ = [
    "Effect",
    "Equipment",
    "Tool",
    "ToolOutcome",
    "calculator",
    "column_statistics",
    "currency_conversion",
    "date_arithmetic",
    "day_count",
    "http_request",
    "json_query",
    "registry",
    "regular_expression",
    "sql_validation",
    "table_analysis",
    "text_diff",
    "text_statistics",
    "unit_conversion",
    "url_parts",
]
