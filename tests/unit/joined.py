"""Calls that are joined with further parties, for the unit tests: built through `step` itself."""

from __future__ import annotations

from adapter.core import inputs as i
from adapter.core.ids import bridge_of, channel_of
from adapter.core.model import Bridge, BridgeState, Call, CallState, Leg, LegState
from adapter.core.outputs import Notice, PartyFailed, PartyJoined, PartyLeft, PartyRang, Step
from tests.unit.build import CALL, inbound, run
from tests.unit.parties import leg_order

BRIDGE = bridge_of(CALL, 1)
PARTY = channel_of(CALL, 2)
TARGET = channel_of(CALL, 3)
BUSY = i.ChannelGone(channel=PARTY, q850=17, sip_code=486)
WAYS_UP: dict[LegState, tuple[type, ...]] = {
    LegState.PLACING: (),
    LegState.DIALING: (i.ChannelReady,),
    LegState.TRYING: (i.ChannelReady, i.ChannelDialled),
    LegState.RINGING: (i.ChannelReady, i.ChannelDialled, i.ChannelRinging),
    LegState.UP: (i.ChannelReady, i.ChannelDialled, i.ChannelRinging, i.ChannelUp),
}


def bridge(call: Call) -> Bridge:
    """What joins the call with others."""
    assert call.bridge is not None
    return call.bridge


def target(call: Call) -> Leg:
    """Whom a transfer or a forward calls."""
    leg = bridge(call).target
    assert leg is not None
    return leg


def way_of(leg: Leg, state: LegState) -> list[i.Input]:
    """The facts that bring a leg that was just ordered to a state."""
    return [kind(channel=leg.channel) for kind in WAYS_UP[state]]


def connecting(state: LegState = LegState.PLACING, call: Call | None = None) -> Call:
    """A call that is up while its party is called, with the party's leg in a state."""
    call = run(call or inbound(CallState.UP), i.ConnectCall(order=leg_order())).call
    way = way_of(bridge(call).party, state)
    return run(call, *way).call if way else call


def bridged(call: Call | None = None) -> Call:
    """A call that is joined with a party."""
    call = connecting(LegState.UP, call)
    assert bridge(call).state is BridgeState.BRIDGED
    return call


def held(call: Call | None = None) -> Call:
    """A joined call on hold."""
    return run(call or bridged(), i.HoldCall(on=True)).call


def transferring(state: LegState = LegState.PLACING, call: Call | None = None) -> Call:
    """A call whose party consults a target, with the target's leg in a state."""
    return _calling(i.TransferCall(order=leg_order(2)), state, call)


def forwarding(state: LegState = LegState.PLACING, call: Call | None = None) -> Call:
    """A call whose party is to be replaced by a target, with the target's leg in a state."""
    return _calling(i.ForwardCall(order=leg_order(2)), state, call)


def _calling(given: i.Input, state: LegState, call: Call | None) -> Call:
    call = run(call or bridged(), given).call
    way = way_of(target(call), state)
    return run(call, *way).call if way else call


def leg_gone(leg: Leg, q850: int | None = 16, sip_code: int | None = None) -> i.ChannelGone:
    """A further leg is gone."""
    return i.ChannelGone(channel=leg.channel, q850=q850, sip_code=sip_code)


def leg_deadline(leg: Leg) -> i.BridgeDeadline:
    """The deadline of a further leg passes."""
    assert leg.deadline is not None
    return i.BridgeDeadline(at=leg.deadline)


BEFORE_UP = (LegState.PLACING, LegState.DIALING, LegState.TRYING, LegState.RINGING)


def every_bridge() -> list[Call]:
    """One call in each state of a bridge, with each state that its legs can be in there."""
    calls = [connecting(state) for state in BEFORE_UP] + [bridged(), held()]
    calls += [transferring(state) for state in LegState]
    calls += [forwarding(state) for state in BEFORE_UP]
    calls += [forwarding(state, held()) for state in BEFORE_UP]
    left = [make(state) for make in (transferring, forwarding) for state in BEFORE_UP]
    return calls + [run(call, leg_gone(bridge(call).party)).call for call in left]


def name_of(call: Call) -> str:
    """A call of `every_bridge`, as the name of a test."""
    joined = bridge(call)
    parts = [str(joined.state), *(str(leg.state) for leg in joined.legs)]
    flags = [name for name in ("held", "tone") if getattr(joined, name)]
    return "-".join(parts + flags)


def party_notices(made: Step) -> list[tuple[type[Notice], str]]:
    """What was told of parties: which notice, about whom."""
    kinds = PartyRang | PartyJoined | PartyLeft | PartyFailed
    return [(type(one), one.order.callee) for one in made.notices if isinstance(one, kinds)]
