"""What was heard, measured: seconds with sound, and tones; and what is said: speech."""

from __future__ import annotations

import math
import struct
import subprocess
import wave
from functools import cache
from io import BytesIO
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from adapter.media import wav
from tests.live.rtp_line import RATE, WINDOW, sounds

BLOCK = 0.02


def samples(path: Path) -> tuple[list[int], int]:
    """Samples of a mono 16-bit WAV file, and its rate. A file that is being written is read too."""
    with path.open("rb") as raw:
        head = raw.read(44)
        data = raw.read()
    rate = struct.unpack("<I", head[24:28])[0]
    count = len(data) // 2
    return list(struct.unpack(f"<{count}h", data[: count * 2])), rate


def length(path: Path) -> float:
    """Seconds of a finished WAV file."""
    with wave.open(str(path)) as reader:
        return reader.getnframes() / reader.getframerate()


def loud_seconds(path: Path, threshold: float = 300.0) -> float:
    """Seconds of the file in which something is to be heard (20 ms blocks above an RMS)."""
    values, rate = samples(path)
    size = int(rate * BLOCK)
    loud = 0
    for start in range(0, len(values) - size, size):
        block = values[start : start + size]
        if math.sqrt(sum(v * v for v in block) / size) > threshold:
            loud += 1
    return loud * BLOCK


@cache
def spoken(text: str) -> np.ndarray:
    """A sentence, said by espeak-ng: samples of 8 kHz."""
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", text]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(wav.to_telephone(said)[44:], "<i2")


def sides(content: bytes) -> list[np.ndarray]:
    """The samples of each channel of a finished 16-bit WAV file of 8 kHz."""
    with wave.open(BytesIO(content)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return list(samples.reshape(-1, file.getnchannels()).T.astype(float))


def story(samples: np.ndarray) -> list[set[int | str]]:
    """What is heard one after the other; what lasts less than 0.6 s is left out."""
    size = int(WINDOW * RATE)
    heard = [sounds(samples[at : at + size]) for at in range(0, len(samples) - size, size)]
    lasting = [one for one, following in pairwise(heard) if one == following]
    return [one for one, _ in groupby(lasting)]
