"""Row-level security, for migrations: who of the platform's users sees and writes which rows of a table.

The function of an API serves everybody over one connection, so the database cannot tell users apart by who signed in:
each transaction takes the role `platform_app` and names its user (`storage/postgres.py`). A table without a call of
`protect` cannot even be read by it.
"""

from alembic import op

ROLE = "platform_app"

USER = "(SELECT nullif(current_setting('app.user_id', true), ''))"
"""SQL of the id, a text, of the user for whom the transaction acts; NULL, and so equal to nothing, if there is none."""

_PLATFORM = "(SELECT current_setting('app.platform', true)) = 'on'"

EVERYBODY = "true"
NOBODY = "false"


def protect(table: str, *, reads: str, writes: str = NOBODY, rights: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Open a table to the platform's transactions: all of it to the platform itself, and to a user what is theirs.

    Args:
        table: its name.
        reads: SQL that is true of the rows that a user sees, such as `owner = {USER}`.
        writes: SQL that is true of the rows that a user may add, change and remove, before and after.
        rights: what can be done to any row at all.
    """
    op.execute(f"GRANT {rights} ON {table} TO {ROLE}")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY platform ON {table} TO {ROLE} USING ({_PLATFORM}) WITH CHECK ({_PLATFORM})")
    op.execute(f"CREATE POLICY reads ON {table} FOR SELECT TO {ROLE} USING ({reads})")
    if writes != NOBODY:
        op.execute(f"CREATE POLICY writes ON {table} TO {ROLE} USING ({writes}) WITH CHECK ({writes})")


def unprotect(table: str) -> None:
    """Undo `protect`, for a table that stays."""
    for policy in ("platform", "reads", "writes"):
        op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
    op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute(f"REVOKE ALL ON {table} FROM {ROLE}")
