"""The adapter is ended without a word while a call is joined with others, and started again.

What Asterisk did meanwhile is found by looking; whoever hears music, and who is with whom, is as
the row says afterwards.
"""

from __future__ import annotations

import pytest

from tests.contract.parties import (
    PARTY,
    TARGET,
    bridged,
    connect,
    exists,
    forward,
    gone,
    hold,
    leg,
    nothing_left,
    rings,
    together,
    transfer,
)
from tests.contract.stack import CALLEE, Stack
from tests.fakes.ari_model import Sound

BRIDGED = ["ringing", "connected", "bridging", "bridged"]


async def again(stack: Stack) -> None:
    """End it where it is, and start it anew."""
    await stack.kill()
    await stack.start()


async def finish(stack: Stack, call: str) -> list[str]:
    """Hang up; all that the customer was told, over both lives."""
    await stack.hang_up(call)
    await stack.over(call)
    await nothing_left(stack)
    return stack.names(call)


async def test_bridged(stack: Stack) -> None:
    """They go on together, nobody is moved, and the next end is told."""
    call = await bridged(stack)
    moves = stack.ari.count("add_channel")
    await again(stack)
    await together(stack, leg(call, 1), leg(call, 2))
    assert stack.ari.count("add_channel") == moves
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridge_disconnected")
    assert await finish(stack, call) == [*BRIDGED, "bridge_disconnected", "disconnected"]


async def test_party_left_meanwhile(stack: Stack) -> None:
    """bridge_disconnected, once; then the call can be played to."""
    call = await bridged(stack)
    await stack.kill()
    stack.ari.remote_hangup(leg(call, 2))
    await stack.start()
    assert "lost" in (await stack.event(call, "bridge_disconnected"))["msg"]
    await stack.say(call)
    await stack.event(call, "playfinished")
    wanted = [*BRIDGED, "bridge_disconnected", "playfinished", "disconnected"]
    assert await finish(stack, call) == wanted


async def test_caller_left_meanwhile(stack: Stack) -> None:
    """Only disconnected; the party is hung up."""
    call = await bridged(stack)
    await stack.kill()
    stack.ari.remote_hangup(leg(call, 1))
    await stack.start()
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*BRIDGED, "disconnected"]


@pytest.mark.parametrize("answers", ["meanwhile", "later"])
async def test_while_the_party_rings(stack: Stack, answers: str) -> None:
    """It is dialled once, and bridged, whenever it answers."""
    rings(stack, PARTY)
    call = await stack.connected()
    await connect(stack, call)
    await stack.event(call, "bridging")
    await stack.kill()
    if answers == "meanwhile":
        stack.ari.world.answer(leg(call, 2))
    await stack.start()
    if answers == "later":
        stack.ari.world.answer(leg(call, 2))
    await stack.event(call, "bridged")
    await together(stack, leg(call, 1), leg(call, 2))
    assert [one.ids["channel"] for one in stack.ari.seen("dial")].count(leg(call, 2)) == 1
    assert await finish(stack, call) == [*BRIDGED, "disconnected"]


async def test_before_the_leg_was_made(stack: Stack) -> None:
    """A connect that was answered and not carried out yet is carried out, once."""
    call = await stack.connected()
    stack.ari.slow("create_channel", 0.2, stage="before")
    stack.ari.fail("create_channel", 0, stage="before")
    await connect(stack, call)
    await stack.ari.wait_for(lambda: stack.ari.count("create_channel") == 2)
    await stack.kill()
    stack.ari.slow("create_channel", 0)
    await stack.start()
    await stack.event(call, "bridged")
    await together(stack, leg(call, 1), leg(call, 2))
    assert await finish(stack, call) == [*BRIDGED, "disconnected"]


async def test_while_held(stack: Stack) -> None:
    """The caller goes on hearing music until resume."""
    call = await bridged(stack)
    await hold(stack, call, True)
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC)
    await again(stack)
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC)
    await together(stack, leg(call, 2))
    await hold(stack, call, False)
    await together(stack, leg(call, 1), leg(call, 2))
    assert caller.hears is Sound.NOTHING
    assert await finish(stack, call) == [*BRIDGED, "disconnected"]


async def test_resume_that_was_under_way(stack: Stack) -> None:
    """A resume that was answered and not carried out is carried out: out of the music, too."""
    call = await bridged(stack)
    await hold(stack, call, True)
    await together(stack, leg(call, 2))
    stack.ari.slow("stop_moh", 0.2, stage="before")
    stack.ari.fail("stop_moh", 0, stage="before")
    await hold(stack, call, False)
    await stack.kill()
    stack.ari.slow("stop_moh", 0)
    await stack.start()
    await together(stack, leg(call, 1), leg(call, 2))
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.NOTHING)


async def test_while_transferring(stack: Stack) -> None:
    """Party and target speak on, the caller hears music; then the transfer is done."""
    call = await bridged(stack)
    await transfer(stack, call)
    await together(stack, leg(call, 2), leg(call, 3))
    await stack.ari.wait_for(lambda: stack.ari.channels[leg(call, 3)].state == "Up")
    await again(stack)
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC)
    await together(stack, leg(call, 2), leg(call, 3))
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridged", count=2)
    await together(stack, leg(call, 1), leg(call, 3))
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged", "disconnected"]
    assert await finish(stack, call) == wanted


async def test_party_left_while_transferring(stack: Stack) -> None:
    """A transfer that was completed meanwhile: caller and target are put together."""
    call = await bridged(stack)
    await transfer(stack, call)
    await together(stack, leg(call, 2), leg(call, 3))
    await stack.ari.wait_for(lambda: stack.ari.channels[leg(call, 3)].state == "Up")
    await stack.quiet()
    await stack.kill()
    stack.ari.remote_hangup(leg(call, 2))
    await stack.start()
    assert (await stack.event(call, "bridged", count=2))["to"] == TARGET
    await together(stack, leg(call, 1), leg(call, 3))
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.NOTHING)


@pytest.mark.parametrize("answers", ["meanwhile", "later"])
async def test_while_forwarding(stack: Stack, answers: str) -> None:
    """The target takes the party's place, whenever it answers."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await forward(stack, call)
    await stack.event(call, "bridging", count=2)
    await stack.kill()
    if answers == "meanwhile":
        stack.ari.world.answer(leg(call, 3))
    await stack.start()
    if answers == "later":
        stack.ari.world.answer(leg(call, 3))
    await stack.event(call, "bridged", count=2)
    await gone(stack, leg(call, 2))
    await together(stack, leg(call, 1), leg(call, 3))
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged", "disconnected"]
    assert await finish(stack, call) == wanted


async def test_connect_that_waits_for_the_answer(stack: Stack) -> None:
    """A connect that was kept is carried out when the call is answered after the start."""
    rings(stack, CALLEE)
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    await connect(stack, call)
    await again(stack)
    stack.ari.world.answer(leg(call, 1))
    await stack.event(call, "bridged")
    assert await finish(stack, call) == [*BRIDGED, "disconnected"]


async def test_keys_that_were_pressed(stack: Stack) -> None:
    """A burst that was begun before the end of the adapter is told after its start."""
    call = await bridged(stack)
    stack.ari.digit(leg(call, 1), "4")
    await stack.quiet()
    await again(stack)
    stack.ari.digit(leg(call, 1), "2")
    stack.ari.digit(leg(call, 1), "#")
    await stack.event(call, "dtmfcollected")
    pressed = [body["digit"] for body in stack.told(call) if body["state"] == "dtmfcollected"]
    assert "".join(pressed) == "42"


async def test_asterisk_dies(stack: Stack) -> None:
    """Everything is gone: one disconnected, and nothing about the party."""
    call = await bridged(stack)
    await stack.ari.crash()
    await stack.ari.listen()
    assert "lost" in (await stack.over(call))["disconnect_reason"]
    assert stack.names(call) == [*BRIDGED, "disconnected"]


async def test_connection_is_lost(stack: Stack) -> None:
    """Only the event connection: what happened meanwhile is found, and nobody is moved."""
    call = await bridged(stack)
    other = await bridged(stack)
    stack.ari.refuse_websocket(2)
    stack.ari.drop_websocket()
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridge_disconnected")
    await together(stack, leg(other, 1), leg(other, 2))
    await exists(stack, leg(call, 1))
