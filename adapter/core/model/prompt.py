"""Rows of what is played and collected: prompts, and the background behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapter.core.ids import PromptId


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
class Listen:
    """How speech is recognised.

    Attributes:
        language: BCP 47 tag.
        hints: phrases that are expected.
        first_timeout: seconds until speech begins, from the end of the prompt.
        end_silence: seconds of silence that end what is said.
    """

    language: str
    hints: tuple[str, ...] = ()
    first_timeout: float = 10.0
    end_silence: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was said, as far as it was understood.

    Attributes:
        text: empty when there was speech, but no words were made of it.
        confidence: from 0 to 1; None when the recogniser gives none.
    """

    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOrder:
    """What a prompt shall do.

    Attributes:
        id: public id.
        phrases: played one after the other.
        collect: None when no digits are wanted.
        listen: None when no speech is wanted.
        barge: what a key, or speech, does to the phrases; nothing when neither is wanted.
        hang_up: the call ends when the prompt is over.
        context: JSON of the front end, given back with the outcome.
    """

    id: PromptId
    phrases: tuple[Phrase, ...]
    collect: Collect | None = None
    listen: Listen | None = None
    barge: Barge = Barge.ALL
    hang_up: bool = False
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
        round: how often listening was begun anew after we were away.
        speaking: speech has begun.
        deaf: speech can't be recognised; digits still can.
    """

    order: PromptOrder
    state: PromptState
    deadline: float | None
    media: tuple[Media, ...] = ()
    index: int = 0
    digits: str = ""
    collected: CollectEnd | None = None
    round: int = 0
    speaking: bool = False
    deaf: bool = False


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
