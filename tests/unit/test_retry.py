"""The retry schedule: a pure value."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.outbox.retry import RETRY_AFTER_LIMIT, Schedule, parse_retry_after

NOW = 1_700_000_000.0
chances = st.floats(0, 1, exclude_max=True)
seconds = st.floats(0, 1e6, allow_nan=False)
schedules = st.builds(
    Schedule,
    st.lists(seconds, max_size=20).map(tuple),
    st.floats(0, 1, allow_nan=False),
)


def test_default_goes_from_seconds_to_hours() -> None:
    """The default tries 14 times, first after about a second, over most of a day."""
    schedule = Schedule(jitter=0.0)
    delays = [schedule.delay(n, 0.5) for n in range(1, 15)]
    assert delays[0] == 1
    assert delays[-1] is None
    assert all(delay is not None for delay in delays[:-1])
    assert 20 * 3600 < sum(delay or 0 for delay in delays) < 24 * 3600


@given(schedules, st.integers(1, 40), chances)
def test_delay_stays_within_its_jitter(schedule: Schedule, failures: int, chance: float) -> None:
    """A pause is around its value, and None exactly when the schedule is used up."""
    delay = schedule.delay(failures, chance)
    if failures > len(schedule.delays):
        assert delay is None
    else:
        value = schedule.delays[failures - 1]
        assert delay is not None
        slack = 1e-9 * value
        assert value * (1 - schedule.jitter) - slack <= delay
        assert delay <= value * (1 + schedule.jitter) + slack


@given(schedules, st.integers(1, 40), chances, seconds)
def test_retry_after_only_delays(
    schedule: Schedule, failures: int, chance: float, wanted: float
) -> None:
    """Retry-After never brings an attempt forward, adds at most its limit, and ends no schedule."""
    without = schedule.delay(failures, chance)
    with_it = schedule.delay(failures, chance, wanted)
    if without is None:
        assert with_it is None
    else:
        assert with_it == max(without, min(wanted, RETRY_AFTER_LIMIT))


def test_jitter_spreads() -> None:
    """Two draws give two pauses, at the ends of the share."""
    schedule = Schedule((10.0,), jitter=0.2)
    assert schedule.delay(1, 0.0) == pytest.approx(8)
    assert schedule.delay(1, 0.999999) == pytest.approx(12, abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [{"delays": (-1.0,)}, {"delays": (float("nan"),)}, {"jitter": 1.1}, {"jitter": -0.1}],
)
def test_wrong_values_are_refused(wrong: dict[str, float]) -> None:
    """A schedule that cannot be is refused when it is made."""
    with pytest.raises(ValueError):
        Schedule(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, 9999999999.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("Wed, 15 Nov 2023 99:99:99 GMT", None),
        ("Wed, 15 Nov 99999999 00:00:00 GMT", None),
    ],
)
def test_parse_retry_after(header: str | None, expected: float | None) -> None:
    """Seconds and HTTP-dates are understood; what cannot be read counts as absent."""
    assert parse_retry_after(header, NOW) == expected


@given(st.text())
def test_parse_retry_after_never_raises(header: str) -> None:
    """Whatever a customer sends, the result is None or not negative."""
    parsed = parse_retry_after(header, NOW)
    assert parsed is None or parsed >= 0
