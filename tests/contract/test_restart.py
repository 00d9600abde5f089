"""The adapter is ended without a word at some point of a call, and started again."""

from __future__ import annotations

import asyncio

import pytest

from adapter import app
from tests.contract.stack import CALLEE, Stack, eventually
from tests.fakes.ari_model import Callee
from tests.fakes.webhook_sink import HANG

WHOLE = ["ringing", "connected", "disconnected"]


async def again(stack: Stack) -> None:
    """End it where it is, and start it anew."""
    await stack.kill()
    await stack.start()


async def finish(stack: Stack, call: str) -> list[str]:
    """Hang up, and return all that the customer was told, over both lives."""
    await stack.hang_up(call)
    await stack.over(call)
    return stack.names(call)


async def test_call_that_is_up(stack: Stack) -> None:
    """A connected call is there again, can be played to, and ends once."""
    call = await stack.connected(owner_ref={"a": 1})
    await again(stack)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"
    await stack.say(call)
    assert (await stack.event(call, "playfinished"))["owner_ref"] == {"a": 1}
    assert await finish(stack, call) == ["ringing", "connected", "playfinished", "disconnected"]


@pytest.mark.parametrize("ends", ["before", "after"])
async def test_while_a_prompt_plays(stack: Stack, ends: str) -> None:
    """The prompt is not played twice and has one outcome, whether it ended meanwhile or not."""
    call = await stack.connected()
    stack.ari.world.default_media = 0.5
    play_id = (await stack.say(call))["play_id"]
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    await stack.kill()
    if ends == "before":
        await stack.ari.wait_for(lambda: not stack.ari.world.playbacks)
    await stack.start()
    assert (await stack.event(call, "playfinished"))["play_id"] == play_id
    assert stack.ari.count("play") == 1
    assert await finish(stack, call) == ["ringing", "connected", "playfinished", "disconnected"]


async def test_while_digits_are_collected(stack: Stack) -> None:
    """Digits from before stand, those after are added."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    await stack.say(call, dtmf=True, inter_digit_timeout=5)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stack.ari.digit(f"{call}.leg1", "4")
    await stack.ari.wait_for(lambda: stack.ari.count("stop_playback") == 1)
    await again(stack)
    for key in "2#":
        stack.ari.digit(f"{call}.leg1", key)
    assert (await stack.event(call, "digitcollected"))["digit"] == "42"
    assert await finish(stack, call) == ["ringing", "connected", "digitcollected", "disconnected"]


async def test_while_speech_is_made(stack: Stack) -> None:
    """Speech that was being made is made again, and heard once."""
    stack.speech.gate.clear()
    call = await stack.connected(
        action_on_connect={"play": {"text": "hello", "language": "en", "voice": "female"}}
    )
    await stack.speech.started.wait()
    await again(stack)
    await stack.event(call, "playfinished")
    assert stack.ari.count("play") == 1
    assert await finish(stack, call) == ["ringing", "connected", "playfinished", "disconnected"]


async def test_while_it_rings(stack: Stack) -> None:
    """A call that is answered while nobody looks is connected, and was dialled once."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    await stack.kill()
    stack.ari.world.answer(f"{call}.leg1")
    await stack.start()
    await stack.event(call, "connected")
    assert stack.ari.count("dial") == 1
    assert await finish(stack, call) == WHOLE


async def test_between_the_order_and_the_dialling(stack: Stack) -> None:
    """A call that was accepted and not made yet is made after the start, once."""
    stack.ari.slow("create_channel", 0.2, stage="before")
    stack.ari.fail("create_channel", 0, stage="before")
    call = (await stack.place())["voice_id"]
    await stack.kill()
    stack.ari.slow("create_channel", 0)
    await stack.start()
    await stack.event(call, "connected")
    assert stack.ari.count("dial") == 1
    assert await finish(stack, call) == WHOLE


async def test_offered_call(stack: Stack) -> None:
    """An inbound call that waits for accept still does, and is not offered twice."""
    call = await stack.offered()
    await again(stack)
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.event(call, "connected")
    assert await finish(stack, call) == ["incomingcall", "connected", "disconnected"]


async def test_call_that_came_meanwhile(stack: Stack) -> None:
    """A call that came in while nobody was there is offered."""
    await stack.kill()
    channel = stack.ari.inbound("15551000", caller="+1")
    await stack.start()
    await stack.sink.wait_for(1)
    assert stack.sink.bodies[0]["state"] == "incomingcall"
    assert channel in stack.ari.channels


async def test_call_that_ended_meanwhile(stack: Stack) -> None:
    """A call that ended while nobody looked gets its one disconnected, and says it was lost."""
    call = await stack.connected()
    await stack.kill()
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.start()
    assert "lost" in (await stack.over(call))["disconnect_reason"]
    assert stack.names(call) == WHOLE


async def test_hang_up_that_was_ordered(stack: Stack) -> None:
    """A DELETE that was answered is carried out, though we died in between."""
    call = await stack.connected()
    stack.ari.fail("hangup", 0, times=1)
    await stack.hang_up(call)
    await again(stack)
    await stack.over(call)
    assert not stack.ari.channels
    assert stack.names(call) == WHOLE


async def test_webhooks_that_were_not_delivered(stack: Stack) -> None:
    """What the application has not acknowledged comes after the start: all of it, in order."""
    await stack.sink.down()
    calls = []
    for _ in range(3):
        calls.append((await stack.place())["voice_id"])
        await stack.answered(calls[-1])
    await stack.hang_up(calls[0])
    await stack.ari.wait_for(lambda: len(stack.ari.channels) == 2)
    await stack.kill()
    await stack.sink.up()
    await stack.start()
    await stack.over(calls[0])
    assert stack.names(calls[0]) == WHOLE
    for call in calls[1:]:
        await stack.event(call, "connected")
        assert await finish(stack, call) == WHOLE


async def test_webhook_that_was_under_way(stack: Stack) -> None:
    """A delivery that was cut off comes again under its id."""
    stack.sink.script(HANG)
    call = (await stack.place())["voice_id"]
    await stack.sink.wait_for(1)
    await stack.kill()
    stack.sink.resume()
    await stack.start()
    await stack.event(call, "connected")
    first, second = stack.sink.received[:2]
    assert first.id == second.id
    assert first.body == second.body
    assert await finish(stack, call) == WHOLE


async def test_last_webhooks_go_before_the_end(stack: Stack) -> None:
    """SIGTERM: what is under way at the end of the last call, and what is behind it, goes once."""
    call = await stack.connected()
    stack.sink.script(HANG)
    await stack.say(call)
    await stack.sink.wait_for(lambda all_: "playfinished" in str(all_[-1].json))
    await stack.hang_up(call)
    draining = asyncio.create_task(stack.adapter.drain(20))
    await eventually(lambda: not stack.adapter._engine.live)
    stack.sink.resume()
    await draining
    await stack.stop()
    assert stack.names(call) == ["ringing", "connected", "playfinished", "disconnected"]
    assert len({*stack.sink.ids}) == len(stack.sink.ids) == 4
    await stack.start()
    await stack.quiet()


async def test_impatient_end(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second signal does not wait for a webhook that hangs: it is sent again at the start."""
    monkeypatch.setattr(app, "LAST_WEBHOOKS", 3600.0)
    call = await stack.connected()
    stack.sink.script(HANG)
    await stack.hang_up(call)
    await stack.sink.wait_for(3)
    draining = asyncio.create_task(stack.adapter.drain(20))
    await eventually(lambda: not stack.adapter._engine.live)
    await asyncio.sleep(0.1)
    assert not draining.done()
    draining.cancel()
    async with asyncio.timeout(20):
        await stack.stop()
    stack.sink.resume()
    await stack.start()
    await stack.sink.wait_for(lambda all_: all_[-1].id == all_[2].id and len(all_) == 4)
    assert stack.names(call) == WHOLE


async def test_many_restarts(stack: Stack) -> None:
    """Five ends in a row, and a call lives through them."""
    call = await stack.connected()
    for _ in range(5):
        await again(stack)
    assert await finish(stack, call) == WHOLE


async def test_asterisk_comes_later(idle: Stack) -> None:
    """An adapter that starts while Asterisk is away refuses calls, until it is there."""
    idle.ari.refuse_websocket(10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "ASTERISK_PATIENCE", 0.1)
        await idle.start()
    assert (await idle.get("/readyz")).status == 503
    assert (await idle.place()).status == 503
    idle.ari.refuse_websocket(0)
    await idle.ari.wait_for(lambda: idle.ari.connected("ari-voice"))
    await idle.offered()
    assert (await idle.place()).status == 200
    await idle.stop()
