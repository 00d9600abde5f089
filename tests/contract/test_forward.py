"""`forward`: blind (enablex-voice.txt, "Forward Call"; enablex.md, "connect, transfer, ...").

The bridged party is released as soon as the target answers.
"""

from __future__ import annotations

import pytest

from tests.contract.parties import (
    PARTY,
    TARGET,
    bridged,
    forward,
    gone,
    hold,
    leg,
    nothing_left,
    rings,
    together,
)
from tests.contract.stack import RINGS, Stack
from tests.contract.wording import matches
from tests.fakes.ari_model import Callee, Sound

BRIDGED = ["ringing", "connected", "bridging", "bridged"]


async def ringing(stack: Stack) -> str:
    """A call that is being forwarded; the target rings."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await forward(stack, call)
    await stack.event(call, "bridging", count=2)
    return call


@pytest.mark.contract("enablex-voice", "forward.request", "forward.reply")
async def test_reply_is_the_documented_one(stack: Stack) -> None:
    """The example's keys: `status` success, `to` the target."""
    call = await bridged(stack)
    reply = await forward(stack, call)
    assert reply.status == 200
    matches(reply.body, voice_id=call, from_=RINGS, to=TARGET, status="success")


@pytest.mark.contract("enablex-voice", "forward.request")
async def test_target_answers(stack: Stack) -> None:
    """bridging, bridge_disconnected with the old `to`, bridged with the new one; the party goes."""
    call = await bridged(stack)
    await forward(stack, call)
    joined = await stack.event(call, "bridged", count=2)
    left = await stack.event(call, "bridge_disconnected")
    assert (left["to"], left["channel_id"]) == (PARTY, leg(call, 2))
    assert (joined["to"], joined["channel_id"]) == (TARGET, leg(call, 3))
    await gone(stack, leg(call, 2))
    await together(stack, leg(call, 1), leg(call, 3))
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged"]
    assert stack.names(call) == wanted


async def test_they_go_on_while_the_target_rings(stack: Stack) -> None:
    """Caller and party stay together, and hear nothing of the target."""
    call = await ringing(stack)
    await together(stack, leg(call, 1), leg(call, 2))
    assert "caller" not in stack.ari.seen("dial")[-1].query
    assert stack.ari.channels[leg(call, 1)].hears is Sound.NOTHING


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "User busy"), (480, "No answer"), (603, "Call rejected")]
)
async def test_target_refuses(stack: Stack, status: int, reason: str) -> None:
    """The first bridge stays as it is; bridging_failed alone says why."""
    call = await bridged(stack)
    moves = stack.ari.count("add_channel"), stack.ari.count("remove_channel")
    stack.ari.callee(TARGET, Callee.refuses(status))
    await forward(stack, call)
    failed = await stack.event(call, "bridging_failed")
    assert (failed["to"], failed["msg"], failed["sip_code"]) == (TARGET, reason, status)
    await together(stack, leg(call, 1), leg(call, 2))
    assert moves == (stack.ari.count("add_channel"), stack.ari.count("remove_channel"))
    assert stack.names(call) == [*BRIDGED, "bridging_failed"]


async def test_target_does_not_answer(stack: Stack) -> None:
    """After `timeout`: bridging, then bridging_failed; the first bridge stays."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await forward(stack, call, timeout=1)
    assert (await stack.event(call, "bridging_failed"))["sip_code"] == 480
    await gone(stack, leg(call, 3))
    await together(stack, leg(call, 1), leg(call, 2))


async def test_party_leaves_while_the_target_rings(stack: Stack) -> None:
    """The caller hears ringback, and is bridged with the target when it answers."""
    call = await ringing(stack)
    stack.ari.remote_hangup(leg(call, 2))
    assert (await stack.event(call, "bridge_disconnected"))["to"] == PARTY
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.RINGING)
    stack.ari.world.answer(leg(call, 3))
    await stack.event(call, "bridged", count=2)
    await together(stack, leg(call, 1), leg(call, 3))
    assert caller.hears is Sound.NOTHING
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged"]
    assert stack.names(call) == wanted


async def test_party_leaves_and_the_target_fails(stack: Stack) -> None:
    """Then nobody is left: bridging_failed, the ringback ends, and the call lives on."""
    call = await ringing(stack)
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridge_disconnected")
    stack.ari.remote_hangup(leg(call, 3), 17, 486)
    assert (await stack.event(call, "bridging_failed"))["to"] == TARGET
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.NOTHING)
    assert (await stack.say(call)).status == 200


@pytest.mark.parametrize("by", ["caller", "application"])
async def test_call_ends_in_the_middle(stack: Stack, by: str) -> None:
    """Only disconnected; all legs and the bridge go."""
    call = await ringing(stack)
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*BRIDGED, "bridging", "disconnected"]


async def test_forward_of_a_held_call(stack: Stack) -> None:
    """The held caller is taken out of the music when the target answers."""
    call = await bridged(stack)
    await hold(stack, call, True)
    caller = stack.ari.channels[leg(call, 1)]
    await stack.ari.wait_for(lambda: caller.hears is Sound.MUSIC)
    await forward(stack, call)
    await together(stack, leg(call, 1), leg(call, 3))
    assert caller.hears is Sound.NOTHING


async def test_forward_again(stack: Stack) -> None:
    """A call that was forwarded is bridged, and can be forwarded once more."""
    call = await bridged(stack)
    await forward(stack, call)
    await stack.event(call, "bridged", count=2)
    await forward(stack, call, PARTY)
    assert (await stack.event(call, "bridged", count=3))["to"] == PARTY
    await together(stack, leg(call, 1), leg(call, 4))
