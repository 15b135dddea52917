"""Which action each operation of the control plane is, for the policy. An operation that stands in none of these lists
is refused to everybody; a test holds that every one of the OpenAPI document stands in one.
"""

from agent_platform.identity.policy.actions import Action

PUBLIC = frozenset(
    {
        "accept_invitation",
        "forgot_password",
        "get_health",
        "get_openapi",
        "login",
        "refresh",
        "register",
        "reset_password",
        "verify_email",
    }
)
"""Operations that need no token, so there is nobody to ask about."""

SIGNED_IN = frozenset({"explain_policy", "get_policy"})
"""Operations that whoever has signed in may do: to ask why something was denied must not be deniable."""

ACTIONS: dict[str, Action] = {
    # One's own account
    "get_me": "account:manage",
    "logout": "account:manage",
    "revoke_all": "account:manage",
    "change_password": "account:manage",
    "send_verification": "account:manage",
    # Keys of machines
    "create_api_key": "keys:manage",
    "list_api_keys": "keys:manage",
    "get_api_key": "keys:manage",
    "update_api_key": "keys:manage",
    "revoke_api_key": "keys:manage",
    "rotate_api_key": "keys:manage",
    # Everybody's accounts, and one's own data
    "list_users": "users:manage",
    "get_user": "users:manage",
    "set_user_roles": "users:manage",
    "disable_user": "users:manage",
    "enable_user": "users:manage",
    "erase_user": "users:manage",
    "export_user": "users:manage",
    "list_user_data_requests": "users:manage",
    "list_invitations": "users:manage",
    "invite_user": "users:manage",
    "resend_invitation": "users:manage",
    "withdraw_invitation": "users:manage",
    "export_me": "account:manage",
    "list_my_exports": "account:manage",
    "erase_me": "account:manage",
    # The catalogue
    "list_agents": "agents:read",
    "route_ask": "agents:read",
    "list_groups": "agents:read",
    "list_tags": "agents:read",
    "unknown_group": "agents:read",
    # Executions, batches, conversations
    "list_executions": "executions:read",
    "get_execution": "executions:read",
    "cancel_execution": "agents:execute",
    "create_batch": "batches:run",
    "list_batches": "batches:run",
    "get_batch": "batches:run",
    "start_batch": "batches:run",
    "cancel_batch": "batches:run",
    "create_session": "sessions:use",
    "list_sessions": "sessions:use",
    "get_session": "sessions:use",
    "list_session_turns": "sessions:use",
    "delete_session": "sessions:use",
    # Workflows, runs, and what starts and decides them
    "list_workflows": "workflows:read",
    "get_workflow": "workflows:read",
    "list_workflow_versions": "workflows:read",
    "get_workflow_version": "workflows:read",
    "create_workflow": "workflows:write",
    "validate_workflow": "workflows:write",
    "add_workflow_version": "workflows:write",
    "publish_workflow": "workflows:write",
    "roll_back_workflow": "workflows:write",
    "archive_workflow": "workflows:write",
    "start_run": "workflows:run",
    "list_runs": "workflows:read",
    "get_run": "workflows:read",
    "stop_run": "workflows:run",
    "retry_run": "workflows:run",
    "list_approvals": "approvals:decide",
    "get_approval": "approvals:decide",
    "decide_approval": "approvals:decide",
    "list_tool_approvals": "approvals:decide",
    "get_tool_approval": "approvals:decide",
    "decide_tool_approval": "approvals:decide",
    "create_trigger": "triggers:manage",
    "list_triggers": "triggers:manage",
    "get_trigger": "triggers:manage",
    "delete_trigger": "triggers:manage",
    "pause_trigger": "triggers:manage",
    "resume_trigger": "triggers:manage",
    # Events sent out
    "create_webhook": "webhooks:manage",
    "list_webhooks": "webhooks:manage",
    "get_webhook": "webhooks:manage",
    "update_webhook": "webhooks:manage",
    "delete_webhook": "webhooks:manage",
    "rotate_webhook_secret": "webhooks:manage",
    "ping_webhook": "webhooks:manage",
    "list_webhook_deliveries": "webhooks:manage",
    "redeliver_webhook_event": "webhooks:manage",
    # Figures and money
    "get_analytics_overview": "analytics:read",
    "get_analytics_timeseries": "analytics:read",
    "get_analytics_agents": "analytics:read",
    "get_analytics_groups": "analytics:read",
    "get_analytics_users": "analytics:read",
    "get_analytics_errors": "analytics:read",
    "get_analytics_latency": "analytics:read",
    "get_analytics_workflows": "analytics:read",
    "get_analytics_budgets": "analytics:read",
    "get_my_budget": "budgets:read",
    "get_user_budget": "budgets:manage",
    "set_user_budget": "budgets:manage",
    "get_agent_budget": "budgets:manage",
    "set_agent_budget": "budgets:manage",
    # Operations
    "list_dead_letters": "dead-letters:manage",
    "get_dead_letter": "dead-letters:manage",
    "redrive_dead_letter": "dead-letters:manage",
    "redrive_dead_letters": "dead-letters:manage",
    "discard_dead_letter": "dead-letters:manage",
    "list_audit_entries": "audit:read",
    "export_audit_log": "audit:read",
    "verify_audit_log": "audit:read",
    "get_platform_metrics": "metrics:read",
}
"""By operation id. Whose run, batch or webhook it is stays the business of the services behind."""
