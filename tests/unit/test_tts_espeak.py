"""espeak-ng, the real one: the conformance kit, its voices, its settings, and that it is killed.

The program is the one in ARI_VOICE_ESPEAK, else `espeak-ng` on PATH; without it the tests fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
from pathlib import Path

import pytest

from adapter.plugin_api import (
    TTS,
    CannotStart,
    Gender,
    SpeechRequest,
    Timeout,
    Unavailable,
    VoiceNotSupported,
)
from adapter.plugin_api.kit import TTSConformance
from plugins.tts_espeak import EspeakTTS
from plugins.tts_espeak.voices import languages

TABLE = """\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  en-029          --/M      English_(Caribbean) gmw/en-029           (en 10)
 2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)
 2  en-us           --/M      English_(America)  gmw/en-US            (en 3)
 5  nb              --/M      Norwegian_Bokmål  gmq/nb               (no 5)
 5  yue             --/M      Chinese_(Cantonese) sit/yue              (zh-yue 5)(zh 8)
 5  yue             --/M      Chinese_(Cantonese,_latin_as_Jyutping) sit/yue-Latn-jyutping
 5  chr-US-Qaaa-x-west --/M      Cherokee_          iro/chr
"""


def espeak() -> str:
    command = os.environ.get("ARI_VOICE_ESPEAK") or shutil.which("espeak-ng")
    if command is None:
        pytest.fail("no espeak-ng: put it on PATH, or its path into ARI_VOICE_ESPEAK")
    return command


async def start(**settings: object) -> EspeakTTS:
    return await EspeakTTS.start({"command": espeak(), **settings})


def script(path: Path, *, speak: str) -> str:
    """A program that lists voices like espeak-ng, and instead of speaking does `speak`."""
    real = espeak()
    path.write_text(
        f'#!/bin/sh\ncase "$1" in --version|--voices*) exec {real} "$@";; esac\n{speak}\n'
    )
    path.chmod(0o755)
    return str(path)


def hello(**fields: object) -> SpeechRequest:
    return SpeechRequest(**{"text": "hello", "language": "en-US", **fields})  # type: ignore[arg-type]


class TestConformance(TTSConformance):
    """The shipped kit, against the real program."""

    language = "en-US"

    async def start(self) -> TTS:
        return await start()


def test_table_of_voices() -> None:
    """Own tags win over claims, the best claim gets a tag, letter case is BCP 47's."""
    found = languages(TABLE, female=False)
    assert {tag: voices[0].name for tag, voices in found.items()} == {
        "en-029": "en-029",
        "en-GB": "en-gb",
        "en-US": "en-us",
        "nb": "nb",
        "yue": "yue",
        "chr-US-Qaaa-x-west": "chr-US-Qaaa-x-west",
        "en": "en-gb",
        "no": "nb",
        "zh-yue": "yue",
        "zh": "yue",
    }


def test_female_voice_is_a_variant() -> None:
    """Each language has a male and a female voice when the variant is there, else only a male."""
    genders = {v.name: v.gender for v in languages(TABLE, female=True)["en-US"]}
    assert genders == {"en-us": Gender.MALE, "en-us+f3": Gender.FEMALE}
    assert [v.gender for v in languages(TABLE, female=False)["en-US"]] == [Gender.MALE]


async def test_real_program_has_the_languages_of_the_documents() -> None:
    """English of both kinds, German, French, Spanish, Hindi: each male and female."""
    tts = await start()
    for tag in ("en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "hi-IN"):
        for gender in (Gender.MALE, Gender.FEMALE):
            assert tts.capabilities.pick(tag, gender.value)[1].gender is gender


async def test_voices_differ() -> None:
    """Male and female are really two voices, and languages really differ."""
    tts = await start()
    spoken = {
        (language, voice): (await tts.synthesize(hello(language=language, voice=voice))).pcm
        for language in ("en-US", "de")
        for voice in ("male", "female")
    }
    assert len(set(spoken.values())) == 4


async def test_rate_and_pitch() -> None:
    """A doubled rate is about half as long; pitch changes the sound, not the length."""
    tts = await start()
    text = "one two three four five six seven eight"
    plain = await tts.synthesize(hello(text=text))
    fast = await tts.synthesize(hello(text=text, rate=2.0))
    high = await tts.synthesize(hello(text=text, pitch=6.0))
    assert 0.3 < fast.seconds / plain.seconds < 0.65
    assert high.pcm != plain.pcm
    assert 0.9 < high.seconds / plain.seconds < 1.1


async def test_phonemes_are_text() -> None:
    """`[[h@l@U]]` is spelt out, and however many brackets there are: never taken for phonemes."""
    tts = await start()
    obeyed = await tts.synthesize(hello(text="hello"))
    for text in ("[[h@l@U]]", "[[[h@l@U]]]", "[[[[h@l@U]]]]", "[\x02[h@l@U]]", "[\ue000[h@l@U]]"):
        spoken = await tts.synthesize(hello(text=text))
        assert spoken.seconds > 1.1 * obeyed.seconds, text


async def test_voice_name_is_no_option() -> None:
    """Only listed voices reach the command line."""
    tts = await start()
    with pytest.raises(VoiceNotSupported):
        await tts.synthesize(hello(voice="-h"))


async def test_cancel_kills_program_and_its_children(tmp_path: Path) -> None:
    """A cancelled synthesis kills the script around espeak-ng and what that started."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = script(tmp_path / "slow", speak=f'sleep 600 & echo $$ $! > "{fifo}"; wait')
    tts = await EspeakTTS.start({"command": command})
    task = asyncio.create_task(tts.synthesize(hello()))
    pids = [int(pid) for pid in (await asyncio.to_thread(fifo.read_text)).split()]
    with contextlib.ExitStack() as stack:
        ends = [os.pidfd_open(pid) for pid in pids]
        for end in ends:
            stack.callback(os.close, end)
        assert select.select(ends, [], [], 0)[0] == []  # both run
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for end in ends:
            assert select.select([end], [], [], 5)[0] == [end]


async def test_timeout_kills_program(tmp_path: Path) -> None:
    """A program that hangs is a retryable Timeout, and the next text is spoken by a new one."""
    once = tmp_path / "once"
    command = script(
        tmp_path / "hangs", speak=f'mkdir "{once}" && exec sleep 600; exec {espeak()} "$@"'
    )
    tts = await EspeakTTS.start({"command": command, "timeout": 1.5, "concurrency": 1})
    with pytest.raises(Timeout) as fault:
        await tts.synthesize(hello())
    assert fault.value.retryable
    assert (await tts.synthesize(hello())).seconds > 0.3


@pytest.mark.parametrize("speak", ["exit 3", "exit 0", "echo no audio", "kill -9 $$"])
async def test_failing_program_is_unavailable(tmp_path: Path, speak: str) -> None:
    """A failure, nothing, or no WAV at all is Unavailable."""
    tts = await EspeakTTS.start({"command": script(tmp_path / "bad", speak=speak)})
    with pytest.raises(Unavailable):
        await tts.synthesize(hello())


async def test_program_gone_after_start(tmp_path: Path) -> None:
    """A program that was removed meanwhile is Unavailable, not an OSError."""
    command = script(tmp_path / "gone", speak="exit 1")
    tts = await EspeakTTS.start({"command": command})
    await asyncio.to_thread(Path(command).unlink)
    with pytest.raises(Unavailable):
        await tts.synthesize(hello())


async def test_concurrency_is_bounded(tmp_path: Path) -> None:
    """Never more processes at a time than configured."""
    running = tmp_path / "running"
    running.mkdir()
    count = tmp_path / "count"
    command = script(
        tmp_path / "counts",
        speak=f'touch "{running}/$$"; ls "{running}" | wc -l >> "{count}"; '
        f'{espeak()} "$@"; sleep 0.05; rm "{running}/$$"',
    )
    tts = await EspeakTTS.start({"command": command, "concurrency": 2})
    await asyncio.gather(*(tts.synthesize(hello(text=f"number {n}")) for n in range(8)))
    seen = [int(line) for line in count.read_text().split()]
    assert len(seen) == 8
    assert max(seen) <= 2


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"command": "no-such-program-here"}, "no-such-program-here"),
        ({"comand": "espeak-ng"}, "comand"),
        ({"command": 3}, "command"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": True}, "concurrency"),
        ({"command": "/bin/true"}, "/bin/true"),
        ({"command": "/bin/false"}, "/bin/false"),
    ],
)
async def test_bad_settings(settings: dict[str, object], word: str) -> None:
    """What can't work is CannotStart and names the setting."""
    with pytest.raises(CannotStart, match=word):
        await EspeakTTS.start(settings)


async def test_version_names_the_engine() -> None:
    """The version changes with espeak-ng's own, so its cached speech gets stale."""
    tts = await start()
    assert tts.version.startswith("1/1.")
