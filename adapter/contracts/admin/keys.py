"""RSA keys in PEM, as operators bring them: checked, and written in one form each.

Public keys become SubjectPublicKeyInfo, private ones PKCS #8 without encryption, so that the same
key is the same text however it came. No error repeats any of a key.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SMALLEST: Final = 2048
"""Bits of a modulus: the least that RS256 allows (RFC 7518, 3.3)."""

_EXPONENT = 65537
_NOT_RSA = "is not an RSA key"


def public_key(pem: str) -> str:
    """A public RSA key.

    Raises:
        ValueError: it is something else, or too small.
    """
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a public key in PEM") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError(_NOT_RSA)  # noqa: TRY004 - the text is wrong, not its type
    _check_size(key.key_size)
    return _public(key)


def private_key(pem: str) -> str:
    """A private RSA key.

    Raises:
        ValueError: it is something else, encrypted, or too small.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a private key in PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(_NOT_RSA)  # noqa: TRY004 - the text is wrong, not its type
    _check_size(key.key_size)
    return _private(key)


def new_private_key() -> str:
    """A fresh key. Takes a good part of a second."""
    return _private(rsa.generate_private_key(_EXPONENT, SMALLEST))


def public_part(pem: str) -> str:
    """The public key of a private one that `private_key` or `new_private_key` returned."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(_NOT_RSA)  # noqa: TRY004 - the text is wrong, not its type
    return _public(key.public_key())


def _check_size(bits: int) -> None:
    if bits < SMALLEST:
        raise ValueError(f"has {bits} bits; {SMALLEST} are the least")


def _public(key: rsa.RSAPublicKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode()


def _private(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
