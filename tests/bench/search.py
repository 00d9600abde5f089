"""Finds the highest rate at which a server keeps its promise, by few steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

WIDE = 1.5
FINE = 1.1
ROUND = 5.0


class Judged(Protocol):
    """The result of a step."""

    @property
    def passed(self) -> bool:
        """Whether the promise was kept."""


Result = TypeVar("Result", bound=Judged)


async def highest(
    step: Callable[[float], Awaitable[Result]], *, first: float, lowest: float, most: float
) -> Result | None:
    """The result at the highest rate that passed, within 10 %.

    Goes from `first` up or down in wide strides until one rate has passed and a higher one has
    not, then halves what lies between. Assumes that more than what failed fails too.

    Args:
        step: tries a rate.
        first: the rate to begin with.
        lowest: when this fails, the result is None.
        most: no rate above this is tried.
    """
    best: Result | None = None
    passed_at, failed_at = 0.0, 0.0
    rate = first
    while True:
        result = await step(rate)
        if result.passed:
            best, passed_at = result, rate
        else:
            failed_at = rate
        following = _following(passed_at, failed_at, lowest, most)
        if following is None:
            return best
        rate = following


def _following(passed_at: float, failed_at: float, lowest: float, most: float) -> float | None:
    """The next rate to try; None when it is known well enough."""
    if not failed_at:
        return min(most, _rounded(passed_at * WIDE)) if passed_at < most else None
    if not passed_at:
        return max(lowest, _rounded(failed_at / WIDE)) if failed_at > lowest else None
    middle = _rounded((passed_at * failed_at) ** 0.5)
    if failed_at / passed_at <= FINE or not passed_at < middle < failed_at:
        return None
    return middle


def _rounded(rate: float) -> float:
    return max(ROUND, round(rate / ROUND) * ROUND)
