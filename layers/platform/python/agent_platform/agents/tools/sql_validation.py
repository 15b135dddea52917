"""Read SQL without executing it: whether it parses, what it touches, what in it is known to go wrong."""

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from sqlglot import Expr
    from sqlglot.errors import ParseError, TokenError

STATEMENTS = 50
NAMES = 100

Dialect = Literal[
    "ansi", "bigquery", "clickhouse", "databricks", "duckdb", "mysql", "oracle", "postgres",
    "redshift", "snowflake", "spark", "sqlite", "teradata", "trino", "tsql",
]  # fmt: skip


@tool(effect="reads")
def sql_validation(
    sql: Annotated[str, Field(min_length=1, max_length=20_000, description="One or more statements, parted by ;")],
    dialect: Annotated[Dialect, Field(description="tsql is that of SQL Server; ansi accepts what most databases do")],
) -> dict[str, object]:
    """Check SQL in a dialect. Nothing is executed, and no schema is known: names are not checked.

    A syntax error is told with line and column. Otherwise each statement is told with its kind, the tables and columns
    it names, and findings: UPDATE or DELETE without WHERE, what destroys data, SELECT *, joins without a condition,
    NOT IN with a subquery, comparison with NULL, LIMIT without ORDER BY, INSERT without columns.
    """
    import logging

    import sqlglot  # 180 ms, and few executions need it
    from sqlglot.errors import ParseError, TokenError

    # It logs statements that it knows by their first word only, in full; the answer tells them.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        parsed = [each for each in sqlglot.parse(sql, read="" if dialect == "ansi" else dialect) if each is not None]
        statements = [_described(each) for each in parsed[:STATEMENTS]]
    except ParseError as error:
        return {"valid": False, "dialect": dialect, "errors": _parse_errors(error)}
    except TokenError as error:
        return {"valid": False, "dialect": dialect, "errors": [_token_error(error, sql)]}
    except (RecursionError, MemoryError):
        raise ToolFailed("The statement is nested too deeply; check its parts one by one.") from None
    if not parsed:
        raise ToolFailed("There is no statement, only white space or comments.")
    return {
        "valid": True,
        "dialect": dialect,
        "statements": statements,
        "more_statements": max(0, len(parsed) - STATEMENTS),
    }


def _described(statement: "Expr") -> dict[str, object]:
    from sqlglot import exp

    from agent_platform.agents.tools.sql_findings import findings

    with_names = {each.alias_or_name.lower() for each in statement.find_all(exp.CTE)}
    tables = dict.fromkeys(
        name
        for table in statement.find_all(exp.Table)
        if (name := ".".join(part.name for part in table.parts)) and name.lower() not in with_names
    )
    columns = dict.fromkeys(
        ".".join(part.name for part in column.parts)
        for column in statement.find_all(exp.Column)
        if not isinstance(column.this, exp.Star)
    )
    return {
        "kind": _kind(statement),
        "tables": [*tables][:NAMES],
        "columns": [*columns][:NAMES],
        "findings": [{"code": code, "message": message} for code, message in findings(statement)],
    }


def _kind(statement: "Expr") -> str:
    from sqlglot import exp

    if isinstance(statement, exp.Query):
        return "SELECT"
    if isinstance(statement, exp.Command):
        return str(statement.this).upper()
    if isinstance(statement, exp.TruncateTable):
        return "TRUNCATE"
    if isinstance(statement, exp.Create | exp.Drop | exp.Alter):
        return f"{statement.key} {statement.args.get('kind') or ''}".strip().upper()
    return statement.key.upper()


def _parse_errors(error: "ParseError") -> list[dict[str, object]]:
    return [
        {
            "line": each["line"],
            # The library names the last column of what stands wrongly there.
            "column": max(1, (each["col"] or 1) - len(each["highlight"] or "") + 1),
            "near": (each["highlight"] or "")[:100],
            "message": re.sub(r"<class '[\w.]*\.(\w+)'>", r"\1", str(each["description"]))[:300],
        }
        for each in error.errors
    ]


def _token_error(error: "TokenError", sql: str) -> dict[str, object]:
    """A quote that is never closed, by its place; or a comment that is not, by where the text ends."""
    place, message = len(sql.rstrip()) - 1, "the text ends inside a comment or a literal"
    if found := re.search(r"Missing (.+) from \d+:(\d+)", str(error.__cause__)):
        # What the library calls the column is the offset in the whole text.
        place, message = int(found[2]), f"{found[1]} is opened here and never closed"
    before = sql[:place]
    line, column = before.count("\n") + 1, place - before.rfind("\n")
    return {"line": line, "column": column, "near": sql[place : place + 100].split("\n")[0], "message": message}
