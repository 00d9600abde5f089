"""The vendor's webhook encryption, for clients that expect it.

Key and IV are derived as OpenSSL's ``EVP_BytesToKey`` does with MD5, one round and no salt, from
the app id; the body is AES-CBC with PKCS7 padding (enablex.md, "Webhooks"). The scheme is theirs
and weak: the key is the app id. It is here for compatibility only; what proves that a webhook is
ours is its signature (`adapter.outbox.signing`).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

import msgspec
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapter.core.message import Message
from adapter.core.tenants import App

Algorithm = Literal["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"]
Format = Literal["base64", "hex"]
_KEY_BYTES: dict[str, int] = {"aes-128-cbc": 16, "aes-192-cbc": 24, "aes-256-cbc": 32}
_IV_BYTES = 16


def key_and_iv(secret: bytes, key_bytes: int) -> tuple[bytes, bytes]:
    """``EVP_BytesToKey`` with MD5, one round, no salt (OpenSSL manual, EVP_BytesToKey(3))."""
    made = block = b""
    while len(made) < key_bytes + _IV_BYTES:
        block = hashlib.md5(block + secret, usedforsecurity=False).digest()
        made += block
    return made[:key_bytes], made[key_bytes : key_bytes + _IV_BYTES]


def seal(
    body: str, app_id: str, algorithm: Algorithm, text_format: Format
) -> tuple[bytes, dict[str, str]]:
    """Encrypt a webhook body.

    Returns:
        The new body, ``{"encrypted_data": "..."}``, and the headers that say how to read it.
    """
    key, iv = key_and_iv(app_id.encode(), _KEY_BYTES[algorithm])
    padder = padding.PKCS7(128).padder()
    padded = padder.update(body.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    raw = encryptor.update(padded) + encryptor.finalize()
    text = raw.hex() if text_format == "hex" else base64.b64encode(raw).decode()
    headers = {
        "x-algoritm": algorithm,
        "x-algorithm": algorithm,
        "x-format": text_format,
        "x-encoding": "utf8",
    }
    return msgspec.json.encode({"encrypted_data": text}), headers


def dress(message: Message, app: App | None) -> tuple[bytes, dict[str, str], str]:
    """A webhook as this app wants it: plain or encrypted; always signed with its secret.

    Returns:
        The bytes, the headers that go with them, and the secret to sign them with.

    Raises:
        LookupError: there is no such app any more.
    """
    if app is None:
        raise LookupError(f"no app {message.owner}")
    if app.webhook_encryption is None:
        return message.body.encode(), {}, app.webhook_secret
    body, headers = seal(
        message.body, app.id, app.webhook_encryption, app.webhook_encryption_format
    )
    return body, headers, app.webhook_secret
