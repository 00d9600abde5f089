"""The bridge machine: joins a call with another party; hold, transfer and forward.

::

    ConnectCall --> CONNECTING --party answers--> BRIDGED --party leaves--> over
                       | party fails: over          |  ^
                       |                            |  | target fails, or leaves first
                       |   TransferCall --> TRANSFERRING: party and target speak, the call waits
                       |   ForwardCall ---> FORWARDING: target is called, call and party speak
                       |                            |
                       |   TRANSFERRING, party leaves: target is the party    --> BRIDGED
                       |   FORWARDING, target answers: target is the party    --> BRIDGED
                       +<- the party leaves while the target still rings: CONNECTING to the target

Who is in the bridge and who hears music is not ordered here: it follows from the row
(`adapter.core.layout`). When the call itself ends, so does all of this, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from adapter.core import inputs as i
from adapter.core import legs
from adapter.core.digits import DIGITS
from adapter.core.errors import AlreadyBridged, BridgeBusy, NotBridged
from adapter.core.ids import bridge_of, channel_of
from adapter.core.legs import Progress
from adapter.core.model import (
    Bridge,
    BridgeState,
    Burst,
    Call,
    EndCause,
    EndedBy,
    Ending,
    Leg,
    LegOrder,
    LegState,
)
from adapter.core.outputs import (
    Effect,
    KeysPressed,
    Notice,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
)

BURST_PAUSE = 2.0
_BURST_END = "#"
_MOST_KEYS = 128

Change = tuple[Call, tuple[Effect, ...], tuple[Notice, ...]]
Handler = Callable[[Call, Bridge, Any, float], Change | None]  # None: late


def connect(call: Call, order: LegOrder, now: float) -> Change:
    """Begin to join a call that is up, and joined with nobody."""
    call, made = _new_leg(call, order, now, early=True)
    number = call.bridges + 1
    bridge = Bridge(id=bridge_of(call.id, number), state=BridgeState.CONNECTING, party=made.leg)
    return replace(call, bridge=bridge, bridges=number), made.effects, ()


def decline(call: Call, order: LegOrder, ending: Ending) -> Change:
    """End an order to connect before anybody is called; its ids were given away, and are used."""
    call = replace(call, legs=call.legs + 1, bridges=call.bridges + 1)
    failed = PartyFailed(order=order, channel=channel_of(call.id, call.legs), ending=ending)
    return call, (), (failed,)


def advance(call: Call, given: i.Input, now: float) -> Change | None:
    """Apply an input to the bridge of a call that is up.

    Returns:
        What it made; None when the input is late, or not about the bridge.

    Raises:
        NotBridged, BridgeBusy, AlreadyBridged: a command that cannot be now.
    """
    bridge = call.bridge
    if bridge is None:
        if isinstance(given, i.ConnectCall):
            return connect(call, given.order, now)
        if isinstance(given, i.TransferCall | i.ForwardCall | i.HoldCall):
            raise NotBridged
        return None
    handler = TABLE[bridge.state].get(type(given))
    if handler is not None:
        return handler(call, bridge, given, now)
    if isinstance(given, i.LegInput):
        return _leg(call, bridge, given, now)
    return None


def end(call: Call) -> Change:
    """The call is over, or its end is ordered: all further legs go."""
    bridge = call.bridge
    if bridge is None:
        return call, (), ()
    hangups = tuple(legs.dismiss(leg) for leg in bridge.legs)
    return replace(call, bridge=None), hangups, _told(bridge.bursts)


def _new_leg(call: Call, order: LegOrder, now: float, *, early: bool) -> tuple[Call, Progress]:
    number = call.legs + 1
    made = legs.begin(order, channel_of(call.id, number), now, call.channel, early=early)
    return replace(call, legs=number), made


def _leg(call: Call, bridge: Bridge, given: i.LegInput, now: float) -> Change | None:
    """A fact about one of the further legs."""
    leg = next((leg for leg in bridge.legs if leg.channel == given.channel), None)
    if leg is None:
        return None
    made = legs.advance(leg, given, now, call.channel)
    return _follow(call, bridge, leg, made, now) if made else None


def _follow(call: Call, bridge: Bridge, leg: Leg, made: Progress, now: float) -> Change:
    """What the progress of a leg means for the bridge."""
    if made.left is not None:
        lose = _party_left if leg is bridge.party else _target_left
        call, effects, notices = lose(call, bridge, made.left)
        return call, made.effects + effects, notices
    is_party = leg is bridge.party
    bridge = replace(bridge, party=made.leg) if is_party else replace(bridge, target=made.leg)
    call = replace(call, bridge=bridge)
    notices = (PartyRang(order=leg.order, channel=leg.channel),) if made.rang else ()
    if not made.answered:
        return call, made.effects, notices
    if is_party:
        call = replace(call, bridge=replace(bridge, state=BridgeState.BRIDGED))
        joined = PartyJoined(order=leg.order, channel=leg.channel)
        return call, made.effects, (joined,)
    if bridge.state is BridgeState.FORWARDING:
        return _take_over(call, bridge)
    return call, made.effects, ()  # party and target speak now


def _take_over(call: Call, bridge: Bridge) -> Change:
    """The target of a forward has answered: it takes the party's place."""
    old = bridge.party
    ending = Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION)
    call, effects, notices = _party_left(call, bridge, ending)
    return call, (legs.dismiss(old), *effects), notices


def _party_left(call: Call, bridge: Bridge, ending: Ending) -> Change:
    """The party is gone: with whom is the call joined now?"""
    old, target = bridge.party, bridge.target
    told = _told(bridge.bursts)
    if target is None:
        answered = bridge.state is not BridgeState.CONNECTING
        notice = (PartyLeft if answered else PartyFailed)(
            order=old.order, channel=old.channel, ending=ending
        )
        return replace(call, bridge=None), (), (*told, notice)
    left = PartyLeft(order=old.order, channel=old.channel, ending=ending)
    if target.state is LegState.UP:
        joined = PartyJoined(order=target.order, channel=target.channel)
        return _joined_with(call, bridge, BridgeState.BRIDGED), (), (*told, left, joined)
    return _joined_with(call, bridge, BridgeState.CONNECTING), (), (*told, left)


def _joined_with(call: Call, bridge: Bridge, state: BridgeState) -> Call:
    """The target has become the party."""
    assert bridge.target is not None  # noqa: S101 - callers have looked
    now_joined = replace(
        bridge,
        state=state,
        party=bridge.target,
        target=None,
        held=False,
        tone=state is BridgeState.CONNECTING,
        bursts=(),
    )
    return replace(call, bridge=now_joined)


def _target_left(call: Call, bridge: Bridge, ending: Ending) -> Change:
    """The target is gone before it took the party's place: all is as it was before."""
    assert bridge.target is not None  # noqa: S101 - it is the one that left
    failed = PartyFailed(order=bridge.target.order, channel=bridge.target.channel, ending=ending)
    held = bridge.held and bridge.state is BridgeState.FORWARDING
    back = replace(bridge, state=BridgeState.BRIDGED, target=None, held=held)
    return replace(call, bridge=back), (), (failed,)


def _call_target(
    call: Call, bridge: Bridge, order: LegOrder, state: BridgeState, now: float
) -> Change:
    call, made = _new_leg(call, order, now, early=state is BridgeState.TRANSFERRING)
    bridge = replace(bridge, state=state, target=made.leg)
    return replace(call, bridge=bridge), made.effects, ()


def _transfer(call: Call, bridge: Bridge, given: i.TransferCall, now: float) -> Change:
    return _call_target(call, bridge, given.order, BridgeState.TRANSFERRING, now)


def _forward(call: Call, bridge: Bridge, given: i.ForwardCall, now: float) -> Change:
    return _call_target(call, bridge, given.order, BridgeState.FORWARDING, now)


def _hold(call: Call, bridge: Bridge, given: i.HoldCall, now: float) -> Change | None:
    if bridge.held == given.on:
        return None  # as it is already
    return replace(call, bridge=replace(bridge, held=given.on)), (), ()


def _bridged(call: Call, bridge: Bridge, given: i.Input, now: float) -> None:
    raise AlreadyBridged


def _busy(call: Call, bridge: Bridge, given: i.Input, now: float) -> None:
    raise BridgeBusy


def _not_yet(call: Call, bridge: Bridge, given: i.Input, now: float) -> None:
    raise NotBridged


def _refused(call: Call, bridge: Bridge, given: i.BridgeRefused, now: float) -> Change | None:
    """Asterisk can't join them: the further legs go, the call lives on."""
    if given.bridge != bridge.id:
        return None
    ending = Ending(cause=EndCause.FAILED, by=EndedBy.SYSTEM, detail=given.detail)
    joined = bridge.party if bridge.state is not BridgeState.CONNECTING else None
    endings = tuple(
        (PartyLeft if leg is joined else PartyFailed)(
            order=leg.order, channel=leg.channel, ending=ending
        )
        for leg in reversed(bridge.legs)
    )
    call, effects, told = end(call)
    return call, effects, (*told, *endings)


def _pressed(call: Call, bridge: Bridge, given: i.DigitPressed, now: float) -> Change | None:
    """A key goes to the other side by itself; the application hears of the whole burst."""
    members = {call.channel, *(leg.channel for leg in bridge.legs if leg.state is LegState.UP)}
    if given.channel not in members or given.digit not in DIGITS:
        return None
    before = next((one.digits for one in bridge.bursts if one.channel == given.channel), "")
    others = tuple(one for one in bridge.bursts if one.channel != given.channel)
    ends = given.digit == _BURST_END
    digits = before if ends and before else before + given.digit
    over = ends or len(digits) >= _MOST_KEYS
    burst = Burst(channel=given.channel, digits=digits, deadline=now + BURST_PAUSE)
    waiting = others if over else (*others, burst)
    call = replace(call, bridge=replace(bridge, bursts=waiting))
    return call, (), _told((burst,)) if over else ()


def _deadline(call: Call, bridge: Bridge, given: i.BridgeDeadline, now: float) -> Change | None:
    for leg in bridge.legs:
        if leg.deadline == given.at:
            return _follow(call, bridge, leg, legs.expire(leg), now)
    over = tuple(burst for burst in bridge.bursts if burst.deadline == given.at)
    if not over:
        return None
    waiting = tuple(burst for burst in bridge.bursts if burst.deadline != given.at)
    return replace(call, bridge=replace(bridge, bursts=waiting)), (), _told(over)


def _told(bursts: tuple[Burst, ...]) -> tuple[KeysPressed, ...]:
    return tuple(KeysPressed(channel=burst.channel, digits=burst.digits) for burst in bursts)


_ALWAYS: Mapping[type, Handler] = {i.BridgeRefused: _refused, i.BridgeDeadline: _deadline}
_BUSY: Mapping[type, Handler] = {
    i.ConnectCall: _busy,
    i.TransferCall: _busy,
    i.ForwardCall: _busy,
    i.HoldCall: _busy,
}
TABLE: Mapping[BridgeState, Mapping[type, Handler]] = {
    BridgeState.CONNECTING: {**_ALWAYS, **_BUSY, i.HoldCall: _not_yet},
    BridgeState.BRIDGED: {
        **_ALWAYS,
        i.ConnectCall: _bridged,
        i.TransferCall: _transfer,
        i.ForwardCall: _forward,
        i.HoldCall: _hold,
        i.DigitPressed: _pressed,
    },
    BridgeState.TRANSFERRING: {**_ALWAYS, **_BUSY, i.DigitPressed: _pressed},
    BridgeState.FORWARDING: {**_ALWAYS, **_BUSY, i.DigitPressed: _pressed},
}
LATE = frozenset({(BridgeState.CONNECTING, i.DigitPressed)})  # nobody hears it: the call keeps it
