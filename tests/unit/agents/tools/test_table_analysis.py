"""SQL over a table: what analysts ask is answered, and nothing else can be reached, changed or exhausted."""

import json
import time
from typing import Any

import pytest

from agent_platform.agents.tools import registry, table_analysis
from agent_platform.agents.tools.registry import ToolOutcome

TOOL = registry["table_analysis"]
PATIENCE = 30
"""Seconds: many times the limit of the tool, since machines that run tests are busy."""

SALES = """id,region,net amount,day,code
1,North,10.10,2026-01-05,007
2,South,0.2,2026-02-05,008
3,North,0.1,2026-02-07,
"""

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


def call(sql: str, csv: str | None = SALES, **arguments: Any) -> ToolOutcome:
    given = {"sql": sql, **({"csv": csv} if csv is not None else {}), **arguments}
    started = time.monotonic()
    outcome = TOOL.call(given)
    assert time.monotonic() - started < PATIENCE
    return outcome


def answer(sql: str, csv: str | None = SALES, **arguments: Any) -> Any:
    outcome = call(sql, csv, **arguments)
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def rows(sql: str, csv: str | None = SALES, **arguments: Any) -> Any:
    return answer(sql, csv, **arguments)["rows"]


def refusal(sql: str, csv: str | None = SALES, **arguments: Any) -> str:
    outcome = call(sql, csv, **arguments)
    assert outcome.is_error, outcome.content
    return outcome.content


def test_a_table_comes_back_with_types_inferred():
    assert answer("SELECT * FROM data") == {
        "columns": ["id", "region", "net amount", "day", "code"],
        "rows": [
            [1, "North", 10.1, "2026-01-05", "007"],
            [2, "South", 0.2, "2026-02-05", "008"],
            [3, "North", 0.1, "2026-02-07", None],
        ],
        "more": False,
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT region, sum("net amount") s FROM data GROUP BY region ORDER BY s', [["South", 0.2], ["North", 10.2]]),
        ('SELECT decimal_sum("net amount") FROM data WHERE id > 1', [[0.3]]),
        ("SELECT decimal_sum(id), decimal_sum(region) FROM data", [[6, None]]),
        ("SELECT median(id), median(code) FROM data", [[2, None]]),
        ("SELECT strftime('%Y-%m', day) m, count(*) FROM data GROUP BY m", [["2026-01", 1], ["2026-02", 2]]),
        ("SELECT date(day, '+1 month') FROM data WHERE id = 1", [["2026-02-05"]]),
        ("SELECT julianday('2026-02-05') - julianday('2026-01-05')", [[31.0]]),
        ("SELECT a.id FROM data a JOIN data b ON a.id = b.id - 1 WHERE b.region LIKE '%orth'", [[2]]),
        ("WITH x AS (SELECT id i FROM data) SELECT i, rank() OVER (ORDER BY i DESC) FROM x LIMIT 1", [[3, 1]]),
        ("SELECT id FROM data UNION SELECT 9 ORDER BY 1 DESC LIMIT 1", [[9]]),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4) SELECT sum(i) FROM n", [[10]]),
        ("SELECT CASE WHEN code IS NULL THEN 'none' ELSE code END FROM data WHERE id = 3;", [["none"]]),
        ("SELECT round(2.5), iif(1, 'a', 'b'), upper('ß'), length('📦')", [[3.0, "a", "ß", 1]]),
        ("SELECT x'ff00', cast(x'ff' AS TEXT)", [["x'ff00'", "\ufffd"]]),
    ],
)  # fmt: skip
def test_questions_of_analysts(sql: str, expected: object):
    assert rows(sql) == expected


def test_records_are_a_table_as_well():
    records = [{"a": 1, "b": "x", "c": True}, {"a": 2.5, "d": None}, {"b": "", "a": None}]
    assert answer("SELECT * FROM data", None, records=records) == {
        "columns": ["a", "b", "c", "d"],
        "rows": [[1.0, "x", 1, None], [2.5, None, None, None], [None, None, None, None]],
        "more": False,
    }


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("a;b\n1;2,5", [[1, "2,5"]]),
        ("a\tb\n1\tx", [[1, "x"]]),
        ("a|b\n1|x", [[1, "x"]]),
        ('"a,b";c\n1;2', [[1, 2]]),
        ('a,b\n"x, ""y""","line\nbreak"', [['x, "y"', "line\nbreak"]]),
        ("\ufeffa\n1", [[1]]),
        ("a\r\n1\r\n\r\n2\r\n", [[1], [2]]),
        ("a\n 1 \n-2", [[1], [-2]]),
        ("a\n+1", [["+1"]]),
        ("a\n1.5e-3\n0", [[0.0015], [0.0]]),
        ("a\n12e4", [["12e4"]]),
        ("a\n99999999999999999999", [[1e20]]),
        ("a\n1\n1,234".replace("1,234", '"1,234"'), [["1"], ["1,234"]]),
        ("a\n٣", [["٣"]]),
        ("a\nNaN", [["NaN"]]),
        ("select,from\n1,2", [[1, 2]]),
    ],
    ids=repr,
)
def test_csv_is_read_as_it_is_written(csv: str, expected: object):
    assert rows("SELECT * FROM data", csv) == expected


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        ("", "The table has no columns."),
        ("\n\n", "The table has no columns."),
        ("a,a\n1,2", "Two columns are called `a`"),
        ("a,A\n1,2", "Two columns are called `A`"),
        ("a,\n1,2", "Column 2 has no name"),
        ("a,b\n1,2\n3", "Line 3 has 1 cells and the header 2 (delimiter ',')"),
        ("a\n1,2", "Line 2 has 2 cells and the header 1"),
        ('a\n"1', "is malformed: unexpected end of data"),
        ('a\n"1"x', "is malformed"),
        ("a\0b\n1", "Column 1 has no usable name"),
        ("a" * 101 + "\n1", "Column 1 has no usable name"),
        (",".join(f"c{n}" for n in range(101)), "At most 100 columns"),
        ("a\n" + "x" * 140_000, "field larger than field limit"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_malformed_table_is_told_with_the_place(csv: str, told: str):
    assert told in refusal("SELECT 1", csv)


def test_a_table_is_given_in_one_way():
    assert refusal("SELECT 1", None) == "Give the table as `csv` or as `records`, one of them."
    assert refusal("SELECT 1", "a\n1", records=[{"a": 1}]) == "Give the table as `csv` or as `records`, one of them."
    assert refusal("SELECT 1", None, records=[]) == "The table has no columns."


def test_column_names_are_names_and_never_sql():
    hostile = 'x"); DROP TABLE data; --'
    found = answer("SELECT * FROM data", None, records=[{hostile: 1}])
    assert (found["columns"], found["rows"]) == ([hostile], [[1]])


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT region FROM sales", "no such table: sales"),
        ("SELECT net FROM data", "no such column: net"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT sum(id FROM data", "syntax error"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("SELECT \0", "null character"),
        ("SELECT " + "(" * 200 + "1" + ")" * 200, "stack overflow"),
    ],
)
def test_a_query_that_is_wrong_is_told_with_the_columns_there_are(sql: str, told: str):
    message = refusal(sql)
    assert told in message
    assert 'has the columns id integer, region text, "net amount" decimal, day text, code text.' in message


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM data",
        "UPDATE data SET id = 1",
        "INSERT INTO data VALUES (1, 2, 3, 4, 5)",
        "DROP TABLE data",
        "CREATE TABLE other (a)",
        "CREATE TEMP TABLE other (a)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE v USING fts5(a)",
        "ALTER TABLE data ADD COLUMN x",
        "ATTACH ':memory:' AS other",
        "ATTACH '/etc/passwd' AS other",
        "DETACH main",
        "PRAGMA table_info(data)",
        "PRAGMA query_only = 0",
        "PRAGMA hard_heap_limit = 0",
        "VACUUM",
        "VACUUM INTO '/tmp/copy'",
        "ANALYZE",
        "BEGIN",
        "SAVEPOINT s",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM json_each('[1]')",
        "SELECT * FROM dbstat",
    ],
)
def test_nothing_but_a_question_is_possible(sql: str):
    assert refusal(sql) == (
        "The query was refused: only SELECT is possible; nothing can be changed, attached or configured."
    )


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT load_extension('x')", "the function `load_extension` is not available"),
        ("SELECT random()", "the function `random` is not available"),
        ("SELECT randomblob(9)", "the function `randomblob` is not available"),
        ("SELECT zeroblob(1000000000)", "the function `zeroblob` is not available"),
        ("SELECT sqlite_version()", "the function `sqlite_version` is not available"),
        ("SELECT readfile('/etc/passwd')", "no such function: readfile"),
        ("SELECT CURRENT_TIMESTAMP", "the function `CURRENT_TIMESTAMP` is not available".lower()),
        ("SELECT date('now')", "the present and time zones are not available"),
        ("SELECT date('n' || 'ow')", "the present and time zones are not available"),
        ("SELECT datetime()", "the present and time zones are not available"),
        ("SELECT strftime('%s')", "the present and time zones are not available"),
        ("SELECT date('2026-01-01', 'localtime')", "the present and time zones are not available"),
        ("SELECT * FROM sqlite_master", "`sqlite_master` cannot be read"),
        ("SELECT * FROM sqlite_temp_master", "cannot be read"),
    ],
)
def test_functions_that_reach_beyond_the_table_are_refused_by_name(sql: str, told: str):
    assert told in refusal(sql).replace("CURRENT_TIMESTAMP", "current_timestamp")


@pytest.mark.parametrize(
    "sql",
    [
        f"{ENDLESS} SELECT count(*) FROM n",
        f"SELECT count(*) FROM {', '.join(f'data t{number}' for number in range(20))}",
        f"{ENDLESS} SELECT max(date('2026-01-01', i || ' days')) FROM n",
    ],
    ids=["recursion", "cross join", "dates"],
)
def test_a_query_without_end_is_interrupted(monkeypatch: pytest.MonkeyPatch, sql: str):
    monkeypatch.setattr(table_analysis, "SECONDS", 0.2)
    assert refusal(sql) == "The query took longer than 0.2 s; join on fewer rows, or aggregate first."


@pytest.mark.parametrize(
    "sql",
    [
        f"{ENDLESS} SELECT i, printf('%2000d', i) z FROM n ORDER BY z",
        f"{ENDLESS} SELECT DISTINCT printf('%3000d', i) FROM n ORDER BY 1",
    ],
    ids=["sort", "distinct"],
)
def test_a_query_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch, sql: str):
    monkeypatch.setattr(table_analysis, "SECONDS", 20.0)
    assert refusal(sql) == "The query needs too much memory; filter or aggregate before you sort or join."
    assert rows("SELECT count(*) FROM data") == [[3]]


def test_a_text_that_would_outgrow_the_limit_is_refused():
    assert "too big" in refusal("SELECT replace(printf('%1000d', 1), ' ', printf('%1000d', 1))")


def test_two_hundred_rows_are_shown_and_more_are_announced():
    csv = "n\n" + "\n".join(str(n) for n in range(201))
    found = answer("SELECT n FROM data", csv)
    assert (len(found["rows"]), found["more"]) == (200, True)
    assert answer("SELECT n FROM data WHERE n > 0", csv)["more"] is False


def test_a_long_cell_is_cut_and_says_so():
    ((cell,),) = rows("SELECT a FROM data", "a\n" + "x" * 5000)
    assert cell == "x" * 2000 + " … (5000 characters)"


def test_a_statement_without_a_question_is_told():
    assert refusal("-- nothing") == "This is no query; write one SELECT."


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"csv": "a"}, "sql"),
        ({"sql": "", "csv": "a"}, "sql"),
        ({"sql": "x" * 5001, "csv": "a"}, "sql"),
        ({"sql": "SELECT 1", "csv": "a" * 200_001}, "csv"),
        ({"sql": "SELECT 1", "records": [{"a": 1}] * 2001}, "records"),
        ({"sql": "SELECT 1", "csv": "a", "delimiter": ":"}, "delimiter"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    outcome = TOOL.call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith(f"Arguments refused: {field}: ")


def test_nested_records_are_refused():
    outcome = TOOL.call({"sql": "SELECT 1", "records": [{"a": {"b": 1}}]})
    assert outcome.content.startswith("Arguments refused: records.0.a")
