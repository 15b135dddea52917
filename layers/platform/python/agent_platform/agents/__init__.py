"""Agents: what one is (definition), where it is found (loader, catalogue), and how it runs (base, execution)."""
