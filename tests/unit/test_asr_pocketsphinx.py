"""pocketsphinx, the real one, on speech of espeak-ng that went through a telephone's bandwidth.

The program is the one in ARI_VOICE_ESPEAK, else `espeak-ng` on PATH; without it the tests fail.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soxr

from adapter.plugin_api import (
    ASR,
    BadRequest,
    CannotStart,
    Recognition,
    RecognitionRequest,
    Unavailable,
)
from adapter.plugin_api.asr_kit import ASRConformance
from adapter.plugin_api.kit import children
from plugins.asr_pocketsphinx import PocketsphinxASR
from plugins.asr_pocketsphinx.grammar import Grammar, words_of
from plugins.asr_pocketsphinx.pool import Pool
from plugins.asr_pocketsphinx.worker import with_noise
from tests.unit.test_tts_espeak import espeak

PHRASES = ("yes", "no", "transfer me to sales")
WORDS = frozenset(["yes", "no", "o'clock", "talk", "to", "sales", "don't", "twenty", "one"])


@cache
def spoken(text: str, voice: str = "en-us") -> bytes:
    """A text, 8 kHz wide as from a telephone, at 16 kHz as from the host, with silence around."""
    command = [espeak(), "-v", voice, "--stdin", "--stdout"]
    audio = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(audio)) as wav:
        rate = wav.getframerate()
        samples = np.frombuffer(wav.readframes(len(audio) // 2), dtype="<i2")
    telephone = soxr.resample(samples, rate, 8000)
    silence = np.zeros(8000 * 3 // 10, dtype=np.int16)
    whole = np.concatenate([silence, telephone, silence])
    return bytes(soxr.resample(whole, 8000, 16000).astype("<i2").tobytes())


def request(*hints: str) -> RecognitionRequest:
    return RecognitionRequest(language="en-US", sample_rate=16000, hints=hints)


async def begin(asr: ASR, text: str, *hints: str, voice: str = "en-us") -> Recognition:
    recognition = await asr.recognise(request(*hints))
    recognition.feed(spoken(text, voice))
    return recognition


async def hear(asr: ASR, text: str, *hints: str, voice: str = "en-us") -> str:
    return (await (await begin(asr, text, *hints, voice=voice)).finish()).text


class TestConformance(ASRConformance):
    """The kit, against the real recogniser."""

    phrases = PHRASES

    async def start(self) -> ASR:
        return await PocketsphinxASR.start({"workers": 1})

    def spoken(self, text: str, sample_rate: int) -> bytes:
        assert sample_rate == 16000
        return spoken(text)


async def test_clear_phrases_of_several_voices() -> None:
    """Hinted phrases are understood exactly, as they were written in the hints."""
    asr = await PocketsphinxASR.start({"workers": 1})
    hints = ("Yes", "No", "Transfer me to sales!", "Operator, please", "Repeat that")
    wrong = [
        (voice, hint, said)
        for voice in ("en-us", "en-gb", "en-us+f3")
        for hint in hints
        if (said := await hear(asr, hint, *hints, voice=voice)) != hint
    ]
    await asr.close()
    assert wrong == []


async def test_dictation() -> None:
    """Without hints there is some text, without a measure of confidence."""
    asr = await PocketsphinxASR.start({"workers": 1})
    said = await (await begin(asr, "hello, how are you today")).finish()
    await asr.close()
    assert said.text
    assert said.confidence is None


async def test_an_utterance_does_not_change_the_next() -> None:
    """The same audio gives the same text, whatever the worker heard before."""
    asr = await PocketsphinxASR.start({"workers": 1})
    first = await hear(asr, "good morning")
    await hear(asr, "one two three", "one two three", "four")
    loud = await asr.recognise(request())
    loud.feed(np.random.default_rng(1).integers(-20000, 20000, 16000).astype("<i2").tobytes())
    await loud.finish()
    assert await hear(asr, "good morning") == first
    await asr.close()


def test_grammar_has_whole_phrases_of_known_words() -> None:
    """Punctuation and case go, a phrase with an unknown word goes as a whole, so does syntax."""
    grammar = Grammar.of(
        ("Yes!", "talk  to Sales", "talk to Quxley", "twenty-one", "<yes>", "yes | no", "yes"),
        WORDS,
    )
    assert grammar is not None
    assert grammar.phrases == {
        "yes": "Yes!",
        "talk to sales": "talk  to Sales",
        "twenty one": "twenty-one",
    }
    assert "= yes | talk to sales | twenty one;" in grammar.jsgf


@pytest.mark.parametrize("hint", ["Quxley", "", "...", "'", "{yes}", "yes;", "\0"])
def test_grammar_of_nothing(hint: str) -> None:
    """None where no phrase is left; a semicolon is punctuation, not the end of the grammar."""
    assert (Grammar.of((hint,), WORDS) is None) == (hint != "yes;")


def test_apostrophes() -> None:
    """Those inside of words stay, also typographic ones."""
    grammar = Grammar.of(("don\u2019t", "o'clock"), WORDS)
    assert grammar is not None
    assert set(grammar.phrases) == {"don't", "o'clock"}


async def test_words_of_the_grammar_format_are_words() -> None:
    """A hint may be called like a keyword of JSGF."""
    asr = await PocketsphinxASR.start({"workers": 1})
    said = await hear(asr, "public", "public", "grammar", "import", "don't")
    await asr.close()
    assert said == "public"


async def test_hints_of_unknown_words_are_refused() -> None:
    """When no hint is left it is a BadRequest, before any audio comes; the hints are not told."""
    asr = await PocketsphinxASR.start({"workers": 1})
    with pytest.raises(BadRequest) as raised:
        await asr.recognise(request("Quxley", "Zorblax"))
    await asr.close()
    assert "quxley" not in str(raised.value).casefold()


async def test_dead_worker_is_replaced() -> None:
    """The utterance of a worker that dies is Unavailable, retryable; the next one is understood."""
    before = children()
    asr = await PocketsphinxASR.start({"workers": 1})
    (worker,) = children() - before
    os.kill(worker, signal.SIGSTOP)  # so that it is still at work when it is killed
    finishing = asyncio.create_task((await begin(asr, "yes", "yes", "no")).finish())
    await asyncio.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(Unavailable) as raised:
        await finishing
    assert raised.value.retryable
    assert await hear(asr, "yes", "yes", "no") == "yes"
    assert worker not in children()
    await asr.close()
    assert children() <= before


async def test_worker_that_died_idle_is_replaced() -> None:
    """One that died while nobody asked costs one utterance, no more."""
    before = children()
    asr = await PocketsphinxASR.start({"workers": 1})
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await hear(asr, "yes", "yes", "no")
    assert await hear(asr, "yes", "yes", "no") == "yes"
    await asr.close()


async def test_never_more_workers_than_set() -> None:
    """Many utterances at a time wait for the few workers."""
    before = len(children())
    asr = await PocketsphinxASR.start({"workers": 2})
    tasks = [asyncio.create_task(hear(asr, "yes", "yes", "no")) for _ in range(8)]
    most = 0
    while not all(task.done() for task in tasks):
        most = max(most, len(children()) - before)
        await asyncio.sleep(0.005)
    assert [task.result() for task in tasks] == ["yes"] * 8
    assert most == 2
    await asr.close()


async def test_close_ends_what_runs() -> None:
    """No process outlives the plug-in, not even a busy one."""
    before = children()
    asr = await PocketsphinxASR.start({"workers": 1})
    finishing = asyncio.create_task(hear(asr, "hello, how are you today"))
    await asyncio.sleep(0.05)
    await asr.close()
    assert children() <= before
    with pytest.raises(asyncio.CancelledError):
        await finishing


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"wokers": 1}, "wokers"),
        ({"workers": 0}, "workers"),
        ({"workers": True}, "workers"),
        ({"workers": "2"}, "workers"),
        ({"language": "fr-FR"}, "hmm"),
        ({"language": "fr-FR", "hmm": "nowhere", "dict": "x", "lm": "x"}, "nowhere"),
    ],
)
async def test_bad_settings(settings: dict[str, object], word: str) -> None:
    """What can't work is CannotStart and names the setting."""
    with pytest.raises(CannotStart, match=word):
        await PocketsphinxASR.start(settings)


async def test_what_is_no_model_does_not_start(tmp_path: Path) -> None:
    """Files that exist and are no model are CannotStart, and leave no process."""
    before = children()
    (tmp_path / "dict").write_text("yes Y EH S\n")
    (tmp_path / "lm").write_text("nothing")
    paths = {"hmm": str(tmp_path), "dict": str(tmp_path / "dict"), "lm": str(tmp_path / "lm")}
    with pytest.raises(CannotStart, match="model"):
        await PocketsphinxASR.start({"workers": 1, "language": "xx", **paths})
    (tmp_path / "dict").write_bytes(b"\xff\xfe")
    with pytest.raises(CannotStart, match="dict"):
        await PocketsphinxASR.start({"workers": 1, "language": "xx", **paths})
    assert children() <= before


def test_words_of_a_dictionary(tmp_path: Path) -> None:
    """The first word of each line, blank lines left out."""
    (tmp_path / "dict").write_text("yes Y EH S\n\nyeah(2) Y AE\n")
    assert words_of(tmp_path / "dict") == {"yes", "yeah(2)"}


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 0.1])
async def test_cancelled_start_leaves_no_process(moment: float) -> None:
    """A start that is given up, before or after the process is there, leaves none."""
    before = children()
    pool = Pool({}, 1)
    starting = asyncio.create_task(pool.start())
    await asyncio.wait([starting], timeout=moment)
    starting.cancel()
    await asyncio.wait([starting])
    assert children() <= before
    await pool.close()


async def test_cancelled_while_it_waits_for_a_worker() -> None:
    """An utterance that waits in the line leaves it; the busy worker goes on with its own."""
    asr = await PocketsphinxASR.start({"workers": 1})
    busy = asyncio.create_task(hear(asr, "hello, how are you today"))
    waiting = await begin(asr, "yes", "yes", "no")
    finishing = asyncio.create_task(waiting.finish())
    await asyncio.sleep(0.02)
    await waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert await busy
    await asr.close()


def test_noise() -> None:
    """It is always the same, little beside speech, there in silence, and nothing wraps around."""
    speech = np.frombuffer(spoken("yes"), dtype="<i2").astype(float)
    noise = np.frombuffer(with_noise(spoken("yes")), dtype="<i2") - speech
    assert with_noise(spoken("yes")) == with_noise(spoken("yes"))
    assert 0.03 < noise.std() / np.sqrt(np.mean(speech**2)) < 0.05
    assert 10 < np.frombuffer(with_noise(bytes(32000)), dtype="<i2").std() < 20
    loudest = np.full(1000, 32767, dtype="<i2").tobytes()
    assert np.frombuffer(with_noise(loudest), dtype="<i2").min() > 20000
