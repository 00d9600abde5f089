"""What the state of a call orders, made from its row alone: again after a restart, too."""

from __future__ import annotations

from adapter.core.ids import ChannelId
from adapter.core.model import Call, CallState, DialOrder, Direction, EndCause, Leg
from adapter.core.outputs import Answer, CreateChannel, Dial, Effect, Hangup, HangupReason, Ring

DIAL_SLACK = 5.0  # Asterisk's own limit is later than ours, so that we know who gave up


def effects_in_force(call: Call) -> tuple[Effect, ...]:
    """What the call's own state has ordered and can be ordered again without harm.

    Dialling is not among it: Asterisk takes a second order for the same channel and dials twice.
    """
    match call.state:
        case CallState.PLACING:
            return (create(call),)
        case CallState.OFFERED:
            return (Ring(channel=call.channel),)
        case CallState.ANSWERING:
            return (Answer(channel=call.channel),)
        case CallState.ENDING:
            return (Hangup(channel=call.channel, reason=_told(call)),)
        case _:
            return ()


def create(call: Call) -> CreateChannel:
    """The order that makes the channel of an outbound call."""
    assert call.dial is not None  # noqa: S101 - an outbound call has one
    return _create(call.channel, call.dial, None)


def create_leg(leg: Leg, caller: ChannelId) -> CreateChannel:
    """The order that makes the channel of a further leg, for the channel `caller`."""
    return _create(leg.channel, leg.order.dial, caller)


def _create(channel: ChannelId, dial: DialOrder, originator: ChannelId | None) -> CreateChannel:
    return CreateChannel(
        channel=channel,
        endpoint=dial.endpoint,
        caller_number=dial.caller_number,
        caller_name=dial.caller_name,
        private=dial.private,
        diversion=dial.diversion,
        headers=dial.headers,
        originator=originator,
    )


def dial(call: Call) -> Dial:
    """The order that dials it."""
    assert call.dial is not None  # noqa: S101 - an outbound call has one
    return Dial(channel=call.channel, timeout=call.dial.ring_timeout + DIAL_SLACK)


def dial_leg(leg: Leg, caller: ChannelId) -> Dial:
    """The order that dials a further leg; `caller` hears it ring when it waits in the bridge."""
    timeout = leg.order.dial.ring_timeout + DIAL_SLACK
    return Dial(channel=leg.channel, timeout=timeout, caller=caller if leg.early else None)


def _told(call: Call) -> HangupReason:
    """What the far end hears of the end that we make."""
    if call.ending is None or call.direction is Direction.OUTBOUND:
        return HangupReason.NORMAL
    return _TOLD.get(call.ending.cause, HangupReason.NORMAL)


_TOLD = {
    EndCause.BUSY: HangupReason.BUSY,
    EndCause.NOT_FOUND: HangupReason.UNALLOCATED,
    EndCause.NO_ANSWER: HangupReason.NO_ANSWER,
    EndCause.NOT_ACCEPTED: HangupReason.NO_ANSWER,
    EndCause.CONGESTION: HangupReason.CONGESTION,
    EndCause.FAILED: HangupReason.FAILURE,
}
