"""Facts find their call, arrivals find their tenant, and what is nobody's is turned away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.ids import ChannelId, PlaybackId, playback_of
from adapter.core.model import CallState, Direction, EndCause
from adapter.core.orders import effects_in_force
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import call_id, order, prompt_id
from tests.unit.wiring import adapter, arrival


@runs_in_virtual_time
async def test_an_arrival_becomes_a_call(tmp_path: Path) -> None:
    """Reception says whose it is; the call is written and told."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        assert (call.direction, call.state) == (Direction.INBOUND, CallState.OFFERED)
        assert (call.caller, call.callee, call.owner) == ("+4922", "+4911", "tenant")
        assert made.webhooks() == ["CallOffered"]


@runs_in_virtual_time
async def test_a_call_that_nobody_answers_at_once_rings(tmp_path: Path) -> None:
    """A fifth of a second later, and once, although a reconnect orders it again meanwhile."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        await asyncio.sleep(0.19)
        made.engine.effects.run(call.id, effects_in_force(call))
        assert made.asterisk.log == []
        assert made.engine.effects.idle(call.id)
        await asyncio.sleep(1.0)
        assert made.asterisk.log == [o.Ring(channel=call.channel)]


@runs_in_virtual_time
async def test_a_call_that_is_answered_at_once_does_not_ring(tmp_path: Path) -> None:
    """The order is dropped when the row does not say any more that the call is offered."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        await asyncio.sleep(0.19)
        made.engine.apply(call.id, i.AcceptCall())
        await asyncio.sleep(1.0)
        assert made.asterisk.log == [o.Answer(channel=call.channel)]


@runs_in_virtual_time
async def test_an_arrival_is_taken_once(tmp_path: Path) -> None:
    """Found by the reconciliation and told by a held event: one call."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        made.routing.take(arrival())
        await made.settle()
        assert list(made.engine.live) == [call.id]
        assert made.webhooks() == ["CallOffered"]


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (EndCause.NOT_FOUND, o.HangupReason.UNALLOCATED),
        (EndCause.REJECTED, o.HangupReason.REJECTED),
        (EndCause.CONGESTION, o.HangupReason.CONGESTION),
        (EndCause.FAILED, o.HangupReason.FAILURE),
    ],
)
def test_a_call_for_nobody_is_turned_away(
    tmp_path: Path, cause: EndCause, told: o.HangupReason
) -> None:
    """It hears why, it is counted, and nothing is written."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as made:
            made.desk.reason = cause
            made.asterisk.arrives(arrival())
            await made.settle()
            assert made.asterisk.log == [o.Hangup(channel=arrival().channel, reason=told)]
            assert made.counter.away == [(arrival(), told)]
            assert (made.engine.live, made.store.recent(9)) == ({}, [])

    body()


@runs_in_virtual_time
async def test_a_call_that_cannot_be_written_is_turned_away(tmp_path: Path) -> None:
    """The database is full: the caller hears congestion, the process goes on."""
    async with adapter(tmp_path) as made:
        made.connection.execute("PRAGMA query_only = ON")
        made.asterisk.arrives(arrival())
        await made.settle()
        assert made.counter.away == [(arrival(), o.HangupReason.CONGESTION)]
        assert [type(effect) for effect in made.asterisk.log] == [o.Hangup]
        assert (made.failures, made.engine.live) == ([], {})


@runs_in_virtual_time
async def test_facts_about_a_channel_go_to_its_call(tmp_path: Path) -> None:
    """Two calls are up; one hangs up."""
    async with adapter(tmp_path) as made:
        one, two = await made.call_up(1), await made.call_up(2)
        made.routing.take(i.ChannelGone(channel=two.channel, q850=16))
        assert list(made.engine.live) == [one.id]


@runs_in_virtual_time
async def test_facts_about_a_playback_go_to_its_call(tmp_path: Path) -> None:
    """The id of a playback contains its call's."""
    async with adapter(tmp_path) as made:
        one, two = await made.call_up(1), await made.call_up(2)
        await made.playing(one.id, order(1))
        await made.playing(two.id, order(2))
        made.routing.take(i.PlaybackFinished(playback=playback_of(two.id, prompt_id(2))))
        assert made.engine.live[one.id].prompt is not None
        assert made.engine.live[two.id].prompt is None


@runs_in_virtual_time
async def test_facts_of_nobody_are_dropped(tmp_path: Path) -> None:
    """A channel or playback that is not ours, or whose call is over, reaches no call."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        steps = len(made.counter.steps)
        for fact in (
            i.ChannelUp(channel=ChannelId("asterisk-9.9")),
            i.ChannelGone(channel=call.channel),
            i.PlaybackFinished(playback=PlaybackId("somebody-else-s")),
            i.PlaybackFinished(playback=playback_of(call.id, prompt_id(1))),
            i.PlaybackFinished(playback=playback_of(call_id(99), prompt_id(1))),
            i.Resumed(),
        ):
            made.routing.take(fact)
        assert len(made.counter.steps) == steps


@runs_in_virtual_time
async def test_the_same_channel_name_after_the_end_is_a_new_call(tmp_path: Path) -> None:
    """An ended call lets go of its channel."""
    async with adapter(tmp_path) as made:
        first = await made.offered()
        made.asterisk.hangs_up(first.channel, 127, 487)
        await made.settle()
        second = await made.offered()
        assert second.id != first.id
        assert made.webhooks() == ["CallOffered", "CallEnded", "CallOffered"]
