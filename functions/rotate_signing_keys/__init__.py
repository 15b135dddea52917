"""Rotates the keys that sign access tokens, step by step, as Secrets Manager asks."""
