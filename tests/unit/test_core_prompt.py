"""The prompt machine: its table, each transition, each stop and each deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import NoPrompt, PromptBusy
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import (
    Barge,
    Call,
    CallState,
    CollectEnd,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import (
    Outcome,
    Play,
    PrepareMedia,
    PromptOver,
    Step,
    StopPlayback,
)
from adapter.core.prompt import LATE, PLAY_SLACK, RENDER_TIMEOUT, START_TIMEOUT, TABLE
from tests.unit.build import (
    CALL,
    COLLECT,
    INBOUND_CHANNEL,
    MEDIA,
    MEDIUM,
    NOW,
    OTHER_CHANNEL,
    call_id,
    finished,
    inbound,
    inputs_of,
    key,
    media_ready,
    order,
    prompt_deadline,
    prompt_id,
    prompting,
    run,
    running,
    started,
)

INPUTS = tuple(given for given in get_args(i.PromptInput) if given is not i.StartPrompt)
PAIRS = [(state, given) for state in PromptState for given in INPUTS]
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


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: PromptState, given: type) -> None:
    """A state either handles an input or lists it as late, never neither, never both."""
    assert (given in TABLE[state]) != ((state, given) in LATE)


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(PromptState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("wanted", [PLAIN, KEPT, order(collect=COLLECT)])
def test_no_fact_raises_and_late_ones_change_nothing(
    state: PromptState, wanted: PromptOrder
) -> None:
    """Every fact can be fed in every state, whatever the order; late gives back the very row."""
    if state is PromptState.COLLECTING and wanted.collect is None:
        wanted = order(collect=COLLECT)
    call = prompting(state, wanted)
    for given in inputs_of(call):
        if isinstance(given, i.COMMANDS):
            continue
        made = step(call, given, NOW)
        if (state, type(given)) in LATE:
            assert made.late
            assert made.call is call


def test_start_renders() -> None:
    """A prompt begins with its phrases being made ready, and that has a limit."""
    made = step(inbound(CallState.UP), i.StartPrompt(order=PLAIN), NOW)
    assert running(made.call).state is PromptState.RENDERING
    assert running(made.call).deadline == NOW + RENDER_TIMEOUT
    assert made.effects == (PrepareMedia(prompt=PLAIN.id, phrases=PLAIN.phrases),)
    assert made.notices == ()


def test_start_with_media_plays_at_once() -> None:
    """With media there is nothing to prepare."""
    made = step(inbound(CallState.UP), i.StartPrompt(order=PLAIN, media=MEDIA), NOW)
    assert running(made.call).state is PromptState.STARTING
    assert made.effects == (Play(channel=INBOUND_CHANNEL, playback=PLAYBACK, media=MEDIUM),)


@pytest.mark.parametrize("state", STATES)
def test_a_second_prompt_is_refused_while_one_runs(state: PromptState) -> None:
    """One prompt at a time, in every state of the first."""
    with pytest.raises(PromptBusy):
        step(prompting(state), i.StartPrompt(order=order(2)), NOW)


def test_a_prompt_can_follow_a_prompt() -> None:
    """After the ending of one the call is free for the next."""
    call = prompting(PromptState.PLAYING, PLAIN)
    call = run(call, finished(call)).call
    made = step(call, i.StartPrompt(order=order(2)), NOW)
    assert running(made.call).order.id == prompt_id(2)


def test_ready_media_are_played() -> None:
    """The media stand in the row before the command to play them leaves."""
    call = prompting(PromptState.RENDERING)
    made = step(call, media_ready(call), NOW + 1)
    assert running(made.call).state is PromptState.STARTING
    assert (running(made.call).media, running(made.call).deadline) == (
        MEDIA,
        NOW + 1 + START_TIMEOUT,
    )
    assert made.effects == (Play(channel=INBOUND_CHANNEL, playback=PLAYBACK, media=MEDIUM),)


def test_a_started_playback_has_its_length_and_some_more() -> None:
    """The end of a playback that was missed is not waited for for ever."""
    call = prompting(PromptState.STARTING)
    made = step(call, started(call), NOW + 1)
    assert running(made.call).state is PromptState.PLAYING
    assert running(made.call).deadline == NOW + 1 + MEDIUM.seconds + PLAY_SLACK
    assert (made.effects, made.notices) == ((), ())


@pytest.mark.parametrize("state", SOUNDING)
def test_the_end_of_the_playback_is_the_end_without_digits(state: PromptState) -> None:
    """Played to its end and no digits wanted: FINISHED, also when its start was not told."""
    call = prompting(state, PLAIN)
    made = step(call, finished(call), NOW)
    assert over(made) == PromptOver(order=PLAIN, outcome=Outcome.FINISHED)
    assert made.effects == ()


@pytest.mark.parametrize("state", SOUNDING)
def test_the_end_of_the_playback_begins_the_wait_for_the_first_digit(state: PromptState) -> None:
    """The time for the first digit counts from the end of the prompt."""
    call = prompting(state)
    made = step(call, finished(call), NOW + 3)
    assert running(made.call).state is PromptState.COLLECTING
    assert running(made.call).deadline == NOW + 3 + COLLECT.first_timeout
    assert (made.effects, made.notices) == ((), ())


@pytest.mark.parametrize("state", SOUNDING)
def test_a_playback_that_failed_fails_the_prompt(state: PromptState) -> None:
    """A file that Asterisk cannot read is no prompt, also when digits were wanted."""
    call = prompting(state)
    assert over(step(call, finished(call, failed=True), NOW)).outcome is Outcome.FAILED


def test_media_that_cannot_be_had_fail_the_prompt() -> None:
    """The reason is told."""
    made = step(
        prompting(PromptState.RENDERING), i.MediaFailed(prompt=prompt_id(1), reason="x"), NOW
    )
    assert (over(made).outcome, over(made).reason) == (Outcome.FAILED, "x")


def test_a_refused_playback_fails_the_prompt() -> None:
    """The refusal is the ending; there is nothing to stop."""
    call = prompting(PromptState.STARTING)
    made = step(call, i.PlaybackRefused(playback=PLAYBACK, detail="409"), NOW)
    assert (over(made).outcome, over(made).reason, made.effects) == (Outcome.FAILED, "409", ())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "given",
    [
        i.MediaReady(prompt=prompt_id(99), media=MEDIA),
        i.MediaFailed(prompt=prompt_id(99), reason=""),
        i.PlaybackStarted(playback=STRANGE),
        i.PlaybackFinished(playback=STRANGE),
        i.PlaybackFinished(playback=playback_of(call_id(2), prompt_id(1))),
        i.PlaybackRefused(playback=STRANGE, detail=""),
        i.DigitPressed(channel=OTHER_CHANNEL, digit="1"),
        i.PromptDeadline(at=NOW - 1),
    ],
)
def test_what_is_told_of_another_prompt_is_late(state: PromptState, given: i.Input) -> None:
    """An earlier prompt's media, playback, deadline, or another channel's key: not heard."""
    assert step(prompting(state), given, NOW).late


@pytest.mark.parametrize("given", INPUTS)
def test_without_a_prompt_only_a_stop_is_refused(given: type) -> None:
    """Facts about a prompt that is over are late but for a key; stopping nothing is an error."""
    call = inbound(CallState.UP)
    (one,) = [each for each in inputs_of(call) if type(each) is given]
    if given is i.StopPrompt:
        with pytest.raises(NoPrompt):
            step(call, one, NOW)
    elif given is i.DigitPressed:
        made = step(call, one, NOW)
        assert made.call == replace(call, version=call.version + 1, keys="1", ahead="1")
        assert (made.effects, made.notices) == ((), ())
    else:
        assert step(call, one, NOW).late


# Stops


@pytest.mark.parametrize("state", BEFORE_THE_END)
def test_a_stop_ends_a_prompt_without_digits(state: PromptState) -> None:
    """STOPPED, and its own playback is stopped when one was ordered."""
    made = step(prompting(state, PLAIN), i.StopPrompt(), NOW)
    assert over(made) == PromptOver(order=PLAIN, outcome=Outcome.STOPPED)
    assert made.effects == stops(state)


@pytest.mark.parametrize("state", STATES)
def test_a_stop_ends_a_collection_with_what_is_there(state: PromptState) -> None:
    """The digits so far are the outcome, in every state."""
    call = prompting(state, KEPT)
    call = run(call, key(call, "1"), key(call, "2")).call
    made = step(call, i.StopPrompt(prompt=prompt_id(1)), NOW)
    notice = over(made)
    assert (notice.outcome, notice.collected) == (Outcome.COLLECTED, CollectEnd.STOPPED)
    assert notice.digits == "12"
    assert made.effects == stops(state)


@pytest.mark.parametrize("state", STATES)
def test_a_stop_for_another_prompt_is_refused(state: PromptState) -> None:
    """A stop that names a prompt stops that one only."""
    with pytest.raises(NoPrompt):
        step(prompting(state), i.StopPrompt(prompt=prompt_id(99)), NOW)


def test_our_own_stop_makes_late_playback_facts() -> None:
    """After a digit stopped the playback, its end changes nothing: the collection goes on."""
    call = prompting(PromptState.PLAYING)
    call = run(call, key(call, "1")).call
    assert step(call, i.PlaybackFinished(playback=PLAYBACK), NOW).late
    assert step(call, i.PlaybackFinished(playback=PLAYBACK, failed=True), NOW).late


# Deadlines


def due(call: Call) -> Step:
    """The prompt's deadline passes, at its time."""
    passed = prompt_deadline(call)
    return step(call, passed, passed.at)


@pytest.mark.parametrize("state", [PromptState.RENDERING, PromptState.STARTING])
def test_what_does_not_begin_in_time_fails(state: PromptState) -> None:
    """Media or a playback that do not come: FAILED; a playback that may yet begin is stopped."""
    made = due(prompting(state))
    assert over(made).outcome is Outcome.FAILED
    assert made.effects == stops(state)


def test_a_playback_whose_end_was_missed_counts_as_played() -> None:
    """It is stopped, to be sure, and the prompt goes on as after its end."""
    made = due(prompting(PromptState.PLAYING, PLAIN))
    assert over(made).outcome is Outcome.FINISHED
    assert made.effects == stops(PromptState.PLAYING)
    call = prompting(PromptState.PLAYING)
    made = due(call)
    assert running(made.call).state is PromptState.COLLECTING
    assert running(made.call).deadline == prompt_deadline(call).at + COLLECT.first_timeout
    assert made.effects == stops(PromptState.PLAYING)


def test_no_first_digit_in_time() -> None:
    """An empty collection says that it was the first digit that did not come."""
    notice = over(due(prompting(PromptState.COLLECTING)))
    assert (notice.outcome, notice.digits) == (Outcome.COLLECTED, "")
    assert notice.collected is CollectEnd.FIRST_TIMEOUT


def test_no_next_digit_in_time() -> None:
    """Each digit gives the time for the next one anew; then what is there is the outcome."""
    call = prompting(PromptState.COLLECTING)
    for at, digit in ((NOW + 1.0, "4"), (NOW + 2.5, "2")):
        call = step(call, key(call, digit), at).call
        assert prompt_deadline(call).at == at + COLLECT.between_timeout
    notice = over(due(call))
    assert (notice.digits, notice.collected) == ("42", CollectEnd.BETWEEN_TIMEOUT)


def test_race_a_digit_as_the_timer_fires() -> None:
    """The digit was first: it replaced the deadline, which is not heard any more."""
    call = prompting(PromptState.COLLECTING)
    passed = prompt_deadline(call)
    call = step(call, key(call, "1"), passed.at).call
    assert step(call, passed, passed.at).late


def test_race_the_timer_as_a_digit_arrives() -> None:
    """The timer was first: the prompt is over, and the digit is no part of it."""
    call = prompting(PromptState.COLLECTING)
    made = due(call)
    assert over(made).digits == ""
    after = step(made.call, key(call, "1"), NOW)
    assert after.call == replace(made.call, version=made.call.version + 1, keys="1", ahead="1")
    assert (after.effects, after.notices) == ((), ())


def test_the_deadlines_of_call_and_prompt_are_told_apart() -> None:
    """A time that is both's is heard by the one whose input it is."""
    call = prompting(PromptState.COLLECTING)
    call = replace(call, deadline=prompt_deadline(call).at)
    assert due(call).call.state is CallState.UP
    assert (
        step(call, i.CallDeadline(at=prompt_deadline(call).at), NOW).call.state is CallState.ENDING
    )
