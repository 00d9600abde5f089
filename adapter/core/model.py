"""The rows of the engine: a call and what runs on it. Values, never changed in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapter.core.ids import CallId, ChannelId, PromptId


class Direction(StrEnum):
    """Who started the call, seen from the application."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallState(StrEnum):
    """See the drawing in `adapter.core.call`."""

    PLACING = "placing"
    DIALING = "dialing"
    TRYING = "trying"
    RINGING = "ringing"
    OFFERED = "offered"
    ANSWERING = "answering"
    UP = "up"
    ENDING = "ending"
    ENDED = "ended"


class PromptState(StrEnum):
    """See the drawing in `adapter.core.prompt`."""

    RENDERING = "rendering"
    STARTING = "starting"
    PLAYING = "playing"
    COLLECTING = "collecting"


class CollectEnd(StrEnum):
    """What completed a collection of digits."""

    FINISH_KEY = "finish_key"
    MAX_DIGITS = "max_digits"
    FIRST_TIMEOUT = "first_timeout"
    BETWEEN_TIMEOUT = "between_timeout"
    STOPPED = "stopped"


class EndCause(StrEnum):
    """Why a call ended, in one word that all contracts can translate."""

    HANGUP = "hangup"  # one of the two hung up, or the application ended it
    CANCELLED = "cancelled"  # ended before the answer, by whoever started it
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"  # the number does not exist
    CONGESTION = "congestion"  # the network, or the trunk, cannot take it now
    NOT_ACCEPTED = "not_accepted"  # the application did not accept in time
    MAX_DURATION = "max_duration"
    MEDIA_TIMEOUT = "media_timeout"  # no audio came any more
    FAILED = "failed"
    LOST = "lost"  # Asterisk died or forgot it


class EndedBy(StrEnum):
    """Who made the end."""

    APPLICATION = "application"
    CALLER = "caller"
    CALLEE = "callee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the call ended.

    Attributes:
        cause: in one word.
        by: who made it.
        q850: cause value of ITU-T Q.850 as Asterisk gave it; None when it gave none.
        sip_code: final SIP status of the leg (RFC 3261); None when there was none.
        detail: for the log and `ari-voice why`, never for the wire.
    """

    cause: EndCause
    by: EndedBy
    q850: int | None = None
    sip_code: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One thing to be heard: text to be spoken, or a stored file. Exactly one of the two is set.

    Attributes:
        text: to be spoken, with `language` (BCP 47) and `voice` (a name, male or female).
        file: path of an audio file below the media folder.
    """

    text: str | None = None
    language: str = ""
    voice: str = ""
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """How digits are collected.

    Attributes:
        first_timeout: seconds for the first digit, from the end of the prompt.
        between_timeout: seconds from one digit to the next.
        max_digits: the collection is complete with this many; None for no limit.
        finish_on: the keys that end it; they are not part of the digits.
    """

    first_timeout: float = 10.0
    between_timeout: float = 2.0
    max_digits: int | None = None
    finish_on: str = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOrder:
    """What a prompt shall do.

    Attributes:
        id: public id.
        phrases: played one after the other.
        collect: None when no digits are wanted.
        interrupt: a digit stops the phrases; when false it is kept for the collection.
        context: JSON of the front end, given back with the outcome.
    """

    id: PromptId
    phrases: tuple[Phrase, ...]
    collect: Collect | None = None
    interrupt: bool = True
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Audio that Asterisk can play at once.

    Attributes:
        uris: ARI media URIs, in order.
        seconds: length of all of them together.
    """

    uris: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that is running.

    Attributes:
        order: what it shall do.
        state: where it is.
        deadline: when this state ends by itself, seconds since the epoch.
        media: set from STARTING on.
        digits: collected so far, without the finishing key.
        collected: set when the digits are complete while the phrases still play.
    """

    order: PromptOrder
    state: PromptState
    deadline: float | None
    media: Media | None = None
    digits: str = ""
    collected: CollectEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOrder:
    """How an outbound leg is dialled. Built and checked by us, never taken from outside.

    Attributes:
        endpoint: the complete dial string, ``PJSIP/...``.
        caller_number: caller id on the wire.
        caller_name: display name; empty for none.
        ring_timeout: seconds until the attempt is given up.
    """

    endpoint: str
    caller_number: str
    caller_name: str = ""
    ring_timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call: the row that the machines work on.

    Attributes:
        id: public id.
        contract: the front end that words its notices.
        owner: tenant within that front end.
        direction: who started it.
        caller: calling number as the application knows it.
        callee: called number or address as the application knows it.
        channel: id of its channel in Asterisk.
        context: JSON of the front end; the engine never looks inside.
        state: where the call is.
        version: number of inputs that made this row.
        created_at: seconds since the epoch, like all times here.
        max_duration: seconds from the answer after which the call is ended.
        deadline: when this state ends by itself.
        dial: set for outbound calls.
        auto_answer: answered by us without waiting for the application.
        on_answer: prompts to be played one after the other once the call is up.
        prompt: the prompt that is running.
        answered_at: None until the answer.
        ended_at: None until the end.
        ending: decided when the end is ordered or seen; final once the state is ENDED.
    """

    id: CallId
    contract: str
    owner: str
    direction: Direction
    caller: str
    callee: str
    channel: ChannelId
    context: dict[str, Any]
    state: CallState
    version: int
    created_at: float
    max_duration: float
    deadline: float | None
    dial: DialOrder | None = None
    auto_answer: bool = False
    on_answer: tuple[PromptOrder, ...] = ()
    prompt: Prompt | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None

    @property
    def live(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state is not CallState.ENDED
