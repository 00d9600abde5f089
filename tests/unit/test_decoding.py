"""Audio of every format that users bring, and files that attack the decoder."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from adapter.media import decoding, ffmpeg, wav
from adapter.media.decoding import AudioError, playable
from tests.unit.test_wav import encode, riff, tone

HERTZ = 1000.0


def coded(
    form: str,
    codec: str,
    rate: int,
    *,
    channels: int = 1,
    seconds: float = 1.0,
    hertz: float = HERTZ,
) -> bytes:
    """A tone as FFmpeg's encoders write it."""
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=form) as container:
        stream: Any = container.add_stream(
            codec, rate=rate, layout=layout, options={"strict": "experimental"}
        )
        samples = np.frombuffer(encode(tone(rate, hertz, seconds), 16), "<i2")
        frame = av.AudioFrame.from_ndarray(
            np.repeat(samples, channels).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for packet in stream.encode(frame):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return file.getvalue()


def samples_of(content: bytes, rate: int) -> np.ndarray:
    """Read by the standard library, as somebody else would."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def level_at(samples: np.ndarray, rate: int, hertz: float) -> float:
    """Amplitude of one frequency, away from the edges."""
    middle = samples[rate // 10 : -rate // 10]
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate)
    return float(2 * abs(np.mean(middle * turns)))


KINDS: dict[str, Callable[[], bytes]] = {
    "mp3": lambda: coded("mp3", "libmp3lame", 44100, channels=2),
    "mp3, 8 kHz": lambda: coded("mp3", "libmp3lame", 8000),
    "ogg vorbis": lambda: coded("ogg", "vorbis", 44100, channels=2),
    "ogg opus": lambda: coded("ogg", "libopus", 48000),
    "ogg flac": lambda: coded("ogg", "flac", 16000),
    "flac": lambda: coded("flac", "flac", 44100, channels=2),
    "m4a": lambda: coded("ipod", "aac", 44100, channels=2),
    "aac": lambda: coded("adts", "aac", 22050),
    "wav, a-law": lambda: coded("wav", "pcm_alaw", 8000),
    "wav, u-law": lambda: coded("wav", "pcm_mulaw", 8000),
    "wav, floating point": lambda: coded("wav", "pcm_f32le", 48000),
    "wav, ADPCM": lambda: coded("wav", "adpcm_ms", 22050),
    "wav, 96 kHz": lambda: riff(encode(tone(96000, HERTZ, 1.0), 24), 96000, 1, 24),
    "wav, PCM": lambda: riff(encode(tone(44100, HERTZ, 1.0), 16), 44100, 1, 16),
    "a.ulaw": lambda: coded("mulaw", "pcm_mulaw", 8000),
    "a.alaw": lambda: coded("alaw", "pcm_alaw", 8000),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_the_same_tone(kind: str) -> None:
    """1000 Hz stay 1000 Hz, as loud and as long, with 8 kHz and, where there is more, with 16."""
    audio = playable(KINDS[kind](), kind)
    narrow_only = kind in ("mp3, 8 kHz", "wav, a-law", "wav, u-law", "a.ulaw", "a.alaw")
    assert (audio.wide is None) == narrow_only
    for content, rate in ((audio.narrow, 8000), (audio.wide, 16000)):
        if content is not None:
            samples = samples_of(content, rate)
            assert len(samples) / rate == pytest.approx(1.0, abs=0.12)  # encoders pad
            assert level_at(samples, rate, HERTZ) == pytest.approx(0.5, abs=0.03)


def test_wide_audio_keeps_what_the_telephone_cuts() -> None:
    """5 kHz are in the wide file and, not folded down either, absent from the narrow one."""
    audio = playable(coded("flac", "flac", 44100, hertz=5000.0))
    assert audio.wide is not None
    assert level_at(samples_of(audio.wide, 16000), 16000, 5000) == pytest.approx(0.5, abs=0.02)
    assert level_at(samples_of(audio.narrow, 8000), 8000, 3000) < 0.001


def test_stereo_is_the_mean() -> None:
    """One channel is made of all: opposite ones cancel."""
    left = tone(48000, 500, 0.5)
    both = np.stack([left, -left], axis=1).reshape(-1).astype("<f4").tobytes()
    content = riff(both, 48000, 2, 32, kind=3)
    assert np.max(np.abs(samples_of(playable(content).narrow, 8000))) < 0.001


MP3 = KINDS["mp3"]()
PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "asx": b'<asx version="3.0"><entry><ref href="http://127.0.0.1:1/x.mp3"/></entry></asx>',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "pls": b"[playlist]\nFile1=http://127.0.0.1:1/x.mp3\nNumberOfEntries=1\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "", "not a WAV file, nor MP3"),
        (b"hello" * 100, "a.mp3", "not a WAV file, nor MP3"),
        (b"", "a.ulaw", "no audio|damaged"),
        (b"ID3" + bytes(500), "", "MP3 file"),
        (b"OggS" + bytes(500), "", "Ogg file"),
        (b"fLaC" + bytes(500), "", "FLAC file"),
        (b"\0\0\0\x20ftypM4A " + bytes(500), "", "M4A file"),
        (KINDS["flac"]()[:-20000], "", "FLAC file is (cut off|damaged)"),
        (KINDS["m4a"]()[:-3000], "", "M4A file"),
        (riff(bytes(1600), 8000, 1, 16)[:-2], "", "the WAV file is cut off"),
        (riff(b"", 8000, 1, 16), "", "no audio"),
        (riff(bytes(100), 4000, 1, 16), "", "4000 Hz"),
        (riff(bytes(900), 8000, 9, 8), "", "9 channels"),
        *((content, f"a.{name}", "not a WAV file") for name, content in PLAYLISTS.items()),
        *((b"ID3" + content, "a.mp3", "MP3 file") for content in PLAYLISTS.values()),
    ],
)
def test_refusals_say_why(content: bytes, name: str, words: str) -> None:
    """What can't be used is refused in words for its sender, playlists and the like included."""
    with pytest.raises(AudioError, match=words):
        playable(content, name)


def test_truncated_and_patched_files_end_well() -> None:
    """Cut or changed anywhere, there is audio or an AudioError, and never another end."""
    chance = np.random.default_rng(7)
    outcomes = set()
    for kind in ("mp3", "ogg vorbis", "flac", "m4a"):
        content = KINDS[kind]()
        for _ in range(4):
            broken = bytearray(content[: int(chance.integers(20, len(content)))])
            for at in chance.integers(12, len(broken), 30):
                broken[at] = int(chance.integers(256))
            try:
                audio = playable(bytes(broken))
            except AudioError:
                outcomes.add("refused")
            else:
                assert len(samples_of(audio.narrow, 8000)) > 0
                outcomes.add("played")
    assert "refused" in outcomes


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than the limit are not even looked at."""
    monkeypatch.setattr(decoding, "LARGEST", 10)
    with pytest.raises(AudioError, match="larger than"):
        playable(MP3)


def test_a_bomb_stops_while_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours of silence in a small file are refused at the limit, WAV or not."""
    bomb = coded("flac", "flac", 8000, seconds=30, hertz=0)
    assert len(bomb) < 60_000
    monkeypatch.setattr(decoding, "LONGEST", 20.0)
    with pytest.raises(AudioError, match="FLAC file is longer than 20 s"):
        playable(bomb)
    with pytest.raises(AudioError, match="WAV file is longer than 20 s"):
        playable(riff(bytes(400_000), 8000, 1, 16))


def test_a_decoder_that_never_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is killed at the time limit, and one that dies is a damaged file."""
    program = tmp_path / "p.py"
    monkeypatch.setattr(decoding, "_PROGRAM", program)
    monkeypatch.setattr(decoding, "_TIMEOUT", 0.5)
    program.write_text("import time; time.sleep(60)")
    with pytest.raises(AudioError, match="too long to decode"):
        playable(MP3)
    program.write_text("import os; os.abort()")
    with pytest.raises(AudioError, match="damaged"):
        playable(MP3)


def test_the_decoder_can_open_nothing() -> None:
    """Once confined, its process opens neither files nor sockets, whatever a decoder tries."""
    script = (
        "import sys, socket; from adapter.media import ffmpeg; ffmpeg._confine()\n"
        "for attempt in (lambda: open('/etc/passwd'), socket.socket):\n"
        "    try: attempt()\n"
        "    except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["24", "24"], done.stderr  # EMFILE


def test_the_decoder_has_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server's environment is not passed on."""
    program = tmp_path / "p.py"
    program.write_text(
        f"import os, sys; sys.stderr.write(' '.join(os.environ)); sys.exit({ffmpeg.REFUSED})"
    )
    monkeypatch.setattr(decoding, "_PROGRAM", program)
    monkeypatch.setenv("ARI_VOICE_ASTERISK__PASSWORD", "hush")
    with pytest.raises(AudioError) as refused:
        playable(MP3)
    assert "OPENBLAS" in str(refused.value)
    assert "ARI_VOICE" not in str(refused.value)


@pytest.mark.parametrize("form", ["concat", "hls", "lavfi", "sdp", "image2", "", "tee"])
def test_only_named_formats(form: str) -> None:
    """The program refuses each demuxer that could lead to another file."""
    with pytest.raises(ffmpeg.Refused, match="not known"):
        ffmpeg.decode(PLAYLISTS["concat"], form, 10.0)


def test_other_codecs_are_refused() -> None:
    """A codec that is not on the list is not decoded, in a container that is."""
    layout = struct.pack("<HHIIHH", 0x0050, 1, 8000, 8000, 1, 8)  # MPEG layer 2
    body = (
        b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", 800) + bytes(800)
    )
    with pytest.raises(AudioError, match="WAV file"):
        playable(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_saving_and_removing(tmp_path: Path) -> None:
    """Both files are there, a narrow source takes the old wide one away, and both go."""
    path = tmp_path / "a.wav"
    decoding.save(path, playable(KINDS["wav, PCM"]()))
    assert wav.seconds_of(path) == pytest.approx(1.0)
    assert samples_of((tmp_path / "a.wav16").read_bytes(), 16000).size == 16000
    decoding.save(path, playable(KINDS["a.ulaw"](), "a.ulaw"))
    assert [one.name for one in tmp_path.iterdir()] == ["a.wav"]
    decoding.save(path, playable(KINDS["wav, PCM"]()))
    decoding.remove(path)
    decoding.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_what_two_programs_agree_on() -> None:
    """The numbers that the parent can't import are the program's."""
    assert decoding._REFUSED == ffmpeg.REFUSED
    assert decoding._WIDE_RATE == ffmpeg.WIDE
    assert set(decoding._RAW.values()) <= ffmpeg.FORMATS
