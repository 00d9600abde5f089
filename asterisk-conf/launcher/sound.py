"""A sound for lack of a better one: music on hold without the package that has some."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Sequence
from pathlib import Path

RATE = 8000  # Hz; Asterisk plays a .wav only as 8 kHz, mono, 16 bit


def chord(file: Path, tones: Sequence[float], seconds: float) -> None:
    """Write a quiet chord of `tones` (Hz) that swells and fades once, fit to be repeated."""
    count = int(seconds * RATE)
    samples = []
    for index in range(count):
        swell = math.sin(math.pi * index / count)
        mixed = sum(math.sin(2 * math.pi * tone * index / RATE) for tone in tones)
        samples.append(int(4000 * swell * mixed / len(tones)))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(struct.pack(f"<{count}h", *samples))
