"""What of a `placeivrcall` goes into the INVITE: right, and hostile."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts.mediaservice import dialling
from adapter.contracts.mediaservice.dialling import PlaceIvrCall
from adapter.contracts.mediaservice.errors import Problem


def asked(**keys: Any) -> PlaceIvrCall:
    return msgspec.convert(keys, PlaceIvrCall)


@pytest.mark.parametrize(
    ("given", "user"),
    [
        (None, ""),
        ("", ""),
        ("+46890510", "+46890510"),
        (46890510, "46890510"),
        ("anna.b", "anna.b"),
    ],
)
def test_user(given: Any, user: str) -> None:
    """A number, also one that is a JSON number, or a user name; nothing is nothing."""
    assert dialling.user("sipFrom", given) == user


@pytest.mark.parametrize(
    "given", [True, 1.5, "a b", "1\r\nX: y", "a@b", "1>;x", "<sip:a>", "x" * 65, ["1"], -1.0]
)
def test_no_user(given: Any) -> None:
    """What could be anything else in a header is refused."""
    with pytest.raises(Problem, match="sipFrom"):
        dialling.user("sipFrom", given)


def test_display_name() -> None:
    """Any text, but nothing that ends a line of SIP."""
    assert dialling.display_name(None) == ""
    assert dialling.display_name('Müller "X"') == 'Müller "X"'
    with pytest.raises(Problem):
        dialling.display_name("a\r\nX-Evil: 1")


def test_headers() -> None:
    """X- and P- headers in any case; lists are repeated; null is left out."""
    body = asked(
        xHeaders={"X-A": "a", "x-b.c": ["1", 2, True, None]}, pHeaders={"p-d_e": 'f;g="h", i'}
    )
    assert dialling.headers(body) == (
        ("X-A", "a"),
        ("x-b.c", "1"),
        ("x-b.c", "2"),
        ("x-b.c", "true"),
        ("p-d_e", 'f;g="h", i'),
    )
    assert dialling.headers(asked()) == ()


@pytest.mark.parametrize(
    "keys",
    [
        {"xHeaders": {"X-A": "b\r\nX-Evil: 1"}},
        {"xHeaders": {"X-A": "b\x85"}},
        {"xHeaders": {"X-A,1": "b"}},
        {"xHeaders": {"X-A)": "b"}},
        {"xHeaders": {"X-A\n": "b"}},
        {"xHeaders": {"X-": "b"}},
        {"xHeaders": {"Route": "<sip:evil@x>"}},
        {"xHeaders": {"P-A": "b"}},
        {"pHeaders": {"X-A": "b"}},
        {"pHeaders": {"P-Asserted-Identity": "<sip:evil@x>"}},
        {"pHeaders": {"p-preferred-identity": "<sip:evil@x>"}},
        {"xHeaders": {"X-A": {"b": "c"}}},
        {"xHeaders": {"X-A": [["b"]]}},
        {"xHeaders": {"X-A": "b" * 513}},
        {"xHeaders": {"X-A": ["b"] * 33}},
        {"xHeaders": {"X-A": ["b" * 512] * 9}},
    ],
)
def test_no_headers(keys: Any) -> None:
    """Other names, control characters, other types, and too much are refused."""
    with pytest.raises(Problem):
        dialling.headers(asked(**keys))


@given(st.dictionaries(st.text(max_size=8).map("X-".__add__), st.text(max_size=8), max_size=3))
def test_no_header_ends_its_line(headers: dict[str, str]) -> None:
    """Whatever passes has no control character, and a name that a dialplan function can take."""
    try:
        made = dialling.headers(asked(xHeaders=headers))
    except Problem:
        return
    for name, value in made:
        assert (name + value).isprintable() or not any(ord(one) < 32 for one in name + value)
        assert not set(name) & set(",()${} ")


def test_diversion() -> None:
    """A number alone is Asterisk's; with parameters it is the whole header (RFC 5806)."""
    parameters = {"reason": "time-of-day", "counter": 2, "note": 'a "b"'}
    assert dialling.diversion(asked(), "d.example") == ("", ())
    assert dialling.diversion(asked(sipDiversion=12), "d.example") == ("12", ())
    whole = dialling.diversion(
        asked(sipDiversion="+4612", sipDiversionParameters=parameters), "d.example"
    )
    value = '<sip:+4612@d.example>;reason=time-of-day;counter=2;note="a \\"b\\""'
    assert whole == ("", (("Diversion", value),))


@pytest.mark.parametrize(
    "parameters",
    [{"a;b": "c"}, {"a": "b\n"}, {"a": None}, {"a": ["b"]}, {str(n): "x" for n in range(33)}],
)
def test_no_diversion(parameters: Any) -> None:
    """Parameters that could be more than parameters are refused."""
    with pytest.raises(Problem, match="sipDiversionParameters"):
        dialling.diversion(asked(sipDiversion="1", sipDiversionParameters=parameters), "d")


def test_what_cannot_be_set(caplog: pytest.LogCaptureFixture) -> None:
    """Contact parameters are accepted, and the log says that they do nothing."""
    with caplog.at_level(logging.WARNING):
        dialling.note_what_cannot_be_set(asked(contactParameters={"a": "b"}), "d.example")
        dialling.note_what_cannot_be_set(asked(contactUserParameters={}), "d.example")
    assert [record.key for record in caplog.records] == ["contactParameters"]  # type: ignore[attr-defined]
