"""Ids: valid UUIDs that carry their cell, and names that contain their parent's."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.ids import (
    CallId,
    PromptId,
    call_of,
    channel_of,
    playback_of,
    public_id,
    question_of,
)

CELLS = st.text("0123456789abcdef", min_size=4, max_size=4)
ENTROPY = st.binary(min_size=16, max_size=16)
IDS = st.builds(public_id, CELLS, ENTROPY)


@given(CELLS, ENTROPY)
def test_a_public_id_is_a_uuid_that_carries_its_cell(cell: str, entropy: bytes) -> None:
    """RFC 9562 version 4, as Python's uuid reads it, and the cell begins its last group."""
    made = public_id(cell, entropy)
    read = uuid.UUID(made)
    assert (str(read), read.version, read.variant) == (made, 4, uuid.RFC_4122)
    assert made.split("-")[-1][:4] == cell


@given(CELLS, ENTROPY, ENTROPY)
def test_other_entropy_makes_another_id(cell: str, one: bytes, two: bytes) -> None:
    """Every bit that neither version, variant nor cell needs is in the id: 106 of 128."""

    def free(entropy: bytes) -> bytes:
        fixed = bytes([entropy[6] & 0x0F, entropy[7], entropy[8] & 0x3F, entropy[9]])
        return entropy[:6] + fixed + entropy[12:]

    assert (public_id(cell, one) == public_id(cell, two)) == (free(one) == free(two))


@pytest.mark.parametrize(
    "cell", ["", "00c", "00c1a", "00C1", "00g1", "00c1\n", "\u0661\u0661\u0661\u0661"]
)
def test_a_cell_has_one_form(cell: str) -> None:
    """Anything but four lower-case hex digits is refused."""
    with pytest.raises(ValueError, match="cell"):
        public_id(cell, bytes(16))


@pytest.mark.parametrize("length", [0, 15, 17])
def test_entropy_has_one_length(length: int) -> None:
    """Less would not be random, more would be cut."""
    with pytest.raises(ValueError, match="entropy"):
        public_id("00c1", bytes(length))


@given(IDS, IDS, st.integers(0, 99))
def test_the_call_is_read_from_what_belongs_to_it(call: str, prompt: str, leg: int) -> None:
    """call_of is the inverse of what makes channel and playback ids."""
    assert call_of(channel_of(CallId(call), leg)) == call
    assert call_of(playback_of(CallId(call), PromptId(prompt), leg)) == call
    assert call_of(question_of(CallId(call), leg)) == call


@given(IDS, IDS, st.integers(0, 99), st.integers(0, 99))
def test_no_two_things_have_one_name(call: str, prompt: str, leg: int, other: int) -> None:
    """Legs, phrases and questions differ by number, and none is named like another."""
    one = CallId(call)
    assert (channel_of(one, leg) == channel_of(one, other)) == (leg == other)
    playback = playback_of(one, PromptId(prompt), leg)
    assert (playback == playback_of(one, PromptId(prompt), other)) == (leg == other)
    assert (question_of(one, leg) == question_of(one, other)) == (leg == other)
    names = {str(playback), str(channel_of(one, leg)), str(question_of(one, leg))}
    assert len(names) == 3


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1795254970.7",
        "asterisk-1795254970.7",
        "not-a-uuid.leg1",
        "00000000-0000-4000-8000-00c100000001",
        "00000000-0000-4000-8000-00c100000001.",
        "00000000-0000-4000-8000-00C100000001.leg1",
        "x00000000-0000-4000-8000-00c100000001.leg1",
        "00000000-0000-4000-8000-00c100000001.leg1\n",
        "00000000-0000-4000-8000-00c100000001.leg1;2",
    ],
)
def test_a_name_that_is_not_ours_has_no_call(name: str) -> None:
    """Asterisk's own ids, and what only looks like ours."""
    assert call_of(name) is None


@given(st.text(max_size=60))
def test_any_text_can_be_asked(name: str) -> None:
    """Whatever Asterisk sends as an id, asking whose it is does not raise."""
    assert call_of(name) is None or name.startswith(str(call_of(name)))
