"""One utterance: one stream to Google, open from the first audio to the text.

The first request carries the configuration, each further one audio (google.cloud.speech.v1,
`Speech.StreamingRecognize`). What was fed while a request was on its way goes into the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.speech_v1 import (
    SpeechAsyncClient,
    SpeechRecognitionAlternative,
    StreamingRecognitionConfig,
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
)

from adapter.plugin_api import BadRequest, Partial, Recognition, Timeout, Transcript
from plugins.asr_google.errors import error_of_call, error_of_number

MAX_SECONDS = 60.0

_MAX_AUDIO = 16000  # bytes of one request; Google takes 25 kB


class Stream(Recognition):
    """An utterance that is being recognised.

    Args:
        client: of the event loop that runs.
        config: for this utterance.
        timeout: seconds for the text, after the last audio.
        partial: is given the text so far.
    """

    def __init__(
        self,
        client: SpeechAsyncClient,
        config: StreamingRecognitionConfig,
        timeout: float,
        partial: Partial | None,
    ) -> None:
        self._client = client
        self._config = config
        self._timeout = timeout
        self._partial = partial
        self._room = int(2 * config.config.sample_rate_hertz * MAX_SECONDS)
        self._waiting = bytearray()
        self._changed = asyncio.Event()
        self._too_long = False
        self._over = False
        self._ended = False
        self._final: list[SpeechRecognitionAlternative] = []
        self._running = asyncio.create_task(self._run())

    def feed(self, pcm: bytes) -> None:
        """Keep it for the next request."""
        if len(pcm) % 2:
            raise ValueError("audio is whole 16-bit samples")
        if self._over:
            raise RuntimeError("this utterance is over")
        self._room -= len(pcm)
        if self._room < 0:
            self._too_long = True
            return
        self._waiting += pcm
        self._changed.set()

    async def finish(self) -> Transcript:
        """End the audio and wait for what Google makes of all of it."""
        if self._over:
            raise RuntimeError("this utterance is over")
        if self._too_long:
            await self.cancel()
            raise BadRequest(f"an utterance is at most {MAX_SECONDS:g} s long")
        self._end()
        try:
            async with asyncio.timeout(self._timeout):
                await self._running
        except TimeoutError:
            raise Timeout(f"Google has no text after {self._timeout:g} s") from None
        measured = [one.confidence for one in self._final if one.confidence > 0]  # 0: not measured
        return Transcript(
            text=_text(self._final),
            confidence=min(1.0, *measured) if measured else None,
            language=self._config.config.language_code,
        )

    async def cancel(self) -> None:
        """Cancel the stream."""
        self._end()
        self._running.cancel()
        await asyncio.wait([self._running])
        if not self._running.cancelled():
            self._running.exception()  # it may have failed before, and nobody wants to know

    def _end(self) -> None:
        self._over = True
        self._changed.set()

    async def _run(self) -> None:
        try:
            # Annotated as an iterable only; it is a call of grpc.aio
            stream: Any = await self._client.streaming_recognize(
                requests=self._requests(), retry=None, timeout=MAX_SECONDS + self._timeout
            )
            try:
                async for response in stream:
                    self._take(response)
            finally:
                stream.cancel()
        except GoogleAPICallError as fault:
            raise error_of_call(fault) from fault
        finally:
            self._ended = True  # gRPC goes on waiting for requests after a failure
            self._changed.set()

    async def _requests(self) -> AsyncIterator[StreamingRecognizeRequest]:
        yield StreamingRecognizeRequest(streaming_config=self._config)
        while not self._ended and (self._waiting or not self._over):
            audio = bytes(self._waiting[:_MAX_AUDIO])
            del self._waiting[:_MAX_AUDIO]
            if audio:
                yield StreamingRecognizeRequest(audio_content=audio)
            else:
                self._changed.clear()
                await self._changed.wait()

    def _take(self, response: StreamingRecognizeResponse) -> None:
        if response.error.code:
            raise error_of_number(response.error.code)
        interim: list[SpeechRecognitionAlternative] = []
        for result in response.results:
            if result.alternatives:
                kept = self._final if result.is_final else interim
                kept.append(result.alternatives[0])
        if self._partial is not None and not self._over and (text := _text(self._final + interim)):
            self._partial(text)


def _text(parts: list[SpeechRecognitionAlternative]) -> str:
    return " ".join(text for part in parts if (text := part.transcript.strip()))
