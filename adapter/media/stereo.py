"""Two mono recordings as one stereo file, made in pieces: an hour takes no more memory than 10 s.

Both are WAV files as Asterisk records them, 8 kHz, mono, 16 bits. It waits for the disk: call it in
a thread.
"""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path
from typing import IO, Final

import numpy as np

from adapter.media import wav

_BLOCK: Final = 65536 * 2  # bytes of one side at a time
_FRAME: Final = 4  # bytes of both sides


def interleave(left: Path, right: Path, target: Path, mode: int) -> None:
    """Write `target`, whole or not at all; the shorter side ends in silence.

    Args:
        left: becomes the left channel.
        right: becomes the right channel.
        target: is replaced when it is there.
        mode: of the file, as for chmod.

    Raises:
        FileNotFoundError: a side is not there.
        OSError: a file can't be read or written.
    """
    with left.open("rb") as a, right.open("rb") as b:
        frames = max(_samples(a), _samples(b))
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as made:
            temporary = Path(made.name)
            try:
                made.write(_header(frames))
                for start in range(0, frames * 2, _BLOCK):
                    length = min(_BLOCK, frames * 2 - start)
                    made.write(_both(_part(a, length), _part(b, length)))
                made.flush()
                os.fchmod(made.fileno(), mode)
                os.fsync(made.fileno())
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


def _samples(file: IO[bytes]) -> int:
    """How many there are; the file stands at the first one then."""
    size = file.seek(0, os.SEEK_END)
    file.seek(wav.HEADER_SIZE)
    return max(0, size - wav.HEADER_SIZE) // 2


def _part(file: IO[bytes], length: int) -> bytes:
    return file.read(length).ljust(length, b"\0")


def _both(left: bytes, right: bytes) -> bytes:
    frames = np.empty((len(left) // 2, 2), "<i2")
    frames[:, 0] = np.frombuffer(left, "<i2")
    frames[:, 1] = np.frombuffer(right, "<i2")
    return frames.tobytes()


def _header(frames: int) -> bytes:
    size = frames * _FRAME
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + 36, b"WAVE", b"fmt ", 16),
        *(1, 2, wav.RATE, wav.RATE * _FRAME, _FRAME, 16),
        *(b"data", size),
    )
