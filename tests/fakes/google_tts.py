"""Google's Text-to-Speech on loopback: a real gRPC server with the library's own messages.

What it speaks is a tone for each character. It runs in threads of its own, so that a test may have
any number of event loops.
"""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import grpc
from google.cloud import texttospeech_v1 as google

from adapter.plugin_api import SpeechRequest
from plugins.tts_google import GoogleTTS
from tests.fakes.speech import hum

MALE, FEMALE, NEUTRAL = (google.SsmlVoiceGender[name] for name in ("MALE", "FEMALE", "NEUTRAL"))

VOICES = {
    "en-US-Wavenet-A": MALE,
    "en-US-Standard-B": MALE,
    "en-US-Standard-C": FEMALE,
    "en-US-Studio-O": FEMALE,
    "en-AU-Standard-A": FEMALE,
    "cmn-CN-Standard-A": NEUTRAL,
}


def listed(name: str, gender: google.SsmlVoiceGender) -> google.Voice:
    """A voice as Google lists it; its language is the beginning of its name."""
    return google.Voice(
        name=name,
        language_codes=["-".join(name.split("-")[:2])],
        ssml_gender=gender,
        natural_sample_rate_hertz=24000,
    )


def tone(text: str, rate: int) -> bytes:
    """A WAV file of 20 ms for each character."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(hum(0.02 * len(text), rate))
    return content.getvalue()


class Service:
    """Google Cloud Text-to-Speech on this machine.

    Attributes:
        voices: what it lists.
        asked: the requests for speech, as they came.
        tokens: the `authorization` of each request that had one.
        answer: makes the audio of a request, or aborts.
        refuse: aborts the list of voices when set.
        gate: requests for speech wait here; open at first.
        gone: set when a request was cancelled by the client.
    """

    def __init__(self, tls: grpc.ServerCredentials | None = None) -> None:
        self.tokens: list[str] = []
        self.voices = [listed(name, gender) for name, gender in VOICES.items()]
        self.asked: list[google.SynthesizeSpeechRequest] = []
        self.answer: Callable[[google.SynthesizeSpeechRequest, grpc.ServicerContext], bytes]
        self.answer = lambda request, _: spoken(request)
        self.refuse: Callable[[grpc.ServicerContext], None] = lambda _: None
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.gone = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(10))
        name = "google.cloud.texttospeech.v1.TextToSpeech"
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, self._methods())]
        )
        if tls is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            port = self._server.add_secure_port("127.0.0.1:0", tls)
        self.endpoint = f"127.0.0.1:{port}"
        self._server.start()

    def close(self) -> None:
        """End, whatever is under way."""
        self.gate.set()
        self._server.stop(None).wait()

    async def start(self, **settings: object) -> GoogleTTS:
        """The plug-in, connected to this."""
        return await GoogleTTS.start({"endpoint": self.endpoint, "insecure": True, **settings})

    def _methods(self) -> dict[str, grpc.RpcMethodHandler]:
        return {
            "ListVoices": grpc.unary_unary_rpc_method_handler(
                self._list,
                google.ListVoicesRequest.deserialize,
                google.ListVoicesResponse.serialize,
            ),
            "SynthesizeSpeech": grpc.unary_unary_rpc_method_handler(
                self._synthesize,
                google.SynthesizeSpeechRequest.deserialize,
                google.SynthesizeSpeechResponse.serialize,
            ),
        }

    def _note(self, context: grpc.ServicerContext) -> None:
        metadata = dict(context.invocation_metadata())
        self.tokens += [metadata["authorization"]] if "authorization" in metadata else []

    def _list(self, _: object, context: grpc.ServicerContext) -> google.ListVoicesResponse:
        self._note(context)
        self.refuse(context)
        return google.ListVoicesResponse(voices=self.voices)

    def _synthesize(
        self, request: google.SynthesizeSpeechRequest, context: grpc.ServicerContext
    ) -> google.SynthesizeSpeechResponse:
        self._note(context)
        self.asked.append(request)
        context.add_callback(lambda: self.gone.set() if not self.gate.is_set() else None)
        self.started.set()
        self.gate.wait(20)
        return google.SynthesizeSpeechResponse(audio_content=self.answer(request, context))


def spoken(request: google.SynthesizeSpeechRequest) -> bytes:
    """The tone of a request: of SSML, of what is left without its tags."""
    text = request.input.text or "".join(ElementTree.fromstring(request.input.ssml).itertext())  # noqa: S314
    return tone(text, request.audio_config.sample_rate_hertz)


def hello(**fields: object) -> SpeechRequest:
    """A request for one word."""
    return SpeechRequest(**{"text": "hello", "language": "en-US", **fields})  # type: ignore[arg-type]
