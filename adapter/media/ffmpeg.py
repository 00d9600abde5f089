"""Decodes one audio file with FFmpeg's libraries (PyAV): a program, started for each file.

`adapter.media.decoding` runs it. Decoders are the part that hostile files attack, so they work in a
process without the environment and the files of the server, with limits of memory and time; what
goes wrong here ends here. Not here: which format a file has, and what becomes of the audio.

Arguments are FFmpeg's name of the format and the longest audio in seconds. The file comes on
standard input. Standard output is a line with the rate in Hz and then signed 16-bit little-endian
samples of one channel, at 16 kHz or, when the file has less, at its own rate. With status
`REFUSED`, standard error says why, for the one who sent the file.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import av
import av.subtitles.codeccontext  # PyAV imports it where a file has such a stream: too late here
import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # has neither stubs nor py.typed

WIDE: Final = 16000
"""Hz at which audio is handed over that has at least as many."""

FORMATS: Final = frozenset({"wav", "mp3", "ogg", "flac", "mov", "aac", "mulaw", "alaw"})
"""The demuxers that may be named. None of them opens another file."""

CODECS: Final = (
    *("mp3float", "mp3", "aac", "alac", "vorbis", "opus", "flac"),
    *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"),
    *("pcm_mulaw", "pcm_alaw", "adpcm_ms", "adpcm_ima_wav", "gsm_ms"),
)
"""FFmpeg's names of the decoders that are used; each other one is refused."""

REFUSED: Final = 3
"""Exit status: the file can't be used."""

Samples: TypeAlias = npt.NDArray[np.float32]

_MEMORY = 2 << 30  # bytes of address space
_CPU_SECONDS = 60
_LARGEST_RATE, _MOST_CHANNELS = 192000, 8
_WHOLE = frozenset({"wav", "flac", "mov"})  # formats that say how long they are
_TOLERANCE = 0.5  # seconds that may be missing of that
_BLIP = struct.pack(
    "<4sI4s4sIHHIIHH4sI16x",
    b"RIFF",
    52,
    b"WAVE",
    b"fmt ",
    16,
    1,
    1,
    8000,
    16000,
    2,
    16,
    b"data",
    16,
)


class Refused(Exception):
    """The file can't be used; the text says why."""


def main() -> None:
    """Decode standard input."""
    form, longest = sys.argv[1], float(sys.argv[2])
    content = sys.stdin.buffer.read()
    decode(_BLIP, "wav", 1.0)  # imports what PyAV imports late
    _confine()
    try:
        rate, pcm = decode(content, form, longest)
    except Refused as refused:
        sys.stderr.write(str(refused))
        sys.exit(REFUSED)
    sys.stdout.buffer.write(b"%d\n" % rate + pcm)


def decode(content: bytes, form: str, longest: float) -> tuple[int, bytes]:
    """A file as 16-bit samples of one channel, and their rate.

    Args:
        content: the file.
        form: one of `FORMATS`.
        longest: seconds.

    Raises:
        Refused: it is not what it should be, damaged, or too long.
    """
    if form not in FORMATS:
        raise Refused("of a format that is not known")
    options = {
        "format_whitelist": form,
        "codec_whitelist": ",".join(CODECS),
        "protocol_whitelist": "none",
    }
    if form in ("mulaw", "alaw"):
        options["sample_rate"] = "8000"
    try:
        with av.open(
            io.BytesIO(content), format=form, container_options=options, metadata_errors="ignore"
        ) as container:
            return _decoded(container, form, longest)
    except (av.FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise Refused("damaged, or not of the format that it seems to be") from error


def _decoded(container: Any, form: str, longest: float) -> tuple[int, bytes]:
    if not container.streams.audio:
        raise Refused("has no audio")
    stream = container.streams.audio[0]
    context = stream.codec_context
    rate, channels = context.sample_rate, context.channels
    if context.name not in CODECS:
        raise Refused(f"coded as {context.name}, which is not taken")
    if not 8000 <= rate <= _LARGEST_RATE:
        raise Refused(f"has {rate} Hz, not 8000 to {_LARGEST_RATE}")
    if not 1 <= channels <= _MOST_CHANNELS:
        raise Refused(f"has {channels} channels, not 1 to {_MOST_CHANNELS}")
    target = min(rate, WIDE)
    resampler = soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")
    parts, frames = [], 0
    for samples in _mono(container, stream, rate):
        frames += len(samples)
        if frames > longest * rate:
            raise Refused(f"longer than {longest:g} s")
        parts.append(_encode(resampler.resample_chunk(samples)))
    parts.append(_encode(resampler.resample_chunk(np.zeros(0, np.float32), last=True)))
    stated = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if form in _WHOLE and frames / rate < stated - _TOLERANCE:
        raise Refused(f"cut off: {frames / rate:.1f} of {stated:.1f} s")
    if not frames:
        raise Refused("has no audio")
    return target, b"".join(parts)


def _mono(container: Any, stream: Any, rate: int) -> Iterator[Samples]:
    """The audio as the mean of its channels, a frame at a time.

    Single packets that can't be decoded are left out: tags at the end of MP3 files look like that.
    """
    converter = av.AudioResampler(format="fltp")
    good = bad = 0
    for packet in container.demux(stream):
        try:
            frames = stream.codec_context.decode(packet)
        except av.FFmpegError:
            bad += 1
            continue
        good += len(frames)
        for frame in frames:
            if frame.sample_rate != rate:
                raise Refused("changes its rate on the way")
            for converted in converter.resample(frame):
                yield np.nan_to_num(converted.to_ndarray().mean(axis=0, dtype=np.float32))
    if bad > 2 + good // 20:
        raise Refused("damaged")


def _encode(samples: Samples) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def _confine() -> None:
    """From here on no file and no socket can be opened, and calls have the processor first."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
