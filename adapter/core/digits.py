"""Collecting digits: is this enough?"""

from __future__ import annotations

from adapter.core.model import Collect, CollectEnd

DIGITS = frozenset("0123456789*#ABCD")


def press(digits: str, key: str, collect: Collect) -> tuple[str, CollectEnd | None]:
    """Add a key to what was collected.

    A finishing key completes the collection and is not part of it, also when it is the first one.
    What is no DTMF key changes nothing.

    Args:
        digits: collected so far.
        key: one DTMF key (RFC 4733 section 3.2).
        collect: when it is complete.

    Returns:
        The digits now, and what completed them; None while more may come.
    """
    if key not in DIGITS:
        return digits, None
    if key in collect.finish_on:
        return digits, CollectEnd.FINISH_KEY
    digits += key
    if collect.max_digits is not None and len(digits) >= collect.max_digits:
        return digits, CollectEnd.MAX_DIGITS
    return digits, None
