"""Wrong PINs of callers: who has named too many of a number is refused there for a while.

Counted for each pair of caller and number, in memory: a restart forgives. Callers who withhold
their number are one caller. Not here: which PINs there are.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MOST: Final = 9
"""Wrong PINs of one caller on one number within `WITHIN`."""

WITHIN: Final = 600.0
"""Seconds."""

ENTRIES: Final = 10_000
"""Pairs of caller and number that are remembered; the one that was wrong longest ago makes room."""


class Guesses:
    """Counts them.

    Args:
        now: seconds of a clock that does not jump.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._wrong: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wrong(self, caller: str, called: str) -> None:
        """A caller has named a PIN that is nobody's."""
        pair = _pair(caller, called)
        self._wrong.setdefault(pair, deque(maxlen=MOST)).append(self._now())
        self._wrong.move_to_end(pair)
        if len(self._wrong) > ENTRIES:
            self._wrong.popitem(last=False)

    def too_many(self, caller: str, called: str) -> bool:
        """Whether a caller is refused now: also when his PIN would be right."""
        times = self._wrong.get(_pair(caller, called))
        return times is not None and len(times) == MOST and self._now() - times[0] < WITHIN


def _pair(caller: str, called: str) -> tuple[str, str]:
    return caller.removeprefix("+"), called.removeprefix("+")
