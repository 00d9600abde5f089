"""Channels and bridges of ours that belong to no call: found by two looks, and removed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import AsteriskDown
from adapter.core.ids import BridgeId, ChannelId, bridge_of, channel_of
from adapter.core.layout import listening_now
from adapter.core.model import Listen
from adapter.core.resume import ChannelState
from adapter.engine.orphans import Orphans
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import call_id, order
from tests.unit.joined import BRIDGE, PARTY
from tests.unit.parties import leg_order
from tests.unit.wiring import Adapter, adapter, arrival

NOBODY = call_id(77)
LEFT = channel_of(NOBODY, 2)
LEFT_BRIDGE = bridge_of(NOBODY, 1)


def orphans(made: Adapter) -> tuple[Orphans, list[str]]:
    """Who looks for them, and what it has counted."""
    counted: list[str] = []
    return Orphans(made.engine, made.asterisk, counted.append), counted


async def sweep(made: Adapter, look: Orphans) -> int:
    """One look, and what comes of it."""
    removed = await look.sweep()
    await made.settle()
    return removed


@runs_in_virtual_time
async def test_two_looks_find_a_channel_and_a_bridge(tmp_path: Path) -> None:
    """The first only suspects; the second removes and counts; then there is nothing left."""
    async with adapter(tmp_path) as made:
        look, counted = orphans(made)
        made.asterisk.state[LEFT] = ChannelState.UP
        made.asterisk.bridged[LEFT_BRIDGE] = {LEFT}
        assert await sweep(made, look) == 0
        assert (made.asterisk.log, counted) == ([], [])
        assert await sweep(made, look) == 2
        assert sorted(counted) == ["bridge", "channel"]
        assert (made.asterisk.state, made.asterisk.bridged) == ({}, {})
        assert await sweep(made, look) == 0
        assert await sweep(made, look) == 0


@runs_in_virtual_time
async def test_what_is_on_its_way_is_none(tmp_path: Path) -> None:
    """Gone at the second look: nothing is removed or counted; back again it is new."""
    async with adapter(tmp_path) as made:
        look, counted = orphans(made)
        made.asterisk.state[LEFT] = ChannelState.UP
        await sweep(made, look)
        del made.asterisk.state[LEFT]
        assert await sweep(made, look) == 0
        made.asterisk.state[LEFT] = ChannelState.UP
        assert await sweep(made, look) == 0
        assert counted == []


@runs_in_virtual_time
async def test_one_that_stays_is_removed_again(tmp_path: Path) -> None:
    """The order was lost: two looks later it is given again."""
    async with adapter(tmp_path) as made:
        look, counted = orphans(made)
        made.asterisk.state[LEFT] = ChannelState.UP
        await sweep(made, look)
        made.asterisk.refusals[o.Hangup] = i.ChannelRinging(channel=LEFT)
        assert await sweep(made, look) == 1
        assert LEFT in made.asterisk.state
        assert [await sweep(made, look) for _ in range(2)] == [0, 1]
        assert (made.asterisk.state, counted) == ({}, ["channel", "channel"])


@runs_in_virtual_time
async def test_what_has_its_place_stays(tmp_path: Path) -> None:
    """Legs and bridge of a joined call, ears of another, an arrival, a stranger's bridge."""
    async with adapter(tmp_path) as made:
        joined, hears = await made.call_up(1), await made.call_up(2)
        made.engine.apply(joined.id, i.ConnectCall(order=leg_order()))
        await made.settle()
        made.asterisk.picks_up(PARTY)
        await made.playing(hears.id, replace(order(2), listen=Listen(language="en")))
        listening = listening_now(made.engine.live[hears.id])
        for part in ("snoop", "audio"):
            made.asterisk.state[ChannelId(f"{listening}.{part}")] = ChannelState.UP
        made.asterisk.bridged[BridgeId(f"{listening}.listen")] = set()
        made.asterisk.bridged[BridgeId("somebody-else")] = set()
        made.asterisk.arrives(arrival(3))
        before = dict(made.asterisk.state), dict(made.asterisk.bridged)
        look, counted = orphans(made)
        assert [await sweep(made, look) for _ in range(3)] == [0, 0, 0]
        assert (made.asterisk.state, made.asterisk.bridged) == before
        assert counted == []
        assert {joined.channel, PARTY} <= made.asterisk.bridged[BRIDGE]


@runs_in_virtual_time
async def test_a_channel_without_a_call_is_one_too(tmp_path: Path) -> None:
    """An answered inbound channel that no call owns; one that has just come in is none."""
    async with adapter(tmp_path) as made:
        look, _ = orphans(made)
        made.asterisk.state[ChannelId("asterisk-7.7")] = ChannelState.UP
        await sweep(made, look)
        assert await sweep(made, look) == 1
        (hangup,) = made.asterisk.log
        assert isinstance(hangup, o.Hangup)
        assert hangup.channel == "asterisk-7.7"


@pytest.mark.parametrize("over", [False, True])
def test_a_snoop_is_none_while_its_call_lives(tmp_path: Path, over: bool) -> None:
    """Told to go, it goes with the next frame of the channel; what else is left is removed."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as made:
            call = await made.call_up()
            snoop = ChannelId(f"{call.id}.{order().id}.listening0.snoop")
            audio = ChannelId(f"{call.id}.{order().id}.listening0.audio")
            made.asterisk.state |= {snoop: ChannelState.UP, audio: ChannelState.UP}
            if over:
                made.asterisk.hangs_up(call.channel)
                await made.settle()
            assert made.engine.owns(snoop) != over
            assert not made.engine.owns(audio)
            look, _ = orphans(made)
            await sweep(made, look)
            assert await sweep(made, look) == 1 + over
            assert (snoop in made.asterisk.state) != over

    body()


@runs_in_virtual_time
async def test_a_leg_that_was_released_has_no_place(tmp_path: Path) -> None:
    """From the order on it is not the call's any more, so it is found if the order was lost."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.engine.apply(call.id, i.ConnectCall(order=leg_order()))
        await made.settle()
        assert made.engine.owns(PARTY)
        assert made.engine.owns(BRIDGE)
        made.asterisk.refusals[o.Hangup] = i.ChannelRinging(channel=PARTY)
        made.engine.tell(call.id, i.BridgeRefused(bridge=BRIDGE, detail="no"))
        await made.settle()
        assert PARTY in made.asterisk.state
        assert not made.engine.owns(PARTY)
        assert not made.engine.owns(BRIDGE)
        look, counted = orphans(made)
        assert [await sweep(made, look) for _ in range(2)] == [0, 1]
        assert (counted, list(made.asterisk.state)) == (["channel"], [call.channel])


@runs_in_virtual_time
async def test_without_an_answer_nothing_is_suspected(tmp_path: Path) -> None:
    """AsteriskDown comes through, and what was seen before still counts."""
    async with adapter(tmp_path) as made:
        look, counted = orphans(made)
        made.asterisk.state[LEFT] = ChannelState.UP
        await look.sweep()
        made.asterisk.down = True
        with pytest.raises(AsteriskDown):
            await look.sweep()
        made.asterisk.down = False
        assert await sweep(made, look) == 1
        assert counted == ["channel"]
        await asyncio.sleep(0)
