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


class Barge(StrEnum):
    """What a key does to phrases that are being played, when digits are collected."""

    NEVER = "never"  # nothing: it is kept for the collection
    PHRASE = "phrase"  # it ends the phrase that plays; the following ones are played
    ALL = "all"  # it ends them all


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
    """One thing to be heard: text to be spoken, a stored file, or one to be fetched; exactly one.

    Attributes:
        text: to be spoken, with `language` (BCP 47) and `voice` (a name, male or female).
        file: path of an audio file below the media folder.
        url: http(s) address of an audio file.
        max_age: seconds for which a copy of `url` is played without asking whether it has changed.
    """

    text: str | None = None
    language: str = ""
    voice: str = ""
    file: str | None = None
    url: str | None = None
    max_age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """How digits are collected.

    Attributes:
        first_timeout: seconds for the first digit, from the end of the prompt.
        between_timeout: seconds from one digit to the next.
        max_digits: the collection is complete with this many; None for no limit.
        finish_on: the keys that end it; they are not part of the digits.
        flush: forget keys that were pressed before; when false, those that no prompt has taken
            count as the first ones.
    """

    first_timeout: float = 10.0
    between_timeout: float = 2.0
    max_digits: int | None = None
    finish_on: str = "#"
    flush: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOrder:
    """What a prompt shall do.

    Attributes:
        id: public id.
        phrases: played one after the other.
        collect: None when no digits are wanted.
        barge: what a key does to the phrases; nothing when no digits are collected.
        context: JSON of the front end, given back with the outcome.
    """

    id: PromptId
    phrases: tuple[Phrase, ...]
    collect: Collect | None = None
    barge: Barge = Barge.ALL
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A phrase that Asterisk can play at once.

    Attributes:
        uri: ARI media URI.
        seconds: its length.
    """

    uri: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that is running.

    Attributes:
        order: what it shall do.
        state: where it is.
        deadline: when this state ends by itself, seconds since the epoch.
        media: one for each phrase; set from STARTING on.
        index: the phrase that is started or played.
        digits: collected so far, without the finishing key.
        collected: set when the digits are complete while the phrases still play.
    """

    order: PromptOrder
    state: PromptState
    deadline: float | None
    media: tuple[Media, ...] = ()
    index: int = 0
    digits: str = ""
    collected: CollectEnd | None = None


class Topic(StrEnum):
    """What the application that drives a call is asked."""

    OFFER = "offer"  # a call has come: what shall become of it?
    NEXT = "next"  # the call is up and nothing is to be done: what comes next?


class DialogueState(StrEnum):
    """See the drawing in `adapter.core.dialogue`."""

    ASKING = "asking"
    DOING = "doing"
    PAUSING = "pausing"


class BackgroundState(StrEnum):
    """See the drawing in `adapter.core.background`."""

    PREPARING = "preparing"
    WAITING = "waiting"
    PLAYING = "playing"
    RESTING = "resting"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundOrder:
    """What is heard whenever nothing else is: `phrase` over and over, `pause` seconds between."""

    id: PromptId
    phrase: Phrase
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A background that was ordered.

    Attributes:
        order: what it plays.
        state: where it is.
        media: None until it was made ready.
        round: how often it was begun; each has a playback id of its own.
        deadline: end of the pause, or of a round whose end was missed.
    """

    order: BackgroundOrder
    state: BackgroundState
    media: Media | None = None
    round: int = 0
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """An application's answer to a question, in neutral terms.

    Attributes:
        turn_away: for an offered call: why it is not taken; None takes it.
        prompt: to be played, collected, or both.
        hang_up: when the prompt is over, or at once without one.
        pause: seconds between the prompt's end and the next question.
        background: begins behind the prompt; None leaves it as it is.
        stop_background: ends the one that runs.
        context: keys of the front end to be set in the call's context.
    """

    turn_away: EndCause | None = None
    prompt: PromptOrder | None = None
    hang_up: bool = False
    pause: float = 0.0
    background: BackgroundOrder | None = None
    stop_background: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """Where a call stands that is driven by questions to its application.

    Attributes:
        state: what is going on.
        topic: of the latest question.
        asked: number of questions so far; the latest one's id is made of it.
        deadline: end of a pause, or of the wait for an answer.
        hang_up: the call ends when what is being done is over.
        pause: seconds until the next question when what is being done is over.
        collected: what completed the latest prompt's digits; None when it collected none.
        digits: of the latest prompt.
    """

    state: DialogueState
    topic: Topic
    asked: int
    deadline: float | None
    hang_up: bool = False
    pause: float = 0.0
    collected: CollectEnd | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOrder:
    """How an outbound leg is dialled. Built and checked by us, never taken from outside.

    Attributes:
        endpoint: the complete dial string, ``PJSIP/...``.
        caller_number: caller id on the wire.
        caller_name: display name; empty for none.
        ring_timeout: seconds until the attempt is given up.
        private: the caller id is withheld from the far end.
        diversion: number of the Diversion header (RFC 5806); empty for none.
        headers: further SIP headers, names and values without control characters.
    """

    endpoint: str
    caller_number: str
    caller_name: str = ""
    ring_timeout: float = 60.0
    private: bool = False
    diversion: str = ""
    headers: tuple[tuple[str, str], ...] = ()


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
        asks: its application is asked what comes next; otherwise it commands by itself.
        on_answer: prompts to be played one after the other once the call is up.
        prompt: the prompt that is running.
        keys: pressed since the last flush, the latest 128.
        ahead: of these, the ones that no prompt has taken.
        dialogue: set when the application is asked what to do; None when it commands by itself.
        background: what is heard when nothing else is.
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
    asks: bool = False
    prompt: Prompt | None = None
    keys: str = ""
    ahead: str = ""
    dialogue: Dialogue | None = None
    background: Background | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None

    @property
    def deadlines(self) -> tuple[float, ...]:
        """When anything that it waits for ends by itself."""
        parts = (self, self.prompt, self.dialogue, self.background)
        return tuple(p.deadline for p in parts if p is not None and p.deadline is not None)

    @property
    def live(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state is not CallState.ENDED
