"""Who is asking: the one identity type that every room understands, and its two written forms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent_platform.errors import Unauthenticated
from agent_platform.storage.principal_document import PrincipalDocument


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller.

    Attributes:
        token_id: the `jti` of the access token; empty where work goes on after its request.
        key_id: the API key that the caller came with, if any.
        scopes: the actions that the API key is for, `resource:verb` or `resource:*`; None for a person, whom only
            roles bound.
        agents: the agents that the API key may reach, `group/name` or `group/*`; None for all.
        source_ip: the address that the caller asked from, as the gateway saw it.
    """

    user_id: str
    email: str
    roles: frozenset[str]
    token_id: str
    key_id: str | None = None
    scopes: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    source_ip: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller may see what belongs to others."""
        return "admin" in self.roles

    def to_document(self) -> PrincipalDocument:
        """What goes along with asynchronous work, token aside: that ends with the request."""
        return PrincipalDocument(
            user_id=self.user_id,
            email=self.email,
            roles=tuple(sorted(self.roles)),
            key_id=self.key_id,
            scopes=_sorted(self.scopes),
            agents=_sorted(self.agents),
            source_ip=self.source_ip,
        )

    @classmethod
    def from_document(cls, document: PrincipalDocument, *, token_id: str = "") -> "Principal":
        """The principal on whose behalf work goes on."""
        return cls(
            user_id=document.user_id,
            email=document.email,
            roles=frozenset(document.roles),
            token_id=token_id,
            key_id=document.key_id,
            scopes=_set(document.scopes),
            agents=_set(document.agents),
            source_ip=document.source_ip,
        )

    def to_authorizer_context(self) -> dict[str, str]:
        """The flat string map that an API Gateway authorizer may pass on. The address is the gateway's own to tell."""
        context = {
            "sub": self.user_id,
            "email": self.email,
            "roles": ",".join(sorted(self.roles)),
            "jti": self.token_id,
            "key": self.key_id,
            "scopes": _joined(self.scopes),
            "agents": _joined(self.agents),
        }
        return {name: value for name, value in context.items() if value is not None}

    @classmethod
    def from_authorizer_context(cls, context: Mapping[str, Any], *, source_ip: str | None = None) -> "Principal":
        """The principal that the authorizer put into `requestContext.authorizer`.

        Raises:
            Unauthenticated: the gateway passed no authorizer context.
        """
        if not context.get("sub"):
            raise Unauthenticated("This route needs a token: send `Authorization: Bearer <access token>`.")
        if context.get("key") and not context.get("scopes"):
            raise Unauthenticated("The gateway passed an API key without its scopes.")
        return cls(
            user_id=str(context["sub"]),
            email=str(context.get("email", "")),
            roles=frozenset(_split(context.get("roles", ""))),
            token_id=str(context.get("jti", "")),
            key_id=str(context["key"]) if context.get("key") else None,
            scopes=_words(context.get("scopes")),
            agents=_words(context.get("agents")),
            source_ip=source_ip,
        )


def _split(text: object) -> list[str]:
    return [word for word in str(text).split(",") if word]


_NONE = "-"
"""No words at all, in an authorizer's context: an empty text is what a gateway may leave out."""


def _words(text: object) -> frozenset[str] | None:
    """Words of an authorizer's context; absent, nothing bounds the caller."""
    return None if text is None else frozenset(_split(text)) - {_NONE}


def _joined(words: frozenset[str] | None) -> str | None:
    return None if words is None else ",".join(sorted(words)) or _NONE


def _sorted(words: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(sorted(words))


def _set(words: Iterable[str] | None) -> frozenset[str] | None:
    return None if words is None else frozenset(words)
