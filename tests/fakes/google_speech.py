"""Google's Speech service on loopback: a real gRPC server with the library's own messages.

Its audio is that of the scripted recogniser: two bytes a character, so it understands exactly. It
runs in threads of its own, so that a test may have any number of event loops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.speech_v1 import (
    SpeechRecognitionAlternative,
    StreamingRecognitionConfig,
    StreamingRecognitionResult,
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
)
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from tests.fakes.recognition import understood

Answer = Callable[["Seen", Any], Iterator[StreamingRecognizeResponse]]


@dataclass
class Seen:
    """One stream.

    Attributes:
        config: of the first request.
        audio: of each further one.
        half_closed: the client said that no more comes.
        ended: the stream is over; `cancelled` when the client did it.
    """

    config: StreamingRecognitionConfig
    audio: list[bytes] = field(default_factory=list)
    half_closed: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False

    @property
    def text(self) -> str:
        """What was said so far."""
        return understood(b"".join(self.audio))


class GoogleSpeech:
    """The service.

    Attributes:
        endpoint: host and port.
        seen: every stream, in order.
        answers: for the next streams, instead of understanding: what they do once all audio is in.
        at_once: for the next streams: what they do after the first audio.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: list[Answer] = []
        self.at_once: list[Answer] = []
        self._threads = ThreadPoolExecutor(max_workers=32)
        self._server = grpc.server(self._threads)
        handler = grpc.stream_stream_rpc_method_handler(
            self._recognize,
            request_deserializer=StreamingRecognizeRequest.deserialize,
            response_serializer=StreamingRecognizeResponse.serialize,
        )
        service = "google.cloud.speech.v1.Speech"
        methods = {"StreamingRecognize": handler}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, methods),)
        )
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Cancel what runs and let go of the port."""
        self._server.stop(None).wait()
        self._threads.shutdown()

    def _recognize(
        self, requests: Iterable[StreamingRecognizeRequest], context: Any
    ) -> Iterator[StreamingRecognizeResponse]:
        first = next(iter(requests))
        seen = Seen(first.streaming_config)
        self.seen.append(seen)

        def over() -> None:
            seen.cancelled = not seen.half_closed.is_set() or not context.is_active()
            seen.ended.set()

        context.add_callback(over)
        for request in requests:
            seen.audio.append(request.audio_content)
            if self.at_once:
                yield from self.at_once.pop(0)(seen, context)
                return
            if seen.config.interim_results and seen.text:
                yield response(seen.text, final=False)
        seen.half_closed.set()
        answer = self.answers.pop(0) if self.answers else understand
        yield from answer(seen, context)


def response(
    text: str, *, final: bool = True, confidence: float = 0.0
) -> StreamingRecognizeResponse:
    """One result."""
    said = SpeechRecognitionAlternative(transcript=text, confidence=confidence)
    result = StreamingRecognitionResult(alternatives=[said], is_final=final)
    return StreamingRecognizeResponse(results=[result])


def understand(seen: Seen, _context: Any) -> Iterator[StreamingRecognizeResponse]:
    """What was said, as one final result; no result of silence, as Google does it."""
    if seen.text:
        yield response(seen.text, confidence=0.75)


def failing(code: grpc.StatusCode, *details: Any) -> Answer:
    """End with an error, its details packed as google.rpc.Status does."""

    def fail(_seen: Seen, context: Any) -> Iterator[StreamingRecognizeResponse]:
        status = Status(code=code.value[0], message="the hint was: sesame")
        for detail in details:
            status.details.add().Pack(detail)
        context.abort_with_status(rpc_status.to_status(status))
        yield StreamingRecognizeResponse()

    return fail


def stalling(seen: Seen, context: Any) -> Iterator[StreamingRecognizeResponse]:
    """Say nothing, until the client goes away."""
    seen.ended.wait()
    yield from ()
