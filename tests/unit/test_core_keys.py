"""What keys do to a prompt, in each of its states, and how a collection goes on after a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import Barge, CallState, Collect, CollectEnd, PromptState
from adapter.core.outputs import (
    Outcome,
    PrepareMedia,
    PromptOver,
    Step,
    StopPlayback,
)
from adapter.core.prompt import KEPT_KEYS
from tests.unit.build import (
    CALL,
    COLLECT,
    NOW,
    OTHER_CHANNEL,
    finished,
    inbound,
    key,
    media_ready,
    order,
    prompt_id,
    prompting,
    run,
    running,
    started,
)

PLAYBACK = playback_of(CALL, prompt_id(1))
STRANGE = PlaybackId(f"{CALL}.{prompt_id(99)}.0")
STATES = list(PromptState)
SOUNDING = [PromptState.STARTING, PromptState.PLAYING]
BEFORE_THE_END = [PromptState.RENDERING, PromptState.STARTING, PromptState.PLAYING]
PLAIN = order()
KEPT = order(collect=COLLECT, barge=Barge.NEVER)


def over(made: Step) -> PromptOver:
    """The one notice of a step that ended a prompt."""
    (notice,) = made.notices
    assert isinstance(notice, PromptOver)
    assert made.call.prompt is None
    return notice


def stops(state: PromptState) -> tuple[StopPlayback, ...]:
    """What must be stopped when a prompt ends in this state."""
    return (StopPlayback(playback=PLAYBACK),) if state in SOUNDING else ()


@pytest.mark.parametrize("state", BEFORE_THE_END)
def test_a_digit_interrupts(state: PromptState) -> None:
    """It is the first digit, whatever was going on, and the time for the next one runs."""
    call = prompting(state)
    made = step(call, key(call, "5"), NOW + 1)
    assert running(made.call).state is PromptState.COLLECTING
    assert (running(made.call).digits, running(made.call).deadline) == ("5", NOW + 1 + 2.0)
    assert made.effects == stops(state)
    assert made.notices == ()


def test_media_that_come_after_an_interruption_are_not_played() -> None:
    """A digit while rendering: there is nothing to say any more."""
    call = prompting(PromptState.RENDERING)
    ready = media_ready(call)
    assert step(run(call, key(call, "5")).call, ready, NOW).late


@pytest.mark.parametrize("state", BEFORE_THE_END)
def test_digits_are_kept_when_they_must_not_interrupt(state: PromptState) -> None:
    """The phrases go on, with their deadline, and the digits count afterwards."""
    call = prompting(state, KEPT)
    made = run(call, key(call, "1"), key(call, "2"))
    assert running(made.call) == replace(running(call), digits="12")
    assert (made.effects, made.notices) == ((), ())


def test_kept_digits_go_on_after_the_phrases() -> None:
    """An unfinished number is finished afterwards, in the time between two digits."""
    call = prompting(PromptState.PLAYING, KEPT)
    call = run(call, key(call, "1")).call
    made = step(call, finished(call), NOW + 3)
    assert running(made.call).deadline == NOW + 3 + COLLECT.between_timeout
    notice = over(run(made.call, key(call, "2"), key(call, "#")))
    assert notice.digits == "12"


@pytest.mark.parametrize("keys", ["12#", "1234"])
def test_a_kept_number_that_is_complete_is_told_after_the_phrases(keys: str) -> None:
    """What completed it stands; later keys do not add to it."""
    call = prompting(PromptState.PLAYING, KEPT)
    call = run(call, *(key(call, digit) for digit in keys)).call
    assert running(call).state is PromptState.PLAYING
    more = step(call, key(call, "9"), NOW)
    assert (more.call.prompt, more.effects, more.notices) == (call.prompt, (), ())
    call = more.call
    notice = over(step(call, finished(call), NOW))
    assert (notice.outcome, notice.digits) == (Outcome.COLLECTED, keys.rstrip("#"))
    expected = CollectEnd.FINISH_KEY if keys.endswith("#") else CollectEnd.MAX_DIGITS
    assert notice.collected is expected


@pytest.mark.parametrize("state", STATES)
def test_the_finish_key_alone_is_an_empty_collection(state: PromptState) -> None:
    """The caller wants to enter nothing: over at once, in every state."""
    call = prompting(state)
    made = step(call, key(call, "#"), NOW)
    notice = over(made)
    assert (notice.digits, notice.collected) == ("", CollectEnd.FINISH_KEY)
    assert made.effects == stops(state)


def test_the_last_of_all_digits_completes() -> None:
    """With the highest number of digits nothing is waited for."""
    call = prompting(PromptState.COLLECTING)
    made = run(call, *(key(call, digit) for digit in "9876"))
    notice = over(made)
    assert (notice.digits, notice.collected) == ("9876", CollectEnd.MAX_DIGITS)


def test_one_digit_that_is_enough_ends_the_playback_too() -> None:
    """A menu of one digit: the key interrupts and completes in one step."""
    call = prompting(PromptState.PLAYING, order(collect=Collect(max_digits=1)))
    made = step(call, key(call, "3"), NOW)
    assert over(made).digits == "3"
    assert made.effects == stops(PromptState.PLAYING)


@pytest.mark.parametrize("state", BEFORE_THE_END)
def test_keys_do_nothing_when_none_are_wanted(state: PromptState) -> None:
    """A prompt without a collection plays on; the key is kept for one that wants it."""
    call = prompting(state, PLAIN)
    made = step(call, key(call, "1"), NOW)
    assert made.call == replace(call, version=call.version + 1, keys="1", ahead="1")
    assert (made.effects, made.notices) == ((), ())


@pytest.mark.parametrize("state", STATES)
def test_what_is_no_key_changes_nothing(state: PromptState) -> None:
    """Junk in an event is no digit and does not interrupt."""
    for junk in ("", "12", "x", "a", " "):
        call = prompting(state)
        assert step(call, key(call, junk), NOW).late


# After a gap


@pytest.mark.parametrize("digits", ["", "12"])
def test_after_a_gap_the_whole_time_is_given_again(digits: str) -> None:
    """Keys of the gap are lost, so the caller gets the time of the state it is in once more."""
    call = prompting(PromptState.COLLECTING)
    call = run(call, *(key(call, digit) for digit in digits)).call if digits else call
    made = step(call, i.Resumed(), NOW + 50)
    wait = COLLECT.between_timeout if digits else COLLECT.first_timeout
    assert running(made.call) == replace(running(call), deadline=NOW + 50 + wait)


@pytest.mark.parametrize("state", BEFORE_THE_END)
def test_a_gap_is_nothing_new_before_the_collection(state: PromptState) -> None:
    """What plays or is made ready goes on; its own facts move it."""
    assert step(prompting(state), i.Resumed(), NOW + 50).late


# Keys that were pressed ahead

PATIENT = Collect(max_digits=4, flush=False)


def ahead(keys: str, collect: Collect, barge: Barge = Barge.ALL) -> Step:
    """A prompt begins after these keys were pressed while nothing was wanted."""
    call = inbound(CallState.UP)
    call = run(call, *(key(call, digit) for digit in keys)).call
    assert (call.keys, call.ahead) == (keys, keys)
    return step(call, i.StartPrompt(order=order(collect=collect, barge=barge)), NOW)


def test_keys_ahead_count_as_the_first_ones() -> None:
    """Nothing is played to somebody who knows the way; the time for the next digit runs."""
    made = ahead("12", PATIENT)
    assert (made.effects, made.notices) == ((), ())
    prompt = running(made.call)
    assert (prompt.state, prompt.digits) == (PromptState.COLLECTING, "12")
    assert prompt.deadline == NOW + PATIENT.between_timeout
    assert (made.call.keys, made.call.ahead) == ("12", "")


@pytest.mark.parametrize(
    ("keys", "digits", "end", "left"),
    [
        ("#", "", CollectEnd.FINISH_KEY, ""),
        ("12#", "12", CollectEnd.FINISH_KEY, ""),
        ("12#34", "12", CollectEnd.FINISH_KEY, "34"),
        ("12345", "1234", CollectEnd.MAX_DIGITS, "5"),
    ],
)
def test_keys_ahead_may_be_all_that_is_wanted(
    keys: str, digits: str, end: CollectEnd, left: str
) -> None:
    """Over at once, with nothing made or played; what is too much waits for the next prompt."""
    made = ahead(keys, PATIENT)
    notice = over(made)
    assert (notice.outcome, notice.digits, notice.collected) == (Outcome.COLLECTED, digits, end)
    assert made.effects == ()
    assert (made.call.keys, made.call.ahead) == (keys, left)


def test_keys_left_over_are_taken_by_the_next_prompt() -> None:
    """Two answers in one go, for two prompts."""
    made = ahead("12#34#", PATIENT)
    second = step(made.call, i.StartPrompt(order=order(2, collect=PATIENT)), NOW)
    assert over(second).digits == "34"
    assert second.call.ahead == ""


def test_keys_ahead_are_flushed() -> None:
    """The prompt begins as if none had been pressed."""
    made = ahead("12#", COLLECT)
    assert [type(effect) for effect in made.effects] == [PrepareMedia]
    assert (running(made.call).digits, running(made.call).collected) == ("", None)
    assert (made.call.keys, made.call.ahead) == ("", "")


@pytest.mark.parametrize("barge", [Barge.NEVER, Barge.PHRASE])
def test_keys_ahead_do_not_spare_phrases_that_must_be_heard(barge: Barge) -> None:
    """They are taken, complete or not, and told after the phrases."""
    made = ahead("12#", PATIENT, barge)
    assert [type(effect) for effect in made.effects] == [PrepareMedia]
    assert (running(made.call).digits, made.notices) == ("12", ())
    call = made.call
    call = run(call, media_ready(call)).call
    call = run(call, started(call)).call
    notice = over(step(call, finished(call), NOW))
    assert (notice.digits, notice.collected) == ("12", CollectEnd.FINISH_KEY)


def test_a_prompt_that_wants_no_digits_takes_none() -> None:
    """The keys wait for the one that does."""
    call = run(inbound(CallState.UP), key(inbound(CallState.UP), "7")).call
    made = step(call, i.StartPrompt(order=PLAIN), NOW)
    assert (made.call.keys, made.call.ahead) == ("7", "7")
    assert [type(effect) for effect in made.effects] == [PrepareMedia]


def test_keys_that_a_prompt_has_taken_are_not_ahead() -> None:
    """They are among all keys since the flush, and of the next prompt they are no part."""
    call = prompting(PromptState.COLLECTING, order(collect=PATIENT))
    call = run(call, key(call, "1"), key(call, "#")).call
    assert (call.keys, call.ahead) == ("1#", "")


def test_the_latest_keys_are_kept() -> None:
    """Somebody who leans on the keypad does not make the row grow for ever."""
    call = inbound(CallState.UP)
    call = run(call, *(key(call, "12"[n % 2]) for n in range(KEPT_KEYS + 10)), key(call, "9")).call
    assert len(call.keys) == len(call.ahead) == KEPT_KEYS
    assert call.keys[-3:] == call.ahead[-3:] == "129"


def test_what_is_no_key_is_not_kept() -> None:
    """Nor is a key of another channel."""
    call = inbound(CallState.UP)
    for junk in ("", "12", "x", "a", " "):
        assert step(call, key(call, junk), NOW).late
    assert step(call, i.DigitPressed(channel=OTHER_CHANNEL, digit="1"), NOW).late


def test_keys_before_the_answer_are_not_kept() -> None:
    """The call is not up: nobody can have been asked for any."""
    call = inbound(CallState.ANSWERING)
    assert step(call, key(call, "1"), NOW).late
