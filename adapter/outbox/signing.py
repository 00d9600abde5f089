"""Signatures of webhooks, by the Standard Webhooks scheme (standard-webhooks.md, "Signature").

The signed content is ``{id}.{timestamp}.{body}``, the body being the bytes on the wire, so what is
encrypted is signed in its encrypted form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import lru_cache

PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes, as the specification has it


def new_secret() -> str:
    """A fresh signing secret: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


@lru_cache(maxsize=1024)
def parse_secret(secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ValueError: it is not ``whsec_`` followed by 24 to 64 bytes in base64. The message does not
            repeat the secret.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"a webhook secret begins with {PREFIX}")
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"what follows {PREFIX} is not base64") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"a webhook secret has {_SHORTEST} to {_LONGEST} bytes, not {len(key)}")
    return key


def headers(message_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """The three headers of a signed webhook.

    Args:
        message_id: the same over all retries; contains no dot.
        timestamp: of this attempt, seconds since the epoch; receivers refuse old ones.
        body: the bytes that are sent.
        secret: ``whsec_...``.

    Raises:
        ValueError: see `parse_secret`.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digest = hmac.digest(parse_secret(secret), signed, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode("ascii"),
    }
