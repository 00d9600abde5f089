"""Inbound calls: incomingcall, accept, greeting, rejection (enablex-voice.txt, "Handle Incoming
Call Events"; enablex.md, "Inbound")."""

from __future__ import annotations

import pytest

from tests.contract.stack import (
    GREETS,
    OTHER_APP,
    OTHER_KEY,
    OUTBOUND_ONLY,
    PROVISIONING,
    RINGS,
    Stack,
)
from tests.contract.wording import UUID, matches, refused

CALLER = "+15557777"


@pytest.mark.contract("enablex-voice", "incoming.event", "incoming.keys")
async def test_incomingcall_has_the_documented_keys(stack: Stack) -> None:
    """The webhook has the document's keys; the caller hears ringing and is not answered."""
    call = await stack.offered()
    matches(
        await stack.event(call, "incomingcall"),
        voice_id=UUID,
        state="incomingcall",
        from_=CALLER,
        to=RINGS,
        channel_id=str,
    )
    await stack.ari.wait_for(lambda: stack.ari.count("ring") == 1)
    assert stack.ari.count("answer") == 0


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("data", [None, b"", b"{}", b'{"anything": 1}'])
@pytest.mark.contract("enablex-voice", "accept.request", "accept.reply", "accept.keys")
async def test_accept_answers(stack: Stack, method: str, data: bytes | None) -> None:
    """PUT and POST, with a body or none, answer success; connected follows incomingcall."""
    call = await stack.offered()
    reply = await stack.ask(method, f"/call/{call}/accept", data=data)
    assert reply.status == 200
    matches(reply.body, voice_id=call, status="success", from_=CALLER, to=RINGS)
    await stack.event(call, "connected")
    assert stack.names(call) == ["incomingcall", "connected"]


async def test_accept_twice(stack: Stack) -> None:
    """A second accept is success as well, and nothing is answered or sent again."""
    call = await stack.offered()
    await stack.ask("POST", f"/call/{call}/accept")
    await stack.event(call, "connected")
    assert (await stack.ask("POST", f"/call/{call}/accept"))["status"] == "success"
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["incomingcall", "connected", "disconnected"]
    assert stack.ari.count("answer") == 1


async def test_reject(stack: Stack) -> None:
    """DELETE before accept rejects: disconnected with 603, and never connected."""
    call = await stack.offered()
    assert (await stack.hang_up(call)).status == 200
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (603, "Call rejected")
    assert stack.names(call) == ["incomingcall", "disconnected"]


async def test_reject_tells_the_caller(stack: Stack) -> None:
    """The caller gets 603: what Asterisk makes of "normal" before the answer (lab.md, 5)."""
    call = await stack.offered()
    await stack.hang_up(call)
    await stack.over(call)
    (hangup, *_) = stack.ari.seen("hangup")
    assert hangup.query["reason"] == "normal"


@pytest.mark.contract("enablex-voice", "incoming.dropped")
async def test_nobody_accepts(stack: Stack) -> None:
    """After the number's accept_timeout, here 1 s, the call is dropped with 480."""
    number = f'number = "+{RINGS}"'
    stack.provision(PROVISIONING.replace(number, f"{number}\naccept_timeout = 1"))
    call = await stack.offered()
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (480, "Not accepted in time")


async def test_caller_gives_up(stack: Stack) -> None:
    """A caller who hangs up before accept: disconnected with 487; accept is then 404."""
    call = await stack.offered()
    stack.ari.remote_hangup(next(iter(stack.ari.channels)))
    assert (await stack.over(call))["sip_code"] == 487
    reply = await stack.ask("PUT", f"/call/{call}/accept")
    refused(reply, 404, 404, voice_id=call, from_=CALLER, to=RINGS)


@pytest.mark.contract("enablex-voice", "incoming.greeting")
async def test_greeting(stack: Stack) -> None:
    """A number with a greeting answers by itself; its playfinished has no prompt_ref."""
    call = await stack.offered(GREETS)
    finished = await stack.event(call, "playfinished")
    assert "prompt_ref" not in finished
    assert stack.names(call) == ["incomingcall", "connected", "playfinished"]
    assert (await stack.ask("PUT", f"/call/{call}/accept"))["status"] == "success"
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call).count("connected") == 1


@pytest.mark.contract("enablex-voice", "incoming.greeting")
async def test_stored_greeting(stack: Stack) -> None:
    """A greeting may be a prompt of the app; that file is played."""
    stack.provision(
        '[[number]]\nnumber = "15551077"\napp = "5f1c8a52e4b0"\ntrunk = "carrier"\n'
        'greeting = "welcome"\n'
    )
    await stack.event(await stack.offered("15551077"), "playfinished")
    (played,) = stack.ari.seen("play")
    assert "/media/prompts/" in str(played.body or played.query)


@pytest.mark.parametrize("number", ["15550123", OUTBOUND_ONLY, "", "s"])
async def test_number_of_nobody(stack: Stack, number: str) -> None:
    """A number that is not there, or takes no calls, is turned away; nobody is told."""
    stack.ari.inbound(number, caller=CALLER)
    await stack.ari.wait_for(lambda: stack.ari.count("hangup") == 1)
    assert stack.ari.seen("hangup")[0].query["reason"] == "unallocated"
    await stack.ari.wait_for(lambda: not stack.ari.channels)
    assert not stack.sink.received


@pytest.mark.parametrize("dialled", ["+" + RINGS, RINGS])
async def test_plus_or_not(stack: Stack, dialled: str) -> None:
    """A trunk may give the called number with a plus or without; `to` is as it gave it."""
    call = await stack.offered(dialled)
    assert (await stack.event(call, "incomingcall"))["to"] == dialled


async def test_withheld_number(stack: Stack) -> None:
    """Without a caller's number `from` is there, and empty."""
    call = await stack.offered(caller="")
    assert (await stack.event(call, "incomingcall"))["from"] == ""


async def test_accept_of_an_outbound_call(stack: Stack) -> None:
    """An outbound call cannot be accepted: 409."""
    call = await stack.connected()
    reply = await stack.ask("PUT", f"/call/{call}/accept")
    refused(reply, 409, 409, voice_id=call, from_=str, to=str)


@pytest.mark.parametrize("action", ["accept", "play", ""])
async def test_another_apps_call(stack: Stack, action: str) -> None:
    """Another app's call is 404, never 403, and nothing of it is shown."""
    call = await stack.offered()
    method = "PUT" if action else "GET"
    path = f"/call/{call}/{action}".rstrip("/")
    body = {"prompt_name": "welcome"} if action == "play" else None
    reply = await stack.ask(method, path, body, auth=(OTHER_APP, OTHER_KEY))
    extra = {"timeStamp": str} if action == "play" else {}
    refused(reply, 404, 404, **extra)


async def test_bad_accept_body(stack: Stack) -> None:
    """A body that is no JSON object is 400, with the call; the call goes on ringing."""
    call = await stack.offered()
    for data in (b"[]", b"{", b'"x"'):
        reply = await stack.ask("PUT", f"/call/{call}/accept", data=data)
        refused(reply, 400, 400, voice_id=call, from_=CALLER, to=RINGS)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "In progress"
