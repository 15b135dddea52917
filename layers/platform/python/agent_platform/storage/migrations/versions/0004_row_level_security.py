"""Row-level security: a transaction that acts for a user meets nothing but what is theirs."""

from alembic import op

from agent_platform.storage.migrations.row_security import EVERYBODY, ROLE, USER, protect, unprotect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Roles belong to the server, not to one of its databases: another one may have made it, at this very moment too.
# Who signs in must be able to take the role and has none of its rights otherwise.
_MAKE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}', 'SET') THEN
        GRANT {ROLE} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
END $$
"""

_DROP_ROLE = f"""
DO $$ BEGIN
    DROP ROLE {ROLE};
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object THEN
    NULL;  -- another database of this server has it
END $$
"""

_WORKFLOW = "EXISTS (SELECT FROM workflows WHERE workflows.id = workflow_id{more})"
_VISIBLE_WORKFLOW = _WORKFLOW.format(more="")  # what is visible of `workflows` is its own policy's business
_OWN_WORKFLOW = _WORKFLOW.format(more=f" AND CAST(workflows.owner_id AS text) = {USER}")
_OWNER_ID = f"CAST(owner_id AS text) = {USER}"

# Roles are read and not written: nobody makes themselves an administrator.
_PERSONAL = {
    "users": {"reads": f"CAST(id AS text) = {USER}", "writes": f"CAST(id AS text) = {USER}"},
    "user_roles": {"reads": f"CAST(user_id AS text) = {USER}"},
    "agent_activations": {"reads": f"scope <> 'user' OR scope_id = {USER}"},
    "workflows": {"reads": f"owner_id IS NULL OR {_OWNER_ID}", "writes": _OWNER_ID},
    "workflow_versions": {"reads": _VISIBLE_WORKFLOW, "writes": _OWN_WORKFLOW},
    "triggers": {"reads": _OWNER_ID, "writes": f"{_OWNER_ID} AND {_VISIBLE_WORKFLOW}"},
    "audit_log": {"reads": f"owner = {USER}", "rights": "SELECT, INSERT"},
}
# Derived from the audit log; a rebuild empties them.
_DERIVED = ("usage", "usage_latency", "usage_errors", "workflow_history")
_OF_THE_PLATFORM = ("roles", "agents", "audit_head", "projections")


def upgrade() -> None:
    """Apply."""
    op.execute(_MAKE_ROLE)
    for table, rules in _PERSONAL.items():
        protect(table, **rules)
    for table in _DERIVED:
        protect(table, reads=f"owner = {USER}", rights="SELECT, INSERT, UPDATE, DELETE, TRUNCATE")
    for table in _OF_THE_PLATFORM:
        protect(table, reads=EVERYBODY)


def downgrade() -> None:
    """Undo."""
    for table in (*_PERSONAL, *_DERIVED, *_OF_THE_PLATFORM):
        unprotect(table)
    op.execute(_DROP_ROLE)
