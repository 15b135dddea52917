"""Starts a run when a schedule or an event says so."""
