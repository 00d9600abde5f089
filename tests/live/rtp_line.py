"""The audio of a telephone (RFC 3550, PCMU; keys by RFC 4733): what it says, and what comes.

What is heard is named, not compared with a recording: tones by their frequency, the ringing tone,
and anything else with sound in it as music.
"""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections import deque

import numpy as np

RATE, FRAME, PTIME = 8000, 160, 0.02
TONES = (500, 700, 900, 1100, 1300)  # Hz; each a whole number of periods in a frame
RINGING = (440, 480)  # Hz, asterisk-conf/both/indications.conf
_LOUD, _SOUND = 6000, 60  # amplitude of our tone; RMS from which there is sound
WINDOW = 0.3  # seconds that are looked at
_PCMU, _EVENT = 0, 101
_KEYS = "0123456789*#"


def _decoded() -> np.ndarray:
    """The sample of each PCMU byte (G.711)."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - size, size - 0x84).astype(float)


_SAMPLES = _decoded()


def _encoded(samples: np.ndarray) -> bytes:
    """The PCMU byte that is nearest to each sample."""
    order = np.argsort(_SAMPLES)
    between = (_SAMPLES[order][1:] + _SAMPLES[order][:-1]) / 2
    return order[np.searchsorted(between, samples)].astype(np.uint8).tobytes()


def _frame(tone: int) -> bytes:
    """20 ms of a tone; repeated it goes on without a click."""
    return _encoded(_LOUD * np.sin(2 * np.pi * tone * np.arange(FRAME) / RATE))


def sounds(samples: np.ndarray) -> set[int | str]:
    """What is in some 0.3 s of 8 kHz audio: tones in Hz, ``ringing``, or else ``music``."""
    power = float(np.mean(samples**2))
    if power < _SOUND**2:
        return set()
    at = np.arange(len(samples)) / RATE
    strength = {
        tone: float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * tone * at))))
        for tone in (*TONES, *RINGING)
    }
    found = {tone for tone, one in strength.items() if one > max(strength.values()) / 8}
    if sum(strength[tone] ** 2 for tone in found) / 2 < 0.6 * power:
        return {"music"}
    if found == set(RINGING):
        return {"ringing"}
    return set(found)


class RtpLine(asyncio.DatagramProtocol):
    """One RTP port.

    Args:
        tone: what it says, one of `TONES`; 0 for silence.

    Attributes:
        port: its UDP port.
        keys: that came, RFC 4733.
        packets: of audio that came.
    """

    def __init__(self, tone: int) -> None:
        self.tone = tone
        self.port = 0
        self.keys = ""
        self.packets = 0
        self._payload = _frame(tone)
        self._words: deque[bytes] = deque()
        self._far: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._came: deque[tuple[float, bytes]] = deque(maxlen=100)  # 2 s
        self._number = self._at = 0
        self._pressed: tuple[int, int] | None = None  # key, timestamp
        self._last_key: int | None = None  # timestamp

    async def open(self) -> None:
        """Take a free port on loopback."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Give it back."""
        self.hush()
        if self._transport is not None:
            self._transport.close()

    def meet(self, message: str) -> None:
        """Take the far address from a SIP message with SDP."""
        port = re.search(r"^m=audio (\d+) ", message, re.MULTILINE)
        assert port is not None, message
        self._far = ("127.0.0.1", int(port[1]))

    def speak(self) -> None:
        """Say the tone from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._speak())

    def hush(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()

    def say(self, samples: np.ndarray) -> None:
        """Say 16-bit samples of 8 kHz instead of the tone, once, behind what is said already."""
        whole = np.append(samples, np.zeros(-len(samples) % FRAME))
        payload = _encoded(whole)
        self._words.extend(payload[at : at + FRAME] for at in range(0, len(payload), FRAME))

    async def press(self, key: str) -> None:
        """A key of 120 ms instead of the tone, and 100 ms of the tone."""
        self._pressed = (_KEYS.index(key), self._at)
        await asyncio.sleep(0.12)
        code, since = self._pressed
        self._pressed = None
        for _ in range(3):
            self._send(_EVENT, struct.pack("!BBH", code, 0x8A, self._at - since), since)
        await asyncio.sleep(0.1)

    def hears(self) -> set[int | str]:
        """What came in the last 0.3 s; less than half of that is silence."""
        since = time.monotonic() - WINDOW
        payload = b"".join(data for at, data in self._came if at > since)
        if len(payload) < WINDOW * RATE / 2:
            return set()
        return sounds(_SAMPLES[np.frombuffer(payload, np.uint8)])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A packet."""
        kind, timestamp = data[1] & 0x7F, int.from_bytes(data[4:8], "big")
        if kind == _PCMU:
            self.packets += 1
            self._came.append((time.monotonic(), data[12:]))
        elif kind == _EVENT and data[13] & 0x80 and timestamp != self._last_key:
            self._last_key = timestamp
            self.keys += _KEYS[data[12]]

    async def _speak(self) -> None:
        begun = time.monotonic()
        while True:
            if self._pressed is None:
                payload = self._words.popleft() if self._words else self._payload
                self._send(_PCMU, payload, self._at)
            else:
                code, since = self._pressed
                length = self._at - since + FRAME
                self._send(_EVENT, struct.pack("!BBH", code, 0x0A, length), since)
            self._at += FRAME
            await asyncio.sleep(max(0.0, begun + self._at / RATE - time.monotonic()))

    def _send(self, kind: int, payload: bytes, at: int) -> None:
        if self._transport is None or self._far is None:
            return
        head = struct.pack("!BBHII", 0x80, kind, self._number & 0xFFFF, at, self.tone)
        self._number += 1
        self._transport.sendto(head + payload, self._far)
