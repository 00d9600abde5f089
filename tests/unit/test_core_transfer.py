"""Transfer and forward: each way through them, who is told of what, and who stays joined."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.model import BridgeState, Call, EndCause, LegState
from adapter.core.outputs import (
    Hangup,
    KeysPressed,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    Step,
)
from tests.unit.build import NOW, key, run
from tests.unit.joined import (
    BEFORE_UP,
    BRIDGE,
    PARTY,
    TARGET,
    bridge,
    bridged,
    forwarding,
    held,
    leg_deadline,
    leg_gone,
    party_notices,
    target,
    transferring,
    way_of,
)
from tests.unit.parties import leg_order

OLD, NEW = leg_order(1).callee, leg_order(2).callee
Make = Callable[[LegState], Call]
BOTH: dict[str, Make] = {"transfer": transferring, "forward": forwarding}
FAILURES: dict[EndCause, i.Input] = {
    EndCause.BUSY: i.ChannelGone(channel=TARGET, q850=17, sip_code=486),
    EndCause.REJECTED: i.ChannelGone(channel=TARGET, q850=21, sip_code=603),
    EndCause.NO_ANSWER: i.ChannelGone(channel=TARGET, q850=19, sip_code=480),
    EndCause.LOST: i.ChannelGone(channel=TARGET, lost=True),
    EndCause.CONGESTION: i.ChannelRefused(channel=TARGET, cause=EndCause.CONGESTION, detail=""),
}


def hung_up(made: Step) -> list[str]:
    """The channels that a step orders to be hung up."""
    return [one.channel for one in made.effects if isinstance(one, Hangup)]


def is_with_its_party(call: Call) -> bool:
    """Whether everything is as it was before the target was called."""
    return call.bridge == bridge(bridged())


# transfer


def test_an_attended_transfer() -> None:
    """The party speaks with the target and hangs up: the call is joined with the target."""
    call = transferring(LegState.TRYING)
    made = step(call, i.ChannelRinging(channel=TARGET), NOW)
    assert party_notices(made) == [(PartyRang, NEW)]
    made = step(made.call, i.ChannelUp(channel=TARGET), NOW)
    assert (made.notices, bridge(made.call).state) == ((), BridgeState.TRANSFERRING)
    made = step(made.call, leg_gone(bridge(made.call).party), NOW)
    assert party_notices(made) == [(PartyLeft, OLD), (PartyJoined, NEW)]
    joined = bridge(made.call)
    assert (joined.state, joined.id, joined.target) == (BridgeState.BRIDGED, BRIDGE, None)
    assert (joined.party.channel, joined.party.state) == (TARGET, LegState.UP)
    assert hung_up(made) == []


def test_the_target_of_a_transfer_can_be_transferred() -> None:
    """It is a party like any other, and the next leg has a number of its own."""
    call = step(transferring(LegState.UP), leg_gone(bridge(bridged()).party), NOW).call
    call = run(call, i.TransferCall(order=leg_order(3))).call
    assert target(call).channel == f"{call.id}.leg4"
    made = run(call, *way_of(target(call), LegState.UP), leg_gone(bridge(call).party))
    assert party_notices(made) == [(PartyLeft, NEW), (PartyJoined, leg_order(3).callee)]


def test_a_target_that_leaves_before_the_party() -> None:
    """It answered and hung up again: the two are joined as before, and it has failed."""
    call = transferring(LegState.UP)
    made = step(call, leg_gone(target(call)), NOW)
    assert party_notices(made) == [(PartyFailed, NEW)]
    assert is_with_its_party(made.call)


def test_a_transfer_ends_a_hold() -> None:
    """Whatever becomes of it: who is joined again afterwards hears the other."""
    call = transferring(LegState.RINGING, held())
    assert is_with_its_party(step(call, leg_gone(target(call)), NOW).call)
    call = transferring(LegState.UP, held())
    assert not bridge(step(call, leg_gone(bridge(call).party), NOW).call).held


# forward


def test_a_blind_forward() -> None:
    """The party is released as soon as the target answers, and not before."""
    call = forwarding(LegState.TRYING)
    made = step(call, i.ChannelRinging(channel=TARGET), NOW)
    assert (party_notices(made), hung_up(made)) == ([(PartyRang, NEW)], [])
    made = step(made.call, i.ChannelUp(channel=TARGET), NOW)
    assert party_notices(made) == [(PartyLeft, OLD), (PartyJoined, NEW)]
    assert hung_up(made) == [PARTY]
    joined = bridge(made.call)
    assert (joined.state, joined.party.channel, joined.target) == (
        BridgeState.BRIDGED,
        TARGET,
        None,
    )
    late = step(made.call, i.ChannelGone(channel=PARTY, q850=16), NOW)
    assert late.late


def test_a_forward_of_a_held_call() -> None:
    """A forward that fails leaves the hold, one that succeeds ends it."""
    call = forwarding(LegState.RINGING, held())
    failed = step(call, leg_gone(target(call)), NOW)
    assert failed.call.bridge == bridge(held())
    assert not bridge(step(call, i.ChannelUp(channel=TARGET), NOW).call).held


# Both


@pytest.mark.parametrize("make", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("cause", FAILURES)
@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_target_that_cannot_be_had(make: Make, cause: EndCause, state: LegState) -> None:
    """Busy, rejected, lost: told alone, and the call stays joined with its party."""
    made = step(make(state), FAILURES[cause], NOW)
    (failed,) = made.notices
    assert isinstance(failed, PartyFailed)
    assert (failed.order, failed.channel, failed.ending.cause) == (leg_order(2), TARGET, cause)
    assert is_with_its_party(made.call)


@pytest.mark.parametrize("make", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_target_that_does_not_answer(make: Make, state: LegState) -> None:
    """Its deadline: it is hung up, has failed, and nothing that it says later is heard."""
    call = make(state)
    made = step(call, leg_deadline(target(call)), NOW)
    assert party_notices(made) == [(PartyFailed, NEW)]
    assert hung_up(made) == [TARGET]
    assert is_with_its_party(made.call)
    assert step(made.call, i.ChannelUp(channel=TARGET), NOW).late
    assert step(made.call, i.ChannelGone(channel=TARGET), NOW).late


@pytest.mark.parametrize("make", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_party_that_leaves_while_the_target_is_called(make: Make, state: LegState) -> None:
    """The call waits for the target now, as with connect: joined, or failed, or given up."""
    call = make(state)
    made = step(call, leg_gone(bridge(call).party), NOW)
    assert party_notices(made) == [(PartyLeft, OLD)]
    waits = bridge(made.call)
    assert (waits.state, waits.party, waits.target) == (BridgeState.CONNECTING, target(call), None)
    rest = way_of(waits.party, LegState.UP)[BEFORE_UP.index(state) :]
    joined = run(made.call, *rest)
    assert party_notices(joined) == [(PartyJoined, NEW)]
    assert bridge(joined.call).state is BridgeState.BRIDGED
    failed = step(made.call, leg_deadline(waits.party), NOW)
    assert party_notices(failed) == [(PartyFailed, NEW)]
    assert failed.call.bridge is None


@pytest.mark.parametrize("make", BOTH.values(), ids=BOTH)
def test_keys_are_told_before_who_has_left(make: Make) -> None:
    """A burst that waits for its pause comes out in the order in which things happened."""
    call = make(LegState.RINGING)
    call = step(call, key(call, "9"), NOW).call
    made = step(call, leg_gone(bridge(call).party), NOW)
    assert [type(one) for one in made.notices] == [KeysPressed, PartyLeft]
    assert bridge(made.call).bursts == ()


def test_the_target_may_press_keys_once_it_is_up() -> None:
    """It is in the bridge then, before that it is nobody."""
    pressed = i.DigitPressed(channel=TARGET, digit="1")
    assert step(transferring(LegState.RINGING), pressed, NOW).late
    made = run(transferring(LegState.UP), pressed, i.DigitPressed(channel=TARGET, digit="#"))
    assert made.notices == (KeysPressed(channel=TARGET, digits="1"),)
