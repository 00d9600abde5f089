"""EnableX requests: the models that validate them, and their translation to orders.

Source: enablex-voice.txt ("Dial Out a Number", "Play Voice Prompt"), with the decisions of
enablex.md. Unknown keys are ignored, because clients of three generations send them. What a later
version brings is refused, never silently dropped.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.contracts.enablex.errors import bad_request, not_available
from adapter.core.ids import PromptId
from adapter.core.model import Barge, Collect, Detection, Listen, Phrase, PromptOrder

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MAX_TEXT = 5000
MAX_DEPTH = 64  # of values that are given back: what reads them need not read any depth

Timeout = Annotated[float, Meta(ge=1, le=10, description="seconds")]
Name = Annotated[str, Meta(max_length=2048)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
CallerId = Annotated[str, Meta(max_length=64, description="a number of this app")]
Callee = Annotated[str, Meta(max_length=300, description="number or SIP URI")]
RingTimeout = Annotated[
    Annotated[float, Meta(ge=1, le=600)] | None,
    Meta(description="seconds that it may ring; our extension"),
]
Hint = Annotated[str, Meta(min_length=1, max_length=100)]


class Timeouts(Struct, kw_only=True):
    """Time-outs of a menu or of speech."""

    start_timeout: Annotated[
        Timeout | UnsetType, Meta(description="until the first key or the first word")
    ] = UNSET
    recognizer_timeout: Annotated[
        Timeout | UnsetType, Meta(description="silence that ends what is said")
    ] = UNSET


class Play(Timeouts, kw_only=True):
    """What is to be played: a stored prompt or text, with or without a menu."""

    prompt_name: Annotated[
        Name | None, Meta(description="a prompt of this app; either this or text")
    ] = None
    text: Annotated[Text | None, Meta(description="spoken; needs voice and language")] = None
    language: Annotated[str, Meta(max_length=64, examples=["en-US"])] = ""
    voice: Annotated[str, Meta(max_length=128, examples=["female"])] = ""
    dtmf: Annotated[Any, Meta(description="true: wait for digits")] = None
    asr: Annotated[Any, Meta(description="true: recognise speech")] = None
    prompt_ref: Annotated[Any, Meta(description="given back with the outcome, unchanged")] = UNSET
    interrupt: Annotated[bool, Meta(description="a key stops the prompt")] = True
    asr_hints: Annotated[
        Annotated[tuple[Hint, ...], Meta(max_length=500)],
        Meta(description="phrases that are expected; our extension"),
    ] = ()
    max_digits: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | None, Meta(description="our extension")
    ] = None
    inter_digit_timeout: Annotated[
        float, Meta(ge=0.5, le=60, description="seconds between keys; our extension")
    ] = 2.0
    finish_on_key: Annotated[
        str, Meta(pattern=r"^[0-9*#A-D]{0,16}$", description="our extension")
    ] = "#"


class PlayRequest(Play, kw_only=True):
    """`PUT /call/{voice_id}/play`."""

    stop: Annotated[bool, Meta(description="stop the running prompt instead")] = False
    play_id: Annotated[Name | None, Meta(description="with stop: only this one")] = None


class ConnectRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/connect`, and `connect` of `action_on_connect`."""

    from_: CallerId = msgspec.field(name="from", default="")
    to: Callee = ""
    timeout: RingTimeout = None


class TransferRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/transfer`."""

    from_: CallerId = msgspec.field(name="from", default="")
    transfer_to: Callee = ""
    timeout: RingTimeout = None


class ForwardRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/forward`."""

    from_: CallerId = msgspec.field(name="from", default="")
    to: Callee = ""
    timeout: RingTimeout = None


class HoldRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/hold`."""

    hold: Annotated[bool, Meta(description="true: music for the caller; false: joined again")]


class RecordingRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/recording`: exactly one of `start` and `stop` is true."""

    start: bool = False
    stop: bool = False
    recording_name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(description="unique within the app"),
    ] = None


class ActionOnConnect(Timeouts, kw_only=True):
    """What happens by itself when the call is answered."""

    play: Play | None = None
    connect: ConnectRequest | None = None
    room: Annotated[Any, Meta(description="not available yet")] = None


class VoicemailDetection(Struct, kw_only=True):
    """How an answering machine is told from a human; seconds. Our extension."""

    initial_silence: Annotated[
        Annotated[float, Meta(gt=0, le=10)], Meta(description="longer at the beginning: a machine")
    ] = 2.5
    greeting: Annotated[
        Annotated[float, Meta(gt=0, le=10)], Meta(description="longer without a pause: a machine")
    ] = 1.5
    after_greeting_silence: Annotated[
        Annotated[float, Meta(gt=0, le=10)], Meta(description="so much behind a greeting: a human")
    ] = 0.8
    total_time: Annotated[
        Annotated[float, Meta(gt=0, le=20)], Meta(description="no verdict after this: a human")
    ] = 5.0
    maximum_words: Annotated[
        Annotated[int, Meta(ge=1, le=50)], Meta(description="more in the greeting: a machine")
    ] = 3
    drop: Annotated[Play | None, Meta(description="played to a machine; then the call ends")] = None


class CallRequest(Struct, kw_only=True):
    """`POST /call`."""

    from_: CallerId = msgspec.field(name="from", default="")
    to: Callee = ""
    name: Annotated[Any, Meta(description="names the service; ignored")] = None
    owner_ref: Annotated[Any, Meta(description="given back with each event")] = UNSET
    custom_data: Annotated[Any, Meta(description="given back with each event")] = UNSET
    auto_record: Annotated[bool, Meta(description="record from the answer to the end")] = False
    voicemail_detection: Annotated[
        bool | VoicemailDetection | UnsetType,
        Meta(description="our extension: true, or how; the default is the number's"),
    ] = UNSET
    action_on_connect: ActionOnConnect | None = None
    event_url: Annotated[Name | None, Meta(description="webhook of this call")] = None


class AcceptRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/accept`: nothing is asked for."""


def truthy(value: Any) -> bool:
    """Whether a switch is on: clients send `true`, numbers, or a string such as "true"."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "no", "off", "0")
    return bool(value)


def check_call(request: CallRequest) -> None:
    """What can be said of a request to call by itself.

    Raises:
        Problem: 400, naming the key.
    """
    action = request.action_on_connect
    if action is None:
        return
    given = [name for name in ("play", "connect", "room") if getattr(action, name) is not None]
    if len(given) > 1:
        raise bad_request(f"action_on_connect takes one of {', '.join(given)}, not all")
    if "room" in given:
        raise not_available("action_on_connect.room")


def check_depth(key: str, value: Any) -> None:
    """Refuse a value that is to be given back and is nested too deeply.

    Raises:
        Problem: 400, naming the key.
    """
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        inside = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for inner in inside for one in inner if isinstance(one, list | dict)]
    raise bad_request(f"{key} is nested more than {MAX_DEPTH} levels deep")


def check_play(play: Play) -> None:
    """What can be said of a play request by itself.

    Raises:
        Problem: 400, naming what is wrong.
    """
    check_depth("prompt_ref", play.prompt_ref)
    if (play.prompt_name is None) == (play.text is None):
        raise bad_request("exactly one of prompt_name and text is required")
    if play.prompt_name is not None:
        if not play.prompt_name.strip():
            raise bad_request("prompt_name is empty")
        return
    if not play.language or not play.voice:
        raise bad_request("voice and language are required with text")
    if not play.text or not play.text.strip():
        raise bad_request("text is empty")
    for key in ("text", "language", "voice"):
        if _CONTROL.search(getattr(play, key)):
            raise bad_request(f"{key} has control characters")


def is_url(prompt_name: str) -> bool:
    """Whether a prompt is to be fetched."""
    return prompt_name.lower().startswith(("http://", "https://"))


def listen_of(play: Play, language: str, outer: Timeouts | None) -> Listen:
    """How a play request that wants speech listens."""
    for hint in play.asr_hints:
        if _CONTROL.search(hint):
            raise bad_request("asr_hints has control characters")
    return Listen(
        language=language,
        hints=play.asr_hints,
        first_timeout=_seconds("start_timeout", play, outer, 10.0),
        end_silence=_seconds("recognizer_timeout", play, outer, 2.0),
    )


def order_of(
    play: Play,
    prompt: PromptId,
    phrase: Phrase,
    listen: Listen | None,
    outer: Timeouts | None,
) -> PromptOrder:
    """The order that a checked play request makes.

    Args:
        play: from `check_play`.
        prompt: its public id, the `play_id`.
        phrase: what it plays.
        listen: from `listen_of`, when it wants speech.
        outer: the time-outs beside `play` in `action_on_connect`; the inner ones win.
    """
    collect = None
    if truthy(play.dtmf):
        collect = Collect(
            first_timeout=_seconds("start_timeout", play, outer, 10.0),
            between_timeout=play.inter_digit_timeout,
            max_digits=play.max_digits,
            finish_on=play.finish_on_key,
        )
    return PromptOrder(
        id=prompt,
        phrases=(phrase,),
        collect=collect,
        listen=listen,
        barge=Barge.ALL if play.interrupt else Barge.NEVER,
        context={} if play.prompt_ref is UNSET else {"prompt_ref": play.prompt_ref},
    )


def detection_of(tuned: VoicemailDetection | None, drop: PromptOrder | None) -> Detection:
    """How a machine is detected."""
    given = tuned or VoicemailDetection()
    return Detection(
        initial_silence=given.initial_silence,
        greeting=given.greeting,
        after_greeting=given.after_greeting_silence,
        total=given.total_time,
        words=given.maximum_words,
        drop=drop,
    )


def _seconds(key: str, play: Play, outer: Timeouts | None, default: float) -> float:
    """A time-out, from the play object, or from beside it."""
    for given in (getattr(play, key), getattr(outer, key, UNSET)):
        if given is not UNSET:
            return float(given)
    return default
