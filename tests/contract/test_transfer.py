"""`transfer`: attended (enablex-voice.txt, "Transfer Call"; enablex.md, "connect, transfer...").

The caller hears music while the bridged party speaks with the target. Who leaves first decides.
"""

from __future__ import annotations

import pytest

from tests.contract.parties import (
    PARTY,
    TARGET,
    bridged,
    exists,
    gone,
    hold,
    leg,
    nothing_left,
    rings,
    together,
    transfer,
)
from tests.contract.stack import RINGS, Stack
from tests.contract.wording import matches
from tests.fakes.ari_model import Callee, Sound

BRIDGED = ["ringing", "connected", "bridging", "bridged"]


async def consulting(stack: Stack, answers: bool = True) -> str:
    """A call that is being transferred; the target speaks with the party, or still rings."""
    if not answers:
        rings(stack, TARGET)
    call = await bridged(stack)
    assert (await transfer(stack, call)).status == 200
    await stack.event(call, "bridging", count=2)
    await together(stack, leg(call, 2), leg(call, 3))
    if answers:
        await stack.ari.wait_for(lambda: stack.ari.channels[leg(call, 3)].state == "Up")
        await stack.quiet()
    return call


@pytest.mark.contract("enablex-voice", "transfer.request", "transfer.reply")
async def test_reply_is_the_documented_one(stack: Stack) -> None:
    """The example's keys; `channel_id` is the new leg's, `to` the target."""
    call = await bridged(stack)
    reply = await transfer(stack, call)
    assert reply.status == 200
    matches(
        reply.body,
        voice_id=call,
        from_=RINGS,
        to=TARGET,
        status="initiated",
        channel_id=leg(call, 3),
    )


@pytest.mark.parametrize("answers", [True, False])
async def test_caller_hears_music(stack: Stack, answers: bool) -> None:
    """The caller is out of the bridge with music; the party hears the target, or it ringing."""
    call = await consulting(stack, answers)
    assert stack.ari.channels[leg(call, 1)].hears is Sound.MUSIC


@pytest.mark.contract("enablex-voice", "transfer.request")
async def test_party_hangs_up(stack: Stack) -> None:
    """The transfer is done: bridge_disconnected with the old `to`, bridged with the new one."""
    call = await consulting(stack)
    stack.ari.remote_hangup(leg(call, 2))
    await together(stack, leg(call, 1), leg(call, 3))
    assert stack.ari.channels[leg(call, 1)].hears is Sound.NOTHING
    rang = await stack.event(call, "bridging", count=2)
    left = await stack.event(call, "bridge_disconnected")
    joined = await stack.event(call, "bridged", count=2)
    assert (rang["to"], rang["channel_id"]) == (TARGET, leg(call, 3))
    assert (left["to"], left["channel_id"]) == (PARTY, leg(call, 2))
    assert (joined["to"], joined["channel_id"]) == (TARGET, leg(call, 3))
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged"]
    assert stack.names(call) == wanted


async def test_target_leaves_after_the_transfer(stack: Stack) -> None:
    """It is an ordinary party then: bridge_disconnected, and nobody is left."""
    call = await consulting(stack)
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridged", count=2)
    stack.ari.remote_hangup(leg(call, 3))
    assert (await stack.event(call, "bridge_disconnected", count=2))["to"] == TARGET
    assert (await transfer(stack, call)).status == 409
    assert (await stack.say(call)).status == 200


async def test_transfer_again(stack: Stack) -> None:
    """A call that was transferred can be transferred once more."""
    call = await consulting(stack)
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridged", count=2)
    assert (await transfer(stack, call, PARTY))["channel_id"] == leg(call, 4)
    await together(stack, leg(call, 3), leg(call, 4))
    stack.ari.remote_hangup(leg(call, 3))
    await together(stack, leg(call, 1), leg(call, 4))


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "User busy"), (480, "No answer"), (603, "Call rejected")]
)
async def test_target_refuses(stack: Stack, status: int, reason: str) -> None:
    """The two are together again; bridging_failed alone says why."""
    call = await bridged(stack)
    stack.ari.callee(TARGET, Callee.refuses(status))
    await transfer(stack, call)
    matches(
        await stack.event(call, "bridging_failed"),
        voice_id=call,
        voice_Id=call,
        state="bridging_failed",
        from_=RINGS,
        to=TARGET,
        channel_id=leg(call, 3),
        msg=reason,
        sip_code=status,
    )
    await together(stack, leg(call, 1), leg(call, 2))
    assert stack.ari.channels[leg(call, 1)].hears is Sound.NOTHING
    assert stack.names(call) == [*BRIDGED, "bridging_failed"]


async def test_target_does_not_answer(stack: Stack) -> None:
    """After `timeout`: bridging, then bridging_failed; the two are together again."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await transfer(stack, call, timeout=1)
    assert (await stack.event(call, "bridging_failed"))["sip_code"] == 480
    await together(stack, leg(call, 1), leg(call, 2))
    await gone(stack, leg(call, 3))


async def test_target_leaves_first(stack: Stack) -> None:
    """A target that hangs up while it speaks with the party: reconnected."""
    call = await consulting(stack)
    stack.ari.remote_hangup(leg(call, 3))
    assert (await stack.event(call, "bridging_failed"))["to"] == TARGET
    await together(stack, leg(call, 1), leg(call, 2))
    assert stack.ari.channels[leg(call, 1)].hears is Sound.NOTHING
    assert stack.names(call) == [*BRIDGED, "bridging", "bridging_failed"]


async def test_party_leaves_while_the_target_rings(stack: Stack) -> None:
    """The caller hears it ring, and is bridged when it answers."""
    call = await consulting(stack, answers=False)
    stack.ari.remote_hangup(leg(call, 2))
    assert (await stack.event(call, "bridge_disconnected"))["to"] == PARTY
    await together(stack, leg(call, 1), leg(call, 3))
    assert stack.ari.channels[leg(call, 1)].hears is not Sound.MUSIC
    stack.ari.world.answer(leg(call, 3))
    assert (await stack.event(call, "bridged", count=2))["to"] == TARGET
    wanted = [*BRIDGED, "bridging", "bridge_disconnected", "bridged"]
    assert stack.names(call) == wanted


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("by", ["caller", "application"])
async def test_call_ends_in_the_middle(stack: Stack, answers: bool, by: str) -> None:
    """Only disconnected; all legs and the bridge go."""
    call = await consulting(stack, answers)
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*BRIDGED, "bridging", "disconnected"]


async def test_transfer_of_a_held_call(stack: Stack) -> None:
    """The caller goes on hearing music, and is back with the party when the target is busy."""
    call = await bridged(stack)
    await hold(stack, call, True)
    await together(stack, leg(call, 2))
    stack.ari.callee(TARGET, Callee.refuses(486, after=0.2))
    await transfer(stack, call)
    await exists(stack, leg(call, 3))
    assert stack.ari.channels[leg(call, 1)].hears is Sound.MUSIC
    await stack.event(call, "bridging_failed")
    await together(stack, leg(call, 1), leg(call, 2))
    assert stack.ari.channels[leg(call, 1)].hears is Sound.NOTHING


async def test_reply_comes_before_the_first_webhook(stack: Stack) -> None:
    """No webhook names the new channel before the reply has."""
    call = await bridged(stack)
    before = len(stack.sink.received)
    channel = (await transfer(stack, call))["channel_id"]
    sent = [body for body in stack.sink.bodies[before:] if body.get("channel_id") == channel]
    assert not sent
    assert (await stack.event(call, "bridging", count=2))["channel_id"] == channel
