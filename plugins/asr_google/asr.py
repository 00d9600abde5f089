"""Google Cloud Speech-to-Text, v1, streaming: the client, its credentials and its settings.

Credentials come from the environment only (Application Default Credentials), never from a setting.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar, Final, Self
from weakref import WeakSet

import google.auth
import grpc
from google.api_core.client_options import ClientOptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.speech_v1 import (
    RecognitionConfig,
    SpeechAsyncClient,
    SpeechContext,
    StreamingRecognitionConfig,
)
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport

from adapter.plugin_api import (
    ASR,
    CannotStart,
    Partial,
    Recognition,
    RecognitionCapabilities,
    RecognitionRequest,
)
from plugins.asr_google.languages import LANGUAGES
from plugins.asr_google.stream import MAX_SECONDS, Stream

SAMPLE_RATES: Final = (8000, 16000)
"""Google advises against resampling: telephone audio goes out as it is."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleASR(ASR):
    """The recogniser.

    Settings: `model` (Google's word, default its own choice), `languages` (BCP 47 tags, default a
    list of ours), `timeout` (seconds for the text after the last audio, default 5), `endpoint`
    (`host:port`, for a region), `insecure` (no TLS and no credentials; for a loopback address).
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "google_speech"

    def __init__(self, client: SpeechAsyncClient, settings: _Settings) -> None:
        self.version = version("google-cloud-speech")
        self.capabilities = RecognitionCapabilities(
            languages=settings.languages,
            sample_rates=SAMPLE_RATES,
            hints=True,
            partial_results=True,
            max_seconds=MAX_SECONDS,
        )
        self._client = client
        self._settings = settings
        self._streams: WeakSet[Stream] = WeakSet()

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Find the credentials; nothing is asked of Google yet."""
        read = _read(settings)
        if read.insecure:
            channel = grpc.aio.insecure_channel(read.endpoint)
            client = SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
            return cls(client, read)
        try:
            credentials, _ = await asyncio.to_thread(google.auth.default, scopes=[_SCOPE])
        except (GoogleAuthError, OSError) as fault:
            raise CannotStart(
                "no Google credentials: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a "
                f"service account that may use Speech-to-Text ({type(fault).__name__})"
            ) from fault
        options = ClientOptions(api_endpoint=read.endpoint or None)
        return cls(SpeechAsyncClient(credentials=credentials, client_options=options), read)

    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        """Open a stream."""
        request = self.capabilities.resolve(request)
        config = RecognitionConfig(
            encoding=RecognitionConfig.AudioEncoding.LINEAR16,
            sample_rate_hertz=request.sample_rate,
            language_code=request.language,
            model=self._settings.model,
            speech_contexts=[SpeechContext(phrases=request.hints)] if request.hints else [],
        )
        streaming = StreamingRecognitionConfig(config=config, interim_results=partial is not None)
        stream = Stream(self._client, streaming, self._settings.timeout, partial)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """Cancel what runs, and close the connection."""
        await asyncio.gather(*(stream.cancel() for stream in list(self._streams)))
        await self._client.transport.close()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    model: str
    languages: tuple[str, ...]
    timeout: float
    endpoint: str
    insecure: bool


def _read(settings: Mapping[str, object]) -> _Settings:
    unknown = sorted(set(settings) - set(_Settings.__slots__))
    if unknown:
        raise CannotStart(f"unknown setting {unknown[0]!r}")
    model, endpoint = settings.get("model", ""), settings.get("endpoint", "")
    languages = settings.get("languages", LANGUAGES)
    timeout, insecure = settings.get("timeout", 5.0), settings.get("insecure", False)
    if not isinstance(model, str):
        raise CannotStart("`model` is a name")
    if not isinstance(endpoint, str):
        raise CannotStart("`endpoint` is host:port")
    if not isinstance(languages, list | tuple) or not languages:
        raise CannotStart("`languages` is a list of BCP 47 tags")
    if not all(isinstance(tag, str) and tag.strip() for tag in languages):
        raise CannotStart("`languages` is a list of BCP 47 tags")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise CannotStart("`timeout` is a number of seconds")
    if not (math.isfinite(timeout) and timeout > 0):
        raise CannotStart("`timeout` is more than 0 s")
    if not isinstance(insecure, bool):
        raise CannotStart("`insecure` is true or false")
    if insecure and not _is_loopback(endpoint):
        raise CannotStart("`insecure` is for an `endpoint` at a loopback address only")
    return _Settings(
        model=model,
        languages=tuple(languages),
        timeout=float(timeout),
        endpoint=endpoint,
        insecure=insecure,
    )


def _is_loopback(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
