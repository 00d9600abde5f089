"""The background machine: each transition of its drawing, and that it is heard only in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.background import PLAY_SLACK
from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import (
    Background,
    BackgroundOrder,
    BackgroundState,
    Call,
    CallState,
    Media,
    Phrase,
    PromptState,
)
from adapter.core.outputs import Ask, Hangup, Play, PrepareMedia, StopPlayback
from tests.unit.build import (
    CALL,
    INBOUND_CHANNEL,
    MEDIUM,
    NOW,
    asking,
    dialogue,
    dialogue_deadline,
    finished,
    gone,
    inputs_of,
    instructed,
    media_ready,
    order,
    pausing,
    played,
    prompt_id,
    run,
    running,
)

MUSIC = BackgroundOrder(id=prompt_id(50), phrase=Phrase(file="music.wav"))
RESTFUL = replace(MUSIC, pause=4.0)
OTHER = BackgroundOrder(id=prompt_id(51), phrase=Phrase(file="other.wav"))
SONG = Media(uri="sound:/media/music", seconds=60.0)
READY = i.MediaReady(prompt=MUSIC.id, media=(SONG,))


def round_of(number: int, order: BackgroundOrder = MUSIC) -> PlaybackId:
    return playback_of(CALL, order.id, number)


def play(number: int) -> Play:
    """The order to play a round."""
    return Play(channel=INBOUND_CHANNEL, playback=round_of(number), media=SONG)


def over(number: int, *, failed: bool = False) -> i.PlaybackFinished:
    """A round is over."""
    return i.PlaybackFinished(playback=round_of(number), failed=failed)


def background(call: Call) -> Background:
    assert call.background is not None
    return call.background


def passed(call: Call) -> i.BackgroundDeadline:
    """The deadline of the background passes."""
    deadline = background(call).deadline
    assert deadline is not None
    return i.BackgroundDeadline(at=deadline)


def with_background(state: BackgroundState, wanted: BackgroundOrder = RESTFUL) -> Call:
    """A call with a background in a state; WAITING: behind a prompt, else in a long pause."""
    if state is BackgroundState.WAITING:
        call = run(with_background(BackgroundState.PLAYING, wanted), i.AskAnew()).call
        return run(call, instructed(call, prompt=order())).call
    call = pausing(1000.0, background=wanted)
    if state is BackgroundState.PREPARING:
        return call
    call = run(call, i.MediaReady(prompt=wanted.id, media=(SONG,))).call
    if state is BackgroundState.PLAYING:
        return call
    return run(call, over(1)).call


@pytest.mark.parametrize("state", BackgroundState)
def test_every_input_can_be_fed_in_every_state(state: BackgroundState) -> None:
    """A fact never raises, also one about its own media and rounds, be they old or to come."""
    call = with_background(state)
    assert background(call).state is state
    own: list[i.Input] = [
        *(i.PlaybackStarted(playback=round_of(number)) for number in range(3)),
        *(over(number) for number in range(3)),
        *(over(number, failed=True) for number in range(3)),
        *(i.PlaybackRefused(playback=round_of(number), detail="409") for number in range(3)),
        READY,
        i.MediaFailed(prompt=MUSIC.id, reason="gone"),
    ]
    for given in (*inputs_of(call), *own):
        try:
            made = step(call, given, NOW)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
        else:
            assert made.late == (made.call is call)


def test_an_order_makes_its_media() -> None:
    """Behind whatever the same instruction orders; nothing is played before they are there."""
    call = asking()
    made = step(call, instructed(call, background=MUSIC, pause=9.0), NOW)
    assert made.effects == (PrepareMedia(prompt=MUSIC.id, phrases=(MUSIC.phrase,)),)
    assert background(made.call) == Background(order=MUSIC, state=BackgroundState.PREPARING)


def test_it_plays_when_nothing_else_is_heard() -> None:
    """With its length and some more as the limit."""
    made = step(with_background(BackgroundState.PREPARING), READY, NOW + 1)
    assert made.effects == (play(1),)
    now = background(made.call)
    assert (now.state, now.round, now.media) == (BackgroundState.PLAYING, 1, SONG)
    assert now.deadline == NOW + 1 + SONG.seconds + PLAY_SLACK
    assert made.notices == ()


def test_it_is_played_over_and_over() -> None:
    """Each round has a playback of its own; without a pause it follows at once."""
    call = with_background(BackgroundState.PLAYING, MUSIC)
    for number in (1, 2, 3):
        assert step(call, i.PlaybackStarted(playback=round_of(number)), NOW).late
        made = step(call, over(number), NOW + number)
        assert made.effects == (play(number + 1),)
        assert background(made.call).deadline == NOW + number + SONG.seconds + PLAY_SLACK
        assert step(made.call, over(number), NOW).late
        call = made.call


def test_it_rests_between_two_rounds() -> None:
    """For the pause of its order, then it plays again."""
    call = with_background(BackgroundState.PLAYING)
    made = step(call, over(1), NOW + 60)
    assert (made.effects, background(made.call).state) == ((), BackgroundState.RESTING)
    assert background(made.call).deadline == NOW + 64
    again = step(made.call, passed(made.call), NOW + 64)
    assert again.effects == (play(2),)


def test_a_round_whose_end_was_missed_is_over() -> None:
    """It is stopped, to be sure, and the background goes on."""
    stop = StopPlayback(playback=round_of(1))
    call = with_background(BackgroundState.PLAYING)
    made = step(call, passed(call), NOW + 70)
    assert (made.effects, background(made.call).state) == ((stop,), BackgroundState.RESTING)
    call = with_background(BackgroundState.PLAYING, MUSIC)
    made = step(call, passed(call), NOW + 70)
    assert made.effects == (stop, play(2))
    assert step(made.call, over(1), NOW + 70).late


@pytest.mark.parametrize("state", BackgroundState)
def test_a_deadline_that_was_replaced_is_not_heard(state: BackgroundState) -> None:
    """Only the one that stands in the row counts."""
    assert step(with_background(state), i.BackgroundDeadline(at=NOW - 1), NOW).late


# In turn with prompts


def test_a_prompt_silences_it() -> None:
    """From its order on; the end of the stopped round changes nothing."""
    call = run(with_background(BackgroundState.PLAYING), i.AskAnew()).call
    assert background(call).state is BackgroundState.PLAYING
    made = step(call, instructed(call, prompt=order()), NOW)
    wanted = PrepareMedia(prompt=prompt_id(1), phrases=order().phrases)
    assert made.effects == (wanted, StopPlayback(playback=round_of(1)))
    assert (background(made.call).state, background(made.call).deadline) == (
        BackgroundState.WAITING,
        None,
    )
    assert step(made.call, over(1), NOW).late


def test_a_prompt_while_it_rests_has_nothing_to_stop() -> None:
    """The rest is over with the prompt, not before and not after."""
    call = run(with_background(BackgroundState.RESTING), i.AskAnew()).call
    rest = passed(call)
    made = step(call, instructed(call, prompt=order()), NOW)
    assert [type(effect) for effect in made.effects] == [PrepareMedia]
    assert step(made.call, rest, rest.at).late
    call = played(made.call)
    assert background(call).state is BackgroundState.WAITING
    assert play(2) in step(call, finished(call), NOW).effects


@pytest.mark.parametrize("state", [*PromptState][:-1])
def test_its_media_wait_while_a_prompt_is_heard(state: PromptState) -> None:
    """Whatever the prompt is at: only its end makes room."""
    call = asking()
    call = run(call, instructed(call, prompt=order(), background=MUSIC)).call
    if state is not PromptState.RENDERING:
        call = run(call, media_ready(call)).call
    if state is PromptState.PLAYING:
        call = run(call, i.PlaybackStarted(playback=playback_of(CALL, prompt_id(1)))).call
    assert running(call).state is state
    made = step(call, READY, NOW)
    assert (made.effects, background(made.call).state) == ((), BackgroundState.WAITING)
    ended = step(made.call, i.StopPrompt(), NOW)
    assert ended.effects[-1] == play(1)


def test_it_is_heard_while_a_question_is_open() -> None:
    """The caller need not know that an application is slow."""
    call = played(with_background(BackgroundState.WAITING))
    made = step(call, finished(call), NOW)
    assert [type(effect) for effect in made.effects] == [Ask, Play]
    assert made.effects[-1] == play(2)
    again = step(made.call, over(2), NOW)
    assert background(again.call).state is BackgroundState.RESTING
    assert dialogue(again.call) == dialogue(made.call)


def test_it_is_heard_in_the_pause_and_goes_on_behind_it() -> None:
    """The next question does not begin it anew."""
    call = with_background(BackgroundState.PLAYING)
    made = step(call, dialogue_deadline(call), NOW + 1000)
    assert [type(effect) for effect in made.effects] == [Ask]
    assert background(made.call) == background(call)


# Replaced and stopped


@pytest.mark.parametrize("state", BackgroundState)
def test_another_takes_its_place(state: BackgroundState) -> None:
    """What plays of the first is stopped; its media and rounds are late."""
    call = run(with_background(state), i.AskAnew()).call
    made = step(call, instructed(call, background=OTHER, pause=9.0), NOW)
    prepare = PrepareMedia(prompt=OTHER.id, phrases=(OTHER.phrase,))
    sounding = background(call).state is BackgroundState.PLAYING
    stop = (StopPlayback(playback=round_of(background(call).round)),) if sounding else ()
    assert made.effects == (*stop, prepare)
    assert background(made.call) == Background(order=OTHER, state=BackgroundState.PREPARING)
    for given in (READY, over(1), over(2), i.MediaFailed(prompt=MUSIC.id, reason="")):
        assert step(made.call, given, NOW).late
    ready = step(made.call, i.MediaReady(prompt=OTHER.id, media=(MEDIUM,)), NOW)
    first = Play(channel=INBOUND_CHANNEL, playback=round_of(1, OTHER), media=MEDIUM)
    assert ready.effects == (first,)


@pytest.mark.parametrize("state", BackgroundState)
def test_it_is_stopped_by_its_application(state: BackgroundState) -> None:
    """In every state; nothing of it is heard afterwards."""
    call = run(with_background(state), i.AskAnew()).call
    sounding = background(call).state is BackgroundState.PLAYING
    made = step(call, instructed(call, stop_background=True, pause=9.0), NOW)
    stop = (StopPlayback(playback=round_of(background(call).round)),) if sounding else ()
    assert (made.effects, made.call.background) == (stop, None)
    for given in (READY, over(1), over(2)):
        assert step(made.call, given, NOW).late


def test_stopping_and_ordering_in_one_answer() -> None:
    """The new one stands."""
    call = run(with_background(BackgroundState.PLAYING), i.AskAnew()).call
    made = step(call, instructed(call, stop_background=True, background=OTHER, pause=9.0), NOW)
    assert [type(effect) for effect in made.effects] == [StopPlayback, PrepareMedia]
    assert background(made.call).order == OTHER


def test_stopping_none_is_nothing() -> None:
    """An application may say so without knowing."""
    call = asking()
    made = step(call, instructed(call, stop_background=True, pause=9.0), NOW)
    assert (made.effects, made.call.background) == ((), None)


# Failures


@pytest.mark.parametrize(
    "state", [one for one in BackgroundState if one is not BackgroundState.PREPARING]
)
def test_a_failure_that_comes_too_late(state: BackgroundState) -> None:
    """Its audio is there: what plays goes on."""
    failed = i.MediaFailed(prompt=MUSIC.id, reason="gone")
    assert step(with_background(state), failed, NOW).late


@pytest.mark.parametrize(
    ("state", "given"),
    [
        (BackgroundState.PREPARING, i.MediaFailed(prompt=MUSIC.id, reason="gone")),
        (BackgroundState.PLAYING, over(1, failed=True)),
        (BackgroundState.PLAYING, i.PlaybackRefused(playback=round_of(1), detail="409")),
    ],
)
def test_one_that_fails_is_none(state: BackgroundState, given: i.Input) -> None:
    """Silence, and no try again in a loop: the call goes on as if none had been ordered."""
    call = with_background(state)
    made = step(call, given, NOW)
    assert (made.call.background, made.effects, made.notices) == (None, (), ())
    assert made.call == replace(call, version=call.version + 1, background=None)


@pytest.mark.parametrize("state", BackgroundState)
@pytest.mark.parametrize("ours", [True, False])
def test_it_goes_with_the_call(state: BackgroundState, ours: bool) -> None:
    """A hang-up is all that is ordered, and no deadline of it stays."""
    call = with_background(state)
    made = step(call, i.EndCall() if ours else gone(call, 16), NOW)
    assert made.call.background is None
    assert [type(effect) for effect in made.effects] == ([Hangup] if ours else [])
    assert made.call.state is (CallState.ENDING if ours else CallState.ENDED)
    assert step(made.call, READY, NOW).late
