"""When to try again: a value, without a clock and without chance of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_LIMIT = 3600.0
"""Seconds that a customer's Retry-After may ask for; more is taken as this."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The pauses between the attempts at one message, in seconds.

    After the last pause and one more failure the message is a dead letter: with the default that
    is the 14th attempt, about 22 hours after the first.

    Attributes:
        delays: the pause after the 1st failure, after the 2nd, ...
        jitter: each pause is drawn from this share around its value, so that the messages of an
            endpoint that was down do not come back as one.

    Raises:
        ValueError: a delay is negative, or the jitter not in 0 to 1.
    """

    delays: tuple[float, ...] = (
        *(1, 2, 5, 10, 20, 30, 60, 300, 900),
        *(3600, 3 * 3600, 6 * 3600, 12 * 3600),
    )
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if any(not delay >= 0 for delay in self.delays):
            raise ValueError("a delay is 0 seconds or more")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a share from 0 to 1")

    def delay(self, failures: int, chance: float, retry_after: float | None = None) -> float | None:
        """The pause before the next attempt.

        Args:
            failures: failed attempts so far, at least 1.
            chance: a random number in [0, 1).
            retry_after: seconds that the customer asked for: never sooner than that, but no later
                than `RETRY_AFTER_LIMIT` for its sake.

        Returns:
            Seconds, or None when there is no further attempt.
        """
        if failures > len(self.delays):
            return None
        pause = self.delays[failures - 1] * (1 + self.jitter * (2 * chance - 1))
        return max(pause, min(retry_after or 0.0, RETRY_AFTER_LIMIT))


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds from now that a Retry-After header asks for (RFC 9110, 10.2.3).

    Args:
        value: the header, delta-seconds or an HTTP-date; None when there is none.
        now: seconds since the epoch.

    Returns:
        0 or more, or None when there is no header or it cannot be read.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # An HTTP-date is always in GMT (RFC 9110, 5.6.7), whether or not its zone was understood.
    aware: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now)
