"""Any inputs in any order: facts never raise, one ending each, deadlines everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import PromptId
from adapter.core.model import (
    Barge,
    Call,
    CallState,
    Detection,
    DialOrder,
    Phrase,
    PromptOrder,
    Topic,
)
from adapter.core.outputs import (
    CallEnded,
    RecordingOver,
)
from adapter.core.replay import replay
from tests.unit.build import INBOUND_CHANNEL, NOW, OUTBOUND_CHANNEL, offer, place
from tests.unit.build import order as prompt_order
from tests.unit.joined import PARTY
from tests.unit.journey_checks import check_effects, check_notices, check_row
from tests.unit.journeys import WISHES, Dice, World, anything, onward, opening
from tests.unit.parties import leg_order

JOINED: tuple[Any, ...] = (
    offer(auto_answer=True),
    i.ChannelUp(channel=INBOUND_CHANNEL),
    i.ConnectCall(order=leg_order()),
    i.ChannelReady(channel=PARTY),
    i.ChannelUp(channel=PARTY),
)
JUDGED: tuple[Any, ...] = (
    place(detection=Detection(), on_answer=(prompt_order(1),)),
    i.ChannelReady(channel=OUTBOUND_CHANNEL),
    i.ConnectCall(order=leg_order()),
    i.ChannelUp(channel=OUTBOUND_CHANNEL),
)
NUMBER = st.integers(0, 2**48 - 1)
JOURNEYS = st.tuples(NUMBER, st.lists(NUMBER, min_size=8, max_size=40))


def note_order(world: World, before: Call, given: i.Input) -> None:
    """An order of a prompt was taken: it has to begin, and to end."""
    if isinstance(given, i.StartPrompt):
        world.ordered.append(given.order.id)
    if isinstance(given, i.Instructed) and given.instruction.prompt is not None:
        assert before.dialogue is not None
        if before.dialogue.topic is Topic.NEXT:
            world.ordered.append(given.instruction.prompt.id)


def drops_of(begin: i.Opening) -> tuple[PromptOrder, ...]:
    """What is left on a machine that answers."""
    detection = begin.detection if isinstance(begin, i.PlaceCall) else None
    return (detection.drop,) if detection and detection.drop else ()


def travel(
    numbers: tuple[int, list[int]], first_inputs: tuple[Any, ...] = ()
) -> tuple[World, list[tuple[i.Input, float]]]:
    """Take all inputs, checking after each; the world at the end, and the journal.

    Args:
        numbers: what the opening and the inputs are made of.
        first_inputs: how the call begins; empty for an opening of those numbers.
    """
    begin = first_inputs[0] if first_inputs else opening(numbers[0])
    first = step(None, begin, NOW)
    world = World(call=first.call)
    waiting = (*begin.on_answer, *drops_of(begin))
    world.phrases = {order.id: len(order.phrases) for order in waiting}
    world.board.hear(begin)
    check_row(first.call)
    check_effects(world, None, first)
    check_notices(world, None, first)
    journal: list[tuple[i.Input, float]] = [(begin, NOW)]
    for fact in first_inputs[1:]:
        take(world, journal, fact)
    for number in numbers[1]:
        dice = Dice(number)
        take(world, journal, onward(world, dice) if dice(4) else anything(world, dice))
    return world, journal


def take(world: World, journal: list[tuple[i.Input, float]], given: i.Input) -> None:
    """Take one input, and check what it made."""
    assert msgspec.json.decode(msgspec.json.encode(given), type=type(given)) == given
    world.now += 0.25
    before = world.call
    try:
        made = step(before, given, world.now)
    except CoreError:
        assert isinstance(given, i.COMMANDS)
        return
    if made.late:
        assert made.call is before
        assert (made.effects, made.notices) == ((), ())
        return
    assert before.live
    assert made.call.version == before.version + 1
    journal.append((given, world.now))
    note_order(world, before, given)
    world.board.hear(given)
    check_row(made.call)
    check_effects(world, before, made)
    check_notices(world, before, made)
    world.call = made.call


@settings(max_examples=300, deadline=None)
@given(JOURNEYS)
def test_any_inputs_in_any_order(journey: tuple[int, list[int]]) -> None:
    """Facts never raise; one ending each; deadlines everywhere; nothing after the end."""
    travel(journey)


@settings(max_examples=200, deadline=None)
@given(JOURNEYS)
def test_any_inputs_on_a_joined_call(journey: tuple[int, list[int]]) -> None:
    """The same for a call with a party: it gets deeper into hold, transfer and forward."""
    travel(journey, JOINED)


@settings(max_examples=100, deadline=None)
@given(JOURNEYS)
def test_any_inputs_on_a_call_that_keeps_a_connection(journey: tuple[int, list[int]]) -> None:
    """The same while the answer is judged: the connection is made later, or has failed."""
    travel(journey, JUDGED)


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_every_call_can_be_ended_and_every_prompt_with_it(journey: tuple[int, list[int]]) -> None:
    """Wherever a call stands, its channel's end is its own, and no prompt is left without one."""
    world, _ = travel(journey)
    while world.call.live:
        recording = world.call.recording
        given: i.Input = i.ChannelGone(channel=world.call.channel)
        if world.call.state is CallState.CLOSING and recording is not None:
            given = i.RecordingLost(recording=recording.order.id, reason="no file")
        made = step(world.call, given, world.now)
        assert not made.late
        check_notices(world, world.call, made)
        world.call = made.call
    assert world.call.state is CallState.ENDED
    assert world.told[CallEnded] == 1
    assert world.over == world.begun
    assert set(world.ordered) <= set(world.over)
    assert all(RecordingOver in told for told in world.recordings.values())


def waits_of(call: Call) -> list[i.Input]:
    """All deadlines of a row, as inputs."""
    parts: list[tuple[float | None, type]] = [
        (call.deadline, i.CallDeadline),
        (call.prompt.deadline if call.prompt else None, i.PromptDeadline),
        (call.dialogue.deadline if call.dialogue else None, i.DialogueDeadline),
        (call.background.deadline if call.background else None, i.BackgroundDeadline),
        (call.recording.deadline if call.recording else None, i.RecordingDeadline),
        *[(at, i.BridgeDeadline) for at in (call.bridge.deadlines if call.bridge else ())],
    ]
    return [kind(at=at) for at, kind in parts if at is not None]


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_deadlines_alone_bring_every_call_to_its_hang_up(journey: tuple[int, list[int]]) -> None:
    """When nothing is heard any more, the deadlines of the row lead out of every state.

    Each is heard when it passes: a timer whose input is late would never be armed again. That of a
    recording leads nowhere: it orders again, and the recorder answers in time.
    """
    world, _ = travel(journey)
    call = world.call
    over = (CallState.ENDING, CallState.CLOSING, CallState.ENDED)
    for _ in range(60):
        waits = waits_of(call)
        for passed in waits:
            made = step(call, passed, passed.at)  # type: ignore[union-attr]
            assert not made.late
            ending = call.state is CallState.ENDING
            assert made.effects or ending or not isinstance(passed, i.RecordingDeadline)
        if call.state in over:
            break
        leading = [passed for passed in waits if not isinstance(passed, i.RecordingDeadline)]
        nearest = min(leading, key=lambda passed: passed.at)  # type: ignore[union-attr]
        call = step(call, nearest, nearest.at).call  # type: ignore[union-attr]
    assert call.state in over


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_the_same_inputs_make_the_same_row(journey: tuple[int, list[int]]) -> None:
    """The journal of a call, through the machine again, leads to its row."""
    world, journal = travel(journey)
    assert replay(journal) == world.call


TEXTS = st.text(max_size=8)
NUMBERS = st.floats(0, 2e9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PHRASES = st.builds(Phrase, text=TEXTS, language=TEXTS, voice=TEXTS, file=st.none() | TEXTS)
ORDERS = st.builds(
    PromptOrder,
    id=TEXTS.map(PromptId),
    phrases=st.lists(PHRASES, max_size=3).map(tuple),
    collect=st.sampled_from((None, *WISHES)),
    barge=st.sampled_from(Barge),
    context=st.dictionaries(TEXTS, JSON, max_size=3),
)
ROWS = st.builds(
    replace,
    st.sampled_from([step(None, place(), NOW).call, step(None, offer(), NOW).call]),
    caller=TEXTS,
    callee=TEXTS,
    context=st.dictionaries(TEXTS, JSON, max_size=3),
    created_at=NUMBERS,
    dial=st.none() | st.builds(DialOrder, endpoint=TEXTS, caller_number=TEXTS, caller_name=TEXTS),
    on_answer=st.lists(ORDERS, max_size=2).map(tuple),
)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_a_row_is_read_back_as_it_was_written(call: Call) -> None:
    """Any text, number and context that JSON can hold."""
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call
