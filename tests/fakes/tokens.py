"""An application's side of the Mediaservice tokens, written without a JWT library (RFC 7515, 7518).

What our code makes is read here, and what is read there is made here: neither can hide the other's
mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@cache
def rsa_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    """A key, the same for the same name."""
    return rsa.generate_private_key(65537, bits)


def private_pem(name: str, bits: int = 2048) -> str:
    """Its private part, PKCS #8."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return rsa_key(name, bits).private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem(name: str, bits: int = 2048) -> str:
    """Its public part, SubjectPublicKeyInfo."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key(name, bits).public_key().public_bytes(encoding, form).decode()


def rs256(name: str, claims: object, header: Mapping[str, Any] | None = None) -> str:
    """A token signed with that key; the header may lie."""
    signed = _signing_input(claims, {"alg": "RS256", "typ": "JWT"} | dict(header or {}))
    signature = rsa_key(name, 2048).sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return f"{signed.decode()}.{b64(signature)}"


def hs256(secret: bytes, claims: object, header: Mapping[str, Any] | None = None) -> str:
    """A token signed with a secret; the header may lie."""
    signed = _signing_input(claims, {"alg": "HS256", "typ": "JWT"} | dict(header or {}))
    return f"{signed.decode()}.{b64(hmac.digest(secret, signed, hashlib.sha256))}"


def unsecured(claims: object, algorithm: str = "none") -> str:
    """A token without a signature."""
    return _signing_input(claims, {"alg": algorithm, "typ": "JWT"}).decode() + "."


def read_rs256(public: str, token: str) -> dict[str, Any]:
    """The claims of a token, after its signature was verified.

    Raises:
        InvalidSignature: it is not that key's. AssertionError: not RS256.
    """
    assert header_of(token)["alg"] == "RS256"
    signed, _, signature = token.rpartition(".")
    key = serialization.load_pem_public_key(public.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(_unb64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return claims_of(token)


def header_of(token: str) -> dict[str, Any]:
    """The header, unverified."""
    header: dict[str, Any] = json.loads(_unb64(token.split(".", maxsplit=1)[0]))
    return header


def claims_of(token: str) -> dict[str, Any]:
    """The claims, unverified."""
    claims: dict[str, Any] = json.loads(_unb64(token.split(".")[1]))
    return claims


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signing_input(claims: object, header: Mapping[str, Any]) -> bytes:
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"{b64(json.dumps(header).encode())}.{b64(body)}".encode()
