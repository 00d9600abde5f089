"""WAV files: what users bring, and the one kind that Asterisk plays.

Asterisk's `.wav` is 8 kHz, mono, 16-bit PCM and nothing else (lab.md, 4; seen with 22.10): every
other rate, width or channel count starts to play and then fails. `to_telephone` makes it from any
PCM WAV of 8 to 48 kHz. MP3, Ogg, A-law and the like are for `adapter.media.decoding`.

The header is read here because the standard library's `wave` refuses WAVE_FORMAT_EXTENSIBLE, which
most programs write for 24-bit audio, until Python 3.12. The resampler is libsoxr through `soxr`:
a plain decimation from 22.05 kHz would fold everything above 4 kHz into the voice.
"""

from __future__ import annotations

import math
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # has neither stubs nor py.typed

RATE: Final = 8000
"""Hz, of everything that Asterisk is given to play."""

HEADER_SIZE: Final = 44
SILENCE_DBFS: Final = -50.0

Samples: TypeAlias = npt.NDArray[np.float32]  # -1.0 to 1.0

_PCM, _EXTENSIBLE = 0x0001, 0xFFFE
_FORMAT_NAMES = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "u-law", 17: "ADPCM", 85: "MP3"}
_UNKNOWN_LENGTH = 0x7FFF0000  # this and more: of writers that could not rewind (sox, ffmpeg)
_F = np.float32
_BLOCK = 65536  # frames converted at a time, so that an hour of audio needs no gigabyte


class WavError(ValueError):
    """Not a WAV file that can be used; the text says what is wrong, for the one who sent it."""


class WavUncommon(WavError):
    """A WAV file, but of a kind that is not read here."""


@dataclass(frozen=True, slots=True)
class Wav:
    """A WAV file as it came.

    Attributes:
        rate: Hz.
        channels: 1 or 2.
        bits: 8 (unsigned), 16, 24 or 32 (signed, little-endian).
        data: the frames.
    """

    rate: int
    channels: int
    bits: int
    data: memoryview

    @property
    def frames(self) -> int:
        """How many samples a channel has."""
        return len(self.data) // (self.channels * self.bits // 8)

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate


@dataclass(frozen=True, slots=True)
class Measure:
    """What 8 kHz audio sounds like, in numbers; nothing is cut because of them.

    Attributes:
        seconds: length.
        peak_dbfs: the loudest sample; -inf for digital silence.
        rms_dbfs: mean level.
        leading: seconds before the first sample above `SILENCE_DBFS`.
        trailing: seconds after the last one.
    """

    seconds: float
    peak_dbfs: float
    rms_dbfs: float
    leading: float
    trailing: float


def read(content: bytes) -> Wav:
    """Read a PCM WAV file: 8 to 48 kHz, mono or stereo, 8, 16, 24 or 32 bits.

    Raises:
        WavError: it is something else, or cut off.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError("not a WAV file")
    layout: tuple[int, int, int] | None = None
    for name, start, length in _chunks(content):
        if name == b"fmt ":
            layout = _layout(content[start : start + length])
        elif name == b"data":
            if layout is None:
                raise WavError("the WAV file has no format before its audio")
            if length == 0 and content[4:8] == bytes(4):
                length = _UNKNOWN_LENGTH
            return _with_data(layout, memoryview(content)[start:], length)
    raise WavError("the WAV file has no audio")


def to_telephone(content: bytes) -> bytes:
    """A user's WAV file as Asterisk plays it. Slow for long files: call it in a thread.

    Raises:
        WavError: see `read`; or there is not one sample in it.
    """
    pcm = pcm_of(read(content), RATE)
    if not pcm:
        raise WavError("the WAV file has no audio")
    return write(pcm)


def telephone(pcm: bytes, rate: int) -> bytes:
    """Signed 16-bit little-endian mono samples at any rate, at 8 kHz."""
    return resampled(pcm, rate, RATE)


def resampled(pcm: bytes, rate: int, target: int) -> bytes:
    """Signed 16-bit little-endian mono samples of one rate, at another; both in Hz."""
    return pcm if rate == target else pcm_of(Wav(rate, 1, 16, memoryview(pcm)), target)


def pcm_of(wav: Wav, rate: int) -> bytes:
    """The audio of a file as signed 16-bit little-endian mono samples at a rate, in Hz."""
    if wav.rate == rate:
        return b"".join(_encode(block) for block in _blocks(wav))
    stream = soxr.ResampleStream(wav.rate, rate, 1, dtype="float32", quality="HQ")
    parts = [_encode(stream.resample_chunk(block)) for block in _blocks(wav)]
    parts.append(_encode(stream.resample_chunk(np.zeros(0, np.float32), last=True)))
    return b"".join(parts)


def write(pcm: bytes, rate: int = RATE) -> bytes:
    """A WAV file of 16-bit mono samples. Asterisk plays 8 kHz as `.wav`, 16 kHz as `.wav16`."""
    return _header(len(pcm), rate) + pcm


def save(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there, also after a crash; Asterisk may read it.

    Who has the old one open reads it to its end. Waits for the disk: call it in a thread.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def seconds_of(path: Path) -> float:
    """Length of a file, which is checked to be whole and what Asterisk plays.

    Reads 44 bytes: what has happened to the samples themselves is not seen.

    Raises:
        WavError: it is not.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_SIZE)
        size = file.seek(0, 2) - HEADER_SIZE
    if size <= 0 or size % 2 or header != _header(size):
        raise WavError(f"{path.name} is not a whole WAV file of 8 kHz, mono, 16 bits")
    return size / 2 / RATE


def measure(pcm: bytes) -> Measure:
    """Measure 8 kHz 16-bit mono samples."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    if not len(samples):
        return Measure(0.0, -math.inf, -math.inf, 0.0, 0.0)
    level = np.abs(samples)
    loud = np.flatnonzero(level > 10 ** (SILENCE_DBFS / 20))
    first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (len(samples), -1)
    return Measure(
        seconds=len(samples) / RATE,
        peak_dbfs=_dbfs(float(level.max())),
        rms_dbfs=_dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))),
        leading=first / RATE,
        trailing=(len(samples) - 1 - last) / RATE,
    )


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude else -math.inf


def _header(size: int, rate: int = RATE) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + 36, b"WAVE", b"fmt ", 16),
        *(_PCM, 1, rate, rate * 2, 2, 16),
        *(b"data", size),
    )


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stated length of each chunk of a RIFF file."""
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        yield name, at + 8, length
        at += 8 + length + length % 2  # chunks are padded to even lengths


def _layout(chunk: bytes) -> tuple[int, int, int]:
    """Rate, channels and bits from a `fmt ` chunk."""
    if len(chunk) < 16:
        raise WavError("the WAV file's format is cut off")
    kind, channels, rate, _, frame_size, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        (kind,) = struct.unpack_from("<H", chunk, 24)  # the sub-format's first two bytes
    if kind != _PCM:
        raise WavUncommon(f"the WAV file is {_FORMAT_NAMES.get(kind, f'of kind {kind}')}, not PCM")
    if channels not in (1, 2):
        raise WavUncommon(f"the WAV file has {channels} channels, not 1 or 2")
    if not 8000 <= rate <= 48000:
        raise WavUncommon(f"the WAV file has {rate} Hz, not 8000 to 48000")
    if bits not in (8, 16, 24, 32) or frame_size != channels * bits // 8:
        raise WavUncommon(f"the WAV file has {bits}-bit samples, not 8, 16, 24 or 32")
    return rate, channels, bits


def _with_data(layout: tuple[int, int, int], rest: memoryview, length: int) -> Wav:
    rate, channels, bits = layout
    if len(rest) < length < _UNKNOWN_LENGTH:
        raise WavError(f"the WAV file is cut off: {len(rest)} of {length} bytes of audio")
    length = min(length, len(rest))
    whole = length - length % (channels * bits // 8)
    return Wav(rate, channels, bits, rest[:whole])


def _blocks(wav: Wav) -> Iterator[Samples]:
    """The audio as mono samples, some at a time."""
    step = _BLOCK * wav.channels * wav.bits // 8
    for start in range(0, len(wav.data), step):
        samples = _decode(wav.data[start : start + step], wav.bits)
        if wav.channels == 2:
            samples = samples.reshape(-1, 2).mean(axis=1)
        yield samples


def _decode(data: memoryview, bits: int) -> Samples:
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - _F(128)) * _F(1 / 128)
    if bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4").reshape(-1).astype(np.float32) * _F(2**-31)
    if bits == 16:
        return np.frombuffer(data, "<i2").astype(np.float32) * _F(2**-15)
    return np.frombuffer(data, "<i4").astype(np.float32) * _F(2**-31)


def _encode(samples: Samples) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
