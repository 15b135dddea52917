"""Decide whether a request may pass the gateway, and as whom: by the token of a person or by an API key."""

from collections.abc import Mapping
from typing import Any

from agent_platform.errors import Unauthenticated
from agent_platform.identity.access_tokens import AccessTokens, bearer_token
from agent_platform.identity.api_keys import ApiKeys
from agent_platform.identity.key_text import looks_like_key
from agent_platform.identity.principal import Principal
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.observability import trace_id_of
from agent_platform.settings import AuthorizeSettings
from agent_platform.tracing import trace_id_of_traceparent

Event = Mapping[str, Any]


class Authorizer:
    """Verifies the token or key of a gateway event and asks whether it was revoked."""

    def __init__(self, settings: AuthorizeSettings) -> None:
        self.usage_key_prefix = settings.usage_key_prefix
        self._tokens = AccessTokens(settings, SigningKeys(settings.jwt_secret_arn))
        self._revocations = Revocations(settings.tokens_table, longest_life=settings.refresh_token_seconds)
        self._api_keys = ApiKeys(settings.tokens_table)

    def principal(self, event: Event) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: there is no valid token or API key, or it was revoked.
            StorageUnavailable: the keys or the revocations cannot be read, so nobody may pass.
        """
        sent = bearer_token(_header(event, "authorization"))
        if looks_like_key(sent):
            return self._api_keys.verify(sent)
        token = self._tokens.verify(sent)
        self._revocations.check(token)
        return token.principal


def policy(principal: Principal, method_arn: str, usage_key_prefix: str = "") -> dict[str, Any]:
    """The answer to the gateway: every route of this API's stage, or none for an account without any role (403).

    With a `usage_key_prefix` it names the usage plan that counts the request: of people, or of machines.
    """
    # arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>
    api, stage, *_ = method_arn.split("/")
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if principal.roles else "Deny",
        "Resource": f"{api}/{stage}/*",
    }
    answer: dict[str, Any] = {
        "principalId": principal.user_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": principal.to_authorizer_context(),
    }
    if usage_key_prefix:
        answer["usageIdentifierKey"] = f"{usage_key_prefix}{'machines' if principal.key_id else 'people'}"
    return answer


def trace_id_of_event(event: Event) -> str | None:
    """The trace that the request belongs to, as the function behind the gateway will find it; None where it is new."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return trace_id_of_traceparent(headers.get("traceparent")) or trace_id_of(headers.get("x-amzn-trace-id"))


def _header(event: Event, name: str) -> str | None:
    """One header, whatever the case of its name (HTTP/2 clients and some gateways send lower case)."""
    several = event.get("multiValueHeaders") or {}
    values = [value for key, found in several.items() if key.lower() == name for value in found]
    if not values:
        values = [value for key, value in (event.get("headers") or {}).items() if key.lower() == name]
    if len(values) > 1:
        # Which one counts would differ from one reader to the next.
        raise Unauthenticated("Send one Authorization header.")
    return values[0] if values else None
