"""An application's answers as instructions of the core: `newCall` and `getIvrCommand`.

Source: mediaservice.txt with the decisions of mediaservice.md; what they leave open is in
adapter/decisions/0010-mediaservice-readings.md. Unknown keys are ignored. An answer that cannot be
used is `NoAnswer` with the words of the alarm that the document names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct

from adapter.contracts.mediaservice.voices import Google, Polly, google_phrase, polly_phrase
from adapter.core.faults import NoAnswer
from adapter.core.ids import PromptId
from adapter.core.model import (
    BackgroundOrder,
    Barge,
    Call,
    Collect,
    EndCause,
    Instruction,
    Phrase,
    PromptOrder,
)

log = logging.getLogger(__name__)

NEW_CALL_FAILED: Final = "newCall request failed"
NEW_CALL_EMPTY: Final = "newCall response empty"
NEW_CALL_NO_ACTION: Final = "newCall response without action"
NEW_CALL_UNKNOWN: Final = "newCall response with unknown action"
COMMAND_EMPTY: Final = "Empty body in getIvrCommand response"
COMMAND_ERROR: Final = "getIvrCommand request error"
COMMAND_FAILED: Final = "IVR command failed"
PHRASE_ERROR: Final = "phraseError"

MAX_DEPTH: Final = 64  # of values that are given back: what reads them need not read any depth
_LATER_ACTIONS = frozenset({"call", "connect", "httpcall"})
_LATER_PHRASES = frozenset({"record", "echo"})
_DROPS = {
    "busy": EndCause.BUSY,
    "numberNotFound": EndCause.NOT_FOUND,
    "numberNotActive": EndCause.NO_ANSWER,
    "temporarilyUnavailable": EndCause.NO_ANSWER,
    "error": EndCause.FAILED,
    "dropNoMsg": EndCause.REJECTED,
}
_DAY = 86_400.0
_MAX_AGES = {"NONE": 0.0, "DAY": _DAY, "WEEK": 7 * _DAY, "MONTH": 30 * _DAY}
_BARGES = {"current": Barge.PHRASE, "all": Barge.ALL}
_SHORTEST_WAIT = 0.5  # seconds: a collection that ends at once would be a busy loop

_NO_FILE = "no such prompt file"  # no path that can be played: the prompt fails, the call goes on

T = TypeVar("T")
Files: TypeAlias = Callable[[str], str | None]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Url = Annotated[
    str, Meta(max_length=2048, pattern=r"^[hH][tT][tT][pP][sS]?://[^\s\x00-\x1f\x7f]+$")
]
FileName = Annotated[str, Meta(min_length=1, max_length=200)]
Keys = Annotated[str, Meta(pattern=r"^[0-9*#A-Da-d]{0,16}$")]


class NewCallAnswer(Struct, kw_only=True):
    """The answer to `newCall`, as far as this version carries it out."""

    action: Any = None
    dropCode: Any = None
    sessionReferenceId: Any = UNSET


class Encryption(Struct, kw_only=True):
    """How digits are hidden: hex md5(salt + digits)."""

    type: Literal["md5"]
    salt: Annotated[str, Meta(max_length=256)] = ""


class Dtmf(Struct, kw_only=True):
    """Which digits are waited for."""

    flush: bool | None = None
    encryption: Annotated[Any, Meta(description="an Encryption; null and {} are none")] = None
    maxDigits: Annotated[int, Meta(ge=1, le=128)] | None = None
    firstTimeout: Seconds | None = None
    betweenTimeout: Seconds | None = None
    terminationKey: Keys | Annotated[int, Meta(ge=0, le=9)] | None = None


class PhraseAnswer(Struct, kw_only=True):
    """One of `phrases`."""

    format: str | None = None
    fileName: FileName | None = None
    url: Url | None = None
    awsTTSParameters: Polly | None = None
    googleTTSParameters: Google | None = None
    cacheTimeToLive: Literal["NONE", "DAY", "WEEK", "MONTH"] | None = None
    refreshCache: bool | None = None


class BackgroundAnswer(Struct, kw_only=True):
    """`backgroundPrompt`."""

    fileName: FileName | None = None
    url: Url | None = None
    repeatPause: Seconds | None = None
    stop: bool | None = None


class CommandAnswer(Struct, kw_only=True):
    """The answer to `getIvrCommand`."""

    sessionReferenceId: Any = UNSET
    dtmf: Dtmf | None = None
    phrases: Annotated[list[PhraseAnswer], Meta(max_length=64)] | None = None
    backgroundPrompt: BackgroundAnswer | None = None
    bargeIn: Any = None
    hangup: bool | None = None
    getIVRCommandAfter: Seconds | None = None


def offer(raw: bytes) -> Instruction:
    """What shall become of an inbound call.

    Raises:
        NoAnswer: the words of the alarm.
    """
    if not raw.strip():
        raise NoAnswer(NEW_CALL_EMPTY)
    answer = _converted(_decoded(raw, NEW_CALL_FAILED), NewCallAnswer, NEW_CALL_NO_ACTION)
    if answer.action is None or answer.action == "":
        raise NoAnswer(NEW_CALL_NO_ACTION)
    context = _reference(answer.sessionReferenceId, NEW_CALL_FAILED)
    if answer.action == "ivr":
        return Instruction(context=context)
    if answer.action == "drop":
        code = answer.dropCode if isinstance(answer.dropCode, str) else ""
        return Instruction(turn_away=_DROPS.get(code, EndCause.REJECTED), context=context)
    if str(answer.action) in _LATER_ACTIONS:
        log.warning("not available in this version", extra={"action": answer.action})
    raise NoAnswer(NEW_CALL_UNKNOWN)


def command(
    raw: bytes,
    call: Call,
    name: str,
    voices: Mapping[str, str],
    file: Files,
) -> Instruction:
    """What comes next on a call.

    Args:
        raw: the body.
        call: the row, for the background that runs.
        name: of the question within the call; the prompt's id is made of it.
        voices: the domain's voice map.
        file: where a prompt file of the domain is, below the media folder; None for nowhere.

    Raises:
        NoAnswer: the words of the alarm.
    """
    decoded = _decoded(raw, COMMAND_ERROR) if raw.strip() else None
    if not decoded:
        raise NoAnswer(COMMAND_EMPTY)
    answer = _converted(decoded, CommandAnswer, COMMAND_FAILED)
    prompt = _prompt(answer, PromptId(name), voices, file)
    collect = prompt.collect if prompt else None
    ground = answer.backgroundPrompt or BackgroundAnswer()
    return Instruction(
        prompt=prompt,
        hang_up=bool(answer.hangup),
        pause=answer.getIVRCommandAfter or 0.0,
        background=_background(ground, call, PromptId(f"{name}-ground"), file),
        stop_background=bool(ground.stop),
        context={
            **_reference(answer.sessionReferenceId, COMMAND_FAILED),
            "digest": _digest(answer.dtmf),
            "finish_on": collect.finish_on if collect else "",
        },
    )


def nested_too_deep(value: Any) -> bool:
    """Whether a value that is to be given back has more than `MAX_DEPTH` levels."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inside: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inside.extend(one.values())
            elif isinstance(one, list):
                inside.extend(one)
        if not inside:
            return False
        level = inside
    return True


def _decoded(raw: bytes, alarm: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.warning("the answer is not JSON", extra={"error": str(error)})
        raise NoAnswer(alarm) from error


def _converted(decoded: Any, kind: type[T], alarm: str) -> T:
    """The answer as its model; numbers and switches may come as strings."""
    try:
        return msgspec.convert(decoded, kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        log.warning("the answer cannot be used", extra={"error": str(error)})
        raise NoAnswer(alarm) from error


def _reference(value: Any, alarm: str) -> dict[str, Any]:
    if value is UNSET:
        return {}
    if nested_too_deep(value):
        raise NoAnswer(alarm)
    return {"reference": value}


def _prompt(
    answer: CommandAnswer, name: PromptId, voices: Mapping[str, str], file: Files
) -> PromptOrder | None:
    """What is to be heard and waited for; None for neither."""
    phrases = tuple(_phrase(one, voices, file) for one in answer.phrases or ())
    collect = _collect(answer.dtmf) if answer.dtmf else None
    if not phrases and collect is None:
        return None
    barge = _barge(answer.bargeIn)
    return PromptOrder(id=name, phrases=phrases, collect=collect, barge=barge)


def _phrase(asked: PhraseAnswer, voices: Mapping[str, str], file: Files) -> Phrase:
    match asked.format or ("url" if asked.url else "file"):
        case "file" if asked.fileName:
            return _stored(asked.fileName, file)
        case "url" if asked.url:
            age = 0.0 if asked.refreshCache else _MAX_AGES[asked.cacheTimeToLive or "NONE"]
            return Phrase(url=asked.url, max_age=age)
        case "awstts" if asked.awsTTSParameters:
            return polly_phrase(asked.awsTTSParameters, voices)
        case "googletts" if asked.googleTTSParameters:
            return google_phrase(asked.googleTTSParameters, voices)
        case later if later in _LATER_PHRASES:
            log.warning("not available in this version", extra={"phrase": later})
            raise NoAnswer(COMMAND_FAILED)
        case other:
            log.warning("phrase that cannot be played", extra={"format": other[:32]})
            raise NoAnswer(PHRASE_ERROR)


def _stored(name: str, file: Files) -> Phrase:
    path = file(name)
    if path is None:
        log.warning("the domain has no such prompt file", extra={"file": name})
    return Phrase(file=path or _NO_FILE)


def _collect(asked: Dtmf) -> Collect:
    first = 10.0 if asked.firstTimeout is None else asked.firstTimeout
    between = 3.0 if asked.betweenTimeout is None else asked.betweenTimeout
    key = "" if asked.terminationKey is None else str(asked.terminationKey)
    return Collect(
        first_timeout=max(first, _SHORTEST_WAIT),
        between_timeout=max(between, _SHORTEST_WAIT),
        max_digits=asked.maxDigits,
        finish_on=key.upper(),
        flush=bool(asked.flush),
    )


def _digest(asked: Dtmf | None) -> dict[str, str] | None:
    """How digits are hidden in the next request; `{}` and null are nothing."""
    if asked is None or not asked.encryption:
        return None
    given = _converted(asked.encryption, Encryption, COMMAND_FAILED)
    return {"type": given.type, "salt": given.salt}


def _barge(asked: Any) -> Barge:
    return _BARGES.get(asked, Barge.NEVER) if isinstance(asked, str) else Barge.NEVER


def _background(
    asked: BackgroundAnswer, call: Call, name: PromptId, file: Files
) -> BackgroundOrder | None:
    """A new background; the one that runs already goes on when it is ordered again."""
    if asked.stop:
        return None
    if asked.fileName:
        phrase = _stored(asked.fileName, file)
    elif asked.url:
        phrase = Phrase(url=asked.url)
    else:
        return None
    pause = asked.repeatPause or 0.0
    running = call.background.order if call.background else None
    if running is not None and (running.phrase, running.pause) == (phrase, pause):
        return None
    return BackgroundOrder(id=name, phrase=phrase, pause=pause)
