"""Any inputs in any order: facts never raise, one ending each, deadlines everywhere."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import PromptId, playback_of, question_of
from adapter.core.model import (
    Background,
    BackgroundState,
    Barge,
    Call,
    CallState,
    DialogueState,
    DialOrder,
    Phrase,
    Prompt,
    PromptOrder,
    Topic,
)
from adapter.core.outputs import (
    Ask,
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    Effect,
    Hangup,
    Play,
    PrepareMedia,
    PromptOver,
    QuestionUnanswered,
    Step,
    StopPlayback,
)
from adapter.core.prompt import KEPT_KEYS
from adapter.core.replay import replay
from tests.unit.build import NOW, offer, place
from tests.unit.journeys import WISHES, Dice, World, anything, onward, opening

TOLD_ONCE = (CallOffered, CallRang, CallAnswered, QuestionUnanswered, CallEnded)
NUMBER = st.integers(0, 2**48 - 1)
JOURNEYS = st.tuples(NUMBER, st.lists(NUMBER, min_size=8, max_size=40))
LOUD = (BackgroundState.PLAYING, BackgroundState.RESTING)


def check_row(call: Call) -> None:
    """What holds for every row."""
    assert (call.deadline is None) == (call.state is CallState.ENDED)
    assert (call.ending is not None) == (call.state in (CallState.ENDING, CallState.ENDED))
    assert (call.ended_at is not None) == (call.state is CallState.ENDED)
    assert call.prompt is not None or not call.on_answer or call.state is not CallState.UP
    if call.prompt is not None:
        assert call.state in (CallState.UP, CallState.ENDING)
        assert (call.prompt.deadline is not None) == (call.state is CallState.UP)
    assert max(len(call.keys), len(call.ahead)) <= KEPT_KEYS
    check_dialogue(call)
    if call.background is not None:
        assert call.state is CallState.UP
        loud = call.background.state in LOUD
        assert (call.background.deadline is not None) == loud
        assert call.prompt is None or not loud
        assert loud or call.prompt is not None or call.background.media is None
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


def check_dialogue(call: Call) -> None:
    """A call that asks waits for an answer, the end of a prompt or of a pause, and not for ever."""
    dialogue = call.dialogue
    assert call.asks or (dialogue is None and call.background is None)
    if call.state is CallState.UP and call.asks:
        assert dialogue is not None
        if dialogue.state is DialogueState.DOING:
            assert (call.prompt is not None, dialogue.deadline) == (True, None)
        else:
            assert dialogue.deadline is not None
    elif call.state is CallState.OFFERED and call.asks:
        assert dialogue is not None
        assert (dialogue.state, dialogue.topic) == (DialogueState.ASKING, Topic.OFFER)
        assert dialogue.deadline is not None
    else:
        assert dialogue is None or dialogue.deadline is None


def playbacks_of(call: Call) -> dict[str, Prompt | Background]:
    """What may be going on for this row, by its playback."""
    found: dict[str, Prompt | Background] = {}
    if call.prompt is not None and call.prompt.media:
        found[playback_of(call.id, call.prompt.order.id, call.prompt.index)] = call.prompt
    if call.background is not None and call.background.media:
        round_ = call.background.round
        found[playback_of(call.id, call.background.order.id, round_)] = call.background
    return found


def check_effects(world: World, before: Call | None, made: Step) -> None:
    """Effects are about this call and what runs on it, or did until now; slow ones are new."""
    call = made.call
    for effect in made.effects:
        match effect:
            case PrepareMedia(prompt=prompt):
                runs = [part.order.id for part in (call.prompt, call.background) if part]
                assert prompt in runs
                assert prompt not in world.prepared
                world.prepared.add(prompt)
            case Ask(question=question, topic=topic):
                assert call.dialogue is not None
                assert (call.dialogue.state, call.dialogue.topic) == (DialogueState.ASKING, topic)
                assert question == question_of(call.id, call.dialogue.asked)
                assert question not in world.asked
                world.asked.append(question)
            case Play(playback=playback, media=media):
                played = playbacks_of(call)[playback]
                own = played.media[played.index] if isinstance(played, Prompt) else played.media
                assert media == own
                assert isinstance(played, Prompt) or call.prompt is None
            case StopPlayback(playback=playback):
                assert before is not None
                assert playback in playbacks_of(before)
            case _:
                check_channel(effect, call)
    if call.state is CallState.ENDING:
        last = [effect for effect in made.effects if not isinstance(effect, StopPlayback)]
        assert all(isinstance(effect, Hangup) for effect in last)


def check_channel(effect: Effect, call: Call) -> None:
    """All other effects are about a channel: this call's."""
    assert not isinstance(effect, PrepareMedia | Ask | StopPlayback)
    assert effect.channel == call.channel


def check_notices(world: World, before: Prompt | None, made: Step) -> None:
    """Prompts begin and end once each, in pairs; what is told of a call is told once."""
    for notice in made.notices:
        world.told[type(notice)] += 1
        if isinstance(notice, PromptOver):
            if notice.order.id not in world.begun:  # it began and ended in this one step
                world.begun.append(notice.order.id)
            world.over.append(notice.order.id)
    running = made.call.prompt
    if running is not None and (before is None or before.order.id != running.order.id):
        world.begun.append(running.order.id)
    assert world.over == world.begun[: len(world.over)]
    assert len(world.begun) - len(world.over) == (running is not None)
    assert len(set(world.begun)) == len(world.begun)
    for kind in TOLD_ONCE:
        assert world.told[kind] <= 1
    if QuestionUnanswered in map(type, made.notices):
        assert made.call.state is CallState.ENDING
    if CallEnded in map(type, made.notices):
        assert isinstance(made.notices[-1], CallEnded)
        assert (made.effects, made.call.state) == ((), CallState.ENDED)


def note_order(world: World, before: Call, given: i.Input) -> None:
    """An order of a prompt was taken: it has to begin, and to end."""
    if isinstance(given, i.StartPrompt):
        world.ordered.append(given.order.id)
    if isinstance(given, i.Instructed) and given.instruction.prompt is not None:
        assert before.dialogue is not None
        if before.dialogue.topic is Topic.NEXT:
            world.ordered.append(given.instruction.prompt.id)


def travel(numbers: tuple[int, list[int]]) -> tuple[World, list[tuple[i.Input, float]]]:
    """Take all inputs, checking after each; the world at the end, and the journal."""
    begin = opening(numbers[0])
    first = step(None, begin, NOW)
    world = World(call=first.call)
    world.phrases = {order.id: len(order.phrases) for order in begin.on_answer}
    check_row(first.call)
    check_effects(world, None, first)
    check_notices(world, None, first)
    journal: list[tuple[i.Input, float]] = [(begin, NOW)]
    for number in numbers[1]:
        dice = Dice(number)
        world.now += 0.25
        given = onward(world, dice) if dice(4) else anything(world, dice)
        assert msgspec.json.decode(msgspec.json.encode(given), type=type(given)) == given
        before = world.call
        try:
            made = step(before, given, world.now)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
            continue
        if made.late:
            assert made.call is before
            assert (made.effects, made.notices) == ((), ())
            continue
        assert before.live
        assert made.call.version == before.version + 1
        journal.append((given, world.now))
        note_order(world, before, given)
        check_row(made.call)
        check_effects(world, before, made)
        check_notices(world, before.prompt, made)
        world.call = made.call
    return world, journal


@settings(max_examples=300, deadline=None)
@given(JOURNEYS)
def test_any_inputs_in_any_order(journey: tuple[int, list[int]]) -> None:
    """Facts never raise; one ending each; deadlines everywhere; nothing after the end."""
    travel(journey)


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_every_call_can_be_ended_and_every_prompt_with_it(journey: tuple[int, list[int]]) -> None:
    """Wherever a call stands, its channel's end is its own, and no prompt is left without one."""
    world, _ = travel(journey)
    if world.call.live:
        made = step(world.call, i.ChannelGone(channel=world.call.channel), world.now)
        check_notices(world, world.call.prompt, made)
        world.call = made.call
    assert world.call.state is CallState.ENDED
    assert world.told[CallEnded] == 1
    assert world.over == world.begun
    assert set(world.ordered) <= set(world.over)


def waits_of(call: Call) -> list[i.Input]:
    """All deadlines of a row, as inputs."""
    parts: list[tuple[float | None, type]] = [
        (call.deadline, i.CallDeadline),
        (call.prompt.deadline if call.prompt else None, i.PromptDeadline),
        (call.dialogue.deadline if call.dialogue else None, i.DialogueDeadline),
        (call.background.deadline if call.background else None, i.BackgroundDeadline),
    ]
    return [kind(at=at) for at, kind in parts if at is not None]


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_deadlines_alone_bring_every_call_to_its_hang_up(journey: tuple[int, list[int]]) -> None:
    """When nothing is heard any more, the deadlines of the row lead out of every state.

    Each is heard when it passes: a timer whose input is late would never be armed again.
    """
    world, _ = travel(journey)
    call = world.call
    for _ in range(60):
        if call.state in (CallState.ENDING, CallState.ENDED):
            break
        waits = waits_of(call)
        for passed in waits:
            assert not step(call, passed, passed.at).late  # type: ignore[union-attr]
        nearest = min(waits, key=lambda passed: passed.at)  # type: ignore[union-attr]
        call = step(call, nearest, nearest.at).call  # type: ignore[union-attr]
    assert call.state in (CallState.ENDING, CallState.ENDED)


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
