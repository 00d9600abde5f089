"""Google Cloud Text-to-Speech (v1, gRPC, the client library of Google): one request for each text.

The voices are asked for once, at the start. Nothing is retried here: Google's client has no retry
for this service, and the host has. Not here: streaming synthesis, Gemini voices, custom voices.
"""

from __future__ import annotations

import asyncio
import io
import re
import wave
from collections.abc import Mapping
from typing import ClassVar, Final, Self

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import texttospeech_v1 as google

from adapter.plugin_api import (
    TTS,
    BadRequest,
    CannotStart,
    Capabilities,
    Speech,
    SpeechRequest,
    Timeout,
    Unavailable,
    Unreachable,
)
from plugins.tts_google import faults, voices
from plugins.tts_google.connection import Options, connect, hang_up

MAX_BYTES: Final = 5000
"""Of text or SSML in UTF-8 (cloud.google.com/text-to-speech/quotas, "Content limits")."""

FASTEST: Final = 2.0  # `AudioConfig.speaking_rate` ends here; the interface goes to 4
REVISION: Final = "1"
"""Of this plug-in's own treatment of text and audio; part of the cache key."""

_START_TIMEOUT = 10.0
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class GoogleTTS(TTS):
    """The synthesiser.

    Settings: see `Options`. Credentials: Application Default Credentials, from the environment.
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "google"

    def __init__(
        self,
        client: google.TextToSpeechAsyncClient,
        options: Options,
        *,
        version: str,
        capabilities: Capabilities,
    ) -> None:
        self.version = f"{REVISION}/{options.sample_rate}/{version}"
        self.capabilities = capabilities
        self._client = client
        self._options = options

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Connect and ask for the voices."""
        options = Options.read(settings)
        client = await connect(options)
        try:
            listed = await _list_voices(client, options.endpoint)
            offered = voices.offered(listed, options.families)
            if not offered:
                known = sorted({name for voice in listed if (name := voices.family(voice.name))})
                raise CannotStart(
                    f"no voice is of `families` {', '.join(options.families)};"
                    f" there are: {', '.join(known) or 'none'}"
                )
        except BaseException:
            await hang_up(client)
            raise
        capabilities = Capabilities(
            languages=voices.languages(offered, options.sample_rate),
            ssml=True,
            max_chars=MAX_BYTES,
        )
        return cls(client, options, version=voices.version(offered), capabilities=capabilities)

    async def synthesize(self, request: SpeechRequest) -> Speech:
        """Speak."""
        request = self.capabilities.resolve(request)
        text = _NOT_TEXT.sub(" ", request.text)
        if len(text.encode()) > MAX_BYTES:
            raise BadRequest(f"the text is longer than {MAX_BYTES} bytes")
        if not text.strip():
            raise BadRequest("there is nothing to speak in the text")
        order = google.SynthesizeSpeechRequest(
            input={"ssml" if request.ssml else "text": text},
            voice={"language_code": voices.code(request.language), "name": request.voice},
            audio_config=self._audio(request),
        )
        limit = self._options.timeout
        try:
            # The deadline is Google's to keep; ours is for a channel that keeps none
            async with asyncio.timeout(limit + 1):
                answer = await self._client.synthesize_speech(order, timeout=limit, retry=None)
        except GoogleAPICallError as fault:
            raise faults.of_synthesis(fault, request) from None  # its message may quote the text
        except TimeoutError:
            raise Timeout(f"Google took longer than {limit:g} s") from None
        return _speech(answer.audio_content, self._options.sample_rate)

    async def close(self) -> None:
        """Hang up."""
        await hang_up(self._client)

    def _audio(self, request: SpeechRequest) -> google.AudioConfig:
        audio = google.AudioConfig(
            audio_encoding=google.AudioEncoding.LINEAR16,
            sample_rate_hertz=self._options.sample_rate,
        )
        if request.rate is not None:
            audio.speaking_rate = min(request.rate, FASTEST)
        if request.pitch is not None:
            audio.pitch = request.pitch
        return audio


async def _list_voices(client: google.TextToSpeechAsyncClient, endpoint: str) -> list[google.Voice]:
    try:
        async with asyncio.timeout(_START_TIMEOUT + 1):
            answer = await client.list_voices(timeout=_START_TIMEOUT, retry=None)
    except GoogleAPICallError as fault:
        raise faults.of_start(fault, endpoint) from fault
    except TimeoutError:
        raise Unreachable(f"{endpoint} lists no voices: no answer") from None
    return list(answer.voices)


def _speech(audio: bytes, rate: int) -> Speech:
    """What LINEAR16 answers: a WAV file of 16-bit samples."""
    try:
        with wave.open(io.BytesIO(audio)) as wav:
            if (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) != (1, 2, rate):
                raise Unavailable(f"Google answered something else than 16-bit mono at {rate} Hz")
            pcm = wav.readframes(len(audio) // 2)
    except (wave.Error, EOFError) as fault:
        raise Unavailable(f"Google answered no WAV file ({fault or 'nothing'})") from fault
    if not pcm:
        raise BadRequest("there is nothing to speak in the text")
    return Speech(pcm[: len(pcm) // 2 * 2], rate)
