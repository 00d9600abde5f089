"""The races that house.md names, and prompts that wait for the answer: one ending each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CallNotUp, CallOver
from adapter.core.model import (
    Barge,
    CallState,
    Collect,
    CollectEnd,
    EndCause,
    EndedBy,
    Ending,
    PromptState,
)
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    Outcome,
    PrepareMedia,
    PromptOver,
)
from tests.unit.build import (
    CALL,
    COLLECT,
    NOW,
    OUTBOUND_CHANNEL,
    finished,
    gone,
    inbound,
    key,
    media_ready,
    order,
    outbound,
    prompt_id,
    prompting,
    run,
    started,
    up,
)

REFUSED = i.ChannelRefused(channel=OUTBOUND_CHANNEL, cause=EndCause.CONGESTION, detail="full")


@pytest.mark.parametrize("state", [CallState.ENDING, CallState.ENDED])
def test_race_hang_up_then_play(state: CallState) -> None:
    """Play after a hang-up is refused, and so is a stop."""
    for given in (i.StartPrompt(order=order()), i.StopPrompt()):
        with pytest.raises(CallOver):
            step(inbound(state), given, NOW)


def test_play_before_the_answer_is_refused() -> None:
    """Nothing can be played on a call that is not up."""
    for call in (outbound(CallState.RINGING), inbound(CallState.OFFERED)):
        with pytest.raises(CallNotUp):
            step(call, i.StartPrompt(order=order()), NOW)


def test_race_play_then_hang_up_while_rendering() -> None:
    """Both endings in one transaction, the prompt's first; media that come later are late."""
    call = prompting(PromptState.RENDERING)
    media = media_ready(call)
    made = step(call, gone(call, 16), NOW)
    assert [type(notice) for notice in made.notices] == [PromptOver, CallEnded]
    assert made.effects == ()
    assert step(made.call, media, NOW).late


def test_race_our_hang_up_while_rendering() -> None:
    """After our own hang-up nothing is played either, and the two endings come together."""
    call = prompting(PromptState.RENDERING)
    media = media_ready(call)
    ending = run(call, i.EndCall()).call
    assert step(ending, media, NOW).late
    made = step(ending, gone(call, 16), NOW)
    assert [type(notice) for notice in made.notices] == [PromptOver, CallEnded]


@pytest.mark.parametrize("refusal_first", [True, False])
def test_race_play_answered_404(refusal_first: bool) -> None:
    """The refusal before or after ChannelDestroyed: one ending of the prompt, one of the call."""
    call = prompting(PromptState.STARTING)
    refused = i.PlaybackRefused(playback=started(call).playback, detail="no such channel")
    facts: list[i.Input] = [refused, gone(call, 16)]
    notices = []
    for given in facts if refusal_first else reversed(facts):
        made = step(call, given, NOW)
        notices += [type(notice) for notice in made.notices]
        call = made.call
    assert notices == [PromptOver, CallEnded]


def test_race_last_digit_then_hang_up() -> None:
    """The digits were complete: they stand, in the prompt's one ending, before the call's."""
    call = prompting(PromptState.COLLECTING)
    made = run(call, key(call, "1"), key(call, "#"))
    over = made.notices[0]
    assert isinstance(over, PromptOver)
    assert (over.outcome, over.digits) == (Outcome.COLLECTED, "1")
    assert [type(n) for n in step(made.call, gone(call), NOW).notices] == [CallEnded]


@pytest.mark.parametrize("ours", [True, False])
def test_race_last_digit_then_hang_up_while_it_still_plays(ours: bool) -> None:
    """Digits that wait for the end of the phrases are not lost by a hang-up."""
    uninterrupted = order(collect=COLLECT, barge=Barge.NEVER)
    call = prompting(PromptState.PLAYING, uninterrupted)
    call = run(call, key(call, "7"), key(call, "#")).call
    call = run(call, i.EndCall()).call if ours else call
    over, ended = step(call, gone(call, 16), NOW).notices
    assert over == PromptOver(
        order=uninterrupted,
        outcome=Outcome.COLLECTED,
        digits="7",
        collected=CollectEnd.FINISH_KEY,
    )
    assert isinstance(ended, CallEnded)


def test_digits_that_were_not_complete_do_not_count_as_collected() -> None:
    """A hang-up in the middle of a collection fails it, and tells what was pressed."""
    call = prompting(PromptState.COLLECTING)
    over = run(call, key(call, "1"), gone(call)).notices[0]
    assert isinstance(over, PromptOver)
    assert (over.outcome, over.digits, over.collected) == (Outcome.FAILED, "1", None)


def test_race_our_hang_up_against_theirs() -> None:
    """Whoever was written down first made the end; the codes are Asterisk's."""
    call = inbound(CallState.UP)
    ours = run(call, i.EndCall(), gone(call, 31, 480)).call.ending
    assert ours == Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION, q850=31, sip_code=480)
    theirs = run(call, gone(call, 31, 480), i.EndCall()).call.ending
    assert theirs == Ending(cause=EndCause.HANGUP, by=EndedBy.CALLER, q850=31, sip_code=480)


def test_race_events_before_the_answer_to_their_command() -> None:
    """The channel is up, or gone, before anybody said that the command was taken: no matter."""
    call = outbound(CallState.DIALING)
    answered = run(call, up(call)).call
    assert step(answered, replace(REFUSED, channel=call.channel), NOW).late
    ended = run(call, gone(call, 17, 486)).call
    assert step(ended, replace(REFUSED, channel=call.channel), NOW).late


# Prompts that wait for the answer


def test_on_answer_plays_two_prompts_one_after_the_other() -> None:
    """The first starts with the answer, the second with the end of the first; each ends once."""
    first, second = order(1), order(2)
    call = outbound(CallState.RINGING, on_answer=(first, second))
    made = step(call, up(call), NOW)
    assert made.notices == (CallAnswered(),)
    assert made.effects == (PrepareMedia(prompt=first.id, phrases=first.phrases),)
    assert made.call.on_answer == (second,)
    made = run(made.call, media_ready(made.call))
    made = run(made.call, started(made.call))
    made = run(made.call, finished(made.call))
    assert [type(notice) for notice in made.notices] == [PromptOver]
    assert made.effects == (PrepareMedia(prompt=second.id, phrases=second.phrases),)
    made = run(made.call, i.MediaFailed(prompt=prompt_id(2), reason="no voice"))
    assert [type(notice) for notice in made.notices] == [PromptOver]
    assert (made.call.prompt, made.call.on_answer) == (None, ())


def test_the_next_waiting_prompt_starts_after_the_stop_of_the_one_before() -> None:
    """What stops the first playback is ordered before anything of the next."""
    prompts = (order(1, collect=Collect(max_digits=1)), order(2))
    call = run(inbound(CallState.ANSWERING, on_answer=prompts), up(inbound(CallState.UP))).call
    call = run(call, media_ready(call)).call
    made = run(call, started(call), key(call, "5"))
    assert [type(effect).__name__ for effect in made.effects] == ["StopPlayback", "PrepareMedia"]
    assert made.call.prompt is not None
    assert made.call.prompt.order == prompts[1]


def test_prompts_that_wait_are_dropped_with_the_call() -> None:
    """A hang-up during the first prompt: the second never started and has no ending."""
    call = run(
        inbound(CallState.ANSWERING, on_answer=(order(1), order(2))), up(inbound(CallState.UP))
    )
    assert run(call.call, i.EndCall()).call.on_answer == ()
    made = run(call.call, i.EndCall(), gone(call.call))
    assert [type(notice) for notice in made.notices] == [PromptOver, CallEnded]
    assert made.call.on_answer == ()
    assert made.call.id == CALL
