"""The control plane: accounts and sessions, the catalogue of agents, and past executions."""
