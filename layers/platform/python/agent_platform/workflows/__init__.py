"""Workflows: a spec of steps, compiled to a state machine, and its runs."""
