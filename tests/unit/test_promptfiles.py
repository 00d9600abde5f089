"""Prompt files of domains on a real disk: names, both copies, replacing, deleting, listing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.media import wav
from adapter.media.promptfiles import PromptFiles, keep
from adapter.media.prompts import Prompts
from adapter.media.tts_cache import Limits, TtsCache
from tests.unit.test_decoding import coded
from tests.unit.test_tts_cache import Counts
from tests.unit.test_wav import riff

ONE, TWO = "one.example", "two.example"
TONE = wav.write(bytes(4000))
WIDE = riff(bytes(32000), rate=16000, channels=2, bits=16)  # half a second

ODD = [
    "../../etc/passwd",
    "..",
    ".hidden",
    "a/b",
    "a,b&c",
    "50%",
    "%2e%2e%2f",
    "☎",
    "a\0b",
    "\ud800",
]


@pytest.fixture
def files(tmp_path: Path) -> PromptFiles:
    return PromptFiles(tmp_path)


def on_disk(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def nowhere(files: PromptFiles, domain: str, name: str) -> bool:
    return files.path_of(domain, name) is None and files.original(domain, name) is None


async def test_both_copies_are_kept(files: PromptFiles, tmp_path: Path) -> None:
    """The original is fetched as it came; what is played is 8 kHz mono of the same length."""
    await files.put(ONE, "welcome.wav", WIDE)
    original, played = files.original(ONE, "welcome.wav"), files.path_of(ONE, "welcome.wav")
    assert original is not None
    assert original.read_bytes() == WIDE
    assert played is not None
    assert not Path(played).is_absolute()
    assert wav.seconds_of(tmp_path / played) == pytest.approx(0.5)
    assert on_disk(tmp_path) == [
        "domains/one=2Eexample/files/welcome=2Ewav",
        "domains/one=2Eexample/welcome.wav",
        "domains/one=2Eexample/welcome.wav16",
    ]


async def test_what_is_stored_can_be_played(files: PromptFiles, tmp_path: Path) -> None:
    """The path is one that the prompts take, for odd names too."""
    cache = TtsCache(tmp_path / "tts", Limits(), Counts())
    prompts = Prompts(tmp_path, cache, [])
    for name in ODD:
        await files.put(ONE, name, TONE)
        path = files.path_of(ONE, name)
        assert path is not None
        assert prompts.file(path).seconds == 0.25
    await cache.close()


async def test_with_and_without_ending_is_one_file(files: PromptFiles) -> None:
    """Found by either name; the last one put is what is there and how it is called."""
    await files.put(ONE, "a.wav", TONE)
    for name in ("a", "a.wav"):
        assert files.path_of(ONE, name) is not None
        assert files.original(ONE, name) is not None
    await files.put(ONE, "a", WIDE)
    assert await files.listed(ONE, "", 9) == [("a", len(WIDE))]
    original = files.original(ONE, "a.wav")
    assert original is not None
    assert original.read_bytes() == WIDE
    assert await files.delete(ONE, "a.wav")
    assert nowhere(files, ONE, "a")


@pytest.mark.parametrize("name", ["a.WAV", "A", "a.mp3", "a.wavx", "awav"])
async def test_other_names_are_other_files(files: PromptFiles, name: str) -> None:
    """Only `.wav` may be left out."""
    await files.put(ONE, "a.wav", TONE)
    assert nowhere(files, ONE, name)
    assert not await files.delete(ONE, name)


async def test_domains_do_not_see_one_another(files: PromptFiles, tmp_path: Path) -> None:
    """No name, however it is written, reaches the other domain's file."""
    await files.put(ONE, "a.wav", TONE)
    ways = ["a.wav", "../one.example/a.wav", "../one=2Eexample/a", str(tmp_path / "domains/a")]
    for name in ways:
        assert nowhere(files, TWO, name)
        assert not await files.delete(TWO, name)
    assert await files.listed(TWO, "", 9) == []
    for domain in ("", ".", "..", "one", "one.example/", "ONE.example"):
        assert files.path_of(domain, "a.wav") is None
    assert files.original(ONE, "a.wav") is not None


@given(name=st.text(max_size=40), domain=st.text(max_size=10))
def test_no_name_leaves_its_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str, domain: str
) -> None:
    """Whatever is stored is below the media folder, in two folders of its domain's own."""
    folder = tmp_path_factory.mktemp("media")
    files = PromptFiles(folder)
    try:
        files._put(domain, name, TONE)
    except ValueError:
        assert on_disk(folder) == []
        return
    stored = on_disk(folder)
    assert len(stored) == 2
    assert {len(Path(one).parts) for one in stored} == {3, 4}
    assert files._listed(domain, "", 9) == [(name, len(TONE))]


@pytest.mark.parametrize("name", ["", ".wav", "x" * 201, "☎" * 30, "a.wav.wav"])
async def test_names_that_fit_no_file(files: PromptFiles, tmp_path: Path, name: str) -> None:
    """Refused before anything is written, and found nowhere."""
    with pytest.raises(ValueError, match="name"):
        await files.put(ONE, name, TONE)
    assert nowhere(files, ONE, name)
    assert not await files.delete(ONE, name)
    assert on_disk(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"ID3 an mp3", TONE[:-1], wav.write(b"")])
async def test_only_audio(files: PromptFiles, tmp_path: Path, content: bytes) -> None:
    """What can't be played is refused, and what was there before stays."""
    await files.put(ONE, "a.wav", TONE)
    before = on_disk(tmp_path)
    with pytest.raises(ValueError, match=r"WAV|MP3"):
        await files.put(ONE, "a.wav", content)
    assert on_disk(tmp_path) == before
    original = files.original(ONE, "a.wav")
    assert original is not None
    assert original.read_bytes() == TONE


async def test_two_at_once_are_one_of_them(files: PromptFiles, tmp_path: Path) -> None:
    """What is fetched and what is played are of the same upload."""
    lengths = [wav.write(bytes(2000 * size)) for size in range(1, 9)]
    await asyncio.gather(
        *(files.put(ONE, f"a{'.wav' * (n % 2)}", c) for n, c in enumerate(lengths))
    )
    original, played = files.original(ONE, "a"), files.path_of(ONE, "a")
    assert original is not None
    assert played is not None
    assert original.read_bytes() in lengths
    assert (tmp_path / played).read_bytes() == original.read_bytes()
    assert len(await files.listed(ONE, "", 9)) == 1
    assert len(on_disk(tmp_path)) == 2


async def test_deleting(files: PromptFiles, tmp_path: Path) -> None:
    """Both copies go; a second time there is nothing; others stay."""
    await files.put(ONE, "a.wav", TONE)
    await files.put(ONE, "b.wav", TONE)
    assert await files.delete(ONE, "a.wav")
    assert not await files.delete(ONE, "a.wav")
    assert await files.listed(ONE, "", 9) == [("b.wav", len(TONE))]
    assert len(on_disk(tmp_path)) == 2


async def test_listing(files: PromptFiles, tmp_path: Path) -> None:
    """In the order of names, from where one wants, and without what is not finished."""
    for name in ("b", "ä.wav", "a=2E", "a b.wav"):
        await files.put(ONE, name, TONE)
    folder = tmp_path / "domains" / "one=2Eexample" / "files"
    (folder / "tmpxyz.tmp").write_bytes(b"half")
    names = [name for name, _ in await files.listed(ONE, "", 9)]
    assert names == ["a b.wav", "a=2E", "b", "ä.wav"]
    assert await files.listed(ONE, "a=2E", 1) == [("b", len(TONE))]
    assert await files.listed(ONE, "ä.wav", 9) == []


async def test_a_disk_that_refuses(files: PromptFiles, tmp_path: Path) -> None:
    """It is an OSError, for whoever words it."""
    (tmp_path / "domains").write_text("in the way")
    with pytest.raises(OSError, match="domains"):
        await files.put(ONE, "a.wav", TONE)


async def test_other_formats(files: PromptFiles, tmp_path: Path) -> None:
    """A FLAC file is played as one is; raw G.711 is told by its name; the originals stay."""
    flac, raw = coded("flac", "flac", 44100), bytes([0x55] * 4000)
    for name, content in (("a.flac", flac), ("b.alaw", raw), ("b.ulaw", raw)):
        await files.put(ONE, name, content)
        path, original = files.path_of(ONE, name), files.original(ONE, name)
        assert path is not None
        assert original is not None
        assert original.read_bytes() == content
        seconds = wav.seconds_of(tmp_path / path)
        assert seconds == pytest.approx(1.0 if name == "a.flac" else 0.5)
    with pytest.raises(ValueError, match="not a WAV file"):
        await files.put(ONE, "b.raw", raw)


async def test_a_narrow_file_takes_the_place_of_a_wide_one(
    files: PromptFiles, tmp_path: Path
) -> None:
    """No call hears the wide audio of the file before."""
    await files.put(ONE, "a.wav", WIDE)
    await files.put(ONE, "a.wav", TONE)
    assert not [name for name in on_disk(tmp_path) if name.endswith(".wav16")]
    await files.put(ONE, "a.wav", WIDE)
    await files.delete(ONE, "a.wav")
    assert on_disk(tmp_path) == []


async def test_forgetting_a_domain(files: PromptFiles, tmp_path: Path) -> None:
    """All of its files go, nobody else's; one without files is no error."""
    await files.put(ONE, "a.wav", WIDE)
    await files.put(TWO, "a.wav", TONE)
    await files.forget(ONE)
    await files.forget(ONE)
    assert nowhere(files, ONE, "a.wav")
    assert files.original(TWO, "a.wav") is not None


def test_prompts_of_apps_are_named_by_content(tmp_path: Path) -> None:
    """The same file is kept once, and is not written again; raw ones differ by their format."""
    path, digest = keep(tmp_path, WIDE)
    assert path == f"prompts/{digest[:2]}/{digest[2:]}.wav"
    assert on_disk(tmp_path) == [path, path + "16"]
    written = (tmp_path / path).stat().st_mtime_ns
    assert keep(tmp_path, WIDE, "other.wav") == (path, digest)
    assert (tmp_path / path).stat().st_mtime_ns == written
    raw = bytes([0x55] * 4000)
    one, two = keep(tmp_path, raw, "a.ulaw"), keep(tmp_path, raw, "a.alaw")
    assert one[0] != two[0]
    assert one[1] == two[1]
    assert (tmp_path / one[0]).read_bytes() != (tmp_path / two[0]).read_bytes()
