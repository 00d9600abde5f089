"""Timers: the nearest deadline of a row becomes an input when it passes, while it stands."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.ids import CallId
from adapter.core.model import (
    Background,
    BackgroundOrder,
    BackgroundState,
    Burst,
    Call,
    CallState,
    Dialogue,
    DialogueState,
    Phrase,
    PromptState,
    Recording,
    RecordingState,
    Topic,
)
from adapter.engine.timers import Timers
from tests.fakes.virtual_time import VirtualLoop, runs_in_virtual_time
from tests.unit.build import CALL, call_id, inbound, prompt_id, prompting, running
from tests.unit.joined import bridge, connecting
from tests.unit.parties import recording_order


class World:
    """Timers, and what they told and when."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.told: list[tuple[float, CallId, i.Input]] = []
        self.timers = Timers(loop.time, lambda c, g: self.told.append((loop.time(), c, g)))


def waiting_for_all(call: float, prompt: float, background: float, dialogue: float) -> Call:
    """A call on which everything waits that can, until then."""
    resting = Background(
        order=BackgroundOrder(id=prompt_id(7), phrase=Phrase(text="music")),
        state=BackgroundState.RESTING,
        deadline=background,
    )
    pausing = Dialogue(state=DialogueState.PAUSING, topic=Topic.NEXT, asked=1, deadline=dialogue)
    return replace(waiting(call, prompt), background=resting, dialogue=pausing)


def recorded_and_joined(recording: float, leg: float, keys: float) -> Call:
    """A call that is up until 20, whose recording is saved and whose party is called."""
    call = replace(connecting(), deadline=20.0)
    party = replace(bridge(call).party, deadline=leg)
    burst = Burst(channel=call.channel, digits="1", deadline=keys)
    joined = replace(bridge(call), party=party, bursts=(burst,))
    saving = Recording(order=recording_order(), state=RecordingState.SAVING, deadline=recording)
    return replace(call, bridge=joined, recording=saving)


def waiting(call_at: float | None, prompt_at: float | None = None) -> Call:
    """A call that is up, with these deadlines."""
    call = replace(prompting(PromptState.COLLECTING), deadline=call_at)
    if prompt_at is None:
        return replace(call, prompt=None)
    return replace(call, prompt=replace(running(call), deadline=prompt_at))


@runs_in_virtual_time
async def test_each_deadline_is_told_at_its_time() -> None:
    """The prompt's first; the call's when the row that follows has armed it."""
    world = World()
    world.timers.arm(waiting(10.0, 3.0))
    await asyncio.sleep(4.0)
    assert world.told == [(3.0, CALL, i.PromptDeadline(at=3.0))]
    world.timers.arm(waiting(10.0))
    await asyncio.sleep(10.0)
    assert world.told[1:] == [(10.0, CALL, i.CallDeadline(at=10.0))]


@runs_in_virtual_time
async def test_a_replaced_deadline_does_not_pass() -> None:
    """Later, sooner, or dropped: the row's latest word counts."""
    world = World()
    world.timers.arm(waiting(3.0))
    world.timers.arm(waiting(8.0))
    await asyncio.sleep(5.0)
    assert world.told == []
    world.timers.arm(waiting(6.0))
    await asyncio.sleep(2.0)
    assert world.told == [(6.0, CALL, i.CallDeadline(at=6.0))]
    world.timers.arm(waiting(9.0))
    world.timers.arm(waiting(None))
    await asyncio.sleep(5.0)
    assert len(world.told) == 1


@runs_in_virtual_time
async def test_a_deadline_in_the_past_passes_at_once() -> None:
    """After a restart: what passed while we were away is told as soon as the loop turns."""
    world = World()
    await asyncio.sleep(100.0)
    world.timers.arm(waiting(50.0))
    assert world.told == []
    await asyncio.sleep(0.001)
    assert [given for _, _, given in world.told] == [i.CallDeadline(at=50.0)]


def stall(seconds: float) -> None:
    """The loop stands still."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.stand_still(seconds)


@runs_in_virtual_time
async def test_what_came_in_a_stall_is_read_first() -> None:
    """The loop stands still over a deadline that an event has replaced: it does not pass."""
    world = World()
    world.timers.arm(waiting(10.0, 3.0))
    stall(5.0)
    for _ in range(5):  # from the socket to the machine
        await asyncio.sleep(0)
    world.timers.arm(waiting(10.0, 8.0))
    await asyncio.sleep(2.0)
    assert world.told == []
    await asyncio.sleep(2.0)
    assert [given for _, _, given in world.told] == [i.PromptDeadline(at=8.0)]


@runs_in_virtual_time
async def test_a_deadline_passes_after_a_stall() -> None:
    """Nothing came: it is told soon, once, however long the loop stood still."""
    world = World()
    world.timers.arm(waiting(10.0, 3.0))
    stall(5.0)
    await asyncio.sleep(1.0)
    ((at, _, given),) = world.told
    assert (5.0 < at < 5.5, given) == (True, i.PromptDeadline(at=3.0))


@runs_in_virtual_time
async def test_two_deadlines_at_one_time_are_both_told() -> None:
    """The prompt's before the call's."""
    world = World()
    world.timers.arm(waiting(5.0, 5.0))
    await asyncio.sleep(6.0)
    assert [given for _, _, given in world.told] == [
        i.PromptDeadline(at=5.0),
        i.CallDeadline(at=5.0),
    ]


@pytest.mark.parametrize(
    ("nearest", "given"),
    [
        (0, i.CallDeadline),
        (1, i.PromptDeadline),
        (2, i.BackgroundDeadline),
        (3, i.DialogueDeadline),
    ],
)
def test_whatever_is_nearest_is_told(nearest: int, given: type) -> None:
    """The deadlines of call, prompt, background and dialogue, each at its time, as itself."""

    @runs_in_virtual_time
    async def body() -> None:
        world = World()
        times = [20.0, 20.0, 20.0, 20.0]
        times[nearest] = 5.0
        world.timers.arm(waiting_for_all(*times))
        await asyncio.sleep(6.0)
        assert world.told == [(5.0, CALL, given(at=5.0))]

    body()


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((5.0, 20.0, 20.0), [i.RecordingDeadline(at=5.0)]),
        ((20.0, 5.0, 20.0), [i.BridgeDeadline(at=5.0)]),
        ((20.0, 20.0, 5.0), [i.BridgeDeadline(at=5.0)]),
        ((5.0, 5.0, 5.0), [i.BridgeDeadline(at=5.0), i.RecordingDeadline(at=5.0)]),
    ],
)
def test_bridge_and_recording_have_theirs(
    times: tuple[float, float, float], told: list[i.Input]
) -> None:
    """Those of a leg and of a burst are the bridge's; two of them at one time are told as one."""

    @runs_in_virtual_time
    async def body() -> None:
        world = World()
        world.timers.arm(recorded_and_joined(*times))
        await asyncio.sleep(6.0)
        assert world.told == [(5.0, CALL, given) for given in told]

    body()


@runs_in_virtual_time
async def test_what_is_left_at_the_same_time_passes_again() -> None:
    """The row that follows has the second of two, whose time is past: it passes at once."""
    world = World()
    world.timers.arm(recorded_and_joined(20.0, 5.0, 5.0))
    await asyncio.sleep(5.5)
    world.timers.arm(recorded_and_joined(20.0, 15.0, 5.0))
    await asyncio.sleep(0.5)
    assert [at for at, _, _ in world.told] == [5.0, 5.5]


@runs_in_virtual_time
async def test_a_call_that_is_closing_waits_for_its_recording() -> None:
    """It has no deadline of its own any more, and ends in time all the same."""
    world = World()
    closing = replace(recorded_and_joined(7.0, 20.0, 20.0), bridge=None, deadline=None)
    world.timers.arm(closing)
    await asyncio.sleep(30.0)
    assert world.told == [(7.0, CALL, i.RecordingDeadline(at=7.0))]


@runs_in_virtual_time
async def test_all_that_pass_at_one_time_are_told() -> None:
    """What runs on the call before the call itself."""
    world = World()
    world.timers.arm(waiting_for_all(5.0, 5.0, 5.0, 5.0))
    await asyncio.sleep(6.0)
    assert [given for _, _, given in world.told] == [
        i.PromptDeadline(at=5.0),
        i.BackgroundDeadline(at=5.0),
        i.DialogueDeadline(at=5.0),
        i.CallDeadline(at=5.0),
    ]


@runs_in_virtual_time
async def test_a_deadline_that_takes_over_the_time_of_another_is_told_as_itself() -> None:
    """The prompt's time became the call's (a hang-up ordered as a digit came): it is not lost."""
    world = World()
    world.timers.arm(waiting(100.0, 5.0))
    world.timers.arm(waiting(5.0))
    await asyncio.sleep(6.0)
    assert [given for _, _, given in world.told] == [i.CallDeadline(at=5.0)]


@runs_in_virtual_time
async def test_calls_have_their_own_timers() -> None:
    """Arming one does not touch another."""
    world = World()
    other = replace(waiting(4.0), id=call_id(2))
    world.timers.arm(other)
    world.timers.arm(waiting(3.0))
    world.timers.arm(waiting(None))
    await asyncio.sleep(5.0)
    assert world.told == [(4.0, call_id(2), i.CallDeadline(at=4.0))]


@runs_in_virtual_time
async def test_an_ended_call_has_no_timer() -> None:
    """Its row has no deadline."""
    world = World()
    world.timers.arm(inbound(CallState.UP))
    world.timers.arm(inbound(CallState.ENDED))
    await asyncio.sleep(1e6)
    assert world.told == []


@runs_in_virtual_time
async def test_clear_drops_them_all() -> None:
    """Nothing passes after a stop."""
    world = World()
    world.timers.arm(waiting(3.0, 2.0))
    world.timers.arm(replace(waiting(4.0), id=call_id(2)))
    world.timers.clear()
    await asyncio.sleep(10.0)
    assert world.told == []
