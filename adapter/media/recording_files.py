"""The files of one recording: whole or not, repaired when Asterisk died, and measured.

Asterisk writes a WAV header without sizes first, and the sizes when the recording ends; when it is
killed they stay zero, and up to two seconds of audio are lost (lab2.md, 20). All functions here
wait for the disk: call them in a thread. Not here: who records, and when (`.recordings`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapter.core.model import Saved
from adapter.media import wav

MODE: Final = 0o640
_RIFF_SIZE_AT, _DATA_SIZE_AT = 4, 40
_SAMPLE: Final = 2


@dataclass(frozen=True, slots=True)
class Files:
    """Names of the files of a recording.

    Attributes:
        stem: absolute path without the endings.
    """

    stem: str

    @property
    def mixed(self) -> Path:
        """Both sides in one channel: what a customer gets."""
        return Path(f"{self.stem}.wav")

    @property
    def caller(self) -> Path:
        """What the recorded channel's far end said."""
        return Path(f"{self.stem}-rx.wav")

    @property
    def other(self) -> Path:
        """What it heard."""
        return Path(f"{self.stem}-tx.wav")

    @property
    def stereo(self) -> Path:
        """The caller left, the other side right; made when it is asked for."""
        return Path(f"{self.stem}-stereo.wav")

    @property
    def recorded(self) -> tuple[Path, Path, Path]:
        """Those that Asterisk writes."""
        return self.mixed, self.caller, self.other

    def exist(self) -> bool:
        """Whether Asterisk has begun all of its files."""
        return all(path.is_file() for path in self.recorded)

    def whole(self) -> bool:
        """Whether Asterisk has ended all of its files."""
        return all(is_whole(path) for path in self.recorded)

    def finish(self) -> Saved:
        """Repair what needs it, put all on the disk, and measure the mixed file.

        Raises:
            FileNotFoundError: there is no mixed file.
            OSError: a file can't be read or written.
        """
        repaired = repair(self.mixed)
        for side in (self.caller, self.other):
            if side.is_file():
                repair(side)
        with self.mixed.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        return Saved(
            seconds=(size - wav.HEADER_SIZE) / _SAMPLE / wav.RATE,
            size=size,
            sha256=digest,
            repaired=repaired,
        )

    def remove(self) -> None:
        """Remove all of them; none there is a success. Whoever reads one reads it to its end.

        Raises:
            OSError: one can't be removed.
        """
        for path in (*self.recorded, self.stereo):
            path.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether the sizes in the header are those of the file. None, or an unreadable one, is not."""
    try:
        with path.open("rb") as file:
            header = file.read(wav.HEADER_SIZE)
            size = file.seek(0, os.SEEK_END)
    except OSError:
        return False
    return header[:4] == b"RIFF" and _sizes(header) == (size - 8, size - wav.HEADER_SIZE)


def repair(path: Path) -> bool:
    """Make a file whole, private, and safe from a power cut. Whether its sizes were wrong.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it can't be read or written.
    """
    with path.open("r+b") as file:
        header = file.read(wav.HEADER_SIZE)
        size = file.seek(0, os.SEEK_END)
        whole = len(header) == wav.HEADER_SIZE and _sizes(header) == (size - 8, size - len(header))
        if not whole:
            if len(header) < wav.HEADER_SIZE:  # not even that had reached the disk
                file.seek(0)
                size = file.write(wav.write(b""))
            size -= (size - wav.HEADER_SIZE) % _SAMPLE
            file.truncate(size)
            for at, value in ((_RIFF_SIZE_AT, size - 8), (_DATA_SIZE_AT, size - wav.HEADER_SIZE)):
                file.seek(at)
                file.write(struct.pack("<I", value))
            file.flush()
        os.fchmod(file.fileno(), MODE)
        os.fsync(file.fileno())
    return not whole


def _sizes(header: bytes) -> tuple[int, int] | None:
    """What a header says of the whole and of the audio; None when there is no whole header."""
    if len(header) < wav.HEADER_SIZE:
        return None
    (riff,) = struct.unpack_from("<I", header, _RIFF_SIZE_AT)
    (data,) = struct.unpack_from("<I", header, _DATA_SIZE_AT)
    return riff, data
