"""Kill -9, real calls up: the adapter, Asterisk, the connection between them, the application."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.live import numbers
from tests.live.adapter_process import SECRET, AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import loud_seconds
from tests.live.conftest import Api, Eventually
from tests.live.wire import Wire

pytestmark = [pytest.mark.live, pytest.mark.crash]

LONG = "This prompt is long enough for everything that happens meanwhile. " * 2
PROMPT_ENDINGS = {"playfinished", "digitcollected", "menutimeout", "failed"}


def check_story(names: list[str], api: Api) -> None:
    """What must hold of every call: one ending for each thing, and nothing after the end."""
    assert names.count("disconnected") == 1
    assert names[-1] == "disconnected"
    assert names.count("connected") <= 1
    plays = [e["play_id"] for e in api.events() if "playstate" in e]
    assert len(plays) == len(set(plays)), "a prompt has two endings"
    times = [e["timestamp"] for e in api.events()]
    assert times == sorted(times), "webhooks out of order"
    api.sink.verify(SECRET)


async def test_killed_while_a_prompt_plays(
    api: Api, adapter: AdapterProcess, carrier: Carrier
) -> None:
    """The caller hears the whole prompt, and its one outcome comes after the restart."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await api.play(call, text=LONG, prompt_ref="long")
    await asyncio.sleep(1.0)
    await adapter.kill()
    await adapter.start()
    assert (await api.event("playfinished", 20))["prompt_ref"] == "long"
    await api.play(call, text="And it goes on.", prompt_ref="after")
    await api.sink.wait_for(lambda _: api.names().count("playfinished") == 2, timeout=15)
    await api.hang_up(call)
    names = await api.over()
    check_story(names, api)
    assert [n for n in names if n in PROMPT_ENDINGS] == ["playfinished"] * 2
    assert loud_seconds(carrier.heard(numbers.ANSWERS)) > 5


async def test_killed_while_a_prompt_ends_unheard(api: Api, adapter: AdapterProcess) -> None:
    """The prompt ends while nobody listens: its outcome is found out at the restart."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await api.play(call, text="A short one.")
    await asyncio.sleep(0.3)
    await adapter.kill()
    await asyncio.sleep(2.5)
    await adapter.start()
    await api.event("playfinished", 5)
    await api.hang_up(call)
    check_story(await api.over(), api)


async def test_killed_while_digits_are_collected(
    api: Api, adapter: AdapterProcess, carrier: Carrier
) -> None:
    """Keys from before the kill and from after the restart make one answer."""
    carrier.call(
        to="+15551000", from_="+15557770003", behave="wait:3,press:1,wait:7,press:2#,wait:20"
    )
    call = (await api.event("incomingcall"))["voice_id"]
    await api.request("PUT", f"/call/{call}/accept")
    await api.event("connected")
    await api.play(call, text="Go.", dtmf=True, prompt_ref="pin", inter_digit_timeout=20)
    await asyncio.sleep(4.5)
    await adapter.kill()
    await adapter.start()
    got = await api.event("digitcollected", 15)
    assert (got["digit"], got["prompt_ref"]) == ("12", "pin")
    await api.hang_up(call)
    check_story(await api.over(), api)


async def test_killed_while_it_rings(api: Api, adapter: AdapterProcess) -> None:
    """A ringing call is answered while we are away: `connected` comes at the restart."""
    await api.place(numbers.RINGS_THEN_ANSWERS)
    await api.event("ringing")
    await adapter.kill()
    await asyncio.sleep(4)
    await adapter.start()
    connected = await api.event("connected", 5)
    await api.hang_up(connected["voice_id"])
    names = await api.over()
    check_story(names, api)
    assert names == ["ringing", "connected", "disconnected"]


async def test_killed_between_reply_and_dialling(
    api: Api, adapter: AdapterProcess, asterisk: Instance, carrier: Carrier
) -> None:
    """The reply was given, Asterisk never got the order: after the restart it is dialled, once."""
    before = len(carrier.recordings(numbers.ANSWERS))
    os.kill(asterisk.pid, signal.SIGSTOP)
    try:
        call = await api.place(numbers.ANSWERS)
        await adapter.kill()
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)
    await adapter.start()
    await api.event("connected")
    assert api.events()[-1]["voice_id"] == call
    await api.hang_up(call)
    check_story(await api.over(), api)
    assert len(carrier.recordings(numbers.ANSWERS)) == before + 1


async def test_inbound_call_survives(api: Api, adapter: AdapterProcess, carrier: Carrier) -> None:
    """An offered call is accepted after a kill; a caller who hung up meanwhile is gone."""
    carrier.call(to="+15551000", from_="+15557770002", behave="wait:30")
    call = (await api.event("incomingcall"))["voice_id"]
    await adapter.kill()
    await adapter.start()
    assert (await api.request("PUT", f"/call/{call}/accept"))[0] == 200
    await api.event("connected")
    await adapter.kill()
    carrier.cli("channel request hangup all")
    await asyncio.sleep(1)
    await adapter.start()
    names = await api.over()
    check_story(names, api)
    assert names == ["incomingcall", "connected", "disconnected"]


async def test_asterisk_is_killed(
    api: Api, adapter: AdapterProcess, asterisk: Instance, eventually: Eventually
) -> None:
    """Every live call gets its `disconnected`; the adapter reconnects, pushes trunks, and works."""
    calls = [await api.place(numbers.ANSWERS) for _ in range(3)]
    await api.sink.wait_for(lambda _: api.names().count("connected") == 3, timeout=15)
    await api.play(calls[0], text=LONG)
    asterisk.kill()
    await asyncio.sleep(1)
    status, _ = await api.request("POST", "/call", {"from": "+15551000", "to": numbers.ANSWERS})
    assert status == 503
    asterisk.restart()
    await api.sink.wait_for(lambda _: api.names().count("disconnected") == 3, timeout=15)
    for call in calls:
        assert api.names(call)[-1] == "disconnected"
    assert api.names(calls[0])[-2:] == ["failed", "disconnected"]
    await adapter.wait_ready()
    again = await api.place(numbers.ANSWERS)
    await api.sink.wait_for(lambda _: "connected" in api.names(again), timeout=10)
    await api.hang_up(again)
    await api.sink.wait_for(lambda _: "disconnected" in api.names(again), timeout=10)


async def test_websocket_is_cut_for_five_seconds(
    api: Api, adapter: AdapterProcess, wire: Wire
) -> None:
    """Events of five seconds are lost: what they told is found out at the reconnect."""
    call = await api.place(numbers.ANSWERS)
    ending = await api.place(numbers.hangs_up_after(4))
    await api.sink.wait_for(lambda _: api.names().count("connected") == 2, timeout=15)
    await api.play(call, text="A short one.", prompt_ref="lost")
    async with wire.cut():
        await asyncio.sleep(5)
    await adapter.wait_ready()
    await api.sink.wait_for(lambda _: "disconnected" in api.names(ending), timeout=10)
    assert (await api.event("playfinished", 10))["prompt_ref"] == "lost"
    await api.hang_up(call)
    await api.sink.wait_for(lambda _: "disconnected" in api.names(call), timeout=10)
    for one in (call, ending):
        assert api.names(one).count("disconnected") == 1


async def test_application_is_down_for_a_minute(api: Api, adapter: AdapterProcess) -> None:
    """Nothing is lost and nothing overtakes: all webhooks come when the application is back."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await api.sink.down()
    await api.play(call, text="Nobody is told of this yet.", prompt_ref=1)
    await asyncio.sleep(30)
    await adapter.kill()
    await adapter.start()
    await asyncio.sleep(30)
    await api.hang_up(call)
    await api.sink.up()
    names = await api.over(30)
    check_story(names, api)
    assert [n for n in names if n != "ringing"] == ["connected", "playfinished", "disconnected"]
