"""Restart and reconnect: a new engine on the same database, before the same Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.ids import ChannelId, channel_of, playback_of
from adapter.core.model import Call, CallState, EndCause, PromptState
from adapter.core.resume import ChannelState
from tests.fakes.engine_ports import nothing
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import COLLECT, call_id, order, place, prompt_id
from tests.unit.wiring import Adapter, adapter, arrival

PLAYBACK = playback_of(call_id(1), prompt_id(1))


@asynccontextmanager
async def restarted(folder: Path, killed: Adapter) -> AsyncIterator[Adapter]:
    """The adapter after `kill -9` and a start, reconciled, with all settled."""
    await killed.stop()
    killed.asterisk.log.clear()
    killed.asterisk.gates.clear()
    async with adapter(folder, killed.asterisk, killed.recorder) as made:
        made.asterisk.hear = nothing
        await made.reconcile()
        await made.settle()
        yield made


def live(made: Adapter, call: Call) -> Call:
    """The row, which is the same in the engine and in the database."""
    assert made.engine.live[call.id] == made.row(call.id)
    return made.engine.live[call.id]


def state(made: Adapter, call: Call) -> PromptState:
    """Where the prompt is."""
    prompt = live(made, call).prompt
    assert prompt is not None
    return prompt.state


@runs_in_virtual_time
async def test_a_call_that_is_up_goes_on(tmp_path: Path) -> None:
    """Nothing is ordered and nothing told; commands and events work as before."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        async with restarted(tmp_path, first) as made:
            assert (made.asterisk.log, live(made, call)) == ([], call)
            await made.playing(call.id, order())
            made.asterisk.hangs_up(call.channel)
            await made.settle()
            assert made.webhooks() == ["CallAnswered", "PromptOver", "PromptNoted", "CallEnded"]


@runs_in_virtual_time
async def test_its_deadlines_go_on_too(tmp_path: Path) -> None:
    """The longest duration counts from the answer, not from the restart."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        await asyncio.sleep(3000.0)
        async with restarted(tmp_path, first) as made:
            await asyncio.sleep(599.0)
            assert live(made, call).state is CallState.UP
            await asyncio.sleep(2.0)
            ending = made.row(call.id).ending
            assert ending is not None
            assert ending.cause is EndCause.MAX_DURATION


@runs_in_virtual_time
async def test_placing_without_a_channel_is_created_again(tmp_path: Path) -> None:
    """Killed between the commit and the command: the call is placed after the restart."""
    async with adapter(tmp_path) as first:
        call = first.engine.open(place())
        async with restarted(tmp_path, first) as made:
            kinds = [type(effect) for effect in made.asterisk.log]
            assert kinds == [o.CreateChannel, o.Dial]
            assert live(made, call).state is CallState.TRYING


@runs_in_virtual_time
async def test_placing_with_a_channel_is_dialled(tmp_path: Path) -> None:
    """Killed between the channel's creation and its event: no second channel, one Dial."""
    async with adapter(tmp_path) as first:
        call = first.engine.open(place())
        first.asterisk.hear = nothing
        await first.settle()
        async with restarted(tmp_path, first) as made:
            assert [type(effect) for effect in made.asterisk.log] == [o.Dial]
            assert live(made, call).state is CallState.TRYING


@pytest.mark.parametrize("channel", [None, ChannelState.DOWN])
def test_what_may_have_been_dialled_is_not_dialled_again(
    tmp_path: Path, channel: ChannelState | None
) -> None:
    """Killed around the Dial: the call ends LOST, exactly once, channel or not."""

    @runs_in_virtual_time
    async def body() -> None:
        async with adapter(tmp_path) as first:
            first.asterisk.gates[o.Dial] = asyncio.Event()
            call = first.engine.open(place())
            await first.settle()
            assert first.row(call.id).state is CallState.DIALING
            if channel is None:
                first.asterisk.dies()
            async with restarted(tmp_path, first) as made:
                assert made.asterisk.done(o.Dial) == []
                ending = made.row(call.id).ending
                assert ending is not None
                assert (ending.cause, made.webhooks()) == (EndCause.LOST, ["CallEnded"])
                made.asterisk.hear = nothing
                await made.reconcile()
                await asyncio.sleep(100.0)
                assert made.webhooks() == ["CallEnded"]
                assert made.asterisk.state == {}

    body()


@runs_in_virtual_time
async def test_what_was_answered_in_the_gap_is_up(tmp_path: Path) -> None:
    """The callee picked up while nobody listened; it is told once."""
    async with adapter(tmp_path) as first:
        call = first.engine.open(place())
        await first.settle()
        first.asterisk.hear = nothing
        first.asterisk.picks_up(call.channel)
        async with restarted(tmp_path, first) as made:
            assert live(made, call).state is CallState.UP
            assert made.webhooks() == ["CallAnswered"]


@runs_in_virtual_time
async def test_accepted_but_not_answered_is_answered(tmp_path: Path) -> None:
    """Killed between the accept's commit and the command."""
    async with adapter(tmp_path) as first:
        call = await first.offered()
        first.engine.apply(call.id, i.AcceptCall())
        async with restarted(tmp_path, first) as made:
            assert [type(effect) for effect in made.asterisk.log] == [o.Answer]
            assert live(made, call).state is CallState.UP
            assert made.webhooks() == ["CallOffered", "CallAnswered"]


@runs_in_virtual_time
async def test_a_hang_up_that_did_not_leave_goes_out(tmp_path: Path) -> None:
    """Killed between the commit and the hang-up: it is done, and its ending is ours."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        first.engine.apply(call.id, i.EndCall())
        async with restarted(tmp_path, first) as made:
            assert [type(effect) for effect in made.asterisk.log] == [o.Hangup]
            ending = made.row(call.id).ending
            assert ending is not None
            assert ending.cause is EndCause.HANGUP
            assert made.webhooks() == ["CallAnswered", "CallEnded"]


@runs_in_virtual_time
async def test_after_a_crash_of_asterisk_every_call_ends_once(tmp_path: Path) -> None:
    """No event comes; each call gets its end, and what ran on it its outcome."""
    async with adapter(tmp_path) as first:
        one, two = await first.call_up(1), await first.call_up(2)
        await first.playing(one.id, order())
        first.asterisk.dies()
        async with restarted(tmp_path, first) as made:
            for call in (one, two):
                ending = made.row(call.id).ending
                assert ending is not None
                assert ending.cause is EndCause.LOST
            assert made.engine.live == {}
            assert sorted(made.webhooks()) == sorted(
                [*["CallAnswered"] * 2, *["CallEnded"] * 2, "PromptOver", "PromptNoted"]
            )


# Prompts


@runs_in_virtual_time
async def test_a_prompt_that_was_rendered_is_rendered_again(tmp_path: Path) -> None:
    """Speech died with the process; the caller hears it all the same."""
    async with adapter(tmp_path) as first:
        first.speech.gate = asyncio.Event()
        call = await first.call_up()
        first.engine.apply(call.id, i.StartPrompt(order=order()))
        async with restarted(tmp_path, first) as made:
            assert made.speech.asked == ["hello"]
            assert len(made.asterisk.done(o.Play)) == 1
            assert state(made, call) is PromptState.PLAYING


@runs_in_virtual_time
async def test_a_prompt_that_was_not_played_is_played(tmp_path: Path) -> None:
    """Killed between the commit and the Play: no second rendering, one Play."""
    async with adapter(tmp_path) as first:
        first.asterisk.gates[o.Play] = asyncio.Event()
        call = await first.call_up()
        first.engine.apply(call.id, i.StartPrompt(order=order()))
        await first.settle()
        async with restarted(tmp_path, first) as made:
            assert (made.speech.asked, len(made.asterisk.log)) == ([], 1)
            assert state(made, call) is PromptState.PLAYING


@runs_in_virtual_time
async def test_a_prompt_that_plays_is_left_alone(tmp_path: Path) -> None:
    """Whether its start was written or not: it is not played twice, and it has one ending."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        first.engine.apply(call.id, i.StartPrompt(order=order()))
        first.asterisk.gates[o.Play] = asyncio.Event()
        await first.settle()
        first.asterisk.hear = nothing
        first.asterisk.gates[o.Play].set()
        await first.settle()
        assert state(first, call) is PromptState.STARTING
        async with restarted(tmp_path, first) as made:
            assert (made.asterisk.log, state(made, call)) == ([], PromptState.PLAYING)
            async with restarted(tmp_path, made) as again:
                assert (again.asterisk.log, state(again, call)) == ([], PromptState.PLAYING)
                again.asterisk.finishes(PLAYBACK)
                await again.settle()
                assert again.webhooks() == ["CallAnswered", "PromptOver", "PromptNoted"]


@runs_in_virtual_time
async def test_a_prompt_that_ended_in_the_gap_has_ended(tmp_path: Path) -> None:
    """It goes on as after its end: here the digits are waited for, with their whole time."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        await first.playing(call.id, order(collect=COLLECT))
        first.asterisk.hear = nothing
        first.asterisk.finishes(PLAYBACK)
        async with restarted(tmp_path, first) as made:
            assert (made.asterisk.log, state(made, call)) == ([], PromptState.COLLECTING)
            await asyncio.sleep(9.9)
            made.asterisk.presses(call.channel, "42#")
            await made.settle()
            assert made.webhooks() == ["CallAnswered", "PromptOver", "PromptNoted"]


@runs_in_virtual_time
async def test_a_collection_goes_on_with_its_digits(tmp_path: Path) -> None:
    """What was pressed before the kill stands, and the time for the next digit begins anew."""
    async with adapter(tmp_path) as first:
        call = await first.call_up()
        await first.playing(call.id, order(collect=COLLECT))
        first.asterisk.presses(call.channel, "1")
        await first.settle()
        await asyncio.sleep(1.5)
        async with restarted(tmp_path, first) as made:
            await asyncio.sleep(1.5)
            assert state(made, call) is PromptState.COLLECTING
            made.asterisk.presses(call.channel, "2#")
            await made.settle()
            over = made.counter.steps[-1][0].notices[0]
            assert isinstance(over, o.PromptOver)
            assert over.digits == "12"


# Channels that are nobody's


@runs_in_virtual_time
async def test_an_arrival_of_the_gap_is_taken_in(tmp_path: Path) -> None:
    """It is offered, rings, and the held event of its arrival does not make a second call."""
    async with adapter(tmp_path) as made:
        made.asterisk.hear = nothing
        made.asterisk.arrives(arrival())
        await made.reconcile()
        made.routing.take(arrival())
        await made.settle()
        assert [call.state for call in made.engine.live.values()] == [CallState.OFFERED]
        assert made.webhooks() == ["CallOffered"]


@runs_in_virtual_time
async def test_a_stranger_is_hung_up(tmp_path: Path) -> None:
    """A channel of a call that is over, or of nobody, does not stay; live ones do."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        strangers = [channel_of(call_id(77), 1), ChannelId("asterisk-7.7")]
        for stranger in strangers:
            made.asterisk.state[stranger] = ChannelState.UP
        made.asterisk.hear = nothing
        await made.reconcile()
        await made.settle()
        assert list(made.asterisk.state) == [call.channel]
        hung_up = [effect for effect in made.asterisk.log if isinstance(effect, o.Hangup)]
        assert {effect.channel for effect in hung_up} == set(strangers)
