"""Analytics: the audit log, the projections that are derived from it, and the questions they answer."""
