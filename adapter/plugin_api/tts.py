"""The interface of a speech synthesiser: what it can do, what it is asked, what it gives back.

The host (`adapter.media`) chooses the voice, caches, limits the time and retries; a plug-in only
makes speech. Audio is 16-bit PCM at whatever rate the engine has: the host makes telephone audio
of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final, Self

from adapter.plugin_api.errors import BadRequest, VoiceNotSupported
from adapter.plugin_api.languages import matching

API_VERSION: Final = 1
"""Goes up when a plug-in written for the version before would not work any more."""


class Gender(StrEnum):
    """How a voice sounds; contracts ask for it by these words."""

    MALE = "male"
    FEMALE = "female"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice of one language.

    Attributes:
        name: the engine's own name, unique within its language.
        gender: how it sounds.
        sample_rates: in Hz, what `synthesize` may answer with.
    """

    name: str
    gender: Gender
    sample_rates: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """A text to be spoken. All of it is the key of the cache.

    Attributes:
        text: plain text, or SSML 1.1 when `ssml`.
        language: BCP 47 tag.
        voice: a voice's name, or `male`, `female`, `neutral`; empty for any. Case-insensitive.
        rate: 1.0 is the voice's own speed, 2.0 twice as fast; None for the voice's own.
        pitch: semitones up or down; None for the voice's own.
        ssml: the text is markup. Otherwise every character is text, whatever it looks like.
    """

    text: str
    language: str
    voice: str = ""
    rate: float | None = None
    pitch: float | None = None
    ssml: bool = False


@dataclass(frozen=True, slots=True)
class Speech:
    """Audio.

    Attributes:
        pcm: signed 16-bit little-endian samples, mono.
        sample_rate: Hz.
    """

    pcm: bytes
    sample_rate: int

    def __post_init__(self) -> None:
        if len(self.pcm) % 2 or self.sample_rate <= 0:
            raise ValueError("speech is whole 16-bit samples at a positive rate")

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / 2 / self.sample_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a synthesiser can do; does not change while it runs.

    Attributes:
        languages: BCP 47 tag -> voices, the default one first. The order of the languages decides
            which one stands in for a missing region.
        ssml: whether `SpeechRequest.ssml` is understood.
        max_chars: the longest text.
    """

    languages: Mapping[str, tuple[Voice, ...]]
    ssml: bool
    max_chars: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", MappingProxyType(dict(self.languages)))

    def pick(self, language: str, voice: str = "") -> tuple[str, Voice]:
        """Find the voice that a request means.

        The exact language first, then shorter tags of it (RFC 4647, 3.4), then any language with
        the same primary tag.

        Returns:
            The language as listed, and the voice.

        Raises:
            VoiceNotSupported: there is none.
        """
        wanted = voice.strip().casefold()
        for tag in matching(language, self.languages):
            for offered in self.languages[tag]:
                if wanted in ("", offered.name.casefold(), offered.gender.value):
                    return tag, offered
        raise VoiceNotSupported(language, voice)

    def resolve(self, request: SpeechRequest) -> SpeechRequest:
        """The request with language and voice as listed here; checked.

        Raises:
            BadRequest: no text, too much text, or markup where none is understood.
            VoiceNotSupported: no such voice.
        """
        if not request.text.strip():
            raise BadRequest("there is no text")
        if len(request.text) > self.max_chars:
            raise BadRequest(f"the text is longer than {self.max_chars} characters")
        if request.ssml and not self.ssml:
            raise BadRequest("SSML is not understood")
        if request.rate is not None and not 0.25 <= request.rate <= 4.0:
            raise BadRequest("rate is a number from 0.25 to 4")
        if request.pitch is not None and not -20.0 <= request.pitch <= 20.0:
            raise BadRequest("pitch is a number from -20 to 20 semitones")
        language, voice = self.pick(request.language, request.voice)
        return replace(request, language=language, voice=voice.name)


class TTS(ABC):
    """A speech synthesiser. One object serves all calls, many at a time.

    Attributes:
        api_version: the `API_VERSION` that the plug-in was written for: a number, not the import.
        name: short and lower case; part of the cache key.
        version: of the engine and its voices; a new one makes cached speech stale.
        capabilities: what it can do.
    """

    api_version: ClassVar[int]
    name: ClassVar[str]
    version: str
    capabilities: Capabilities

    @classmethod
    @abstractmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Make it ready: called once, before the first call is taken.

        Args:
            settings: the plug-in's own table of the settings file; an unknown key is an error.

        Raises:
            CannotStart: it would not work; the text says why and how to put it right.
        """

    @abstractmethod
    async def synthesize(self, request: SpeechRequest) -> Speech:
        """Speak a text. Leaves nothing running when it is cancelled.

        Raises:
            SpeechError: and nothing else.
        """

    async def close(self) -> None:
        """Let go of everything; nothing is asked for afterwards."""
        return None
