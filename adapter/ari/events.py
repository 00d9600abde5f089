"""ARI's events as types, and the one function that makes them of text.

Only what the engine reads is here; other fields are ignored. What Asterisk may send without our
knowing it becomes `UnknownEvent`, what it should never send becomes `MalformedEvent`: `decode`
does not raise on input.

Source: Asterisk 22, rest-api/api-docs/events.json; observed order and content: lab.md, 1 to 14.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias, get_args

import msgspec

from adapter.ari.resources import (
    Bridge,
    Channel,
    ContactInfo,
    Endpoint,
    LiveRecording,
    Peer,
    Playback,
)

Int32: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""What Asterisk's int holds; more is junk, and would not fit a database column either."""


class AriEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag=True):
    """What all events have. `timestamp` is Asterisk's ISO 8601 text."""

    timestamp: str = ""


class ChannelEvent(AriEvent, frozen=True, gc=False, kw_only=True):
    """An event about one channel."""

    channel: Channel


class StasisStart(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """A channel is ours now. There is no second one after a reconnect."""

    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


class StasisEnd(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """A channel left the application: hung up, or sent on into the dialplan."""


class ChannelStateChange(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """A channel's `state` changed."""


class ChannelDestroyed(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """A channel is gone. `cause` is Q.850 (0: none was given), `tech_cause` the SIP status."""

    cause: Int32
    cause_txt: str = ""
    tech_cause: Int32 | None = None


class ChannelHangupRequest(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """Someone wants the channel down. Our own order shows as cause 32, soft (lab.md, 2)."""

    cause: Int32 | None = None
    soft: bool = False
    tech_cause: Int32 | None = None


class ChannelDtmfReceived(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """A key was released. `duration_ms` are milliseconds, as Asterisk counts."""

    digit: str
    duration_ms: Int32 = 0


class ChannelHold(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """The phone put us on hold."""

    musicclass: str = ""


class ChannelUnhold(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """The phone took us back."""


class ChannelTalkingStarted(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """TALK_DETECT heard speech begin."""


class ChannelTalkingFinished(ChannelEvent, frozen=True, gc=False, kw_only=True):
    """TALK_DETECT heard speech end; `duration` in milliseconds."""

    duration: Int32


class Dial(AriEvent, frozen=True, gc=False, kw_only=True):
    """Progress of an outbound leg.

    `dialstatus` is "" at first, then RINGING, PROGRESS, ANSWER... With create and dial there is
    no final BUSY or NOANSWER: `ChannelDestroyed` tells (lab.md, 2).
    """

    peer: Channel
    dialstatus: str
    caller: Channel | None = None
    dialstring: str = ""
    forward: str = ""


class PlaybackEvent(AriEvent, frozen=True, gc=False, kw_only=True):
    """An event about one playback."""

    playback: Playback


class PlaybackStarted(PlaybackEvent, frozen=True, gc=False, kw_only=True):
    """An item of a playback begins, each of a list; also comes when its file is missing."""


class PlaybackContinuing(PlaybackEvent, frozen=True, gc=False, kw_only=True):
    """An item of a list is over; PlaybackStarted for the next one follows (seen)."""


class PlaybackFinished(PlaybackEvent, frozen=True, gc=False, kw_only=True):
    """A playback ended: state "done" (played or stopped by us) or "failed"."""


class BridgeEvent(AriEvent, frozen=True, gc=False, kw_only=True):
    """An event about one bridge."""

    bridge: Bridge


class BridgeCreated(BridgeEvent, frozen=True, gc=False, kw_only=True):
    """A bridge exists."""


class BridgeDestroyed(BridgeEvent, frozen=True, gc=False, kw_only=True):
    """A bridge is gone; its channels are not."""


class ChannelEnteredBridge(BridgeEvent, frozen=True, gc=False, kw_only=True):
    """A channel is in the bridge now."""

    channel: Channel | None = None


class ChannelLeftBridge(BridgeEvent, frozen=True, gc=False, kw_only=True):
    """A channel is out of the bridge."""

    channel: Channel


class RecordingEvent(AriEvent, frozen=True, gc=False, kw_only=True):
    """An event about one live recording."""

    recording: LiveRecording


class RecordingStarted(RecordingEvent, frozen=True, gc=False, kw_only=True):
    """Recording began."""


class RecordingFinished(RecordingEvent, frozen=True, gc=False, kw_only=True):
    """Recording ended; also after a discard, when there is no file (lab.md, 7)."""


class RecordingFailed(RecordingEvent, frozen=True, gc=False, kw_only=True):
    """Recording never began or broke off; `recording.cause` says why."""


class RequestedDestination(msgspec.Struct, frozen=True, gc=False):
    """Where a REFER points: an extension, or another call by its SIP Call-ID."""

    destination: str = ""
    protocol_id: str = ""


class ReferTo(msgspec.Struct, frozen=True, gc=False):
    """The target of a transfer; `destination_channel` is set when it is attended."""

    requested_destination: RequestedDestination = RequestedDestination()
    destination_channel: Channel | None = None
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class ReferredBy(msgspec.Struct, frozen=True, gc=False):
    """Who asks for the transfer and whom it would move."""

    source_channel: Channel
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class ChannelTransfer(AriEvent, frozen=True, gc=False, kw_only=True):
    """A phone sent REFER and leaves it to us (endpoints with `ari-only`; lab.md, 11)."""

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str = ""


class ContactStatusChange(AriEvent, frozen=True, gc=False, kw_only=True):
    """A contact became reachable or unreachable."""

    endpoint: Endpoint
    contact_info: ContactInfo


class PeerStatusChange(AriEvent, frozen=True, gc=False, kw_only=True):
    """A peer's status changed."""

    endpoint: Endpoint
    peer: Peer


class ApplicationReplaced(AriEvent, frozen=True, gc=False, kw_only=True):
    """Another WebSocket took our application: two adapters with one name (lab.md, 12)."""

    application: str = ""


class ApplicationRegistered(AriEvent, frozen=True, gc=False, kw_only=True):
    """An application came up on an outbound WebSocket."""

    application: str = ""


class ApplicationUnregistered(AriEvent, frozen=True, gc=False, kw_only=True):
    """An application went away."""

    application: str = ""


class UnknownEvent(msgspec.Struct, frozen=True, gc=False):
    """Well-formed, and of a type that we do not read."""

    type: str


class MalformedEvent(msgspec.Struct, frozen=True, gc=False):
    """Not an event: `reason` says what is wrong and never quotes the content."""

    reason: str


KnownEvent: TypeAlias = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDestroyed
    | ChannelHangupRequest
    | ChannelDtmfReceived
    | ChannelHold
    | ChannelUnhold
    | ChannelTalkingStarted
    | ChannelTalkingFinished
    | Dial
    | PlaybackStarted
    | PlaybackContinuing
    | PlaybackFinished
    | BridgeCreated
    | BridgeDestroyed
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | RecordingStarted
    | RecordingFinished
    | RecordingFailed
    | ChannelTransfer
    | ContactStatusChange
    | PeerStatusChange
    | ApplicationReplaced
    | ApplicationRegistered
    | ApplicationUnregistered
)
Event: TypeAlias = KnownEvent | UnknownEvent | MalformedEvent

EVENT_CLASSES: tuple[type[AriEvent], ...] = get_args(KnownEvent)
EVENT_TYPES: tuple[str, ...] = tuple(event.__name__ for event in EVENT_CLASSES)


class _TypeOnly(msgspec.Struct, frozen=True, gc=False):
    type: str


_decode_known = msgspec.json.Decoder(KnownEvent).decode
_decode_type = msgspec.json.Decoder(_TypeOnly).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def decode(text: str | bytes) -> Event:
    """Return the event that `text` describes; never raises on input."""
    try:
        event: KnownEvent = _decode_known(text)
        return event
    except _UNREADABLE as error:
        return _explain(text, error)


def _explain(text: str | bytes, error: Exception) -> UnknownEvent | MalformedEvent:
    try:
        name = _decode_type(text).type
    except _UNREADABLE as untyped:
        return MalformedEvent(f"{type(untyped).__name__}: {_place(untyped)}")
    if name in EVENT_TYPES:
        return MalformedEvent(f"{name}: {_place(error)}")
    return UnknownEvent(name)


def _place(error: Exception) -> str:
    """What and where, without the text itself: it may hold digits and numbers of callers."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "unreadable text"
