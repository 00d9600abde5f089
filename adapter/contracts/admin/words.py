"""From rows to the replies of the admin API."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from adapter.contracts.admin.bodies import (
    AdminCall,
    AppReply,
    AttemptReply,
    DomainReply,
    EndingReply,
    NumberReply,
    PhoneReply,
    PromptReply,
    TimelineEntry,
    TrunkReply,
    WebhookReply,
)
from adapter.contracts.admin.ports import Delivery, Line, Webhook
from adapter.core import tenants
from adapter.core.masked import PhoneNumber
from adapter.core.message import Attempt
from adapter.core.model import Call
from adapter.core.replay import state_of


def time_of(at: float) -> str:
    """ISO 8601 with milliseconds and ``Z``, from seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _time(at: float | None) -> str | None:
    return None if at is None else time_of(at)


def app(row: tenants.App) -> AppReply:
    """An app."""
    return AppReply(
        id=row.id,
        event_url=row.event_url,
        webhook_encryption=row.webhook_encryption,
        webhook_encryption_format=row.webhook_encryption_format,
        allowed_destinations=row.allowed_destinations,
        max_concurrent_calls=row.max_concurrent_calls,
        calls_per_second=row.calls_per_second,
        suspended_at=_time(row.suspended_at),
        hang_up=row.hang_up,
    )


def domain(row: tenants.Domain) -> DomainReply:
    """A domain."""
    return DomainReply(
        name=row.name,
        callback_url=row.callback_url,
        fallback_url=row.fallback_url,
        alarm_url=row.alarm_url,
        api_public_key=row.api_public_key,
        api_user=row.api_user,
        voices=dict(row.voices),
        max_session=row.max_session,
        allowed_destinations=row.allowed_destinations,
        trunk=row.trunk,
    )


def trunk(row: tenants.Trunk) -> TrunkReply:
    """A trunk."""
    return msgspec.convert(row, TrunkReply, from_attributes=True)


def number(row: tenants.Number) -> NumberReply:
    """A number."""
    reply = msgspec.convert(row, NumberReply, from_attributes=True)
    return msgspec.structs.replace(reply, app=row.app or None, domain=row.domain or None)


def phone(row: tenants.Phone) -> PhoneReply:
    """A phone."""
    return msgspec.convert(row, PhoneReply, from_attributes=True)


def prompt(row: tenants.StoredPrompt) -> PromptReply:
    """A prompt."""
    return msgspec.convert(row, PromptReply, from_attributes=True)


def call(row: Call) -> AdminCall:
    """A call."""
    end = row.ending
    return AdminCall(
        id=row.id,
        contract=row.contract,
        owner=row.owner,
        direction=row.direction,
        from_=row.caller,
        to=row.callee,
        channel=row.channel,
        state=state_of(row),
        created_at=time_of(row.created_at),
        answered_at=_time(row.answered_at),
        ended_at=_time(row.ended_at),
        ending=EndingReply(
            cause=end.cause, by=end.by, q850=end.q850, sip_code=end.sip_code, detail=end.detail
        ) if end else None,
    )  # fmt: skip


def masked_call(row: Call) -> AdminCall:
    """A call whose numbers are not shown."""
    return msgspec.structs.replace(
        call(row), from_=str(PhoneNumber(row.caller)), to=str(PhoneNumber(row.callee))
    )


def told(line: Line, described: str, begun: float) -> TimelineEntry:
    """An input of a call that began at `begun`."""
    return TimelineEntry(
        at=time_of(line.at),
        after=round(line.at - begun, 3),
        version=line.version,
        input=described,
        state=line.state,
        orders=line.effects,
        tells=line.notices,
    )


def sent(one: Delivery, begun: float) -> TimelineEntry:
    """An attempt at a webhook, at its end."""
    ended = one.at + one.duration
    return TimelineEntry(
        at=time_of(ended),
        after=round(ended - begun, 3),
        webhook=one.id,
        event=one.event,
        attempt=one.attempt,
        status=one.status,
        error=one.error,
        seconds=round(one.duration, 4),
    )


def webhook(row: Webhook) -> WebhookReply:
    """A webhook."""
    url = urlsplit(row.url)
    return WebhookReply(
        id=row.id,
        call=row.call,
        contract=row.contract,
        app=row.owner,
        event=row.event,
        url=f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}",
        state=row.state,
        attempts=row.attempts,
        created_at=time_of(row.created_at),
        next_at=time_of(row.next_at) if row.state == "pending" else None,
        done_at=_time(row.done_at),
        error=row.error,
    )


def attempt(one: Attempt) -> AttemptReply:
    """An attempt at a webhook."""
    return AttemptReply(
        at=time_of(one.at), seconds=round(one.duration, 4), status=one.status, error=one.error
    )
