"""Any inputs in any order: facts never raise, one ending each, deadlines everywhere.

Inputs are made from the row at hand, so that what is drawn is mostly about this call and this
prompt and gets deep, and sometimes about an earlier one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import ChannelId, PromptId, playback_of
from adapter.core.model import (
    Call,
    CallState,
    Collect,
    DialOrder,
    EndCause,
    Phrase,
    Prompt,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    Hangup,
    Play,
    PrepareMedia,
    PromptOver,
    Step,
    StopPlayback,
)
from adapter.core.replay import replay
from tests.unit.build import MEDIA, NOW, OTHER_CHANNEL, offer, order, place, prompt_id

TOLD_ONCE = (CallOffered, CallRang, CallAnswered, CallEnded)
WISHES = tuple(
    Collect(first_timeout=10.0, between_timeout=between, max_digits=most, finish_on=keys)
    for between in (1.0, 20.0)
    for most in (None, 1, 3)
    for keys in ("#", "", "*#")
)
SIP_CODES = (None, 200, 404, 480, 486, 487, 503, 603)
CAUSES = tuple(EndCause)


class Dice:
    """Choices out of one number: hypothesis draws and shrinks it, and that is quick."""

    def __init__(self, number: int) -> None:
        self._rest = number

    def __call__(self, sides: int) -> int:
        self._rest, rolled = divmod(self._rest, sides)
        return rolled


@dataclass
class World:
    """A call on its way, and everything that came of it."""

    call: Call
    now: float = NOW
    prompts: int = 0
    begun: list[PromptId] = field(default_factory=list)
    over: list[PromptId] = field(default_factory=list)
    told: Counter[type] = field(default_factory=Counter)
    prepared: set[PromptId] = field(default_factory=set)

    def prompt(self, back: int) -> PromptId:
        """The running prompt's id, or with `back` one that began before it."""
        wanted = self.begun[::-1][back : back + 1]
        return wanted[0] if wanted else prompt_id(99)

    def channel(self, other: bool) -> ChannelId:
        return OTHER_CHANNEL if other else self.call.channel


def bare_order(dice: Dice, number: int) -> PromptOrder:
    """A prompt as it may be ordered."""
    collect = (None, *WISHES)[dice(len(WISHES) + 1)]
    return replace(order(collect=collect, interrupt=dice(2) == 0), id=prompt_id(number))


def start(world: World, dice: Dice) -> i.Input:
    """A new prompt, with its media or without."""
    world.prompts += 1
    wanted = bare_order(dice, 100 + world.prompts)
    return i.StartPrompt(order=wanted, media=MEDIA if dice(2) else None)


def deadline(world: World, kind: type, stale: bool) -> i.Input:
    """The deadline of the call or its prompt passes, or one that was replaced."""
    row = world.call if kind is i.CallDeadline else world.call.prompt
    at = row.deadline if row is not None else None
    if at is None or stale:
        at = world.now - 1.0
    world.now = max(world.now, at)
    given: i.Input = kind(at=at)
    return given


ONWARD: dict[CallState, tuple[type, ...]] = {
    CallState.PLACING: (i.ChannelReady,),
    CallState.DIALING: (i.ChannelDialled, i.ChannelRinging, i.ChannelUp),
    CallState.TRYING: (i.ChannelRinging, i.ChannelUp),
    CallState.RINGING: (i.ChannelUp,),
    CallState.ANSWERING: (i.ChannelUp,),
}


def onward(world: World, dice: Dice) -> i.Input:
    """What the row waits for: one of the inputs of the drawings that lead on."""
    call = world.call
    if call.state is CallState.UP:
        return in_prompt(world, call.prompt, dice) if call.prompt else start(world, dice)
    if call.state not in ONWARD:
        return i.AcceptCall() if call.state is CallState.OFFERED else i.Resumed()
    kinds = ONWARD[call.state]
    given: i.Input = kinds[dice(len(kinds))](channel=call.channel)
    return given


def in_prompt(world: World, prompt: Prompt, dice: Dice) -> i.Input:
    """What a prompt waits for, and now and then a digit before that."""
    playback = playback_of(world.call.id, prompt.order.id)
    digit = i.DigitPressed(channel=world.call.channel, digit="12#"[dice(3)])
    match prompt.state:
        case PromptState.RENDERING if dice(5):
            return i.MediaReady(prompt=prompt.order.id, media=MEDIA)
        case PromptState.STARTING if dice(5):
            return i.PlaybackStarted(playback=playback)
        case PromptState.PLAYING if dice(2):
            return i.PlaybackFinished(playback=playback)
        case PromptState.COLLECTING if not dice(5):
            return deadline(world, i.PromptDeadline, stale=False)
        case _:
            return digit


def anything(world: World, dice: Dice) -> i.Input:
    """An input of any type, mostly about this call and prompt, though rarely its end."""
    call, rarely = world.call, dice(4) == 0
    prompt = world.prompt(max(0, dice(4) - 1))
    playback = playback_of(call.id, prompt)
    other = world.channel(rarely)
    inputs: list[Callable[[], i.Input]] = [
        i.AcceptCall,
        i.Resumed,
        lambda: i.EndCall() if rarely else i.AcceptCall(),
        lambda: i.ChannelReady(channel=other),
        lambda: i.ChannelDialled(channel=other),
        lambda: i.ChannelRinging(channel=other),
        lambda: i.ChannelUp(channel=other),
        lambda: i.ChannelGone(
            channel=world.channel(not rarely),
            q850=dice(128) or None,
            sip_code=SIP_CODES[dice(len(SIP_CODES))],
            lost=dice(4) == 1,
        ),
        lambda: i.ChannelRefused(
            channel=world.channel(not rarely), cause=CAUSES[dice(len(CAUSES))], detail="no"
        ),
        lambda: deadline(world, i.CallDeadline, stale=not rarely),
        lambda: deadline(world, i.PromptDeadline, stale=dice(2) == 0),
        lambda: start(world, dice),
        lambda: i.StopPrompt(prompt=prompt if dice(2) else None),
        lambda: i.MediaReady(prompt=prompt, media=MEDIA),
        lambda: i.MediaFailed(prompt=prompt, reason="no voice"),
        lambda: i.PlaybackStarted(playback=playback),
        lambda: i.PlaybackFinished(playback=playback, failed=rarely),
        lambda: i.PlaybackRefused(playback=playback, detail="409"),
        lambda: i.DigitPressed(channel=other, digit="0123456789*#Ax"[dice(14)]),
    ]
    return inputs[dice(len(inputs))]()


def opening(number: int) -> i.Opening:
    """How the call begins, with up to two prompts that wait for the answer."""
    dice = Dice(number)
    waiting = tuple(bare_order(dice, n + 1) for n in range(dice(3)))
    if dice(2):
        return place(on_answer=waiting)
    return offer(auto_answer=dice(2) == 1, on_answer=waiting)


NUMBER = st.integers(0, 2**32 - 1)
JOURNEYS = st.tuples(NUMBER, st.lists(NUMBER, min_size=8, max_size=40))


def check_row(call: Call) -> None:
    """What holds for every row."""
    assert (call.deadline is None) == (call.state is CallState.ENDED)
    assert (call.ending is not None) == (call.state in (CallState.ENDING, CallState.ENDED))
    assert (call.ended_at is not None) == (call.state is CallState.ENDED)
    assert call.prompt is not None or not call.on_answer or call.state is not CallState.UP
    if call.prompt is not None:
        assert call.state in (CallState.UP, CallState.ENDING)
        assert (call.prompt.deadline is not None) == (call.state is CallState.UP)
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


def check_effects(world: World, before: Prompt | None, made: Step) -> None:
    """Effects are about this call's channel and about the prompt that runs, or did until now."""
    running = made.call.prompt
    for effect in made.effects:
        match effect:
            case PrepareMedia(prompt=prompt):
                assert running is not None
                assert prompt == running.order.id
                assert prompt not in world.prepared
                world.prepared.add(prompt)
            case Play(playback=playback, media=media):
                assert running is not None
                assert playback == playback_of(made.call.id, running.order.id)
                assert media == running.media
            case StopPlayback(playback=playback):
                assert before is not None
                assert playback == playback_of(made.call.id, before.order.id)
                assert before.media is not None
            case _:
                assert effect.channel == made.call.channel
    if made.call.state is CallState.ENDING:
        assert all(isinstance(effect, Hangup) for effect in made.effects)


def check_notices(world: World, before: Prompt | None, made: Step) -> None:
    """Prompts begin and end once each, in pairs; what is told of a call is told once."""
    for notice in made.notices:
        world.told[type(notice)] += 1
        if isinstance(notice, PromptOver):
            world.over.append(notice.order.id)
    running = made.call.prompt
    if running is not None and (before is None or before.order.id != running.order.id):
        world.begun.append(running.order.id)
    assert world.over == world.begun[: len(world.over)]
    assert len(world.begun) - len(world.over) == (running is not None)
    for kind in TOLD_ONCE:
        assert world.told[kind] <= 1
    if CallEnded in map(type, made.notices):
        assert isinstance(made.notices[-1], CallEnded)
        assert (made.effects, made.call.state) == ((), CallState.ENDED)


def travel(numbers: tuple[int, list[int]]) -> tuple[World, list[tuple[i.Input, float]]]:
    """Take all inputs, checking after each; the world at the end, and the journal."""
    begin = opening(numbers[0])
    first = step(None, begin, NOW)
    world = World(call=first.call)
    check_row(first.call)
    check_notices(world, None, first)
    journal: list[tuple[i.Input, float]] = [(begin, NOW)]
    for number in numbers[1]:
        dice = Dice(number)
        world.now += 0.25
        given = onward(world, dice) if dice(4) else anything(world, dice)
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
        check_row(made.call)
        check_effects(world, before.prompt, made)
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
    assert len(set(world.over)) == len(world.over)


@settings(max_examples=60, deadline=None)
@given(JOURNEYS)
def test_deadlines_alone_bring_every_call_to_its_hang_up(journey: tuple[int, list[int]]) -> None:
    """When nothing is heard any more, the deadlines of the row lead out of every state."""
    world, _ = travel(journey)
    call = world.call
    for _ in range(12):
        if call.state in (CallState.ENDING, CallState.ENDED):
            break
        waits: dict[float | None, type] = {call.deadline: i.CallDeadline}
        if call.prompt is not None:
            waits[call.prompt.deadline] = i.PromptDeadline
        at = min(at for at in waits if at is not None)
        call = step(call, waits[at](at=at), at).call
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
