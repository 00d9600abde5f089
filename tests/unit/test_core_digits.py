"""Is this enough? Keys one after the other against what completes a collection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.digits import DIGITS, press
from adapter.core.model import Collect, CollectEnd

KEYS = st.sampled_from(sorted(DIGITS))
COLLECTS = st.builds(
    Collect,
    max_digits=st.none() | st.integers(1, 6),
    finish_on=st.sampled_from(["", "#", "*", "*#", "0#"]),
)


def test_the_keys_are_those_of_the_rfc() -> None:
    """RFC 4733 section 3.2: sixteen DTMF events that are keys."""
    assert len(DIGITS) == 16


@pytest.mark.parametrize(
    ("digits", "key", "collect", "expected"),
    [
        ("", "1", Collect(), ("1", None)),
        ("1", "2", Collect(), ("12", None)),
        ("12", "#", Collect(), ("12", CollectEnd.FINISH_KEY)),
        ("", "#", Collect(), ("", CollectEnd.FINISH_KEY)),
        ("12", "#", Collect(finish_on=""), ("12#", None)),
        ("12", "*", Collect(finish_on="*#"), ("12", CollectEnd.FINISH_KEY)),
        ("12", "3", Collect(max_digits=3), ("123", CollectEnd.MAX_DIGITS)),
        ("1", "2", Collect(max_digits=3), ("12", None)),
        ("", "7", Collect(max_digits=1), ("7", CollectEnd.MAX_DIGITS)),
        ("12", "#", Collect(max_digits=3), ("12", CollectEnd.FINISH_KEY)),
        ("", "A", Collect(), ("A", None)),
        ("1", "a", Collect(), ("1", None)),
        ("1", "", Collect(), ("1", None)),
        ("1", "23", Collect(), ("1", None)),
    ],
)
def test_press(
    digits: str, key: str, collect: Collect, expected: tuple[str, CollectEnd | None]
) -> None:
    """Incomplete, complete by the finishing key, complete by number, and no key at all."""
    assert press(digits, key, collect) == expected


@given(st.lists(KEYS, max_size=12), COLLECTS)
def test_a_collection_never_outgrows_what_was_asked(keys: list[str], collect: Collect) -> None:
    """Never more than max_digits, never a finishing key inside, complete when it says so."""
    digits, end = "", None
    pressed = []
    for key in keys:
        digits, end = press(digits, key, collect)
        pressed.append(key)
        if end is not None:
            break
    assert collect.max_digits is None or len(digits) <= collect.max_digits
    assert not set(digits) & set(collect.finish_on)
    assert (end is CollectEnd.MAX_DIGITS) == (
        len(digits) == collect.max_digits and end is not CollectEnd.FINISH_KEY
    )
    assert digits == "".join(key for key in pressed if key not in collect.finish_on)


@given(st.text(max_size=3), COLLECTS)
def test_what_is_no_key_changes_nothing(key: str, collect: Collect) -> None:
    """Whatever text an event carries, only the sixteen keys count."""
    if key not in DIGITS:
        assert press("12", key, collect) == ("12", None)
