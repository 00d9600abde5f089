"""Calls, prompts and inputs for the unit tests: values only, built through `step` itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.ids import (
    CallId,
    ChannelId,
    PlaybackId,
    PromptId,
    channel_of,
    listening_of,
    playback_of,
    public_id,
    question_of,
)
from adapter.core.model import (
    Admission,
    Barge,
    Call,
    CallState,
    Collect,
    Detection,
    Dialogue,
    DialOrder,
    Direction,
    EndCause,
    Heard,
    Instruction,
    Media,
    Phrase,
    Prompt,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import Step
from tests.unit.parties import CELL, bridge_inputs_of, recording_inputs_of, recording_order

NOW = 1_000.0
MEDIUM = Media(uri="sound:/media/hello", seconds=3.0)
MEDIA = (MEDIUM,)
INBOUND_CHANNEL = ChannelId("asterisk-1.7")
OTHER_CHANNEL = ChannelId("asterisk-1.8")
COLLECT = Collect(first_timeout=10.0, between_timeout=2.0, max_digits=4, finish_on="#")


def call_id(number: int) -> CallId:
    """The id of the n-th call of a test."""
    return CallId(public_id(CELL, number.to_bytes(16, "big")))


def prompt_id(number: int) -> PromptId:
    """The id of the n-th prompt of a test."""
    return PromptId(public_id(CELL, (1_000_000 + number).to_bytes(16, "big")))


CALL = call_id(1)
OUTBOUND_CHANNEL = channel_of(CALL, 1)


def order(
    number: int = 1,
    *,
    collect: Collect | None = None,
    barge: Barge = Barge.ALL,
    text: str = "hello",
    phrases: int = 1,
) -> PromptOrder:
    """A prompt of one phrase, or of so many."""
    texts = [text] if phrases == 1 else [f"{text} {index}" for index in range(phrases)]
    return PromptOrder(
        id=prompt_id(number),
        phrases=tuple(Phrase(text=each, language="en-US", voice="female") for each in texts),
        collect=collect,
        barge=barge,
        context={"n": number},
    )


def place(number: int = 1, **changes: Any) -> i.PlaceCall:
    """The command that opens the n-th call, outbound."""
    given = i.PlaceCall(
        id=call_id(number),
        contract="plain",
        owner="tenant",
        caller="+4911",
        callee="+4922",
        channel=channel_of(call_id(number), 1),
        dial=DialOrder(endpoint="PJSIP/4922@trunk", caller_number="+4911", ring_timeout=60.0),
        max_duration=3600.0,
        context={"ref": "r-1"},
    )
    return replace(given, **changes)


def offer(number: int = 1, **changes: Any) -> i.OfferCall:
    """The command that opens the n-th call, inbound."""
    given = i.OfferCall(
        id=call_id(number),
        contract="plain",
        owner="tenant",
        caller="+4922",
        callee="+4911",
        channel=INBOUND_CHANNEL,
        max_duration=3600.0,
        accept_timeout=30.0,
        context={"ref": "r-1"},
    )
    return replace(given, **changes)


def run(call: Call | None, *given: i.Input, now: float = NOW) -> Step:
    """Apply inputs one after the other, all at `now`; the step of the last one."""
    made: Step | None = None
    for one in given:
        made = step(call, one, now)
        call = made.call
    assert made is not None
    return made


def ready(call: Call) -> i.ChannelReady:
    return i.ChannelReady(channel=call.channel)


def dialled(call: Call) -> i.ChannelDialled:
    return i.ChannelDialled(channel=call.channel)


def ringing(call: Call) -> i.ChannelRinging:
    return i.ChannelRinging(channel=call.channel)


def up(call: Call) -> i.ChannelUp:
    return i.ChannelUp(channel=call.channel)


def gone(
    call: Call, q850: int | None = None, sip_code: int | None = None, *, lost: bool = False
) -> i.ChannelGone:
    return i.ChannelGone(channel=call.channel, q850=q850, sip_code=sip_code, lost=lost)


def key(call: Call, digit: str) -> i.DigitPressed:
    return i.DigitPressed(channel=call.channel, digit=digit)


def media_ready(call: Call) -> i.MediaReady:
    wanted = running(call).order
    return i.MediaReady(prompt=wanted.id, media=MEDIA * len(wanted.phrases))


def started(call: Call) -> i.PlaybackStarted:
    return i.PlaybackStarted(playback=playing_now(call))


def finished(call: Call, *, failed: bool = False) -> i.PlaybackFinished:
    return i.PlaybackFinished(playback=playing_now(call), failed=failed)


def playing_now(call: Call) -> PlaybackId:
    """The playback of the phrase that the prompt of the call is at."""
    prompt = running(call)
    return playback_of(call.id, prompt.order.id, prompt.index)


def call_deadline(call: Call) -> i.CallDeadline:
    assert call.deadline is not None
    return i.CallDeadline(at=call.deadline)


def prompt_deadline(call: Call) -> i.PromptDeadline:
    deadline = running(call).deadline
    assert deadline is not None
    return i.PromptDeadline(at=deadline)


def running(call: Call) -> Prompt:
    """The prompt that runs on the call."""
    assert call.prompt is not None
    return call.prompt


def dialogue(call: Call) -> Dialogue:
    """Where the application of the call stands."""
    assert call.dialogue is not None
    return call.dialogue


def instructed(call: Call, **instruction: Any) -> i.Instructed:
    """The application's answer to the latest question."""
    return i.Instructed(
        question=question_of(call.id, dialogue(call).asked),
        instruction=Instruction(**instruction),
    )


def no_answer(call: Call, reason: str = "404") -> i.QuestionFailed:
    """The application gave no answer to the latest question that can be used."""
    return i.QuestionFailed(question=question_of(call.id, dialogue(call).asked), reason=reason)


def dialogue_deadline(call: Call) -> i.DialogueDeadline:
    deadline = dialogue(call).deadline
    assert deadline is not None
    return i.DialogueDeadline(at=deadline)


def outbound(state: CallState, **changes: Any) -> Call:
    """An outbound call in a state, come there by the way of the drawing."""
    call = run(None, place(**changes)).call
    match state:
        case CallState.PLACING:
            return call
        case CallState.DIALING:
            return run(call, ready(call)).call
        case CallState.TRYING:
            return run(call, ready(call), dialled(call)).call
        case CallState.RINGING:
            return run(call, ready(call), dialled(call), ringing(call)).call
        case CallState.JUDGING:
            call = run(None, place(**{"detection": Detection(), **changes})).call
            return run(call, ready(call), dialled(call), ringing(call), up(call)).call
        case CallState.UP:
            return run(call, ready(call), dialled(call), ringing(call), up(call)).call
        case CallState.ENDING:
            return run(call, ready(call), i.EndCall()).call
        case CallState.CLOSING:
            call = run(call, ready(call), dialled(call), ringing(call), up(call)).call
            return run(call, i.StartRecording(order=recording_order()), gone(call)).call
        case CallState.ENDED:
            return run(call, ready(call), gone(call, 17, 486)).call
    raise AssertionError(f"an outbound call is never {state}")


def inbound(state: CallState, **changes: Any) -> Call:
    """An inbound call in a state, come there by the way of the drawing."""
    call = run(None, offer(**changes)).call
    match state:
        case CallState.OFFERED:
            return call
        case CallState.ANSWERING:
            return run(call, i.AcceptCall()).call
        case CallState.ADMITTING:
            given = offer(**{"owner": "", "admission": admission(), **changes})
            return run(None, given, up(call)).call
        case CallState.WAITING:
            call = naming("1", inbound(CallState.ADMITTING, **changes))
            return run(call, admitted(call)).call
        case CallState.UP:
            return run(call, i.AcceptCall(), up(call)).call
        case CallState.ENDING:
            return run(call, i.AcceptCall(), up(call), i.EndCall()).call
        case CallState.ENDED:
            return run(call, gone(call, 127, 487)).call
    raise AssertionError(f"an inbound call is never {state}")


ONLY_INBOUND = (CallState.OFFERED, CallState.ANSWERING, CallState.ADMITTING, CallState.WAITING)
OUTBOUND_STATES = tuple(state for state in CallState if state not in ONLY_INBOUND)
INBOUND_STATES = (*ONLY_INBOUND, CallState.UP, CallState.ENDING, CallState.ENDED)


def admission() -> Admission:
    """A code of up to four digits is asked for, three times."""
    asks = tuple(order(number, collect=COLLECT) for number in (51, 52, 53))
    return Admission(asks=asks, goodbye=replace(order(54), hang_up=True))


def naming(code: str, call: Call) -> Call:
    """The caller has named a code, which is being judged."""
    return run(call, *(key(call, digit) for digit in f"{code}#")).call


def admitted(call: Call, **changes: Any) -> i.Admitted:
    """The code that is being judged is the one of a tenant."""
    attempt = call.admission.tried if call.admission else 1
    return i.Admitted(**{"attempt": attempt, "owner": "tenant", "accept_timeout": 30.0, **changes})


def every_call() -> list[Call]:
    """One call in each state that each direction has."""
    calls = [outbound(state) for state in OUTBOUND_STATES]
    return calls + [inbound(state) for state in INBOUND_STATES]


def prompting(
    state: PromptState,
    wanted: PromptOrder | None = None,
    direction: Direction = Direction.INBOUND,
) -> Call:
    """A call that is up, with a prompt in a state (COLLECTING: after its playback's end)."""
    make = inbound if direction is Direction.INBOUND else outbound
    wanted = wanted or order(collect=COLLECT)
    call = run(make(CallState.UP), i.StartPrompt(order=wanted)).call
    if state is PromptState.RENDERING:
        return call
    call = run(call, media_ready(call)).call
    if state is PromptState.STARTING:
        return call
    call = run(call, started(call)).call
    if state is PromptState.PLAYING:
        return call
    call = run(call, finished(call)).call
    assert running(call).state is PromptState.COLLECTING
    return call


def inputs_of(call: Call) -> list[i.Input]:
    """One input of each type but the openings, each meant for this very call and its prompt."""
    prompt = call.prompt.order.id if call.prompt else prompt_id(1)
    playback = playback_of(call.id, prompt)
    at = call.prompt.deadline if call.prompt and call.prompt.deadline else 0.0
    question = question_of(call.id, call.dialogue.asked if call.dialogue else 1)
    listening = listening_of(call.id, prompt, call.prompt.round if call.prompt else 0)
    return [
        i.AcceptCall(),
        i.EndCall(),
        i.StartPrompt(order=order(9, collect=COLLECT)),
        i.StopPrompt(),
        ready(call),
        dialled(call),
        ringing(call),
        up(call),
        gone(call),
        i.ChannelRefused(channel=call.channel, cause=EndCause.FAILED, detail="no"),
        i.AnswerJudged(channel=call.channel, machine=False),
        admitted(call),
        i.NotAdmitted(attempt=admitted(call).attempt),
        i.CallDeadline(at=call.deadline or 0.0),
        i.MediaReady(prompt=prompt, media=MEDIA),
        i.MediaFailed(prompt=prompt, reason="no voice"),
        i.PlaybackStarted(playback=playback),
        i.PlaybackFinished(playback=playback),
        i.PlaybackRefused(playback=playback, detail="no"),
        key(call, "1"),
        i.PromptDeadline(at=at),
        i.Instructed(question=question, instruction=Instruction(pause=5.0)),
        i.QuestionFailed(question=question, reason="no answer"),
        i.AskAnew(),
        i.DialogueDeadline(at=(call.dialogue.deadline if call.dialogue else None) or 0.0),
        i.BackgroundDeadline(at=(call.background.deadline if call.background else None) or 0.0),
        i.SpeechBegan(listening=listening),
        i.SpeechHeard(listening=listening, heard=Heard(text="yes")),
        i.SpeechLost(listening=listening, reason="gone"),
        i.Resumed(),
        *bridge_inputs_of(call),
        *recording_inputs_of(call),
    ]


def offered_asking(**changes: Any) -> Call:
    """An inbound call whose application is being asked what shall become of it."""
    return run(None, offer(asks=True, **changes)).call


def asking(direction: Direction = Direction.INBOUND) -> Call:
    """A call that is up, whose application is being asked what comes next."""
    if direction is Direction.OUTBOUND:
        return outbound(CallState.UP, asks=True)
    call = offered_asking()
    return run(call, instructed(call), up(call)).call


def doing(wanted: PromptOrder | None = None, **instruction: Any) -> Call:
    """A call whose application has ordered a prompt, which is made ready."""
    call = asking()
    return run(call, instructed(call, prompt=wanted or order(), **instruction)).call


def pausing(pause: float = 5.0, **instruction: Any) -> Call:
    """A call whose application wants to be asked after a pause, in which nothing is to be done."""
    call = asking()
    return run(call, instructed(call, pause=pause, **instruction)).call


def played(call: Call) -> Call:
    """The call after its prompt of one phrase was made ready and begun."""
    call = run(call, media_ready(call)).call
    return run(call, started(call)).call
