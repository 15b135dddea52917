"""Who is asking: the one identity type that every room understands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent_platform.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. `token_id` is the `jti` of its access token, `key_id` the API key it came with, if any."""

    user_id: str
    email: str
    roles: frozenset[str]
    token_id: str
    key_id: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller may see what belongs to others."""
        return "admin" in self.roles

    def to_authorizer_context(self) -> dict[str, str]:
        """The flat string map that an API Gateway authorizer may pass on."""
        context = {
            "sub": self.user_id,
            "email": self.email,
            "roles": ",".join(sorted(self.roles)),
            "jti": self.token_id,
        }
        return {**context, "key": self.key_id} if self.key_id else context

    @classmethod
    def from_authorizer_context(cls, context: Mapping[str, Any]) -> "Principal":
        """The principal that the authorizer put into `requestContext.authorizer`.

        Raises:
            Unauthenticated: the gateway passed no authorizer context.
        """
        if not context.get("sub"):
            raise Unauthenticated("This route needs a token: send `Authorization: Bearer <access token>`.")
        return cls(
            user_id=str(context["sub"]),
            email=str(context.get("email", "")),
            roles=frozenset(role for role in str(context.get("roles", "")).split(",") if role),
            token_id=str(context.get("jti", "")),
            key_id=str(context["key"]) if context.get("key") else None,
        )
