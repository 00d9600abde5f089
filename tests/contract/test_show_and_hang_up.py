"""`GET` and `DELETE /call/{id}` (enablex-voice.txt, "Analyze Call", "Hang-Up Call")."""

from __future__ import annotations

import pytest

from tests.contract.stack import CALLEE, OTHER_APP, OTHER_KEY, RINGS, Stack
from tests.contract.wording import TIMESTAMP, matches, refused
from tests.fakes.ari_model import Callee

NO_CALL = "8610e43d-f7c5-4eeb-9571-00ffe6ec5c31"


@pytest.mark.parametrize("suffix", ["", "/"])
@pytest.mark.contract("enablex-voice", "show.request", "show.reply")
async def test_show_outbound(stack: Stack, suffix: str) -> None:
    """GET has the document's keys; the path may end with a slash, as the document's does."""
    call = await stack.connected()
    reply = await stack.ask("GET", f"/call/{call}{suffix}")
    assert reply.status == 200
    matches(
        reply.body, voice_id=call, state="connected", direction="Outbound", from_=RINGS, to=CALLEE
    )


@pytest.mark.contract("enablex-voice", "show.reply")
async def test_state_follows_an_outbound_call(stack: Stack) -> None:
    """In progress, connected, IVR while a prompt runs, connected, disconnected."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call = (await stack.place())["voice_id"]
    states = [(await stack.ask("GET", f"/call/{call}"))["state"]]
    await stack.event(call, "ringing")
    states.append((await stack.ask("GET", f"/call/{call}"))["state"])
    channel = stack.ari.channels[f"{call}.leg1"]
    stack.ari.world.answer(channel.id)
    await stack.event(call, "connected")
    states.append((await stack.ask("GET", f"/call/{call}"))["state"])
    stack.ari.world.default_media = 60
    await stack.say(call)
    states.append((await stack.ask("GET", f"/call/{call}"))["state"])
    await stack.play(call, stop=True)
    states.append((await stack.ask("GET", f"/call/{call}"))["state"])
    await stack.hang_up(call)
    await stack.over(call)
    states.append((await stack.ask("GET", f"/call/{call}"))["state"])
    assert states == ["In progress", "In progress", "connected", "IVR", "connected", "disconnected"]


@pytest.mark.contract("enablex-voice", "show.reply")
async def test_show_inbound(stack: Stack) -> None:
    """An inbound call is In progress until accept, and Inbound."""
    call = await stack.offered()
    reply = await stack.ask("GET", f"/call/{call}")
    matches(
        reply.body,
        voice_id=call,
        state="In progress",
        direction="Inbound",
        from_="+15557777",
        to=RINGS,
    )


@pytest.mark.contract("enablex-voice", "hangup.request", "hangup.reply", "hangup.event")
async def test_hang_up(stack: Stack) -> None:
    """DELETE has the document's keys; the call ends once, with 200 as its SIP code."""
    call = await stack.connected()
    reply = await stack.hang_up(call)
    assert reply.status == 200
    matches(
        reply.body,
        voice_id=call,
        state="success",
        status="success",
        channel_id=str,
        timeStamp=TIMESTAMP,
        from_=RINGS,
        to=CALLEE,
    )
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (200, "Normal clearing")
    assert not stack.ari.channels


async def test_hang_up_again(stack: Stack) -> None:
    """DELETE of a call that is ending or has ended is 200 again, and nothing more is sent."""
    call = await stack.connected()
    stack.ari.world.hangup_delay = 0.05
    for _ in range(3):
        assert (await stack.hang_up(call)).status == 200
    stack.ari.world.hangup_delay = 0
    await stack.over(call)
    assert (await stack.hang_up(call)).status == 200
    await stack.over(call)
    assert sum(f"{call}.leg1" in request.path for request in stack.ari.seen("hangup")) == 1


async def test_cancel_while_it_rings(stack: Stack) -> None:
    """DELETE of an outbound call that rings cancels it: disconnected with 487."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    await stack.hang_up(call)
    ended = await stack.over(call)
    assert (ended["disconnect_reason"], ended["call_duration"]) == ("Cancelled", 0)
    assert stack.names(call) == ["ringing", "disconnected"]


async def test_cancel_at_once(stack: Stack) -> None:
    """DELETE right behind POST: whatever was on its way, the call ends, once."""
    call = (await stack.place())["voice_id"]
    await stack.hang_up(call)
    await stack.over(call)
    await stack.ari.wait_for(lambda: f"{call}.leg1" not in stack.ari.channels)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "call", [NO_CALL, "x", "%00", "..%2f..", "%F0%9F%98%80", "%ff", "a" * 4000, "'--", "%ED%A0%80"]
)
@pytest.mark.contract("enablex-voice", "show.error")
async def test_unknown_call(stack: Stack, method: str, call: str) -> None:
    """An id that is no call's is 404 with nothing else."""
    refused(await stack.ask(method, f"/call/{call}"), 404, 404)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_another_apps_call(stack: Stack, method: str) -> None:
    """Another app's call is 404, and goes on."""
    call = await stack.connected()
    reply = await stack.ask(method, f"/call/{call}", auth=(OTHER_APP, OTHER_KEY))
    refused(reply, 404, 404)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"


@pytest.mark.parametrize("data", [None, b"", b"{}", b"rubbish"])
async def test_delete_with_any_body(stack: Stack, data: bytes | None) -> None:
    """DELETE takes no body; clients send a JSON content type with none, or with something."""
    call = await stack.connected()
    assert (await stack.ask("DELETE", f"/call/{call}", data=data)).status == 200


async def test_longest_call(idle: Stack) -> None:
    """calls.max_duration after the answer we end the call, and say why."""
    idle.configure("[calls]\nmax_duration = 0.2")
    await idle.start()
    call = await idle.connected()
    assert (await idle.over(call))["disconnect_reason"] == "Maximum duration reached"
    await idle.stop()
