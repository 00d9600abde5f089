"""Google's own client against a gRPC server of ours: the kit, requests, audio, settings, the log.

The server is `tests.fakes.google_tts`; what it speaks is a tone for each character.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import texttospeech_v1 as google

from adapter.plugin_api import (
    TTS,
    BadRequest,
    CannotStart,
    Gender,
    Timeout,
    Unavailable,
)
from adapter.plugin_api.kit import TTSConformance
from plugins.tts_google import GoogleTTS
from plugins.tts_google.tts import MAX_BYTES
from tests.fakes.google_tts import Service, hello, tone
from tests.fakes.speech import hum


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


class TestConformance(TTSConformance):
    """The shipped kit, with Google's client in between."""

    @pytest.fixture(autouse=True)
    def _service(self, service: Service) -> None:
        self.service = service

    async def start(self) -> TTS:
        return await self.service.start()


async def test_request_says_voice_and_format(service: Service) -> None:
    """The voice by name with its language, 16-bit samples at the rate that was set."""
    tts = await service.start(sample_rate=8000)
    speech = await tts.synthesize(hello(voice="female"))
    (asked,) = service.asked
    assert (asked.input.text, asked.input.ssml) == ("hello", "")
    assert (asked.voice.language_code, asked.voice.name) == ("en-US", "en-US-Standard-C")
    assert asked.audio_config == google.AudioConfig(
        audio_encoding=google.AudioEncoding.LINEAR16, sample_rate_hertz=8000
    )
    assert (speech.sample_rate, speech.seconds) == (8000, 0.1)
    await tts.close()


async def test_header_is_no_audio(service: Service) -> None:
    """The samples are those of the WAV file, without its header and other chunks."""
    tts = await service.start()
    plain = tone("hello", 16000)
    chunks = plain[8:12] + b"LIST\x04\0\0\0INFO" + plain[12:]
    with_chunk = b"RIFF" + len(chunks).to_bytes(4, "little") + chunks
    for answer in (plain, with_chunk):
        service.answer = lambda *_, answer=answer: answer
        assert (await tts.synthesize(hello())).pcm == hum(0.1, 16000)
    await tts.close()


@pytest.mark.parametrize(
    ("asked", "sent"), [(None, 0.0), (0.25, 0.25), (1.5, 1.5), (2.0, 2.0), (4.0, 2.0)]
)
async def test_rate(service: Service, asked: float | None, sent: float) -> None:
    """The rate is Google's speaking_rate, whose end is 2; none given, none sent."""
    tts = await service.start()
    await tts.synthesize(hello(rate=asked))
    assert service.asked[0].audio_config.speaking_rate == sent
    await tts.close()


async def test_pitch(service: Service) -> None:
    """Semitones are semitones."""
    tts = await service.start()
    await tts.synthesize(hello(pitch=-3.5))
    assert service.asked[0].audio_config.pitch == -3.5
    await tts.close()


async def test_ssml_is_sent_as_ssml(service: Service) -> None:
    """Markup goes where Google takes markup, and text that looks like it where it is text."""
    tts = await service.start()
    markup = "<speak>hello</speak>"
    await tts.synthesize(hello(text=markup, ssml=True))
    await tts.synthesize(hello(text=markup))
    assert [(asked.input.ssml, asked.input.text) for asked in service.asked] == [
        (markup, ""),
        ("", markup),
    ]
    await tts.close()


async def test_alias_of_a_language(service: Service) -> None:
    """`zh-CN` is spoken, and Google hears its own name of it."""
    tts = await service.start()
    await tts.synthesize(hello(language="zh-CN"))
    assert service.asked[0].voice.language_code == "cmn-CN"
    await tts.close()


@pytest.mark.parametrize("ssml", [False, True])
async def test_bytes_are_counted(service: Service, ssml: bool) -> None:
    """Google's limit is in bytes: fewer characters than that may be too many."""
    tts = await service.start()
    whole = "<speak>{}</speak>" if ssml else "{}"
    room = (MAX_BYTES - len(whole.format(""))) // 3
    assert (await tts.synthesize(hello(text=whole.format("語" * room), ssml=ssml))).seconds > 1
    with pytest.raises(BadRequest, match="5000 bytes"):
        await tts.synthesize(hello(text=whole.format("語" * (room + 1)), ssml=ssml))
    assert len(service.asked) == 1
    await tts.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ID3 mp3",
        tone("hello", 16000)[:30],
        tone("hello", 24000),
    ],
    ids=["empty", "mp3", "cut", "another rate"],
)
async def test_answer_that_is_no_speech(service: Service, answer: bytes) -> None:
    """Whatever comes instead of the ordered audio is Unavailable."""
    tts = await service.start()
    service.answer = lambda *_: answer
    with pytest.raises(Unavailable):
        await tts.synthesize(hello())
    await tts.close()


async def test_nothing_to_speak(service: Service) -> None:
    """A text of which Google makes no sound is a BadRequest."""
    tts = await service.start()
    service.answer = lambda *_: tone("", 16000)
    with pytest.raises(BadRequest):
        await tts.synthesize(hello(text="..."))
    await tts.close()


async def test_timeout(service: Service) -> None:
    """No answer in time is a retryable Timeout, Google is told, and the next text is spoken."""
    tts = await service.start(timeout=0.2)
    service.gate.clear()
    with pytest.raises(Timeout) as fault:
        await tts.synthesize(hello())
    assert fault.value.retryable
    assert await asyncio.to_thread(service.gone.wait, 5)
    service.gate.set()
    assert (await tts.synthesize(hello())).seconds == 0.1
    await tts.close()


async def test_cancel_reaches_google(service: Service) -> None:
    """A caller who hangs up ends the request at Google too, where it costs money."""
    tts = await service.start()
    service.gate.clear()
    task = asyncio.create_task(tts.synthesize(hello()))
    assert await asyncio.to_thread(service.started.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(service.gone.wait, 5)
    await tts.close()


async def test_text_is_not_logged(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's client would log requests whole at level debug; they stay out of our log."""
    caplog.set_level(logging.DEBUG)
    tts = await service.start()
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)
    await tts.synthesize(hello(text="your balance is 12"))
    assert not [line for line in caplog.records if "balance" in f"{line.getMessage()}{vars(line)}"]
    await tts.close()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"endpont": "x"}, "endpont"),
        ({"endpoint": "https://texttospeech.googleapis.com"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"endpoint": 443}, "endpoint"),
        ({"endpoint": "127.0.0.1:1\n"}, "endpoint"),
        ({"insecure": "yes"}, "insecure"),
        ({"insecure": True}, "insecure"),
        ({"insecure": True, "endpoint": "10.0.0.1:443"}, "insecure"),
        ({"insecure": True, "endpoint": "127.0.0.1.example.com"}, "insecure"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"families": []}, "families"),
        ({"families": [1]}, "families"),
        ({"families": " , "}, "families"),
        ({"sample_rate": 44100}, "sample_rate"),
        ({"sample_rate": True}, "sample_rate"),
    ],
)
async def test_bad_settings(settings: dict[str, object], word: str) -> None:
    """What can't work is CannotStart and names the setting; nothing is connected."""
    with pytest.raises(CannotStart, match=word):
        await GoogleTTS.start(settings)


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials it does not start, and says what to do."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(CannotStart, match="let GOOGLE_APPLICATION_CREDENTIALS name the key file"):
        await GoogleTTS.start({})


async def test_genders_come_from_the_list(service: Service) -> None:
    """Each gender is found where there is one, a neutral one too."""
    tts = await service.start()
    for language, gender in (("en-US", "male"), ("en-US", "female"), ("zh", "neutral")):
        assert tts.capabilities.pick(language, gender)[1].gender is Gender(gender)
    await tts.close()


async def test_version_changes_with_the_voices(service: Service) -> None:
    """The same voices are the same version, in whatever order; a voice more is another one."""
    versions = []
    for change in (lambda: None, service.voices.reverse, lambda: service.voices.pop(0)):
        change()
        tts = await service.start()
        versions.append(tts.version)
        await tts.close()
    assert versions[0] == versions[1] != versions[2]
