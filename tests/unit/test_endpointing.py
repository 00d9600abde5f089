"""adapter.media.endpointing: where speech begins and ends, with real speech and what is none."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.media.endpointing import RATES, Endpointer, State
from tests.unit.media_house import RATE, noise, silence, spoken, tone

SENTENCE = "Please transfer me to the sales department."


def seconds(pcm: bytes, rate: int = RATE) -> float:
    return len(pcm) / 2 / rate


def run(endpointer: Endpointer, pcm: bytes, rate: int = RATE) -> tuple[bytes, float, float]:
    """Feed all; what was said, and the seconds at which it began and was over (-1: never)."""
    said, began, over = bytearray(), -1.0, -1.0
    size = rate // 50 * 2
    for at in range(0, len(pcm), size):
        said += endpointer.feed(pcm[at : at + size])
        now = seconds(pcm[: at + size], rate)
        if began < 0 and endpointer.state is not State.WAITING:
            began = now
        if over < 0 and endpointer.state is State.OVER:
            over = now
    return bytes(said), began, over


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("text", [SENTENCE, "Yes.", "No."])
@pytest.mark.parametrize("end_silence", [0.5, 2.0])
def test_speech_is_found_where_it_is(text: str, rate: int, end_silence: float) -> None:
    """It begins within 0.3 s of the first sound, and is over at its end and the silence asked."""
    speech = spoken(text, rate)
    before, after = silence(1.5, rate), silence(end_silence + 1, rate)
    endpointer = Endpointer(rate, end_silence=end_silence)
    said, began, over = run(endpointer, before + speech + after, rate)
    assert 1.5 < began < 1.8
    assert -0.15 < over - (1.5 + seconds(speech, rate) + end_silence) < 0.15
    assert speech in said
    assert said in before + speech + after


def test_some_of_before_is_kept() -> None:
    """The utterance has 0.3 to 0.5 s from before its first sound: a soft beginning is not lost."""
    speech = spoken(SENTENCE)
    said, _, _ = run(Endpointer(RATE, end_silence=1), silence(2) + speech + silence(2))
    assert 0.3 <= seconds(said[: said.index(speech)]) <= 0.5


def test_pause_shorter_than_the_silence_does_not_end_it() -> None:
    """Two sentences with 0.8 s between are one utterance at 1 s of silence, and not at 0.5 s."""
    speech = spoken(SENTENCE)
    whole = silence(1) + speech + silence(0.8) + speech + silence(2)
    patient, _, _ = run(Endpointer(RATE, end_silence=1), whole)
    assert seconds(patient) > 2 * seconds(speech) + 0.8
    hasty, _, over = run(Endpointer(RATE, end_silence=0.5), whole)
    assert seconds(hasty) < seconds(speech) + 1.2
    assert over < 1 + seconds(speech) + 0.8


def test_speech_in_noise_is_found() -> None:
    """Noise of -45 dBFS neither begins an utterance nor keeps it from its end."""
    speech = spoken(SENTENCE)
    clean = silence(2) + speech + silence(3)
    mixed = bytearray(noise(seconds(clean), -45))
    view, quiet = memoryview(mixed).cast("h"), memoryview(clean).cast("h")
    for index in range(len(view)):
        view[index] = max(-32768, min(32767, view[index] + quiet[index]))
    _, began, over = run(Endpointer(RATE, end_silence=1), bytes(mixed))
    assert 2 < began < 2.3
    assert abs(over - (2 + seconds(speech) + 1)) < 0.3


@pytest.mark.parametrize(
    "pcm",
    [
        silence(5),
        noise(5, -60),
        noise(5, -40),
        noise(5, -30),
        (silence(0.5) + tone(0.1, 1000)) * 8,
        (silence(0.4) + noise(0.08, -6)) * 12,
    ],
    ids=["silence", "noise -60", "noise -40", "noise -30", "short tones", "clicks"],
)
def test_what_is_no_speech_begins_nothing(pcm: bytes) -> None:
    """Silence, the noise of a line, short tones and clicks leave it WAITING."""
    endpointer = Endpointer(RATE, end_silence=1)
    assert endpointer.feed(pcm) == b""
    assert endpointer.state is State.WAITING


def test_what_does_not_stop_is_ended() -> None:
    """This tone is voice to the detector; after `longest` it is over, whatever comes."""
    endpointer = Endpointer(RATE, end_silence=1, longest=5)
    said, _, over = run(endpointer, silence(1) + tone(10))
    assert seconds(said) == pytest.approx(5)
    assert over < 6.1
    assert endpointer.feed(tone(1)) == b""


def test_silence_left_counts_down() -> None:
    """It is all of the silence while somebody speaks, and less with each frame of silence."""
    endpointer = Endpointer(RATE, end_silence=1)
    endpointer.feed(silence(1) + tone(1))
    assert endpointer.silence_left == pytest.approx(1)
    endpointer.feed(silence(0.5))
    assert 0.5 <= endpointer.silence_left <= 0.65
    endpointer.feed(silence(endpointer.silence_left))
    assert endpointer.state is State.OVER


@pytest.mark.parametrize(
    ("rate", "end_silence", "longest"),
    [(11025, 1, 30), (RATE, 0, 30), (RATE, -1, 30), (RATE, 31, 30), (RATE, 0.1, 0.5)],
)
def test_impossible_arguments_are_refused(rate: int, end_silence: float, longest: float) -> None:
    """A rate that the detector does not know, and times that can't be, are ValueErrors."""
    with pytest.raises(ValueError, match=r"."):
        Endpointer(rate, end_silence=end_silence, longest=longest)


pieces = st.lists(
    st.one_of(
        st.binary(max_size=2000),
        st.sampled_from([silence(0.3), tone(0.05), tone(0.3), noise(0.2, -6), b"\xff\x7f" * 900]),
    ),
    max_size=40,
)


@given(pieces=pieces, rate=st.sampled_from(RATES), cuts=st.integers(1, 5000))
def test_any_bytes_however_cut(pieces: list[bytes], rate: int, cuts: int) -> None:
    """Any bytes: no raise, states go forward only, and the cut makes no difference.

    What is said is one piece of what came, at most `longest`.
    """
    whole = b"".join(pieces)
    at_once = Endpointer(rate, end_silence=0.2, longest=1)
    said = at_once.feed(whole)
    cut = Endpointer(rate, end_silence=0.2, longest=1)
    states, again = [cut.state.value], bytearray()
    for at in range(0, len(whole), cuts):
        again += cut.feed(whole[at : at + cuts])
        states.append(cut.state.value)
    assert bytes(again) == said
    assert cut.state is at_once.state
    assert all(a <= b for a, b in itertools.pairwise(states))
    assert said in whole
    assert seconds(said, rate) <= 1 + 1e-9
    assert bool(said) == (at_once.state is not State.WAITING)
