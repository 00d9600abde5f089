"""A scripted synthesiser: tones in place of words, and failures, waits and stalls on demand.

It is a whole plug-in (it passes the conformance kit), not a mock: only its speech is not speech.
"""

from __future__ import annotations

import array
import asyncio
import math
from collections.abc import Mapping
from typing import ClassVar, Self

from adapter.plugin_api import (
    TTS,
    Capabilities,
    Gender,
    Speech,
    SpeechError,
    SpeechRequest,
    Voice,
)

RATE = 16000
SECONDS_PER_CHARACTER = 0.02


def voice(name: str, gender: Gender) -> Voice:
    """A voice at 16 kHz."""
    return Voice(name=name, gender=gender, sample_rates=(RATE,))


CAPABILITIES = Capabilities(
    languages={
        "en-US": (voice("Joe", Gender.MALE), voice("Ann", Gender.FEMALE)),
        "en-GB": (voice("Tom", Gender.MALE),),
        "de": (voice("Eva", Gender.FEMALE),),
    },
    ssml=False,
    max_chars=300,
)


class ScriptedTTS(TTS):
    """Hums each text for 20 ms a character.

    Attributes:
        asked: every request that came, as it came.
        faults: raised one after the other, before anything is hummed.
        gate: requests wait here; open at first.
        working: how many requests are at the gate or beyond now.
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "scripted"

    def __init__(self, capabilities: Capabilities = CAPABILITIES, version: str = "1") -> None:
        self.capabilities = capabilities
        self.version = version
        self.asked: list[SpeechRequest] = []
        self.faults: list[SpeechError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.working = 0
        self.closed = False

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Setting `started`: a callable that is given the instance, for a test to script."""
        tts = cls()
        started = settings.get("started")
        if callable(started):
            started(tts)
        return tts

    async def synthesize(self, request: SpeechRequest) -> Speech:
        """Hum, or fail as told."""
        request = self.capabilities.resolve(request)
        self.asked.append(request)
        self.working += 1
        self.started.set()
        try:
            await self.gate.wait()
        finally:
            self.working -= 1
        if self.faults:
            raise self.faults.pop(0)
        return Speech(hum(len(request.text) * SECONDS_PER_CHARACTER), RATE)

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


def hum(seconds: float, rate: int = RATE, hertz: float = 440.0) -> bytes:
    """A tone at half of full scale, as 16-bit mono PCM."""
    one = round(rate / hertz)
    cycle = array.array("h", (round(16000 * math.sin(2 * math.pi * n / one)) for n in range(one)))
    return (cycle.tobytes() * (round(seconds * rate) // one + 1))[: 2 * round(seconds * rate)]
