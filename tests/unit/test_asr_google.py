"""Google's recogniser: the real client library against a gRPC server of our own on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.cloud.speech_v1 import RecognitionConfig, StreamingRecognizeResponse
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from adapter.plugin_api import (
    ASR,
    BadRequest,
    QuotaExceeded,
    Recognition,
    RecognitionError,
    RecognitionRequest,
    Timeout,
    Unavailable,
)
from adapter.plugin_api.asr_kit import ASRConformance
from plugins.asr_google import GoogleASR
from plugins.asr_google.errors import error_of_number
from plugins.asr_google.stream import MAX_SECONDS
from tests.fakes.google_speech import GoogleSpeech, Seen, failing, response, stalling
from tests.fakes.recognition import spoken

PATIENCE = 10.0


@pytest.fixture
def service() -> Iterator[GoogleSpeech]:
    """Google, on loopback."""
    service = GoogleSpeech()
    yield service
    service.stop()


@pytest.fixture
async def asr(service: GoogleSpeech) -> AsyncIterator[GoogleASR]:
    """The plug-in, connected to it."""
    asr = await start(service, timeout=PATIENCE)
    yield asr
    await asr.close()


async def start(service: GoogleSpeech, **settings: object) -> GoogleASR:
    return await GoogleASR.start({"endpoint": service.endpoint, "insecure": True, **settings})


def request(**fields: Any) -> RecognitionRequest:
    return RecognitionRequest(**{"language": "en-US", "sample_rate": 8000, **fields})


async def begin(asr: ASR, text: str, **fields: Any) -> Recognition:
    recognition = await asr.recognise(request(**fields))
    recognition.feed(spoken(text))
    return recognition


async def stream(service: GoogleSpeech, number: int = 0) -> Seen:
    """A stream, as soon as the service has it."""
    async with asyncio.timeout(PATIENCE):
        while len(service.seen) <= number:
            await asyncio.sleep(0.005)
    return service.seen[number]


class TestConformance(ASRConformance):
    """The kit, with a service that understands exactly."""

    @pytest.fixture(autouse=True)
    def _service(self, service: GoogleSpeech) -> None:
        self.service = service

    async def start(self) -> ASR:
        return await start(self.service)

    def spoken(self, text: str, sample_rate: int) -> bytes:
        return bytes(sample_rate // 10 * 2) + spoken(text)


async def test_requests(service: GoogleSpeech, asr: GoogleASR) -> None:
    """The first request is the configuration, then comes the audio, all of it, in its order."""
    recognition = await asr.recognise(request(language="en-AU", hints=("yes", "no")))
    text = "".join(chr(0x100 + n % 1000) for n in range(30000))
    recognition.feed(spoken(text[:10]))
    recognition.feed(spoken(text[10:]))
    said = await recognition.finish()
    seen = service.seen[0]
    config = seen.config.config
    assert config.encoding is RecognitionConfig.AudioEncoding.LINEAR16
    assert (config.sample_rate_hertz, config.language_code) == (8000, "en-AU")
    assert [list(context.phrases) for context in config.speech_contexts] == [["yes", "no"]]
    assert not seen.config.single_utterance
    assert not seen.config.interim_results
    assert (said.text, said.confidence, said.language) == (text, 0.75, "en-AU")
    assert max(map(len, seen.audio)) <= 25000


async def test_model_and_other_rate(service: GoogleSpeech) -> None:
    """The model is Google's word from the settings; without hints there is no context."""
    asr = await start(service, model="telephony")
    await (await begin(asr, "x", sample_rate=16000)).finish()
    await asr.close()
    config = service.seen[0].config.config
    assert (config.model, config.sample_rate_hertz) == ("telephony", 16000)
    assert not config.speech_contexts


async def test_audio_goes_out_while_it_comes(service: GoogleSpeech, asr: GoogleASR) -> None:
    """The service hears the beginning before the end was said, and partial results come back."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    recognition = await asr.recognise(request(), heard.put_nowait)
    for text in ("transfer", " me"):
        recognition.feed(spoken(text))
        await asyncio.wait_for(heard.get(), PATIENCE)
    assert not service.seen[0].half_closed.is_set()
    assert service.seen[0].config.interim_results
    assert (await recognition.finish()).text == "transfer me"


async def test_several_results(service: GoogleSpeech, asr: GoogleASR) -> None:
    """Final results are joined, the confidence is the lowest that was measured."""

    def several(_seen: Seen, _context: Any) -> Iterator[StreamingRecognizeResponse]:
        yield response("transfer", final=False)
        yield response("transfer me", confidence=0.9)
        yield StreamingRecognizeResponse()
        yield response(" to sales", confidence=0.6)
        yield response(" please")

    service.answers.append(several)
    said = await (await begin(asr, "x")).finish()
    assert said.text == "transfer me to sales please"
    assert said.confidence == pytest.approx(0.6)


async def test_nothing_understood(service: GoogleSpeech, asr: GoogleASR) -> None:
    """No result is an empty text without a confidence."""
    service.answers.append(lambda *_: iter(()))
    said = await (await begin(asr, "x")).finish()
    assert (said.text, said.confidence) == ("", None)


CODES = [
    ("UNAVAILABLE", Unavailable, True),
    ("INTERNAL", Unavailable, True),
    ("UNKNOWN", Unavailable, True),
    ("DEADLINE_EXCEEDED", Timeout, True),
    ("ABORTED", Timeout, True),
    ("RESOURCE_EXHAUSTED", QuotaExceeded, False),
    ("INVALID_ARGUMENT", BadRequest, False),
    ("OUT_OF_RANGE", BadRequest, False),
    ("UNAUTHENTICATED", Unavailable, False),
    ("PERMISSION_DENIED", Unavailable, False),
]


@pytest.mark.parametrize(("code", "kind", "retryable"), CODES)
@pytest.mark.parametrize("when", ["answers", "at_once"])
async def test_errors(
    service: GoogleSpeech,
    asr: GoogleASR,
    when: str,
    code: str,
    kind: type[RecognitionError],
    retryable: bool,
) -> None:
    """Each code is its own error, at the end or in the middle, is not retried, quotes nothing."""
    getattr(service, when).append(failing(grpc.StatusCode[code]))
    tasks = asyncio.all_tasks()
    recognition = await begin(asr, "x", hints=("sesame",))
    while when == "at_once" and not asyncio.all_tasks() <= tasks:
        await asyncio.sleep(0.005)
    recognition.feed(spoken("more"))
    with pytest.raises(kind, match=code) as raised:
        await recognition.finish()
    assert type(raised.value) is kind
    assert raised.value.retryable == retryable
    assert "sesame" not in str(raised.value)
    assert len(service.seen) == 1


async def test_error_while_audio_goes_out(service: GoogleSpeech, asr: GoogleASR) -> None:
    """A failure that crosses audio on its way is of the family, and leaves nothing behind.

    It may come out as Unavailable: grpc.aio replaces the status when a write fails meanwhile.
    """
    tasks = asyncio.all_tasks()
    for _ in range(20):
        service.at_once.append(failing(grpc.StatusCode.RESOURCE_EXHAUSTED))
        recognition = await begin(asr, "x")
        for _ in range(10):
            recognition.feed(spoken("more"))
            await asyncio.sleep(0)
        with pytest.raises((QuotaExceeded, Unavailable)):
            await recognition.finish()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= tasks


async def test_quota_that_passes(service: GoogleSpeech, asr: GoogleASR) -> None:
    """A rate limit that says when to try again is retryable; another detail says no such thing."""
    for detail, retryable in (
        (RetryInfo(retry_delay=Duration(seconds=1)), True),
        (ErrorInfo(reason="QUOTA"), False),
    ):
        service.answers.append(failing(grpc.StatusCode.RESOURCE_EXHAUSTED, detail))
        with pytest.raises(QuotaExceeded) as raised:
            await (await begin(asr, "x")).finish()
        assert raised.value.retryable == retryable


async def test_error_in_a_response(service: GoogleSpeech, asr: GoogleASR) -> None:
    """A response may carry an error while the stream stays open: that is the end of it, too."""

    def carry(seen: Seen, context: Any) -> Iterator[StreamingRecognizeResponse]:
        yield StreamingRecognizeResponse(error=Status(code=8, message="no more"))
        yield from stalling(seen, context)

    service.answers.append(carry)
    with pytest.raises(QuotaExceeded):
        await (await begin(asr, "x")).finish()
    assert await asyncio.to_thread(service.seen[0].ended.wait, PATIENCE)


def test_unknown_number() -> None:
    """A number that is no code of gRPC is a failure of the service."""
    assert type(error_of_number(99)) is Unavailable


async def test_utterance_of_the_longest_length(service: GoogleSpeech, asr: GoogleASR) -> None:
    """All of `max_seconds` is heard; the service gets none of what comes beyond."""
    assert asr.capabilities.max_seconds == MAX_SECONDS
    recognition = await asr.recognise(request())
    recognition.feed(bytes(int(2 * 8000 * MAX_SECONDS) - 4) + spoken("ab"))
    assert (await recognition.finish()).text == "ab"
    recognition = await asr.recognise(request())
    recognition.feed(bytes(int(2 * 8000 * MAX_SECONDS) + 2))
    with pytest.raises(BadRequest):
        await recognition.finish()


async def test_timeout(service: GoogleSpeech) -> None:
    """A service that says nothing after the last audio is a Timeout, and the stream is closed."""
    asr = await start(service, timeout=0.2)
    service.answers.append(stalling)
    with pytest.raises(Timeout) as raised:
        await (await begin(asr, "x")).finish()
    assert raised.value.retryable
    assert await asyncio.to_thread(service.seen[0].ended.wait, PATIENCE)
    await asr.close()


async def test_cancel_closes_the_stream(service: GoogleSpeech, asr: GoogleASR) -> None:
    """The service sees a cancelled stream; the next utterance goes well."""
    recognition = await begin(asr, "x")
    seen = await stream(service)
    await recognition.cancel()
    assert await asyncio.to_thread(seen.ended.wait, PATIENCE)
    assert seen.cancelled
    assert (await (await begin(asr, "yes")).finish()).text == "yes"


async def test_close_cancels_streams(service: GoogleSpeech) -> None:
    """No stream outlives the plug-in."""
    asr = await start(service)
    recognition = await begin(asr, "x")
    seen = await stream(service)
    await asr.close()
    assert await asyncio.to_thread(seen.ended.wait, PATIENCE)
    with pytest.raises(RuntimeError):
        recognition.feed(b"\0\0")


async def test_nobody_there() -> None:
    """A refused connection is Unavailable."""
    service = GoogleSpeech()
    service.stop()
    asr = await start(service)
    with pytest.raises(Unavailable):
        await (await begin(asr, "x")).finish()
    await asr.close()


def test_two_event_loops(service: GoogleSpeech) -> None:
    """It works beside another user of grpc.aio in another thread, as a synthesiser may be one."""
    together = threading.Barrier(2)

    async def many() -> list[str]:
        asr = await start(service, timeout=PATIENCE)
        asyncio.get_running_loop().set_exception_handler(only_spurious)
        await asyncio.to_thread(together.wait, PATIENCE)
        said = [(await (await begin(asr, f"number {n}")).finish()).text for n in range(20)]
        await asr.close()
        return said

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(asyncio.run, many()) for _ in range(2)]
        assert [run.result() for run in runs] == [[f"number {n}" for n in range(20)]] * 2
    assert unexpected == []


unexpected: list[dict[str, Any]] = []


def only_spurious(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """With several loops grpc.aio wakes all for one byte: github.com/grpc/grpc/issues/25364."""
    if not isinstance(context.get("exception"), BlockingIOError):
        unexpected.append(context)
