"""adapter.media.utterance: read while it grows, read again, at another rate."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from adapter.media.utterance import Utterance
from tests.unit.media_house import RATE, noise, tone


async def read(said: Utterance, rate: int) -> bytes:
    """All of it."""
    return b"".join([block async for block in said.blocks(rate)])


async def test_it_is_read_while_it_grows_and_again_afterwards() -> None:
    """A reader gets what is there, waits for more, and ends with it; a later one gets all."""
    said = Utterance(RATE)
    pcm = noise(1.03, -10)
    first = asyncio.create_task(read(said, RATE))
    for at in range(0, len(pcm), 1000):
        said.add(pcm[at : at + 1000])
        await asyncio.sleep(0)
    assert not first.done()
    said.end()
    assert await first == pcm
    assert await read(said, RATE) == pcm
    assert said.ended_at is not None


@pytest.mark.parametrize(("rate", "wanted"), [(16000, 8000), (8000, 16000), (16000, 44100)])
async def test_another_rate_is_the_same_sound(rate: int, wanted: int) -> None:
    """At another rate it is as long as before, and a tone keeps its pitch."""
    said = Utterance(rate)
    said.add(tone(2, 440, rate))
    said.end()
    samples = np.frombuffer(await read(said, wanted), "<i2")
    assert abs(len(samples) - 2 * wanted) <= 1
    peak = int(np.argmax(np.abs(np.fft.rfft(samples)))) * wanted / len(samples)
    assert abs(peak - 440) < 5


async def test_nothing_said_is_read_as_nothing() -> None:
    """An utterance without audio has an end too."""
    said = Utterance(RATE)
    said.end()
    assert await read(said, RATE) == b""
    assert await read(said, 8000) == b""
