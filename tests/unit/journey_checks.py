"""What holds for every row and every step of a journey, whatever its inputs were."""

from __future__ import annotations

from collections import Counter

import msgspec

from adapter.core.ids import ChannelId, playback_of, question_of
from adapter.core.model import (
    Background,
    BackgroundState,
    Bridge,
    BridgeState,
    Call,
    CallState,
    DialogueState,
    LegState,
    Prompt,
    RecordingState,
    Topic,
)
from adapter.core.outputs import (
    Ask,
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    DestroyBridge,
    Hangup,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    Play,
    PrepareMedia,
    PromptOver,
    QuestionUnanswered,
    Record,
    RecordingBegan,
    RecordingOver,
    SaveRecording,
    Step,
    StopListening,
    StopPlayback,
)
from adapter.core.prompt import KEPT_KEYS
from tests.unit.journeys import World

TOLD_ONCE = (CallOffered, CallRang, CallAnswered, QuestionUnanswered, CallEnded)
LOUD = (BackgroundState.PLAYING, BackgroundState.RESTING)
CHANNEL_GONE = (CallState.CLOSING, CallState.ENDED)
OVER = (CallState.ENDING, *CHANNEL_GONE)
CALLING = (BridgeState.TRANSFERRING, BridgeState.FORWARDING)
LAST_ORDERS = Hangup | StopPlayback | DestroyBridge | StopListening | SaveRecording


def check_row(call: Call) -> None:
    """What holds for every row."""
    assert (call.deadline is None) == (call.state in CHANNEL_GONE)
    assert (call.ending is not None) == (call.state in OVER)
    assert (call.ended_at is not None) == (call.state in CHANNEL_GONE)
    assert call.prompt is not None or not call.on_answer or call.state is not CallState.UP
    if call.connect_kept is not None:
        assert call.state not in OVER
        assert call.prompt is not None or call.state is not CallState.UP
    if call.prompt is not None:
        assert call.state in (CallState.UP, CallState.ENDING)
        assert (call.prompt.deadline is not None) == (call.state is CallState.UP)
        assert call.bridge is None
    assert max(len(call.keys), len(call.ahead)) <= KEPT_KEYS
    check_dialogue(call)
    check_background(call)
    if call.bridge is not None:
        assert call.state is CallState.UP
        check_bridge(call.bridge)
    check_recording(call)
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


def check_background(call: Call) -> None:
    """It plays or rests when nothing else is heard, and in time."""
    background = call.background
    if background is None:
        return
    assert call.state is CallState.UP
    loud, other = background.state in LOUD, bool(call.prompt or call.bridge)
    assert (background.deadline is not None) == loud
    assert not (loud and other)
    assert loud or other or background.media is None


def check_bridge(bridge: Bridge) -> None:
    """Whoever is called is waited for in time; who is up, is for as long as it stays."""
    up = LegState.UP
    assert (bridge.party.state is not up) == (bridge.state is BridgeState.CONNECTING)
    assert (bridge.target is not None) == (bridge.state in CALLING)
    if bridge.state is BridgeState.FORWARDING:
        assert all((leg.state is up) == (leg is bridge.party) for leg in bridge.legs)
    assert not (bridge.held and bridge.state is BridgeState.CONNECTING)
    for leg in bridge.legs:
        assert (leg.deadline is None) == (leg.state is up)
    assert len({burst.channel for burst in bridge.bursts}) == len(bridge.bursts)
    assert all(burst.digits for burst in bridge.bursts)


def check_recording(call: Call) -> None:
    """It runs for as long as the call, and is started and saved in time."""
    recording = call.recording
    assert (call.state is CallState.CLOSING) <= (recording is not None)
    if recording is None:
        return
    assert call.answered_at is not None
    assert call.state is not CallState.ENDED
    assert (recording.deadline is None) == (recording.state is RecordingState.RUNNING)
    if call.state is CallState.CLOSING:
        assert recording.state is RecordingState.SAVING


def check_dialogue(call: Call) -> None:
    """A call that asks waits for an answer, the end of what it does or of a pause, in time."""
    dialogue = call.dialogue
    assert call.asks or (dialogue is None and call.background is None)
    if call.state is CallState.UP and call.asks:
        assert dialogue is not None
        if dialogue.state is DialogueState.DOING:
            assert (bool(call.prompt or call.bridge), dialogue.deadline) == (True, None)
        else:
            assert dialogue.deadline is not None
    elif call.state is CallState.OFFERED and call.asks:
        assert dialogue is not None
        assert (dialogue.state, dialogue.topic) == (DialogueState.ASKING, Topic.OFFER)
        assert dialogue.deadline is not None
    else:
        assert dialogue is None or dialogue.deadline is None


def playbacks_of(call: Call) -> dict[str, Prompt | Background]:
    """What may be going on for this row, by its playback."""
    found: dict[str, Prompt | Background] = {}
    if call.prompt is not None and call.prompt.media:
        found[playback_of(call.id, call.prompt.order.id, call.prompt.index)] = call.prompt
    if call.background is not None and call.background.media:
        round_ = call.background.round
        found[playback_of(call.id, call.background.order.id, round_)] = call.background
    return found


def check_effects(world: World, before: Call | None, made: Step) -> None:
    """Effects are about this call and what runs on it, or did until now; slow ones are new."""
    call = made.call
    for effect in made.effects:
        match effect:
            case PrepareMedia(prompt=prompt):
                runs = [part.order.id for part in (call.prompt, call.background) if part]
                assert prompt in runs
                assert prompt not in world.prepared
                world.prepared.add(prompt)
            case Ask(question=question, topic=topic):
                assert call.dialogue is not None
                assert (call.dialogue.state, call.dialogue.topic) == (DialogueState.ASKING, topic)
                assert question == question_of(call.id, call.dialogue.asked)
                assert question not in world.asked
                world.asked.append(question)
            case Play(playback=playback, media=media):
                played = playbacks_of(call)[playback]
                own = played.media[played.index] if isinstance(played, Prompt) else played.media
                assert media == own
                assert isinstance(played, Prompt) or call.prompt is None
            case StopPlayback(playback=playback):
                assert before is not None
                assert playback in playbacks_of(before)
            case Record(recording=recording) | SaveRecording(recording=recording):
                assert call.recording is not None
                assert call.recording.order.id == recording
    if call.state in OVER:
        assert all(isinstance(effect, LAST_ORDERS) for effect in made.effects)
    world.board.carry_out(made.effects)
    assert world.board.agrees(call)


def check_notices(world: World, before: Call | None, made: Step) -> None:
    """Prompts, recordings and parties have one beginning and one end; what is told is told once."""
    for notice in made.notices:
        world.told[type(notice)] += 1
        if isinstance(notice, PromptOver):
            if notice.order.id not in world.begun:  # it began and ended in this one step
                world.begun.append(notice.order.id)
            world.over.append(notice.order.id)
    check_prompts(world, before.prompt if before else None, made.call.prompt)
    check_parties(world, before, made)
    check_recordings(world, before, made)
    for kind in TOLD_ONCE:
        assert world.told[kind] <= 1
    if QuestionUnanswered in map(type, made.notices):
        assert made.call.state is CallState.ENDING
    if CallEnded in map(type, made.notices):
        assert isinstance(made.notices[-1], CallEnded)
    assert (CallEnded in map(type, made.notices)) == (made.call.state is CallState.ENDED)


def check_prompts(world: World, before: Prompt | None, running: Prompt | None) -> None:
    """Each that began has ended, but for the one that runs."""
    if running is not None and (before is None or before.order.id != running.order.id):
        world.begun.append(running.order.id)
    assert world.over == world.begun[: len(world.over)]
    assert len(world.begun) - len(world.over) == (running is not None)
    assert len(set(world.begun)) == len(world.begun)


def check_parties(world: World, before: Call | None, made: Step) -> None:
    """A party rings, is joined and leaves once, in this order; who was not joined has failed.

    What becomes of parties when the call itself ends is not told.
    """
    told = [
        one
        for one in made.notices
        if isinstance(one, PartyRang | PartyJoined | PartyLeft | PartyFailed)
    ]
    for notice in told:
        past = world.parties.setdefault(notice.channel, [])
        assert (PartyJoined in past) >= isinstance(notice, PartyLeft)
        assert (PartyJoined in past) <= (not isinstance(notice, PartyFailed | PartyRang))
        assert not {PartyLeft, PartyFailed} & {*past}
        past.append(type(notice))
        assert max(Counter(past).values()) == 1
    were = {leg.channel for leg in before.further_legs} if before else set()
    ended = {one.channel for one in told if isinstance(one, PartyLeft | PartyFailed)}
    if made.call.state is CallState.UP:
        gone = were - {leg.channel for leg in made.call.further_legs}
        assert ended == gone | check_kept(before, made)


def check_kept(before: Call | None, made: Step) -> set[ChannelId]:
    """A connection that was asked for before the answer is made, or has failed; its channel."""
    kept = before.connect_kept if before else None
    if kept is None or made.call.connect_kept is not None:
        assert made.call.connect_kept == kept or made.call.state is not CallState.UP
        return set()
    if made.call.bridge is not None:
        assert made.call.bridge.party.order == kept
        return set()
    (failed,) = (one for one in made.notices if isinstance(one, PartyFailed))
    assert failed.order == kept
    return {failed.channel}


def check_recordings(world: World, before: Call | None, made: Step) -> None:
    """Each that was ordered begins once at most, and has one ending."""
    for notice in made.notices:
        if isinstance(notice, RecordingBegan | RecordingOver):
            past = world.recordings.setdefault(notice.order.id, [])
            assert RecordingOver not in past
            past.append(type(notice))
            assert max(Counter(past).values()) == 1
    was, runs = before.recording if before else None, made.call.recording
    ended = [one.order for one in made.notices if isinstance(one, RecordingOver)]
    assert ended == ([was.order] if was is not None and was.order != (runs and runs.order) else [])
