"""What Google refuses: from a status on the wire to the family of the plug-in interface."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import grpc
import pytest
from google.cloud import texttospeech_v1 as google
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from adapter.plugin_api import (
    BadRequest,
    CannotStart,
    QuotaExceeded,
    SpeechError,
    Timeout,
    Unavailable,
    Unreachable,
    VoiceNotSupported,
)
from tests.fakes.google_tts import Service, hello, spoken

Code = grpc.StatusCode
TEXT = "your balance is 12"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def refuse(service: Service, code: grpc.StatusCode, message: str, *details: object) -> None:
    """Let every synthesis end like this."""

    def answer(_: google.SynthesizeSpeechRequest, context: grpc.ServicerContext) -> bytes:
        context.abort_with_status(rpc_status.to_status(status))
        return b""

    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    service.answer = answer


async def fault_of(service: Service) -> SpeechError:
    """The fault of one synthesis; the plug-in speaks again after it."""
    tts = await service.start()
    with pytest.raises(SpeechError) as raised:
        await tts.synthesize(hello(text=TEXT))
    service.answer = lambda request, _: spoken(request)
    assert (await tts.synthesize(hello())).seconds == 0.1
    await tts.close()
    return raised.value


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (Code.UNAVAILABLE, Unavailable, True),
        (Code.INTERNAL, Unavailable, True),
        (Code.UNKNOWN, Unavailable, True),
        (Code.ABORTED, Unavailable, True),
        (Code.CANCELLED, Unavailable, True),
        (Code.DEADLINE_EXCEEDED, Timeout, True),
        (Code.RESOURCE_EXHAUSTED, QuotaExceeded, False),
        (Code.INVALID_ARGUMENT, BadRequest, False),
        (Code.OUT_OF_RANGE, BadRequest, False),
        (Code.UNAUTHENTICATED, Unavailable, False),
        (Code.PERMISSION_DENIED, Unavailable, False),
        (Code.FAILED_PRECONDITION, Unavailable, False),
        (Code.NOT_FOUND, Unavailable, False),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_codes(
    service: Service, code: grpc.StatusCode, kind: type[SpeechError], retryable: bool
) -> None:
    """Each status is of the family, retryable or not, and its name is in the message."""
    refuse(service, code, "no")
    fault = await fault_of(service)
    assert (type(fault), fault.retryable) == (kind, retryable)
    assert code.name in str(fault)


async def test_rate_limit_that_passes(service: Service) -> None:
    """A quota with RetryInfo is worth a second try, one without is not; the reason is told."""
    failure = QuotaFailure(violations=[QuotaFailure.Violation(subject="project:1")])
    reason = ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com")
    refuse(service, Code.RESOURCE_EXHAUSTED, "slow down", failure, reason)
    fault = await fault_of(service)
    assert (type(fault), fault.retryable) == (QuotaExceeded, False)
    refuse(service, Code.RESOURCE_EXHAUSTED, "slow down", failure, reason, RetryInfo())
    fault = await fault_of(service)
    assert (type(fault), fault.retryable) == (QuotaExceeded, True)
    assert str(fault) == "Google answered RESOURCE_EXHAUSTED, RATE_LIMIT_EXCEEDED"


async def test_voice_that_is_gone(service: Service) -> None:
    """A voice that Google has withdrawn since the start is no bad text: another may stand in."""
    message = "Voice 'en-US-Standard-B' does not exist. Is it misspelled?"
    refuse(service, Code.INVALID_ARGUMENT, message)
    fault = await fault_of(service)
    assert isinstance(fault, VoiceNotSupported)
    assert (fault.language, fault.voice) == ("en-US", "en-US-Standard-B")


async def test_message_never_has_the_text(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Google quotes the text in its refusal; ours and its trace do not."""
    message = f'This request contains sentences that are too long. Starting with: "{TEXT}"'
    refuse(service, Code.INVALID_ARGUMENT, message, ErrorInfo(reason=TEXT))
    fault = await fault_of(service)
    assert isinstance(fault, BadRequest)
    logging.getLogger(__name__).error("not spoken: %s", fault, exc_info=fault)
    assert "BadRequest" in caplog.text
    assert TEXT not in caplog.text.replace("synthesize(hello(text=TEXT))", "")


async def test_service_that_is_gone(service: Service) -> None:
    """Nobody at the other end any more is a retryable Unavailable."""
    tts = await service.start()
    service.close()
    with pytest.raises(Unavailable) as fault:
        await tts.synthesize(hello())
    assert fault.value.retryable
    await tts.close()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (Code.UNAUTHENTICATED, "GOOGLE_APPLICATION_CREDENTIALS.*UNAUTHENTICATED: ask elsewhere"),
        (Code.PERMISSION_DENIED, "enable texttospeech.googleapis.com.*PERMISSION_DENIED"),
        (Code.UNAVAILABLE, "reachable.*UNAVAILABLE"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_start_that_is_refused(service: Service, code: grpc.StatusCode, advice: str) -> None:
    """It does not start, and says why and how to put it right."""
    service.refuse = lambda context: context.abort(code, "ask elsewhere")
    with pytest.raises(CannotStart, match=f"{service.endpoint}.*{advice}") as fault:
        await service.start()
    assert isinstance(fault.value, Unreachable) == (code is Code.UNAVAILABLE)


async def test_start_without_a_service() -> None:
    """A port where nobody listens is told by its address, soon, as what may pass."""
    service = Service()
    service.close()
    with pytest.raises(Unreachable, match=service.endpoint):
        await service.start()


@pytest.mark.parametrize(
    ("families", "known"), [(["Opera"], "Standard, Studio, Wavenet"), (["Standard"], "none")]
)
async def test_start_without_a_voice(service: Service, families: list[str], known: str) -> None:
    """No voice of the wanted families is a mistake, and those that there are are named."""
    if known == "none":
        service.voices = []
    with pytest.raises(CannotStart, match=f"{families[0]}; there are: {known}"):
        await service.start(families=families)
