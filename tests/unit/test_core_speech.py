"""Prompts that listen: when ears are open, what is heard, and which comes first: keys or words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import NoPrompt
from adapter.core.ids import ListeningId, listening_of
from adapter.core.layout import layout, listening_now
from adapter.core.model import (
    Barge,
    Call,
    CallState,
    Collect,
    CollectEnd,
    Heard,
    Listen,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import (
    CallEnded,
    Outcome,
    PromptOver,
    StartListening,
    Step,
    StopListening,
    StopPlayback,
)
from adapter.core.turn import SPEECH_TIMEOUT
from tests.unit.build import (
    CALL,
    COLLECT,
    INBOUND_CHANNEL,
    NOW,
    finished,
    gone,
    inbound,
    key,
    media_ready,
    order,
    playing_now,
    prompt_deadline,
    prompt_id,
    prompting,
    run,
    running,
    started,
)
from tests.unit.joined import bridge
from tests.unit.parties import leg_order

LISTEN = Listen(language="en-US", hints=("yes", "no"), first_timeout=7.0)
WORDS = replace(order(), listen=LISTEN)
BOTH = replace(order(collect=COLLECT), listen=LISTEN)
EARS = listening_of(CALL, prompt_id(1), 0)
BEGAN = i.SpeechBegan(listening=EARS)
HEARD = i.SpeechHeard(listening=EARS, heard=Heard(text="yes", confidence=0.9))
NOISE = i.SpeechHeard(listening=EARS, heard=Heard(text=""))
DEAF = i.SpeechLost(listening=EARS, reason="no recogniser")
START = StartListening(listening=EARS, channel=INBOUND_CHANNEL, listen=LISTEN)
STOP = StopListening(listening=EARS)
OPEN = (PromptState.STARTING, PromptState.PLAYING, PromptState.COLLECTING)
SOUNDING = (PromptState.STARTING, PromptState.PLAYING)
wants = pytest.mark.parametrize("wanted", [WORDS, BOTH], ids=["words", "both"])


def listening(state: PromptState, wanted: PromptOrder = WORDS) -> Call:
    """A call with a prompt that listens, in a state."""
    return prompting(state, wanted)


def over(made: Step) -> PromptOver:
    """The one notice of a step that ended a prompt; nobody listens any more."""
    (notice,) = made.notices
    assert isinstance(notice, PromptOver)
    assert (made.call.prompt, listening_now(made.call)) == (None, None)
    return notice


def silence_of(call: Call) -> tuple[StopPlayback, ...]:
    """The order that stops what plays in such a state."""
    if running(call).state not in SOUNDING:
        return ()
    return (StopPlayback(playback=playing_now(call)),)


# When somebody listens


@wants
def test_ears_open_with_the_playback(wanted: PromptOrder) -> None:
    """Speech may interrupt from the first word on; the same ears stay open to the end."""
    call = run(inbound(CallState.UP), i.StartPrompt(order=wanted)).call
    assert listening_now(call) is None
    made = run(call, media_ready(call))
    assert made.effects[-1] == START
    assert layout(made.call).listening == (EARS, LISTEN)
    made = run(made.call, started(made.call))
    assert made.effects == ()
    made = run(made.call, finished(made.call))
    assert (made.effects, listening_now(made.call)) == ((), EARS)
    assert running(made.call).deadline == NOW + 7.0


@pytest.mark.parametrize("barge", [Barge.NEVER, Barge.PHRASE])
@wants
def test_ears_open_behind_a_prompt_that_is_not_interrupted(
    barge: Barge, wanted: PromptOrder
) -> None:
    """Before its end nobody listens, so nothing of it is taken for the caller."""
    for state in SOUNDING:
        assert listening_now(listening(state, replace(wanted, barge=barge))) is None
    call = listening(PromptState.PLAYING, replace(wanted, barge=barge))
    made = run(call, finished(call))
    assert made.effects == (START,)


def test_a_prompt_of_nothing_but_listening() -> None:
    """No phrases: ears open at once."""
    made = step(inbound(CallState.UP), i.StartPrompt(order=replace(WORDS, phrases=())), NOW)
    assert (running(made.call).state, made.effects) == (PromptState.COLLECTING, (START,))


# What is heard


@pytest.mark.parametrize("state", OPEN)
@wants
def test_words_end_it(state: PromptState, wanted: PromptOrder) -> None:
    """Whatever it is doing: what plays is stopped, and the words are the outcome."""
    call = listening(state, wanted)
    made = step(call, HEARD, NOW)
    assert over(made) == PromptOver(order=wanted, outcome=Outcome.HEARD, heard=HEARD.heard)
    assert made.effects == (*silence_of(call), STOP)


@pytest.mark.parametrize("state", OPEN)
def test_speech_without_words_is_not_understood(state: PromptState) -> None:
    """There was speech; what it was nobody knows."""
    notice = over(step(listening(state), NOISE, NOW))
    assert (notice.outcome, notice.heard) == (Outcome.NOT_HEARD, Heard(text=""))


@pytest.mark.parametrize("state", OPEN)
@wants
def test_whoever_speaks_is_not_interrupted(state: PromptState, wanted: PromptOrder) -> None:
    """The prompt is silent from the first word, and there is time to finish."""
    call = listening(state, wanted)
    made = step(call, BEGAN, NOW + 1)
    assert made.effects == silence_of(call)
    prompt = running(made.call)
    assert (prompt.state, prompt.speaking) == (PromptState.COLLECTING, True)
    assert prompt.deadline == NOW + 1 + SPEECH_TIMEOUT
    assert listening_now(made.call) == EARS
    assert over(step(made.call, HEARD, NOW)).outcome is Outcome.HEARD


@wants
def test_nothing_is_said(wanted: PromptOrder) -> None:
    """Silence is an outcome of its own; with both wanted it counts as nothing said."""
    call = listening(PromptState.COLLECTING, wanted)
    assert over(step(call, prompt_deadline(call), NOW + 7)).outcome is Outcome.SILENT


@wants
def test_speech_that_has_no_end(wanted: PromptOrder) -> None:
    """The recogniser never comes back: not understood."""
    call = step(listening(PromptState.COLLECTING, wanted), BEGAN, NOW).call
    assert over(step(call, prompt_deadline(call), NOW + 60)).outcome is Outcome.NOT_HEARD


# Keys and words


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("speaking", [False, True])
def test_a_key_closes_the_ears(state: PromptState, speaking: bool) -> None:
    """From then on only keys count, even when somebody was speaking."""
    call = listening(state, BOTH)
    if speaking:
        call = step(call, BEGAN, NOW).call
    made = run(call, key(call, "4"))
    assert STOP in made.effects
    assert running(made.call).deadline == NOW + COLLECT.between_timeout
    for given in (BEGAN, HEARD, DEAF):
        assert step(made.call, given, NOW).late
    notice = over(run(made.call, key(call, "2"), key(call, "#")))
    assert (notice.outcome, notice.digits) == (Outcome.COLLECTED, "42")
    late = step(made.call, prompt_deadline(made.call), NOW + 2)
    assert (over(late).digits, over(late).collected) == ("4", CollectEnd.BETWEEN_TIMEOUT)


def test_keys_are_nothing_to_a_prompt_that_only_listens() -> None:
    """They are kept for a later one, and interrupt nothing."""
    call = listening(PromptState.PLAYING)
    made = run(call, key(call, "4"))
    assert (made.effects, made.call.ahead, listening_now(made.call)) == ((), "4", EARS)


def test_keys_ahead_keep_the_ears_closed() -> None:
    """What was pressed before the prompt is a key like any other."""
    kept = replace(BOTH, collect=Collect(flush=False))
    made = run(inbound(CallState.UP), key(inbound(CallState.UP), "4"), i.StartPrompt(order=kept))
    assert running(made.call).digits == "4"
    assert listening_now(made.call) is None


@pytest.mark.parametrize("state", SOUNDING)
def test_words_while_the_digits_are_complete(state: PromptState) -> None:
    """A key that does not interrupt has completed them: the words come too late."""
    wanted = replace(BOTH, barge=Barge.NEVER, collect=Collect(max_digits=1))
    call = listening(state, wanted)
    made = run(call, key(call, "4"))
    assert running(made.call).collected is CollectEnd.MAX_DIGITS
    assert step(made.call, HEARD, NOW).late


# What fails


@pytest.mark.parametrize("state", OPEN)
def test_deaf_for_words_alone(state: PromptState) -> None:
    """Nothing can be understood any more: it is over, and says why."""
    call = listening(state)
    made = step(call, DEAF, NOW)
    notice = over(made)
    assert (notice.outcome, notice.reason) == (Outcome.NOT_HEARD, "no recogniser")
    assert made.effects == (*silence_of(call), STOP)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("speaking", [False, True])
def test_deaf_where_keys_are_wanted_too(state: PromptState, speaking: bool) -> None:
    """Keys still can come, and have their time; the outcome is that of keys."""
    call = listening(state, BOTH)
    if speaking:
        call = step(call, BEGAN, NOW).call
    before = running(call)
    made = step(call, DEAF, NOW + 1)
    assert (made.effects, made.notices) == ((STOP,), ())
    prompt = running(made.call)
    assert (prompt.state, prompt.deaf) == (before.state, True)
    assert prompt.deadline == (NOW + 1 + 7.0 if speaking else before.deadline)
    for given in (BEGAN, HEARD, DEAF):
        assert step(made.call, given, NOW).late
    assert over(run(made.call, key(call, "#"))).outcome is Outcome.COLLECTED


def test_deaf_and_no_key() -> None:
    """Nobody could have been heard: nothing was pressed in time."""
    call = step(listening(PromptState.COLLECTING, BOTH), DEAF, NOW).call
    notice = over(step(call, prompt_deadline(call), NOW + 7))
    assert (notice.outcome, notice.collected) == (Outcome.COLLECTED, CollectEnd.FIRST_TIMEOUT)


@pytest.mark.parametrize("state", OPEN)
def test_facts_of_other_ears_are_late(state: PromptState) -> None:
    """Those of another prompt, or of an earlier round, hear nothing of this one."""
    call = listening(state)
    for other in (listening_of(CALL, prompt_id(2), 0), listening_of(CALL, prompt_id(1), 1)):
        facts: list[i.Input] = [
            i.SpeechBegan(listening=other),
            i.SpeechHeard(listening=other, heard=Heard(text="no")),
            i.SpeechLost(listening=other, reason="gone"),
        ]
        for given in facts:
            assert step(call, given, NOW).late


# Stop, restart, end


@pytest.mark.parametrize("state", OPEN)
def test_stop(state: PromptState) -> None:
    """By command: stopped; ears are closed with it. With digits it is as without speech."""
    call = listening(state)
    made = step(call, i.StopPrompt(), NOW)
    assert over(made).outcome is Outcome.STOPPED
    assert STOP in made.effects
    notice = over(step(listening(state, BOTH), i.StopPrompt(), NOW))
    assert (notice.outcome, notice.collected) == (Outcome.COLLECTED, CollectEnd.STOPPED)
    with pytest.raises(NoPrompt):
        step(made.call, i.StopPrompt(), NOW)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("speaking", [False, True])
def test_back_again_it_listens_anew(state: PromptState, speaking: bool) -> None:
    """A new round with ears of its own; what the old ones say is late; the time is whole again."""
    call = listening(state)
    if speaking:
        call = step(call, BEGAN, NOW).call
    before = running(call)
    made = step(call, i.Resumed(), NOW + 50)
    second = listening_of(CALL, prompt_id(1), 1)
    again = StartListening(listening=second, channel=INBOUND_CHANNEL, listen=LISTEN)
    assert made.effects == (STOP, again)
    assert (running(made.call).state, running(made.call).speaking) == (before.state, False)
    if before.state is PromptState.COLLECTING:
        assert running(made.call).deadline == NOW + 50 + 7.0
    for given in (BEGAN, HEARD, DEAF):
        assert step(made.call, given, NOW).late
    words = i.SpeechHeard(listening=ListeningId(second), heard=Heard(text="no"))
    assert over(step(made.call, words, NOW)).outcome is Outcome.HEARD


def test_back_again_keys_still_count() -> None:
    """A key was pressed before: no ears, and its time between keys again."""
    call = listening(PromptState.COLLECTING, BOTH)
    call = run(call, key(call, "4")).call
    made = step(call, i.Resumed(), NOW + 50)
    assert made.effects == ()
    assert running(made.call).deadline == NOW + 50 + COLLECT.between_timeout


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("ours", [False, True])
def test_a_hang_up_closes_the_ears(state: PromptState, ours: bool) -> None:
    """At once; the prompt has its ending with the call's."""
    call = listening(state)
    if ours:
        ending = step(call, i.EndCall(), NOW)
        assert STOP in ending.effects
        assert step(ending.call, HEARD, NOW).late
        call = ending.call
    made = step(call, gone(call), NOW)
    assert (STOP in made.effects) != ours
    assert [type(one) for one in made.notices] == [PromptOver, CallEnded]


@pytest.mark.parametrize("state", OPEN)
def test_connect_closes_the_ears(state: PromptState) -> None:
    """Nobody listens to who speaks with somebody else."""
    made = step(listening(state), i.ConnectCall(order=leg_order()), NOW)
    assert STOP in made.effects
    assert (listening_now(made.call), bridge(made.call).target) == (None, None)
    assert step(made.call, HEARD, NOW).late
