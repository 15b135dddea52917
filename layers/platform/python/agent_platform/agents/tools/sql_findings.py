"""What in a parsed statement is known to go wrong. Imports sqlglot: import it late."""

from collections.abc import Iterator

from sqlglot import exp

Finding = tuple[str, str]
"""A code, and what to do about it."""


def findings(statement: exp.Expr) -> list[Finding]:
    """Every finding once, in the order of the rules."""
    return list(dict.fromkeys(finding for rule in _RULES for finding in rule(statement)))


def _unread(statement: exp.Expr) -> Iterator[Finding]:
    if isinstance(statement, exp.Command):
        yield "not_analysed", "Only the first word of this statement is understood; read it yourself."


def _without_where(statement: exp.Expr) -> Iterator[Finding]:
    for each in statement.find_all(exp.Update, exp.Delete):
        if not each.args.get("where"):
            verb = each.key.upper()
            yield f"{each.key}_without_where", f"{verb} without WHERE changes every row; say which rows are meant."


def _destroys(statement: exp.Expr) -> Iterator[Finding]:
    if isinstance(statement, exp.TruncateTable) or any(True for _ in statement.find_all(exp.Drop)):
        yield "destroys_data", "DROP and TRUNCATE cannot be undone outside a transaction; make sure of a copy."


def _star(statement: exp.Expr) -> Iterator[Finding]:
    for select in statement.find_all(exp.Select):
        # `SELECT *` inside EXISTS reads no columns.
        if not isinstance(select.parent, exp.Exists) and any(each.is_star for each in select.expressions):
            yield "select_star", "SELECT * changes with the table; name the columns that are needed."


def _joins(statement: exp.Expr) -> Iterator[Finding]:
    for select in statement.find_all(exp.Select):
        joins = [each for each in select.args.get("joins") or [] if isinstance(each.this, exp.Table | exp.Subquery)]
        if any(each.kind == "CROSS" for each in joins):
            yield "cross_join", "CROSS JOIN pairs every row with every row; make sure that this is meant."
        if loose := _loose(select, [each for each in joins if each.kind != "CROSS"]):
            yield "cartesian_product", f"Nothing joins {', '.join(loose)} to the other tables; add the condition."


def _loose(select: exp.Select, joins: list[exp.Join]) -> list[str]:
    """Tables that no condition connects with the first one. A column without a table may be anybody's: it connects."""
    start = select.args.get("from_")
    if start is None or not joins:
        return []
    names = [start.this.alias_or_name, *(each.this.alias_or_name for each in joins)]
    groups = [{name.lower()} for name in names]
    conditions = [where.this] if (where := select.args.get("where")) else []
    for join in joins:
        if join.args.get("using") or join.method == "NATURAL":
            _unite(groups, {names[0].lower(), join.this.alias_or_name.lower()})
        if on := join.args.get("on"):
            conditions.append(on)
    for condition in conditions:
        for part in condition.find_all(exp.Predicate):
            columns = list(part.find_all(exp.Column))
            if len(columns) > 1 and any(not column.table for column in columns):
                return []
            _unite(groups, {column.table.lower() for column in columns})
    first = next(group for group in groups if names[0].lower() in group)
    return [name for name in names if name.lower() not in first]


def _unite(groups: list[set[str]], names: set[str]) -> None:
    touched = [group for group in groups if group & names]
    if len(touched) > 1:
        groups[:] = [group for group in groups if group not in touched] + [set().union(*touched)]


def _not_in(statement: exp.Expr) -> Iterator[Finding]:
    for each in statement.find_all(exp.Not):
        if isinstance(each.this, exp.In) and each.this.args.get("query"):
            yield "not_in_subquery", "NOT IN is never true once the subquery yields a NULL; use NOT EXISTS."


def _null(statement: exp.Expr) -> Iterator[Finding]:
    for each in statement.find_all(exp.EQ, exp.NEQ):
        assigned = isinstance(each.parent, exp.Update) and each.arg_key == "expressions"
        if not assigned and (isinstance(each.expression, exp.Null) or isinstance(each.this, exp.Null)):
            yield "null_comparison", "A comparison with NULL is never true; use IS NULL or IS NOT NULL."


def _limit(statement: exp.Expr) -> Iterator[Finding]:
    for select in statement.find_all(exp.Query):
        if (select.args.get("limit") or select.args.get("offset")) and not select.args.get("order"):
            yield "limit_without_order", "Without ORDER BY, which rows LIMIT keeps is left to chance."


def _insert(statement: exp.Expr) -> Iterator[Finding]:
    for each in statement.find_all(exp.Insert):
        if isinstance(each.this, exp.Table):
            yield "insert_without_columns", "INSERT without column names breaks when the table changes; name them."


_RULES = (_unread, _without_where, _destroys, _star, _joins, _not_in, _null, _limit, _insert)
