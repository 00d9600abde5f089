"""What EnableX clients get: replies and webhooks, key by key.

Source: enablex-voice.txt with the decisions of enablex.md ("Spelling on the wire"). A timestamp is
in every body, with the alias that the document's own example uses beside it. A call event has
`state` and never `playstate`, a play event the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.core.model import Call, CallState, Direction, EndCause
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    Notice,
    Outcome,
    PromptOver,
    QuestionUnanswered,
)
from adapter.engine.ports import Wording

_encode = msgspec.json.Encoder().encode

State = Literal["connected", "In progress", "IVR", "disconnected"]
PlayState = Literal["initiated", "stopped"]
CallEventState = Literal["incomingcall", "ringing", "connected", "disconnected"]
PlayEventState = Literal["playfinished", "digitcollected", "menutimeout", "failed"]
Timestamp = Annotated[str, Meta(examples=["2026-02-16T10:52:00.000Z"])]


def timestamp(at: float) -> str:
    """ISO 8601 with milliseconds and ``Z``, from seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Body(Struct, kw_only=True, omit_defaults=True):
    """What all bodies about a call have."""

    voice_id: str
    from_: str = msgspec.field(name="from")
    to: str
    timestamp: Timestamp


class CallReply(Body, kw_only=True, omit_defaults=True):
    """`POST /call`."""

    state: Literal["initiated"]
    msg: str | UnsetType = UNSET
    owner_ref: Any = UNSET
    time_stamp: str | UnsetType = UNSET


class StatusReply(Body, kw_only=True, omit_defaults=True):
    """`accept`."""

    status: Literal["success"]


class StateReply(Body, kw_only=True, omit_defaults=True):
    """`GET /call/{voice_id}`."""

    state: State
    direction: Literal["Inbound", "Outbound"]


class HangupReply(Body, kw_only=True, omit_defaults=True):
    """`DELETE /call/{voice_id}`."""

    state: Literal["success"]
    status: Literal["success"]
    channel_id: str
    timeStamp: str | UnsetType = UNSET


class PlayReply(Body, kw_only=True, omit_defaults=True):
    """`PUT /call/{voice_id}/play`."""

    play_id: str
    playstate: PlayState


class ErrorReply(Struct, kw_only=True, omit_defaults=True):
    """Every failure."""

    result: int | str
    msg: str
    timestamp: Timestamp
    timeStamp: str | UnsetType = UNSET
    status: Literal["failed"]
    state: Literal["failed"]
    voice_id: str | UnsetType = UNSET
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType = UNSET
    play_id: str | UnsetType = UNSET
    event_code: str | UnsetType = UNSET
    event_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class CallEvent(Body, kw_only=True, omit_defaults=True):
    """Webhook: the call itself."""

    state: CallEventState
    channel_id: str
    owner_ref: Any = UNSET
    custom_data: Any = UNSET
    call_duration: float | UnsetType = UNSET
    disconnect_reason: str | UnsetType = UNSET
    sip_code: int | UnsetType = UNSET
    timeStamp: str | UnsetType = UNSET


class PlayEvent(Body, kw_only=True, omit_defaults=True):
    """Webhook: the outcome of a prompt."""

    play_id: str
    playstate: PlayEventState
    prompt_ref: Any = UNSET
    digit: str | UnsetType = UNSET
    digits: str | UnsetType = UNSET
    msg: str | UnsetType = UNSET
    owner_ref: Any = UNSET
    custom_data: Any = UNSET


REASONS = {
    EndCause.HANGUP: ("Normal clearing", 200),
    EndCause.CANCELLED: ("Cancelled", 487),
    EndCause.BUSY: ("User busy", 486),
    EndCause.NO_ANSWER: ("No answer", 480),
    EndCause.REJECTED: ("Call rejected", 603),
    EndCause.NOT_FOUND: ("Number not found", 404),
    EndCause.CONGESTION: ("Network congestion", 503),
    EndCause.NOT_ACCEPTED: ("Not accepted in time", 480),
    EndCause.MAX_DURATION: ("Maximum duration reached", 200),
    EndCause.MEDIA_TIMEOUT: ("Media timeout", 200),
    EndCause.FAILED: ("Call failed", 500),
    EndCause.LOST: ("Connection to the call was lost", 500),
}


def word(call: Call, notice: Notice, now: float) -> Sequence[Wording]:
    """A notice as webhooks of the call's `event_url`; none when it has no URL."""
    url = call.context.get("event_url")
    if not url or isinstance(notice, QuestionUnanswered):
        return ()
    event: CallEvent | PlayEvent
    if isinstance(notice, PromptOver):
        event = _play_event(call, notice, now)
        name: str = event.playstate
    else:
        event = _call_event(call, notice, now)
        name = event.state
    return (Wording(event=name, url=url, body=_encode(event).decode()),)


def _call_event(
    call: Call, notice: CallOffered | CallRang | CallAnswered | CallEnded, now: float
) -> CallEvent:
    event = CallEvent(
        voice_id=call.id,
        from_=call.caller,
        to=call.callee,
        timestamp=timestamp(now),
        state=_STATES[type(notice)],
        channel_id=call.channel,
        owner_ref=call.context.get("owner_ref", UNSET),
        custom_data=call.context.get("custom_data", UNSET),
    )
    if isinstance(notice, CallEnded):
        reason, code = REASONS[notice.ending.cause]
        answered = call.answered_at is not None
        event.disconnect_reason = reason
        event.sip_code = code if answered else notice.ending.sip_code or code
        event.call_duration = round(now - (call.answered_at or now), 3)
        event.timeStamp = event.timestamp
    return event


_STATES: Mapping[type, CallEventState] = {
    CallOffered: "incomingcall",
    CallRang: "ringing",
    CallAnswered: "connected",
    CallEnded: "disconnected",
}


def _play_event(call: Call, notice: PromptOver, now: float) -> PlayEvent:
    digits = notice.digits if notice.outcome is Outcome.COLLECTED and notice.digits else UNSET
    return PlayEvent(
        voice_id=call.id,
        from_=call.caller,
        to=call.callee,
        timestamp=timestamp(now),
        play_id=notice.order.id,
        playstate=_playstate(notice),
        prompt_ref=notice.order.context.get("prompt_ref", UNSET),
        digit=digits,
        digits=digits,
        msg=notice.reason or UNSET,
        owner_ref=call.context.get("owner_ref", UNSET),
        custom_data=call.context.get("custom_data", UNSET),
    )


def _playstate(notice: PromptOver) -> PlayEventState:
    match notice.outcome:
        case Outcome.FINISHED | Outcome.STOPPED:
            return "playfinished"
        case Outcome.COLLECTED:
            return "digitcollected" if notice.digits else "menutimeout"
        case Outcome.FAILED:
            return "failed"


def call_reply(call: Call, now: float) -> CallReply:
    """The reply to `POST /call`."""
    at = timestamp(now)
    return CallReply(
        voice_id=call.id,
        state="initiated",
        msg="",
        from_=call.caller,
        to=call.callee,
        owner_ref=call.context.get("owner_ref", UNSET),
        timestamp=at,
        time_stamp=at,
    )


def status_reply(call: Call, now: float) -> StatusReply:
    """The reply to `accept`."""
    return StatusReply(
        voice_id=call.id,
        status="success",
        from_=call.caller,
        to=call.callee,
        timestamp=timestamp(now),
    )


def state_reply(call: Call, now: float) -> StateReply:
    """The reply to `GET /call/{voice_id}`."""
    match call.state:
        case CallState.UP if call.prompt is not None:
            state: State = "IVR"
        case CallState.UP:
            state = "connected"
        case CallState.ENDING | CallState.ENDED:
            state = "disconnected"
        case _:
            state = "In progress"
    return StateReply(
        voice_id=call.id,
        state=state,
        direction="Inbound" if call.direction is Direction.INBOUND else "Outbound",
        from_=call.caller,
        to=call.callee,
        timestamp=timestamp(now),
    )


def hangup_reply(call: Call, now: float) -> HangupReply:
    """The reply to `DELETE /call/{voice_id}`."""
    at = timestamp(now)
    return HangupReply(
        voice_id=call.id,
        state="success",
        status="success",
        from_=call.caller,
        to=call.callee,
        channel_id=call.channel,
        timestamp=at,
        timeStamp=at,
    )


def play_reply(call: Call, play_id: str, state: PlayState, now: float) -> PlayReply:
    """The reply to `PUT /call/{voice_id}/play`."""
    return PlayReply(
        voice_id=call.id,
        play_id=play_id,
        playstate=state,
        from_=call.caller,
        to=call.callee,
        timestamp=timestamp(now),
    )
