"""What was heard, measured: seconds with sound, and the strength of a tone."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

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
