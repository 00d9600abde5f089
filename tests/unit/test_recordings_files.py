"""Files of a recording: whole or not, repaired, measured."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path

import pytest

from adapter.core.model import Saved
from adapter.media import wav
from adapter.media.recording_files import Files, is_whole, repair
from tests.fakes.ami import UNFINISHED

PCM = bytes(range(256)) * 63  # 1.008 s


@pytest.mark.parametrize("content", [wav.write(PCM), wav.write(b"")])
def test_whole(tmp_path: Path, content: bytes) -> None:
    """A file whose header says its size, be it without any audio."""
    file = tmp_path / "a.wav"
    file.write_bytes(content)
    assert is_whole(file)
    assert not repair(file)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", UNFINISHED, UNFINISHED + PCM, wav.write(PCM)[:-2], wav.write(PCM) + b"\0\0"],
)
def test_not_whole(tmp_path: Path, content: bytes) -> None:
    """Empty, cut off, without sizes, and with wrong ones."""
    file = tmp_path / "a.wav"
    file.write_bytes(content)
    assert not is_whole(file)


def test_no_file_is_not_whole(tmp_path: Path) -> None:
    """Asterisk may not have made it yet."""
    assert not is_whole(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("content", "pcm"),
    [
        (UNFINISHED + PCM, PCM),
        (UNFINISHED + PCM + b"x", PCM),  # half a sample
        (UNFINISHED, b""),
        (UNFINISHED[:20], b""),
        (b"", b""),
        (wav.write(PCM)[:-100], PCM[:-100]),
    ],
)
def test_repair(tmp_path: Path, content: bytes, pcm: bytes) -> None:
    """What a killed Asterisk leaves becomes a file that every program reads, with all its audio."""
    file = tmp_path / "a.wav"
    file.write_bytes(content)
    assert repair(file)
    assert is_whole(file)
    with wave.open(io.BytesIO(file.read_bytes())) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (8000, 1, 2)
        assert read.readframes(read.getnframes()) == pcm
    assert file.stat().st_mode & 0o777 == 0o640


def test_finish_measures_the_mixed_file(tmp_path: Path) -> None:
    """Length, size and digest are of what a customer downloads; it says whether it repaired."""
    files = Files(f"{tmp_path}/one")
    whole = wav.write(PCM)
    for file in files.recorded:
        file.write_bytes(UNFINISHED + PCM)
    assert not files.whole()
    expected = Saved(
        seconds=len(PCM) / 16000,
        size=len(whole),
        sha256=hashlib.sha256(whole).hexdigest(),
        repaired=True,
    )
    assert files.finish() == expected
    assert [file.read_bytes() for file in files.recorded] == [whole] * 3
    assert files.whole()
    assert not files.finish().repaired


def test_finish_without_sides(tmp_path: Path) -> None:
    """The mixed file alone is a recording; the sides alone are none."""
    files = Files(f"{tmp_path}/one")
    files.caller.write_bytes(wav.write(PCM))
    with pytest.raises(FileNotFoundError):
        files.finish()
    files.caller.unlink()
    files.mixed.write_bytes(wav.write(PCM))
    assert files.finish().seconds == len(PCM) / 16000


def test_remove(tmp_path: Path) -> None:
    """All files go, the stereo one too, and nobody else's; nothing there is no error."""
    files, others = Files(f"{tmp_path}/one"), Files(f"{tmp_path}/one2")
    for file in (*files.recorded, files.stereo, others.mixed):
        file.write_bytes(b"x")
    files.remove()
    files.remove()
    assert list(tmp_path.iterdir()) == [others.mixed]
