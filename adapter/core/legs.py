"""A further leg of a call: made, dialled, ringing, up; what the bridge machine has to know of it.

::

    PLACING --ChannelReady--> DIALING --ChannelDialled--> TRYING --ChannelRinging--> RINGING
                                 |                          |                           |
                                 +----------ChannelUp-------+---------------------------+--> UP
    from every state: ChannelGone, ChannelRefused (not when up) or its deadline --> it has left

What is ordered of a leg that was told to go: nothing more. Its channel stands in no row then, and
one that is left in Asterisk is found and hung up (`adapter.engine.reconcile`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapter.core import inputs as i
from adapter.core.causes import ending_of_leg
from adapter.core.ids import ChannelId
from adapter.core.model import EndCause, EndedBy, Ending, Leg, LegOrder, LegState
from adapter.core.orders import create_leg, dial_leg
from adapter.core.outputs import Effect, Hangup, HangupReason

PLACE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What an input made of a leg.

    Attributes:
        leg: as it is now.
        effects: to be run.
        rang: it rings from now on.
        answered: it is up from now on.
        left: how it ended; its channel needs no further order.
    """

    leg: Leg
    effects: tuple[Effect, ...] = ()
    rang: bool = False
    answered: bool = False
    left: Ending | None = None


Handler = Callable[[Leg, Any, float, ChannelId], Progress | None]  # None: late


def begin(
    order: LegOrder, channel: ChannelId, now: float, caller: ChannelId, *, early: bool
) -> Progress:
    """Order a leg for the channel `caller`."""
    leg = Leg(
        order=order,
        channel=channel,
        state=LegState.PLACING,
        deadline=now + PLACE_TIMEOUT,
        early=early,
    )
    return Progress(leg, (create_leg(leg, caller),))


def advance(leg: Leg, given: i.LegInput, now: float, caller: ChannelId) -> Progress | None:
    """Apply a fact about its channel; None when it is late."""
    handler = TABLE[leg.state].get(type(given))
    return handler(leg, given, now, caller) if handler else None


def expire(leg: Leg) -> Progress:
    """Its deadline has passed."""
    cause = EndCause.FAILED if leg.state is LegState.PLACING else EndCause.NO_ANSWER
    detail = f"deadline in {leg.state}"
    left = Ending(cause=cause, by=EndedBy.SYSTEM, detail=detail)
    return Progress(leg, (dismiss(leg),), left=left)


def dismiss(leg: Leg) -> Hangup:
    """The order that ends it."""
    return Hangup(channel=leg.channel, reason=HangupReason.NORMAL)


def _ready(leg: Leg, given: i.ChannelReady, now: float, caller: ChannelId) -> Progress:
    deadline = now + leg.order.dial.ring_timeout
    dialing = replace(leg, state=LegState.DIALING, deadline=deadline)
    return Progress(dialing, (dial_leg(dialing, caller),))


def _dialled(leg: Leg, given: i.ChannelDialled, now: float, caller: ChannelId) -> Progress:
    return Progress(replace(leg, state=LegState.TRYING))


def _ringing(leg: Leg, given: i.ChannelRinging, now: float, caller: ChannelId) -> Progress:
    return Progress(replace(leg, state=LegState.RINGING), rang=True)


def _up(leg: Leg, given: i.ChannelUp, now: float, caller: ChannelId) -> Progress:
    return Progress(replace(leg, state=LegState.UP, deadline=None), answered=True)


def _gone(leg: Leg, given: i.ChannelGone, now: float, caller: ChannelId) -> Progress:
    answered = leg.state is LegState.UP
    left = ending_of_leg(answered, given.q850, given.sip_code, given.lost)
    return Progress(leg, left=left)


def _refused(leg: Leg, given: i.ChannelRefused, now: float, caller: ChannelId) -> Progress:
    left = Ending(cause=given.cause, by=EndedBy.SYSTEM, detail=given.detail)
    return Progress(leg, (dismiss(leg),), left=left)


_LEAVES: Mapping[type, Handler] = {i.ChannelGone: _gone, i.ChannelRefused: _refused}
TABLE: Mapping[LegState, Mapping[type, Handler]] = {
    LegState.PLACING: {**_LEAVES, i.ChannelReady: _ready},
    LegState.DIALING: {
        **_LEAVES,
        i.ChannelDialled: _dialled,
        i.ChannelRinging: _ringing,
        i.ChannelUp: _up,
    },
    LegState.TRYING: {**_LEAVES, i.ChannelRinging: _ringing, i.ChannelUp: _up},
    LegState.RINGING: {**_LEAVES, i.ChannelUp: _up},
    LegState.UP: {i.ChannelGone: _gone},
}
LATE = frozenset(
    {
        (LegState.PLACING, i.ChannelDialled),
        (LegState.PLACING, i.ChannelRinging),
        (LegState.PLACING, i.ChannelUp),
        (LegState.DIALING, i.ChannelReady),
        (LegState.TRYING, i.ChannelReady),
        (LegState.TRYING, i.ChannelDialled),
        (LegState.RINGING, i.ChannelReady),
        (LegState.RINGING, i.ChannelDialled),
        (LegState.RINGING, i.ChannelRinging),
        (LegState.UP, i.ChannelReady),
        (LegState.UP, i.ChannelDialled),
        (LegState.UP, i.ChannelRinging),
        (LegState.UP, i.ChannelUp),
        (LegState.UP, i.ChannelRefused),
    }
)
