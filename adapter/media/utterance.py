"""What a caller is saying: kept from its beginning, so that it can be read again, at any rate.

Not here: where it begins and ends (`endpointing`), and who makes text of it (`recognition`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import numpy as np
import soxr  # type: ignore[import-untyped]  # has neither stubs nor py.typed

BLOCK: Final = 0.1
"""Seconds of audio that are read at a time."""


class Utterance:
    """What is being said: grows until it has ended, can be read from its beginning at any time.

    Args:
        rate: Hz of the audio that comes in; 16-bit little-endian mono samples.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.ended_at: float | None = None
        self._pcm = bytearray()
        self._changed = asyncio.Event()

    def add(self, pcm: bytes) -> None:
        """More of it."""
        self._pcm += pcm
        self._changed.set()

    def end(self) -> None:
        """That was all."""
        self.ended_at = asyncio.get_running_loop().time()
        self._changed.set()

    async def blocks(self, rate: int) -> AsyncIterator[bytes]:
        """All of it at another rate, from its beginning to its end. One reader at a time."""
        size = round(self.rate * BLOCK) * 2
        resample = _resampler(self.rate, rate)
        at = 0
        while True:
            block = bytes(self._pcm[at : at + size])
            at += len(block)
            if block:
                yield resample(block, False)
                await asyncio.sleep(0)  # what is fed at once still lets others run
            elif self.ended_at is not None:
                yield resample(b"", True)
                return
            else:
                self._changed.clear()
                await self._changed.wait()


def _resampler(rate: int, wanted: int) -> Callable[[bytes, bool], bytes]:
    """Takes audio at `rate` piece by piece, and whether it was the last; returns it at `wanted`."""
    if rate == wanted:
        return lambda pcm, _: pcm
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="int16")

    def resample(pcm: bytes, last: bool) -> bytes:
        return bytes(stream.resample_chunk(np.frombuffer(pcm, "<i2"), last).tobytes())

    return resample
