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

from adapter.contracts.enablex.errors import Problem, bad_request, not_available
from adapter.core.ids import PromptId
from adapter.core.model import Barge, Collect, Phrase, PromptOrder

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MAX_TEXT = 5000
MAX_DEPTH = 64  # of values that are given back: what reads them need not read any depth

Timeout = Annotated[float, Meta(ge=1, le=10, description="seconds")]
Name = Annotated[str, Meta(max_length=2048)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class Play(Struct, kw_only=True):
    """What is to be played: a stored prompt or text, with or without a menu."""

    prompt_name: Annotated[
        Name | None, Meta(description="a prompt of this app; either this or text")
    ] = None
    text: Annotated[Text | None, Meta(description="spoken; needs voice and language")] = None
    language: Annotated[str, Meta(max_length=64, examples=["en-US"])] = ""
    voice: Annotated[str, Meta(max_length=128, examples=["female"])] = ""
    dtmf: Annotated[Any, Meta(description="true: wait for digits")] = None
    asr: Annotated[Any, Meta(description="true: recognise speech (not available yet)")] = None
    prompt_ref: Annotated[Any, Meta(description="given back with the outcome, unchanged")] = UNSET
    interrupt: Annotated[bool, Meta(description="a key stops the prompt")] = True
    start_timeout: Timeout | UnsetType = UNSET
    recognizer_timeout: Timeout | UnsetType = UNSET
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


class ActionOnConnect(Struct, kw_only=True):
    """What happens by itself when the call is answered."""

    play: Play | None = None
    connect: Annotated[Any, Meta(description="not available yet")] = None
    room: Annotated[Any, Meta(description="not available yet")] = None
    start_timeout: Timeout | UnsetType = UNSET
    recognizer_timeout: Timeout | UnsetType = UNSET


class CallRequest(Struct, kw_only=True):
    """`POST /call`."""

    from_: Annotated[str, Meta(max_length=64)] = msgspec.field(name="from", default="")
    to: Annotated[str, Meta(max_length=300, description="number or SIP URI")] = ""
    name: Annotated[Any, Meta(description="names the service; ignored")] = None
    owner_ref: Annotated[Any, Meta(description="given back with each event")] = UNSET
    custom_data: Annotated[Any, Meta(description="given back with each event")] = UNSET
    auto_record: Annotated[bool, Meta(description="true is not available yet")] = False
    voicemail_detection: Annotated[bool, Meta(description="true is not available yet")] = False
    action_on_connect: ActionOnConnect | None = None
    event_url: Annotated[Name | None, Meta(description="webhook of this call")] = None


class AcceptRequest(Struct, kw_only=True):
    """`PUT /call/{voice_id}/accept`: nothing is asked for."""


def truthy(value: Any) -> bool:
    """Whether a switch is on: clients send `true`, numbers, or a string such as "true"."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "no", "off", "0")
    return bool(value)


def check_later_features(request: CallRequest) -> None:
    """Refuse what this version cannot do yet.

    Raises:
        Problem: 400, naming the key.
    """
    if request.auto_record:
        raise not_available("auto_record")
    if request.voicemail_detection:
        raise not_available("voicemail_detection")
    action = request.action_on_connect
    if action is None:
        return
    given = [name for name in ("play", "connect", "room") if getattr(action, name) is not None]
    if len(given) > 1:
        raise bad_request(f"action_on_connect takes one of {', '.join(given)}, not all")
    for name in ("connect", "room"):
        if name in given:
            raise not_available(f"action_on_connect.{name}")


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
    if truthy(play.asr):
        raise not_available("asr")
    if (play.prompt_name is None) == (play.text is None):
        raise bad_request("exactly one of prompt_name and text is required")
    if play.prompt_name is not None:
        if not play.prompt_name.strip():
            raise bad_request("prompt_name is empty")
        if play.prompt_name.startswith(("http://", "https://")):
            raise not_available("prompt_name with a URL")
        return
    if not play.language or not play.voice:
        raise bad_request("voice and language are required with text")
    if not play.text or not play.text.strip():
        raise bad_request("text is empty")
    for key in ("text", "language", "voice"):
        if _CONTROL.search(getattr(play, key)):
            raise bad_request(f"{key} has control characters")


def order_of(
    play: Play,
    prompt: PromptId,
    phrase: Phrase,
    outer_start_timeout: float | UnsetType = UNSET,
) -> PromptOrder:
    """The order that a checked play request makes.

    Args:
        play: from `check_play`.
        prompt: its public id, the `play_id`.
        phrase: what it plays.
        outer_start_timeout: the one beside `play` in `action_on_connect`; the inner one wins.
    """
    collect = None
    if truthy(play.dtmf):
        first = play.start_timeout if play.start_timeout is not UNSET else outer_start_timeout
        collect = Collect(
            first_timeout=10.0 if isinstance(first, UnsetType) else first,
            between_timeout=play.inter_digit_timeout,
            max_digits=play.max_digits,
            finish_on=play.finish_on_key,
        )
    context = {} if play.prompt_ref is UNSET else {"prompt_ref": play.prompt_ref}
    return PromptOrder(
        id=prompt,
        phrases=(phrase,),
        collect=collect,
        barge=Barge.ALL if play.interrupt else Barge.NEVER,
        context=context,
    )


__all__ = [
    "AcceptRequest",
    "ActionOnConnect",
    "CallRequest",
    "Play",
    "PlayRequest",
    "Problem",
    "check_depth",
    "check_later_features",
    "check_play",
    "order_of",
    "truthy",
]
