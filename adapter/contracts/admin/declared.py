"""From the checked fields of a table to the object that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapter.core import tenants
from adapter.core.tenants import DeclaredApp, DeclaredDomain


def app(values: Mapping[str, Any]) -> DeclaredApp:
    """An app; `true` is the vendor's usual encryption."""
    key, secret = values["key"], values["webhook_secret"]
    encryption = values["webhook_encryption"]
    if isinstance(encryption, bool):
        encryption = "aes-128-cbc" if encryption else None
    return DeclaredApp(
        **(dict(values) | {
            "key": key.reveal() if key is not None else "",
            "webhook_encryption": encryption,
            "webhook_secret": secret.reveal() if secret is not None else None,
        })
    )  # fmt: skip


def trunk(values: Mapping[str, Any]) -> tenants.Trunk:
    """A trunk."""
    password = values["password"]
    plain = password.reveal() if password is not None else None
    return tenants.Trunk(**(dict(values) | {"password": plain}))


def domain(values: Mapping[str, Any]) -> DeclaredDomain:
    """A domain; a key may have come as text or in a file."""
    given = dict(values)
    public = given.pop("api_public_key_file") or given["api_public_key"]
    signing = given.pop("signing_key_file") or given["signing_key"]
    password, secret = given["api_password"], given["webhook_secret"]
    return DeclaredDomain(
        **(given | {
            "api_public_key": public,
            "api_password": password.reveal() if password is not None else None,
            "signing_key": signing.reveal() if signing is not None else None,
            "webhook_secret": secret.reveal() if secret is not None else None,
        })
    )  # fmt: skip


def number(values: Mapping[str, Any]) -> tenants.Number:
    """A number of an app or of a domain."""
    owner = {"app": values["app"] or "", "domain": values["domain"] or ""}
    return tenants.Number(**(dict(values) | owner | {"service": service(values)}))


def phone(values: Mapping[str, Any]) -> tenants.Phone:
    """A phone."""
    return tenants.Phone(**(dict(values) | {"password": values["password"].reveal()}))


def service(values: Mapping[str, Any]) -> str:
    """What answers a number: it follows from whose it is."""
    return "voice" if values["domain"] is None else "ivr"
