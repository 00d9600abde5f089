"""A further leg: its table, its way up, what it orders, and its deadlines."""

from __future__ import annotations

from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.ids import channel_of
from adapter.core.legs import LATE, PLACE_TIMEOUT, TABLE, Progress, advance, begin, dismiss, expire
from adapter.core.model import EndCause, EndedBy, Ending, Leg, LegState
from adapter.core.orders import DIAL_SLACK
from adapter.core.outputs import CreateChannel, Dial, Hangup, HangupReason
from tests.unit.build import CALL, INBOUND_CHANNEL, NOW
from tests.unit.parties import leg_order

LEG = channel_of(CALL, 2)
INPUTS = get_args(i.LegInput)
PAIRS = [(state, given) for state in LegState for given in INPUTS]
REFUSED = i.ChannelRefused(channel=LEG, cause=EndCause.CONGESTION, detail="full")
BEFORE_UP = [state for state in LegState if state is not LegState.UP]


def fact(kind: type) -> i.LegInput:
    """A fact about the leg."""
    given: i.LegInput = REFUSED if kind is i.ChannelRefused else kind(channel=LEG)
    return given


def leg(state: LegState, *, early: bool = True) -> Leg:
    """The leg in a state, come there by the way of the drawing."""
    made = begin(leg_order(), LEG, NOW, INBOUND_CHANNEL, early=early).leg
    for kind in (i.ChannelReady, i.ChannelDialled, i.ChannelRinging, i.ChannelUp):
        if made.state is not state:
            made = on(made, fact(kind)).leg
    return made


def on(made: Leg, given: i.LegInput) -> Progress:
    """What a fact that is heard makes of a leg."""
    progress = advance(made, given, NOW + 1, INBOUND_CHANNEL)
    assert progress is not None
    return progress


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: LegState, given: type) -> None:
    """A state either handles a fact or lists it as late, and does as it says."""
    assert (given in TABLE[state]) != ((state, given) in LATE)
    made = advance(leg(state), fact(given), NOW, INBOUND_CHANNEL)
    assert (made is None) == ((state, given) in LATE)


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(LegState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


def test_it_is_made_for_the_call() -> None:
    """Its channel is created as its order says, for the call's own channel, within a time."""
    made = begin(leg_order(), LEG, NOW, INBOUND_CHANNEL, early=True)
    create = CreateChannel(
        channel=LEG,
        endpoint="PJSIP/+4931@trunk",
        caller_number="+4911",
        caller_name="",
        originator=INBOUND_CHANNEL,
    )
    assert made == Progress(made.leg, (create,))
    assert (made.leg.state, made.leg.deadline) == (LegState.PLACING, NOW + PLACE_TIMEOUT)


@pytest.mark.parametrize("early", [True, False])
def test_it_is_dialled_when_it_is_ready(early: bool) -> None:
    """The ring time begins; who waits in the bridge hears it ring, who does not, does not."""
    made = on(leg(LegState.PLACING, early=early), fact(i.ChannelReady))
    caller = INBOUND_CHANNEL if early else None
    assert made.effects == (Dial(channel=LEG, timeout=30.0 + DIAL_SLACK, caller=caller),)
    assert (made.leg.state, made.leg.deadline) == (LegState.DIALING, NOW + 1 + 30.0)


def test_it_goes_up() -> None:
    """It says once that it rings and once that it is answered; then it waits for nothing."""
    made = on(leg(LegState.TRYING), fact(i.ChannelRinging))
    assert (made.rang, made.answered, made.left) == (True, False, None)
    made = on(made.leg, fact(i.ChannelUp))
    assert (made.rang, made.answered, made.left) == (False, True, None)
    assert (made.leg.state, made.leg.deadline) == (LegState.UP, None)


@pytest.mark.parametrize("state", BEFORE_UP)
def test_it_is_given_up_in_time(state: LegState) -> None:
    """Made too late is a failure, answered too late is no answer; its channel is ended."""
    made = expire(leg(state))
    cause = EndCause.FAILED if state is LegState.PLACING else EndCause.NO_ANSWER
    assert made.left == Ending(cause=cause, by=EndedBy.SYSTEM, detail=f"deadline in {state}")
    assert made.effects == (Hangup(channel=LEG, reason=HangupReason.NORMAL),)


@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_refusal_ends_it(state: LegState) -> None:
    """With Asterisk's reason; a channel that may be there all the same is ended."""
    made = on(leg(state), REFUSED)
    assert made.left == Ending(cause=EndCause.CONGESTION, by=EndedBy.SYSTEM, detail="full")
    assert made.effects == (dismiss(leg(state)),)


def test_how_it_went_away_is_read_from_its_codes() -> None:
    """Before the answer the SIP status counts; afterwards it was a hang-up."""
    busy = i.ChannelGone(channel=LEG, q850=17, sip_code=486)
    left = on(leg(LegState.RINGING), busy).left
    assert left == Ending(cause=EndCause.BUSY, by=EndedBy.CALLEE, q850=17, sip_code=486)
    left = on(leg(LegState.UP), i.ChannelGone(channel=LEG, q850=16)).left
    assert left == Ending(cause=EndCause.HANGUP, by=EndedBy.CALLEE, q850=16)
    assert on(leg(LegState.UP), i.ChannelGone(channel=LEG)).effects == ()
