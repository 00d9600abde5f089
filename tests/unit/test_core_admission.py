"""Admission: a caller is asked for a code that tells whose the call is, before it is anybody's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from adapter.core import inputs as i
from adapter.core.admission import TIMEOUT
from adapter.core.call import step
from adapter.core.errors import CallNotUp, CoreError
from adapter.core.layout import layout
from adapter.core.model import Call, CallState, EndCause, EndedBy, Ending, PromptState
from adapter.core.outputs import (
    Admit,
    Answer,
    CallAnswered,
    CallEnded,
    CallOffered,
    Effect,
    Hangup,
    Outcome,
    Play,
    PrepareMedia,
    PromptOver,
    Sound,
    StartSound,
    StopSound,
)
from adapter.core.replay import replay
from adapter.core.resume import ChannelState, Recovery, Seen, rejoin, resume
from tests.unit.build import (
    INBOUND_CHANNEL,
    MEDIA,
    NOW,
    admission,
    admitted,
    call_deadline,
    finished,
    gone,
    inbound,
    inputs_of,
    key,
    media_ready,
    naming,
    offer,
    order,
    prompt_deadline,
    run,
    running,
    started,
    up,
)

ASKED = offer(owner="", admission=admission(), context={"a": 1})
RINGBACK = (INBOUND_CHANNEL, Sound.RINGING)


def asked() -> Call:
    """The caller hears the question."""
    call = run(None, ASKED, up(inbound(CallState.ADMITTING))).call
    call = run(call, media_ready(call)).call
    return run(call, started(call)).call


def kinds(effects: tuple[Effect, ...]) -> list[type]:
    return [type(effect) for effect in effects]


def test_the_caller_is_answered_and_asked_and_nobody_is_told() -> None:
    """An offer with an admission answers at once; the answer begins the first prompt."""
    made = step(None, ASKED, NOW)
    assert (made.call.state, made.call.owner) == (CallState.ANSWERING, "")
    assert (made.effects, made.notices) == ((Answer(channel=INBOUND_CHANNEL),), ())
    made = step(made.call, up(made.call), NOW + 1)
    assert (made.call.state, made.call.deadline) == (CallState.ADMITTING, NOW + 1 + TIMEOUT)
    assert (made.call.answered_at, made.notices) == (None, ())
    first = admission().asks[0]
    assert made.effects == (PrepareMedia(prompt=first.id, phrases=first.phrases),)


def test_a_code_is_judged_once() -> None:
    """The finishing key ends the question; the code stands in the row while it is judged."""
    made = run(naming("12", asked()), i.Resumed())
    assert made.late
    assert made.call.admission is not None
    assert (made.call.admission.code, made.call.admission.tried) == ("12", 1)
    assert (made.call.prompt, made.call.keys, made.call.ahead) == (None, "", "")
    judged = run(asked(), *(key(asked(), digit) for digit in "12#"))
    assert judged.effects == (Admit(attempt=1, code="12"),)


def test_the_owner_is_offered_the_call_and_the_caller_hears_ringback() -> None:
    """Admitted: the call waits for its application, for the owner's time, and nothing is left."""
    call = naming("12", asked())
    made = step(call, admitted(call, owner="t2", accept_timeout=7.0, context={"b": 2}), NOW + 5)
    assert (made.call.state, made.call.deadline) == (CallState.WAITING, NOW + 12)
    assert (made.call.owner, made.call.context) == ("t2", {"a": 1, "b": 2})
    assert (made.call.admission, made.call.keys, made.call.answered_at) == (None, "", None)
    assert made.notices == (CallOffered(),)
    assert made.effects == (StartSound(channel=INBOUND_CHANNEL, sound=Sound.RINGING),)
    assert layout(made.call).sounds == {RINGBACK}


def test_accepting_ends_the_ringback_and_the_call_is_up() -> None:
    """Asterisk has answered already, so that accept makes the call up by itself."""
    call = inbound(CallState.WAITING)
    made = step(call, i.AcceptCall(), NOW + 9)
    assert (made.call.state, made.call.answered_at) == (CallState.UP, NOW + 9)
    assert made.call.deadline == NOW + 9 + call.max_duration
    assert made.notices == (CallAnswered(),)
    assert made.effects == (StopSound(channel=INBOUND_CHANNEL, sound=Sound.RINGING),)
    assert step(made.call, i.AcceptCall(), NOW + 10).late


def test_a_greeting_takes_the_call_at_once() -> None:
    """With a greeting: offered and answered in one, then the greeting, and no ringback."""
    call = naming("12", asked())
    made = step(call, admitted(call, auto_answer=True, on_answer=(order(7),)), NOW + 5)
    assert (made.call.state, made.call.answered_at) == (CallState.UP, NOW + 5)
    assert made.notices == (CallOffered(), CallAnswered())
    assert kinds(made.effects) == [PrepareMedia]
    assert running(made.call).order == order(7)


@pytest.mark.parametrize("wrong", ["code", "nothing pressed", "no media"])
def test_each_try_has_a_prompt_of_its_own_and_the_last_one_ends_the_call(wrong: str) -> None:
    """Three tries in vain, whatever was wrong; goodbye is heard to its end, then the call ends."""
    call = run(None, ASKED, up(inbound(CallState.ADMITTING))).call
    for number in (1, 2, 3):
        assert running(call).order == admission().asks[number - 1]
        call = in_vain(call, wrong)
    assert running(call).order == admission().goodbye
    call = run(call, media_ready(call)).call
    call = run(call, started(call)).call
    made = step(call, finished(call), NOW + 9)
    assert made.call.state is CallState.ENDING
    ending = Ending(cause=EndCause.REJECTED, by=EndedBy.SYSTEM, detail="no valid code")
    assert (made.call.ending, made.call.admission) == (ending, None)
    assert kinds(made.effects) == [Hangup]
    over = step(made.call, gone(call, 16), NOW + 10)
    assert over.notices == (CallEnded(ending=replace(ending, q850=16)),)


def in_vain(call: Call, wrong: str) -> Call:
    """The call after one try."""
    if wrong == "no media":
        return run(call, i.MediaFailed(prompt=running(call).order.id, reason="no voice")).call
    call = run(call, media_ready(call)).call
    call = run(call, started(call)).call
    if wrong == "code":
        named = naming("12", call)
        assert named.admission is not None
        return run(named, i.NotAdmitted(attempt=named.admission.tried)).call
    call = run(call, finished(call)).call
    return run(call, prompt_deadline(call)).call


def test_an_owner_who_takes_no_call_is_goodbye_at_once() -> None:
    """Not admitted, and not again: no further try."""
    call = naming("12", asked())
    made = step(call, i.NotAdmitted(attempt=1, again=False), NOW)
    assert running(made.call).order == admission().goodbye


def test_what_was_judged_before_is_late() -> None:
    """An answer about another try, or while nothing is judged, changes nothing."""
    call = naming("12", asked())
    assert step(call, admitted(call, attempt=2), NOW).late
    assert step(call, i.NotAdmitted(attempt=0), NOW).late
    again = run(call, i.NotAdmitted(attempt=1)).call
    assert step(again, admitted(call), NOW).late
    assert step(asked(), admitted(asked()), NOW).late


def test_nobody_commands_a_call_without_an_owner() -> None:
    """Commands to what runs on it are refused, so that no prompt can be put in the way."""
    for given in (i.StartPrompt(order=order(8), media=MEDIA), i.StopPrompt()):
        with pytest.raises(CallNotUp):
            step(asked(), given, NOW)


def test_keys_that_are_pressed_ahead_are_not_the_next_try() -> None:
    """What is pressed while a code is judged does not count for the next try."""
    call = naming("12", asked())
    call = run(call, key(call, "9"), i.NotAdmitted(attempt=1)).call
    assert (running(call).digits, call.keys, call.ahead) == ("", "", "")


def test_the_code_is_gone_with_the_call() -> None:
    """A caller who leaves while his code is judged: an unanswered call ends, without the code."""
    call = naming("12", asked())
    made = step(call, gone(call, 16), NOW)
    assert (made.call.state, made.call.admission) == (CallState.ENDED, None)
    assert made.call.ending is not None
    assert made.call.ending.cause is EndCause.CANCELLED
    assert step(made.call, admitted(call), NOW).late


def test_all_tries_together_have_an_end() -> None:
    """The deadline of the state ends the prompt with the call."""
    call = asked()
    at = call_deadline(call)
    made = step(call, at, at.at)
    assert (made.call.state, made.call.admission) == (CallState.ENDING, None)
    ended = step(made.call, gone(call), at.at)
    (over, _) = ended.notices
    assert isinstance(over, PromptOver)
    assert over.outcome is Outcome.FAILED


def test_the_question_goes_on_after_a_restart() -> None:
    """What was playing is taken up; a code that is being judged is judged again."""
    call = asked()
    there = Seen(ChannelState.UP, playing=True)
    assert resume(call, there) == Recovery()
    assert resume(call, Seen(ChannelState.UP)) == Recovery(facts=(finished(call),))
    call = naming("12", call)
    assert resume(call, Seen(ChannelState.UP)).effects == (Admit(attempt=1, code="12"),)
    starting = run(None, ASKED, up(call)).call
    starting = run(starting, media_ready(starting)).call
    assert running(starting).state is PromptState.STARTING
    assert kinds(resume(starting, Seen(ChannelState.UP)).effects) == [Play]


def test_the_ringback_goes_on_after_a_restart() -> None:
    """Whether the order to ring has left us can't be seen, so it is given again."""
    call = inbound(CallState.WAITING)
    seen = Seen(ChannelState.UP)
    assert resume(call, seen) == Recovery()
    ring = StartSound(channel=INBOUND_CHANNEL, sound=Sound.RINGING)
    assert rejoin(call, call, seen) == (ring,)


def test_the_journal_of_an_admitted_call_leads_to_its_row() -> None:
    """Owner and all come from the inputs, so that a replay finds them again."""
    given: list[tuple[i.Input, float]] = [(ASKED, NOW)]
    call = run(None, ASKED).call

    def take(one: i.Input) -> None:
        nonlocal call
        given.append((one, NOW + len(given)))
        call = step(call, one, given[-1][1]).call

    take(up(call))
    take(media_ready(call))
    for digit in "12#":
        take(key(call, digit))
    take(admitted(call, owner="t2"))
    take(i.AcceptCall())
    assert (call.state, call.owner) == (CallState.UP, "t2")
    assert replay(given) == call


@drawn(st.lists(st.integers(0, 2**16), min_size=5, max_size=60))
def test_any_inputs_in_any_order(numbers: list[int]) -> None:
    """Facts never raise; live rows have deadlines; one offer, an owner, one end; then peace."""
    call, told = asked(), []
    for number in numbers:
        onward = [key(call, digit) for digit in "1#"] * 8
        choices = [*inputs_of(call), *onward]
        given = choices[number % len(choices)]
        try:
            made = step(call, given, NOW)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
            continue
        assert made.late or not made.effects or call.live
        told += [type(notice) for notice in made.notices]
        assert (CallOffered in told) == bool(made.call.owner)
        assert bool(made.call.deadlines) == made.call.live
        call = made.call
    assert max(told.count(CallOffered), told.count(CallEnded)) <= 1
