"""Two mono recordings as one stereo file."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from adapter.media import stereo, wav


def write(path: Path, samples: np.ndarray) -> Path:
    path.write_bytes(wav.write(samples.astype("<i2").tobytes()))
    return path


def frames(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


@pytest.mark.parametrize("length", [0, 1, 65536, 200_001])
def test_sides_stay_apart(tmp_path: Path, length: int) -> None:
    """Each sample is in its own channel, at its own time, over the borders of the pieces."""
    left, right = np.arange(length) % 30000, -(np.arange(length) % 20000)
    target = tmp_path / "s.wav"
    stereo.interleave(write(tmp_path / "l", left), write(tmp_path / "r", right), target, 0o640)
    made = frames(target)
    assert np.array_equal(made[:, 0], left)
    assert np.array_equal(made[:, 1], right)
    assert target.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(("one", "two"), [(100_000, 10), (10, 100_000), (0, 70_000)])
def test_shorter_side_ends_in_silence(tmp_path: Path, one: int, two: int) -> None:
    """After a crash the two may differ in length; nothing of the longer one is lost."""
    target = tmp_path / "s.wav"
    left, right = (write(tmp_path / str(n), np.full(n, 7)) for n in (one, two))
    stereo.interleave(left, right, target, 0o600)
    made = frames(target)
    assert len(made) == max(one, two)
    assert made.sum(axis=0).tolist() == [7 * one, 7 * two]


def test_missing_side_leaves_nothing(tmp_path: Path) -> None:
    """No half file is left behind."""
    left = write(tmp_path / "l", np.zeros(10))
    with pytest.raises(FileNotFoundError):
        stereo.interleave(left, tmp_path / "r", tmp_path / "s.wav", 0o640)
    assert list(tmp_path.iterdir()) == [left]


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """A target that cannot be replaced leaves no temporary file."""
    left = write(tmp_path / "l", np.zeros(10))
    (tmp_path / "s.wav" / "x").mkdir(parents=True)
    with pytest.raises(OSError, match=r"s\.wav"):
        stereo.interleave(left, left, tmp_path / "s.wav", 0o640)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["l", "s.wav"]
