"""Calls on their way, made of numbers: any inputs in any order, mostly those that lead on.

Inputs are made from the row at hand, so that what is drawn is mostly about this call and what runs
on it and gets deep, and sometimes about an earlier prompt, question or background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from adapter.core import inputs as i
from adapter.core.ids import (
    ChannelId,
    PlaybackId,
    PromptId,
    QuestionId,
    RecordingId,
    playback_of,
    question_of,
)
from adapter.core.model import (
    Background,
    BackgroundOrder,
    BackgroundState,
    Barge,
    Call,
    CallState,
    Collect,
    Detection,
    Dialogue,
    DialogueState,
    EndCause,
    Instruction,
    Listen,
    Media,
    Phrase,
    Prompt,
    PromptOrder,
    PromptState,
)
from tests.unit.build import MEDIA, NOW, OTHER_CHANNEL, offer, order, place, prompt_id
from tests.unit.journeys_joined import (
    anything_joined,
    command,
    in_bridge,
    in_ears,
    in_recording,
)
from tests.unit.parties import leg_order, recording_order
from tests.unit.switchboard import Switchboard

WISHES = tuple(
    Collect(
        first_timeout=10.0, between_timeout=between, max_digits=most, finish_on=keys, flush=flush
    )
    for between in (1.0, 20.0)
    for most in (None, 1, 3)
    for keys in ("#", "", "*#")
    for flush in (True, False)
)
SIP_CODES = (None, 200, 404, 480, 486, 487, 503, 603)
CAUSES = tuple(EndCause)
PHRASES = (1, 1, 1, 2, 3, 0)


class Dice:
    """Choices out of one number: hypothesis draws and shrinks it, and that is quick."""

    def __init__(self, number: int) -> None:
        self._rest = number

    def __call__(self, sides: int) -> int:
        self._rest, rolled = divmod(self._rest, sides)
        return rolled


@dataclass
class World:
    """A call on its way, and everything that came of it.

    Attributes:
        ordered: prompts whose order was taken, and which therefore have an ending.
        begun: prompts that began, with those that waited for the answer.
        board: what the effects have made of Asterisk.
        parties: what was told of each further party, in order.
        recordings: what was told of each recording, in order.
    """

    call: Call
    now: float = NOW
    prompts: int = 0
    backgrounds: int = 0
    ordered: list[PromptId] = field(default_factory=list)
    begun: list[PromptId] = field(default_factory=list)
    over: list[PromptId] = field(default_factory=list)
    told: Counter[type] = field(default_factory=Counter)
    prepared: set[PromptId] = field(default_factory=set)
    asked: list[QuestionId] = field(default_factory=list)
    phrases: dict[PromptId, int] = field(default_factory=dict)
    board: Switchboard = field(default_factory=Switchboard)
    parties: dict[ChannelId, list[type]] = field(default_factory=dict)
    recordings: dict[RecordingId, list[type]] = field(default_factory=dict)

    def prompt(self, back: int) -> PromptId:
        """The running prompt's id, or with `back` one that began before it."""
        wanted = self.begun[::-1][back : back + 1]
        return wanted[0] if wanted else prompt_id(99)

    def question(self, back: int) -> QuestionId:
        """The latest question's id, or with `back` one before it."""
        number = self.call.dialogue.asked if self.call.dialogue else 1
        return question_of(self.call.id, number - back)

    def media(self, prompt: PromptId) -> tuple[Media, ...]:
        """One for each phrase of a prompt; one for a background."""
        return MEDIA * self.phrases.get(prompt, 1)

    def channel(self, other: bool) -> ChannelId:
        return OTHER_CHANNEL if other else self.call.channel

    def round_of(self, background: Background) -> PlaybackId:
        return playback_of(self.call.id, background.order.id, background.round)


def bare_order(dice: Dice, number: int) -> PromptOrder:
    """A prompt as it may be ordered."""
    collect = (None, *WISHES)[dice(len(WISHES) + 1)]
    made = order(collect=collect, barge=tuple(Barge)[dice(3)], phrases=PHRASES[dice(6)])
    listen = Listen(language="en", first_timeout=6.0) if dice(3) == 0 else None
    return replace(made, id=prompt_id(number), listen=listen)


def new_order(world: World, dice: Dice) -> PromptOrder:
    """One that this world has not had."""
    world.prompts += 1
    wanted = bare_order(dice, 100 + world.prompts)
    world.phrases[wanted.id] = len(wanted.phrases)
    return wanted


def start(world: World, dice: Dice) -> i.Input:
    """A new prompt, with its media or without."""
    wanted = new_order(world, dice)
    return i.StartPrompt(order=wanted, media=world.media(wanted.id) if dice(2) else ())


def instruction(world: World, dice: Dice) -> Instruction:
    """What an application may answer."""
    background = None
    if dice(3) == 0:
        world.backgrounds += 1
        number = prompt_id(5000 + world.backgrounds)
        phrase = Phrase(file="music.wav")
        background = BackgroundOrder(id=number, phrase=phrase, pause=(0.0, 2.0)[dice(2)])
    return Instruction(
        turn_away=CAUSES[dice(len(CAUSES))] if dice(12) == 0 else None,
        prompt=new_order(world, dice) if dice(4) else None,
        hang_up=dice(8) == 0,
        pause=(0.0, 0.0, 0.5, 5.0)[dice(4)],
        background=background,
        stop_background=dice(5) == 0,
        context={"n": dice(3)} if dice(2) else {},
    )


def deadline(world: World, kind: type, stale: bool) -> i.Input:
    """A deadline of the row passes, or one that was replaced."""
    call = world.call
    rows: dict[type, Call | Prompt | Dialogue | Background | None] = {
        i.CallDeadline: call,
        i.PromptDeadline: call.prompt,
        i.DialogueDeadline: call.dialogue,
        i.BackgroundDeadline: call.background,
    }
    row = rows[kind]
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
    if call.background is not None and dice(3) == 0:
        return in_background(world, call.background, dice)
    if call.dialogue is not None and not (call.prompt or call.bridge) and call.state in _TALKING:
        return in_dialogue(world, call.dialogue.state, dice)
    if call.recording is not None and dice(5) == 0:
        return in_recording(call.recording, dice)
    if call.bridge is not None:
        return in_bridge(call, call.bridge, dice)
    if call.state is CallState.UP and dice(6) == 0:
        return command(call, dice)
    if call.state is CallState.UP:
        return in_prompt(world, call.prompt, dice) if call.prompt else start(world, dice)
    if call.state is CallState.JUDGING:
        return i.AnswerJudged(channel=call.channel, machine=(True, False, None)[dice(3)])
    if call.state not in ONWARD:
        return i.AcceptCall() if call.state is CallState.OFFERED else i.Resumed()
    kinds = ONWARD[call.state]
    given: i.Input = kinds[dice(len(kinds))](channel=call.channel)
    return given


_TALKING = (CallState.OFFERED, CallState.UP)


def in_dialogue(world: World, state: DialogueState, dice: Dice) -> i.Input:
    """What a dialogue waits for, and now and then a key, or a command beside it."""
    digit = i.DigitPressed(channel=world.call.channel, digit="12#"[dice(3)])
    if state is DialogueState.ASKING and dice(5):
        return i.Instructed(question=world.question(0), instruction=instruction(world, dice))
    if state is DialogueState.PAUSING and dice(2):
        return deadline(world, i.DialogueDeadline, stale=False)
    return (digit, digit, i.AskAnew(), i.AcceptCall(), start(world, dice))[dice(5)]


def in_background(world: World, background: Background, dice: Dice) -> i.Input:
    """What a background waits for, or its failure."""
    wanted, playing = background.order.id, world.round_of(background)
    match background.state:
        case BackgroundState.PREPARING if dice(5):
            return i.MediaReady(prompt=wanted, media=MEDIA)
        case BackgroundState.PREPARING:
            return i.MediaFailed(prompt=wanted, reason="no file")
        case BackgroundState.PLAYING if dice(4):
            return i.PlaybackFinished(playback=playing, failed=dice(4) == 0)
        case _:
            return deadline(world, i.BackgroundDeadline, stale=False)


def in_prompt(world: World, prompt: Prompt, dice: Dice) -> i.Input:
    """What a prompt waits for, and now and then a digit before that."""
    playback = playback_of(world.call.id, prompt.order.id, prompt.index)
    digit = i.DigitPressed(channel=world.call.channel, digit="12#"[dice(3)])
    if prompt.order.listen is not None and dice(4) == 0:
        return in_ears(world.call, dice)
    match prompt.state:
        case PromptState.RENDERING if dice(5):
            return i.MediaReady(prompt=prompt.order.id, media=world.media(prompt.order.id))
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
    if dice(3) == 0:
        return anything_joined(call, dice)
    prompt = world.prompt(max(0, dice(4) - 1))
    playback = playback_of(call.id, prompt, max(0, dice(6) - 2))
    if call.background is not None and dice(3) == 0:
        prompt, playback = call.background.order.id, world.round_of(call.background)
    question = world.question(max(0, dice(4) - 2))
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
        lambda: deadline(world, i.DialogueDeadline, stale=dice(2) == 0),
        lambda: deadline(world, i.BackgroundDeadline, stale=dice(2) == 0),
        lambda: start(world, dice),
        lambda: i.StopPrompt(prompt=prompt if dice(2) else None),
        lambda: i.MediaReady(prompt=prompt, media=world.media(prompt)),
        lambda: i.MediaFailed(prompt=prompt, reason="no voice"),
        lambda: i.PlaybackStarted(playback=playback),
        lambda: i.PlaybackFinished(playback=playback, failed=rarely),
        lambda: i.PlaybackRefused(playback=playback, detail="409"),
        lambda: i.DigitPressed(channel=other, digit="0123456789*#Ax"[dice(14)]),
        lambda: i.Instructed(question=question, instruction=instruction(world, dice)),
        lambda: i.QuestionFailed(question=world.question(not rarely), reason="404"),
        lambda: i.AskAnew(question=question if dice(2) else None),
    ]
    return inputs[dice(len(inputs))]()


def opening(number: int) -> i.Opening:
    """How the call begins, with up to two prompts that wait for the answer."""
    dice = Dice(number)
    waiting = tuple(bare_order(dice, n + 1) for n in range(dice(3)))
    asks = dice(3) != 0
    if dice(2):
        return place(
            on_answer=waiting,
            asks=asks,
            connect_on_answer=leg_order() if dice(3) == 0 else None,
            record_on_answer=recording_order(0) if dice(3) == 0 else None,
            detection=(None, None, Detection(), Detection(drop=bare_order(dice, 90)))[dice(4)],
        )
    return offer(
        auto_answer=dice(4) == 1,
        on_answer=waiting,
        asks=asks,
        accept_timeout=(5.0, 30.0, 90.0)[dice(3)],
    )
