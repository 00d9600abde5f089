"""Asterisk away: refusals, orders that wait for it, and what is found at the reconnect."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.stack import CALLEE, RINGS, Stack, eventually
from tests.contract.wording import refused
from tests.fakes.ari_model import Callee


async def away(stack: Stack) -> None:
    """Asterisk's HTTP does not answer any more; its calls go on."""
    await stack.ari.refuse_connections()
    await not_ready(stack)


async def not_ready(stack: Stack) -> None:
    """Wait until the adapter has noticed."""
    await eventually(lambda: bool(stack.adapter.not_ready()))


async def ready(stack: Stack) -> None:
    """Wait until calls can be served again."""
    await eventually(lambda: not stack.adapter.not_ready())


async def test_refused_while_asterisk_is_away(stack: Stack) -> None:
    """POST /call, accept and play are 503 with Retry-After; GET answers; nothing is changed."""
    call, offer = await stack.connected(), await stack.offered()
    await away(stack)
    replies = [
        (await stack.place(), {}),
        (await stack.say(call), {"voice_id": call, "from_": RINGS, "to": CALLEE}),
        (
            await stack.ask("PUT", f"/call/{offer}/accept"),
            {"voice_id": offer, "from_": "+15557777", "to": RINGS},
        ),
    ]
    for reply, about in replies:
        alias = {"timeStamp": str} if "timeStamp" in reply.body else {}
        refused(reply, 503, 503, **about, **alias)
        assert int(reply.headers["Retry-After"]) > 0
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"
    await stack.ari.listen()
    await ready(stack)
    assert (await stack.say(call)).status == 200
    await stack.event(call, "playfinished")


async def test_hang_up_is_carried_out_at_the_reconnect(stack: Stack) -> None:
    """DELETE is accepted while Asterisk is away; the channel is hung up when it is back."""
    call = await stack.connected()
    await away(stack)
    assert (await stack.hang_up(call))["state"] == "success"
    assert stack.names(call) == ["ringing", "connected"]
    await stack.ari.listen()
    await stack.event(call, "disconnected")
    await ready(stack)
    await stack.over(call)
    assert not stack.ari.channels


async def test_events_are_cut_off(stack: Stack) -> None:
    """What happened while the WebSocket was away is found out; each thing is told once."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    answered, left = [(await stack.place())["voice_id"] for _ in range(2)]
    for call in (answered, left):
        await stack.event(call, "ringing")
    stack.ari.refuse_websocket(2)
    stack.ari.drop_websocket()
    await not_ready(stack)
    stack.ari.world.answer(f"{answered}.leg1")
    stack.ari.remote_hangup(f"{left}.leg1")
    await stack.event(answered, "connected")
    await stack.event(left, "disconnected")
    await ready(stack)
    await stack.hang_up(answered)
    await stack.over(answered)
    assert stack.names(answered) == ["ringing", "connected", "disconnected"]
    assert stack.names(left) == ["ringing", "disconnected"]


async def test_call_that_came_in_the_gap(stack: Stack) -> None:
    """An inbound call whose StasisStart we missed is offered at the reconnect, once."""
    stack.ari.refuse_websocket(1)
    stack.ari.drop_websocket()
    await not_ready(stack)
    call = await stack.offered()
    await ready(stack)
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.event(call, "connected")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["incomingcall", "connected", "disconnected"]


@pytest.mark.parametrize("dtmf", [True, False])
async def test_prompt_that_ended_in_the_gap(stack: Stack, dtmf: bool) -> None:
    """A prompt that was played out unheard of has its one outcome all the same."""
    call = await stack.connected()
    stack.ari.world.default_media = 0.05
    await stack.say(call, dtmf=dtmf, start_timeout=1)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stack.ari.drop_websocket()
    outcome = "menutimeout" if dtmf else "playfinished"
    await stack.event(call, outcome)
    await ready(stack)
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", outcome, "disconnected"]


async def test_asterisk_dies(stack: Stack) -> None:
    """Every live call gets its one disconnected; then calls work again."""
    stack.ari.world.default_media = 60
    calls = [await stack.connected() for _ in range(3)] + [await stack.offered()]
    await stack.say(calls[0])
    await stack.ari.crash()
    await not_ready(stack)
    await stack.ari.listen()
    for call in calls:
        assert (await stack.event(call, "disconnected"))["sip_code"] in (200, 500)
    await ready(stack)
    assert stack.names(calls[0]) == ["ringing", "connected", "failed", "disconnected"]
    assert stack.names(calls[-1]) == ["incomingcall", "disconnected"]
    new = await stack.connected()
    await stack.hang_up(new)
    await stack.over(new)
    for call in calls:
        assert stack.names(call).count("disconnected") == 1


async def test_asterisk_dies_while_a_call_is_placed(stack: Stack) -> None:
    """A call that was ordered and perhaps not made ends once, and is dialled at most once."""
    stack.ari.slow("create_channel", 0.3, stage="before")
    call = (await stack.place())["voice_id"]
    await stack.ari.wait_for(lambda: stack.ari.count("create_channel") == 1)
    await stack.ari.crash()
    await not_ready(stack)
    stack.ari.slow("create_channel", 0)
    await stack.ari.listen()
    await ready(stack)
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.ari.count("dial") - 1 <= 1  # one is of the call that `quiet` makes


async def test_trunks_are_there_again(stack: Stack) -> None:
    """What was provisioned is pushed at each connect, also after Asterisk forgot it."""
    assert ("endpoint", "trunk-carrier") in stack.ari.config
    await stack.ari.crash()
    assert not stack.ari.config
    await not_ready(stack)
    await stack.ari.listen()
    await ready(stack)
    assert ("endpoint", "trunk-carrier") in stack.ari.config
    assert ("endpoint", "0003*210") in stack.ari.config


async def test_change_reaches_asterisk(stack: Stack) -> None:
    """`ari-voice apply` while we run: the new trunk is in Asterisk soon after."""
    stack.provision('[[trunk]]\nname = "another"\nuri = "sip:127.0.0.1:5090"\n')
    await stack.ari.wait_for(lambda: ("endpoint", "trunk-another") in stack.ari.config)


async def test_answers_slowly(stack: Stack) -> None:
    """A hang-up of one call does not wait for a slow command of another."""
    slow = await stack.connected()
    stack.ari.slow("play", 1.0)
    await stack.say(slow)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    call = await stack.connected()
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call)[-1] == "disconnected"


async def test_replaced(idle: Stack) -> None:
    """Another adapter with our application name: we say so and are not ready any more."""
    await idle.start()
    idle.ari.send_text('{"type": "ApplicationReplaced", "application": "ari-voice"}')
    await asyncio.wait_for(idle.adapter.failed(), 5)
    assert "same ARI application" in (idle.adapter.failure or "")
    assert (await idle.get("/readyz")).status == 503
    await idle.kill()
