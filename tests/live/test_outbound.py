"""Outbound calls through a real Asterisk to a real SIP peer: what the application is told, and
what the far end hears."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import numbers
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import loud_seconds
from tests.live.conftest import Api

pytestmark = pytest.mark.live


@pytest.mark.contract(
    "enablex-voice",
    "dial.request",
    "dial.reply",
    "dial.event",
    "hangup.reply",
    "hangup.event",
)
async def test_answered_call_is_spoken_to_and_hung_up(
    api: Api, carrier: Carrier, asterisk: Instance
) -> None:
    """A call is answered, hears speech, and ends with exactly one event for each thing."""
    call = await api.place(
        numbers.ANSWERS,
        owner_ref={"order": 7},
        action_on_connect={
            "play": {
                "text": "This is a test of the voice server, with a sentence of some length.",
                "language": "en-US",
                "voice": "female",
                "prompt_ref": "hello",
            }
        },
    )
    played = await api.event("playfinished")
    assert played["prompt_ref"] == "hello"
    assert played["owner_ref"] == {"order": 7}
    await api.hang_up(call)
    names = await api.over()
    assert [n for n in names if n != "ringing"] == ["connected", "playfinished", "disconnected"]
    ended = await api.event("disconnected")
    assert ended["sip_code"] == 200
    assert ended["call_duration"] > 2
    assert loud_seconds(carrier.heard(numbers.ANSWERS)) > 1.5
    assert "0 active channels" in asterisk.cli("core show channels count")


@pytest.mark.contract("enablex-voice", "play.request", "play.reply", "play.event")
async def test_keys_of_the_far_end_are_collected(api: Api) -> None:
    """A callee presses 1 2 #: the prompt stops and the digits come as a string."""
    call = await api.place(numbers.presses("12#"))
    await api.event("connected")
    await api.play(
        call, text="Please enter your number, then press pound. " * 4, dtmf=True, prompt_ref="n"
    )
    got = await api.event("digitcollected")
    assert (got["digit"], got["digits"], got["prompt_ref"]) == ("12", "12", "n")
    assert "state" not in got
    await api.hang_up(call)
    assert (await api.over()).count("digitcollected") == 1


@pytest.mark.contract("enablex-voice", "play.event")
async def test_menu_without_keys_times_out(api: Api) -> None:
    """Nobody presses anything: menutimeout, and never playfinished."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await api.play(call, text="Press a key.", dtmf="true", start_timeout=1)
    await api.event("menutimeout")
    await api.hang_up(call)
    assert "playfinished" not in await api.over()


async def test_prompt_is_stopped(api: Api, carrier: Carrier) -> None:
    """`stop` ends a long prompt at once; the far end hears the beginning only."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    play = await api.play(call, text="This goes on and on and on. " * 20)
    await asyncio.sleep(1.0)
    status, reply = await api.request("PUT", f"/call/{call}/play", {"stop": True})
    assert (status, reply["playstate"], reply["play_id"]) == (200, "stopped", play)
    await api.event("playfinished")
    status, reply = await api.request("PUT", f"/call/{call}/play", {"stop": True})
    assert status == 409
    await asyncio.sleep(1.0)
    await api.hang_up(call)
    await api.over()
    assert 0.4 < loud_seconds(carrier.heard(numbers.ANSWERS)) < 2.0


@pytest.mark.contract("enablex-voice", "play.error.408")
async def test_second_play_is_refused_while_one_runs(api: Api) -> None:
    """408 with 6114 while a prompt runs; the first is not disturbed."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await api.play(call, text="One two three four five six.")
    status, reply = await api.request(
        "PUT", f"/call/{call}/play", {"text": "x", "language": "en-US", "voice": "male"}
    )
    assert (status, reply["result"]) == (408, 6114)
    await api.event("playfinished")
    await api.hang_up(call)
    await api.over()


@pytest.mark.parametrize(
    ("number", "sip_code", "reason"),
    [
        (numbers.BUSY, 486, "User busy"),
        (numbers.REJECTS, 603, "Call rejected"),
        (numbers.UNALLOCATED, 404, "Number not found"),
        (numbers.CONGESTED, 503, "Network congestion"),
        (numbers.REDIRECTS, 302, "Call failed"),
    ],
)
async def test_refused_call(
    api: Api, asterisk: Instance, number: str, sip_code: int, reason: str
) -> None:
    """Each refusal of the far end is one `disconnected` with its SIP code; a 302 is no call."""
    await api.place(number)
    assert await api.over() == ["disconnected"]
    ended = await api.event("disconnected")
    assert (ended["sip_code"], ended["disconnect_reason"]) == (sip_code, reason)
    assert ended["call_duration"] == 0
    assert "0 active channels" in asterisk.cli("core show channels count")


@pytest.mark.contract("enablex-voice", "show.request", "show.reply", "dial.event")
async def test_cancelled_while_ringing(api: Api) -> None:
    """DELETE while it rings: ringing, disconnected, nothing else."""
    call = await api.place(numbers.RINGS_OUT)
    await api.event("ringing")
    status, reply = await api.request("GET", f"/call/{call}")
    assert (status, reply["state"], reply["direction"]) == (200, "In progress", "Outbound")
    await api.hang_up(call)
    assert await api.over() == ["ringing", "disconnected"]
    assert (await api.event("disconnected"))["sip_code"] == 487
    await api.hang_up(call)


@pytest.mark.contract("enablex-voice", "play.event")
async def test_far_end_hangs_up_in_a_prompt(api: Api) -> None:
    """The outcome `failed` comes before `disconnected`, once."""
    call = await api.place(numbers.hangs_up_after(2))
    await api.event("connected")
    await api.play(call, text="This goes on and on and on. " * 20)
    assert (await api.over())[-2:] == ["failed", "disconnected"]
    status, _ = await api.request(
        "PUT", f"/call/{call}/play", {"text": "x", "language": "en-US", "voice": "male"}
    )
    assert status == 404


async def test_outbound_greeting_comes_first(api: Api) -> None:
    """A number's outbound greeting is played before the action; its outcome has no prompt_ref."""
    action = {"text": "Then this.", "language": "en", "voice": "male", "prompt_ref": 5}
    call = await api.place(
        numbers.ANSWERS, **{"from": "+15551002"}, action_on_connect={"play": action}
    )
    await api.sink.wait_for(lambda _: api.names().count("playfinished") == 2, timeout=20)
    first, second = (e for e in api.events() if e.get("playstate"))
    assert "prompt_ref" not in first
    assert second["prompt_ref"] == 5
    await api.hang_up(call)
    await api.over()


async def test_sip_uri_destination(api: Api, carrier: Carrier) -> None:
    """A SIP URI whose host is allowed is dialled directly; another host is refused undialled."""
    await api.place(f"sip:{numbers.BUSY.lstrip('+')}@127.0.0.1:{carrier.sip_port}")
    assert await api.over() == ["disconnected"]
    assert (await api.event("disconnected"))["sip_code"] == 486
    status, reply = await api.request(
        "POST", "/call", {"from": "+15551000", "to": "sip:x@198.51.100.7"}
    )
    assert (status, reply["result"]) == (403, 403)
