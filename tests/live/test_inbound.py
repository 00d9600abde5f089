"""Inbound calls from a real SIP peer."""

from __future__ import annotations

import asyncio

import pytest

from tests.live.asterisk import Carrier
from tests.live.audio import loud_seconds
from tests.live.conftest import Api, Eventually

pytestmark = pytest.mark.live

CALLER = "+15557770001"


@pytest.mark.contract("enablex-voice", "incoming.event", "accept.request", "accept.reply")
async def test_accepted_call_has_a_menu(api: Api, carrier: Carrier) -> None:
    """incomingcall, accept, connected; the caller hears the menu and its keys arrive."""
    carrier.call(to="+15551000", from_=CALLER, behave="press:42#")
    incoming = await api.event("incomingcall")
    assert (incoming["from"], incoming["to"]) == (CALLER, "+15551000")
    call = incoming["voice_id"]
    status, reply = await api.request("POST", f"/call/{call}/accept")
    assert (status, reply["status"]) == (200, "success")
    await api.event("connected")
    assert (await api.request("PUT", f"/call/{call}/accept"))[0] == 200
    await api.play(call, text="Please enter your number. " * 5, dtmf=True)
    assert (await api.event("digitcollected"))["digit"] == "42"
    await api.hang_up(call)
    assert await api.over() == ["incomingcall", "connected", "digitcollected", "disconnected"]


@pytest.mark.contract("enablex-voice", "incoming.greeting")
async def test_greeting_answers_by_itself(api: Api, carrier: Carrier) -> None:
    """A number with a greeting: answered, incomingcall sent, greeting heard."""
    channel = carrier.call(to="+15551001", from_=CALLER, behave="wait:8")
    finished = await api.event("playfinished")
    assert "prompt_ref" not in finished
    call = finished["voice_id"]
    assert (await api.request("PUT", f"/call/{call}/accept", {}))[0] == 200
    await api.hang_up(call)
    assert await api.over() == ["incomingcall", "connected", "playfinished", "disconnected"]
    assert loud_seconds(carrier.heard("+15551001", channel)) > 1.0


@pytest.mark.contract("enablex-voice", "hangup.request", "hangup.event")
async def test_rejected_call(api: Api, carrier: Carrier) -> None:
    """DELETE of an offered call rejects it; it never was connected."""
    carrier.call(to="+15551000", from_=CALLER, behave="wait:5")
    call = (await api.event("incomingcall"))["voice_id"]
    await api.hang_up(call)
    assert await api.over() == ["incomingcall", "disconnected"]
    ended = await api.event("disconnected")
    assert (ended["sip_code"], ended["disconnect_reason"]) == (603, "Call rejected")


@pytest.mark.contract("enablex-voice", "incoming.dropped")
async def test_call_that_nobody_accepts(api: Api, carrier: Carrier) -> None:
    """After the number's time limit the call is dropped."""
    carrier.call(to="+15551000", from_=CALLER, behave="wait:20")
    assert (await api.over()) == ["incomingcall", "disconnected"]
    assert (await api.event("disconnected"))["disconnect_reason"] == "Not accepted in time"


async def test_caller_gives_up_before_the_answer(api: Api, carrier: Carrier) -> None:
    """A cancelled call ends with one `disconnected`; accept then is 404."""
    channel = carrier.call(to="+15551000", from_=CALLER, behave="wait:20")
    call = (await api.event("incomingcall"))["voice_id"]
    carrier.cancel(channel)
    assert await api.over() == ["incomingcall", "disconnected"]
    assert (await api.event("disconnected"))["sip_code"] == 487
    assert (await api.request("POST", f"/call/{call}/accept"))[0] == 404


async def test_unknown_number_is_turned_away(
    api: Api, carrier: Carrier, eventually: Eventually
) -> None:
    """A number of nobody: no webhook, and the caller is told that there is none."""
    carrier.call(to="+15559999", from_=CALLER, behave="wait:5")
    await eventually(lambda: "0 active channels" in carrier.cli("core show channels count"), 10)
    await asyncio.sleep(0.3)
    assert api.events() == []
