"""What runs on a call besides its channel: prompt, dialogue, background, bridge and recording.

The machines know little of one another; here is what they have to do with each other: the end of a
prompt moves the dialogue on, starts the next waiting prompt or the connection that waits behind
it; who is to be connected hears no prompt any more; and the background fills what is silent then.
Not here: the channel (`adapter.core.call`), and who hears whom (`adapter.core.layout`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from adapter.core import admission as admissions
from adapter.core import background as backgrounds
from adapter.core import bridge as bridges
from adapter.core import dialogue as dialogues
from adapter.core import inputs as i
from adapter.core import prompt as prompts
from adapter.core import recording as recordings
from adapter.core.dialogue import Outcomes
from adapter.core.errors import BridgeBusy, Bridged, CallNotUp, CallOver
from adapter.core.model import (
    Call,
    CallState,
    EndCause,
    EndedBy,
    Ending,
    LegOrder,
    PromptOrder,
    Topic,
)
from adapter.core.outputs import Effect, Notice
from adapter.core.turn import Turn, cut

Given = i.PromptInput | i.DialogueInput | i.BackgroundDeadline | i.BridgeInput | i.RecordingInput
_ANSWERS = i.Instructed | i.QuestionFailed | i.DialogueDeadline
_OVER = (CallState.ENDING, CallState.CLOSING, CallState.ENDED)


def advance(call: Call, given: Given | i.LegInput, now: float) -> Outcomes | None:
    """Apply an input to what runs on a call.

    Returns:
        What it made; None when the input is late.

    Raises:
        CoreError: a command that cannot be.
    """
    if call.state is CallState.ADMITTING and _asking(given):
        return admissions.advance(call, given, now)
    asked = call.state is CallState.OFFERED and isinstance(given, _ANSWERS)
    if call.state is not CallState.UP and not asked:
        return _not_up(call, given, now)
    made = _advance(call, given, now)
    return made if made is None or asked else settle(made, now)


def begin(call: Call, now: float) -> Outcomes:
    """The call is up: ask the application if it wants to be asked, or do what waits for that."""
    if call.asks:
        call = replace(call, on_answer=(), connect_on_answer=None)
        return settle(dialogues.ask(call, Topic.NEXT, now), now)
    if call.machine:
        return _begin_with_machine(call, now)
    return settle(_after(Turn(call), now), now)


def _begin_with_machine(call: Call, now: float) -> Outcomes:
    """Nothing that was meant for a human; a connection that was asked for has failed."""
    drop = call.detection.drop if call.detection else None
    waiting: tuple[PromptOrder, ...] = () if drop is None else (replace(drop, hang_up=True),)
    kept = call.connect_kept
    call = replace(call, on_answer=waiting, connect_on_answer=None, connect_kept=None)
    told: tuple[Notice, ...] = ()
    if kept is not None:
        ending = Ending(cause=EndCause.CANCELLED, by=EndedBy.SYSTEM, detail="a machine answered")
        call, _, told = bridges.decline(call, kept, ending)
    return _joined(Outcomes(call, notices=told), settle(_after(Turn(call), now), now))


def record(call: Call, now: float) -> Outcomes:
    """The call is answered: record it, when it was ordered so."""
    if call.record_on_answer is None:
        return Outcomes(call)
    take = recordings.start(call, call.record_on_answer, now)
    return Outcomes(take.call, take.effects, take.notices)


def end(call: Call, now: float) -> Outcomes:
    """The channel is gone: what ran on the call has its endings now, but a recording is saved."""
    call, effects, notices = quiet(call)
    outcome = (cut(call.prompt),) if call.prompt else ()
    take = recordings.channel_gone(replace(call, prompt=None), now)
    return Outcomes(take.call, effects + take.effects, (*outcome, *notices, *take.notices))


def quiet(call: Call) -> bridges.Change:
    """The end is ordered: nothing waits for anything any more but for the channel to go."""
    call, effects, notices = bridges.end(call)
    call = replace(
        call,
        prompt=replace(call.prompt, deadline=None) if call.prompt else None,
        dialogue=replace(call.dialogue, deadline=None) if call.dialogue else None,
        background=None,
        admission=None,
        on_answer=(),
        connect_on_answer=None,
        connect_kept=None,
    )
    return call, effects, notices


def settle(made: Outcomes, now: float) -> Outcomes:
    """Let the background follow."""
    if made.end is not None:
        return made
    call, effects = backgrounds.settle(made.call, now)
    return replace(made, call=call, effects=made.effects + effects)


def _asking(given: Given | i.LegInput) -> TypeGuard[i.PromptInput]:
    """Whether it is about the prompt that asks for a code; nobody can command that one."""
    return isinstance(given, i.PromptInput) and not isinstance(given, i.COMMANDS)


def _not_up(call: Call, given: Given | i.LegInput, now: float) -> Outcomes | None:
    if not isinstance(given, i.COMMANDS):
        return _record(call, given, now) if isinstance(given, i.RecordingInput) else None
    if call.state in _OVER:
        raise CallOver
    if isinstance(given, i.ConnectCall) and not call.asks:
        if call.connect_on_answer is not None or call.connect_kept is not None:
            raise BridgeBusy
        return Outcomes(replace(call, connect_kept=given.order))
    raise CallNotUp


def _advance(call: Call, given: Given | i.LegInput, now: float) -> Outcomes | None:
    if isinstance(given, i.StartPrompt | i.AskAnew) and call.bridge is not None:
        raise Bridged
    if isinstance(given, i.DialogueInput):
        return dialogues.advance(call, given, now)
    if isinstance(given, i.RecordingInput):
        return _record(call, given, now)
    about_background = backgrounds.advance(call, given)
    if about_background is not None:
        return Outcomes(*about_background)
    if isinstance(given, i.ConnectCall) and call.bridge is None:
        if call.connect_kept is not None:
            raise BridgeBusy
        return _connect(call, given.order, now)
    about_bridge = bridges.advance(call, given, now)
    if about_bridge is not None:
        return _alone_again(Outcomes(*about_bridge), now)
    if not isinstance(given, i.PromptInput):
        return None
    turn = prompts.advance(call, given, now)
    return _after(turn, now) if turn else None


def _record(call: Call, given: i.RecordingInput, now: float) -> Outcomes | None:
    take = recordings.advance(call, given, now)
    return Outcomes(take.call, take.effects, take.notices) if take else None


def _connect(call: Call, order: LegOrder, now: float) -> Outcomes:
    """Join the call with somebody; whatever is played or waits to be played is left."""
    turn = dialogues.stop_prompt(call, now)
    call = dialogues.taken(turn.call)
    call = replace(call, on_answer=(), connect_on_answer=None, connect_kept=None)
    call, effects, notices = bridges.connect(call, order, now)
    outcome = (turn.over,) if turn.over else ()
    return Outcomes(call, turn.effects + effects, (*outcome, *notices))


def _alone_again(made: Outcomes, now: float) -> Outcomes:
    """Joined with nobody any more, an application that is asked is asked what comes next."""
    if made.call.bridge is not None or made.call.dialogue is None:
        return made
    return _joined(made, dialogues.ask(made.call, Topic.NEXT, now))


def _after(turn: Turn, now: float) -> Outcomes:
    """After a turn of the prompt machine: the call ends, the dialogue goes on, or what waits."""
    call = turn.call
    made = Outcomes(call, turn.effects, (turn.over,) if turn.over else ())
    if turn.over is not None and turn.over.order.hang_up:
        return replace(made, end=Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION))
    if turn.over is not None and call.dialogue is not None:
        following = dialogues.prompt_over(call, turn.over, now)
    elif call.prompt is None and call.on_answer:
        order, *rest = call.on_answer
        call = replace(call, on_answer=tuple(rest))
        following = _after(prompts.start(call, order, (), now), now)
    elif call.prompt is None and (party := call.connect_kept or call.connect_on_answer):
        following = _connect(call, party, now)
    else:
        return made
    return _joined(made, following)


def _joined(made: Outcomes, following: Outcomes) -> Outcomes:
    effects: tuple[Effect, ...] = made.effects + following.effects
    notices: tuple[Notice, ...] = made.notices + following.notices
    return replace(following, effects=effects, notices=notices)
