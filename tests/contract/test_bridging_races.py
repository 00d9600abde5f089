"""What happens at the same time, on calls that are joined with others, recorded or listened to.

Events that overtake the answers to the requests that caused them, two ends at once, orders that
cross: each thing has one ending, and nothing is left in Asterisk.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.ears import said
from tests.contract.parties import (
    PARTY,
    TARGET,
    Action,
    bridged,
    connect,
    exists,
    forward,
    hold,
    leg,
    nothing_left,
    of,
    record,
    recorded,
    rings,
    together,
    transfer,
)
from tests.contract.stack import Stack
from tests.contract.wording import TIMESTAMP, refused
from tests.fakes.ari_model import Callee

OUT = ["ringing", "connected"]
BRIDGED = [*OUT, "bridging", "bridged"]


@pytest.mark.parametrize("verb", ["create_bridge", "add_channel", "create_channel", "dial"])
async def test_hang_up_while_it_is_bridged(stack: Stack, verb: str) -> None:
    """A call that ends between two of the orders: no leg is left, and only disconnected is told."""
    call = await stack.connected()
    rings(stack, PARTY)
    stack.ari.slow(verb, 0.2)
    before = stack.ari.count(verb)
    await connect(stack, call)
    await stack.ari.wait_for(lambda: stack.ari.count(verb) > before)
    await stack.hang_up(call)
    await stack.event(call, "disconnected")
    stack.ari.slow(verb, 0)
    await nothing_left(stack)
    assert stack.names(call)[-1] == "disconnected"
    assert {"bridged", "bridging_failed"}.isdisjoint(stack.names(call))


@pytest.mark.parametrize("verb", ["add_channel", "create_channel", "dial"])
async def test_events_overtake_the_answers(stack: Stack, verb: str) -> None:
    """The party answers before Asterisk's answer to the order is here: bridged, once."""
    stack.ari.slow(verb, 0.2)
    call = await bridged(stack)
    assert stack.names(call) == BRIDGED
    assert [one.ids["channel"] for one in stack.ari.seen("dial")].count(leg(call, 2)) == 1


async def test_refusal_overtakes_the_answer(stack: Stack) -> None:
    """The party refuses before the answer to dial is here: one bridging_failed."""
    call = await stack.connected()
    stack.ari.callee(PARTY, Callee.refuses(486))
    stack.ari.slow("dial", 0.2)
    await connect(stack, call)
    assert (await stack.event(call, "bridging_failed"))["sip_code"] == 486
    await stack.quiet()
    assert stack.names(call) == [*OUT, "bridging_failed"]


async def test_both_hang_up(stack: Stack) -> None:
    """Caller and party at the same time: one disconnected, last."""
    call = await bridged(stack)
    stack.ari.remote_hangup(leg(call, 2))
    stack.ari.remote_hangup(leg(call, 1))
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call) == [*BRIDGED, "bridge_disconnected", "disconnected"]


@pytest.mark.parametrize("action", [transfer, forward])
async def test_target_answers_as_the_party_leaves(stack: Stack, action: Action) -> None:
    """Whoever is first, caller and target are together, and each is told once."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await action(stack, call)
    await stack.event(call, "bridging", count=2)
    stack.ari.remote_hangup(leg(call, 2))
    stack.ari.world.answer(leg(call, 3))
    await stack.event(call, "bridged", count=2)
    await together(stack, leg(call, 1), leg(call, 3))
    assert stack.names(call) == [*BRIDGED, "bridging", "bridge_disconnected", "bridged"]


@pytest.mark.parametrize("action", [transfer, forward])
async def test_everybody_leaves(stack: Stack, action: Action) -> None:
    """Target, party and caller one after the other: one disconnected, nothing left."""
    call = await bridged(stack)
    await action(stack, call)
    await exists(stack, leg(call, 3))
    for number in (3, 2, 1):
        if leg(call, number) in stack.ari.channels:
            stack.ari.remote_hangup(leg(call, number))
    await stack.over(call)
    await nothing_left(stack)
    assert stack.names(call).count("disconnected") == 1


async def test_party_leaves_as_it_is_transferred(stack: Stack) -> None:
    """The party hangs up before the target is dialled: the caller gets the target."""
    call = await bridged(stack)
    stack.ari.slow("create_channel", 0.2, stage="before")
    await transfer(stack, call)
    stack.ari.remote_hangup(leg(call, 2))
    stack.ari.slow("create_channel", 0)
    await stack.event(call, "bridged", count=2)
    await together(stack, leg(call, 1), leg(call, 3))


async def test_connect_while_play_waits_for_its_speech(stack: Stack) -> None:
    """connect wins: play is 405 then, and nothing is played."""
    call = await stack.connected()
    stack.speech.gate.clear()
    asking = asyncio.create_task(stack.say(call))
    await stack.speech.started.wait()
    assert (await connect(stack, call)).status == 200
    stack.speech.gate.set()
    refused(await asking, 405, 6112, **of(call), timeStamp=TIMESTAMP)
    await stack.event(call, "bridged")
    assert stack.ari.count("play") == 0


async def test_connect_as_the_prompt_ends(stack: Stack) -> None:
    """Whichever is first, one outcome and then the bridge; ten times."""
    stack.ari.world.default_media = 0.01
    calls = [await stack.connected() for _ in range(10)]

    async def one(call: str, pause: float) -> None:
        await stack.say(call)
        await asyncio.sleep(pause)
        await connect(stack, call)

    await asyncio.gather(*(one(call, number / 500) for number, call in enumerate(calls)))
    for call in calls:
        await stack.event(call, "bridged")
        assert stack.names(call) == [*OUT, "playfinished", "bridging", "bridged"]


async def test_hold_while_the_orders_are_slow(stack: Stack) -> None:
    """Hold and resume that come faster than Asterisk answers: they end up together."""
    call = await bridged(stack)
    for verb in ("add_channel", "remove_channel", "start_moh", "stop_moh"):
        stack.ari.slow(verb, 0.05)
    for on in (True, False, True, False):
        assert (await hold(stack, call, on)).status == 200
    await stack.ari.wait_for(lambda: stack.ari.count("stop_moh") == 2)
    await together(stack, leg(call, 1), leg(call, 2))


@pytest.mark.parametrize("action", [connect, transfer, forward])
async def test_hang_up_at_the_same_time(stack: Stack, action: Action) -> None:
    """DELETE beside another order: that one is carried out or 404; nothing is left."""
    call = await (stack.connected() if action is connect else bridged(stack))
    ordered, ended = await asyncio.gather(action(stack, call), stack.hang_up(call))
    assert ended.status == 200
    assert ordered.status in (200, 404)
    await stack.over(call)
    await nothing_left(stack)


async def test_two_starts_of_a_recording(stack: Stack) -> None:
    """One is taken, the other 408; one file, one ending."""
    call = await stack.connected()
    replies = await asyncio.gather(*(record(stack, call, start=True) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 408, 408, 408]
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call).count("completed") == 1
    assert stack.ami.names().count("MixMonitor") == 1


async def test_stop_before_it_has_started(stack: Stack) -> None:
    """A stop directly behind the start: started, then completed, with a file."""
    call = await stack.connected()
    await record(stack, call, start=True)
    assert (await record(stack, call, stop=True)).status == 200
    await stack.event(call, "completed")
    assert stack.names(call) == [*OUT, "started", "completed"]


@pytest.mark.parametrize("by", ["caller", "application"])
async def test_hang_up_before_it_has_started(stack: Stack, by: str) -> None:
    """A hang-up directly behind the start: one ending of the recording, then disconnected."""
    call = await stack.connected()
    await record(stack, call, start=True)
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    await stack.over(call)
    endings = [name for name in stack.names(call) if name in ("completed", "failed")]
    assert len(endings) == 1
    assert stack.names(call)[-2:] == [*endings, "disconnected"]
    assert not stack.ami.monitors


async def test_stop_as_the_caller_hangs_up(stack: Stack) -> None:
    """stop and the hang-up at the same time: one completed, before disconnected."""
    call = await stack.connected()
    await recorded(stack, call)
    stop = asyncio.create_task(record(stack, call, stop=True))
    stack.ari.remote_hangup(leg(call, 1))
    assert (await stop).status in (200, 404, 409)
    await stack.over(call)
    assert stack.names(call) == [*OUT, "started", "completed", "disconnected"]


async def test_words_and_hang_up(stack: Stack) -> None:
    """Speech that is understood as the call ends: one outcome, then disconnected."""
    call = await stack.connected()
    await stack.say(call, asr=True, recognizer_timeout=1)
    await stack.ari.say(leg(call, 1), said())
    stack.ari.remote_hangup(leg(call, 1))
    await stack.over(call)
    outcomes = [name for name in stack.names(call) if name in ("recognized", "failed")]
    assert len(outcomes) == 1
    assert stack.names(call) == [*OUT, *outcomes, "disconnected"]


async def test_words_and_keys(stack: Stack) -> None:
    """Both at once: one outcome, whichever it is, and nobody listens any more."""
    call = await stack.connected()
    await stack.say(call, asr=True, dtmf=True, recognizer_timeout=1)
    await stack.ari.say(leg(call, 1), said())
    for key in "42#":
        stack.ari.digit(leg(call, 1), key)
    await stack.quiet()
    outcomes = stack.names(call)[2:]
    assert outcomes in (["recognized"], ["digitcollected"])
    await stack.ari.wait_for(lambda: [*stack.ari.channels] == [leg(call, 1)])
