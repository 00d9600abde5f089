"""The contract's JWTs (RFC 7519): what lets in, what we sign, what we hand out to get it back.

==========  =========  =======================================  ==================================
token       algorithm  key                                      says
==========  =========  =======================================  ==================================
API call    RS256      the domain's `api_public_key`            exp and nbf, when it has them
callback    RS256      the domain's `signing_key`               iat, exp, domain, body_sha256
replyId     HS256      of the domain's `reply_secret`           what the answer belongs to
file link   HS256      of the domain's `reply_secret`, another  domain, file, exp
==========  =========  =======================================  ==================================

The algorithm is fixed for each kind and never taken from the token (RFC 8725, 3.1). Clocks are
arguments: PyJWT checks signatures here, and this module the times.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from adapter.contracts.mediaservice.errors import unauthorized
from adapter.core.tenants import Domain

LEEWAY: Final = 5.0
"""Seconds that an application's clock may be off."""

CALLBACK_LIFE: Final = 60
"""Seconds that the token of a callback is valid; each attempt gets its own."""

LINK_LIFE: Final = 15 * 60
"""Seconds that a link to a file is valid (mediaservice.md, "Media")."""

_NO_TIMES: Final[Any] = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


class ReplyIdInvalid(Exception):
    """It is no `replyId` that this domain got from us."""


class _Refused(Exception):
    """A token that is not valid; the text says why."""


@dataclass(frozen=True, slots=True)
class ReplyId:
    """What a `replyId` stands for.

    Attributes:
        domain: whose it is.
        session: public id of the session.
        subject: the participant, connection or command; empty for the session itself.
        kind: what the subject is, such as ``command``.
    """

    domain: str
    session: str
    subject: str
    kind: str


def check_bearer(request: web.Request, domain: Domain, now: float) -> None:
    """Check the Bearer token of an API call (mediaservice.md, "Base, methods, authentication").

    A token without `exp` is valid until the key is changed: how long is the application's choice.

    Args:
        request: carries ``Authorization: Bearer ...``.
        domain: whose public key is to verify it.
        now: seconds since the epoch.

    Raises:
        Problem: 401.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise unauthorized("no Bearer token")
    try:
        claims = _verified(text.strip(), _public_key(domain.api_public_key), "RS256")
        _check_times(claims, now, LEEWAY)
    except _Refused as refused:
        raise unauthorized(str(refused)) from None


def callback_token(domain: Domain, body: bytes, now: float) -> str:
    """The token of one callback, good for this very body.

    Args:
        domain: whose application is called.
        body: the bytes that are sent.
        now: seconds since the epoch.
    """
    issued = int(now)
    claims = {
        "iat": issued,
        "exp": issued + CALLBACK_LIFE,
        "domain": domain.name,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    return jwt.encode(claims, _private_key(domain.signing_key), "RS256")


def reply_id(domain: Domain, reply: ReplyId) -> str:
    """A `replyId`. It does not expire: what it stands for ends by itself.

    Raises:
        ValueError: it is of another domain.
    """
    if reply.domain != domain.name:
        raise ValueError(f"{reply.domain!r} is not {domain.name!r}")
    claims = {
        "domain": reply.domain,
        "sessionId": reply.session,
        "subject": reply.subject,
        "kind": reply.kind,
    }
    return jwt.encode(claims, _secret(domain, "replyId"), "HS256")


def read_reply_id(domain: Domain, text: str) -> ReplyId:
    """What a `replyId` of this domain stands for.

    Raises:
        ReplyIdInvalid: it is another domain's, was changed, or is no token at all.
    """
    try:
        claims = _verified(text, _secret(domain, "replyId"), "HS256")
    except _Refused as refused:
        raise ReplyIdInvalid(str(refused)) from None
    given = [claims.get(key) for key in ("domain", "sessionId", "subject", "kind")]
    if given[0] != domain.name or not all(isinstance(one, str) for one in given):
        raise ReplyIdInvalid("another domain's")
    return ReplyId(*(str(one) for one in given))


def file_token(domain: Domain, file_name: str, now: float) -> str:
    """What opens one file of one domain for `LINK_LIFE`.

    Args:
        domain: whose file it is.
        file_name: as it is asked for.
        now: seconds since the epoch.
    """
    claims = {"domain": domain.name, "file": file_name, "exp": int(now) + LINK_LIFE}
    return jwt.encode(claims, _secret(domain, "file"), "HS256")


def check_file_token(domain: Domain, file_name: str, text: str, now: float) -> None:
    """Check a token of `file_token`.

    Raises:
        Problem: 401: for another file or domain, too old, or none of ours.
    """
    try:
        claims = _verified(text, _secret(domain, "file"), "HS256")
        _check_times(claims, now, 0.0)
    except _Refused as refused:
        raise unauthorized(str(refused)) from None
    if (claims.get("domain"), claims.get("file")) != (domain.name, file_name):
        raise unauthorized("the link is for another file")


def _verified(text: str, key: RSAPublicKey | bytes, algorithm: str) -> dict[str, Any]:
    """The claims of a token whose signature is right.

    Its JSON is read before the signature is checked, so that it may be anything.

    Raises:
        _Refused: it is not right, or the token is none.
    """
    try:
        claims: dict[str, Any] = jwt.decode(text, key, algorithms=[algorithm], options=_NO_TIMES)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _Refused(f"the token is not valid ({type(error).__name__})") from None
    return claims


def _check_times(claims: dict[str, Any], now: float, leeway: float) -> None:
    """RFC 7519, 4.1.4 and 4.1.5.

    Raises:
        _Refused: expired, not valid yet, or a time that is none.
    """
    expires, begins = _time(claims, "exp"), _time(claims, "nbf")
    if expires is not None and now >= expires + leeway:
        raise _Refused("the token has expired")
    if begins is not None and now < begins - leeway:
        raise _Refused("the token is not valid yet")


def _time(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate; Python's JSON also reads NaN, which would compare as never expired."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise _Refused(f"{name} is no time") from None
    if not math.isfinite(number):
        raise _Refused(f"{name} is no time")
    return number


def _secret(domain: Domain, purpose: str) -> bytes:
    """A key for one purpose and domain, so that no token does for another."""
    info = f"{purpose}\n{domain.name}".encode()
    return hmac.digest(domain.reply_secret.encode(), info, hashlib.sha256)


@lru_cache(maxsize=256)
def _public_key(pem: str) -> RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


@lru_cache(maxsize=256)
def _private_key(pem: str) -> RSAPrivateKey:
    """Reading one takes much longer than signing: OpenSSL checks its primes."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key
