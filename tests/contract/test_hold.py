"""`hold` (enablex-voice.txt, "Call Hold-Unhold API"), and keys pressed while bridged
("Receive DTMF")."""

from __future__ import annotations

import pytest

from tests.contract.parties import (
    TARGET,
    bridged,
    hold,
    leg,
    nothing_left,
    offered_and_bridged,
    rings,
    together,
    transfer,
)
from tests.contract.stack import CALLEE, RINGS, Stack, name_of
from tests.contract.wording import matches
from tests.fakes.ari_model import Sound

BRIDGED = ["ringing", "connected", "bridging", "bridged"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("on", [True, False])
@pytest.mark.contract("enablex-voice", "hold.request")
async def test_reply_has_status(stack: Stack, method: str, on: bool) -> None:
    """Success has `status`, for hold and for resume; also when it is as it was."""
    call = await bridged(stack)
    for _ in range(2):
        reply = await stack.ask(method, f"/call/{call}/hold", {"hold": on})
        assert reply.status == 200
        matches(reply.body, voice_id=call, status="success", from_=RINGS, to=CALLEE)


async def test_held_caller_hears_music_and_the_party_silence(stack: Stack) -> None:
    """The caller is out of the bridge, where the music would reach the party too."""
    call = await bridged(stack)
    await hold(stack, call, True)
    caller, party = (stack.ari.channels[leg(call, number)] for number in (1, 2))
    await together(stack, party.id)
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC and party.hears is Sound.SILENCE)
    assert stack.names(call) == BRIDGED


async def test_resume(stack: Stack) -> None:
    """The music ends before the caller is back, or it would go on in the bridge."""
    call = await bridged(stack)
    await hold(stack, call, True)
    await together(stack, leg(call, 2))
    await hold(stack, call, False)
    await together(stack, leg(call, 1), leg(call, 2))
    assert all(one.hears is Sound.NOTHING for one in stack.ari.channels.values())
    verbs = [request.verb for request in stack.ari.requests]
    assert verbs.index("stop_moh") < len(verbs) - 1 - verbs[::-1].index("add_channel")


async def test_hold_again_and_again(stack: Stack) -> None:
    """Ten times on and off leave them together, in the same bridge, and one music each time."""
    call = await bridged(stack)
    for _ in range(10):
        await hold(stack, call, True)
        await hold(stack, call, True)
        await hold(stack, call, False)
    await stack.ari.wait_for(lambda: stack.ari.count("stop_moh") == 10)
    await together(stack, leg(call, 1), leg(call, 2))
    assert stack.ari.count("start_moh") == 10
    assert stack.ari.count("create_bridge") == 1


async def test_party_leaves_while_held(stack: Stack) -> None:
    """bridge_disconnected; the music ends, and the call can be played to."""
    call = await bridged(stack)
    await hold(stack, call, True)
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC)
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridge_disconnected")
    await stack.ari.wait_for(lambda: caller.hears is Sound.NOTHING)
    assert (await stack.say(call)).status == 200


async def test_caller_hangs_up_while_held(stack: Stack) -> None:
    """Only disconnected; the party goes too."""
    call = await bridged(stack)
    await hold(stack, call, True)
    stack.ari.remote_hangup(leg(call, 1))
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*BRIDGED, "disconnected"]


async def press(stack: Stack, channel: str, keys: str) -> None:
    """Keys of one channel, one after the other."""
    for key in keys:
        stack.ari.digit(channel, key)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.contract("enablex-voice", "dtmf.event", "dtmf.keys")
async def test_keys_while_bridged(stack: Stack, number: int) -> None:
    """`#` ends a burst: one dtmfcollected with the channel that it came from, `digit` a string."""
    call = await bridged(stack)
    await press(stack, leg(call, number), "007#")
    matches(
        await stack.event(call, "dtmfcollected"),
        voice_id=call,
        voice_Id=call,
        state="dtmfcollected",
        channel_id=leg(call, number),
        digit="007",
        digits="007",
        from_=RINGS,
        to=CALLEE,
    )


async def test_a_pause_ends_a_burst(stack: Stack) -> None:
    """Without `#`, 2 s do; each channel has bursts of its own."""
    call = await bridged(stack)
    await press(stack, leg(call, 1), "12")
    await press(stack, leg(call, 2), "9")
    await press(stack, leg(call, 1), "3")
    await stack.event(call, "dtmfcollected", count=2)
    told = {
        body["channel_id"]: body["digit"]
        for body in stack.told(call)
        if name_of(body) == "dtmfcollected"
    }
    assert told == {leg(call, 1): "123", leg(call, 2): "9"}


async def test_a_hash_alone(stack: Stack) -> None:
    """A lone `#` is a burst of its own: it was pressed."""
    call = await bridged(stack)
    await press(stack, leg(call, 1), "#")
    assert (await stack.event(call, "dtmfcollected"))["digit"] == "#"


@pytest.mark.parametrize("ends", ["party", "caller"])
async def test_keys_before_the_end(stack: Stack, ends: str) -> None:
    """What was pressed is told before bridge_disconnected, and before disconnected."""
    call = await bridged(stack)
    await press(stack, leg(call, 1), "4")
    stack.ari.remote_hangup(leg(call, 2 if ends == "party" else 1))
    last = "bridge_disconnected" if ends == "party" else "disconnected"
    await stack.event(call, last)
    assert stack.names(call) == [*BRIDGED, "dtmfcollected", last]


async def test_keys_of_an_inbound_caller(stack: Stack) -> None:
    """The caller's channel has Asterisk's id."""
    call, channel = await offered_and_bridged(stack)
    await press(stack, channel, "5#")
    assert (await stack.event(call, "dtmfcollected"))["channel_id"] == channel


async def test_keys_while_transferring(stack: Stack) -> None:
    """From party, target and the caller who waits: all are told."""
    call = await bridged(stack)
    await transfer(stack, call)
    await together(stack, leg(call, 2), leg(call, 3))
    await stack.ari.wait_for(lambda: stack.ari.channels[leg(call, 3)].state == "Up")
    await stack.quiet()
    for number in (1, 2, 3):
        await press(stack, leg(call, number), f"{number}#")
    await stack.event(call, "dtmfcollected", count=3)
    told = [body["digit"] for body in stack.told(call) if name_of(body) == "dtmfcollected"]
    assert told == ["1", "2", "3"]


async def test_keys_of_who_is_not_there(stack: Stack) -> None:
    """Keys outside of a bridge, and those of a leg that still rings, are not told."""
    rings(stack, TARGET)
    call = await stack.connected()
    await press(stack, leg(call, 1), "1#")
    assert (await stack.ask("PUT", f"/call/{call}/connect", {"from": RINGS, "to": TARGET})).status
    await stack.event(call, "bridging")
    await press(stack, leg(call, 2), "2#")
    await stack.quiet()
    assert "dtmfcollected" not in stack.names(call)
