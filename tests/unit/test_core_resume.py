"""A live row against what Asterisk says: each state with each answer, and nothing dialled twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.ids import playback_of, question_of
from adapter.core.model import BackgroundOrder, Call, CallState, EndCause, Phrase, PromptState
from adapter.core.orders import effects_in_force
from adapter.core.outputs import (
    Answer,
    Ask,
    CallEnded,
    CreateChannel,
    Dial,
    Effect,
    Hangup,
    Play,
    PrepareMedia,
    PromptOver,
    Ring,
)
from adapter.core.resume import ChannelState, Recovery, Seen, heard_now, resume
from tests.unit.build import (
    COLLECT,
    MEDIUM,
    NOW,
    asking,
    dialogue,
    doing,
    every_call,
    finished,
    gone,
    inbound,
    instructed,
    offered_asking,
    order,
    outbound,
    pausing,
    played,
    prompt_id,
    prompting,
    ready,
    ringing,
    run,
    running,
    started,
    up,
)

DOWN, RINGING, UP = ChannelState.DOWN, ChannelState.RINGING, ChannelState.UP
LIVE = [call for call in every_call() if call.live]
SEEN = st.builds(Seen, st.sampled_from([None, DOWN, RINGING, UP]), st.booleans())
MUSIC = BackgroundOrder(id=prompt_id(50), phrase=Phrase(file="music.wav"))
NEVER_LOST = (CallState.PLACING, CallState.CLOSING)  # has no channel yet, has none any more
SONG = i.MediaReady(prompt=MUSIC.id, media=(MEDIUM,))
MAKING = pausing(background=MUSIC)
SINGING = run(MAKING, SONG).call
ASKED = [offered_asking(), asking(), doing(), pausing(), MAKING, SINGING]
ENDING = [run(call, i.EndCall()).call for call in ASKED]
ROWS = st.sampled_from(LIVE + [prompting(state) for state in PromptState] + ASKED + ENDING)


@pytest.mark.parametrize("call", [c for c in LIVE if c.state not in NEVER_LOST])
def test_a_call_without_its_channel_is_lost(call: Call) -> None:
    """Asterisk does not know it any more: that is its end, and nothing is ordered."""
    recovery = resume(call, Seen(None))
    assert recovery == Recovery(facts=(gone(call, lost=True),))
    made = step(call, recovery.facts[0], NOW)
    told = [type(notice) for notice in made.notices]
    assert told == ([PromptOver, CallEnded] if call.prompt else [CallEnded])
    assert made.call.ending is not None
    own = call.ending.cause if call.ending else EndCause.LOST
    assert made.call.ending.cause is own


def test_placing_without_a_channel_is_ordered_again() -> None:
    """It was never dialled, and its id is used once only."""
    call = outbound(CallState.PLACING)
    recovery = resume(call, Seen(None))
    assert recovery == Recovery(effects=effects_in_force(call))
    assert [type(effect) for effect in recovery.effects] == [CreateChannel]


FACTS = [
    (outbound(CallState.PLACING), DOWN, ready),
    (outbound(CallState.DIALING), RINGING, ringing),
    (outbound(CallState.DIALING), UP, up),
    (outbound(CallState.TRYING), RINGING, ringing),
    (outbound(CallState.TRYING), UP, up),
    (outbound(CallState.RINGING), UP, up),
    (inbound(CallState.ANSWERING), UP, up),
]


@pytest.mark.parametrize(("call", "channel", "fact"), FACTS)
def test_what_happened_in_the_gap_is_told(call: Call, channel: ChannelState, fact: object) -> None:
    """The channel is further than the row: the ordinary fact brings the row there."""
    assert callable(fact)
    assert resume(call, Seen(channel)) == Recovery(facts=(fact(call),))
    assert not step(call, fact(call), NOW).late


AGAIN: list[tuple[Call, ChannelState, list[type[Effect]]]] = [
    (outbound(CallState.TRYING), DOWN, []),
    (outbound(CallState.RINGING), DOWN, []),
    (outbound(CallState.RINGING), RINGING, []),
    (inbound(CallState.OFFERED), DOWN, [Ring]),
    (inbound(CallState.OFFERED), RINGING, [Ring]),
    (inbound(CallState.ANSWERING), DOWN, [Answer]),
    (inbound(CallState.ANSWERING), RINGING, [Answer]),
    (inbound(CallState.UP), UP, []),
    (outbound(CallState.UP), UP, []),
    (inbound(CallState.ENDING), UP, [Hangup]),
    (outbound(CallState.ENDING), RINGING, [Hangup]),
    (outbound(CallState.ENDING), DOWN, [Hangup]),
]


@pytest.mark.parametrize(("call", "channel", "kinds"), AGAIN)
def test_what_may_not_have_left_us_is_ordered_again(
    call: Call, channel: ChannelState, kinds: list[type[Effect]]
) -> None:
    """The channel is where the row is: what the row has ordered goes out (again), no more."""
    recovery = resume(call, Seen(channel))
    assert recovery.facts == ()
    assert [type(effect) for effect in recovery.effects] == kinds


def test_dialling_that_may_not_have_been_ordered_ends() -> None:
    """A silent channel in DIALING: it may have been dialled or not, so it ends, as lost."""
    call = outbound(CallState.DIALING)
    (fact,) = resume(call, Seen(DOWN)).facts
    made = step(call, fact, NOW)
    assert [type(effect) for effect in made.effects] == [Hangup]
    (ended,) = step(made.call, gone(call, 16), NOW).notices
    assert isinstance(ended, CallEnded)
    assert ended.ending.cause is EndCause.LOST


def test_media_are_made_again() -> None:
    """Rendering died with the process; its effect is in the row."""
    call = prompting(PromptState.RENDERING)
    wanted = running(call).order
    prepare = PrepareMedia(prompt=wanted.id, phrases=wanted.phrases)
    assert resume(call, Seen(UP)) == Recovery(effects=(prepare,))


def test_a_playback_that_did_not_start_is_ordered_again() -> None:
    """Playback ids are no idempotency keys: only when Asterisk does not have it."""
    call = prompting(PromptState.STARTING)
    playback = playback_of(call.id, running(call).order.id)
    play = Play(channel=call.channel, playback=playback, media=MEDIUM)
    assert resume(call, Seen(UP, playing=False)) == Recovery(effects=(play,))
    assert resume(call, Seen(UP, playing=True)) == Recovery(
        facts=(i.PlaybackStarted(playback=playback),)
    )


def test_a_playback_that_ended_in_the_gap_has_ended() -> None:
    """It is not played again; one that still plays is left alone."""
    call = prompting(PromptState.PLAYING)
    playback = playback_of(call.id, running(call).order.id)
    assert resume(call, Seen(UP, playing=False)) == Recovery(
        facts=(i.PlaybackFinished(playback=playback),)
    )
    assert resume(call, Seen(UP, playing=True)) == Recovery()


def test_a_collection_gets_its_time_again() -> None:
    """Keys of the gap are lost."""
    assert resume(prompting(PromptState.COLLECTING), Seen(UP)) == Recovery(facts=(i.Resumed(),))


def test_the_prompt_of_a_call_that_ends_is_not_touched() -> None:
    """Ending, with a prompt that has no outcome yet: only the hang-up goes out."""
    call = step(prompting(PromptState.RENDERING, order(collect=COLLECT)), i.EndCall(), NOW).call
    assert [type(effect) for effect in resume(call, Seen(UP)).effects] == [Hangup]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_phrase_that_the_prompt_is_at_is_looked_for(index: int) -> None:
    """Not the first one: each phrase has its own playback."""
    call = prompting(PromptState.PLAYING, order(phrases=3))
    for _ in range(index):
        call = run(call, finished(call)).call
        starting = call
        call = run(call, started(call)).call
    playback = playback_of(call.id, running(call).order.id, index)
    assert heard_now(call) == playback
    gap = resume(call, Seen(UP, playing=False))
    assert gap == Recovery(facts=(i.PlaybackFinished(playback=playback),))
    if index:
        play = Play(channel=call.channel, playback=playback, media=MEDIUM)
        assert resume(starting, Seen(UP, playing=False)) == Recovery(effects=(play,))


# Questions and backgrounds


@pytest.mark.parametrize(
    ("call", "channel", "kinds"),
    [(offered_asking(), RINGING, [Ring, Ask]), (asking(), UP, [Ask])],
    ids=["offer", "next"],
)
def test_an_open_question_is_asked_again(
    call: Call, channel: ChannelState, kinds: list[type[Effect]]
) -> None:
    """Under its id, and the row is as it was: the answer to either is the answer."""
    recovery = resume(call, Seen(channel))
    assert recovery.facts == ()
    assert [type(effect) for effect in recovery.effects] == kinds
    ask = Ask(question=question_of(call.id, dialogue(call).asked), topic=dialogue(call).topic)
    assert recovery.effects[-1] == ask
    assert resume(call, Seen(channel)) == recovery


@pytest.mark.parametrize(
    "call",
    [pausing(), run(offered_asking(), i.AcceptCall()).call, *ENDING],
    ids=lambda c: str(c.state),
)
def test_no_question_is_asked_again_when_none_is_open(call: Call) -> None:
    """In a pause, after the call was taken, and when it ends: none."""
    recovery = resume(call, Seen(UP))
    assert not any(isinstance(effect, Ask) for effect in recovery.effects)
    if call.state is CallState.UP:
        assert recovery == Recovery()


def test_a_prompt_that_ended_in_the_gap_asks_once() -> None:
    """The next question comes of the fact, and is not ordered a second time."""
    _, effects, _ = recovered(played(doing()), Seen(UP, playing=False))
    assert [type(effect) for effect in effects] == [Ask]


def test_a_background_is_made_again() -> None:
    """Also behind a prompt that plays on."""
    prepare = PrepareMedia(prompt=MUSIC.id, phrases=(MUSIC.phrase,))
    assert heard_now(MAKING) is None
    assert resume(MAKING, Seen(UP)) == Recovery(effects=(prepare,))
    call = asking()
    call = played(run(call, instructed(call, prompt=order(), background=MUSIC)).call)
    assert resume(call, Seen(UP, playing=True)) == Recovery(effects=(prepare,))


def test_a_round_that_plays_is_left_alone_and_one_that_ended_has_ended() -> None:
    """Never are two rounds heard at once; the next one comes of the fact."""
    playback = playback_of(SINGING.id, MUSIC.id, 1)
    assert heard_now(SINGING) == playback
    assert resume(SINGING, Seen(UP, playing=True)) == Recovery()
    over = Recovery(facts=(i.PlaybackFinished(playback=playback),))
    assert resume(SINGING, Seen(UP, playing=False)) == over
    _, effects, _ = recovered(SINGING, Seen(UP, playing=False))
    following = playback_of(SINGING.id, MUSIC.id, 2)
    assert effects == [Play(channel=SINGING.channel, playback=following, media=MEDIUM)]


def test_a_background_that_waits_or_rests_is_left_alone() -> None:
    """The prompt, or the row's deadline, brings it back."""
    resting = pausing(background=replace(MUSIC, pause=3.0))
    resting = run(resting, SONG).call
    resting = run(resting, i.PlaybackFinished(playback=playback_of(resting.id, MUSIC.id, 1))).call
    assert (heard_now(resting), resume(resting, Seen(UP))) == (None, Recovery())
    call = run(SINGING, i.AskAnew()).call
    waiting = played(run(call, instructed(call, prompt=order())).call)
    assert heard_now(waiting) == playback_of(call.id, running(waiting).order.id)
    assert resume(waiting, Seen(UP, playing=True)) == Recovery()


def recovered(call: Call, seen: Seen) -> tuple[Call, list[Effect], int]:
    """The row after its recovery, every effect that went out, and how many ends were told."""
    recovery = resume(call, seen)
    effects: list[Effect] = []
    ends = 0
    for fact in recovery.facts:
        made = step(call, fact, NOW)
        call = made.call
        effects += made.effects
        ends += sum(isinstance(notice, CallEnded) for notice in made.notices)
    return call, [*effects, *recovery.effects], ends


@given(ROWS, SEEN)
def test_recovery_never_dials_what_may_have_been_dialled(call: Call, seen: Seen) -> None:
    """A Dial goes out only from PLACING, which never dialled, and to a channel that is there."""
    _, effects, _ = recovered(call, seen)
    if any(isinstance(effect, Dial) for effect in effects):
        assert call.state is CallState.PLACING
        assert seen.channel is not None
    if call.state is CallState.DIALING and seen.channel is None:
        assert effects == []


@given(ROWS, SEEN, SEEN)
def test_recovery_is_one_ending_and_can_be_repeated(call: Call, first: Seen, second: Seen) -> None:
    """A second reconnect works on what the first one made: at most one end, and no fact raises."""
    call, _, ends = recovered(call, first)
    if call.live:
        call, _, more = recovered(call, second)
        ends += more
    assert ends == (not call.live)
    assert call.live == bool(call.deadlines)
