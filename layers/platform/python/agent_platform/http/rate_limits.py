"""How often a caller may still call, as header fields (draft-ietf-httpapi-ratelimit-headers-11)."""

from agent_platform.resilience.moments import MINUTE

_POLICY = '"calls-per-minute"'


def rate_limit_headers(limit: int, remaining: int, reset_seconds: int) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit`: the quota of a minute, and what is left of it until it is renewed."""
    return {
        "RateLimit-Policy": f"{_POLICY};q={limit};w={MINUTE}",
        "RateLimit": f"{_POLICY};r={remaining};t={reset_seconds}",
    }
