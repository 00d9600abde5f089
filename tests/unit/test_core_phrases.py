"""Prompts of several phrases: one after the other, one ending, and what a key does to them."""

from __future__ import annotations

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import (
    Barge,
    Call,
    CallState,
    Collect,
    CollectEnd,
    Media,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import Outcome, Play, PrepareMedia, PromptOver, Step, StopPlayback
from adapter.core.prompt import PLAY_SLACK, START_TIMEOUT
from tests.unit.build import (
    CALL,
    COLLECT,
    INBOUND_CHANNEL,
    NOW,
    finished,
    inbound,
    key,
    order,
    prompt_deadline,
    prompt_id,
    prompting,
    run,
    running,
    started,
)

THREE = tuple(Media(uri=f"sound:/media/{n}", seconds=float(n + 1)) for n in range(3))
READY = i.MediaReady(prompt=prompt_id(1), media=THREE)
PLAIN = order(phrases=3)
MENU = Collect(max_digits=2)


def playback(index: int) -> PlaybackId:
    return playback_of(CALL, prompt_id(1), index)


def play(index: int) -> Play:
    """The order to play a phrase."""
    return Play(channel=INBOUND_CHANNEL, playback=playback(index), media=THREE[index])


def at(index: int, wanted: PromptOrder, state: PromptState = PromptState.PLAYING) -> Call:
    """A call with a prompt of three phrases of which one is started, or plays."""
    call = run(prompting(PromptState.RENDERING, wanted), READY).call
    for _ in range(index):
        call = run(call, started(call)).call
        call = run(call, finished(call)).call
    if state is PromptState.PLAYING:
        call = run(call, started(call)).call
    assert (running(call).index, running(call).state) == (index, state)
    return call


def over(made: Step) -> PromptOver:
    (notice,) = made.notices
    assert isinstance(notice, PromptOver)
    assert made.call.prompt is None
    return notice


def test_all_phrases_are_made_ready_at_once() -> None:
    """One order for all of them, before the first is played."""
    made = step(inbound(CallState.UP), i.StartPrompt(order=PLAIN), NOW)
    assert len(PLAIN.phrases) == 3
    assert made.effects == (PrepareMedia(prompt=PLAIN.id, phrases=PLAIN.phrases),)


def test_phrases_are_played_one_after_the_other() -> None:
    """Each with a playback id and limits of its own, and one ending at the end of the last."""
    made = step(prompting(PromptState.RENDERING, PLAIN), READY, NOW)
    for index in range(3):
        prompt = running(made.call)
        assert made.effects == (play(index),)
        assert (prompt.state, prompt.index, prompt.media) == (PromptState.STARTING, index, THREE)
        assert prompt.deadline == NOW + START_TIMEOUT
        call = step(made.call, started(made.call), NOW).call
        assert running(call).deadline == NOW + THREE[index].seconds + PLAY_SLACK
        assert made.notices == ()
        made = step(call, finished(call), NOW)
    assert over(made) == PromptOver(order=PLAIN, outcome=Outcome.FINISHED)
    assert made.effects == ()


def test_the_wait_for_digits_begins_after_the_last() -> None:
    """Not after the first."""
    call = at(1, order(phrases=3, collect=COLLECT))
    call = run(call, finished(call)).call
    assert running(call).state is PromptState.STARTING
    made = step(run(call, started(call)).call, i.PlaybackFinished(playback=playback(2)), NOW + 9)
    assert running(made.call).state is PromptState.COLLECTING
    assert running(made.call).deadline == NOW + 9 + COLLECT.first_timeout


@pytest.mark.parametrize("index", [0, 1, 2])
def test_what_is_told_of_another_phrase_is_late(index: int) -> None:
    """One that is over, or to come, moves nothing."""
    for state in (PromptState.STARTING, PromptState.PLAYING):
        call = at(index, PLAIN, state)
        for other in {0, 1, 2, 3} - {index}:
            assert step(call, i.PlaybackStarted(playback=playback(other)), NOW).late
            assert step(call, i.PlaybackFinished(playback=playback(other)), NOW).late
            assert step(call, i.PlaybackRefused(playback=playback(other), detail=""), NOW).late


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_phrase_whose_end_was_missed_counts_as_played(index: int) -> None:
    """It is stopped, to be sure; the next one follows, or the end."""
    call = at(index, PLAIN)
    passed = prompt_deadline(call)
    made = step(call, passed, passed.at)
    stop = StopPlayback(playback=playback(index))
    if index < 2:
        assert made.effects == (stop, play(index + 1))
        assert running(made.call).deadline == passed.at + START_TIMEOUT
        assert step(made.call, i.PlaybackFinished(playback=playback(index)), passed.at).late
    else:
        assert (made.effects, over(made).outcome) == ((stop,), Outcome.FINISHED)


@pytest.mark.parametrize("collect", [None, COLLECT])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_phrase_that_fails_fails_the_prompt(index: int, collect: Collect | None) -> None:
    """Wherever it stands: refused, broken, or never begun; none that follows is played."""
    wanted = order(phrases=3, collect=collect)
    call = at(index, wanted, PromptState.STARTING)
    refused = step(call, i.PlaybackRefused(playback=playback(index), detail="409"), NOW)
    broken = step(at(index, wanted), i.PlaybackFinished(playback=playback(index), failed=True), NOW)
    silent = step(call, prompt_deadline(call), NOW + START_TIMEOUT)
    for made in (refused, broken, silent):
        assert over(made).outcome is Outcome.FAILED
    assert (refused.effects, broken.effects) == ((), ())
    assert silent.effects == (StopPlayback(playback=playback(index)),)


def test_digits_that_are_complete_outlast_a_phrase_that_fails() -> None:
    """The caller has said everything: what could not be played does not matter any more."""
    call = at(1, order(phrases=3, collect=MENU, barge=Barge.NEVER))
    call = run(call, key(call, "1"), key(call, "2")).call
    notice = over(step(call, finished(call, failed=True), NOW))
    assert (notice.outcome, notice.digits) == (Outcome.COLLECTED, "12")
    assert notice.collected is CollectEnd.MAX_DIGITS


def test_a_stop_stops_what_plays_and_all_that_follows() -> None:
    """One playback exists, whatever the number of phrases."""
    made = step(at(1, PLAIN), i.StopPrompt(), NOW)
    assert made.effects == (StopPlayback(playback=playback(1)),)
    assert over(made).outcome is Outcome.STOPPED


# Keys


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("state", [PromptState.STARTING, PromptState.PLAYING])
def test_barge_all_ends_all_phrases(index: int, state: PromptState) -> None:
    """The first key: it is collected, and nothing more is played."""
    call = at(index, order(phrases=3, collect=MENU), state)
    made = step(call, key(call, "1"), NOW)
    assert made.effects == (StopPlayback(playback=playback(index)),)
    assert (running(made.call).state, running(made.call).digits) == (PromptState.COLLECTING, "1")
    assert step(made.call, i.PlaybackFinished(playback=playback(index)), NOW).late


@pytest.mark.parametrize("state", [PromptState.STARTING, PromptState.PLAYING])
def test_barge_phrase_ends_only_the_phrase(state: PromptState) -> None:
    """Its end, which our stop makes, brings the next one; the key is collected."""
    call = at(0, order(phrases=3, collect=MENU, barge=Barge.PHRASE), state)
    made = step(call, key(call, "1"), NOW)
    assert made.effects == (StopPlayback(playback=playback(0)),)
    assert (running(made.call).state, running(made.call).digits) == (state, "1")
    assert running(made.call).deadline == running(call).deadline
    following = step(made.call, i.PlaybackFinished(playback=playback(0)), NOW)
    assert (following.effects, following.notices) == ((play(1),), ())


def test_barge_phrase_in_the_last_phrase_collects() -> None:
    """Behind it there is none: the time for the next digit runs from its end."""
    call = at(2, order(phrases=3, collect=MENU, barge=Barge.PHRASE))
    call = run(call, key(call, "1")).call
    made = step(call, finished(call), NOW + 1)
    assert running(made.call).state is PromptState.COLLECTING
    assert running(made.call).deadline == NOW + 1 + MENU.between_timeout


def test_barge_phrase_with_complete_digits_plays_the_rest() -> None:
    """Every key stops a phrase; when they are complete the others are heard, undisturbed."""
    call = at(0, order(phrases=3, collect=MENU, barge=Barge.PHRASE))
    made = run(call, key(call, "1"), key(call, "2"))
    assert made.effects == (StopPlayback(playback=playback(0)),)
    call = run(made.call, finished(made.call)).call
    call = run(call, started(call)).call
    third = step(call, key(call, "3"), NOW)
    assert (third.effects, third.call.ahead) == ((), "3")
    call = run(third.call, finished(third.call)).call
    call = run(call, started(call)).call
    notice = over(step(call, finished(call), NOW))
    assert (notice.digits, notice.collected) == ("12", CollectEnd.MAX_DIGITS)


def test_barge_phrase_before_anything_plays_stops_nothing() -> None:
    """A key while the media are made is collected, and all phrases are heard."""
    call = prompting(PromptState.RENDERING, order(phrases=3, collect=MENU, barge=Barge.PHRASE))
    made = step(call, key(call, "1"), NOW)
    assert (made.effects, running(made.call).state) == ((), PromptState.RENDERING)
    assert step(made.call, READY, NOW).effects == (play(0),)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_barge_never_stops_nothing(index: int) -> None:
    """Keys are collected all the while; the phrases go on to the last."""
    call = at(index, order(phrases=3, collect=MENU, barge=Barge.NEVER))
    made = run(call, key(call, "1"), key(call, "2"))
    assert (made.effects, made.notices) == ((), ())
    assert running(made.call).collected is CollectEnd.MAX_DIGITS
    ended = step(made.call, finished(made.call), NOW)
    assert ended.effects == ((play(index + 1),) if index < 2 else ())
    assert bool(ended.notices) == (index == 2)


# Without phrases


def test_a_prompt_without_phrases_collects_at_once() -> None:
    """Nothing is made ready and nothing played."""
    given = i.StartPrompt(order=order(phrases=0, collect=MENU))
    made = step(inbound(CallState.UP), given, NOW)
    assert (made.effects, running(made.call).state) == ((), PromptState.COLLECTING)
    assert running(made.call).deadline == NOW + MENU.first_timeout


def test_a_prompt_without_anything_is_over_at_once() -> None:
    """Its one ending comes in the same step."""
    made = step(inbound(CallState.UP), i.StartPrompt(order=order(phrases=0)), NOW)
    assert (made.effects, over(made).outcome) == ((), Outcome.FINISHED)
