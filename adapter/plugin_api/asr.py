"""The interface of a speech recogniser: what it can do, what it is asked, what it gives back.

The host (`adapter.media`) decides when speech begins and ends, feeds only the speech with a little
before it, resamples to a rate that the recogniser has, and limits the time of `finish`; a plug-in
only recognises, and never retries. What comes in through `feed` is 16-bit PCM.

Everything here is called in one event loop, that of the host's audio thread. It is not the loop of
call control, nor that of the main thread, and it must not be held up for more than a few
milliseconds: work for the processor goes to processes of the plug-in's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Self

from adapter.plugin_api.errors import BadRequest, LanguageNotSupported
from adapter.plugin_api.languages import matching

MAX_HINTS: Final = 1000
MAX_HINT_CHARS: Final = 100

Partial = Callable[[str], None]
"""Is given the text understood so far, each time instead of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionRequest:
    """What one utterance is expected to be.

    Attributes:
        language: BCP 47 tag.
        sample_rate: of the audio that will be fed, Hz; one of the capabilities'.
        hints: phrases that are expected, at most `MAX_HINTS` of `MAX_HINT_CHARS` characters. A
            recogniser may understand these only, or understand these better; with none it
            understands what it can.
    """

    language: str
    sample_rate: int
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was understood.

    Attributes:
        text: empty when nothing was.
        confidence: from 0 to 1; None when the recogniser has no useful measure.
        language: the BCP 47 tag that was listened for.
    """

    text: str
    confidence: float | None
    language: str

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise ValueError("a confidence is from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionCapabilities:
    """What a recogniser can do; does not change while it runs.

    Attributes:
        languages: BCP 47 tags. Their order decides which one stands in for a missing region.
        sample_rates: in Hz, the preferred one first.
        hints: whether `RecognitionRequest.hints` make a difference.
        partial_results: whether `partial` is called before the end.
        max_seconds: the longest utterance; the host finishes before.
    """

    languages: tuple[str, ...]
    sample_rates: tuple[int, ...]
    hints: bool
    partial_results: bool
    max_seconds: float

    def resolve(self, request: RecognitionRequest) -> RecognitionRequest:
        """The request with the language as listed here, and only hints that can be said; checked.

        Blank hints are left out, and those with control characters or lone surrogates.

        Raises:
            BadRequest: another sample rate, too many hints, or too long ones.
            LanguageNotSupported: no such language, nor one with the same primary tag.
        """
        if request.sample_rate not in self.sample_rates:
            raise BadRequest(f"the sample rate is one of {self.sample_rates} Hz")
        if len(request.hints) > MAX_HINTS:
            raise BadRequest(f"there are more than {MAX_HINTS} hints")
        if any(len(hint) > MAX_HINT_CHARS for hint in request.hints):
            raise BadRequest(f"a hint is longer than {MAX_HINT_CHARS} characters")
        found = matching(request.language, self.languages)
        if not found:
            raise LanguageNotSupported(request.language)
        said = tuple(hint for hint in request.hints if hint.strip() and hint.isprintable())
        return replace(request, language=found[0], hints=said if self.hints else ())


class Recognition(ABC):
    """One utterance, from its first audio to its text. Ends with `finish` or `cancel`."""

    @abstractmethod
    def feed(self, pcm: bytes) -> None:
        """Take audio: never waits, keeps a bounded amount. What fails is said by `finish`.

        Args:
            pcm: signed 16-bit little-endian samples, mono, any number of them.

        Raises:
            ValueError: half a sample. This and the next are bugs of the host.
            RuntimeError: it was finished or cancelled.
        """

    @abstractmethod
    async def finish(self) -> Transcript:
        """No more audio comes: the text. Once; cancelled, it leaves nothing behind.

        Raises:
            RecognitionError: and nothing else; BadRequest when more than `max_seconds` came.
            RuntimeError: it was finished or cancelled.
        """

    @abstractmethod
    async def cancel(self) -> None:
        """Nobody wants the text: nothing of it is left running. Also after the end, any time.

        A `finish` that waits meanwhile ends with `asyncio.CancelledError`.
        """


class ASR(ABC):
    """A speech recogniser. One object serves all calls, many at a time.

    Attributes:
        api_version: the `API_VERSION` that the plug-in was written for: a number, not the import.
        name: short and lower case.
        version: of the engine and its models; for the log.
        capabilities: what it can do.
    """

    api_version: ClassVar[int]
    name: ClassVar[str]
    version: str
    capabilities: RecognitionCapabilities

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
    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        """Begin an utterance. Returns at once, so that no audio waits.

        Args:
            request: what is expected.
            partial: called in the same loop, not after `finish` or `cancel`; does not raise.

        Raises:
            RecognitionError: and nothing else.
        """

    async def close(self) -> None:
        """Let go of everything; nothing is asked for afterwards."""
        return None
