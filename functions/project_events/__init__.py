"""Keeps every event in the audit log and brings the projections up to it."""
