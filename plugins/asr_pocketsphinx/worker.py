"""The program of one worker process: a decoder, one utterance after the other.

On stdin a line of JSON (`Job`), followed by that many bytes of audio; on stdout a line of JSON, the
text. The first line that it writes, `null`, says that it is ready. Ends when stdin does. Imports
nothing of ours, as it is started by its path.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
from pocketsphinx import Decoder

NICE = 5  # below the audio of calls: text may be late, audio may not
NOISE = 0.04  # of the level of the utterance
QUIET = 15.0  # of 32767: the least noise


def main() -> None:
    """Work until stdin ends; the first argument is the configuration of the decoder, as JSON."""
    os.nice(NICE)
    decoder = Decoder(**json.loads(sys.argv[1]))
    dictation = decoder.current_search()
    _write(None)
    for line in sys.stdin.buffer:
        job = json.loads(line)
        pcm = sys.stdin.buffer.read(job["bytes"])
        _write(_decode(decoder, pcm, job["jsgf"], dictation))


def _decode(decoder: Any, pcm: bytes, jsgf: str | None, dictation: str) -> str:
    if jsgf is None:
        return _hear(decoder, pcm)
    decoder.add_jsgf_string("hints", jsgf)
    decoder.activate_search("hints")
    try:
        return _hear(decoder, pcm)
    finally:
        decoder.activate_search(dictation)
        decoder.remove_search("hints")


def _hear(decoder: Any, pcm: bytes) -> str:
    decoder.start_utt()
    if pcm:
        decoder.process_raw(with_noise(pcm), full_utt=True)  # normalised by this utterance alone
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found is not None else ""


def with_noise(pcm: bytes) -> bytes:
    """The audio over a little white noise, always the same.

    The model was made of wide-band recordings. Telephone speech has nothing above 4 kHz, between
    words sometimes nothing at all, and the logarithm of nothing misleads the model.
    """
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    level = float(np.sqrt(np.mean(samples**2)))
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    samples += noise * max(NOISE * level, QUIET)
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def _write(text: str | None) -> None:
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
