"""Rows of what was provisioned, as the values of `adapter.core.tenants`: their columns, in order.

Read by `adapter.store.provisioning`, which has the queries.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from adapter.core.tenants import App, Domain, Number, Phone, Trunk

APP: Final = """
SELECT id, key_hash, event_url, webhook_encryption, webhook_encryption_format, webhook_secret,
       allowed_destinations, max_concurrent_calls, calls_per_second, suspended_at, hang_up
FROM app
"""
DOMAIN: Final = """
SELECT name, callback_url, fallback_url, alarm_url, api_public_key, api_user, api_password_hash,
       signing_key, reply_secret, webhook_secret, voices, max_session, allowed_destinations, trunk
FROM domain
"""
NUMBER: Final = """
SELECT number, app, domain, service, event_url, trunk, inbound, outbound, greeting,
       outbound_greeting, accept_timeout, pin, pin_prompt, pin_retry_prompt, pin_goodbye_prompt,
       voicemail_detection
FROM number
"""
TRUNK: Final = """
SELECT name, uri, username, password, register, match, caller_id_header, srtp FROM trunk
"""
PHONE: Final = "SELECT extension, password, name, recording, srtp FROM phone "

_decode_list = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_voices = msgspec.json.Decoder(dict[str, str]).decode


def app(row: tuple[Any, ...]) -> App:
    """An app."""
    return App(
        id=row[0],
        key_hash=row[1],
        event_url=row[2],
        webhook_encryption=row[3],
        webhook_encryption_format=row[4],
        webhook_secret=row[5],
        allowed_destinations=_decode_list(row[6]),
        max_concurrent_calls=row[7],
        calls_per_second=row[8],
        suspended_at=row[9],
        hang_up=bool(row[10]),
    )


def domain(row: tuple[Any, ...]) -> Domain:
    """A domain."""
    return Domain(
        name=row[0],
        callback_url=row[1],
        fallback_url=row[2],
        alarm_url=row[3],
        api_public_key=row[4],
        api_user=row[5],
        api_password_hash=row[6],
        signing_key=row[7],
        reply_secret=row[8],
        webhook_secret=row[9],
        voices=_decode_voices(row[10]),
        max_session=row[11],
        allowed_destinations=_decode_list(row[12]),
        trunk=row[13],
    )


def number(row: tuple[Any, ...]) -> Number:
    """A number."""
    return Number(
        number=row[0],
        app=row[1] or "",
        domain=row[2] or "",
        service=row[3],
        event_url=row[4],
        trunk=row[5],
        inbound=bool(row[6]),
        outbound=bool(row[7]),
        greeting=row[8],
        outbound_greeting=row[9],
        accept_timeout=row[10],
        pin=row[11],
        pin_prompt=row[12],
        pin_retry_prompt=row[13],
        pin_goodbye_prompt=row[14],
        voicemail_detection=bool(row[15]),
    )


def trunk(row: tuple[Any, ...]) -> Trunk:
    """A trunk."""
    return Trunk(
        name=row[0],
        uri=row[1],
        username=row[2],
        password=row[3],
        register=bool(row[4]),
        match=_decode_list(row[5]),
        caller_id_header=row[6],
        srtp=bool(row[7]),
    )


def phone(row: tuple[Any, ...]) -> Phone:
    """A phone."""
    return Phone(
        extension=row[0],
        password=row[1],
        name=row[2],
        recording=bool(row[3]),
        srtp=bool(row[4]),
    )
