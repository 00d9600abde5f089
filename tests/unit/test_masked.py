"""Masked values: what a log can show of them, and what not."""

from __future__ import annotations

import json
import pickle

import msgspec
import pytest

from adapter.core.masked import Digits, Masked, PhoneNumber, Secret, SpokenText

TEXT = "31415926535"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret(TEXT), "***"),
        (Digits(TEXT), "11 digits"),
        (SpokenText(TEXT), "11 characters"),
        (PhoneNumber(TEXT), "...535"),
        (PhoneNumber("12345"), "..."),
    ],
)
def test_no_way_of_writing_shows_the_text(value: Masked, shown: str) -> None:
    """str, repr, f-strings, %-formatting and containers show the mask alone."""
    assert str(value) == f"{value}" == "%s" % value == shown  # noqa: UP031 - logging does this
    for text in (repr(value), f"{value!r}", str([value]), str({"k": value}), f"{value:>30}"):
        assert TEXT[:8] not in text
        assert shown in text


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, pickle.dumps])
def test_no_encoder_takes_it_for_text(encode: object) -> None:
    """An encoder fails, rather than write the text."""
    with pytest.raises(TypeError):
        encode({"key": Secret(TEXT)})  # type: ignore[operator]


def test_the_text_is_there_when_asked_for() -> None:
    """`reveal` gives it back; equality is by kind and text; an empty one is false."""
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT) == Secret(TEXT) != Digits(TEXT)
    assert Secret(TEXT) != TEXT
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert Secret(TEXT)
    assert not Secret("")
