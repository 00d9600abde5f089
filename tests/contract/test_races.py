"""The named races (house: "Races that tests name"), through the whole adapter."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.stack import CALLEE, Stack
from tests.fakes.ari_model import Callee

WHOLE = ["ringing", "connected", "disconnected"]


async def ended(stack: Stack, call: str) -> list[str]:
    """Hang up, and return all that the customer was told."""
    await stack.hang_up(call)
    await stack.over(call)
    return stack.names(call)


@pytest.mark.parametrize("verb", ["create_channel", "dial", "answer", "hangup"])
async def test_events_before_the_answer_to_their_command(stack: Stack, verb: str) -> None:
    """What a command causes is told before its answer comes: each thing happens once."""
    stack.ari.slow(verb, 0.2)
    outbound = await stack.connected()
    inbound = await stack.offered()
    await stack.ask("PUT", f"/call/{inbound}/accept")
    await stack.event(inbound, "connected")
    assert await ended(stack, outbound) == WHOLE
    assert await ended(stack, inbound) == ["incomingcall", "connected", "disconnected"]
    channels = [request.ids["channel"] for request in stack.ari.seen("dial")]
    assert len(channels) == len(set(channels))


async def test_playback_ends_before_play_is_answered(stack: Stack) -> None:
    """A playback that is over before its order is answered: one playfinished."""
    call = await stack.connected()
    stack.ari.slow("play", 0.2)
    await stack.say(call)
    await stack.event(call, "playfinished")
    assert await ended(stack, call) == ["ringing", "connected", "playfinished", "disconnected"]


async def test_play_404_before_the_end(stack: Stack) -> None:
    """Asterisk does not know the channel any more, then says that it is gone: one of each."""
    call = await stack.connected()
    stack.ari.fail("play", 404)
    await stack.say(call)
    await stack.event(call, "failed")
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "failed", "disconnected"]


async def test_play_404_after_the_end(stack: Stack) -> None:
    """The channel goes while play is on its way, whose 404 comes later: one of each."""
    call = await stack.connected()
    stack.ari.slow("play", 0.1, stage="before")
    await stack.say(call)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    await asyncio.sleep(0.15)  # the 404 comes now; nothing shall come of it
    await stack.quiet()
    assert stack.names(call) == ["ringing", "connected", "failed", "disconnected"]


async def test_answer_to_play_is_lost(stack: Stack) -> None:
    """Play was carried out and its answer lost: the playback's own events count."""
    call = await stack.connected()
    stack.ari.fail("play", 0, stage="after")
    await stack.say(call)
    await stack.event(call, "playfinished")
    assert stack.ari.count("play") == 1
    assert await ended(stack, call) == ["ringing", "connected", "playfinished", "disconnected"]


async def test_last_digit_then_hang_up(stack: Stack) -> None:
    """Digits that are complete stand, though the call ends in the same moment."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    await stack.say(call, dtmf=True)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "12#":
        stack.ari.digit(f"{call}.leg1", key)
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "digitcollected", "disconnected"]
    assert (await stack.event(call, "digitcollected"))["digit"] == "12"


async def test_complete_digits_wait_for_the_prompt_and_stand(stack: Stack) -> None:
    """Without interrupt complete digits wait for the prompt's end; a hang-up does not take them."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    await stack.say(call, dtmf=True, interrupt=False)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "12#":
        stack.ari.digit(f"{call}.leg1", key)
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    assert (await stack.event(call, "digitcollected"))["digit"] == "12"


async def test_both_hang_up(stack: Stack) -> None:
    """Our DELETE against their hang-up: one disconnected, and DELETE is a success."""
    calls = [await stack.connected() for _ in range(10)]

    async def both(number: int, call: str) -> int:
        if number % 2:
            stack.ari.remote_hangup(f"{call}.leg1")
        reply = asyncio.create_task(stack.hang_up(call))
        await asyncio.sleep(0)
        if f"{call}.leg1" in stack.ari.channels:
            stack.ari.remote_hangup(f"{call}.leg1")
        return (await reply).status

    assert set(await asyncio.gather(*(both(*one) for one in enumerate(calls)))) == {200}
    for call in calls:
        await stack.over(call)
        assert stack.names(call) == WHOLE


async def test_hang_up_of_a_channel_that_is_gone(stack: Stack) -> None:
    """A 404 to our hang-up is the end of the call; an event that comes later says nothing new."""
    call = await stack.connected()
    stack.ari.fail("hangup", 404)
    await stack.hang_up(call)
    await stack.over(call)
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    assert stack.names(call) == WHOLE


async def test_answer_and_hang_up_in_one_moment(stack: Stack) -> None:
    """A callee that hangs up as soon as it has answered: the whole story, in order."""
    stack.ari.callee(CALLEE, Callee(hangup_after=0.0))
    call = (await stack.place())["voice_id"]
    await stack.over(call)
    assert stack.names(call) == WHOLE


async def test_no_endpoint(stack: Stack) -> None:
    """Asterisk cannot make the channel: disconnected with 503, and nothing else."""
    stack.ari.callee(CALLEE, Callee(unreachable=True))
    call = (await stack.place())["voice_id"]
    ended_ = await stack.over(call)
    assert (stack.names(call), ended_["sip_code"]) == (["disconnected"], 503)


async def test_dial_is_refused(stack: Stack) -> None:
    """Asterisk refuses to dial: the channel is taken down, one disconnected."""
    stack.ari.fail("dial", 500)
    call = (await stack.place())["voice_id"]
    await stack.over(call)
    assert stack.names(call) == ["disconnected"]
    assert f"{call}.leg1" not in stack.ari.channels


async def test_key_as_the_menu_ends(stack: Stack) -> None:
    """Keys and the deadline of the menu in one moment: one outcome, whichever it is."""
    call = await stack.connected()
    for count in range(1, 4):
        await stack.say(call, dtmf=True, inter_digit_timeout=0.5, prompt_ref=count)
        await stack.ari.wait_for(lambda count=count: stack.ari.count("play") == count)  # type: ignore[misc]
        stack.ari.digit(f"{call}.leg1", "1")
        await asyncio.sleep(0.49 + count / 100)
        stack.ari.digit(f"{call}.leg1", "2")
        event = await stack.event(call, "digitcollected", count=count)
        assert event["digit"] in ("1", "12")
    assert stack.names(call).count("digitcollected") == 3


@pytest.mark.parametrize(
    "junk",
    [
        "not json",
        "[]",
        "{}",
        '{"type": 5}',
        '{"type": "ChannelDestroyed"}',
        '{"type": "ChannelDtmfReceived", "channel": {"id": 7}, "digit": null}',
        '{"type": "NeverHeardOf", "channel": {"id": "x"}}',
        '{"type": "StasisStart", "channel": null, "args": "x"}',
        "[" * 100_000,
        '"\\ud800"',
        "",
    ],
)
async def test_junk_from_asterisk(stack: Stack, junk: str) -> None:
    """An event that cannot be read or is unknown is counted, and harms no call."""
    call = await stack.connected()
    stack.ari.send_text(junk)
    await stack.say(call)
    await stack.event(call, "playfinished")
    metrics = await (await stack.get("/metrics")).text()
    counted = [
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith(("ari_voice_ari_unknown_events_total", "ari_voice_ari_malformed_"))
        and "_created" not in line
    ]
    assert sum(counted) == 1
    assert not stack.adapter.not_ready()
