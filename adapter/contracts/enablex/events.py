"""What EnableX applications are told by webhooks, key by key. The replies are `words`.

Source: enablex-voice.txt with the decisions of enablex.md ("Spelling on the wire"). A call event
has `state` and never `playstate`, a play event the other way round; results of speech have `state`,
as the document shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from adapter.contracts.enablex.words import Body, timestamp
from adapter.core.model import Call, EndCause
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    KeysPressed,
    Notice,
    Outcome,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    PromptOver,
    RecordingBegan,
    RecordingOver,
)
from adapter.engine.ports import Wording

_encode = msgspec.json.Encoder().encode

CallState = Literal["incomingcall", "ringing", "connected", "voicemail", "disconnected"]
PlayState = Literal["playfinished", "digitcollected", "menutimeout", "failed"]
SpeechState = Literal["recognized", "unrecognized", "timeout"]
BridgeState = Literal["bridging", "bridged", "bridging_failed", "bridge_disconnected"]
RecordingState = Literal["started", "completed", "failed"]


class Event(Body, kw_only=True, omit_defaults=True):
    """What all webhooks have; `owner_ref` and `custom_data` as the call was placed with them."""

    owner_ref: Any = UNSET
    custom_data: Any = UNSET


class CallEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: the call itself."""

    state: CallState
    channel_id: str
    call_duration: float | UnsetType = UNSET
    disconnect_reason: str | UnsetType = UNSET
    sip_code: int | UnsetType = UNSET
    recording_url: str | UnsetType = UNSET
    timeStamp: str | UnsetType = UNSET


class PlayEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: the outcome of a prompt."""

    play_id: str
    playstate: PlayState
    prompt_ref: Any = UNSET
    digit: str | UnsetType = UNSET
    digits: str | UnsetType = UNSET
    msg: str | UnsetType = UNSET


class SpeechResult(Struct, kw_only=True, omit_defaults=True):
    """Why the recognition ended as it did."""

    reason: Literal["RecognizedSpeech", "NoMatch", "InitialSilenceTimeout", "Stopped", "Error"]
    confidence: float | UnsetType = UNSET


class SpeechEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: the outcome of a prompt that listens for speech."""

    play_id: str
    asr_id: str
    state: SpeechState
    result: SpeechResult
    recognised_phrase: str | UnsetType = UNSET
    recognized_phrase: str | UnsetType = UNSET
    prompt_ref: Any = UNSET
    msg: str | UnsetType = UNSET


class BridgeEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: a further party; `from` and `to` are those that it was called with."""

    voice_Id: str
    state: BridgeState
    channel_id: str
    msg: str | UnsetType = UNSET
    sip_code: int | UnsetType = UNSET


class KeysEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: keys pressed while bridged."""

    voice_Id: str
    state: Literal["dtmfcollected"]
    channel_id: str
    digit: str
    digits: str


class RecordingEvent(Event, kw_only=True, omit_defaults=True):
    """Webhook: a recording."""

    recording_id: str
    state: RecordingState
    msg: str
    recording_name: str | UnsetType = UNSET
    recording_url: str | UnsetType = UNSET
    recording_duration: float | UnsetType = UNSET


REASONS = {
    EndCause.HANGUP: ("Normal clearing", 200),
    EndCause.CANCELLED: ("Cancelled", 487),
    EndCause.BUSY: ("User busy", 486),
    EndCause.NO_ANSWER: ("No answer", 480),
    EndCause.REJECTED: ("Call rejected", 603),
    EndCause.NOT_FOUND: ("Number not found", 404),
    EndCause.CONGESTION: ("Network congestion", 503),
    EndCause.NOT_ACCEPTED: ("Not accepted in time", 480),
    EndCause.MAX_DURATION: ("Maximum duration reached", 200),
    EndCause.MEDIA_TIMEOUT: ("Media timeout", 200),
    EndCause.FAILED: ("Call failed", 500),
    EndCause.LOST: ("Connection to the call was lost", 500),
}
_CALL_STATES: Mapping[type, CallState] = {
    CallOffered: "incomingcall",
    CallRang: "ringing",
    CallAnswered: "connected",
    CallEnded: "disconnected",
}
_BRIDGE_STATES: Mapping[type, BridgeState] = {
    PartyRang: "bridging",
    PartyJoined: "bridged",
    PartyLeft: "bridge_disconnected",
    PartyFailed: "bridging_failed",
}
_SPEECH: Mapping[Outcome, tuple[SpeechState, SpeechResult]] = {
    Outcome.HEARD: ("recognized", SpeechResult(reason="RecognizedSpeech")),
    Outcome.NOT_HEARD: ("unrecognized", SpeechResult(reason="NoMatch")),
    Outcome.SILENT: ("timeout", SpeechResult(reason="InitialSilenceTimeout")),
    Outcome.STOPPED: ("timeout", SpeechResult(reason="Stopped")),
}


class Events:
    """Words notices.

    Args:
        recordings: base of the URLs under which recordings are fetched.
    """

    def __init__(self, recordings: str) -> None:
        self._recordings = recordings.rstrip("/")

    def word(self, call: Call, notice: Notice, now: float) -> Sequence[Wording]:
        """A notice as a webhook of the call's `event_url`; without one it is for the feed only."""
        worded = self._event(call, notice, now)
        if worded is None:
            return ()
        name, event = worded
        url = call.context.get("event_url", "")
        return (Wording(event=name, url=url, body=_encode(event).decode()),)

    def _event(self, call: Call, notice: Notice, now: float) -> tuple[str, Event] | None:
        match notice:
            case CallOffered() | CallRang() | CallAnswered() | CallEnded():
                event = self._call_event(call, notice, now)
                return event.state, event
            case PromptOver() if notice.order.listen is not None and notice.outcome in _SPEECH:
                speech = _speech_event(call, notice, now)
                return speech.state, speech
            case PromptOver():
                play = _play_event(call, notice, now)
                return play.playstate, play
            case PartyRang() | PartyJoined() | PartyLeft() | PartyFailed():
                bridge = _bridge_event(call, notice, now)
                return bridge.state, bridge
            case KeysPressed():
                return "dtmfcollected", _keys_event(call, notice, now)
            case RecordingBegan() | RecordingOver():
                recording = self._recording_event(call, notice, now)
                return f"recording_{recording.state}", recording
            case _:
                return None

    def _call_event(
        self, call: Call, notice: CallOffered | CallRang | CallAnswered | CallEnded, now: float
    ) -> CallEvent:
        machine = isinstance(notice, CallAnswered) and notice.machine
        event = CallEvent(
            **_of_call(call, now),
            state="voicemail" if machine else _CALL_STATES[type(notice)],
            channel_id=call.channel,
        )
        if isinstance(notice, CallEnded):
            reason, code = REASONS[notice.ending.cause]
            answered = call.answered_at is not None
            event.disconnect_reason = reason
            event.sip_code = code if answered else notice.ending.sip_code or code
            ended = call.ended_at or now
            event.call_duration = round(ended - (call.answered_at or ended), 3)
            event.timeStamp = event.timestamp
            if call.recorded is not None:
                event.recording_url = self._url(call.recorded)
        return event

    def _recording_event(
        self, call: Call, notice: RecordingBegan | RecordingOver, now: float
    ) -> RecordingEvent:
        event = RecordingEvent(
            **_of_call(call, now),
            recording_id=notice.order.id,
            state="started",
            msg="",
            recording_name=notice.order.context.get("recording_name", UNSET),
        )
        if isinstance(notice, RecordingOver) and notice.saved is None:
            event.state, event.msg = "failed", notice.reason
        elif isinstance(notice, RecordingOver) and notice.saved is not None:
            event.state = "completed"
            event.recording_url = self._url(notice.order.id)
            event.recording_duration = round(notice.saved.seconds, 3)
        return event

    def _url(self, recording: str) -> str:
        return f"{self._recordings}/recording/{recording}"


def _of_call(call: Call, now: float) -> dict[str, Any]:
    """The keys of every event."""
    return {
        "voice_id": call.id,
        "from_": call.caller,
        "to": call.callee,
        "timestamp": timestamp(now),
        "owner_ref": call.context.get("owner_ref", UNSET),
        "custom_data": call.context.get("custom_data", UNSET),
    }


def _play_event(call: Call, notice: PromptOver, now: float) -> PlayEvent:
    digits = notice.digits if notice.outcome is Outcome.COLLECTED and notice.digits else UNSET
    return PlayEvent(
        **_of_call(call, now),
        play_id=notice.order.id,
        playstate=_playstate(notice),
        prompt_ref=notice.order.context.get("prompt_ref", UNSET),
        digit=digits,
        digits=digits,
        msg=notice.reason or UNSET,
    )


def _playstate(notice: PromptOver) -> PlayState:
    match notice.outcome:
        case Outcome.COLLECTED:
            return "digitcollected" if notice.digits else "menutimeout"
        case Outcome.FAILED:
            return "failed"
        case _:
            return "playfinished"


def _speech_event(call: Call, notice: PromptOver, now: float) -> SpeechEvent:
    state, result = _SPEECH[notice.outcome]
    heard = notice.heard
    if heard is not None and heard.confidence is not None:
        result = SpeechResult(reason=result.reason, confidence=round(heard.confidence, 3))
    elif notice.reason:
        result = SpeechResult(reason="Error")
    phrase = heard.text if heard is not None else ""
    return SpeechEvent(
        **_of_call(call, now),
        play_id=notice.order.id,
        asr_id=notice.order.context.get("asr_id", notice.order.id),
        state=state,
        result=result,
        recognised_phrase=phrase,
        recognized_phrase=phrase,
        prompt_ref=notice.order.context.get("prompt_ref", UNSET),
        msg=notice.reason or UNSET,
    )


def _bridge_event(
    call: Call, notice: PartyRang | PartyJoined | PartyLeft | PartyFailed, now: float
) -> BridgeEvent:
    keys = _of_call(call, now) | {"from_": notice.order.caller, "to": notice.order.callee}
    event = BridgeEvent(
        **keys,
        voice_Id=call.id,
        state=_BRIDGE_STATES[type(notice)],
        channel_id=notice.channel,
    )
    if isinstance(notice, PartyFailed | PartyLeft):
        reason, code = REASONS[notice.ending.cause]
        event.msg = reason
        event.sip_code = notice.ending.sip_code or code
    return event


def _keys_event(call: Call, notice: KeysPressed, now: float) -> KeysEvent:
    return KeysEvent(
        **_of_call(call, now),
        voice_Id=call.id,
        state="dtmfcollected",
        channel_id=notice.channel,
        digit=notice.digits,
        digits=notice.digits,
    )
