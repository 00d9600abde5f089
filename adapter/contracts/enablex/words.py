"""What EnableX clients get as replies, key by key. The webhooks are `events`.

Source: enablex-voice.txt with the decisions of enablex.md ("Spelling on the wire"). A timestamp is
in every body, with the alias that the document's own example uses beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.core.ids import BridgeId, RecordingId
from adapter.core.model import Call, CallState, Direction, Leg, LegOrder

State = Literal["connected", "In progress", "IVR", "disconnected"]
PlayState = Literal["initiated", "stopped"]
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


class ConnectReply(Body, kw_only=True, omit_defaults=True):
    """`PUT /call/{voice_id}/connect`."""

    state: Literal["initiated"]
    bridge_id: str
    timeStamp: str | UnsetType = UNSET


class TransferReply(Body, kw_only=True, omit_defaults=True):
    """`PUT /call/{voice_id}/transfer`."""

    status: Literal["initiated"]
    channel_id: str


class RecordingReply(Body, kw_only=True, omit_defaults=True):
    """`PUT /call/{voice_id}/recording`."""

    status: Literal["success"]
    state: Literal["success"]
    recording_id: str
    msg: str
    timeStamp: str | UnsetType = UNSET


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
        case CallState.ENDING | CallState.CLOSING | CallState.ENDED:
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


def connect_reply(call: Call, bridge: BridgeId, order: LegOrder, now: float) -> ConnectReply:
    """The reply to `connect`: with the two numbers of the request."""
    at = timestamp(now)
    return ConnectReply(
        voice_id=call.id,
        bridge_id=bridge,
        state="initiated",
        from_=order.caller,
        to=order.callee,
        timestamp=at,
        timeStamp=at,
    )


def transfer_reply(call: Call, target: Leg, now: float) -> TransferReply:
    """The reply to `transfer`."""
    return TransferReply(
        voice_id=call.id,
        status="initiated",
        channel_id=target.channel,
        from_=target.order.caller,
        to=target.order.callee,
        timestamp=timestamp(now),
    )


def forward_reply(call: Call, order: LegOrder, now: float) -> StatusReply:
    """The reply to `forward`."""
    return StatusReply(
        voice_id=call.id,
        status="success",
        from_=order.caller,
        to=order.callee,
        timestamp=timestamp(now),
    )


def recording_reply(call: Call, recording: RecordingId, now: float) -> RecordingReply:
    """The reply to `recording`, started or stopped."""
    at = timestamp(now)
    return RecordingReply(
        voice_id=call.id,
        status="success",
        state="success",
        recording_id=recording,
        msg="",
        from_=call.caller,
        to=call.callee,
        timestamp=at,
        timeStamp=at,
    )
