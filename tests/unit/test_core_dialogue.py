"""The dialogue machine: its table, each transition, and what an open question does not hold up."""

from __future__ import annotations

from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.call import HANGUP_RETRY, step
from adapter.core.dialogue import ANSWER_TIMEOUT, FAILED_PAUSE, LATE, TABLE
from adapter.core.errors import CoreError
from adapter.core.ids import QuestionId, playback_of, question_of
from adapter.core.model import (
    Call,
    CallState,
    CollectEnd,
    Dialogue,
    DialogueState,
    Direction,
    EndCause,
    EndedBy,
    Ending,
    Instruction,
    Topic,
)
from adapter.core.outputs import (
    Answer,
    Ask,
    CallAnswered,
    CallEnded,
    CallOffered,
    Hangup,
    HangupReason,
    Outcome,
    PrepareMedia,
    PromptOver,
    Ring,
    Step,
    StopPlayback,
)
from tests.unit.build import (
    CALL,
    COLLECT,
    INBOUND_CHANNEL,
    NOW,
    asking,
    dialogue,
    dialogue_deadline,
    doing,
    finished,
    gone,
    inputs_of,
    instructed,
    key,
    media_ready,
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

INPUTS = get_args(i.DialogueInput)
PAIRS = [(state, given) for state in DialogueState for given in INPUTS]
UP_CALLS = {
    DialogueState.ASKING: asking(),
    DialogueState.DOING: doing(),
    DialogueState.PAUSING: pausing(),
}


def question(number: int) -> QuestionId:
    return question_of(CALL, number)


def asked(made: Step, number: int, topic: Topic = Topic.NEXT) -> Dialogue:
    """The dialogue of a step that put this question, and no other."""
    asks = [effect for effect in made.effects if isinstance(effect, Ask)]
    assert asks == [Ask(question=question(number), topic=topic)]
    now = dialogue(made.call)
    assert (now.state, now.topic, now.asked) == (DialogueState.ASKING, topic, number)
    return now


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: DialogueState, given: type) -> None:
    """A state either handles an input or lists it as late, never neither, never both."""
    assert (given in TABLE[state]) != ((state, given) in LATE)


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(DialogueState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


@pytest.mark.parametrize("state", DialogueState)
def test_every_input_can_be_fed_in_every_state(state: DialogueState) -> None:
    """A fact never raises, and what is listed as late gives back the very row."""
    call = UP_CALLS[state]
    assert dialogue(call).state is state
    for given in inputs_of(call):
        try:
            made = step(call, given, NOW)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
            continue
        if (state, type(given)) in LATE:
            assert (made.call, made.effects, made.notices, made.late) == (call, (), (), True)


# What shall become of an offered call


def test_an_offered_call_is_asked_about() -> None:
    """It rings meanwhile; the question is told to nobody but the application, and has a limit."""
    made = step(None, offer(asks=True), NOW)
    assert made.call.state is CallState.OFFERED
    ask = Ask(question=question(1), topic=Topic.OFFER)
    assert (made.effects, made.notices) == ((Ring(channel=INBOUND_CHANNEL), ask), ())
    assert asked(made, 1, Topic.OFFER).deadline == NOW + ANSWER_TIMEOUT


def test_an_answer_takes_the_call() -> None:
    """It is answered, and the front end's keys are in its context."""
    call = offered_asking()
    made = step(call, instructed(call, context={"ref": "r-2", "reply": "x"}), NOW + 1)
    assert made.call.state is CallState.ANSWERING
    assert (made.effects, made.notices) == ((Answer(channel=INBOUND_CHANNEL),), ())
    assert made.call.context == {"ref": "r-2", "reply": "x"}
    now = dialogue(made.call)
    assert (now.state, now.deadline) == (DialogueState.DOING, None)


TOLD = {
    EndCause.HANGUP: HangupReason.NORMAL,
    EndCause.CANCELLED: HangupReason.NORMAL,
    EndCause.BUSY: HangupReason.BUSY,
    EndCause.NO_ANSWER: HangupReason.NO_ANSWER,
    EndCause.REJECTED: HangupReason.NORMAL,  # 603 (asterisk/lab.md 1)
    EndCause.NOT_FOUND: HangupReason.UNALLOCATED,
    EndCause.CONGESTION: HangupReason.CONGESTION,
    EndCause.NOT_ACCEPTED: HangupReason.NO_ANSWER,
    EndCause.MAX_DURATION: HangupReason.NORMAL,
    EndCause.MEDIA_TIMEOUT: HangupReason.NORMAL,
    EndCause.FAILED: HangupReason.FAILURE,
    EndCause.LOST: HangupReason.NORMAL,
}


@pytest.mark.parametrize("cause", EndCause)
def test_an_answer_turns_the_call_away(cause: EndCause) -> None:
    """The caller hears why, and the end is the application's, whatever its cause."""
    call = offered_asking()
    made = step(call, instructed(call, turn_away=cause), NOW + 1)
    assert (made.call.state, made.call.deadline) == (CallState.ENDING, NOW + 1 + HANGUP_RETRY)
    assert made.effects == (Hangup(channel=INBOUND_CHANNEL, reason=TOLD[cause]),)
    assert made.call.ending == Ending(cause=cause, by=EndedBy.APPLICATION)
    assert made.notices == ()
    assert made.call.deadlines == (NOW + 1 + HANGUP_RETRY,)
    (ended,) = step(made.call, gone(call, 16), NOW + 2).notices
    assert isinstance(ended, CallEnded)
    assert ended.ending.cause is cause


def test_taking_the_call_by_command_closes_the_question() -> None:
    """Its answer and its deadline are heard no more; once up, the next question is asked."""
    call = offered_asking()
    made = step(call, i.AcceptCall(), NOW)
    assert made.call.deadlines == (made.call.deadline,)
    assert step(made.call, instructed(call, turn_away=EndCause.BUSY), NOW).late
    assert step(made.call, dialogue_deadline(call), NOW + ANSWER_TIMEOUT).late
    asked(step(made.call, up(call), NOW), 2)


def test_a_call_that_we_answer_is_not_asked_about() -> None:
    """What shall become of it is settled; what comes next is asked once it is up."""
    made = step(None, offer(asks=True, auto_answer=True), NOW)
    assert (made.effects, made.notices) == ((Answer(channel=INBOUND_CHANNEL),), (CallOffered(),))
    asked(step(made.call, up(made.call), NOW), 1)


# What comes next


@pytest.mark.parametrize(("direction", "number"), [(Direction.INBOUND, 2), (Direction.OUTBOUND, 1)])
def test_the_answer_of_the_call_asks_what_comes_next(direction: Direction, number: int) -> None:
    """Inbound it is the second question, outbound the first, and each has a limit."""
    call = outbound(CallState.RINGING, asks=True)
    if direction is Direction.INBOUND:
        call = offered_asking()
        call = run(call, instructed(call)).call
    made = step(call, up(call), NOW + 3)
    assert made.notices == (CallAnswered(),)
    assert asked(made, number).deadline == NOW + 3 + ANSWER_TIMEOUT


def test_an_instruction_is_carried_out() -> None:
    """Its prompt starts; nothing of the dialogue has a limit but the prompt's own."""
    call = asking()
    wanted = order(collect=COLLECT)
    made = step(call, instructed(call, prompt=wanted, context={"reply": "y"}), NOW)
    assert made.effects == (PrepareMedia(prompt=wanted.id, phrases=wanted.phrases),)
    assert (made.notices, made.call.context) == ((), {"ref": "r-1", "reply": "y"})
    now = dialogue(made.call)
    assert (now.state, now.deadline) == (DialogueState.DOING, None)
    assert made.call.deadlines == (made.call.deadline, running(made.call).deadline)


def test_the_end_of_the_prompt_asks_again() -> None:
    """In the same step, with what was pressed; the next instruction forgets it."""
    call = played(doing(order(collect=COLLECT)))
    made = run(call, key(call, "4"), key(call, "#"))
    assert [type(notice) for notice in made.notices] == [PromptOver]
    now = asked(made, 3)
    assert (now.digits, now.collected) == ("4", CollectEnd.FINISH_KEY)
    call = run(made.call, instructed(made.call, prompt=order(2))).call
    assert (dialogue(call).digits, dialogue(call).collected) == ("", None)


def test_the_end_of_a_prompt_without_digits_asks_again() -> None:
    """It says that none were collected."""
    call = played(doing())
    now = asked(step(call, finished(call), NOW), 3)
    assert (now.digits, now.collected) == ("", None)


def test_a_pause_is_kept_before_the_next_question() -> None:
    """It begins with the prompt's end; its end asks."""
    call = played(doing(pause=7.0))
    made = step(call, finished(call), NOW + 2)
    assert [effect for effect in made.effects if isinstance(effect, Ask)] == []
    now = dialogue(made.call)
    assert (now.state, now.deadline) == (DialogueState.PAUSING, NOW + 9)
    asked(step(made.call, dialogue_deadline(made.call), NOW + 9), 3)


def test_a_pause_without_a_prompt_begins_at_once() -> None:
    """The application only wants to be asked later."""
    assert dialogue(pausing(12.0)).deadline == NOW + 12
    assert step(pausing(), i.DialogueDeadline(at=NOW - 1), NOW).late


def failures(call: Call) -> list[Step]:
    """Each way in which the prompt of a call fails."""
    ready = run(call, media_ready(call)).call
    playback = playback_of(CALL, running(call).order.id)
    return [
        step(call, i.MediaFailed(prompt=running(call).order.id, reason="no voice"), NOW),
        step(ready, i.PlaybackRefused(playback=playback, detail="409"), NOW),
        step(ready, i.PlaybackFinished(playback=playback, failed=True), NOW),
        *(
            step(one, i.PromptDeadline(at=running(one).deadline or 0.0), NOW)
            for one in (call, ready)
        ),
    ]


@pytest.mark.parametrize(("pause", "kept"), [(0.0, FAILED_PAUSE), (0.1, FAILED_PAUSE), (7.0, 7.0)])
def test_a_prompt_that_failed_is_followed_by_a_pause(pause: float, kept: float) -> None:
    """However it failed: an application that repeats it cannot drive us round in a busy loop."""
    for made in failures(doing(pause=pause)):
        (over,) = made.notices
        assert isinstance(over, PromptOver)
        assert over.outcome is Outcome.FAILED
        assert not any(isinstance(effect, Ask) for effect in made.effects)
        now = dialogue(made.call)
        assert (now.state, now.deadline) == (DialogueState.PAUSING, NOW + kept)


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction(),
        Instruction(stop_background=True),
        Instruction(prompt=order(5, phrases=0)),
        Instruction(prompt=order(5), context={"n": 1}),
    ],
)
def test_no_answer_drives_us_round_in_a_busy_loop(instruction: Instruction) -> None:
    """What takes no time, or fails, over and over: a question a second, however quick it is."""
    call, now = asking(), NOW
    first = dialogue(call).asked
    for _ in range(20):
        given = i.Instructed(question=question(dialogue(call).asked), instruction=instruction)
        call = step(call, given, now).call
        if call.prompt is not None:
            call = step(call, i.MediaFailed(prompt=prompt_id(5), reason=""), now).call
        passed = dialogue_deadline(call)
        now = max(now, passed.at)
        call = step(call, passed, now).call
    assert dialogue(call).asked - first == 20
    assert now - NOW >= 20 * FAILED_PAUSE


def test_hang_up_waits_for_the_end_of_the_prompt() -> None:
    """Then the call ends as its application wanted it, however long the pause would be."""
    call = played(doing(hang_up=True, pause=60.0))
    assert call.state is CallState.UP
    made = step(call, finished(call), NOW + 2)
    assert (made.call.state, made.call.ending) == (
        CallState.ENDING,
        Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION),
    )
    assert [type(notice) for notice in made.notices] == [PromptOver]
    assert made.effects == (Hangup(channel=INBOUND_CHANNEL, reason=HangupReason.NORMAL),)
    assert [type(n) for n in step(made.call, gone(call, 16), NOW).notices] == [CallEnded]


def test_hang_up_after_a_prompt_that_failed() -> None:
    """Nothing was heard, and the call ends all the same."""
    for made in failures(doing(hang_up=True)):
        assert made.call.state is CallState.ENDING
        assert isinstance(made.effects[-1], Hangup)


def test_hang_up_without_a_prompt_is_at_once() -> None:
    """There is nothing to wait for."""
    call = asking()
    made = step(call, instructed(call, hang_up=True), NOW)
    assert made.call.state is CallState.ENDING
    assert made.effects == (Hangup(channel=INBOUND_CHANNEL, reason=HangupReason.NORMAL),)
    assert made.notices == ()


def test_a_prompt_by_command_gives_way_to_the_answer() -> None:
    """One that was started beside the open question is stopped: each has its one ending."""
    call = run(asking(), i.StartPrompt(order=order(8))).call
    assert dialogue(call).state is DialogueState.ASKING
    call = played(call)
    made = step(call, instructed(call, prompt=order(9)), NOW)
    (over,) = made.notices
    assert isinstance(over, PromptOver)
    assert (over.order.id, over.outcome) == (prompt_id(8), Outcome.STOPPED)
    stop, prepare = made.effects
    assert stop == StopPlayback(playback=playback_of(CALL, prompt_id(8)))
    assert isinstance(prepare, PrepareMedia)
    assert running(made.call).order.id == prompt_id(9)


def test_the_end_of_a_prompt_by_command_answers_no_question() -> None:
    """The question stays open, under its id."""
    call = played(run(asking(), i.StartPrompt(order=order(8))).call)
    made = step(call, finished(call), NOW)
    assert made.effects == ()
    assert made.call.dialogue == call.dialogue
