"""Signatures, checked with the independent `standardwebhooks` package."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from adapter.outbox import signing


@given(st.binary(min_size=24, max_size=64), st.text())
def test_standardwebhooks_accepts_our_signature(key: bytes, text: str) -> None:
    """Any key and any body verify with the other implementation."""
    secret = "whsec_" + base64.b64encode(key).decode()
    body = text.encode("utf-8", "replace")
    headers = signing.headers("msg_1", int(time.time()), body, secret)
    Webhook(secret).verify(body, headers, json_parse=False)


def test_known_signature() -> None:
    """The example of the specification's reference libraries."""
    headers = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("changed", ["id", "timestamp", "body", "secret"])
def test_a_change_breaks_the_signature(changed: str) -> None:
    """Id, time, body and secret are all covered."""
    secret, now = signing.new_secret(), int(time.time())
    headers = signing.headers("m", now, b"{}", secret)
    body = b"{}"
    match changed:
        case "id":
            headers["webhook-id"] = "n"
        case "timestamp":
            headers["webhook-timestamp"] = str(now - 1)
        case "body":
            body = b"[]"
        case "secret":
            secret = signing.new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_new_secrets_differ() -> None:
    """Each new secret is valid and its own."""
    secrets = {signing.new_secret() for _ in range(10)}
    assert len(secrets) == 10
    assert {len(signing.parse_secret(secret)) for secret in secrets} == {32}


def test_padding_may_be_missing() -> None:
    """Secrets are found without the base64 padding in the wild."""
    key = bytes(range(32))
    padded = base64.b64encode(key).decode()
    assert padded.endswith("=")
    assert signing.parse_secret("whsec_" + padded.rstrip("=")) == key


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "hunter2", "whsec_ä", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 30],
)
def test_wrong_secrets_are_refused_and_not_repeated(secret: str) -> None:
    """A secret that is none is refused with a reason that does not hold it."""
    with pytest.raises(ValueError) as caught:
        signing.parse_secret(secret)
    rest = secret.removeprefix("whsec_")
    assert not rest or rest not in str(caught.value)
