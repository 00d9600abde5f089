"""From phrases to media URIs: voices, stored files, safe paths, the default greeting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.core.model import Media, Phrase
from adapter.media import wav
from adapter.media.prompts import (
    DEFAULT_GREETING,
    PromptError,
    PromptMissing,
    Prompts,
    path_of,
)
from adapter.media.tts_cache import Limits, TtsCache
from adapter.plugin_api import (
    BadRequest,
    Capabilities,
    Gender,
    Unavailable,
    VoiceNotSupported,
)
from tests.fakes.speech import ScriptedTTS, voice
from tests.unit.test_tts_cache import Counts

TONE = wav.write(bytes(4000))
FRENCH = Capabilities(
    languages={"fr": (voice("Zoe", Gender.FEMALE),), "en-US": (voice("Max", Gender.MALE),)},
    ssml=False,
    max_chars=300,
)


@pytest.fixture
async def tts() -> ScriptedTTS:
    return ScriptedTTS()


@pytest.fixture
async def prompts(tmp_path: Path, tts: ScriptedTTS) -> AsyncIterator[Prompts]:
    cache = TtsCache(tmp_path / "tts", Limits(pause=0.0), Counts())
    yield Prompts(tmp_path, cache, [tts, ScriptedTTS(FRENCH, version="french")])
    await cache.close()


def played(*media: Media) -> list[Path]:
    """The files that Asterisk will look for: without comma or `&`, and all of them there."""
    paths = []
    for medium in media:
        scheme, _, path = medium.uri.partition(":")
        assert scheme == "sound"
        assert not set(path) & set(",&")
        assert not path.endswith(".wav")
        paths.append(Path(f"{path}.wav"))
        assert paths[-1].is_absolute()
        assert paths[-1].is_file()
    return paths


async def test_speech(prompts: Prompts, tmp_path: Path) -> None:
    """A text is a file below the media folder, named without its ending, and its length."""
    media = await prompts.speech("hello", "en-US", "female")
    assert media.seconds == 0.1
    (path,) = played(media)
    assert path.is_relative_to(tmp_path / "tts")
    assert wav.seconds_of(path) == 0.1


@pytest.mark.parametrize(
    ("language", "wanted", "supported"),
    [
        ("en-US", "male", True),
        ("en-us", "FEMALE", True),
        ("en-AU", "Male", True),
        ("en", "Ann", True),
        ("en-US", "Max", True),
        ("fr-CA", "female", True),
        ("fr-CA", "male", False),
        ("en", "Zoe", False),
        ("xx", "female", False),
        ("", "female", False),
    ],
)
async def test_supports(prompts: Prompts, language: str, wanted: str, supported: bool) -> None:
    """What is answered before the reply is what the rendering then does."""
    assert prompts.supports(language, wanted) is supported
    if supported:
        assert (await prompts.speech("hello", language, wanted)).seconds == 0.1
    else:
        with pytest.raises(VoiceNotSupported):
            await prompts.speech("hello", language, wanted)


async def test_first_provider_with_the_voice_speaks(prompts: Prompts, tts: ScriptedTTS) -> None:
    """Providers are asked in their order; a later one only for what the earlier does not have."""
    await prompts.speech("hello", "en-US", "male")
    await prompts.speech("hello", "fr", "female")
    await prompts.speech("hello", "en-US", "Max")
    assert [request.voice for request in tts.asked] == ["Joe"]


async def test_faults_of_speech_pass(prompts: Prompts, tts: ScriptedTTS) -> None:
    """The error of the only provider with the voice reaches the caller of `speech` as it is."""
    with pytest.raises(BadRequest):
        await prompts.speech(" ", "en", "male")
    tts.faults = [Unavailable("no"), Unavailable("still no")]
    with pytest.raises(Unavailable, match="still no"):
        await prompts.speech("hello", "de", "female")


async def test_store_and_play(prompts: Prompts, tmp_path: Path) -> None:
    """A stored prompt is found by its path and is what Asterisk plays."""
    path = await prompts.store("app-1", "welcome", TONE)
    assert path == path_of("app-1", "welcome") == "prompts/app-1/welcome.wav"
    media = prompts.file(path)
    assert media == Media(uri=f"sound:{tmp_path}/prompts/app-1/welcome", seconds=0.25)
    played(media)


async def test_store_replaces(prompts: Prompts) -> None:
    """The same name again is the new content."""
    await prompts.store("app", "welcome", TONE)
    path = await prompts.store("app", "welcome", wav.write(bytes(8000)))
    assert prompts.file(path).seconds == 0.5


async def test_store_refuses_what_is_no_wav(prompts: Prompts, tmp_path: Path) -> None:
    """The error says what is wrong, and nothing is kept."""
    with pytest.raises(PromptError, match="not a WAV file"):
        await prompts.store("app", "welcome", b"ID3 mp3")
    assert not (tmp_path / "prompts").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        ".hidden",
        "a/b",
        "a,b",
        "a&b",
        "50% off",
        "naïve ☎",
        "--help",
        "a\0b",
        "\ud800",
        "new\nline",
        "sound:beep",
        "x.wav",
    ],
)
async def test_odd_names_are_kept_safely(prompts: Prompts, tmp_path: Path, name: str) -> None:
    """Any name works for owner and prompt, below the folder, without special characters."""
    path = await prompts.store(name, name, TONE)
    (file,) = played(prompts.file(path))
    assert file.parent.parent == tmp_path / "prompts"
    assert file.resolve() == file


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=6, unique=True))
def test_names_do_not_collide(names: list[str]) -> None:
    """Different names are different files."""
    assert len({path_of("app", name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["", "x" * 201, "☎" * 30])
def test_names_that_fit_no_file(name: str) -> None:
    """Nothing and too much are refused before anything is written."""
    with pytest.raises(PromptError):
        path_of("app", name)
    with pytest.raises(PromptError):
        path_of(name, "welcome")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd.wav",
        "../outside.wav",
        "prompts/../../outside.wav",
        "prompts/a,b.wav",
        "prompts/a&b.wav",
        "prompts/a\0.wav",
        "prompts/welcome",
        "prompts/welcome.mp3",
        "prompts/bad.wav",
        "prompts/folder.wav",
    ],
)
async def test_files_that_are_not_played(prompts: Prompts, tmp_path: Path, path: str) -> None:
    """Paths that lead out, that Asterisk would split, and files that it can't play."""
    (tmp_path.parent / "outside.wav").write_bytes(TONE)
    for name in ("a,b.wav", "a&b.wav", "welcome.mp3", "welcome"):
        wav.save(tmp_path / "prompts" / name, TONE)
    wav.save(tmp_path / "prompts" / "bad.wav", TONE[:-1])
    (tmp_path / "prompts" / "folder.wav").mkdir()
    with pytest.raises(PromptError):
        prompts.file(path)


async def test_missing_file(prompts: Prompts) -> None:
    """A prompt that is not there has its own error: a contract answers it with 404."""
    with pytest.raises(PromptMissing):
        prompts.file(path_of("app", "nothing"))


async def test_prepare_in_order(prompts: Prompts, tts: ScriptedTTS) -> None:
    """One medium for each phrase, in order, with its length; texts are rendered at one time."""
    path = await prompts.store("app", "beep", TONE)
    tts.gate.clear()
    task = asyncio.create_task(
        prompts.prepare(
            [
                Phrase(text="hello", language="en", voice="male"),
                Phrase(file=path),
                Phrase(text="goodbye", language="en", voice="male"),
            ]
        )
    )
    while tts.working < 2:
        await asyncio.sleep(0)
    tts.gate.set()
    media = await task
    lengths = [wav.seconds_of(file) for file in played(*media)]
    assert lengths == [0.1, 0.25, 0.14]
    assert [each.seconds for each in media] == lengths


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        (Phrase(file="prompts/none.wav"), "none.wav"),
        (Phrase(text="hello", language="xx", voice="male"), "xx"),
        (Phrase(), "not a .wav"),
    ],
)
async def test_prepare_has_one_error(
    prompts: Prompts, tts: ScriptedTTS, phrase: Phrase, words: str
) -> None:
    """Whatever can't be had is a PromptError that says why; the other renders are given up."""
    tts.gate.clear()
    with pytest.raises(PromptError, match=words):
        await prompts.prepare([Phrase(text="hello", language="en", voice="male"), phrase])
    assert tts.working == 0


async def test_prepare_cancelled(prompts: Prompts, tts: ScriptedTTS) -> None:
    """The call is over: the renders for it are given up."""
    tts.gate.clear()
    phrase = Phrase(text="hello", language="en", voice="male")
    task = asyncio.create_task(prompts.prepare([phrase]))
    await tts.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert tts.working == 0


async def test_default_greeting(prompts: Prompts) -> None:
    """The greeting that we ship is a phrase like any other."""
    (media,) = await prompts.prepare([DEFAULT_GREETING])
    assert media.seconds > 0.5


@pytest.mark.parametrize("folder", ["relative", "/a,b", "/a&b", "/a\nb", "/100%", "/a:b"])
def test_folder_that_asterisk_can_not_play_from(tmp_path: Path, folder: str) -> None:
    """Said at start, not at the first call."""
    with pytest.raises(ValueError, match="Asterisk"):
        Prompts(Path(folder), TtsCache(tmp_path, Limits(), Counts()), [])
