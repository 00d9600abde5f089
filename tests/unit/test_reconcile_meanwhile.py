"""Reconnects while things go on: commands between question and answer, effects under way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import AsteriskDown
from adapter.core.ids import ChannelId
from adapter.core.model import Call, CallState
from tests.fakes.engine_ports import SimulatedAsterisk, nothing
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import order, place
from tests.unit.wiring import Adapter, adapter


def live(made: Adapter, call: Call) -> Call:
    """The row, which is the same in the engine and in the database."""
    assert made.engine.live[call.id] == made.row(call.id)
    return made.engine.live[call.id]


@runs_in_virtual_time
async def test_a_row_that_changes_while_we_look_is_looked_at_again(tmp_path: Path) -> None:
    """A command came between question and answer: the answer is not held against the new row."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        looks = []

        def while_looking(channel: ChannelId) -> None:
            looks.append(channel)
            if len(looks) == 1:
                made.engine.apply(call.id, i.StartPrompt(order=order()))

        made.asterisk.on_look = while_looking
        await made.reconcile()
        await made.settle()
        assert len(looks) == 2
        assert len(made.asterisk.done(o.Play)) == 1
        assert made.webhooks() == ["CallAnswered"]
        assert live(made, call).prompt is not None


@runs_in_virtual_time
async def test_a_call_that_ends_while_we_look_is_not_placed_again(tmp_path: Path) -> None:
    """A command came in between: what was seen before it is not held against the new row."""
    async with adapter(tmp_path) as made:
        call = made.engine.open(place())
        made.asterisk.down = True
        await made.settle()
        made.asterisk.down = False
        looks = []

        def while_looking(channel: ChannelId) -> None:
            looks.append(channel)
            if len(looks) == 1:
                made.engine.apply(call.id, i.EndCall())

        made.asterisk.on_look = while_looking
        made.asterisk.hear = nothing
        await made.reconcile()
        await made.settle()
        assert len(looks) == 1  # its own hang-up found the channel gone: nothing more to judge
        assert made.asterisk.done(o.CreateChannel) == []
        assert made.row(call.id).state is CallState.ENDED
        assert made.webhooks() == ["CallEnded"]


@runs_in_virtual_time
async def test_a_command_under_way_is_waited_for(tmp_path: Path) -> None:
    """A channel that is being created is not created a second time."""
    async with adapter(tmp_path) as made:
        gate = made.asterisk.gates[o.CreateChannel] = asyncio.Event()
        call = made.engine.open(place())
        await made.settle()
        asyncio.get_running_loop().call_later(1.0, gate.set)
        await made.reconcile()
        await made.settle()
        assert len(made.asterisk.done(o.CreateChannel)) == 1
        assert len(made.asterisk.done(o.Dial)) == 1
        assert live(made, call).state is CallState.TRYING


@runs_in_virtual_time
async def test_speech_under_way_is_not_begun_again(tmp_path: Path) -> None:
    """A reconnect in the middle of a rendering: it goes on."""
    async with adapter(tmp_path) as made:
        made.speech.gate = asyncio.Event()
        call = await made.call_up()
        made.engine.apply(call.id, i.StartPrompt(order=order()))
        await made.settle()
        await made.reconcile()
        made.speech.gate.set()
        await made.settle()
        assert made.speech.asked == ["hello"]
        assert len(made.asterisk.done(o.Play)) == 1


@runs_in_virtual_time
async def test_a_hang_up_is_repeated_though_speech_is_under_way(tmp_path: Path) -> None:
    """The hang-up got no answer; at the reconnect it goes out, rendering or not."""
    async with adapter(tmp_path) as made:
        made.speech.gate = asyncio.Event()
        call = await made.call_up()
        made.engine.apply(call.id, i.StartPrompt(order=order()))
        made.asterisk.down = True
        made.engine.apply(call.id, i.EndCall())
        await made.settle()
        made.asterisk.down = False
        await made.reconcile()
        await made.settle()
        assert made.row(call.id).state is CallState.ENDED


@runs_in_virtual_time
async def test_asterisk_that_goes_away_again_is_told_as_such(tmp_path: Path) -> None:
    """AsteriskDown, bare, with calls or without; no call is ended for it."""
    asterisk = SimulatedAsterisk()
    async with adapter(tmp_path, asterisk) as made:
        asterisk.down = True
        with pytest.raises(AsteriskDown):
            await made.reconcile()
        asterisk.down = False
        await made.reconcile()
        calls = [await made.call_up(number) for number in range(1, 20)]
        asterisk.down = True
        with pytest.raises(AsteriskDown):
            await made.reconcile()
        assert {call.id: call for call in calls} == dict(made.engine.live)
        asterisk.down = False
        await made.reconcile()
        assert len(made.engine.live) == 19
