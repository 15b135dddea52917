"""The steps of workflows that need no agent: values, maps, approvals, runs of other workflows."""
