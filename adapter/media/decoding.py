"""Audio files of any common format, as Asterisk plays them.

WAV of all kinds, MP3, Ogg (Vorbis, Opus, FLAC), FLAC, M4A and AAC are known by their first bytes,
raw G.711 only by its name (`.ulaw`, `.alaw`). Plain PCM WAV is read here (`adapter.media.wav`), all
else by a process of its own (`adapter.media.ffmpeg`).

What Asterisk plays best is kept (lab.md, 4): `NAME.wav` with 8 kHz for each call, and beside it
`NAME.wav16` with 16 kHz when the source has as many. Asterisk is given the name without its ending,
and takes the file that is nearest to the call's codec.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from adapter.media import wav

log = logging.getLogger(__name__)

LARGEST: Final = 50 * 1024 * 1024
"""Bytes of a file as it comes."""

LONGEST: Final = 600.0
"""Seconds of its audio."""

_WIDE_RATE = 16000
_TIMEOUT = 90.0  # seconds; ten minutes of audio take two
_REFUSED = 3  # `adapter.media.ffmpeg.REFUSED`, which is not imported: it brings 100 MB of libraries
_PROGRAM = Path(__file__).with_name("ffmpeg.py")
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each thread reserves memory
_RAW = {".ulaw": "mulaw", ".ul": "mulaw", ".mulaw": "mulaw", ".alaw": "alaw", ".al": "alaw"}
_NAMES = {"mov": "M4A", "mulaw": "G.711", "alaw": "G.711", "ogg": "Ogg"}
_UNKNOWN = "not a WAV file, nor MP3, Ogg, FLAC, M4A or AAC (nor .ulaw or .alaw by its name)"


class AudioError(ValueError):
    """Not audio that can be used; the text says what is wrong, for the one who sent it."""


@dataclass(frozen=True, slots=True)
class Playable:
    """An audio file as Asterisk plays it.

    Attributes:
        narrow: WAV file of 8 kHz, mono, 16 bits.
        wide: the same with 16 kHz; None when the source has less.
    """

    narrow: bytes
    wide: bytes | None


def playable(content: bytes, name: str = "") -> Playable:
    """A user's audio file as Asterisk plays it. Slow: call it in a thread.

    Args:
        content: the file.
        name: what it is called; its ending tells raw G.711.

    Raises:
        AudioError: it can't be used.
    """
    if len(content) > LARGEST:
        raise AudioError(f"larger than {LARGEST >> 20} MiB")
    form = _format(content, name)
    if form == "wav":
        try:
            return _of_wav(wav.read(content))
        except wav.WavUncommon:
            pass  # a WAV file all the same: A-law, floating point, 96 kHz
        except wav.WavError as error:
            raise AudioError(str(error)) from None
    rate, pcm = _decode(content, form)
    return Playable(
        wav.write(wav.resampled(pcm, rate, wav.RATE)),
        wav.write(pcm, _WIDE_RATE) if rate == _WIDE_RATE else None,
    )


def raw_format(name: str) -> str:
    """FFmpeg's name of the raw format that a file's ending tells; empty when it tells none."""
    return _RAW.get(PurePath(name).suffix.lower(), "")


def save(path: Path, audio: Playable) -> None:
    """Keep audio as `path` (which ends in `.wav`), and as the wide file beside it.

    The narrow one is written last: where it is whole, all is. Waits for the disk.

    Raises:
        OSError: it can't be written.
    """
    if audio.wide is not None:
        wav.save(wide_of(path), audio.wide)
    else:
        wide_of(path).unlink(missing_ok=True)
    wav.save(path, audio.narrow)


def remove(path: Path) -> None:
    """Remove what `save` wrote. Who is hearing it hears it to its end.

    Raises:
        OSError: it can't be removed.
    """
    path.unlink(missing_ok=True)
    wide_of(path).unlink(missing_ok=True)


def wide_of(path: Path) -> Path:
    """The file with 16 kHz beside the one with 8 kHz."""
    return path.with_suffix(".wav16")


def _format(content: bytes, name: str) -> str:
    """FFmpeg's name of a file's format."""
    start = content[:12]
    if start[:4] == b"RIFF" and start[8:] == b"WAVE":
        return "wav"
    if start[4:8] == b"ftyp":
        return "mov"
    for magic, form in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3")):
        if start.startswith(magic):
            return form
    if raw := raw_format(name):
        return raw
    if len(start) == 12 and start[0] == 0xFF:  # MPEG audio; layer 0 means AAC (ADTS)
        if start[1] & 0xF6 == 0xF0:
            return "aac"
        if start[1] & 0xE0 == 0xE0:
            return "mp3"
    raise AudioError(_UNKNOWN)


def _of_wav(source: wav.Wav) -> Playable:
    if source.seconds > LONGEST:
        raise AudioError(f"the WAV file is longer than {LONGEST:g} s")
    if not source.frames:
        raise AudioError("the WAV file has no audio")
    wide = None
    if source.rate >= _WIDE_RATE:
        wide = wav.write(wav.pcm_of(source, _WIDE_RATE), _WIDE_RATE)
    return Playable(wav.write(wav.pcm_of(source, wav.RATE)), wide)


def _decode(content: bytes, form: str) -> tuple[int, bytes]:
    """Rate and 16-bit samples of one channel."""
    command = [sys.executable, "-I", str(_PROGRAM), form, f"{LONGEST:g}"]
    what = f"the {_NAMES.get(form, form.upper())} file"
    try:
        done = subprocess.run(  # noqa: S603 - our own program; nothing of the file is in its arguments
            command, input=content, capture_output=True, timeout=_TIMEOUT, env=_ENVIRONMENT
        )
    except subprocess.TimeoutExpired:
        raise AudioError(f"{what} takes too long to decode") from None
    if done.returncode == _REFUSED:
        reason = done.stderr.decode(errors="replace").strip()
        verb = "is " if not reason.startswith(("has ", "changes ")) else ""
        raise AudioError(f"{what} {verb}{reason}")
    if done.returncode:  # it died: of a limit, a signal, or a bug of its libraries
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        log.warning("decoder died", extra={"status": done.returncode, "error": said})
        raise AudioError(f"{what} is damaged")
    rate, _, pcm = done.stdout.partition(b"\n")
    return int(rate), pcm
