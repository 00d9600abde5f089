"""How much is to be heard in a recording."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 0.02  # seconds, as an RTP packet
LOUD = 300.0  # RMS of 16-bit samples; silence of a codec is below 10, speech above 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """Lengths in seconds: of the recording, and of the part in which there is sound."""

    length: float
    sound: float


def measure(recording: Path) -> Heard:
    """Measure a finished recording: mono, 16 bit.

    Raises:
        wave.Error, EOFError: it is not finished, or of another form.
    """
    with wave.open(str(recording)) as reader:
        rate = reader.getframerate()
        samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
    size = int(rate * BLOCK)
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    loud = int(np.count_nonzero(np.sqrt(np.mean(blocks**2, axis=1)) > LOUD))
    return Heard(length=len(samples) / rate, sound=loud * BLOCK)
