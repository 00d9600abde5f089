"""Asterisk's events as facts of the core. What says nothing to a call becomes None.

Source: lab runs of Asterisk 22 (the order and content of its events for create, dial, play and
DTMF). A channel of ours carries its call in its id; an inbound one arrives with the argument that
the dialplan gave to `Stasis` (asterisk-conf, extensions.conf).
"""

from __future__ import annotations

from adapter.ari import events
from adapter.ari.joining import AMD, verdict
from adapter.ari.resources import Channel
from adapter.core import inputs
from adapter.core.ids import ChannelId, PlaybackId, call_of
from adapter.core.inputs import CallArrived, Input
from adapter.core.resume import ChannelState

INBOUND = "inbound"
PHONE = "phone"

EVENTS_READ = tuple(
    event.__name__
    for event in (
        events.StasisStart,
        events.ChannelStateChange,
        events.ChannelDestroyed,
        events.ChannelHangupRequest,
        events.StasisEnd,
        events.ChannelDtmfReceived,
        events.Dial,
        events.PlaybackStarted,
        events.PlaybackFinished,
        events.ApplicationReplaced,  # not a fact: the listener itself hears it
    )
)
"""The types of events that `Facts` makes something of."""

_STATES = {"Up": ChannelState.UP, "Ringing": ChannelState.RINGING}


class Facts:
    """Makes facts of events, in the order in which they come.

    We are not subscribed to everything in the box, which would cost Asterisk a quarter more time.
    So an inbound channel, unlike one that we created, is last heard of when it leaves our
    application (StasisEnd), and why it does so was said before (ChannelHangupRequest).
    """

    def __init__(self) -> None:
        self._codes: dict[str, tuple[int | None, int | None]] = {}

    def forget(self) -> None:
        """The connection was lost, and with it what would have followed."""
        self._codes.clear()

    def of(self, event: events.Event) -> Input | CallArrived | None:
        """The fact that an event tells; None when it tells no call anything."""
        match event:
            case events.ChannelHangupRequest(channel=channel, soft=soft) if not _ours(channel):
                if not soft:  # our own order is soft, and has a cause that says nothing
                    self._codes.setdefault(channel.id, (event.cause, event.tech_cause))
                return None
            case events.StasisEnd(channel=channel) if not _ours(channel):
                q850, sip_code = self._codes.pop(channel.id, (None, None))
                return inputs.ChannelGone(
                    channel=ChannelId(channel.id), q850=q850, sip_code=sip_code
                )
            case _:
                return _fact_of(event)


def _ours(channel: Channel) -> bool:
    return call_of(channel.id) is not None


def _fact_of(event: events.Event) -> Input | CallArrived | None:
    match event:
        case events.ChannelDtmfReceived(channel=channel, digit=digit):
            return inputs.DigitPressed(channel=ChannelId(channel.id), digit=digit)
        case events.PlaybackStarted(playback=playback):
            return inputs.PlaybackStarted(playback=PlaybackId(playback.id))
        case events.PlaybackFinished(playback=playback):
            return inputs.PlaybackFinished(
                playback=PlaybackId(playback.id), failed=playback.state == "failed"
            )
        case events.ChannelStateChange(channel=channel):
            return _state_changed(channel)
        case events.StasisStart(channel=channel, args=args):
            return _started(channel, args)
        case events.Dial(peer=peer, dialstatus="RINGING"):
            return inputs.ChannelRinging(channel=ChannelId(peer.id))
        case events.ChannelDestroyed(channel=channel, cause=cause, tech_cause=tech_cause):
            return inputs.ChannelGone(
                channel=ChannelId(channel.id), q850=cause, sip_code=tech_cause
            )
        case _:
            return None


def _state_changed(channel: Channel) -> Input | None:
    match channel.state:
        case "Up":
            return inputs.ChannelUp(channel=ChannelId(channel.id))
        case "Ringing":
            return inputs.ChannelRinging(channel=ChannelId(channel.id))
        case _:
            return None


def _started(channel: Channel, args: tuple[str, ...]) -> Input | CallArrived | None:
    if args and args[0] == AMD:
        machine, detail = verdict(args)
        return inputs.AnswerJudged(channel=ChannelId(channel.id), machine=machine, detail=detail)
    if _ours(channel):
        return inputs.ChannelReady(channel=ChannelId(channel.id))
    if args and args[0] in (INBOUND, PHONE):
        return arrival_of(channel, from_phone=args[0] == PHONE)
    return None


def arrival_of(channel: Channel, *, from_phone: bool) -> CallArrived:
    """An inbound channel that belongs to no call yet."""
    return CallArrived(
        channel=ChannelId(channel.id),
        endpoint=channel.endpoint,
        called=channel.dialplan.extension,
        caller=channel.caller.number,
        caller_name=channel.caller.name,
        sip_call_id=channel.protocol_id,
        from_phone=from_phone,
    )


def state_of(channel: Channel) -> ChannelState:
    """What a channel is doing, for a recovery; an unanswered inbound one is DOWN."""
    return _STATES.get(channel.state, ChannelState.DOWN)
