"""The parts of the check of a spec; `agent_platform.workflows.check` puts them together."""
