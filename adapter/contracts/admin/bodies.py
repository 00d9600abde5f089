"""The bodies of the admin API's replies, key by key. No key holds a secret that was there before.

Times are ISO 8601 in UTC; what is not there is null. `key` and `webhook_secret` stand only in the
reply to the PUT that made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Time = Annotated[str, Meta(examples=["2026-02-16T10:52:00.000Z"])]
Next = Annotated[str | None, Meta(description="`after` of the next page; null on the last one")]


class AppReply(Struct, kw_only=True, omit_defaults=True):
    """An app."""

    id: str
    event_url: str | None
    webhook_encryption: str | None
    webhook_encryption_format: str
    allowed_destinations: tuple[str, ...]
    max_concurrent_calls: int | None
    calls_per_second: float | None
    suspended_at: Time | None
    hang_up: Annotated[bool, Meta(description="while it is suspended its live calls are ended")]
    key: str | UnsetType = UNSET
    webhook_secret: str | UnsetType = UNSET


class DomainReply(Struct, kw_only=True, omit_defaults=True):
    """A domain; `callback_public_key` verifies the tokens of its callbacks and is not in lists."""

    name: str
    callback_url: str
    fallback_url: str | None
    alarm_url: str | None
    api_public_key: str
    api_user: str | None
    voices: dict[str, str]
    max_session: float
    allowed_destinations: tuple[str, ...]
    trunk: str | None
    callback_public_key: str | UnsetType = UNSET
    webhook_secret: str | UnsetType = UNSET


class TrunkReply(Struct, kw_only=True):
    """A trunk."""

    name: str
    uri: str
    username: str | None
    register: bool
    match: tuple[str, ...]
    caller_id_header: str
    srtp: bool


class NumberReply(Struct, kw_only=True):
    """A number; it has an app or a domain. One that is shared has a PIN; else `pin` is empty."""

    number: str
    app: str | None
    domain: str | None
    service: str
    event_url: str | None
    trunk: str | None
    inbound: bool
    outbound: bool
    greeting: str | None
    outbound_greeting: str | None
    accept_timeout: float
    pin: str
    pin_prompt: str | None
    pin_retry_prompt: str | None
    pin_goodbye_prompt: str | None
    voicemail_detection: bool


class PhoneReply(Struct, kw_only=True):
    """A phone."""

    extension: str
    name: str | None
    recording: bool
    srtp: bool


class PromptReply(Struct, kw_only=True):
    """A prompt; `sha256` is that of the file as it was brought."""

    app: str
    name: str
    sha256: str


class AppPage(Struct, kw_only=True):
    """A page of apps."""

    apps: Sequence[AppReply]
    next: Next


class DomainPage(Struct, kw_only=True):
    """A page of domains."""

    domains: Sequence[DomainReply]
    next: Next


class TrunkPage(Struct, kw_only=True):
    """A page of trunks."""

    trunks: Sequence[TrunkReply]
    next: Next


class NumberPage(Struct, kw_only=True):
    """A page of numbers."""

    numbers: Sequence[NumberReply]
    next: Next


class PhonePage(Struct, kw_only=True):
    """A page of phones."""

    phones: Sequence[PhoneReply]
    next: Next


class PromptPage(Struct, kw_only=True):
    """A page of prompts."""

    prompts: Sequence[PromptReply]
    next: Next


class EndingReply(Struct, kw_only=True):
    """How a call ended: in one word, by whom, and the codes of Q.850 and SIP."""

    cause: str
    by: str
    q850: int | None
    sip_code: int | None
    detail: str | None


class AdminCall(Struct, kw_only=True):
    """A call; `owner` is its app or domain, `state` has that of its prompt behind a slash."""

    id: str
    contract: str
    owner: str
    direction: str
    from_: str = msgspec.field(name="from")
    to: str
    channel: str
    state: str
    created_at: Time
    answered_at: Time | None
    ended_at: Time | None
    ending: EndingReply | None


class CallPage(Struct, kw_only=True):
    """A page of calls, the latest first."""

    calls: Sequence[AdminCall]
    next: Next


class TimelineEntry(Struct, kw_only=True, omit_defaults=True):
    """An input of the call (`input` to `tells`) or an attempt at a webhook (the others).

    `after` is in seconds from the call's beginning, `seconds` how long an attempt took.
    """

    at: Time
    after: float
    version: int | UnsetType = UNSET
    input: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    orders: tuple[str, ...] | UnsetType = UNSET
    tells: tuple[str, ...] | UnsetType = UNSET
    webhook: str | UnsetType = UNSET
    event: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    status: int | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    seconds: float | UnsetType = UNSET


class TimelineReply(Struct, kw_only=True):
    """Everything that happened to a call; numbers, digits and spoken text are masked."""

    call: AdminCall
    entries: Sequence[TimelineEntry]


class WebhookReply(Struct, kw_only=True):
    """A webhook without its body; of `url` the query is left out, where customers keep tokens."""

    id: str
    call: str
    contract: str
    app: str
    event: str
    url: str
    state: str
    attempts: int
    created_at: Time
    next_at: Time | None
    done_at: Time | None
    error: str | None


class WebhookPage(Struct, kw_only=True):
    """A page of webhooks, the latest first."""

    webhooks: Sequence[WebhookReply]
    next: Next


class AttemptReply(Struct, kw_only=True):
    """One attempt; `status` is null when there was no answer."""

    at: Time
    seconds: float
    status: int | None
    error: str | None


class WebhookDetail(Struct, kw_only=True):
    """A webhook with its attempts, in their order."""

    webhook: WebhookReply
    attempts: Sequence[AttemptReply]


class Replayed(Struct, kw_only=True):
    """How many webhooks go out again."""

    replayed: int


class Removed(Struct, kw_only=True):
    """Done."""

    removed: Literal[True] = True
