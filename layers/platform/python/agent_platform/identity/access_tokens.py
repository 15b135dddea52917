"""Access tokens: JWTs after RFC 9068, checked as RFC 8725 advises.

One algorithm, fixed here and never taken from the token. The key is looked up by name among our own. Issuer, audience
and type are checked, so that a token made for something else, even with our key, is not accepted.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from agent_platform.errors import Unauthenticated
from agent_platform.identity.principal import Principal
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.ids import new_id
from agent_platform.settings import TokenSettings

ALGORITHM: Final = "HS256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  the media type of RFC 9068, section 2.1, no secret
MAX_TOKEN_CHARACTERS: Final = 4096
LEEWAY_SECONDS: Final = 2
"""The clocks of two Lambda hosts may differ a little: a token must not be "not yet valid" where it is sent next."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""RFC 7515, section 2: base64url without padding. Readers that skip `=` give one token several spellings."""
_HEADER_FIELDS = {"alg", "kid", "typ"}
_CLAIMS = ["iss", "aud", "sub", "jti", "sid", "iat", "exp", "email", "roles"]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a genuine token says. Times are Unix seconds; `session_id` is shared by all tokens of one sign-in."""

    principal: Principal
    session_id: str
    issued_at: float
    expires_at: float


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, settings: TokenSettings, keys: SigningKeys, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    def issue(self, *, user_id: str, email: str, roles: list[str], session_id: str) -> str:
        """Sign a token that is valid from now for `ACCESS_TOKEN_SECONDS`.

        `email` is an address that was proved to be the user's, or empty: whatever asks who somebody is (approvals,
        policies) goes by what stands here.
        """
        # Milliseconds (a NumericDate may have a fraction): a sign-in right after "revoke all" must count as later.
        now = round(self._clock(), 3)
        name, key = self._keys.active()
        claims = {
            "iss": self._settings.jwt_issuer,
            "aud": self._settings.jwt_audience,
            "sub": user_id,
            "jti": new_id(),
            "sid": session_id,
            "iat": now,
            "exp": int(now) + self._settings.access_token_seconds,
            "email": email,
            "roles": sorted(roles),
        }
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"typ": TOKEN_TYPE, "kid": name})

    def verify(self, token: str) -> VerifiedToken:
        """Check signature, header and claims. Whether the token was revoked is not asked here.

        Raises:
            Unauthenticated: it is not a valid token of ours, or has expired.
            StorageUnavailable: the keys cannot be read.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("The access token is too long to be one of ours.")
        try:
            if not _COMPACT.fullmatch(token):
                raise jwt.InvalidTokenError("form")
            header = jwt.get_unverified_header(token)
            if set(header) != _HEADER_FIELDS or header["alg"] != ALGORITHM or header["typ"] != TOKEN_TYPE:
                raise jwt.InvalidTokenError("header")
            key = self._keys.find(header["kid"])
            if key is None:
                raise jwt.InvalidTokenError("key")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _CLAIMS, "strict_aud": True, "enforce_minimum_key_length": True},
            )
            return _read(claims)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The access token has expired: get a new one with POST /auth/refresh.") from None
        except (jwt.InvalidTokenError, UnicodeError):
            # One message for every other fault: which check failed helps only somebody who forges tokens.
            raise Unauthenticated("The access token is not valid: sign in again.") from None


def _read(claims: dict[str, Any]) -> VerifiedToken:
    texts = [claims[name] for name in ("sub", "jti", "sid")]
    email, roles = claims["email"], claims["roles"]
    times = [claims["iat"], claims["exp"]]
    if not (
        all(isinstance(value, str) and 0 < len(value) <= 254 for value in texts)
        and isinstance(email, str)
        and len(email) <= 254
        and isinstance(roles, list)
        and all(isinstance(role, str) for role in roles)
        and all(isinstance(moment, int | float) and not isinstance(moment, bool) for moment in times)
    ):
        raise jwt.InvalidTokenError("claims")
    user_id, token_id, session_id = texts
    principal = Principal(user_id=user_id, email=email, roles=frozenset(roles), token_id=token_id)
    return VerifiedToken(principal, session_id, issued_at=claims["iat"], expires_at=claims["exp"])


def bearer_token(authorization: str | None) -> str:
    """The token inside an `Authorization: Bearer …` header (RFC 6750, section 2.1; the scheme's case does not matter).

    Raises:
        Unauthenticated: there is no such header, or it has another form.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("This route needs a token: send `Authorization: Bearer <access token>`.")
    return token.strip()
