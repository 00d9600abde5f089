"""The dialogue machine: a call whose application is asked what to do, and does not command.

::

    OfferCall(asks) --> ASKING offer --Instructed--> taken (answered), or turned away
    the call is up ---> ASKING next --Instructed--> DOING --prompt over--> PAUSING --+
                           ^               |  (nothing to do) -------------^        |
                           +---------------+------ AskAnew -----------------<-- pause over
    hang_up: the call ends when what is being done is over
    QuestionFailed, or no answer in time: the call ends, and the application is told why

While a question is open the call lives on and can end. The question is in the row, so that a
restart asks it again, under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapter.core import background as backgrounds
from adapter.core import inputs as i
from adapter.core import prompt as prompts
from adapter.core.errors import NoPrompt
from adapter.core.ids import question_of
from adapter.core.model import (
    Call,
    Dialogue,
    DialogueState,
    EndCause,
    EndedBy,
    Ending,
    Instruction,
    PromptOrder,
    Topic,
)
from adapter.core.outputs import Ask, Effect, Notice, Outcome, PromptOver, QuestionUnanswered
from adapter.core.turn import Turn

ANSWER_TIMEOUT = 30.0  # the asker is quicker; this is for an asker that is gone
FAILED_PAUSE = 1.0  # after what took no time: no application may drive us round in a busy loop


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What an input made: the row, and what the call machine has to do about it.

    Attributes:
        call: the new row.
        effects: to be run.
        notices: to be worded.
        take: answer the offered call.
        end: how the call is to be ended.
    """

    call: Call
    effects: tuple[Effect, ...] = ()
    notices: tuple[Notice, ...] = ()
    take: bool = False
    end: Ending | None = None


Handler = Callable[[Call, Dialogue, Any, float], Outcomes | None]  # None: late


def ask(call: Call, topic: Topic, now: float) -> Outcomes:
    """Put a question to the application."""
    before = call.dialogue
    dialogue = Dialogue(
        state=DialogueState.ASKING,
        topic=topic,
        asked=before.asked + 1 if before else 1,
        deadline=now + ANSWER_TIMEOUT,
        collected=before.collected if before else None,
        digits=before.digits if before else "",
    )
    return Outcomes(replace(call, dialogue=dialogue), (question(call, dialogue),))


def question(call: Call, dialogue: Dialogue) -> Ask:
    """The order to ask what is open."""
    return Ask(question=question_of(call.id, dialogue.asked), topic=dialogue.topic)


def advance(call: Call, given: i.DialogueInput, now: float) -> Outcomes | None:
    """Apply an input to the dialogue of a call.

    Returns:
        What it made; None when the input is late.

    Raises:
        NoPrompt: AskAnew while nothing is being done, or for another question.
    """
    dialogue = call.dialogue
    if dialogue is None:
        if isinstance(given, i.AskAnew):
            raise NoPrompt
        return None
    handler = TABLE[dialogue.state].get(type(given))
    return handler(call, dialogue, given, now) if handler else None


def taken(call: Call) -> Call:
    """The offered call is answered: what was asked about it is open no more."""
    if call.dialogue is None:
        return call
    return replace(call, dialogue=replace(call.dialogue, state=DialogueState.DOING, deadline=None))


def prompt_over(call: Call, over: PromptOver, now: float) -> Outcomes:
    """What the dialogue makes of the end of its prompt."""
    dialogue = call.dialogue
    if dialogue is None or dialogue.state is not DialogueState.DOING:
        return Outcomes(call)
    nothing = over.outcome is Outcome.FAILED or not (over.order.phrases or over.order.collect)
    pause = max(dialogue.pause, FAILED_PAUSE) if nothing else dialogue.pause
    noted = replace(dialogue, collected=over.collected, digits=over.digits, pause=pause)
    return _done(replace(call, dialogue=noted), noted, now)


def _done(call: Call, dialogue: Dialogue, now: float) -> Outcomes:
    """What was to be done is over."""
    if dialogue.hang_up:
        return Outcomes(call, end=Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION))
    if dialogue.pause > 0:
        pausing = replace(dialogue, state=DialogueState.PAUSING, deadline=now + dialogue.pause)
        return Outcomes(replace(call, dialogue=pausing))
    return ask(call, Topic.NEXT, now)


def _instructed(call: Call, dialogue: Dialogue, given: i.Instructed, now: float) -> Outcomes | None:
    if given.question != question_of(call.id, dialogue.asked):
        return None
    instruction = given.instruction
    call = replace(call, context={**call.context, **instruction.context})
    if dialogue.topic is Topic.OFFER:
        if instruction.turn_away is None:
            return Outcomes(taken(call), take=True)
        return Outcomes(call, end=Ending(cause=instruction.turn_away, by=EndedBy.APPLICATION))
    return _follow(call, dialogue, instruction, now)


def _follow(call: Call, dialogue: Dialogue, instruction: Instruction, now: float) -> Outcomes:
    doing = replace(
        dialogue,
        state=DialogueState.DOING,
        deadline=None,
        hang_up=instruction.hang_up,
        pause=instruction.pause,
        collected=None,
        digits="",
    )
    cut = stop_prompt(replace(call, dialogue=doing), now)
    made = _do(cut.call, doing, instruction.prompt, now)
    call, effects = made.call, cut.effects
    if made.end is None:  # what will not be heard is not made
        if instruction.stop_background:
            call, stopped = backgrounds.stop(call)
            effects += stopped
        if instruction.background is not None:
            call, begun = backgrounds.begin(call, instruction.background)
            effects += begun
    notices = (cut.over, *made.notices) if cut.over else made.notices
    return replace(made, call=call, effects=effects + made.effects, notices=notices)


def _do(call: Call, doing: Dialogue, order: PromptOrder | None, now: float) -> Outcomes:
    """Begin the prompt of an instruction; without one there is nothing to do."""
    if order is None:
        return _done(call, replace(doing, pause=max(doing.pause, FAILED_PAUSE)), now)
    turn = prompts.start(call, order, (), now)
    if turn.over is None:
        return Outcomes(turn.call, turn.effects)
    made = prompt_over(turn.call, turn.over, now)
    return replace(made, effects=turn.effects + made.effects, notices=(turn.over,))


def stop_prompt(call: Call, now: float) -> Turn:
    """End the prompt that runs, if one does: its application wants something else."""
    if call.prompt is None:
        return Turn(call)
    turn = prompts.advance(call, i.StopPrompt(), now)
    assert turn is not None  # noqa: S101 - a running prompt can be stopped
    return turn


def _failed(call: Call, dialogue: Dialogue, given: i.QuestionFailed, now: float) -> Outcomes | None:
    if given.question != question_of(call.id, dialogue.asked):
        return None
    return _unanswered(call, dialogue, given.reason)


def _unanswered(call: Call, dialogue: Dialogue, reason: str) -> Outcomes:
    notice = QuestionUnanswered(topic=dialogue.topic, reason=reason)
    detail = "no answer of the application"
    ending = Ending(cause=EndCause.FAILED, by=EndedBy.SYSTEM, detail=detail)
    return Outcomes(call, notices=(notice,), end=ending)


def _no_answer(
    call: Call, dialogue: Dialogue, given: i.DialogueDeadline, now: float
) -> Outcomes | None:
    if given.at != dialogue.deadline:
        return None
    return _unanswered(call, dialogue, "")


def _pause_over(
    call: Call, dialogue: Dialogue, given: i.DialogueDeadline, now: float
) -> Outcomes | None:
    return ask(call, Topic.NEXT, now) if given.at == dialogue.deadline else None


def _anew(call: Call, dialogue: Dialogue, given: i.AskAnew, now: float) -> Outcomes:
    if given.question not in (None, question_of(call.id, dialogue.asked)):
        raise NoPrompt
    cut = stop_prompt(call, now)
    if cut.over is None:
        return ask(call, Topic.NEXT, now)
    noted = replace(dialogue, collected=cut.over.collected, digits=cut.over.digits)
    made = ask(replace(cut.call, dialogue=noted), Topic.NEXT, now)
    return replace(made, effects=cut.effects + made.effects, notices=(cut.over,))


def _nothing_done(call: Call, dialogue: Dialogue, given: i.AskAnew, now: float) -> None:
    raise NoPrompt


TABLE: Mapping[DialogueState, Mapping[type, Handler]] = {
    DialogueState.ASKING: {
        i.Instructed: _instructed,
        i.QuestionFailed: _failed,
        i.DialogueDeadline: _no_answer,
        i.AskAnew: _nothing_done,
    },
    DialogueState.DOING: {i.AskAnew: _anew},
    DialogueState.PAUSING: {i.AskAnew: _anew, i.DialogueDeadline: _pause_over},
}

LATE = frozenset(
    {
        (DialogueState.DOING, i.Instructed),
        (DialogueState.DOING, i.QuestionFailed),
        (DialogueState.DOING, i.DialogueDeadline),
        (DialogueState.PAUSING, i.Instructed),
        (DialogueState.PAUSING, i.QuestionFailed),
    }
)
