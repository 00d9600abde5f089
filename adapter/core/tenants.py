"""What was provisioned: apps, trunks, numbers, prompts and phones, as everybody reads them.

`App` and the others are what the store gives; `Declaration` is what a provisioning file asks for.

A key is stored as SHA-256 with a salt, not as scrypt or Argon2. Slow hashes protect passwords that
people choose; a key is a machine's secret of at least 16 characters, out of reach of guessing, and
HTTP Basic brings it with each request: at 300 requests/s one scrypt (50 ms) would need 15
processors, and be a way to stop the server from outside.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Encryption: TypeAlias = Literal["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"]
EncryptionFormat: TypeAlias = Literal["base64", "hex"]
CallerIdHeader: TypeAlias = Literal["from", "p-asserted-identity"]

DEFAULT_GREETING_NAME: Final = "default"
"""As a number's greeting: the prompt that is shipped."""


def hash_key(key: str, salt: bytes) -> str:
    """``sha256$salt$digest``, both in hex."""
    return f"sha256${salt.hex()}${hashlib.sha256(salt + key.encode()).hexdigest()}"


def key_matches(key: str, key_hash: str) -> bool:
    """Whether this is the key, in a time that does not tell how much of it is right."""
    scheme, _, rest = key_hash.partition("$")
    salt, _, _ = rest.partition("$")
    if scheme != "sha256":
        return False
    return hmac.compare_digest(hash_key(key, bytes.fromhex(salt)), key_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application: a tenant with its credentials and where its webhooks go.

    Attributes:
        id: user of HTTP Basic authentication.
        key_hash: see `hash_key`.
        event_url: for webhooks, when neither the call nor the number has one.
        webhook_encryption: of the vendor's scheme; None for plain JSON.
        webhook_encryption_format: how the ciphertext is written.
        webhook_secret: ``whsec_...``, signs all webhooks.
        allowed_destinations: rules for `adapter.core.destinations.Destinations`.
        max_concurrent_calls: so many live calls at a time; None for no limit.
        calls_per_second: so many calls are dialled in a second; None for no limit.
        suspended_at: seconds since the epoch; None when it is not suspended.
        hang_up: while it is suspended its live calls are ended.
    """

    id: str
    key_hash: str = field(repr=False)
    event_url: str | None
    webhook_encryption: Encryption | None
    webhook_encryption_format: EncryptionFormat
    webhook_secret: str = field(repr=False)
    allowed_destinations: tuple[str, ...]
    max_concurrent_calls: int | None = None
    calls_per_second: float | None = None
    suspended_at: float | None = None
    hang_up: bool = False

    def key_matches(self, key: str) -> bool:
        """Whether this is its key."""
        return key_matches(key, self.key_hash)

    @property
    def suspended(self) -> bool:
        """Whether it may only look at its calls and end them."""
        return self.suspended_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A way to the telephone network.

    Attributes:
        name: unique.
        uri: ``sip:host[:port][;transport=...]``.
        username: of digest authentication, with `password`; None when there is none.
        password: see `username`.
        register: we register with it.
        match: addresses and networks its calls come from.
        caller_id_header: which header names the caller of its calls.
        srtp: its calls have encrypted audio, both ways, or are refused.
    """

    name: str
    uri: str
    username: str | None
    password: str | None = field(repr=False)
    register: bool
    match: tuple[str, ...]
    caller_id_header: CallerIdHeader
    srtp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A tenant whose application is asked what to do (the Mediaservice contract).

    Attributes:
        name: in the path of its API, such as ``customer.example``.
        callback_url: base of its callbacks.
        fallback_url: base that is asked when the first gives no answer; None for no second try.
        alarm_url: where alarms go; None for nowhere.
        api_public_key: PEM; its API calls carry JWTs signed with the private part (RS256).
        api_user: of HTTP Basic authentication; None when there is none.
        api_password_hash: see `hash_key`.
        signing_key: PEM, private; our callbacks carry JWTs signed with it (RS256).
        reply_secret: signs `replyId` (HS256); made by us.
        webhook_secret: ``whsec_...``; our callbacks are signed with it as well.
        voices: names of voices of the contract's speech services -> ``language/voice`` of ours.
        max_session: seconds after which a session is ended.
        allowed_destinations: rules for `adapter.core.destinations.Destinations`.
        trunk: name of the trunk for numbers that are dialled; None when only SIP URIs are.
    """

    name: str
    callback_url: str
    fallback_url: str | None
    alarm_url: str | None
    api_public_key: str
    api_user: str | None
    api_password_hash: str | None = field(repr=False)
    signing_key: str = field(repr=False)
    reply_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    voices: Mapping[str, str]
    max_session: float
    allowed_destinations: tuple[str, ...]
    trunk: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A telephone number of an app. Several apps share one, each with a PIN of its own.

    Attributes:
        number: digits without the plus.
        pin: of a shared number: the digits by which a caller reaches this app; else empty.
        pin_prompt: of a shared number: asks for the PIN; a prompt of the app, None for the one
            that is shipped.
        pin_retry_prompt: the same after a wrong PIN.
        pin_goodbye_prompt: the same before the call is ended.
        app: id of its app; empty when it belongs to a domain.
        domain: name of its domain; empty when it belongs to an app.
        service: what answers it: an app's ``voice``, a domain's ``ivr``.
        event_url: for webhooks of its calls; None for the app's.
        trunk: name of the trunk its outbound calls take; None when there is none.
        inbound: it can be called.
        outbound: it can be a caller id.
        greeting: answered with this prompt of the app, or `DEFAULT_GREETING_NAME`; None: rings.
        outbound_greeting: the same for outbound calls, once they are answered; None: nothing.
        accept_timeout: seconds an inbound call waits for the application.
        voicemail_detection: outbound calls look for an answering machine, unless they say.
    """

    number: str
    pin: str = ""
    pin_prompt: str | None = None
    pin_retry_prompt: str | None = None
    pin_goodbye_prompt: str | None = None
    app: str
    domain: str = ""
    service: Literal["voice", "ivr"] = "voice"
    event_url: str | None
    trunk: str | None
    inbound: bool
    outbound: bool
    greeting: str | None
    outbound_greeting: str | None
    accept_timeout: float
    voicemail_detection: bool = False

    @property
    def name(self) -> str:
        """What tells it from others: ``46123``, or ``46123*9876`` with a PIN."""
        return f"{self.number}*{self.pin}" if self.pin else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrompt:
    """A prompt of an app.

    Attributes:
        app: id of the app.
        name: unique within the app.
        path: of the file that is played, below the media folder.
        sha256: of the file as it was brought, in hex.
    """

    app: str
    name: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A SIP account of this system.

    Attributes:
        extension: such as ``0003*210``; also its SIP user.
        password: of digest authentication.
        name: of its owner, shown to who is called; None when there is none.
        recording: its calls may be recorded.
        srtp: its calls have encrypted audio, or are refused.
    """

    extension: str
    password: str = field(repr=False)
    name: str | None
    recording: bool
    srtp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredApp:
    """An app as it is declared: with its key, perhaps without a webhook secret.

    Attributes:
        key: in clear text; only its hash is stored.
        webhook_secret: None keeps the one it has, or makes one.

    The others are those of `App`.
    """

    id: str
    key: str = field(repr=False)
    event_url: str | None
    webhook_encryption: Encryption | None
    webhook_encryption_format: EncryptionFormat
    webhook_secret: str | None = field(repr=False)
    allowed_destinations: tuple[str, ...]
    max_concurrent_calls: int | None = None
    calls_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDomain:
    """A domain as it is declared: with its password, perhaps without what we make ourselves.

    Attributes:
        api_password: in clear text; only its hash is stored. None when there is no `api_user`.
        signing_key: None keeps the one it has, or makes one.
        webhook_secret: likewise.

    The others are those of `Domain`.
    """

    name: str
    callback_url: str
    fallback_url: str | None
    alarm_url: str | None
    api_public_key: str
    api_user: str | None
    api_password: str | None = field(repr=False)
    signing_key: str | None = field(repr=False)
    webhook_secret: str | None = field(repr=False)
    voices: Mapping[str, str]
    max_session: float
    allowed_destinations: tuple[str, ...]
    trunk: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """All that one provisioning file declares. What it does not name stays as it is."""

    apps: tuple[DeclaredApp, ...] = ()
    domains: tuple[DeclaredDomain, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    numbers: tuple[Number, ...] = ()
    prompts: tuple[StoredPrompt, ...] = ()
    phones: tuple[Phone, ...] = ()


Kind: TypeAlias = Literal["app", "domain", "trunk", "number", "prompt", "phone"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one declared object.

    Attributes:
        kind: what it is.
        name: its id; for a prompt ``app/name``.
        change: what happened to its row.
        keys: what was changed, without the values.
    """

    kind: Kind
    name: str
    change: Literal["created", "updated", "unchanged"]
    keys: tuple[str, ...] = ()
