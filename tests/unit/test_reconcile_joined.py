"""Restart and reconnect of calls that are joined, recorded or listened to: all goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.ids import ChannelId
from adapter.core.layout import layout, listening_now
from adapter.core.model import BridgeState, Call, CallState, Detection, Listen, RecordingState
from adapter.core.resume import ChannelState
from tests.fakes.engine_ports import nothing
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import COLLECT, order, place
from tests.unit.joined import BRIDGE, PARTY, TARGET, bridge
from tests.unit.parties import leg_order, recording_order
from tests.unit.test_reconcile import live, restarted
from tests.unit.wiring import Adapter, adapter

CONNECT = i.ConnectCall(order=leg_order())
TRANSFER = i.TransferCall(order=leg_order(2))
FORWARD = i.ForwardCall(order=leg_order(2))
HOLD = i.HoldCall(on=True)
RECORD = i.StartRecording(order=recording_order())
WORDS = replace(order(), listen=Listen(language="en"))


def agrees(made: Adapter, call: Call) -> bool:
    """Whether Asterisk is as the row says; a silence too much is no harm."""
    where, asterisk = layout(live(made, call)), made.asterisk
    bridges = {where.bridge: set(where.members)} if where.bridge else {}
    extra = {sound for _, sound in asterisk.sounds - where.sounds}
    complete = where.sounds <= asterisk.sounds and extra <= {o.Sound.SILENCE}
    return complete and asterisk.bridged == bridges


async def joined(made: Adapter, *commands: i.Input) -> Call:
    """A call that is joined with a party, and what else is commanded."""
    call = await made.call_up()
    made.engine.apply(call.id, CONNECT)
    await made.settle()
    made.asterisk.picks_up(PARTY)
    await made.settle()
    for command in commands:
        made.engine.apply(call.id, command)
        await made.settle()
    assert agrees(made, call)
    return call


WAYS: dict[str, tuple[i.Input, ...]] = {
    "bridged": (),
    "held": (HOLD,),
    "transferring": (TRANSFER,),
    "transferring held": (HOLD, TRANSFER),
    "forwarding": (FORWARD,),
    "forwarding held": (HOLD, FORWARD),
    "recorded": (RECORD,),
}


def each_way(test: Callable[[Path, tuple[i.Input, ...]], None]) -> Callable[..., None]:
    """The test for each state of a joined call."""
    return pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)(test)


@each_way
def test_a_joined_call_goes_on(tmp_path: Path, way: tuple[i.Input, ...]) -> None:
    """The row is the same, so is Asterisk; nobody is dialled again and nothing is told."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first, *way)
            before, told = first.row(call.id), first.webhooks()
            async with restarted(tmp_path, first) as made:
                assert (live(made, call), made.webhooks()) == (before, told)
                assert agrees(made, call)
                kinds = {type(effect) for effect in made.asterisk.log}
                assert kinds <= {o.StartSound, o.StopSound}
                made.asterisk.hangs_up(call.channel)
                await made.settle()
                assert made.webhooks()[-1] == "CallEnded"
                assert (made.asterisk.bridged, made.asterisk.state) == ({}, {})

    body()


@each_way
def test_asterisk_may_die(tmp_path: Path, way: tuple[i.Input, ...]) -> None:
    """Everything is gone: one end, with the recording before it, and nothing is ordered."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first, *way)
            first.asterisk.dies()
            async with restarted(tmp_path, first) as made:
                assert made.row(call.id).state is CallState.ENDED
                told = ["RecordingOver", "CallEnded"] if RECORD in way else ["CallEnded"]
                assert made.webhooks()[-len(told) :] == told
                assert not made.asterisk.done(o.AddToBridge)
                assert made.asterisk.state == {}

    body()


@each_way
def test_the_caller_hung_up_meanwhile(tmp_path: Path, way: tuple[i.Input, ...]) -> None:
    """The legs that are left are hung up and the bridge goes."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first, *way)
            first.asterisk.hear = nothing
            first.asterisk.hangs_up(call.channel)
            async with restarted(tmp_path, first) as made:
                assert made.row(call.id).state is CallState.ENDED
                assert made.webhooks()[-1] == "CallEnded"
                assert (made.asterisk.state, made.asterisk.bridged) == ({}, {})

    body()


@pytest.mark.parametrize(
    ("commands", "missed", "told"),
    [
        ((), [PARTY], ["PartyLeft"]),
        ((HOLD,), [PARTY], ["PartyLeft"]),
        ((TRANSFER,), [TARGET], ["PartyFailed"]),
        ((FORWARD,), [TARGET], ["PartyFailed"]),
        ((TRANSFER,), [PARTY], ["PartyLeft"]),
        ((FORWARD,), [PARTY], ["PartyLeft"]),
        ((FORWARD,), [PARTY, TARGET], ["PartyLeft", "PartyFailed"]),
    ],
)
def test_others_hung_up_meanwhile(
    tmp_path: Path, commands: tuple[i.Input, ...], missed: list[ChannelId], told: list[str]
) -> None:
    """Each is told once; who is left is where the row says."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first, *commands)
            first.asterisk.hear = nothing
            for channel in missed:
                first.asterisk.hangs_up(channel)
            before = first.webhooks()
            async with restarted(tmp_path, first) as made:
                assert made.webhooks() == [*before, *told]
                assert agrees(made, call)

    body()


@pytest.mark.parametrize(
    ("commands", "told"),
    [((TRANSFER,), []), ((FORWARD,), ["PartyLeft", "PartyJoined"])],
)
def test_the_target_answered_meanwhile(
    tmp_path: Path, commands: tuple[i.Input, ...], told: list[str]
) -> None:
    """A forward is done then, and the party released; a transfer goes on."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first, *commands)
            first.asterisk.hear = nothing
            first.asterisk.picks_up(TARGET)
            before = first.webhooks()
            async with restarted(tmp_path, first) as made:
                assert made.webhooks() == [*before, *told]
                assert agrees(made, call)
                assert (PARTY in made.asterisk.state) == (FORWARD not in commands)

    body()


@pytest.mark.parametrize("stopped", [o.CreateBridge, o.AddToBridge, o.CreateChannel, o.Dial])
def test_killed_while_connecting(tmp_path: Path, stopped: type) -> None:
    """At each order: the party is called once, or has failed; it is never dialled twice."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await first.call_up()
            first.asterisk.gates[stopped] = asyncio.Event()
            first.engine.apply(call.id, CONNECT)
            await first.settle()
            async with restarted(tmp_path, first) as made:
                assert agrees(made, call)
                if stopped is o.Dial:
                    assert made.webhooks()[-1] == "PartyFailed"
                    assert made.asterisk.done(o.Dial) == []
                    assert list(made.asterisk.state) == [call.channel]
                else:
                    (dial,) = made.asterisk.done(o.Dial)
                    assert isinstance(dial, o.Dial)
                    assert (dial.channel, dial.caller) == (PARTY, call.channel)
                    made.asterisk.picks_up(PARTY)
                    await made.settle()
                    assert bridge(live(made, call)).state is BridgeState.BRIDGED
                    assert made.asterisk.bridged == {BRIDGE: {call.channel, PARTY}}

    body()


@pytest.mark.parametrize("stopped", [o.RemoveFromBridge, o.StartSound])
def test_killed_while_holding(tmp_path: Path, stopped: type) -> None:
    """The row says that it is held, so it is after the restart."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await joined(first)
            first.asterisk.gates[stopped] = asyncio.Event()
            first.engine.apply(call.id, HOLD)
            await first.settle()
            async with restarted(tmp_path, first) as made:
                assert agrees(made, call)
                assert (call.channel, o.Sound.MUSIC) in made.asterisk.sounds

    body()


@runs_in_virtual_time
async def test_a_connection_that_was_lost_to_a_reconnect(tmp_path: Path) -> None:
    """Asterisk did not answer when the bridge was to be made: it is made at the reconnect."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.asterisk.down = True
        made.engine.apply(call.id, CONNECT)
        await made.settle()
        made.asterisk.down = False
        await made.reconcile()
        await made.settle()
        assert agrees(made, call)
        dialled = [one.channel for one in made.asterisk.log if isinstance(one, o.Dial)]
        assert dialled == [call.channel, PARTY]


@runs_in_virtual_time
async def test_a_party_that_was_released_is_gone_after_the_restart(tmp_path: Path) -> None:
    """Killed before its hang-up left: nobody hears it in the call any more."""
    async with adapter(tmp_path) as first:
        call = await joined(first, FORWARD)
        first.asterisk.gates[o.Hangup] = asyncio.Event()
        first.asterisk.picks_up(TARGET)
        await first.settle()
        assert PARTY in first.asterisk.state
        async with restarted(tmp_path, first) as made:
            assert PARTY not in made.asterisk.state
            assert agrees(made, call)


# Recording


@runs_in_virtual_time
async def test_a_recording_runs_on(tmp_path: Path) -> None:
    """Asterisk writes it all the same; it is saved at the end, before the end is told."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        first.engine.apply(call.id, RECORD)
        await first.settle()
        async with restarted(tmp_path, first) as made:
            assert agrees(made, call)
            made.asterisk.hangs_up(call.channel)
            await made.settle()
            told = ["CallAnswered", "RecordingBegan", "RecordingOver", "CallEnded"]
            assert made.webhooks() == told
            assert made.row(call.id).recorded == recording_order().id


@pytest.mark.parametrize("ended", [True, False])
def test_killed_while_a_recording_is_saved(tmp_path: Path, ended: bool) -> None:
    """It is saved after the restart, for a call that is over as for one that is up."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await first.call_up()
            first.engine.apply(call.id, RECORD)
            await first.settle()
            first.recorder.gate = asyncio.Event()
            if ended:
                first.asterisk.hangs_up(call.channel)
            else:
                first.engine.apply(call.id, i.StopRecording())
            await first.settle()
            assert first.webhooks() == ["CallAnswered", "RecordingBegan"]
            first.recorder.gate.set()
            async with restarted(tmp_path, first) as made:
                tail = ["RecordingOver", "CallEnded"] if ended else ["RecordingOver"]
                assert made.webhooks()[2:] == tail
                assert made.recorder.saved == [recording_order().id]

    body()


@runs_in_virtual_time
async def test_killed_before_a_recording_began(tmp_path: Path) -> None:
    """The order to begin it is given again."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        first.engine.apply(call.id, RECORD)
        assert first.recorder.running == {}
        async with restarted(tmp_path, first) as made:
            recording = live(made, call).recording
            assert recording is not None
            assert recording.state is RecordingState.RUNNING
            assert made.recorder.running == {recording_order().id: call.channel}


# Listening


@pytest.mark.parametrize("collect", [None, COLLECT])
def test_listening_begins_anew(tmp_path: Path, collect: object) -> None:
    """The old ears are taken away, new ones hear, and their words end the prompt."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            call = await first.call_up()
            wanted = replace(WORDS, collect=COLLECT if collect else None)
            await first.playing(call.id, wanted)
            (old,) = first.asterisk.opened
            async with restarted(tmp_path, first) as made:
                now = listening_now(live(made, call))
                assert made.asterisk.opened == [now]
                assert now != old
                made.ears.begins()
                made.ears.hears("yes")
                await made.settle()
                assert made.webhooks()[-2:] == ["PromptOver", "PromptNoted"]
                assert made.asterisk.opened == []

    body()


# Machine detection


@runs_in_virtual_time
async def test_a_verdict_that_was_lost(tmp_path: Path) -> None:
    """It was told while we were away: after its time the call begins without it."""
    async with adapter(tmp_path) as first:
        call = first.engine.open(place(detection=Detection()))
        await first.settle()
        first.asterisk.picks_up(call.channel)
        await first.settle()
        assert first.row(call.id).state is CallState.JUDGING
        async with restarted(tmp_path, first) as made:
            assert live(made, call).state is CallState.JUDGING
            assert made.asterisk.state == {call.channel: ChannelState.UP}
            await asyncio.sleep(11.0)
            assert (live(made, call).state, made.webhooks()) == (CallState.UP, ["CallAnswered"])
