"""A joined call after a restart: wherever it was killed, everybody comes where they belong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import ChannelId
from adapter.core.layout import layout, names_of
from adapter.core.model import Call, CallState, EndCause, LegState
from adapter.core.outputs import (
    AddToBridge,
    CreateBridge,
    CreateChannel,
    Effect,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    RemoveFromBridge,
    Sound,
    StartSound,
    Step,
    StopSound,
)
from adapter.core.resume import ChannelState, Seen, rebuild, rejoin, resume
from tests.unit.build import INBOUND_CHANNEL, NOW, inbound, inputs_of, run
from tests.unit.joined import (
    BRIDGE,
    PARTY,
    TARGET,
    bridge,
    bridged,
    connecting,
    every_bridge,
    forwarding,
    held,
    name_of,
    party_notices,
    target,
    transferring,
)
from tests.unit.parties import leg_order, recording_order
from tests.unit.switchboard import Switchboard

DOWN, RINGING, UP = ChannelState.DOWN, ChannelState.RINGING, ChannelState.UP
ME = INBOUND_CHANNEL
PARTY_NAME, TARGET_NAME = leg_order(1).callee, leg_order(2).callee
RECORD = i.StartRecording(order=recording_order())
AS_IT_IS = {
    LegState.PLACING: DOWN,
    LegState.DIALING: RINGING,
    LegState.TRYING: DOWN,
    LegState.RINGING: RINGING,
    LegState.UP: UP,
}


def seen_of(call: Call, board: Switchboard, **others: ChannelState | None) -> Seen:
    """What Asterisk says; `others` is what the legs did meanwhile, by PARTY or TARGET."""
    legs: dict[ChannelId, ChannelState | None] = {}
    for leg in call.further_legs:
        state: ChannelState | None = AS_IT_IS[leg.state]
        if leg.state is LegState.DIALING and leg.channel not in board.dialled:
            state = DOWN
        legs[leg.channel] = state if leg.channel in board.channels else None
    names = {"party": PARTY, "target": TARGET}
    legs |= {names[name]: state for name, state in others.items()}
    wanted = layout(call).bridge
    members = board.bridges.get(wanted) if wanted else None
    here = UP if call.channel in board.channels else None
    return Seen(here, legs=legs, members=None if members is None else frozenset(members))


def recover(call: Call, board: Switchboard, seen: Seen) -> tuple[Call, list[Step]]:
    """As `adapter.engine.reconcile` does it; the row afterwards, and what was made of the facts."""
    recovery, now, steps = resume(call, seen), call, []
    board.again = True
    board.carry_out(rebuild(call, seen))
    for fact in recovery.facts:
        board.hear(fact)
        steps.append(step(now, fact, NOW))
        now = steps[-1].call
        board.carry_out(steps[-1].effects)
    board.carry_out(recovery.effects)
    board.carry_out(rejoin(call, now, seen))
    for stranger in board.channels - names_of(now):
        board.hear(i.ChannelGone(channel=stranger))
    for left in [one for one in board.bridges if one not in names_of(now)]:
        del board.bridges[left]
    return now, steps


def chances() -> list[i.Input]:
    """What may have been the last input before we were killed."""
    kinds = (i.ChannelReady, i.ChannelUp, i.ChannelGone)
    facts: list[i.Input] = [kind(channel=leg) for leg in (PARTY, TARGET) for kind in kinds]
    return [*facts, i.HoldCall(on=False)]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    "call", [inbound(CallState.UP), *every_bridge()], ids=lambda c: name_of(c) if c.bridge else "up"
)
def test_killed_between_any_two_orders(call: Call, recorded: bool) -> None:
    """Whatever of a step's orders reached Asterisk: after the restart all is as the row says."""
    if recorded:
        call = run(call, RECORD).call
    for given in inputs_of(call) + chances():
        try:
            made = step(call, given, NOW)
        except CoreError:
            continue
        if made.late or made.call.state is not CallState.UP:
            continue
        for sent in range(len(made.effects) + 1):
            board = Switchboard.of(call)
            board.hear(given)
            board.carry_out(made.effects[:sent])
            now, _ = recover(made.call, board, seen_of(made.call, board))
            if not now.bridges:  # a silence too much costs packets, and nobody hears it
                board.sounds &= layout(now).sounds
            assert board.agrees(now), (given, made.effects[:sent])


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_nothing_has_happened(call: Call) -> None:
    """What is as it should be gets no fact but a leg's ringing, and is moved by no order."""
    board = Switchboard.of(call)
    seen = seen_of(call, board)
    moves = (*rebuild(call, seen), *rejoin(call, call, seen))
    assert not [one for one in moves if not isinstance(one, StartSound | StopSound)]
    kinds = {type(fact) for fact in resume(call, seen).facts}
    assert kinds <= {i.ChannelReady, i.ChannelRinging}


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
@pytest.mark.parametrize("party", [None, UP])
@pytest.mark.parametrize("other", [None, UP])
def test_legs_that_have_come_or_gone_meanwhile(
    call: Call, party: ChannelState | None, other: ChannelState | None
) -> None:
    """Each with each: every leg that is gone has its ending, and the rest is where it belongs."""
    board = Switchboard.of(call)
    legs = [bridge(call).party, *([target(call)] if bridge(call).target else [])]
    states = dict(zip((leg.channel for leg in legs), (party, other), strict=False))
    for channel, state in states.items():
        if state is None:
            board.hear(i.ChannelGone(channel=channel))
            board.used.discard(channel)  # one that was never made is made again
    seen = replace(seen_of(call, board), legs=states)
    now, steps = recover(call, board, seen)
    assert board.agrees(now)
    told = [one for made in steps for one in party_notices(made)]
    for leg in legs:
        endings = [kind for kind, who in told if who == leg.order.callee and kind in ENDINGS]
        lost = states[leg.channel] is None and leg.state is not LegState.PLACING
        released = now.bridge is None or leg.channel not in names_of(now)
        assert len(endings) == (lost or released)


ENDINGS = (PartyLeft, PartyFailed)


@pytest.mark.parametrize(
    ("call", "seen", "told"),
    [
        (connecting(LegState.TRYING), {"party": UP}, [(PartyJoined, PARTY_NAME)]),
        (connecting(LegState.TRYING), {"party": RINGING}, [(PartyRang, PARTY_NAME)]),
        (connecting(LegState.DIALING), {"party": DOWN}, [(PartyFailed, PARTY_NAME)]),
        (connecting(LegState.RINGING), {"party": None}, [(PartyFailed, PARTY_NAME)]),
        (bridged(), {"party": None}, [(PartyLeft, PARTY_NAME)]),
        (held(), {"party": None}, [(PartyLeft, PARTY_NAME)]),
        (transferring(LegState.RINGING), {"target": UP}, []),
        (transferring(LegState.RINGING), {"target": None}, [(PartyFailed, TARGET_NAME)]),
        (transferring(LegState.RINGING), {"party": None}, [(PartyLeft, PARTY_NAME)]),
        (
            transferring(LegState.UP),
            {"party": None},
            [(PartyLeft, PARTY_NAME), (PartyJoined, TARGET_NAME)],
        ),
        (
            forwarding(LegState.RINGING),
            {"target": UP},
            [(PartyLeft, PARTY_NAME), (PartyJoined, TARGET_NAME)],
        ),
        (
            forwarding(LegState.RINGING),
            {"party": None, "target": None},
            [(PartyLeft, PARTY_NAME), (PartyFailed, TARGET_NAME)],
        ),
    ],
)
def test_what_is_told_of_the_gap(
    call: Call, seen: dict[str, ChannelState | None], told: list[tuple[type, str]]
) -> None:
    """As if it had been heard when it happened."""
    board = Switchboard.of(call)
    names = {"party": PARTY, "target": TARGET}
    for name, state in seen.items():
        if state is None:
            board.hear(i.ChannelGone(channel=names[name]))
    _, steps = recover(call, board, seen_of(call, board, **seen))
    assert [one for made in steps for one in party_notices(made)] == told


def test_a_leg_that_was_never_made_is_made() -> None:
    """Its channel's id makes that safe; one that may have been dialled is not dialled again."""
    call = connecting(LegState.PLACING)
    seen = Seen(UP, legs={PARTY: None}, members=frozenset({ME}))
    (create,) = resume(call, seen).effects
    assert isinstance(create, CreateChannel)
    assert create.channel == PARTY
    call = connecting(LegState.DIALING)
    seen = Seen(UP, legs={PARTY: DOWN}, members=frozenset({ME, PARTY}))
    (refused,) = resume(call, seen).facts
    assert isinstance(refused, i.ChannelRefused)
    assert refused.cause is EndCause.LOST


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_a_bridge_that_asterisk_does_not_have(call: Call) -> None:
    """Its creation was lost: it is made before anybody is put into it."""
    board = Switchboard.of(call)
    board.bridges.clear()
    board.used.discard(BRIDGE)
    seen = seen_of(call, board)
    assert rebuild(call, seen) == (CreateBridge(bridge=BRIDGE),)
    now, _ = recover(call, board, seen)
    assert board.agrees(now)


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_a_call_whose_own_channel_is_gone(call: Call) -> None:
    """It has ended; no bridge is made for it and nobody is moved."""
    seen = Seen(None, legs={PARTY: UP, TARGET: UP})
    assert rebuild(call, seen) == ()
    (lost,) = resume(call, seen).facts
    now = step(call, lost, NOW).call
    assert now.state is CallState.ENDED
    assert rejoin(call, now, seen) == ()


def test_hold_that_was_half_done() -> None:
    """The caller is still in the bridge though the row says that it is held, and the other way."""
    both = frozenset({ME, PARTY})
    orders: tuple[Effect, ...] = (
        RemoveFromBridge(bridge=BRIDGE, channel=ME),
        StartSound(channel=PARTY, sound=Sound.SILENCE),
        StartSound(channel=ME, sound=Sound.MUSIC),
    )
    assert set(rejoin(held(), held(), Seen(UP, members=both))) == {*orders}
    moves = rejoin(bridged(), bridged(), Seen(UP, members=frozenset({PARTY})))
    stop = StopSound(channel=ME, sound=Sound.MUSIC)
    add = AddToBridge(bridge=BRIDGE, channel=ME)
    assert moves.index(stop) < moves.index(add)


def test_silence_of_a_recording_is_ordered_again() -> None:
    """It can't be seen, and without it the recording would have no time."""
    call = run(inbound(CallState.UP), RECORD).call
    silence = StartSound(channel=ME, sound=Sound.SILENCE)
    assert rejoin(call, call, Seen(UP)) == (silence,)
    assert rejoin(inbound(CallState.UP), inbound(CallState.UP), Seen(UP)) == ()


def test_a_bridge_that_came_meanwhile_is_not_made_twice() -> None:
    """The facts have made it: their own orders are enough."""
    assert rejoin(inbound(CallState.UP), connecting(), Seen(UP)) == ()
    assert rejoin(bridged(), inbound(CallState.UP), Seen(UP)) == ()
