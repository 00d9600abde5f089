"""Mediaservice tokens: what opens the API, what our callbacks carry, what comes back to us."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import make_mocked_request

from adapter.contracts.mediaservice import tokens
from adapter.contracts.mediaservice.access import authenticate
from adapter.contracts.mediaservice.errors import Problem
from adapter.contracts.mediaservice.tokens import ReplyId, ReplyIdInvalid
from adapter.contracts.throttle import Throttle
from adapter.core.tenants import Domain, hash_key
from tests.fakes import tokens as theirs

NOW = 1_700_000_000.25
PASSWORD = "a-long-api-password"
DOMAIN = Domain(
    name="one.example",
    callback_url="http://app.example",
    fallback_url=None,
    alarm_url=None,
    api_public_key=theirs.public_pem("application"),
    api_user="api",
    api_password_hash=hash_key(PASSWORD, b"salt"),
    signing_key=theirs.private_pem("ours"),
    reply_secret="5e" * 32,
    webhook_secret="whsec_x",
    voices={},
    max_session=60.0,
    allowed_destinations=(),
    trunk=None,
)
OTHER = replace(DOMAIN, name="two.example")  # with the same keys: only the name is another
REPLY = ReplyId("one.example", "session-1", "leg-1", "participant")


def lets_in(authorization: str | None, domain: Domain = DOMAIN, now: float = NOW) -> bool:
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        request = make_mocked_request("POST", "/", headers)
        asyncio.run(authenticate(request, domain, Throttle(), now))
    except Problem as problem:
        return "WWW-Authenticate" not in problem.headers or problem.status != 401
    return True


def bearer(claims: object, **header: object) -> str:
    return "Bearer " + theirs.rs256("application", claims, header)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_applications_token_opens(scheme: str) -> None:
    """RS256 with the domain's key; the scheme in any case (RFC 9110, 11.1); claims of any kind."""
    claims = {"exp": NOW + 60, "nbf": NOW - 60, "aud": "us", "iss": "them", "sub": 7, "iat": "x"}
    assert lets_in(f"{scheme} {theirs.rs256('application', claims)}")


@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({}, True),
        ({"exp": NOW + 1}, True),
        ({"exp": NOW - 4.5}, True),
        ({"exp": NOW - 5}, False),
        ({"exp": int(NOW) - 3600}, False),
        ({"nbf": NOW + 5}, True),
        ({"nbf": NOW + 5.5}, False),
        ({"exp": NOW + 60, "nbf": NOW + 30}, False),
        ({"exp": "1800000000"}, False),
        ({"exp": True}, False),
        ({"exp": None}, False),
        ({"exp": float("nan")}, False),
        ({"exp": float("inf")}, False),
        ({"exp": 10**400}, False),
        ({"nbf": float("nan")}, False),
        ({"nbf": []}, False),
    ],
)
def test_times_are_honoured(claims: dict[str, object], valid: bool) -> None:
    """exp and nbf with five seconds of leeway; what is no time is no excuse."""
    assert lets_in(bearer(claims)) is valid


def confused(claims: object) -> list[str]:
    """Tokens that a careless verifier takes."""
    public = DOMAIN.api_public_key.encode()
    return [
        theirs.unsecured(claims),
        theirs.unsecured(claims, "None"),
        theirs.unsecured(claims, "RS256"),
        theirs.hs256(public, claims),
        theirs.hs256(public.strip(), claims),
        theirs.hs256(public, claims, {"alg": "RS256"}),
        theirs.hs256(b"", claims),
        theirs.rs256("application", claims, {"alg": "HS256"}),
        theirs.rs256("application", claims, {"alg": "none"}),
        theirs.rs256("application", claims, {"alg": "RS384"}),
        theirs.rs256("application", claims, {"alg": "PS256"}),
        theirs.rs256("application", claims, {"alg": ["RS256"]}),
        theirs.rs256("application", claims, {"crit": ["b64"], "b64": False}),
        theirs.rs256("stranger", claims),
        theirs.rs256("stranger", claims, {"jwk": {"kty": "RSA"}, "jku": "http://127.0.0.1/"}),
    ]


@pytest.mark.parametrize("index", range(15))
def test_no_other_algorithm_or_key_opens(index: int) -> None:
    """`none`, HS256 with the public key as its secret, other RSA schemes, strangers' keys."""
    made = confused({"exp": NOW + 60})
    assert len(made) == 15
    assert not lets_in("Bearer " + made[index])


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer ....",
        "Bearer " + theirs.b64(b"[" * 5000) + ".e30.e30",
        "Bearer " + theirs.rs256("application", b"[" * 3000),
        "Bearer " + theirs.rs256("application", b"\xff"),
        "Bearer " + theirs.rs256("application", [1]),
        "Bearer " + theirs.rs256("application", "text"),
        "Token " + theirs.rs256("application", {}),
        theirs.rs256("application", {}),
        "Basic",
        "Basic !!!",
    ],
)
def test_what_is_no_token_is_401(authorization: str | None) -> None:
    """Garbage of each kind is refused, and nothing else happens."""
    assert not lets_in(authorization)


def test_a_changed_token_does_not_open() -> None:
    """Another body under the same signature, and a signature that is cut off."""
    header, body, signature = theirs.rs256("application", {"exp": NOW - 60}).split(".")
    later = theirs.b64(json.dumps({"exp": NOW + 60}).encode())
    for token in (f"{header}.{later}.{signature}", f"{header}.{body}.{signature[:-4]}"):
        assert not lets_in(f"Bearer {token}")


def test_the_api_user_opens() -> None:
    """HTTP Basic with the domain's API user, and with nothing that is nearly that."""
    assert lets_in(encode_basic_auth("api", PASSWORD))
    for user, password in (("api", "wrong"), ("API", PASSWORD), ("", PASSWORD), ("api", "")):
        assert not lets_in(encode_basic_auth(user, password))
    without = replace(DOMAIN, api_user=None, api_password_hash=None)
    for user in ("api", "", "None"):
        assert not lets_in(encode_basic_auth(user, PASSWORD), without)


def test_our_tokens_do_not_open_the_api() -> None:
    """Whoever sees a callback, a replyId or a link can't call the API with it."""
    for token in (
        tokens.callback_token(DOMAIN, b"{}", NOW),
        tokens.reply_id(DOMAIN, REPLY),
        tokens.file_token(DOMAIN, "a.wav", NOW),
    ):
        assert not lets_in(f"Bearer {token}")


def test_callback_token() -> None:
    """Verified with the public key: iat, exp a minute later, the domain, and the body's SHA-256."""
    body = '{"sessionId": "å"}'.encode()
    token = tokens.callback_token(DOMAIN, body, NOW)
    assert theirs.header_of(token) == {"alg": "RS256", "typ": "JWT"}
    assert theirs.read_rs256(theirs.public_pem("ours"), token) == {
        "iat": 1_700_000_000,
        "exp": 1_700_000_060,
        "domain": "one.example",
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }


def test_reply_id_comes_back() -> None:
    """An HS256 JWT, as the document shows one, that says again what it stands for."""
    text = tokens.reply_id(DOMAIN, REPLY)
    assert text.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert tokens.read_reply_id(DOMAIN, text) == REPLY
    with pytest.raises(ValueError, match=r"two\.example"):
        tokens.reply_id(OTHER, REPLY)


def test_reply_id_of_another_domain_is_refused() -> None:
    """Even where two domains have the same secret, as after a copied database."""
    text = tokens.reply_id(DOMAIN, REPLY)
    for other in (OTHER, replace(DOMAIN, reply_secret="6f" * 32)):
        with pytest.raises(ReplyIdInvalid):
            tokens.read_reply_id(other, text)


def key_of(domain: Domain, purpose: str) -> bytes:
    info = f"{purpose}\n{domain.name}".encode()
    return hmac.digest(domain.reply_secret.encode(), info, hashlib.sha256)


GOOD = {"domain": "one.example", "sessionId": "s", "subject": "p", "kind": "k"}


def test_reply_id_is_made_with_a_key_of_its_own() -> None:
    """The key is for replies of this domain: the test makes one that is taken."""
    made = theirs.hs256(key_of(DOMAIN, "replyId"), GOOD)
    assert tokens.read_reply_id(DOMAIN, made) == ReplyId("one.example", "s", "p", "k")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reply",
        "a.b.c",
        "\ud800",
        theirs.unsecured(GOOD),
        theirs.hs256(DOMAIN.reply_secret.encode(), GOOD),
        theirs.hs256(key_of(DOMAIN, "file"), GOOD),
        theirs.hs256(key_of(DOMAIN, "replyId"), GOOD, {"alg": "HS512"}),
        theirs.hs256(key_of(DOMAIN, "replyId"), GOOD, {"alg": "none"}),
        theirs.hs256(key_of(DOMAIN, "replyId"), GOOD | {"domain": "two.example"}),
        theirs.hs256(key_of(DOMAIN, "replyId"), GOOD | {"subject": None}),
        theirs.hs256(key_of(DOMAIN, "replyId"), {"domain": "one.example"}),
        theirs.rs256("application", GOOD),
        tokens.file_token(DOMAIN, "a.wav", NOW),
        tokens.callback_token(DOMAIN, b"", NOW),
    ],
)
def test_what_is_no_reply_id(text: str) -> None:
    """Tampered with, of another algorithm or purpose, incomplete, or no token."""
    with pytest.raises(ReplyIdInvalid):
        tokens.read_reply_id(DOMAIN, text)


def test_every_changed_letter_spoils_a_reply_id() -> None:
    """No position of the token can be something else."""
    text = tokens.reply_id(DOMAIN, REPLY)
    for at, letter in enumerate(text[:-1]):  # the last one has bits that decode to nothing
        changed = text[:at] + ("A" if letter != "A" else "B") + text[at + 1 :]
        with pytest.raises(ReplyIdInvalid):
            tokens.read_reply_id(DOMAIN, changed)


def opens(domain: Domain, name: str, token: str, now: float = NOW) -> bool:
    try:
        tokens.check_file_token(domain, name, token, now)
    except Problem as problem:
        return problem.status != 401
    return True


def test_a_link_is_for_one_file_for_15_minutes() -> None:
    """Not for another name, another domain, or a second longer."""
    token = tokens.file_token(DOMAIN, "a.wav", NOW)
    assert opens(DOMAIN, "a.wav", token)
    assert opens(DOMAIN, "a.wav", token, NOW + 899)
    assert not opens(DOMAIN, "a.wav", token, NOW + 900)
    assert not opens(DOMAIN, "b.wav", token)
    assert not opens(DOMAIN, "a", token)
    assert not opens(OTHER, "a.wav", token)
    assert not opens(DOMAIN, "a.wav", token + "x")
    assert not opens(DOMAIN, "a.wav", "")
    assert not opens(DOMAIN, "a.wav", tokens.reply_id(DOMAIN, REPLY))
