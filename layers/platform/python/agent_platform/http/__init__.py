"""The HTTP edge that every function with routes shares: problems, trace ids, body limits, the caller's identity."""

from agent_platform.http.app import API_PREFIX, create_app
from agent_platform.http.principal import CurrentPrincipal
from agent_platform.http.problems import Problem, problems
from agent_platform.http.trace import CurrentTrace

__all__ = ["API_PREFIX", "CurrentPrincipal", "CurrentTrace", "Problem", "create_app", "problems"]
