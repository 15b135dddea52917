"""The shared package of the AI-Agents Platform; a room imports only rooms on lower floors (docs/architecture.md)."""
