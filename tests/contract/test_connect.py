"""`connect`: the call is bridged with another party (enablex-voice.txt, "Bridge Call")."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.parties import (
    PARTY,
    TARGET,
    bridged,
    connect,
    gone,
    leg,
    nothing_left,
    offered_and_bridged,
    rings,
    together,
)
from tests.contract.stack import CALLEE, RINGS, Stack
from tests.contract.wording import TIMESTAMP, matches
from tests.fakes.ari_model import Callee
from tests.fakes.webhook_sink import Received
from tests.fakes.webhook_sink import Reply as Answer

SPOKEN = {"text": "your prompt here", "language": "en-US", "voice": "female"}
OUT = ["ringing", "connected"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("path", ["connect", "connect/"])
@pytest.mark.contract("enablex-voice", "connect.request", "connect.reply", "connect.reply.keys")
async def test_reply_is_the_documented_one(stack: Stack, method: str, path: str) -> None:
    """The example's keys, with `timeStamp` as in the example; `from` and `to` of the request."""
    call = await stack.connected()
    reply = await stack.ask(method, f"/call/{call}/{path}", {"from": f"+{RINGS}", "to": PARTY})
    assert reply.status == 200
    matches(
        reply.body,
        voice_id=call,
        bridge_id=str,
        state="initiated",
        from_=f"+{RINGS}",
        to=PARTY,
        timeStamp=TIMESTAMP,
    )


@pytest.mark.contract("enablex-voice", "connect.event", "connect.event.keys")
async def test_events_have_the_documented_keys(stack: Stack) -> None:
    """bridging and bridged: `voice_Id` as the document has it, beside `voice_id`."""
    call = await bridged(stack, owner_ref="xzy", custom_data=[1])
    for name in ("bridging", "bridged"):
        matches(
            await stack.event(call, name),
            voice_id=call,
            voice_Id=call,
            state=name,
            from_=RINGS,
            to=PARTY,
            channel_id=leg(call, 2),
            owner_ref="xzy",
            custom_data=[1],
        )
    assert stack.names(call) == [*OUT, "bridging", "bridged"]


async def test_the_caller_hears_it_ring(stack: Stack) -> None:
    """The new leg is in the bridge before it is dialled, so Asterisk lets the caller hear it."""
    rings(stack, PARTY)
    call = await stack.connected()
    bridge = (await connect(stack, call))["bridge_id"]
    await stack.event(call, "bridging")
    assert set(stack.ari.world.bridges[bridge]) == {leg(call, 1), leg(call, 2)}
    assert stack.ari.channels[leg(call, 2)].originator == leg(call, 1)
    assert stack.ari.seen("dial")[-1].query["caller"] == leg(call, 1)
    verbs = [request.verb for request in stack.ari.requests]
    assert verbs.index("add_channel") < len(verbs) - 1 - verbs[::-1].index("dial")


@pytest.mark.parametrize(
    ("to", "endpoint"),
    [
        (PARTY, f"PJSIP/{PARTY}@trunk-carrier"),
        ("sip:bob@callee.example", "PJSIP/sip-uri/sip:bob@callee.example"),
        ("0003*210", "PJSIP/0003*210"),
    ],
)
async def test_numbers_uris_and_phones(stack: Stack, to: str, endpoint: str) -> None:
    """`to` is a number or a SIP URI, as for the first leg; the party sees `from`."""
    call = await stack.connected()
    await connect(stack, call, to)
    assert (await stack.event(call, "bridged"))["to"] == to
    created = stack.ari.seen("create_channel")[-1]
    assert {**(created.body or {}), **created.query}["endpoint"] == endpoint
    assert created.body["variables"]["CONNECTEDLINE(num,i)"] == RINGS


@pytest.mark.contract("enablex-voice", "connect.event")
async def test_party_leaves(stack: Stack) -> None:
    """bridge_disconnected, with why; the call lives on and is connected, not bridged."""
    call = await bridged(stack)
    stack.ari.remote_hangup(leg(call, 2))
    matches(
        await stack.event(call, "bridge_disconnected"),
        voice_id=call,
        voice_Id=call,
        state="bridge_disconnected",
        from_=RINGS,
        to=PARTY,
        channel_id=leg(call, 2),
        msg="Normal clearing",
        sip_code=200,
    )
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"
    await stack.ari.wait_for(lambda: not stack.ari.world.bridges)
    assert leg(call, 1) in stack.ari.channels


async def test_play_after_bridge_disconnected(stack: Stack) -> None:
    """The call can be played to again, and connected again: with new ids."""
    call = await stack.connected()
    first = await connect(stack, call)
    await stack.event(call, "bridged")
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridge_disconnected")
    assert (await stack.say(call)).status == 200
    await stack.event(call, "playfinished")
    again = await connect(stack, call, TARGET)
    assert again["bridge_id"] != first["bridge_id"]
    second = await stack.event(call, "bridged", count=2)
    assert (second["to"], second["channel_id"]) == (TARGET, leg(call, 3))
    await together(stack, leg(call, 1), leg(call, 3))


@pytest.mark.parametrize("by", ["caller", "application"])
async def test_call_ends_while_bridged(stack: Stack, by: str) -> None:
    """Only disconnected is sent; the other leg and the bridge go."""
    call = await bridged(stack)
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*OUT, "bridging", "bridged", "disconnected"]


@pytest.mark.parametrize("by", ["caller", "application"])
async def test_call_ends_while_bridging(stack: Stack, by: str) -> None:
    """The same while the party rings: it rings no longer, and nobody is told of it."""
    rings(stack, PARTY)
    call = await stack.connected()
    await connect(stack, call)
    await stack.event(call, "bridging")
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*OUT, "bridging", "disconnected"]


async def test_inbound_call(stack: Stack) -> None:
    """An inbound call is bridged like any other; its own leg keeps Asterisk's id."""
    call, channel = await offered_and_bridged(stack)
    await together(stack, channel, leg(call, 2))
    stack.ari.remote_hangup(channel)
    await stack.over(call)
    await nothing_left(stack)
    wanted = ["incomingcall", "connected", "bridging", "bridged", "disconnected"]
    assert stack.names(call) == wanted


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "User busy"),
        (480, "No answer"),
        (404, "Number not found"),
        (603, "Call rejected"),
        (503, "Network congestion"),
    ],
)
@pytest.mark.contract("enablex-voice", "connect.event")
async def test_party_refuses(stack: Stack, status: int, reason: str) -> None:
    """bridging_failed with reason and code; the call lives on and can be played to."""
    stack.ari.callee(PARTY, Callee.refuses(status))
    call = await stack.connected()
    await connect(stack, call)
    matches(
        await stack.event(call, "bridging_failed"),
        voice_id=call,
        voice_Id=call,
        state="bridging_failed",
        from_=RINGS,
        to=PARTY,
        channel_id=leg(call, 2),
        msg=reason,
        sip_code=status,
    )
    assert (await stack.say(call)).status == 200
    await stack.event(call, "playfinished")
    assert stack.names(call) == [*OUT, "bridging_failed", "playfinished"]
    await stack.ari.wait_for(lambda: not stack.ari.world.bridges)


async def test_party_does_not_answer(stack: Stack) -> None:
    """After `timeout`, our extension, it rings no longer: bridging, then bridging_failed 480."""
    rings(stack, PARTY)
    call = await stack.connected()
    await connect(stack, call, timeout=1)
    failed = await stack.event(call, "bridging_failed")
    assert (failed["sip_code"], failed["msg"]) == (480, "No answer")
    await gone(stack, leg(call, 2))
    assert stack.names(call) == [*OUT, "bridging", "bridging_failed"]


@pytest.mark.parametrize("verb", ["create_channel", "create_bridge", "add_channel", "dial"])
async def test_asterisk_refuses(stack: Stack, verb: str) -> None:
    """Whatever Asterisk can't do: one bridging_failed, the call lives on, and nothing is left."""
    call = await stack.connected()
    stack.ari.fail(verb, 500, times=100)
    assert (await connect(stack, call)).status == 200
    assert (await stack.event(call, "bridging_failed"))["msg"] == "Call failed"
    stack.ari.fail(verb, 500, times=0)
    await gone(stack, leg(call, 2))
    await stack.ari.wait_for(lambda: not stack.ari.world.bridges)
    assert (await stack.say(call)).status == 200
    await stack.event(call, "playfinished")
    assert stack.names(call) == [*OUT, "bridging_failed", "playfinished"]


async def test_connect_stops_a_prompt(stack: Stack) -> None:
    """A prompt that plays is stopped, with its outcome, and then the call is bridged."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    play_id = (await stack.say(call))["play_id"]
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    assert (await connect(stack, call)).status == 200
    assert (await stack.event(call, "playfinished"))["play_id"] == play_id
    await stack.event(call, "bridged")
    assert stack.ari.count("stop_playback") == 1
    assert stack.names(call) == [*OUT, "playfinished", "bridging", "bridged"]


async def test_connect_stops_a_menu(stack: Stack) -> None:
    """A menu that waits for keys ends with what was pressed."""
    call = await stack.connected()
    await stack.say(call, dtmf=True, inter_digit_timeout=60)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stack.ari.digit(leg(call, 1), "4")
    await stack.quiet()
    await connect(stack, call)
    assert (await stack.event(call, "digitcollected"))["digit"] == "4"
    await stack.event(call, "bridged")


async def test_connect_before_the_answer(stack: Stack) -> None:
    """It is kept, and carried out when the call is answered."""
    rings(stack, CALLEE)
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    reply = await connect(stack, call)
    assert (reply.status, reply["state"]) == (200, "initiated")
    assert stack.ari.count("create_channel") == 1
    stack.ari.world.answer(leg(call, 1))
    assert (await stack.event(call, "bridged"))["to"] == PARTY
    assert stack.names(call) == [*OUT, "bridging", "bridged"]
    assert reply["bridge_id"] in stack.ari.world.bridges


async def test_connect_of_an_offered_call(stack: Stack) -> None:
    """The same for an incoming call: it does not answer it, but waits for accept."""
    call = await stack.offered()
    assert (await connect(stack, call)).status == 200
    await stack.quiet()
    assert stack.ari.count("answer") == 0
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.event(call, "bridged")
    assert stack.names(call) == ["incomingcall", "connected", "bridging", "bridged"]


async def test_connect_before_an_answer_that_does_not_come(stack: Stack) -> None:
    """A call that is never answered takes its kept connect with it."""
    stack.ari.callee(CALLEE, Callee.refuses(486, after=0.3))
    call = (await stack.place())["voice_id"]
    assert (await connect(stack, call)).status == 200
    await stack.over(call)
    assert stack.names(call) == ["disconnected"]


@pytest.mark.parametrize("from_", [{}, {"from": f"+{RINGS}"}])
async def test_action_on_connect(stack: Stack, from_: dict[str, str]) -> None:
    """action_on_connect.connect bridges by itself; without `from` with that of the call."""
    action = {"connect": {"to": PARTY} | from_}
    call = await stack.connected(action_on_connect=action)
    event = await stack.event(call, "bridged")
    assert (event["from"], event["to"]) == (from_.get("from", RINGS), PARTY)
    assert stack.names(call) == [*OUT, "bridging", "bridged"]


async def test_reply_comes_before_the_first_webhook(stack: Stack) -> None:
    """Each of ten connects at once is answered before a webhook names its leg."""
    calls = await asyncio.gather(*(stack.connected() for _ in range(10)))
    seen: list[tuple[str, str]] = []

    def note(received: Received) -> Answer:
        seen.append(("webhook", received.json["voice_id"]))
        return Answer()

    async def one(call: str) -> None:
        await connect(stack, call)
        seen.append(("reply", call))

    stack.sink.decide = note
    await asyncio.gather(*(one(call) for call in calls))
    for call in calls:
        await stack.event(call, "bridged")
        assert next(what for what, named in seen if named == call) == "reply"


async def test_many_at_once(stack: Stack) -> None:
    """Of five connects of one call at the same time one is taken; the others are 409."""
    call = await stack.connected()
    replies = await asyncio.gather(*(connect(stack, call) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]
    await stack.event(call, "bridged")
    assert stack.ari.count("create_channel") == 2


async def test_it_rings_without_an_answer_yet(stack: Stack) -> None:
    """GET says connected as long as the call is, whoever it is bridged with."""
    rings(stack, PARTY)
    call = await stack.connected()
    await connect(stack, call)
    await stack.event(call, "bridging")
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"


async def test_idempotency(stack: Stack) -> None:
    """A connect that is repeated under its key is answered as before; one leg is dialled."""
    call = await stack.connected()

    async def keyed(**keys: Any) -> Any:
        body = {"from": RINGS, "to": PARTY} | keys
        headers = {"Idempotency-Key": "key-1"}
        return await stack.ask("PUT", f"/call/{call}/connect", body, headers=headers)

    first = await keyed()
    await stack.event(call, "bridged")
    again = await keyed()
    assert (again.status, again.body) == (200, first.body)
    assert (await keyed(to=TARGET)).status == 409
    assert stack.ari.count("create_channel") == 2
