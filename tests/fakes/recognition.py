"""A scripted recogniser: its audio is text, two bytes a character, so it understands exactly.

It is a whole plug-in (it passes the conformance kit), not a mock: only its speech is not speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Self

from adapter.plugin_api import (
    ASR,
    BadRequest,
    Partial,
    Recognition,
    RecognitionCapabilities,
    RecognitionError,
    RecognitionRequest,
    Transcript,
)

CAPABILITIES = RecognitionCapabilities(
    languages=("en-US", "en-GB", "de-DE"),
    sample_rates=(16000, 8000),
    hints=True,
    partial_results=True,
    max_seconds=10.0,
)


def spoken(text: str) -> bytes:
    """What the scripted recogniser understands as this text; zeros around it are silence."""
    return text.encode("utf-16-le")


def understood(pcm: bytes) -> str:
    """The text in audio that `spoken` made."""
    return pcm.decode("utf-16-le").replace("\0", "")


class ScriptedASR(ASR):
    """Understands `spoken`.

    Attributes:
        asked: every request that came, as it was resolved.
        faults: raised one after the other, by `finish`.
        gate: `finish` waits here; open at first.
        running: utterances that were begun and have not ended.
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "scripted"

    def __init__(self, capabilities: RecognitionCapabilities = CAPABILITIES) -> None:
        self.version = "1"
        self.capabilities = capabilities
        self.asked: list[RecognitionRequest] = []
        self.faults: list[RecognitionError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running: set[ScriptedRecognition] = set()
        self.closed = False

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Setting `started`: a callable that is given the instance, for a test to script."""
        asr = cls()
        started = settings.get("started")
        if callable(started):
            started(asr)
        return asr

    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        """Begin."""
        request = self.capabilities.resolve(request)
        self.asked.append(request)
        return ScriptedRecognition(self, request, partial)

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


class ScriptedRecognition(Recognition):
    """One utterance of it."""

    def __init__(
        self, asr: ScriptedASR, request: RecognitionRequest, partial: Partial | None
    ) -> None:
        self.asr = asr
        self.request = request
        self.partial = partial
        self.audio = bytearray()
        asr.running.add(self)

    def feed(self, pcm: bytes) -> None:
        """Keep it, and tell what it says so far."""
        if len(pcm) % 2:
            raise ValueError("half a sample")
        self._alive()
        self.audio += pcm
        text = understood(bytes(self.audio))
        if self.partial is not None and self.asr.capabilities.partial_results and text:
            self.partial(text)

    async def finish(self) -> Transcript:
        """Wait at the gate, then fail or understand as told."""
        self._alive()
        self.asr.running.discard(self)
        await self.asr.gate.wait()
        if self.asr.faults:
            raise self.asr.faults.pop(0)
        if len(self.audio) > 2 * self.request.sample_rate * self.asr.capabilities.max_seconds:
            raise BadRequest("too long")
        text = understood(bytes(self.audio))
        return Transcript(text=text, confidence=0.9, language=self.request.language)

    async def cancel(self) -> None:
        """End."""
        self.asr.running.discard(self)

    def _alive(self) -> None:
        if self not in self.asr.running:
            raise RuntimeError("this utterance is over")
