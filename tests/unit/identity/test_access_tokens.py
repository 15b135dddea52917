"""Access tokens: what is in them, and every forgery of the RFC 8725 catalogue."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent_platform.errors import Unauthenticated
from agent_platform.identity.access_tokens import AccessTokens, bearer_token
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.settings import TokenSettings
from tests.fakes.aws import SIGNING_SECRET, store_secret

KEY = SIGNING_SECRET["k1"].encode()
Json = dict[str, Any]


def now() -> int:
    return int(time.time())


def claims(**changes: Any) -> Json:
    moment = now()
    genuine = {
        "iss": "ai-agents-platform",
        "aud": "ai-agents-platform-api",
        "sub": "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11",
        "jti": "019ab2c4-7d10-7c3e-9f52-000000000001",
        "sid": "019ab2c4-7d10-7c3e-9f52-000000000002",
        "iat": moment,
        "exp": moment + 900,
        "email": "ada@example.com",
        "roles": ["user"],
    } | changes
    return {name: value for name, value in genuine.items() if value is not ...}


def header(**changes: Any) -> Json:
    genuine = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"} | changes
    return {name: value for name, value in genuine.items() if value is not ...}


def encoded(part: Json | bytes) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(head: Json, body: Json | bytes, key: bytes = KEY, digest: str = "sha256") -> str:
    """A compact JWS, made without a library, so that no library can refuse to make it."""
    text = f"{encoded(head)}.{encoded(body)}"
    return f"{text}.{encoded(hmac.new(key, text.encode(), digest).digest())}"


def test_a_token_made_by_hand_with_our_key_and_our_claims_is_genuine(access_tokens: AccessTokens) -> None:
    """Without this, every refusal below could have a reason other than the one it is meant to show."""
    assert access_tokens.verify(signed(header(), claims())).principal.email == "ada@example.com"


def test_an_issued_token_names_its_user_and_expires_when_configured(access_tokens: AccessTokens) -> None:
    token = access_tokens.issue(user_id="u-1", email="ada@example.com", roles=["user", "admin"], session_id="s-1")
    verified = access_tokens.verify(token)
    assert verified.principal.user_id == "u-1"
    assert verified.principal.roles == {"user", "admin"}
    assert verified.session_id == "s-1"
    assert 899 <= verified.expires_at - verified.issued_at <= 900
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
    assert len(token) < 1000


def test_two_tokens_never_share_an_id(access_tokens: AccessTokens) -> None:
    who = {"user_id": "u-1", "email": "ada@example.com", "roles": ["user"], "session_id": "s-1"}
    issued = {access_tokens.verify(access_tokens.issue(**who)).principal.token_id for _ in range(20)}
    assert len(issued) == 20


def _rsa_public_pem() -> bytes:
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _rs256() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(), key, algorithm="RS256", headers={"typ": "at+jwt", "kid": "k1"})


FORGERIES: dict[str, Callable[[], str]] = {
    "alg none, no signature": lambda: f"{encoded(header(alg='none'))}.{encoded(claims())}.",
    "alg None, capital": lambda: f"{encoded(header(alg='None'))}.{encoded(claims())}.",
    "alg none, our signature": lambda: signed(header(alg="none"), claims()),
    "alg empty": lambda: signed(header(alg=""), claims()),
    "alg missing": lambda: signed(header(alg=...), claims()),
    "alg a list": lambda: signed(header(alg=["HS256"]), claims()),
    "alg null": lambda: signed(header(alg=None), claims()),
    "alg lower case": lambda: signed(header(alg="hs256"), claims()),
    "another HMAC with our key": lambda: signed(header(alg="HS512"), claims(), digest="sha512"),
    "confusion: HS256 with a public key": lambda: signed(header(), claims(), key=_rsa_public_pem()),
    "signed with RSA": _rs256,
    "signature stripped": lambda: signed(header(), claims()).rpartition(".")[0] + ".",
    "signature of another token": lambda: (
        signed(header(), claims(sub="somebody else")).rpartition(".")[0]
        + "."
        + signed(header(), claims()).rpartition(".")[2]
    ),
    "signature cut short": lambda: signed(header(), claims())[:-4],
    "empty key": lambda: signed(header(), claims(), key=b""),
    "key name as key": lambda: signed(header(), claims(), key=b"k1"),
    "kid missing": lambda: signed(header(kid=...), claims()),
    "kid unknown": lambda: signed(header(kid="k2"), claims()),
    "kid empty": lambda: signed(header(kid=""), claims()),
    "kid names the pointer": lambda: signed(header(kid="active"), claims(), key=b"k1"),
    "kid a path": lambda: signed(header(kid="../../../../dev/null"), claims(), key=b"\x00"),
    "kid SQL": lambda: signed(header(kid="k1' UNION SELECT 'x"), claims(), key=b"x"),
    "kid a number": lambda: signed(header(kid=1), claims()),
    "kid null": lambda: signed(header(kid=None), claims()),
    "kid a list": lambda: signed(header(kid=["k1"]), claims()),
    "key inside the header": lambda: signed(
        header(jwk={"kty": "oct", "k": encoded(b"e" * 32)}), claims(), key=b"e" * 32
    ),
    "key by address": lambda: signed(header(jku="https://evil.example/keys.json"), claims()),
    "certificate by address": lambda: signed(header(x5u="https://evil.example/cert.pem"), claims()),
    "critical extension": lambda: signed(header(crit=["exp"], exp=1), claims()),
    "unencoded payload": lambda: signed(header(b64=False, crit=["b64"]), claims()),
    "typ missing": lambda: signed(header(typ=...), claims()),
    "typ JWT": lambda: signed(header(typ="JWT"), claims()),
    "typ of an id token": lambda: signed(header(typ="id+jwt"), claims()),
    "typ a list": lambda: signed(header(typ=["at+jwt"]), claims()),
    "another issuer": lambda: signed(header(), claims(iss="https://evil.example")),
    "issuer missing": lambda: signed(header(), claims(iss=...)),
    "issuer a list": lambda: signed(header(), claims(iss=["ai-agents-platform"])),
    "another audience": lambda: signed(header(), claims(aud="another-api")),
    "audience missing": lambda: signed(header(), claims(aud=...)),
    "audience among others": lambda: signed(header(), claims(aud=["ai-agents-platform-api", "another-api"])),
    "audience a prefix": lambda: signed(header(), claims(aud="ai-agents-platform-api-2")),
    "expired": lambda: signed(header(), claims(iat=now() - 1000, exp=now() - 100)),
    "expiry missing": lambda: signed(header(), claims(exp=...)),
    "expiry null": lambda: signed(header(), claims(exp=None)),
    "expiry a string": lambda: signed(header(), claims(exp=str(now() + 900))),
    "expiry true": lambda: signed(header(), claims(exp=True)),
    "expiry infinite": lambda: signed(header(), claims(exp=float("inf"))),
    "expiry not a number": lambda: signed(header(), claims(exp=float("nan"))),
    "issued in the future": lambda: signed(header(), claims(iat=now() + 3600)),
    "time of issue missing": lambda: signed(header(), claims(iat=...)),
    "not valid before tomorrow": lambda: signed(header(), claims(nbf=now() + 86_400)),
    "jti missing": lambda: signed(header(), claims(jti=...)),
    "jti empty": lambda: signed(header(), claims(jti="")),
    "jti a number": lambda: signed(header(), claims(jti=7)),
    "jti a list": lambda: signed(header(), claims(jti=["x"])),
    "jti huge": lambda: signed(header(), claims(jti="x" * 1000)),
    "session missing": lambda: signed(header(), claims(sid=...)),
    "subject missing": lambda: signed(header(), claims(sub=...)),
    "subject empty": lambda: signed(header(), claims(sub="")),
    "subject a list": lambda: signed(header(), claims(sub=["x"])),
    "roles missing": lambda: signed(header(), claims(roles=...)),
    "roles a string": lambda: signed(header(), claims(roles="admin")),
    "roles of numbers": lambda: signed(header(), claims(roles=[1])),
    "claims a list": lambda: signed(header(), b"[]"),
    "claims no JSON": lambda: signed(header(), b"{"),
    "claims nested deeply": lambda: signed(header(), b'{"a":' * 400 + b"1" + b"}" * 400),
    "oversized": lambda: signed(header(), claims(roles=["x" * 5000])),
    "ten megabytes": lambda: "a" * 10_000_000,
    "five parts, encrypted": lambda: signed(header(), claims()) + ".x.y",
    "no parts": lambda: "token",
    "empty": lambda: "",
    "dots": lambda: "..",
    "NUL": lambda: signed(header(), claims()) + "\x00",
    "line break": lambda: signed(header(), claims()) + "\n",
    "not ASCII": lambda: "é.é.é",
    "lone surrogate": lambda: "\ud800.\ud800.\ud800",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(access_tokens: AccessTokens, forge: Callable[[], str]) -> None:
    with pytest.raises(Unauthenticated):
        access_tokens.verify(forge())


def test_every_single_changed_character_breaks_a_token(access_tokens: AccessTokens) -> None:
    token = signed(header(), claims())
    for place, old in enumerate(token):
        new = "A" if old != "A" else "B"
        with pytest.raises(Unauthenticated):
            access_tokens.verify(token[:place] + new + token[place + 1 :])


def test_no_answer_says_which_check_failed(access_tokens: AccessTokens) -> None:
    told = set()
    for name, forge in FORGERIES.items():
        if name not in {"expired", "expiry true", "oversized", "ten megabytes"}:
            with pytest.raises(Unauthenticated) as refused:
                access_tokens.verify(forge())
            told.add(refused.value.detail)
    assert len(told) == 1


def test_a_token_of_the_old_key_and_one_of_the_new_are_both_good_during_a_rotation(settings: TokenSettings) -> None:
    who = {"user_id": "u-1", "email": "ada@example.com", "roles": ["user"], "session_id": "s-1"}
    arn = settings.jwt_secret_arn
    old_process = AccessTokens(settings, SigningKeys(arn))
    before = old_process.issue(**who)
    store_secret("jwt", SIGNING_SECRET | {"active": "k2", "k2": "second-signing-key-of-thirty-two-bytes-or-more"})
    new_process = AccessTokens(settings, SigningKeys(arn))
    after = new_process.issue(**who)
    assert jwt.get_unverified_header(after)["kid"] == "k2"
    assert new_process.verify(before).principal.user_id == "u-1"
    assert new_process.verify(after).principal.user_id == "u-1"


@pytest.mark.parametrize("written", ["Bearer abc", "bearer abc", "BEARER  abc ", "  Bearer abc"])
def test_the_bearer_scheme_is_read_in_any_case(written: str) -> None:
    assert bearer_token(written) == "abc"


@pytest.mark.parametrize("written", [None, "", "Bearer", "Bearer ", "abc", "Basic abc", "Bearerabc", "Token abc"])
def test_any_other_header_is_no_token(written: str | None) -> None:
    with pytest.raises(Unauthenticated, match="Bearer"):
        bearer_token(written)


def test_a_hash_of_the_key_is_not_the_key(access_tokens: AccessTokens) -> None:
    with pytest.raises(Unauthenticated):
        access_tokens.verify(signed(header(), claims(), key=hashlib.sha256(KEY).digest()))
