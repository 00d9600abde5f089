"""Calls joined with another party: what everybody hears, and what the application is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import numbers
from tests.live.bridged_calls import (
    CALLER,
    FROM,
    PARTY,
    answered,
    bridged,
    connect,
    ended,
    order,
    over,
    talking,
    told,
)
from tests.live.conftest import Api, Phones

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SPEECH = {"text": "This is said to the caller. " * 4, "language": "en-US", "voice": "female"}


@pytest.mark.contract(
    "enablex-voice",
    "connect.request",
    "connect.reply",
    "connect.event",
    "play.error.405",
)
async def test_party_rings_answers_and_leaves(app: Api, phones: Phones) -> None:
    """The caller hears it ring, then the party; when that leaves, prompts can be played again."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    reply = await connect(app, call, party)
    assert (reply["state"], reply["from"], reply["to"]) == ("initiated", FROM, party.uri)
    assert reply["bridge_id"]
    bridging = await told(app, call, "bridging")
    assert (bridging["from"], bridging["voice_Id"]) == (FROM, call)
    await caller.hears("ringing")
    party.answer()
    await told(app, call, "bridged", party)
    await talking(caller, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    assert (await app.request("PUT", f"/call/{call}/play", SPEECH))[1]["result"] == 6112
    again = {"from": FROM, "to": party.uri}
    assert (await app.request("PUT", f"/call/{call}/connect", again))[0] == 409
    party.hang_up()
    left = await told(app, call, "bridge_disconnected", party)
    assert left["channel_id"] == bridging["channel_id"]
    await caller.hears()
    await app.play(call, **SPEECH)
    await caller.hears("music")  # no tone: speech
    await told(app, call, "playfinished", seconds=15)
    assert await over(app, call) == [
        ("bridging", party.uri),
        ("bridged", party.uri),
        ("bridge_disconnected", party.uri),
        ("playfinished", caller.uri),
    ]
    assert caller.over.is_set()


async def test_early_media_of_the_party(app: Api, phones: Phones) -> None:
    """What the party sends while it rings is heard in place of a ringing tone."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False, early=True)
    call = await answered(app, caller)
    await connect(app, call, party)
    await caller.keeps_hearing(PARTY)
    assert "bridged" not in app.names(call)
    party.answer()
    await told(app, call, "bridged")
    await talking(caller, party)
    await over(app, call)
    await party.wait(party.over)


async def test_party_behind_the_trunk(app: Api, phones: Phones) -> None:
    """A number is called through the trunk of the caller id; this one echoes."""
    caller = await phones(CALLER)
    call = await answered(app, caller)
    await caller.hears()
    await connect(app, call, numbers.ECHOES)
    await told(app, call, "bridged", numbers.ECHOES)
    await caller.keeps_hearing(CALLER)
    await over(app, call)


@pytest.mark.contract("enablex-voice", "connect.event")
async def test_parties_that_fail(app: Api, phones: Phones) -> None:
    """Busy, refused, unanswered, unknown, redirected: one event, and the call lives on."""
    caller, busy = await phones(CALLER), await phones(PARTY, refuses=486)
    refuses, silent = await phones(PARTY, refuses=603), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    other = ((numbers.UNALLOCATED, 404), (numbers.REDIRECTS, 302))
    for party, code in ((busy, 486), (refuses, 603), (silent, 480), *other):
        await connect(app, call, party, timeout=1)
        failed = await told(app, call, "bridging_failed", party)
        assert (failed["sip_code"], failed["from"]) == (code, FROM)
        await caller.hears()
    await silent.wait(silent.over)
    await app.play(call, **SPEECH)
    await caller.hears("music")
    assert await over(app, call) == [
        ("bridging_failed", busy.uri),
        ("bridging_failed", refuses.uri),
        ("bridging", silent.uri),
        ("bridging_failed", silent.uri),
        ("bridging_failed", numbers.UNALLOCATED),
        ("bridging_failed", numbers.REDIRECTS),
        ("failed", caller.uri),
    ]


async def test_connect_ends_a_prompt(app: Api, phones: Phones) -> None:
    """The prompt ends first, with its outcome; then the party is heard."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await answered(app, caller)
    await app.play(call, **SPEECH)
    await caller.hears("music")
    await connect(app, call, party)
    await told(app, call, "bridged")
    await talking(caller, party)
    assert await over(app, call) == [
        ("playfinished", caller.uri),
        ("bridging", party.uri),
        ("bridged", party.uri),
    ]


async def test_connect_before_the_answer(app: Api, phones: Phones) -> None:
    """Ordered while the call rings, it is kept until the answer."""
    caller, party = await phones(CALLER, answers=False), await phones(PARTY)
    call = await app.place(caller.uri)
    await told(app, call, "ringing")
    await connect(app, call, party)
    await asyncio.sleep(0.3)
    assert not party.rings.is_set()
    caller.answer()
    await told(app, call, "bridged", party)
    await talking(caller, party)
    assert await over(app, call) == [("bridging", party.uri), ("bridged", party.uri)]


@pytest.mark.contract("enablex-voice", "dial.request")
async def test_action_on_connect(app: Api, phones: Phones) -> None:
    """`action_on_connect.connect` joins at the answer."""
    caller, party = await phones(CALLER), await phones(PARTY)
    action = {"connect": {"from": FROM, "to": party.uri}}
    call = await app.place(caller.uri, action_on_connect=action)
    await told(app, call, "bridged", party)
    await talking(caller, party)
    party.hang_up()
    await told(app, call, "bridge_disconnected")
    await over(app, call)


async def test_inbound_caller(app: Api, phones: Phones) -> None:
    """A call that came in is joined; when the caller hangs up, only `disconnected` is told."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    await caller.call(FROM, "+15557770001")
    call = (await app.event("incomingcall"))["voice_id"]
    await caller.wait(caller.rings)
    await order(app, call, "accept")
    await caller.wait(caller.up)
    await connect(app, call, party)
    await caller.hears("ringing")
    party.answer()
    await told(app, call, "bridged", party)
    await talking(caller, party)
    caller.hang_up()
    assert await ended(app, call) == [("bridging", party.uri), ("bridged", party.uri)]
    await party.wait(party.over)


async def test_caller_leaves_while_the_party_rings(app: Api, phones: Phones) -> None:
    """The party's telephone stops ringing; the call has ended, and that is all that is told."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    await connect(app, call, party)
    await told(app, call, "bridging")
    caller.hang_up()
    assert await ended(app, call) == [("bridging", party.uri)]
    await party.wait(party.over)


@pytest.mark.contract("enablex-voice", "hold.request")
async def test_hold_and_resume(app: Api, phones: Phones) -> None:
    """On hold: music for the caller, silence for the party; then they talk again."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await answered(app, caller)
    assert (await app.request("PUT", f"/call/{call}/hold", {"hold": True}))[0] == 409
    await connect(app, call, party)
    await told(app, call, "bridged")
    for _ in range(2):
        await talking(caller, party)
        await order(app, call, "hold", hold=True)
        await order(app, call, "hold", hold=True)  # as it is already
        await caller.hears("music")
        before = party.packets
        await asyncio.gather(caller.keeps_hearing("music"), party.keeps_hearing())
        assert party.packets - before > 40  # silence, but not nothing: it must not think us gone
        await order(app, call, "hold", hold=False)
    await talking(caller, party)
    await order(app, call, "hold", hold=True)
    await caller.hears("music")
    party.hang_up()
    await told(app, call, "bridge_disconnected")
    await caller.hears()
    assert [name for name, _ in await over(app, call)] == [
        "bridging",
        "bridged",
        "bridge_disconnected",
    ]


@pytest.mark.contract("enablex-voice", "dtmf.event")
async def test_keys_of_both_sides(app: Api, phones: Phones) -> None:
    """A burst of keys of each side is told with its channel, and reaches the other side."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    channel = (await told(app, call, "bridged"))["channel_id"]
    await asyncio.gather(party.press("12#"), caller.press("3*4"))
    await app.sink.wait_for(lambda _: app.names(call).count("dtmfcollected") == 2, timeout=5)
    pressed = [e for e in app.events(call) if e["state"] == "dtmfcollected"]
    keys = {(e["channel_id"] == channel): (e["digit"], e["digits"]) for e in pressed}
    assert keys == {True: ("12", "12"), False: ("3*4", "3*4")}
    assert (caller.keys, party.keys) == ("12#", "3*4")
    await talking(caller, party)
    await over(app, call)
