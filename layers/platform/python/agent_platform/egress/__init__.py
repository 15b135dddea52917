"""The one way out: requests to addresses that users name, guarded."""

from agent_platform.egress.client import Answer, Egress, origin_of

__all__ = ["Answer", "Egress", "origin_of"]
