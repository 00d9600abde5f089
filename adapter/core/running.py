"""What runs on a call besides its channel: prompt, dialogue and background, as one.

The three machines know little of one another; here is what they have to do with each other: the end
of a prompt moves the dialogue on or starts the next waiting prompt, and the background fills what
is silent then. Not here: the channel (`adapter.core.call`).
"""

from __future__ import annotations

from dataclasses import replace

from adapter.core import background as backgrounds
from adapter.core import dialogue as dialogues
from adapter.core import inputs as i
from adapter.core import prompt as prompts
from adapter.core.dialogue import Outcomes
from adapter.core.errors import CallNotUp, CallOver
from adapter.core.model import Call, CallState, Topic
from adapter.core.outputs import Notice

Given = i.PromptInput | i.DialogueInput | i.BackgroundDeadline
_ANSWERS = i.Instructed | i.QuestionFailed | i.DialogueDeadline
_COMMANDS = (i.StartPrompt, i.StopPrompt, i.AskAnew)


def advance(call: Call, given: Given, now: float) -> Outcomes | None:
    """Apply an input to what runs on a call.

    Returns:
        What it made; None when the input is late.

    Raises:
        CoreError: a command that cannot be.
    """
    asked = call.state is CallState.OFFERED and isinstance(given, _ANSWERS)
    if call.state is not CallState.UP and not asked:
        if not isinstance(given, _COMMANDS):
            return None
        raise CallOver if call.state in (CallState.ENDING, CallState.ENDED) else CallNotUp
    made = _advance(call, given, now)
    return made if made is None or asked else settle(made, now)


def begin(call: Call, now: float) -> Outcomes:
    """The call is up: ask the application if it wants to be asked, or play what waits for that."""
    if call.asks:
        return settle(dialogues.ask(replace(call, on_answer=()), Topic.NEXT, now), now)
    return settle(_after(prompts.Turn(call), now), now)


def end(call: Call) -> tuple[Call, tuple[Notice, ...]]:
    """The call is over: what ran on it has its endings now."""
    notices = (prompts.cut(call.prompt),) if call.prompt else ()
    return replace(quiet(call), prompt=None), notices


def quiet(call: Call) -> Call:
    """The end is ordered: nothing waits for anything any more but for the channel to go."""
    return replace(
        call,
        prompt=replace(call.prompt, deadline=None) if call.prompt else None,
        dialogue=replace(call.dialogue, deadline=None) if call.dialogue else None,
        background=None,
        on_answer=(),
    )


def settle(made: Outcomes, now: float) -> Outcomes:
    """Let the background follow."""
    if made.end is not None:
        return made
    call, effects = backgrounds.settle(made.call, now)
    return replace(made, call=call, effects=made.effects + effects)


def _advance(call: Call, given: Given, now: float) -> Outcomes | None:
    if isinstance(given, i.DialogueInput):
        return dialogues.advance(call, given, now)
    about_background = backgrounds.advance(call, given)
    if about_background is not None:
        return Outcomes(*about_background)
    if isinstance(given, i.BackgroundDeadline):
        return None
    turn = prompts.advance(call, given, now)
    return _after(turn, now) if turn else None


def _after(turn: prompts.Turn, now: float) -> Outcomes:
    """After a turn of the prompt machine: the dialogue goes on, or the next prompt starts."""
    call = turn.call
    made = Outcomes(call, turn.effects, (turn.over,) if turn.over else ())
    if turn.over is not None and call.dialogue is not None:
        following = dialogues.prompt_over(call, turn.over, now)
    elif call.prompt is None and call.on_answer:
        order, *rest = call.on_answer
        call = replace(call, on_answer=tuple(rest))
        following = _after(prompts.start(call, order, (), now), now)
    else:
        return made
    return replace(
        following,
        effects=made.effects + following.effects,
        notices=made.notices + following.notices,
    )
