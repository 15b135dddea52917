"""Questions to a table, in SQL: a SELECT on a database that holds nothing else and forgets it afterwards."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from time import monotonic
from typing import Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool
from agent_platform.agents.tools.tables import Cell, Column, CsvText, Delimiter, Records, listed, quoted, read_table

SECONDS = 3.0
"""A query is interrupted after this; the engine asks every thousand instructions."""

HEAP_BYTES = 64 * 1024 * 1024
"""What SQLite may hold: it fails an allocation beyond, where a query would otherwise sort or join without bounds. The
limit is the process's (SQLite has no other), and many times what reading the catalogue takes."""

ROWS = 200
CELL_CHARACTERS = 2_000

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 400_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
}
_Value = str | bytes | int | float | None
_DATES = ("date", "time", "datetime", "julianday", "strftime", "unixepoch")
_NAMES = """
    abs avg ceil ceiling char coalesce concat concat_ws count cume_dist dense_rank exp first_value floor format glob
    group_concat hex ifnull iif instr lag last_value lead length like ln log log10 log2 lower ltrim max min mod
    nth_value ntile nullif percent_rank pow power printf quote rank replace round row_number rtrim sign sqrt
    string_agg substr substring sum total trim trunc typeof unicode upper decimal_sum median
"""
_FUNCTIONS = {*_NAMES.split(), *_DATES}
"""What a query may call: nothing that reads the clock, draws lots, loads code or looks at the engine itself."""


@tool(effect="reads")
def table_analysis(
    sql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=5_000,
            description="One SELECT (SQLite) on the table `data`: SELECT region, sum(net) FROM data GROUP BY region",
        ),
    ],
    csv: CsvText = None,
    records: Records = None,
    delimiter: Delimiter = None,
) -> dict[str, object]:
    """Ask a table a question in SQL. The table is called `data`; its columns are those of the header or the records.

    Columns of whole numbers are INTEGER, of decimals REAL, all others TEXT; an empty cell is NULL. Dates in ISO 8601
    compare as text and work with date(), strftime('%Y-%m', day) and julianday(). decimal_sum(x) adds without binary
    rounding, median(x) is there too. Returns at most 200 rows and says `more` where there are others: aggregate.
    """
    columns = read_table(csv, records, delimiter)
    started = monotonic()
    told = list[str]()
    with closing(sqlite3.connect(":memory:")) as calendar, closing(_database(columns)) as database:
        _guard(database, calendar, told)
        try:
            database.set_progress_handler(lambda: monotonic() > started + SECONDS, 1_000)
            cursor = database.execute(sql)
            if cursor.description is None:
                raise ToolFailed("This is no query; write one SELECT.")
            rows = cursor.fetchmany(ROWS + 1)
        except MemoryError:
            raise ToolFailed("The query needs too much memory; filter or aggregate before you sort or join.") from None
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise ToolFailed(_explained(error, told, columns)) from None
    return {
        "columns": [each[0] for each in cursor.description],
        "rows": [[_shown(cell) for cell in row] for row in rows[:ROWS]],
        "more": len(rows) > ROWS,
    }


def _database(columns: list[Column]) -> sqlite3.Connection:
    """The table, in memory."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.text_factory = lambda raw: raw.decode(errors="replace")
    types = {"integer": "INTEGER", "decimal": "REAL", "text": "TEXT"}
    database.execute(f"CREATE TABLE data ({', '.join(f'{quoted(each.name)} {types[each.type]}' for each in columns)})")
    insert = f"INSERT INTO data VALUES ({', '.join('?' * len(columns))})"
    database.execute("BEGIN")
    database.executemany(insert, zip(*([*map(_stored, each.cells)] for each in columns), strict=True))
    database.execute("COMMIT")
    return database


def _guard(database: sqlite3.Connection, calendar: sqlite3.Connection, told: list[str]) -> None:
    """Bounds to everything a query may do. Why something was refused is added to `told`: SQLite's own words are few."""
    database.execute("PRAGMA query_only = 1")
    database.execute("PRAGMA temp_store = MEMORY")  # so that the limit below holds for what is sorted, too
    database.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES}")
    for limit, value in _LIMITS.items():
        database.setlimit(limit, value)
    database.create_aggregate("decimal_sum", 1, _DecimalSum)  # type: ignore[arg-type]
    database.create_aggregate("median", 1, _Median)  # type: ignore[arg-type]
    for name in _DATES:
        database.create_function(name, -1, _without_clock(name, calendar, told), deterministic=True)
    database.set_authorizer(_authorizer(told))


def _stored(cell: Cell) -> int | float | str | None:
    return float(cell) if isinstance(cell, Decimal) else cell


def _authorizer(told: list[str]) -> Callable[..., int]:
    def decide(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_READ if not (first or "").lower().startswith(("sqlite_", "pragma_", "dbstat")):
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_READ:
                told.append(f"`{first}` cannot be read; the only table is `data`")
            case sqlite3.SQLITE_FUNCTION if (second or "").lower() in _FUNCTIONS:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_FUNCTION:
                told.append(f"the function `{second}` is not available here")
            case _:
                told.append("only SELECT is possible; nothing can be changed, attached or configured")
        return sqlite3.SQLITE_DENY

    return decide


def _without_clock(name: str, calendar: sqlite3.Connection, told: list[str]) -> Callable[..., _Value]:
    """SQLite's own function of dates, less the present: a result depends on the table alone."""
    moments = 1 if name == "strftime" else 0

    def call(*arguments: _Value) -> _Value:
        words = {argument.strip().lower() for argument in arguments if isinstance(argument, str)}
        if len(arguments) <= moments or words & {"now", "localtime", "utc"}:
            told.append("the present and time zones are not available; write the date you mean into the query")
            raise ToolFailed(told[-1])
        found: _Value = calendar.execute(f"SELECT {name}({', '.join('?' * len(arguments))})", arguments).fetchone()[0]
        return found

    return call


class _DecimalSum:
    """Adds numbers as they are written, not as binary fractions."""

    def __init__(self) -> None:
        self._found = list[Decimal]()

    def step(self, value: object) -> None:
        if isinstance(value, int | float):
            self._found.append(Decimal(repr(value)))

    def finalize(self) -> float | int | None:
        from fractions import Fraction

        if not self._found:
            return None
        total = sum(map(Fraction, self._found), Fraction(0))
        return int(total) if total == int(total) and abs(total) < 2**63 else float(total)


class _Median:
    """The middle value, or the mean of the two in the middle."""

    def __init__(self) -> None:
        self._found = list[int | float]()

    def step(self, value: object) -> None:
        if isinstance(value, int | float):
            self._found.append(value)

    def finalize(self) -> float | int | None:
        from statistics import median

        return median(self._found) if self._found else None


def _explained(error: Exception, told: list[str], columns: list[Column]) -> str:
    if told:
        return f"The query was refused: {told[0]}."
    if str(error) == "interrupted":
        return f"The query took longer than {SECONDS:g} s; join on fewer rows, or aggregate first."
    return f"SQLite refused the query: {str(error).rstrip('.')}. The table `data` has the columns {listed(columns)}."[
        :2_000
    ]


def _shown(cell: object) -> object:
    match cell:
        case bytes():
            return f"x'{cell[:CELL_CHARACTERS].hex()}'"
        case str() if len(cell) > CELL_CHARACTERS:
            return f"{cell[:CELL_CHARACTERS]} … ({len(cell)} characters)"
        case _:
            return cell
