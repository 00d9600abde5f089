"""Who hears whom: what each row says, and what each transition orders in Asterisk."""

from __future__ import annotations

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import ChannelId, bridge_of, listening_of
from adapter.core.layout import Layout, between, layout, names_of
from adapter.core.model import Call, CallState, EndCause, LegState, Listen, PromptState
from adapter.core.outputs import (
    AddToBridge,
    CreateBridge,
    CreateChannel,
    DestroyBridge,
    Dial,
    Effect,
    Hangup,
    HangupReason,
    Play,
    RemoveFromBridge,
    Sound,
    StartSound,
    StopPlayback,
    StopSound,
)
from tests.unit.build import (
    CALL,
    INBOUND_CHANNEL,
    MEDIUM,
    NOW,
    finished,
    gone,
    inbound,
    inputs_of,
    media_ready,
    offer,
    order,
    playing_now,
    prompt_id,
    prompting,
    run,
    started,
    up,
)
from tests.unit.joined import (
    BEFORE_UP,
    BRIDGE,
    BUSY,
    PARTY,
    TARGET,
    bridge,
    bridged,
    connecting,
    every_bridge,
    forwarding,
    held,
    leg_gone,
    name_of,
    target,
    transferring,
    way_of,
)
from tests.unit.parties import leg_order, recording_order
from tests.unit.switchboard import Switchboard

ME = INBOUND_CHANNEL
EARLY = (LegState.DIALING, LegState.TRYING, LegState.RINGING)
MUSIC, RINGING, SILENCE = Sound.MUSIC, Sound.RINGING, Sound.SILENCE
RECORD = i.StartRecording(order=recording_order())


def joined_by(*members: ChannelId, sounds: dict[ChannelId, Sound] | None = None) -> Layout:
    """These in the first bridge, and what they hear beside it."""
    return Layout(BRIDGE, frozenset(members), frozenset((sounds or {}).items()))


def add(channel: ChannelId) -> AddToBridge:
    return AddToBridge(bridge=BRIDGE, channel=channel)


def remove(channel: ChannelId) -> RemoveFromBridge:
    return RemoveFromBridge(bridge=BRIDGE, channel=channel)


def begin(sound: Sound, channel: ChannelId = ME) -> StartSound:
    return StartSound(channel=channel, sound=sound)


def cease(sound: Sound, channel: ChannelId = ME) -> StopSound:
    return StopSound(channel=channel, sound=sound)


def hang_up(channel: ChannelId) -> Hangup:
    return Hangup(channel=channel, reason=HangupReason.NORMAL)


def left(call: Call) -> Call:
    """The call when its party has left."""
    return step(call, leg_gone(bridge(call).party), NOW).call


# What rows say


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (inbound(CallState.UP), Layout()),
        (connecting(LegState.PLACING), joined_by(ME)),
        *[(connecting(state), joined_by(ME, PARTY)) for state in (*EARLY, LegState.UP)],
        (held(), joined_by(PARTY, sounds={ME: MUSIC, PARTY: SILENCE})),
        (transferring(LegState.PLACING), joined_by(PARTY, sounds={ME: MUSIC})),
        *[
            (transferring(state, call), joined_by(PARTY, TARGET, sounds={ME: MUSIC}))
            for state in (*EARLY, LegState.UP)
            for call in (bridged(), held())
        ],
        *[(forwarding(state), joined_by(ME, PARTY)) for state in BEFORE_UP],
        *[
            (forwarding(state, held()), joined_by(PARTY, sounds={ME: MUSIC, PARTY: SILENCE}))
            for state in BEFORE_UP
        ],
        (left(transferring(LegState.PLACING)), joined_by(ME, sounds={ME: RINGING})),
        *[
            (left(transferring(state)), joined_by(ME, TARGET, sounds={ME: RINGING}))
            for state in EARLY
        ],
        (left(transferring(LegState.UP)), joined_by(ME, TARGET)),
        *[(left(forwarding(state)), joined_by(ME, sounds={ME: RINGING})) for state in BEFORE_UP],
        (left(forwarding(LegState.RINGING, held())), joined_by(ME, sounds={ME: RINGING})),
        (step(bridged(), i.EndCall(), NOW).call, Layout()),
        (step(bridged(), gone(bridged()), NOW).call, Layout()),
    ],
)
def test_where_everybody_is(call: Call, where: Layout) -> None:
    """Each state of the bridge and of its legs: who is in it, and who hears what instead."""
    assert layout(call) == where


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_a_recording_changes_nothing_in_a_bridge(call: Call) -> None:
    """There somebody always sends something."""
    assert layout(run(call, RECORD).call) == layout(call)


def test_names_of_what_is_the_calls() -> None:
    """Its channel, its legs and its bridge; what listens for its prompt; nothing else."""
    assert names_of(transferring()) == {ME, PARTY, TARGET, BRIDGE}
    wanted = order(collect=None)
    call = prompting_to_listen(wanted.id)
    listening = listening_of(CALL, wanted.id, 0)
    parts = {f"{listening}.snoop", f"{listening}.audio", f"{listening}.listen"}
    assert names_of(call) == {ME, *parts}


def prompting_to_listen(prompt: str) -> Call:
    """A call that plays a prompt and listens."""
    wanted = order()
    listens = i.StartPrompt(
        order=type(wanted)(id=wanted.id, phrases=wanted.phrases, listen=Listen(language="en")),
        media=(MEDIUM,),
    )
    assert wanted.id == prompt
    return run(inbound(CallState.UP), listens).call


# What transitions order


def moved(call: Call, *given: i.Input) -> tuple[Effect, ...]:
    """The effects of the last of these inputs."""
    return run(call, *given).effects


def test_connect_orders() -> None:
    """A bridge, the caller in it, a channel; the party is put in before it is dialled."""
    create, put, channel = moved(inbound(CallState.UP), i.ConnectCall(order=leg_order()))
    assert (create, put) == (CreateBridge(bridge=BRIDGE), add(ME))
    assert isinstance(channel, CreateChannel)
    put, dial = moved(connecting(), i.ChannelReady(channel=PARTY))
    assert put == add(PARTY)
    assert isinstance(dial, Dial)
    assert dial.caller == ME
    assert moved(connecting(LegState.RINGING), i.ChannelUp(channel=PARTY)) == ()


@pytest.mark.parametrize("state", [PromptState.STARTING, PromptState.PLAYING])
def test_connect_orders_while_something_plays(state: PromptState) -> None:
    """What plays is stopped before all else: Asterisk lets what follows wait for its end."""
    call = prompting(state)
    stop, create, put, _ = moved(call, i.ConnectCall(order=leg_order()))
    assert stop == StopPlayback(playback=playing_now(call))
    assert (create, put) == (CreateBridge(bridge=BRIDGE), add(ME))


def test_the_end_of_a_connection_orders() -> None:
    """The bridge goes; nothing is ordered for the party, which is gone, or told to go."""
    assert moved(bridged(), BUSY) == (DestroyBridge(bridge=BRIDGE),)
    assert moved(held(), BUSY) == (cease(MUSIC), DestroyBridge(bridge=BRIDGE))
    refused = i.BridgeRefused(bridge=BRIDGE, detail="no")
    assert moved(held(), refused) == (
        cease(MUSIC),
        DestroyBridge(bridge=BRIDGE),
        hang_up(PARTY),
    )


def test_hold_orders() -> None:
    """Out of the bridge and then the music; out of the music and then into the bridge."""
    on, off = i.HoldCall(on=True), i.HoldCall(on=False)
    assert moved(bridged(), on) == (remove(ME), begin(SILENCE, PARTY), begin(MUSIC))
    assert moved(held(), off) == (cease(SILENCE, PARTY), cease(MUSIC), add(ME))


def test_transfer_orders() -> None:
    """The caller waits with music; the party hears the target ring; then the two change places."""
    *first, channel, last = moved(bridged(), i.TransferCall(order=leg_order(2)))
    assert (first, last) == ([remove(ME)], begin(MUSIC))
    assert isinstance(channel, CreateChannel)
    put, dial = moved(transferring(), i.ChannelReady(channel=TARGET))
    assert put == add(TARGET)
    assert isinstance(dial, Dial)
    assert moved(transferring(LegState.RINGING), i.ChannelUp(channel=TARGET)) == ()
    over = transferring(LegState.UP)
    assert moved(over, leg_gone(bridge(over).party)) == (cease(MUSIC), add(ME))
    assert moved(over, leg_gone(target(over))) == (cease(MUSIC), add(ME))


def test_transfer_of_a_held_call_orders() -> None:
    """The caller hears music already; the party has somebody to talk to now."""
    stop, channel = moved(held(), i.TransferCall(order=leg_order(2)))
    assert stop == cease(SILENCE, PARTY)
    assert isinstance(channel, CreateChannel)


def test_forward_orders() -> None:
    """The target is dialled outside, is put in when it answers, and the party is hung up."""
    (channel,) = moved(bridged(), i.ForwardCall(order=leg_order(2)))
    assert isinstance(channel, CreateChannel)
    (dial,) = moved(forwarding(), i.ChannelReady(channel=TARGET))
    assert isinstance(dial, Dial)
    assert dial.caller is None
    answered = moved(forwarding(LegState.RINGING), i.ChannelUp(channel=TARGET))
    assert answered == (add(TARGET), hang_up(PARTY))
    held_one = moved(forwarding(LegState.RINGING, held()), i.ChannelUp(channel=TARGET))
    assert held_one == (cease(MUSIC), add(TARGET), add(ME), hang_up(PARTY))


def test_a_caller_who_is_left_alone_with_a_target_that_rings() -> None:
    """It was not there when the target was dialled: a tone, until it answers."""
    call = forwarding(LegState.RINGING)
    assert moved(call, leg_gone(bridge(call).party)) == (begin(RINGING),)
    assert moved(left(call), i.ChannelUp(channel=TARGET)) == (cease(RINGING), add(TARGET))
    call = transferring(LegState.RINGING)
    assert moved(call, leg_gone(bridge(call).party)) == (cease(MUSIC), add(ME), begin(RINGING))
    assert moved(left(call), i.ChannelUp(channel=TARGET)) == (cease(RINGING),)


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_the_end_orders_hang_ups_only(call: Call) -> None:
    """Nothing is moved any more: the channels go, and the bridge after them."""
    effects = moved(call, i.EndCall())
    hung_up = {ME, *(leg.channel for leg in bridge(call).legs)}
    assert {one.channel for one in effects if isinstance(one, Hangup)} == hung_up
    assert [one for one in effects if not isinstance(one, Hangup)] == [DestroyBridge(bridge=BRIDGE)]


def test_silence_keeps_the_clock_of_a_recording() -> None:
    """On when nothing is heard, off for what is played, on again behind it."""
    call = inbound(CallState.UP)
    made = step(call, RECORD, NOW)
    assert made.effects[-1] == begin(SILENCE)
    call = step(made.call, i.StartPrompt(order=order()), NOW).call
    made = run(call, media_ready(call))
    assert [type(one) for one in made.effects] == [StopSound, Play]
    made = run(made.call, started(made.call))
    assert made.effects == ()
    made = run(made.call, finished(made.call))
    assert made.effects == (begin(SILENCE),)
    made = run(made.call, i.ConnectCall(order=leg_order()))
    assert made.effects[:3] == (cease(SILENCE), CreateBridge(bridge=BRIDGE), add(ME))
    made = run(made.call, BUSY)
    assert made.effects == (DestroyBridge(bridge=BRIDGE), begin(SILENCE))


def test_a_stopped_recording_needs_no_silence() -> None:
    """It is off when the recording is over, saved or not."""
    call = run(inbound(CallState.UP), RECORD).call
    lost = i.RecordingLost(recording=recording_order().id, reason="no space")
    assert moved(call, lost) == (cease(SILENCE),)


def test_between_two_layouts() -> None:
    """What is the same is left alone; channels that are gone get no orders, bridges do."""
    before = joined_by(ME, PARTY, sounds={PARTY: SILENCE})
    assert between(before, before, alive=frozenset({ME, PARTY})) == between(
        Layout(), Layout(), alive=frozenset()
    )
    moves = between(before, joined_by(ME), alive=frozenset({ME}))
    assert (moves.first, moves.last) == ((), ())
    moves = between(before, Layout(), alive=frozenset())
    assert (moves.first, moves.last) == ((), (DestroyBridge(bridge=BRIDGE),))
    other = Layout(bridge_of(CALL, 2), frozenset({ME}))
    moves = between(before, other, alive=frozenset({ME, PARTY}))
    second = bridge_of(CALL, 2)
    assert moves.first == (
        cease(SILENCE, PARTY),
        DestroyBridge(bridge=BRIDGE),
        CreateBridge(bridge=second),
        AddToBridge(bridge=second, channel=ME),
    )
    assert moves.last == ()


# Every way


def leg_facts() -> list[i.Input]:
    """What Asterisk may say of two further legs."""
    kinds = (i.ChannelReady, i.ChannelRinging, i.ChannelUp, i.ChannelGone)
    facts: list[i.Input] = [kind(channel=leg) for leg in (PARTY, TARGET) for kind in kinds]
    refused = i.ChannelRefused(channel=TARGET, cause=EndCause.FAILED, detail="no")
    return [*facts, refused, i.HoldCall(on=False)]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_asterisk_is_as_the_row_says_after_each_input(call: Call, recorded: bool) -> None:
    """From each state of a bridge with each input, and one more: no order breaks a rule."""
    if recorded:
        call = run(call, RECORD).call
    for given in inputs_of(call) + leg_facts():
        made = follow(call, Switchboard.of(call), given)
        if made is not None:
            for second in leg_facts():
                board = Switchboard.of(call)
                follow(call, board, given)
                follow(made, board, second)


def follow(call: Call, board: Switchboard, given: i.Input) -> Call | None:
    """Carry out what an input makes, and compare; None when it was refused or late."""
    try:
        made = step(call, given, NOW)
    except CoreError:
        return None
    if made.late:
        return None
    board.hear(given)
    board.carry_out(made.effects)
    assert board.agrees(made.call), given
    return made.call


def test_a_whole_call() -> None:
    """Prompt, connection, hold, transfer, end: the board is as the row says all the way."""
    begin_ = offer(auto_answer=True, on_answer=(order(1),))
    made, board = step(None, begin_, NOW), Switchboard()
    board.hear(begin_)
    call: Call = made.call
    way: list[i.Input] = [up(call), RECORD, i.MediaReady(prompt=prompt_id(1), media=(MEDIUM,))]
    way += [i.ConnectCall(order=leg_order()), *way_of(bridge(connecting()).party, LegState.UP)]
    way += [i.HoldCall(on=True), i.TransferCall(order=leg_order(2))]
    way += [*way_of(target(transferring()), LegState.UP), BUSY, i.HoldCall(on=True), gone(call)]
    for given in way:
        after = follow(call, board, given)
        assert after is not None, given
        call = after
    assert call.state is CallState.CLOSING
    assert board.gone == {ME, PARTY, TARGET}
