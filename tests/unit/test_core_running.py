"""Prompt, dialogue and background together: what one makes of another, and what the end makes."""

from __future__ import annotations

from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core import running as runs
from adapter.core.call import HANGUP_RETRY, step
from adapter.core.dialogue import Outcomes
from adapter.core.errors import CallNotUp, CallOver, CoreError
from adapter.core.ids import playback_of, question_of
from adapter.core.model import (
    BackgroundOrder,
    BackgroundState,
    Call,
    CallState,
    Collect,
    CollectEnd,
    DialogueState,
    Phrase,
    PromptState,
)
from adapter.core.outputs import (
    Ask,
    CallEnded,
    Effect,
    Hangup,
    Outcome,
    Play,
    PrepareMedia,
    PromptOver,
    StopPlayback,
)
from tests.unit.build import (
    CALL,
    COLLECT,
    MEDIA,
    NOW,
    asking,
    dialogue,
    dialogue_deadline,
    doing,
    finished,
    gone,
    inbound,
    inputs_of,
    instructed,
    key,
    media_ready,
    no_answer,
    offer,
    offered_asking,
    order,
    outbound,
    pausing,
    played,
    prompt_id,
    run,
    running,
    up,
)

MUSIC = BackgroundOrder(id=prompt_id(50), phrase=Phrase(file="music.wav"))
READY = i.MediaReady(prompt=MUSIC.id, media=MEDIA)
FACTS = [
    given
    for given in (*get_args(i.PromptInput), *get_args(i.DialogueInput), i.BackgroundDeadline)
    if given not in i.COMMANDS
]
TALKING = [asking(), doing(), pausing(), played(doing()), doing(order(collect=COLLECT))]


def kinds(effects: tuple[Effect, ...]) -> list[type]:
    return [type(effect) for effect in effects]


def not_up() -> list[Call]:
    """A call that is asked about in each state but UP and OFFERED, and so is one of each ending."""
    offered, taken = offered_asking(), run(offered_asking(), i.AcceptCall()).call
    placed = [outbound(state, asks=True) for state in (CallState.PLACING, CallState.RINGING)]
    ended = [run(call, gone(call)).call for call in (offered, *TALKING)]
    return [taken, *placed, *ended, *(run(call, i.EndCall()).call for call in (offered, *TALKING))]


@pytest.mark.parametrize("call", not_up(), ids=lambda c: str(c.state))
def test_nothing_runs_on_a_call_that_is_not_up(call: Call) -> None:
    """Every fact about what runs is late, and every command is refused."""
    heard = set()
    for given in inputs_of(call):
        if type(given) in FACTS:
            assert step(call, given, NOW).late
            heard.add(type(given))
        elif isinstance(given, i.StartPrompt | i.StopPrompt | i.AskAnew):
            over = call.state in (CallState.ENDING, CallState.ENDED)
            with pytest.raises(CallOver if over else CallNotUp):
                step(call, given, NOW)
            heard.add(type(given))
    assert heard == {*FACTS, i.StartPrompt, i.StopPrompt, i.AskAnew}


def test_an_offered_call_hears_its_answer_and_nothing_else() -> None:
    """Only what is about the question; a prompt cannot begin, nor can it be asked anew."""
    call = offered_asking()
    answers = {i.Instructed, i.QuestionFailed, i.DialogueDeadline}
    for given in inputs_of(call):
        if type(given) in FACTS:
            assert step(call, given, NOW).late == (type(given) not in answers)
        elif isinstance(given, i.StartPrompt | i.StopPrompt | i.AskAnew):
            with pytest.raises(CallNotUp):
                step(call, given, NOW)


@pytest.mark.parametrize("call", [offered_asking(accept_timeout=90.0), *TALKING])
def test_whatever_waits_is_heard(call: Call) -> None:
    """Each deadline of a row does something: a timer that passed is not armed again by itself."""
    deadlines: list[tuple[float | None, type]] = [
        (call.deadline, i.CallDeadline),
        (call.prompt.deadline if call.prompt else None, i.PromptDeadline),
        (dialogue(call).deadline, i.DialogueDeadline),
    ]
    for at, kind in deadlines:
        if at is not None:
            assert not step(call, kind(at=at), at).late
    assert call.deadlines == tuple(at for at, _ in deadlines if at is not None)


# From one to the other


def test_a_conversation() -> None:
    """Offer, welcome, menu, music while the application thinks, goodbye: in this order."""
    call = offered_asking()
    call = run(call, instructed(call), up(call)).call
    call = played(run(call, instructed(call, prompt=order(1), background=MUSIC)).call)
    made = run(call, READY, finished(call))
    assert made.effects == (
        Ask(question=question_of(CALL, 3), topic=dialogue(call).topic),
        Play(channel=call.channel, playback=playback_of(CALL, MUSIC.id, 1), media=MEDIA[0]),
    )
    menu = order(2, collect=Collect(max_digits=1))
    made = run(made.call, instructed(made.call, prompt=menu))
    assert kinds(made.effects) == [PrepareMedia, StopPlayback]
    call = played(made.call)
    made = run(call, key(call, "3"))
    assert kinds(made.effects) == [StopPlayback, Ask, Play]
    (over,) = made.notices
    assert isinstance(over, PromptOver)
    assert over.digits == "3"
    call = played(run(made.call, instructed(made.call, prompt=order(3), hang_up=True)).call)
    made = run(call, finished(call))
    assert (kinds(made.effects), made.call.background) == ([Hangup], None)
    assert [type(notice) for notice in run(made.call, gone(call, 16)).notices] == [CallEnded]


def test_keys_ahead_end_a_prompt_as_it_begins() -> None:
    """The answer's prompt, its end and the next question are one step: nothing is played."""
    call = asking()
    call = run(call, key(call, "4"), key(call, "2"), key(call, "#")).call
    wanted = order(collect=Collect(flush=False))
    made = step(call, instructed(call, prompt=wanted), NOW)
    assert made.notices == (
        PromptOver(
            order=wanted,
            outcome=Outcome.COLLECTED,
            digits="42",
            collected=CollectEnd.FINISH_KEY,
        ),
    )
    assert made.effects == (Ask(question=question_of(CALL, 3), topic=dialogue(call).topic),)
    assert (dialogue(made.call).digits, made.call.prompt) == ("42", None)


@pytest.mark.parametrize("call", [asking(), pausing()], ids=["asking", "pausing"])
def test_keys_are_kept_while_nothing_is_heard(call: Call) -> None:
    """Neither an open question nor a pause loses them."""
    made = run(call, key(call, "1"), key(call, "2"))
    assert (made.call.keys, made.call.ahead) == ("12", "12")
    assert (made.effects, made.notices, made.call.dialogue) == ((), (), call.dialogue)


def test_the_background_follows_a_prompt_by_command() -> None:
    """It is silent for that one, too, and comes back after it."""
    call = run(pausing(100.0, background=MUSIC), READY).call
    made = step(call, i.StartPrompt(order=order(), media=MEDIA), NOW)
    assert kinds(made.effects) == [Play, StopPlayback]
    made = step(made.call, i.StopPrompt(), NOW)
    assert kinds(made.effects) == [StopPlayback, Play]
    assert made.call.background is not None
    assert made.call.background.state is BackgroundState.PLAYING


def test_a_call_that_asks_plays_nothing_by_itself() -> None:
    """What waits for the answer is for calls that do not ask: the application says what plays."""
    call = outbound(CallState.RINGING, asks=True, on_answer=(order(1), order(2)))
    made = step(call, up(call), NOW)
    assert kinds(made.effects) == [Ask]
    assert (made.call.prompt, made.call.on_answer) == (None, ())


@pytest.mark.parametrize("make", [inbound, outbound])
def test_a_call_that_does_not_ask_has_no_dialogue(make: object) -> None:
    """Its application commands."""
    assert callable(make)
    call = make(CallState.UP)
    assert isinstance(call, Call)
    assert (call.dialogue, call.background, call.asks) == (None, None, False)
    call = played(run(call, i.StartPrompt(order=order())).call)
    made = step(call, finished(call), NOW)
    assert (made.effects, made.call.dialogue) == ((), None)
    assert step(None, offer(), NOW).call.dialogue is None


# The end


@pytest.mark.parametrize("call", [run(call, key(call, "1")).call for call in TALKING])
@pytest.mark.parametrize("ours", [True, False])
def test_the_end_leaves_nothing_to_wait_for(call: Call, ours: bool) -> None:
    """From the order on only the hang-up has a deadline; a prompt ends with the call."""
    before = step(call, i.EndCall(), NOW).call if ours else call
    if ours:
        assert before.deadlines == (NOW + HANGUP_RETRY,)
    made = step(before, gone(call, 16), NOW)
    expected = [CallEnded] if call.prompt is None else [PromptOver, CallEnded]
    assert [type(notice) for notice in made.notices] == expected
    assert (made.call.deadlines, made.call.prompt, made.effects) == ((), None, ())


def test_an_instruction_that_hangs_up_starts_no_background() -> None:
    """Nothing is played any more, and nothing of the background stays."""
    call = run(pausing(100.0, background=MUSIC), READY, i.AskAnew()).call
    other = BackgroundOrder(id=prompt_id(51), phrase=Phrase(file="other.wav"))
    made = step(call, instructed(call, hang_up=True, background=other), NOW)
    assert (kinds(made.effects), made.call.background) == ([Hangup], None)


@pytest.mark.parametrize("ask", [no_answer, dialogue_deadline])
def test_no_answer_beside_a_prompt_ends_both_once(ask: object) -> None:
    """The prompt by command has its ending when the channel is gone."""
    assert callable(ask)
    call = played(run(asking(), i.StartPrompt(order=order(8))).call)
    given = ask(call)
    made = step(call, given, NOW + 30)
    assert made.call.state is CallState.ENDING
    notices = step(made.call, gone(call), NOW + 31).notices
    assert [type(notice) for notice in notices] == [PromptOver, CallEnded]


def test_settling_is_left_out_at_the_end() -> None:
    """What is to be ended is not given a background first."""
    call = run(pausing(100.0, background=MUSIC), READY).call
    stopped = Outcomes(call, end=step(call, i.EndCall(), NOW).call.ending)
    assert runs.settle(stopped, NOW) is stopped


def test_an_up_call_that_asks_always_waits_for_something() -> None:
    """A prompt, an open question or a pause, whatever comes: never does it just lie there."""
    for call in TALKING:
        for given in inputs_of(call):
            try:
                after = step(call, given, NOW).call
            except CoreError:
                assert isinstance(given, i.COMMANDS)
                continue
            if after.state is CallState.UP:
                waits = dialogue(after).state is not DialogueState.DOING
                assert waits or after.prompt is not None or after.bridge is not None
                assert (dialogue(after).deadline is not None) == waits


def test_a_collection_goes_on_after_a_gap() -> None:
    """The dialogue is not moved by our having been away."""
    call = played(doing(order(collect=COLLECT)))
    call = run(call, finished(call)).call
    made = step(call, i.Resumed(), NOW + 50)
    assert running(made.call).state is PromptState.COLLECTING
    assert made.call.dialogue == call.dialogue
    for quiet in (asking(), pausing(), played(doing()), doing()):
        assert step(quiet, i.Resumed(), NOW).late


def test_media_of_the_prompt_are_not_taken_for_the_background() -> None:
    """Each hears what is its own."""
    call = asking()
    call = run(call, instructed(call, prompt=order(), background=MUSIC)).call
    made = run(call, media_ready(call))
    assert kinds(made.effects) == [Play]
    assert made.call.background is not None
    assert made.call.background.state is BackgroundState.PREPARING
