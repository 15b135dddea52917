"""Evaluations: what is to be run for one, and how the answers stand up to its cases."""
