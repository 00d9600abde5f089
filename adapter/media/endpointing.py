"""Where speech begins and where it ends, in a stream of audio.

::

    WAITING ── 200 ms of voice within 280 ms ──> SPEAKING ──┬── `end_silence` without that ──> OVER
                                                            └── `longest` ───────────────────> OVER

Time is counted in samples: no clock, no loop, no I/O. What is voice the detector of WebRTC says for
each 20 ms. It takes the first 80 ms of a noise for voice, and the 80 ms after any sound (seen):
hence 200 ms, which are 120 ms of sound, and keep clicks out. Some tones are voice to it, and so is
noise as loud as speech; `longest` ends both.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

import webrtcvad  # type: ignore[import-untyped]  # has neither stubs nor py.typed

RATES: Final = (8000, 16000, 32000, 48000)
"""Hz, what the detector knows."""

_FRAME = 0.02  # seconds; the detector takes 10, 20 or 30 ms
_WINDOW, _VOICED = 14, 10  # frames: so many, and how many of them are voice when somebody speaks
_PRE_ROLL = 15  # frames kept from before the window: a soft beginning is no voice yet
_AGGRESSIVENESS = 2  # of 0 to 3: with 1 a noise of -30 dBFS is voice, with 3 soft speech is none


class State(Enum):
    """How far the utterance is."""

    WAITING = auto()
    SPEAKING = auto()
    OVER = auto()


class Endpointer:
    """Cuts one utterance out of audio.

    Args:
        rate: Hz, one of `RATES`; 16-bit little-endian mono samples.
        end_silence: seconds of silence that end it; up to 0.15 s more pass until it is over.
        longest: seconds after which it is over in any case, what was kept from before included.

    Raises:
        ValueError: another rate, or times that can't be.

    Attributes:
        state: see the module.
    """

    def __init__(self, rate: int, *, end_silence: float, longest: float = 30.0) -> None:
        if rate not in RATES:
            raise ValueError(f"no voice is detected at {rate} Hz")
        if not 0 < end_silence <= longest or longest < 1:
            raise ValueError("0 < end_silence <= longest, and longest is a second at least")
        self.state = State.WAITING
        self._rate = rate
        self._size = round(rate * _FRAME) * 2
        self._end = max(1, round(end_silence / _FRAME))
        self._longest = round(longest / _FRAME)
        self._detector = webrtcvad.Vad(_AGGRESSIVENESS)
        self._rest = bytearray()
        self._held: deque[bytes] = deque(maxlen=_PRE_ROLL + _WINDOW)
        self._window: deque[bool] = deque(maxlen=_WINDOW)
        self._length = 0
        self._quiet = 0  # frames since the last voice
        self._silent = 0  # the same, since the last voice of somebody who speaks

    @property
    def silence_left(self) -> float:
        """Seconds of further silence that would end the utterance."""
        return (self._end - self._silent) * _FRAME

    def feed(self, pcm: bytes) -> bytes:
        """Take audio, however it is cut.

        Returns:
            What of the utterance is known now, in whole frames: nothing while WAITING, all that was
            kept when it begins, nothing more once it is OVER.
        """
        self._rest += pcm
        said = bytearray()
        while len(self._rest) >= self._size and self.state is not State.OVER:
            frame = bytes(self._rest[: self._size])
            del self._rest[: self._size]
            said += self._step(frame)
        return bytes(said)

    def _step(self, frame: bytes) -> bytes:
        voice = self._detector.is_speech(frame, self._rate)
        self._quiet = 0 if voice else self._quiet + 1
        self._window.append(voice)
        talking = sum(self._window) >= _VOICED
        if self.state is State.WAITING:
            self._held.append(frame)
            if not talking:
                return b""
            self.state = State.SPEAKING
            self._length = len(self._held)
            return b"".join(self._held)
        self._length += 1
        self._silent = self._quiet if talking else self._silent + 1
        if self._silent >= self._end or self._length >= self._longest:
            self.state = State.OVER
        return frame
