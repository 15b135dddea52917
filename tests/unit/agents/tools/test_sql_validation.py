"""SQL that is only read: syntax by dialect, what a statement touches, and what in it is known to go wrong."""

import json
import logging
from typing import Any

import pytest

from agent_platform.agents.tools import registry

TOOL = registry["sql_validation"]


def checked(sql: str, dialect: str = "postgres") -> Any:
    outcome = TOOL.call({"sql": sql, "dialect": dialect})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def statement(sql: str, dialect: str = "postgres") -> Any:
    found = checked(sql, dialect)
    assert found["valid"], found
    (only,) = found["statements"]
    return only


def codes(sql: str, dialect: str = "postgres") -> list[str]:
    return [finding["code"] for finding in statement(sql, dialect)["findings"]]


@pytest.mark.parametrize(
    ("sql", "kind", "tables", "columns"),
    [
        ("SELECT a, t.b FROM t", "SELECT", ["t"], ["a", "t.b"]),
        ("SELECT x.a FROM s.t AS x JOIN db.s.u ON x.i = u.i", "SELECT", ["s.t", "db.s.u"], ["x.a", "x.i", "u.i"]),
        ("WITH c AS (SELECT a FROM t) SELECT c.a FROM c", "SELECT", ["t"], ["c.a", "a"]),
        ("SELECT 1 UNION SELECT 2", "SELECT", [], []),
        ("INSERT INTO t (a) SELECT b FROM u", "INSERT", ["t", "u"], ["b"]),
        ("UPDATE t SET a = 1 WHERE b = 2", "UPDATE", ["t"], ["a", "b"]),
        ("DELETE FROM t WHERE a = 1", "DELETE", ["t"], ["a"]),
        ("CREATE TABLE s.x AS SELECT y.a FROM y", "CREATE TABLE", ["s.x", "y"], ["y.a"]),
        ("DROP VIEW v", "DROP VIEW", ["v"], []),
        ("TRUNCATE TABLE t", "TRUNCATE", ["t"], []),
        ("ALTER TABLE t ADD COLUMN x int", "ALTER TABLE", ["t"], []),
        ("MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", "MERGE", ["a", "b"], ["a.i", "b.i"]),
        ("VACUUM t", "VACUUM", [], []),
    ],
)
def test_a_statement_is_told_with_what_it_touches(sql: str, kind: str, tables: list[str], columns: list[str]):
    found = statement(sql)
    assert found["kind"] == kind
    assert sorted(found["tables"]) == sorted(tables)
    assert sorted(found["columns"]) == sorted(columns)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE t SET a = 1", "update_without_where"),
        ("DELETE FROM t", "delete_without_where"),
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone", "delete_without_where"),
        ("DROP TABLE t", "destroys_data"),
        ("TRUNCATE t", "destroys_data"),
        ("ALTER TABLE t DROP COLUMN a", "destroys_data"),
        ("SELECT * FROM t", "select_star"),
        ("SELECT t.* FROM t", "select_star"),
        ("SELECT a FROM (SELECT * FROM t) x", "select_star"),
        ("SELECT a.x FROM a, b", "cartesian_product"),
        ("SELECT a.x FROM a, b, c WHERE a.i = b.i", "cartesian_product"),
        ("SELECT a.x FROM a JOIN b ON a.i = a.j", "cartesian_product"),
        ("SELECT a.x FROM a, b WHERE a.i = 1 AND b.i = 2", "cartesian_product"),
        ("SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b, c)", "cartesian_product"),
        ("SELECT a.x FROM a CROSS JOIN b", "cross_join"),
        ("SELECT a FROM t WHERE b NOT IN (SELECT c FROM u)", "not_in_subquery"),
        ("SELECT a FROM t WHERE b = NULL", "null_comparison"),
        ("SELECT a FROM t WHERE NULL <> b", "null_comparison"),
        ("UPDATE t SET a = 1 WHERE b = NULL", "null_comparison"),
        ("SELECT a FROM t LIMIT 5", "limit_without_order"),
        ("SELECT a FROM t ORDER BY a, (SELECT b FROM u LIMIT 1)", "limit_without_order"),
        ("INSERT INTO t VALUES (1)", "insert_without_columns"),
        ("VACUUM t", "not_analysed"),
    ],
)
def test_what_goes_wrong_is_found(sql: str, code: str):
    assert codes(sql) == [code]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a = NULL WHERE b = 1",
        "DELETE FROM t USING u WHERE t.i = u.i",
        "SELECT count(*) FROM t",
        "SELECT a FROM t WHERE EXISTS (SELECT * FROM u WHERE u.i = t.i)",
        "SELECT a.x FROM a, b WHERE a.i = b.i",
        "SELECT a.x FROM a, b WHERE b.i BETWEEN a.low AND a.high",
        "SELECT a.x FROM a JOIN b USING (i) JOIN c USING (i)",
        "SELECT a.x FROM a NATURAL JOIN b",
        "SELECT a.x FROM a LEFT JOIN b ON a.i = b.i JOIN c ON b.k = c.k",
        "SELECT x FROM a, b WHERE i = j",
        "SELECT x.a FROM t x JOIN t y ON x.i = y.parent",
        "SELECT t.a FROM t, unnest(t.list) AS u(v)",
        "SELECT t.a FROM t, LATERAL (SELECT b FROM u WHERE u.i = t.i) l",
        "SELECT a FROM t WHERE b IS NULL AND c NOT IN (1, 2)",
        "SELECT a FROM t ORDER BY a LIMIT 5",
        "INSERT INTO t (a, b) VALUES (1, 2)",
        "CREATE TABLE t (a int PRIMARY KEY)",
    ],
)
def test_what_is_well_written_has_no_finding(sql: str):
    assert codes(sql) == []


@pytest.mark.parametrize(
    ("sql", "line", "column", "near"),
    [
        ("SELECT * FRM t WHERE", 1, 14, "t"),
        ("foo bar baz", 1, 9, "baz"),
        ("SELECT a\nFROM t\nWHERE a = = 1", 3, 11, "="),
        ("SELECT 1,\n   'abc\nx", 2, 4, "'abc"),
        ('SELECT "a', 1, 8, '"a'),
        ("SELECT /* x\n", 1, 11, "x"),
        ("SELECT ((1)", 1, 11, ")"),
    ],
)
def test_a_syntax_error_is_told_with_its_place(sql: str, line: int, column: int, near: str):
    found = checked(sql)
    assert found["valid"] is False
    error = found["errors"][0]
    assert (error["line"], error["column"], error["near"]) == (line, column, near)
    assert "class" not in error["message"]


@pytest.mark.parametrize(
    ("sql", "good", "bad"),
    [
        ("SELECT `a` FROM `t`", "mysql", "postgres"),
        ("SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1", "snowflake", None),
        ("SELECT TOP 5 a FROM t ORDER BY a", "tsql", None),
        ("SELECT [a b] FROM [t]", "tsql", None),
        ("SELECT a::int FROM t", "postgres", None),
        ("SELECT x FROM UNNEST([1, 2]) AS x", "bigquery", None),
    ],
)
def test_dialects_are_told_apart(sql: str, good: str, bad: str | None):
    assert checked(sql, good)["valid"]
    if bad:
        assert not checked(sql, bad)["valid"]


@pytest.mark.parametrize("dialect", registry["sql_validation"].input_schema["properties"]["dialect"]["enum"])
def test_every_dialect_reads_a_plain_query(dialect: str):
    assert statement("SELECT a FROM t WHERE b = 1", dialect)["findings"] == []


def test_several_statements_are_told_one_by_one():
    found = checked("UPDATE t SET a = 1; ; SELECT a FROM t;")
    assert [each["kind"] for each in found["statements"]] == ["UPDATE", "SELECT"]
    many = checked("SELECT 1;" * 60)
    assert (len(many["statements"]), many["more_statements"]) == (50, 10)


@pytest.mark.parametrize("sql", [" ", "-- nothing", "/* nothing */", ";;"])
def test_no_statement_is_told(sql: str):
    outcome = TOOL.call({"sql": sql, "dialect": "ansi"})
    assert outcome.content == "There is no statement, only white space or comments."


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 9000,
        "SELECT " + "NOT " * 4000 + "1",
        "SELECT a FROM " + "(SELECT * FROM " * 600 + "t" + ")" * 600,
        "SELECT * FROM " + "t JOIN " * 2500 + "t",
        "SELECT " + "CASE WHEN 1 THEN " * 900,
    ],
    ids=lambda sql: sql[:20],
)
def test_a_statement_nested_beyond_reason_is_an_answer(sql: str):
    outcome = TOOL.call({"sql": sql[:20_000], "dialect": "postgres"})
    assert outcome.content == "The statement is nested too deeply; check its parts one by one."


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "1+" * 9000 + "1",
        "SELECT 1 " + "UNION SELECT 1 " * 1200,
        "SELECT a FROM " + ", ".join(f"t{n}" for n in range(2500)),
    ],
    ids=lambda sql: sql[:20],
)
def test_long_statements_are_read_in_time(sql: str):
    assert checked(sql[:20_000])["valid"]


def test_statements_are_not_written_to_the_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        checked("VACUUM secret_table")
    assert "secret_table" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"sql": "SELECT 1"}, "dialect"),
        ({"sql": "SELECT 1", "dialect": "db2"}, "dialect"),
        ({"sql": "", "dialect": "ansi"}, "sql"),
        ({"sql": "x" * 20_001, "dialect": "ansi"}, "sql"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    assert TOOL.call(arguments).content.startswith(f"Arguments refused: {field}: ")
