"""Questions that get no answer, or another than the application first wanted to give."""

from __future__ import annotations

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.dialogue import ANSWER_TIMEOUT
from adapter.core.errors import NoPrompt
from adapter.core.ids import QuestionId, question_of
from adapter.core.model import (
    Call,
    CallState,
    CollectEnd,
    Dialogue,
    DialogueState,
    Direction,
    EndCause,
    EndedBy,
    Instruction,
    Topic,
)
from adapter.core.outputs import (
    Ask,
    CallEnded,
    Hangup,
    HangupReason,
    Outcome,
    PromptOver,
    QuestionUnanswered,
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
    gone,
    inbound,
    instructed,
    key,
    no_answer,
    offered_asking,
    order,
    outbound,
    pausing,
    played,
    run,
)


def question(number: int) -> QuestionId:
    return question_of(CALL, number)


def asked(made: Step, number: int, topic: Topic = Topic.NEXT) -> Dialogue:
    """The dialogue of a step that put this question, and no other."""
    asks = [effect for effect in made.effects if isinstance(effect, Ask)]
    assert asks == [Ask(question=question(number), topic=topic)]
    now = dialogue(made.call)
    assert (now.state, now.topic, now.asked) == (DialogueState.ASKING, topic, number)
    return now


# No answer


@pytest.mark.parametrize("call", [offered_asking(), asking()], ids=["offer", "next"])
@pytest.mark.parametrize("in_time", [True, False])
def test_no_answer_ends_the_call(call: Call, in_time: bool) -> None:
    """Told or timed out: the application hears why, and the call ends for it, once."""
    given = no_answer(call, "404") if in_time else dialogue_deadline(call)
    made = step(call, given, NOW + ANSWER_TIMEOUT)
    topic = dialogue(call).topic
    assert made.notices == (QuestionUnanswered(topic=topic, reason="404" if in_time else ""),)
    assert made.effects == (Hangup(channel=INBOUND_CHANNEL, reason=HangupReason.FAILURE),)
    assert made.call.state is CallState.ENDING
    assert made.call.ending is not None
    assert (made.call.ending.cause, made.call.ending.by) == (EndCause.FAILED, EndedBy.SYSTEM)
    assert made.call.deadlines == (made.call.deadline,)
    assert step(made.call, instructed(call, prompt=order()), NOW).late
    assert [type(n) for n in step(made.call, gone(call), NOW).notices] == [CallEnded]


@pytest.mark.parametrize("call", [offered_asking(), asking(), doing(), pausing()])
def test_what_is_told_of_another_question_is_late(call: Call) -> None:
    """An earlier or later question's answer, or a deadline that was replaced."""
    for number in {0, 1, 2, 3} - {dialogue(call).asked}:
        instruction = Instruction(hang_up=True, turn_away=EndCause.BUSY)
        assert step(
            call, i.Instructed(question=question(number), instruction=instruction), NOW
        ).late
        assert step(call, i.QuestionFailed(question=question(number), reason=""), NOW).late
    assert step(call, i.DialogueDeadline(at=NOW - 1), NOW).late


@pytest.mark.parametrize("call", [doing(), pausing()], ids=["doing", "pausing"])
def test_a_second_answer_is_late(call: Call) -> None:
    """A question is answered once."""
    assert step(call, instructed(call, hang_up=True), NOW).late
    assert step(call, no_answer(call), NOW).late


@pytest.mark.parametrize("call", [offered_asking(), asking(), asking(Direction.OUTBOUND)])
@pytest.mark.parametrize("ours", [True, False])
def test_a_call_ends_while_its_question_is_open(call: Call, ours: bool) -> None:
    """Exactly one CallEnded, and what the application answers then changes nothing."""
    late: list[i.Input] = [
        instructed(call, prompt=order()),
        instructed(call, turn_away=EndCause.BUSY, hang_up=True),
        no_answer(call),
        dialogue_deadline(call),
    ]
    before = run(call, i.EndCall()).call if ours else call
    if ours:
        assert all(step(before, given, NOW).late for given in late)
    made = step(before, gone(call, 16), NOW)
    assert [type(notice) for notice in made.notices] == [CallEnded]
    assert (made.effects, made.call.deadlines) == ((), ())
    for given in (*late, gone(call, 16)):
        after = step(made.call, given, NOW)
        assert (after.late, after.call) == (True, made.call)


# Asking anew


def test_asking_anew_leaves_the_prompt() -> None:
    """It is stopped and has its ending; what was pressed so far goes with the question."""
    call = played(doing(order(collect=COLLECT), hang_up=True, pause=9.0))
    call = run(call, key(call, "7")).call
    made = step(call, i.AskAnew(question=question(2)), NOW + 1)
    (over,) = made.notices
    assert isinstance(over, PromptOver)
    assert (over.outcome, over.digits) == (Outcome.COLLECTED, "7")
    now = asked(made, 3)
    assert (now.deadline, now.hang_up, now.pause) == (NOW + 1 + ANSWER_TIMEOUT, False, 0.0)
    assert (now.digits, now.collected) == ("7", CollectEnd.STOPPED)
    assert made.call.prompt is None


def test_asking_anew_stops_what_plays_before_it_asks() -> None:
    """In this order."""
    made = step(played(doing()), i.AskAnew(), NOW)
    assert [type(effect) for effect in made.effects] == [StopPlayback, Ask]


def test_asking_anew_ends_the_pause() -> None:
    """The next question comes now, and the pause's end is not heard any more."""
    call = pausing()
    made = step(call, i.AskAnew(), NOW + 1)
    asked(made, 3)
    assert step(made.call, dialogue_deadline(call), NOW + 5).late


@pytest.mark.parametrize("call", [doing(), pausing()], ids=["doing", "pausing"])
def test_asking_anew_for_another_question_is_refused(call: Call) -> None:
    """What that one ordered is not being done any more."""
    for number in (1, 3):
        with pytest.raises(NoPrompt):
            step(call, i.AskAnew(question=question(number)), NOW)


def test_asking_anew_while_a_question_is_open_is_refused() -> None:
    """Nothing is being done, and never are two questions open."""
    with pytest.raises(NoPrompt):
        step(asking(), i.AskAnew(), NOW)


def test_a_call_that_is_not_asked_cannot_be_asked_anew() -> None:
    """It has no dialogue, and gets none."""
    with pytest.raises(NoPrompt):
        step(inbound(CallState.UP), i.AskAnew(), NOW)


def test_a_call_without_a_dialogue_hears_no_answers() -> None:
    """Answers to questions that nobody put are late, whatever the call does."""
    for call in (inbound(CallState.UP), outbound(CallState.UP)):
        assert step(call, i.Instructed(question=question(1), instruction=Instruction()), NOW).late
        assert step(call, i.QuestionFailed(question=question(1), reason=""), NOW).late
        assert call.dialogue is None
