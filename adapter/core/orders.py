"""What the state of a call orders, made from its row alone: again after a restart, too."""

from __future__ import annotations

from adapter.core.model import Call, CallState, Direction, EndCause
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
    return CreateChannel(
        channel=call.channel,
        endpoint=call.dial.endpoint,
        caller_number=call.dial.caller_number,
        caller_name=call.dial.caller_name,
    )


def dial(call: Call) -> Dial:
    """The order that dials it."""
    assert call.dial is not None  # noqa: S101 - an outbound call has one
    return Dial(channel=call.channel, timeout=call.dial.ring_timeout + DIAL_SLACK)


def _told(call: Call) -> HangupReason:
    """What the far end hears of the end that we make."""
    cause = call.ending.cause if call.ending else EndCause.HANGUP
    if cause is EndCause.NOT_ACCEPTED:
        return HangupReason.NO_ANSWER
    if cause is EndCause.FAILED and call.direction is Direction.INBOUND:
        return HangupReason.FAILURE
    return HangupReason.NORMAL
