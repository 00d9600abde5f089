"""WAV files: what is read, what is refused and in which words, and what Asterisk is given."""

from __future__ import annotations

import io
import math
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.media import wav
from adapter.media.wav import WavError


def tone(rate: int, hertz: float, seconds: float = 0.5, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def encode(samples: np.ndarray, bits: int) -> bytes:
    if bits == 8:
        return np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    whole = np.rint(samples * (2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 24:
        return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()


def riff(
    data: bytes, rate: int, channels: int, bits: int, *, kind: int = 1, before: bytes = b""
) -> bytes:
    """A WAV file, `before` being chunks in front of the audio."""
    frame = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    if kind == 0xFFFE:
        layout += struct.pack(
            "<HHIH14s", 22, bits, 0, 1, b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        )
    body = b"WAVE" + chunk(b"fmt ", layout) + before + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def samples_of(content: bytes) -> np.ndarray:
    """Read by the standard library, as somebody else would."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def level_at(samples: np.ndarray, hertz: float) -> float:
    """Amplitude of one frequency in 8 kHz audio, away from its edges."""
    middle = samples[400:-400]
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / 8000)
    return float(2 * abs(np.mean(middle * turns)))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_pcm_becomes_telephone_audio(rate: int, channels: int, bits: int) -> None:
    """1000 Hz stay 1000 Hz, as loud and as long, from each rate, width and channel count."""
    audio = np.repeat(tone(rate, 1000), channels)
    found = samples_of(wav.to_telephone(riff(encode(audio, bits), rate, channels, bits)))
    assert len(found) / 8000 == pytest.approx(0.5, abs=0.001)
    assert level_at(found, 1000) == pytest.approx(0.5, abs=0.01)


def test_bytes_are_those_that_asterisk_plays() -> None:
    """The header is the plain 44 bytes: PCM, mono, 8000 Hz, 16 bits, true lengths."""
    content = wav.to_telephone(riff(bytes(200), 8000, 1, 16))
    assert content[:44] == struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 236, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 200),
    )
    assert content[44:] == bytes(200)


def test_telephone_audio_stays_as_it_is() -> None:
    """8 kHz mono 16-bit audio passes bit for bit, silence at its ends included."""
    audio = bytes(800) + encode(tone(8000, 700), 16) + bytes(800)
    assert wav.to_telephone(riff(audio, 8000, 1, 16))[44:] == audio
    assert wav.telephone(audio, 8000) == audio


@pytest.mark.parametrize("hertz", [4600, 6000, 7000, 9000])
def test_nothing_folds_into_the_voice(hertz: float) -> None:
    """What is above 4 kHz is gone (60 dB down), not heard at another pitch."""
    found = samples_of(wav.write(wav.telephone(encode(tone(22050, hertz), 16), 22050)))
    assert level_at(found, 8000 - hertz if hertz < 8000 else hertz - 8000) < 0.0005


def test_blocks_leave_no_seam() -> None:
    """Long audio is converted piece by piece and sounds as if it was not."""
    audio = tone(48000, 440, seconds=5)
    found = samples_of(wav.to_telephone(riff(encode(audio, 16), 48000, 1, 16)))
    expected = tone(8000, 440, seconds=5)
    assert float(np.max(np.abs(found[200:-200] - expected[200 : len(found) - 200]))) < 0.001


def test_stereo_is_the_mean() -> None:
    """Opposite channels cancel, a single one is halved: nothing overflows."""
    left, right = tone(8000, 500, level=0.99), tone(8000, 500, level=-0.99)
    opposite = np.stack([left, right], axis=1).reshape(-1)
    alone = np.stack([left, np.zeros_like(left)], axis=1).reshape(-1)
    assert (
        np.max(np.abs(samples_of(wav.to_telephone(riff(encode(opposite, 16), 8000, 2, 16)))))
        < 0.001
    )
    found = samples_of(wav.to_telephone(riff(encode(alone, 16), 8000, 2, 16)))
    assert level_at(found, 500) == pytest.approx(0.495, abs=0.01)


def test_full_scale_is_clipped_not_wrapped() -> None:
    """A square wave overshoots in the filter; its peaks stay peaks."""
    audio = np.sign(tone(44100, 300))
    found = samples_of(wav.to_telephone(riff(encode(audio, 16), 44100, 1, 16)))
    assert found.max() > 0.99
    wanted = tone(8000, 300)[: len(found)]
    plateau = np.abs(wanted) > 0.3
    assert np.all(np.sign(found[plateau]) == np.sign(wanted[plateau]))


def test_extensible_format_and_other_chunks() -> None:
    """What sound editors write: WAVE_FORMAT_EXTENSIBLE, and odd-sized chunks before the audio."""
    audio = encode(tone(16000, 1000), 24)
    content = riff(audio, 16000, 1, 24, kind=0xFFFE, before=chunk(b"LIST", b"INFOabc"))
    assert level_at(samples_of(wav.to_telephone(content)), 1000) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("length", [0x7FFFF000, 0xFFFFFFFF, 0x80000000])
def test_unknown_length_of_streams(length: int) -> None:
    """A writer that could not rewind gives a made-up length: everything that came is audio."""
    content = riff(bytes(1600), 8000, 1, 16)
    streamed = content[:40] + struct.pack("<I", length) + content[44:]
    assert wav.read(streamed).seconds == 0.1


def test_zero_length_of_streams() -> None:
    """Zero in both headers is a stream too; zero in the audio's alone is no audio."""
    content = riff(bytes(1600), 8000, 1, 16)
    assert wav.read(content[:4] + bytes(4) + content[8:40] + bytes(4) + content[44:]).frames == 800
    assert wav.read(content[:40] + bytes(4) + content[44:]).frames == 0


GOOD = riff(bytes(1600), 8000, 1, 16)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04" + bytes(100), "not a WAV file"),
        (b"RIFF" + bytes(4) + b"AVI " + bytes(100), "not a WAV file"),
        (GOOD[:12], "no audio"),
        (GOOD[:36], "no audio"),
        (GOOD[:44], "cut off"),
        (GOOD[:-2], "cut off: 1598 of 1600"),
        (GOOD[:12] + GOOD[36:], "no format"),
        (riff(b"", 8000, 1, 16), "no audio"),
        (riff(b"\0", 8000, 1, 16), "no audio"),
        (riff(bytes(100), 8000, 1, 8, kind=6), "A-law"),
        (riff(bytes(100), 8000, 1, 8, kind=7), "u-law"),
        (riff(bytes(100), 8000, 1, 32, kind=3), "floating point"),
        (riff(bytes(100), 8000, 1, 16, kind=0x1234), "kind 4660"),
        (riff(bytes(100), 8000, 6, 16), "6 channels"),
        (riff(bytes(100), 8000, 0, 16), "0 channels"),
        (riff(bytes(100), 7999, 1, 16), "7999 Hz"),
        (riff(bytes(100), 96000, 1, 16), "96000 Hz"),
        (riff(bytes(100), 8000, 1, 12), "12-bit"),
        (riff(bytes(96), 8000, 1, 64), "64-bit"),
    ],
)
def test_refusals_say_why(content: bytes, words: str) -> None:
    """Each file that can't be used is refused in words that its sender understands."""
    with pytest.raises(WavError, match=words):
        wav.to_telephone(content)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_junk_is_refused_or_read(tail: bytes, at: int, patch: bytes) -> None:
    """Whatever bytes come, there is audio or a WavError, nothing else."""
    content = GOOD[:at] + patch + GOOD[at + len(patch) : 80] + tail
    try:
        playable = wav.to_telephone(content)
    except WavError:
        return
    assert len(samples_of(playable)) > 0


def test_seconds_of(tmp_path: Path) -> None:
    """The length of a file is in its size."""
    path = tmp_path / "a.wav"
    wav.save(path, wav.write(bytes(12000)))
    assert wav.seconds_of(path) == 0.75


@pytest.mark.parametrize(
    "content",
    [
        b"",
        wav.write(b""),
        wav.write(bytes(1600))[:-1],
        wav.write(bytes(1600))[:-800],
        wav.write(bytes(1600)) + b"\0\0",
        bytes(1644),
        riff(bytes(1600), 16000, 1, 16),
        riff(bytes(1600), 8000, 2, 16),
        riff(bytes(1600), 8000, 1, 8),
    ],
)
def test_seconds_of_refuses_what_asterisk_does_not_play(tmp_path: Path, content: bytes) -> None:
    """Cut, grown, empty, zeroed, and every other format."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(WavError):
        wav.seconds_of(path)


def test_save_replaces_while_it_is_read(tmp_path: Path) -> None:
    """Who has the old file open reads it to its end; folders are made; nothing else is left."""
    path = tmp_path / "new" / "a.wav"
    wav.save(path, b"old")
    with path.open("rb") as reader:
        wav.save(path, b"new content")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new content"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_save_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A target that can't be replaced raises, and no unfinished file stays."""
    path = tmp_path / "a.wav"
    (path / "not empty").mkdir(parents=True)
    with pytest.raises(OSError):
        wav.save(path, b"content")
    assert list(tmp_path.iterdir()) == [path]


def test_measure() -> None:
    """Length, levels, and the silence at both ends."""
    pcm = bytes(8000) + encode(tone(8000, 1000, seconds=1.0), 16) + bytes(4000)
    found = wav.measure(pcm)
    assert found.seconds == 1.75
    assert found.peak_dbfs == pytest.approx(20 * math.log10(0.5), abs=0.1)
    assert found.rms_dbfs == pytest.approx(
        20 * math.log10(0.5 / math.sqrt(2) * math.sqrt(1 / 1.75)), abs=0.1
    )
    assert found.leading == pytest.approx(0.5, abs=0.001)
    assert found.trailing == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("pcm", [b"", bytes(16000)])
def test_measure_silence(pcm: bytes) -> None:
    """Digital silence has no level, and is leading and trailing silence as a whole."""
    found = wav.measure(pcm)
    assert found.peak_dbfs == found.rms_dbfs == -math.inf
    assert found.leading == found.trailing == found.seconds == len(pcm) / 16000
