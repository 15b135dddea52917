"""Forged access tokens at the gateway's own authorizer: each is refused with 401, and none says why."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent_platform.identity.revocations import Revocations
from functions.authorize import handler as module
from functions.authorize.handler import handler
from tests.fakes.aws import SIGNING_SECRET, jwt_secret, store_secret, tokens_table
from tests.fakes.gateway import LambdaContext, authorizer_event
from tests.fakes.log import log

__all__ = ["jwt_secret", "log", "tokens_table"]

Json = dict[str, Any]
Signed = Callable[..., str]
KEY = SIGNING_SECRET["k1"].encode()
MOST_SECONDS = 1.0


@pytest.fixture(autouse=True)
def environment(jwt_secret: str, tokens_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function's environment, and a process that has not seen a request yet."""
    monkeypatch.setenv("JWT_SECRET_ARN", jwt_secret)
    monkeypatch.setenv("TOKENS_TABLE", tokens_table)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for cached in vars(module).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def b64(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def head(**changes: Any) -> Json:
    genuine = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"} | changes
    return {name: value for name, value in genuine.items() if value is not ...}


def claims(**changes: Any) -> Json:
    genuine = {
        "iss": "ai-agents-platform",
        "aud": "ai-agents-platform-api",
        "sub": "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11",
        "jti": "019ab2c4-7d10-7c3e-9f52-000000000001",
        "sid": "019ab2c4-7d10-7c3e-9f52-000000000002",
        "iat": int(time.time()),
        "exp": int(time.time()) + 900,
        "email": "ada@example.com",
        "roles": ["user"],
    } | changes
    return {name: value for name, value in genuine.items() if value is not ...}


def signed(header: Any = None, body: Any = None, key: bytes = KEY, digest: str = "sha256") -> str:
    """A compact JWS made by hand: no library is in the way of making a bad one."""
    text = f"{b64(head() if header is None else header)}.{b64(claims() if body is None else body)}"
    return f"{text}.{b64(hmac.new(key, text.encode(), digest).digest())}"


def tampered(place: int, change: Callable[[str], str]) -> str:
    """A good token with one of its three parts changed after it was signed."""
    parts = signed().split(".")
    parts[place] = change(parts[place])
    return ".".join(parts)


def public_keys() -> dict[str, bytes]:
    """What an attacker may know of a key pair, in the forms that were ever taken for an HMAC key."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    elliptic = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"PEM": pem, "PEM without its last line break": pem.rstrip(), "DER": der, "PKCS1": pkcs1, "EC": elliptic}


def forgeries() -> Iterator[tuple[str, str]]:
    """Every forged token, by what is wrong with it now: made earlier, some would have become good meanwhile."""
    now = int(time.time())
    for alg in ("none", "None", "NONE", "nOnE", "none ", " none", "n\u043ene", "", "null"):
        unsigned = f"{b64(head(alg=alg))}.{b64(claims())}"
        yield f"alg `{alg}` without a signature", f"{unsigned}."
        yield f"alg `{alg}` with our signature", signed(head(alg=alg))
        yield f"alg `{alg}` in two parts", unsigned
    for alg, digest in (("HS384", "sha384"), ("HS512", "sha512"), ("HS1", "sha1"), ("HS256", "sha512")):
        yield f"{alg} by {digest} with our key", signed(head(alg=alg), digest=digest)
    for alg in (
        "RS256",
        "RS512",
        "ES256",
        "ES256K",
        "PS256",
        "EdDSA",
        "hs256",
        "HS-256",
        "SHA256",
        "A256KW",
        "dir",
        "b64",
    ):
        yield f"alg {alg}, signed as HS256", signed(head(alg=alg))
    for odd in (..., None, 1, True, ["HS256"], {"HS256": 1}, ["none", "HS256"]):
        yield f"alg {odd!r}", signed(head(alg=odd))
    for name, key in public_keys().items():
        yield f"HS256 with a public key as {name}", signed(key=key)
        yield f"RS256 confusion with a public key as {name}", signed(head(alg="RS256"), key=key)
    for name, key in {
        "empty": b"",
        "zeros": b"\0" * 32,
        "its name": b"k1",
        "hashed": hashlib.sha256(KEY).digest(),
        "cut": KEY[:-1],
        "longer": KEY + b"x",
        "as hex": KEY.hex().encode(),
        "as base64": base64.b64encode(KEY),
        "secret": b"secret",
        "the secret as a whole": json.dumps(SIGNING_SECRET).encode(),
    }.items():
        yield f"the key {name}", signed(key=key)
    for kid in (
        *("", "k2", "K1", "k1 ", " k1", "k1\0", "k1\n", "k1.", "\uff4b1", "k1\u200b", "active", "default", "*", "0"),
        *(
            "../../../../dev/null",
            "/dev/null",
            "file:///dev/null",
            "/proc/self/environ",
            "..\\..\\k1",
            "k1/../k1",
            "%6b1",
        ),
        *(
            "k1' OR '1'='1",
            "k1' UNION SELECT 'x' --",
            "k1; DROP TABLE keys",
            "$(id)",
            "`id`",
            "| id",
            "{{7*7}}",
            "${jndi:x}",
        ),
        *("http://169.254.169.254/latest/meta-data/", "arn:aws:secretsmanager:eu-central-1:1:secret:x", "__class__"),
        "k" * 3_000,
    ):
        for key in (KEY, b"", b"x" * 32):
            yield f"kid {kid[:40]!r} with a key of {len(key)} bytes", signed(head(kid=kid), key=key)
    for odd in (..., None, 0, 1, True, ["k1"], {"k1": 1}, 1e3):
        yield f"kid {odd!r}", signed(head(kid=odd))
    mine = {"kty": "oct", "k": b64(b"e" * 32)}
    for name, value in {
        "jwk": mine,
        "jku": "https://evil.example/keys.json",
        "x5u": "https://evil.example/certificate.pem",
        "x5c": ["MIIB"],
        "x5t": "abc",
        "x5t#S256": "abc",
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "enc": "A256GCM",
        "cty": "JWT",
        "epk": {},
        "p2c": 1_000_000_000,
        "p2s": "salt",
        "exp": now + 900,
        "url": "https://evil.example",
        "nonce": "x",
    }.items():
        yield f"a header with {name}, their key", signed(head(**{name: value}), key=b"e" * 32)
        yield f"a header with {name}, our key", signed(head(**{name: value}))
    yield "crit names b64, unencoded", signed(head(crit=["b64"], b64=False))
    for typ in (
        ...,
        None,
        "",
        "JWT",
        "jwt",
        "at+JWT",
        "AT+JWT",
        "application/at+jwt",
        "id+jwt",
        "rt+jwt",
        1,
        ["at+jwt"],
    ):
        yield f"typ {typ!r}", signed(head(typ=typ))
    yield "alg twice, none last", signed(b'{"alg":"HS256","typ":"at+jwt","kid":"k1","alg":"none"}')
    yield "alg twice, none first", signed(b'{"alg":"none","typ":"at+jwt","kid":"k1","alg":"none"}')
    yield "kid twice", signed(b'{"alg":"HS256","typ":"at+jwt","kid":"k1","kid":"k2"}', key=b"x" * 32)
    for raw in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}",
        b"\xff",
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"[" * 2_000,
    ):
        yield f"a header of {raw[:8]!r}", signed(raw)
        yield f"claims of {raw[:8]!r}", signed(body=raw)
    for name in claims():
        yield f"{name} missing", signed(body=claims(**{name: ...}))
        for odd in (None, 7, True, [], {}, ["x"], {"$ne": None}, [["x"]], "x" * 3_000):
            if name == "roles" and odd in ([], ["x"]):
                continue  # of nobody, and of a role that has no rights: they are refused by what they ask for
            if name in ("iat", "exp") and odd == 7 and name == "iat":
                continue  # issued in 1970 is old; when it ends is what counts
            yield f"{name} {str(odd)[:30]}", signed(body=claims(**{name: odd}))
    for iss in ("", "AI-Agents-Platform", "ai-agents-platform ", "https://evil.example", "ai-agents-platform/evil"):
        yield f"issuer {iss!r}", signed(body=claims(iss=iss))
    ours, theirs = "ai-agents-platform-api", "another-api"
    for aud in (
        "",
        theirs,
        ours.upper(),
        f"{ours}-2",
        [ours],
        [ours, theirs],
        [theirs],
        [],
        {ours: 1},
        f"{ours} {theirs}",
    ):
        yield f"audience {aud!r}", signed(body=claims(aud=aud))
    for exp in (
        now - 3,
        0,
        -1,
        1e-9,
        str(now + 900),
        "never",
        f"{now + 900}",
        "\u0661" * 10,
        [now + 900],
        1e400,
        -1e400,
    ):
        yield f"expiry {exp!r}", signed(body=claims(exp=exp))
    yield "expiry NaN", signed(body=claims(exp=float("nan")))
    yield "expired an hour ago", signed(body=claims(iat=now - 4500, exp=now - 3600))
    for iat in (now + 60, now + 86_400, str(now), "now", 1e400, [now]):
        yield f"issued at {iat!r}", signed(body=claims(iat=iat))
    for nbf in (now + 60, now + 86_400, "tomorrow", [now], 1e400):
        yield f"not before {nbf!r}", signed(body=claims(nbf=nbf))
    for place, part in enumerate(("header", "claims", "signature")):
        yield f"the {part} padded", tampered(place, lambda text: text + "=" * (-len(text) % 4 or 4))
        yield f"the {part} with a space", tampered(place, lambda text: f"{text[:5]} {text[5:]}")
        yield f"the {part} with a line break", tampered(place, lambda text: f"{text[:5]}\n{text[5:]}")
        yield f"the {part} with a NUL", tampered(place, lambda text: f"{text}\0")
        yield f"the {part} empty", tampered(place, lambda _: "")
        yield f"the {part} cut", tampered(place, lambda text: text[:-1])
        yield f"the {part} twice", tampered(place, lambda text: text * 2)
        yield f"the {part} in other cases", tampered(place, str.swapcase)
        yield f"the {part} percent-encoded", tampered(place, lambda text: f"%{ord(text[0]):02x}{text[1:]}")
        yield f"the {part} in full width", tampered(place, lambda text: chr(ord(text[0]) + 0xFEE0) + text[1:])
        yield f"the {part} with a character of no base64", tampered(place, lambda text: f"{text}!")
    yield "a signature in plain base64", tampered(2, lambda _: base64.b64encode(b"\xfb\xff" * 16).decode())
    yield "a signature in hex", tampered(2, lambda text: base64.urlsafe_b64decode(text + "=").hex())
    yield (
        "the signature of another",
        ".".join([*signed(body=claims(sub="root")).split(".")[:2], signed().split(".")[2]]),
    )
    inner = signed()
    yield "nested", signed(head(cty="JWT"), inner.encode())
    yield "nested as text", signed(body=json.dumps(inner).encode())
    yield (
        "five parts",
        ".".join([b64({"alg": "dir", "enc": "A256GCM"}), "", b64(b"i" * 12), b64(claims()), b64(b"t" * 16)]),
    )
    yield "five parts of ours", f"{inner}.x.y"
    yield "four parts", f"{inner}."
    yield (
        "JSON serialisation",
        json.dumps(dict(zip(("protected", "payload", "signature"), inner.split("."), strict=True))),
    )
    yield "two tokens with a comma", f"{inner},{inner}"
    yield "two tokens with a space", f"{inner} {inner}"
    yield "oversized", signed(body=claims(roles=["x" * 8_000]))
    yield "a megabyte of dots", "." * 1_000_000
    yield "a megabyte of letters", "a" * 1_000_000
    yield "an API key of nobody", "aap_" + "a" * 43


def ask(token: str) -> Json:
    return handler(authorizer_event("GET", "/api/v1/me", {"Authorization": f"Bearer {token}"}), LambdaContext())


def test_a_token_made_here_by_hand_is_genuine() -> None:
    """Without this, every refusal below could have another reason than the one it shows."""
    assert ask(signed())["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_each_forged_token_is_unauthorized_soon(capsys: pytest.CaptureFixture[str]) -> None:
    let_in, slowest, forged = list[str](), 0.0, dict(forgeries())
    for name, token in forged.items():
        began = time.process_time()
        try:
            decision = ask(token)
        except Exception as error:  # noqa: BLE001 - the gateway takes this very message for a 401, any other for a 500
            if str(error) != "Unauthorized":
                let_in.append(f"{name}: {error!r}")
        else:
            let_in.append(f"{name}: {decision['principalId']}")
        slowest = max(slowest, time.process_time() - began)
    with capsys.disabled():
        print(f"\nforged tokens: {len(forged)} tried, {len(forged) - len(let_in)} refused; slowest {slowest:.3f} s")
    assert let_in == []
    assert len(forged) >= 60
    assert slowest < MOST_SECONDS


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "AUTHORIZATION"], ids=["as written", "lower case", "upper case"]
)
@pytest.mark.parametrize(
    "value",
    [
        *("Bearer", "Bearer ", "Bearer\t", "Basic {}", "{}", "Bearer Bearer {}", "bearer={}", "Bearer: {}", "Token {}"),
        *("Bearer {}, Bearer {}", "Bearer {}; x", "Bearer\u00a0{}", "Bearer\0{}", "B\u0435arer {}", "Negotiate {}"),
    ],
)
def test_a_good_token_in_any_other_form_of_the_header_is_unauthorized(name: str, value: str) -> None:
    headers = {name: value.replace("{}", signed())}
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        handler(authorizer_event("GET", "/api/v1/me", headers), LambdaContext())


@pytest.mark.parametrize(
    "where", ["query", "cookie", "X-Access-Token", "Proxy-Authorization", "X-Forwarded-Authorization"]
)
def test_a_good_token_anywhere_else_is_no_token(where: str) -> None:
    headers = {} if where == "query" else {where: f"Bearer {signed()}"}
    event = authorizer_event("GET", "/api/v1/me", headers)
    event["queryStringParameters"] = {"access_token": signed(), "token": signed()}
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        handler(event, LambdaContext())


def test_a_good_token_beside_a_forged_one_is_unauthorized() -> None:
    good, forged = f"Bearer {signed()}", f"Bearer {signed(key=b'x' * 32)}"
    for several in ([good, forged], [forged, good], [good, good], [good, ""]):
        event = authorizer_event("GET", "/api/v1/me", {"Authorization": good})
        event["multiValueHeaders"] = {"Authorization": several}
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            handler(event, LambdaContext())


def test_a_key_that_was_taken_out_of_the_secret_signs_nothing_any_more() -> None:
    ask(signed())
    store_secret("jwt", {"active": "k2", "k2": "second-signing-key-of-thirty-two-bytes-or-more"})
    _forget()
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(signed())


def test_a_revoked_token_with_another_spelling_of_its_signature_stays_revoked(tokens_table: str) -> None:
    """The last character of a signature has bits that nothing reads, so a list of tokens would not know it again."""
    Revocations(tokens_table, longest_life=3600).revoke_token(claims()["jti"], expires_at=time.time() + 900)
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet:
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            ask(token[:-1] + letter)
